"""A Table -> its series: which column is the time, which are values, which rows are one series."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from llm_ts import cli
from llm_ts.table import cells, layout, numbers, times
from llm_ts.table.grammar import WORDS, form, word
from llm_ts.table.layout import some
from llm_ts.table.times import text_of

FEW = 0.34  # share of different texts, at most, in a column that says which series a row belongs to
TOTAL = re.compile(f"(?i){form('cells', 'total')}")
ID = re.compile(word("id").pattern + "|(?-i:[a-z](ID|Id|Nr|No)$)")
NUMBER = re.compile(word("number").pattern + "|^$|^#$")
PARTS = WORDS["parts"]
HOURS = PARTS["hour"][0] + "|time|zeit|uhrzeit|utc"


@dataclass(frozen=True)
class Options:
    """What a user may say about his file; each is the flag of describe.py of the same name."""

    columns: tuple = ()
    all_columns: bool = False
    time: str | None = None
    where: tuple = ()
    rows: tuple = ()
    sheet: str | None = None
    separator: str | None = None
    decimal: str | None = None
    missing: tuple = ()
    skip: int = 0
    dates: str | None = None


@dataclass
class Series:
    """One series of a file, as it stands there. n rows.

    values: (n,) floats, NaN where missing; zero: a whole number to be added to each (beyond 2^53).
    at: (n,) floats in seconds since 1970 + start ("date"), years ("year") or the file's own unit
    ("number"); None without times. labels: n texts that name the rows, or None.
    """

    source: str
    column: str
    unit: str
    values: np.ndarray
    at: np.ndarray | None = None
    kind: str | None = None
    labels: list | None = None
    zero: int = 0
    start: int = 0
    notes: list = field(default_factory=list)
    sort: bool = False  # whether times that go back and forth may be sorted


def read(source, options=Options(), where=None):
    """A path ("-": stdin) or bytes -> the series that the options choose. UserError in one line."""
    return choose(open_table(source, options, where), options)


def open_table(source, options, where=None):
    """The Table of a file, opened once. where: what it is called, for bytes."""
    return layout.Table(cells.load(source, options.separator, options.skip, options.sheet, where))


def choose(table, options):
    """The Series of a Table that the options choose."""
    wide = table.across()
    if options.rows or wide and not (options.columns or options.all_columns):
        if not options.rows and len(table.rows) > 1:
            raise table.no(
                f"{wide}: do the series stand in rows? Give --row, one of {some(table.texts(0))}; or --column "
                "for one column over all rows"
            )
        return Reader(table.turned(), replace(options, columns=options.rows)).series()
    return Reader(table, options).series()


def repeats(texts):
    """Whether a column has few different texts, each of them several times."""
    found = Counter(text for text in texts if text != "")
    return 2 <= len(found) <= FEW * found.total() and min(found.values()) > 1


def goes(at):
    """1 where numbers only rise, -1 where they only fall, 2 and -2 in equal steps; 0 for neither."""
    steps = np.diff(at[~np.isnan(at)])
    if len(steps) < 2 or not ((steps > 0).all() or (steps < 0).all()):
        return 0
    return int(np.sign(steps[0])) * (1 + bool(np.allclose(steps, np.median(steps), rtol=1e-3)))


def _part_of(text, most):
    """A month, quarter ... that has a column of its own -> its number; None for none up to `most`."""
    found = re.fullmatch(r"[QqMmTtKk]?0*(\d{1,4})\.?0*", text)
    if not found:
        return times.month_of(text) if most == 12 and times.MONTH_WORD.fullmatch(text) else None
    return int(found[1]) if (most not in (24, 59)) <= int(found[1]) <= most else None


class Reader:
    """One reading of a Table as the options say."""

    def __init__(self, table, options):
        self.table, self.options, self.no = table, options, table.no
        self.notes, self.ragged, self.left = [*table.notes], dict(table.file.ragged), []
        self.sort = bool(options.time)

    def columns(self):
        """The names of the columns that can be described."""
        try:
            return [self.table.names[place] for place in self._values(self._time_columns(()), every=True)]
        except cli.UserError:
            return []

    def series(self):
        """The list of Series, each with what was done to it."""
        table, options = self.table, self.options
        named = [table.place(name, "--row" if options.rows else "--column") for name in options.columns]
        time = self._time_columns(named)
        if {*time} & {*named}:
            raise self.no(f"--time and --column both name {table.names[time[0]]}")
        if table.blank_inside and not (options.time and named):
            raise self.no(
                "a blank column stands between others: two tables side by side? Give both --time and "
                f"--column, of {table.listed(range(len(table.names)))}"
            )
        values = named or self._values(time, options.all_columns)
        if time:
            labels, read = self._read_times(time)
            keep = self._keep_timed(read.at, labels, time, values)
            self.notes += [read.note] if read.note else []
        else:
            self._refuse_hidden_order(values)
            labels, keep = self._row_names(values)
        bad = next((n for n, kept in zip(table.rows, keep) if kept and n in self.ragged), None)
        if bad is not None:
            raise self.no(
                f"it has {self.ragged[bad]} cells parted by {table.parted}, the others {table.file.width}: "
                "mend it, or give --separator", bad
            )  # fmt: skip
        keep &= self._where()
        rows = [n for n, kept in zip(table.rows, keep) if kept]
        labels = labels and [label for label, kept in zip(labels, keep) if kept]
        at, kind, start = (read.at[keep], read.kind, read.start) if time else (None, None, 0)
        if time:
            rows, at, labels = self._one_series(rows, at, labels, time, values)
        out = []
        for place in values:
            found = self._numbers(table.cells(place, rows), place, rows)
            out.append(Series(
                table.where, table.names[place], found.unit or table.units[place], found.values, at, kind,
                labels, found.zero, start, [*self.notes, *found.notes], self.sort,
            ))  # fmt: skip
        return out

    # which columns

    def _values(self, time, every):
        """Places of the columns to describe: the only one of numbers, or all of them."""
        table, names = self.table, self.table.names
        digits = [p for p, kind in enumerate(table.kinds) if kind == "number" and p not in time]
        digits = [p for p in digits if p or not table.row_names]
        chosen = [place for place in digits if not self._is_id(place)]
        if len(chosen) > 1 and not every:  # which series, or which part of a time, is no measurement
            part = "|".join(name for name, _, _ in PARTS.values())
            chosen = [
                p for p in chosen if not (time and re.fullmatch(part, names[p], re.I))
                and not (NUMBER.search(names[p]) and repeats(table.cells(p)))
            ] or chosen  # fmt: skip
        if not chosen and digits:
            raise self.no(
                f"{table.listed(digits)} counts or names things, and no other column holds numbers: give "
                "--column if it is to be described"
            )
        if not chosen:
            others = [place for place in range(len(names)) if place not in time] or time
            why = " (--time none?)" if any(table.kinds[place] == "number" for place in time) else ""
            raise self.no(f"it has no column of numbers: {table.seen(others)}{why}")
        if len(chosen) > 1 and not every:
            raise self.no(f"which column? Give --column, one of {table.listed(chosen)}, or --all-columns")
        if len(chosen) == 1 and not time and not table.row_names and not every:
            others = [p for p, kind in enumerate(table.kinds) if kind in ("text", "time")]
            found, name = table.numbers(chosen[0]), names[chosen[0]]
            if found and abs(goes(found.values)) == 2 and others:
                flag = f"'{name}'" if re.search(r"[^\w.-]", name) else name
                raise self.no(
                    f"only {name} holds numbers, and it counts evenly, as an axis does; {table.seen(others)}: "
                    f"mend these, or give --column {flag} if that is to be described"
                )
            if found and goes(found.values) == 2 and found.values[1] - found.values[0] == 1:
                self.notes.append(f"{name} counts up by one, as the numbers of rows do: is it a measurement?")
        return chosen

    def _is_id(self, place):
        """Whether a column of whole numbers names things: by its name, or by zeros in front."""
        there, name = [text for text in self.table.texts(place) if text], self.table.names[place]
        if not all(re.fullmatch("[0-9]+", text) for text in there):
            return False
        if len({*map(len, there)}) == 1 and len(there[0]) > 1 and any(text[0] == "0" for text in there):
            return True
        found = NUMBER.search(name) and self.table.numbers(place)
        return bool(ID.search(name)) or bool(found and goes(found.values))

    def _time_columns(self, values):
        """Places of the columns of times: (), one, or several that are one time together."""
        table, wanted = self.table, self.options.time
        if wanted:
            return () if wanted == "none" else (table.place(wanted, "--time"),)
        free = [place for place in range(len(table.names)) if place not in values]
        digits = [p for p in free if table.kinds[p] == "number" and (p or not table.row_names)]
        strong = [p for p in free if table.kinds[p] == "time" and table.shapes[p] not in times.WEAK]
        eight = [p for p in digits if table.shapes[p] == "digits" and len(table.texts(p)[0]) == 8]
        strong += [p for p in eight if times.is_sure(table.names[p])]
        if strong:
            first = self._agreeing(strong) if len(strong) > 1 else strong[0]
            clock = [p for p in free if p != first and (table.shapes[p] == "clock" or self._holds_hours(p))]
            alone = ":" in table.texts(first)[0] or table.shapes[first] not in (*times.DAILY, "digits")
            return (first,) if alone or not clock else (first, clock[0])
        parts = {}
        for part, (name, most, _) in PARTS.items():
            for place in free:
                if re.fullmatch(name, table.names[place], re.I):
                    there = [_part_of(text, most) for text in table.texts(place) if text]
                    if there.count(None) <= 0.2 * len(there):
                        parts.setdefault(part, place)
        second = next((part for part in ("month", "quarter", "yday", "week") if part in parts), None)
        if "year" in parts and second:
            more = ("day", "hour", "minute") if second == "month" else ()
            return tuple(parts[part] for part in ("year", second, *more) if part in parts)
        for place in free:
            if table.kinds[place] == "time" and (table.shapes[place] != "clock" or goes(self._dated(place).at)):
                return (place,)
        return self._number_axis(digits) if len(digits) > (0 if values else 1) else ()

    def _agreeing(self, places):
        """The first of several columns of dates that say the same order; UserError where they do not."""
        steps = {place: np.diff(self._dated(place).at) for place in places}
        moving = [place for place in places if (steps[place] != 0).any()] or places[:1]
        if not any(all((sign * steps[place] >= 0).all() for place in moving) for sign in (1, -1)):
            shown = self.table.listed(moving)
            raise self.no(f"{shown} are columns of times that say different orders: give --time, one of them")
        first = next((p for p in moving if times.is_hint(self.table.names[p])), moving[0])
        self.notes.append(f"times are those of {self.table.names[first]} (--time)")
        return first

    def _holds_hours(self, place):
        """Whether a column beside one of dates holds hours, 0 to 24, or 0000 to 2400."""
        there = [text for text in self.table.texts(place) if text]
        digits = re.fullmatch(HOURS, self.table.names[place], re.I) and all(
            re.fullmatch(r"\d{1,2}|\d{1,2}[0-5]\d", text) for text in there
        )
        return digits and (max(map(int, there)) <= 24 or max(map(int, there)) <= 2400)

    def _number_axis(self, places):
        """The column of plain numbers that is the axis of time, as a tuple, or ()."""
        table, names = self.table, self.table.names
        way = {place: goes(found.values) for place in places if (found := table.numbers(place))}
        for place in way:
            back = times.BACK.search(names[place])
            if way[place] and (back or times.AGE.search(names[place])):
                what = "counts it back from today" if back else "takes it as it rises"
                raise self.no(
                    f"{names[place]} may count backwards in time: --time '#{table.full[place] + 1}' {what}, "
                    "--time none takes the rows as they stand"
                )
        for place in way:
            if times.is_sure(names[place]) and (table.shapes[place] or way[place]):
                return (place,)
        first = next(iter(way), None)
        if first is None:
            return ()
        if times.is_hint(names[first]) or table.shapes[first] and way[first]:
            return (first,)
        if way[first] == 2:
            self.notes.append(f"{names[first]} rises evenly: taken as the axis of time (else --time none)")
        return (first,) if way[first] == 2 else ()

    # times and names of the rows

    def _dated(self, place):
        table = self.table
        try:
            return times.read(table.cells(place), table.shapes[place], self.options.dates, table.names[place])
        except times.TwoReadings as error:
            raise self.no(f"{table.names[place]}: {error}; or --time none takes the rows as they stand") from None

    def _read_times(self, places):
        """(texts of the rows' times, their Times)."""
        table, place = self.table, places[0]
        name, shape, labels = table.names[place], table.shapes[place], table.texts(place)
        if len(places) > 1:
            self.notes.append(f"{' and '.join(table.names[place] for place in places)} are one time together")
            labels = [self._together(texts, places) for texts in zip(*map(table.texts, places))]
            try:
                return labels, times.read(labels, times.shape_of(labels, 0.7), self.options.dates, name)
            except times.TwoReadings as error:
                raise self.no(f"{name}: {error}") from None
        if shape is None and table.kinds[place] != "number":
            raise self.no(f"{name} holds no times that can be read: give another to --time, or --time none")
        if table.kinds[place] == "time":
            return labels, self._dated(place)
        read = self._dated(place) if shape == "digits" else None
        if read is None or np.isnan(read.at).mean() > 0.2 or not times.one_way(read.at) and not self.options.time:
            found = table.numbers(place) or self._numbers(table.cells(place), place, table.rows)
            read = times.of_numbers(found.values, name, found.zero, found.unit, bool(self.options.time))
        return labels, read

    def _together(self, texts, places):
        """The texts of columns that are one time together -> one text: "2024", "3" -> "2024-03"."""
        day, clock = texts[:2]
        if self.table.kinds[places[0]] == "time" or len(day) == 8:
            if re.fullmatch(r"\d{1,4}", clock):
                clock = f"{clock.zfill(4)[:2]}:{clock[-2:]}" if len(clock) > 2 else f"{clock}:00"
            return re.sub("^(....)(..)(..)$", r"\1-\2-\3", day) + f" {clock}"
        out = ""
        for text, place in zip(texts, places):
            named = (part for part in PARTS if re.fullmatch(PARTS[part][0], self.table.names[place], re.I))
            _, most, form = PARTS[next(named)]
            number = _part_of(text, most)
            number = times.year_of(str(number)) if most == 9999 and number is not None else number
            out += text if number is None else form.format(number)
        return out + ":00" if " " in out and ":" not in out else out

    def _leave_out(self, row, text, place, what):
        value = text_of(self.table.columns[place][row])
        self.ragged.pop(row, None)
        its = f" (its value is {value})" if value else ""
        line = f"{self.table.file.word} {self.table.file.lines[row]}"
        self.left += [f"{line} left out: {text!r} is {what}{its}"] if text or value else []

    def _keep_timed(self, at, labels, places, values):
        """Which rows have a time. Totals, means and remarks are left out, said; UserError for others."""
        table, keep, name = self.table, ~np.isnan(at), self.table.names[places[0]]
        if not keep.any():
            raise self.no(f"no text of {name} can be read as a time: give --time none")
        last = int(np.flatnonzero(keep)[-1])
        for number in map(int, np.flatnonzero(~keep)):
            row, text = table.rows[number], labels[number]
            remark = not any(table.columns[place][row] != "" for place in values) or row in self.ragged
            total = any(TOTAL.fullmatch(text_of(table.columns[place][row])) for place in places)
            found = None if text else table.numbers(values[0])
            if found and number > last:  # a total without a name
                total = np.isclose(found.values[number], np.nansum(found.values[:number]), rtol=1e-9, atol=0)
            if not (total or remark and (number > last or not text)):
                raise self.no(
                    f"{name} is {text!r}, no time as the others are: mend or drop it (--time none takes the "
                    "rows as they stand)", row
                )  # fmt: skip
            self._leave_out(row, text, values[0], "no time as the others are")
        self.notes += self.left if len(self.left) < 4 else [*self.left[:2], f"{len(self.left) - 2} more left out"]
        return keep

    def _row_names(self, values):
        """(texts that name the rows or None, which rows to keep), where no column holds times."""
        table, keep = self.table, np.ones(len(self.table.rows), dtype=bool)
        there = [p for p, kind in enumerate(table.kinds) if kind in ("text", "time") and p not in values]
        there = [0] if table.row_names else there
        if self.options.time != "none" and table.file.gaps:
            raise self.no(
                "the line above is blank: does a second table begin? Take it away, or --time none takes the "
                "rows as they stand", table.file.gaps[0]
            )  # fmt: skip
        if not there:
            return None, keep
        names = table.texts(there[0])
        for number in range(len(names) - 1, 1, -1):
            if not TOTAL.fullmatch(names[number]):
                break
            keep[number] = False
            self._leave_out(table.rows[number], names[number], values[0], "no row of the series")
        self.notes += self.left
        filled = [name for name, kept in zip(names, keep) if kept and name]
        if self.options.time == "none" or not filled:
            return names, keep
        for other in there:
            kept = [text for text, kept in zip(table.texts(other), keep) if kept and text]
            self._refuse_unread_times(table.names[other], kept)
        if not self.options.where and len({*filled}) < max(2, keep.sum()) and names[0] and not table.row_names:
            raise self.no(
                f"{table.names[there[0]]} repeats itself, or is empty in some rows: several series below each "
                f"other? Give {self._advice(there)}; or --time none takes all rows as one series"
            )
        return names, keep

    def _refuse_unread_times(self, name, there):
        """UserError where texts look like times and could not be read: the rows may stand backwards."""
        groups = [tuple(map(int, re.findall(r"\d{1,9}", text))) for text in there]
        alike = len(there) > 2 and len({*map(len, groups)}) == 1 and len(groups[0])
        falls = alike and any(
            all(a > b for a, b in zip(some, some[1:])) for some in (groups, [group[::-1] for group in groups])
        )
        word = times.is_hint(re.sub(r"\d.*", "", there[0]).strip()[1:] if there else "")
        if times.like_times(there) or falls and (alike > 1 or word):
            raise self.no(
                f"{name} holds texts like times, {there[0]!r} to {there[-1]!r}, that cannot be read as such: "
                "write them as 2024-03-31, or --time none takes the rows in the order in which they stand"
            )
        if falls:
            self.notes.append(f"the rows count down, {there[0]} to {there[-1]}: taken as they stand")

    def _refuse_hidden_order(self, values):
        """Without times: UserError, or a note, where another column falls as times do, newest first."""
        table = self.table
        for place, (kind, name) in enumerate(zip(table.kinds, table.names)):
            if place in values or table.row_names and not place:
                continue
            if kind == "time" and self.options.time == "none":
                steps = np.diff(self._dated(place).at)
                if len(steps) and (steps <= 0).all() and (steps < 0).any():
                    self.notes.append(f"{name} falls (newest first): the rows are taken as they stand")
            elif kind == "number" and not self.options.time and (found := table.numbers(place)):
                if goes(found.values) < 0:
                    raise self.no(
                        f"{name} falls: --time '#{table.full[place] + 1}' takes it as the time, --time none the "
                        "rows as they stand"
                    )

    # which rows

    def _where(self):
        """Which rows fit all of --where name=text."""
        keep = np.ones(len(self.table.rows), dtype=bool)
        for where in self.options.where:
            name, sign, text = map(str.strip, where.partition("="))
            if not sign:
                raise cli.UserError(f"--where {where!r}: give a column and its text, as station=north")
            there = self.table.texts(self.table.place(name, "--where"))
            if text not in there:
                raise self.no(f"no row has {name} = {text!r}: it has {some([*dict.fromkeys(there)])}")
            if empty := there.count(""):
                raise self.no(f"{name} is empty in {empty} rows: does the text above it mean them too? Fill them")
            keep &= np.array([cell == text for cell in there])
        return keep

    def _advice(self, groups):
        """ "Give --where station=north, of north, south"."""
        there = list(dict.fromkeys(self.table.texts(groups[0])))
        text = repr(there[0]) if " " in there[0] else there[0]
        return f"--where {self.table.names[groups[0]]}={text}, of {some(there)}"

    def _one_series(self, rows, at, labels, time, values):
        """(rows, at, labels) of a series whose every time stands once. Rows that say the same twice are
        dropped; UserError where times are double for another reason."""
        table, wheres = self.table, self.options.where
        used = {*time, *values, *(table.place(text.partition("=")[0].strip(), "--where") for text in wheres)}
        groups = [
            place for place, (kind, name) in enumerate(zip(table.kinds, table.names))
            if place not in used and (kind == "text" or kind == "number" and NUMBER.search(name))
            and repeats(table.cells(place, rows))
        ]  # fmt: skip
        _, first, counts = np.unique(at, return_index=True, return_counts=True)
        if len(first) == len(at):
            if groups and not wheres:
                there = some([*dict.fromkeys(table.texts(groups[0], rows))])
                advice = self._advice(groups).split(",")[0]
                name = table.names[groups[0]]
                self.notes.append(f"{name} is {there}: all rows are taken as one series (else {advice})")
            self.sort |= not groups and times.even(np.sort(at))  # it has all steps, in another order
            return rows, at, labels
        if len({*zip(at.tolist(), *(table.cells(place, rows) for place in values))}) == len(first):
            self.notes.append(f"{len(at) - len(first)} rows stand twice: taken once")
            kept = np.sort(first)
            return [rows[n] for n in kept], at[kept], [labels[n] for n in kept]
        often = int(counts.max())
        who = f"{labels[first[int(np.argmax(counts))]]!r} stands {often} times, as a time"
        who = f"every time stands {often} times" if (counts == often).all() else who
        where = f": several series below each other? Give {self._advice(groups)}; or" if groups else ":"
        raise self.no(f"{who}{where} --time none takes all rows as one series, as they stand")

    # numbers

    def _numbers(self, there, place, rows):
        """The numbers of a column; errors say the file, the line and the column."""
        options, name = self.options, self.table.names[place]
        words = {word.strip().lower() for text in options.missing for word in text.split(",")}
        default = "." if self.table.file.separator not in (";", "\t") else None
        known = None if options.decimal else self._known_mark(place)
        try:
            return numbers.read(there, words, options.decimal, "none" not in words, default, known)
        except numbers.NoNumber as error:
            text = error.text
            why = f"{name} is {text!r}, {error.why}: mend it, or take it as missing: --missing {text!r}"
            raise self.no(why, rows[error.row]) from None
        except cli.UserError as error:
            raise self.no(f"{name}: {error}") from None

    def _known_mark(self, place):
        """The decimal mark that the other columns of numbers show for sure, where they agree; else None."""
        marks = set()
        for other, kind in enumerate(self.table.kinds):
            if kind == "number" and other != place and not self.table.shapes[other]:
                there = [cell for cell in self.table.cells(other)[: layout.SAMPLE] if isinstance(cell, str)]
                ways = [numbers.readings(found["body"]) for cell in there if (found := numbers.match(cell))]
                marks |= {next(iter(way)) for way in ways if len(way) == 1}
        return marks.pop() if len(marks) == 1 else None
