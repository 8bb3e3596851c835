"""A Table -> its series: which column is the time, which are values, which rows are one series."""

import re
from dataclasses import dataclass, field, replace

import numpy as np

from llm_ts import cli
from llm_ts.spelling import kinds, numbers, times
from llm_ts.spelling.grammar import form, word
from llm_ts.spelling.times import text_of
from llm_ts.table import cells
from llm_ts.table.layout import SAMPLE, Table, some

TOTAL = re.compile(f"(?i){form('cells', 'total')}")
ID = re.compile(word("id").pattern + "|(?-i:[a-z](ID|Id|Nr|No)$)")
NUMBER = re.compile(word("number").pattern + "|^$|^#$")
STAND = "--time none takes the rows as they stand"


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


def read(source, options=Options()):
    """A path ("-": stdin) -> the series that the options choose. UserError in one line."""
    return open_table(source, options).series()


def open_table(source, options, where=None):
    """The Reader of a file, opened once: a path or bytes. where: what it is called, for bytes."""
    loaded = cells.load(source, options.separator, options.skip, options.sheet, where)
    return Reader(loaded, options)


class Reader(Table):
    """A Table that is read as the options say."""

    def __init__(self, file, options):
        super().__init__(file)
        self.options, self.left, self.sort = options, [], bool(options.time)

    def columns_to_describe(self):
        """The names of the columns that can be described."""
        try:
            return [self.names[place] for place in self._values(self._time_columns(()), every=True)]
        except cli.UserError:
            return []

    def series(self):
        """The list of Series that the options choose, each with what was done to it."""
        options, turned = self.options, self.file.word == "column"
        wide = "" if turned or options.columns or options.all_columns else self.across()
        if not turned and (options.rows or wide):
            if not options.rows and len(self.rows) > 1:
                raise self.no(
                    f"{wide}: do the series stand in rows? Give --row, one of {some(self.texts(0))}; or "
                    "--column for one column over all rows"
                )
            return Reader(self.turned(), replace(options, columns=options.rows)).series()
        named = [self.place(name, "--row" if turned else "--column") for name in options.columns]
        time = self._time_columns(named)
        if {*time} & {*named}:
            raise self.no(f"--time and --column both name {self.names[time[0]]}")
        if len(self.full) < self.full[-1] - self.full[0] + 1 and not (options.time and named):
            raise self.no(
                "a blank column stands between others: two tables side by side? Give both --time and "
                f"--column, of {self.listed(range(len(self.names)))}"
            )
        values = named or self._values(time, options.all_columns)
        if time:
            labels, read = self._read_times(time)
            keep = self._keep_timed(read.at, labels, time, values)
            self.notes += [read.note] if read.note else []
        else:
            self._refuse_hidden_order(values)
            labels, keep = self._row_names(values)
        for n, kept in zip(self.rows, keep):
            if kept and n in self.file.ragged:
                seen = f"{self.file.ragged[n]} cells parted by {self.parted}, the others {self.file.width}"
                raise self.no(f"it has {seen}: mend it, or give --separator", n)
        keep &= self._chosen()
        rows = [n for n, kept in zip(self.rows, keep) if kept]
        labels = labels and [label for label, kept in zip(labels, keep) if kept]
        at, kind, start = (read.at[keep], read.kind, read.start) if time else (None, None, 0)
        if time:
            rows, at, labels = self._once(rows, at, labels, {*time, *values})
        out = []
        for place in values:
            found = self._numbers(place, rows)
            out.append(Series(
                self.where, self.names[place], found.unit or self.units[place], found.values, at, kind,
                labels, found.zero, start, [*self.notes, *found.notes], self.sort,
            ))  # fmt: skip
        return out

    # which columns

    def _values(self, time, every):
        """Places of the columns to describe: the only one of numbers, or all of them."""
        names, digits = self.names, [p for p in self.places("number") if p not in time]
        chosen = [place for place in digits if not self._is_id(place)]
        if len(chosen) > 1 and not every:  # which series, or which part of a time, is no measurement
            no = {p for p in chosen if time and times.part_called(names[p])}
            no |= {p for p in chosen if NUMBER.search(names[p]) and kinds.repeats(self.cells(p))}
            chosen = [place for place in chosen if place not in no] or chosen
        if not chosen:
            others = [place for place in range(len(names)) if place not in time] or time
            why = " (--time none?)" if any(self.kinds[place] == "number" for place in time) else ""
            why = ", which counts or names things (--column takes it)" if digits else why
            raise self.no(f"it has no column of numbers: {self.seen(digits or others)}{why}")
        if len(chosen) > 1 and not every:
            raise self.no(f"which column? Give --column, one of {self.listed(chosen)}, or --all-columns")
        found = None if time or self.row_names or every else self.numbers(chosen[0])
        if found and abs(times.goes(found.values)) == 2:
            name, others = names[chosen[0]], self.places("text", "time")
            if others:
                raise self.no(
                    f"only {name} holds numbers, and it counts evenly, as an axis does; "
                    f"{self.seen(others)}: mend these, or --column {name!r} takes it"
                )
            if found.values[1] - found.values[0] == 1:
                self.notes.append(f"{name} counts up by one, as numbers of rows do: is it a measurement?")
        return chosen

    def _is_id(self, place):
        """Whether a column of whole numbers names things: by its name, or by zeros in front."""
        there, name = [text for text in self.texts(place) if text], self.names[place]
        if not all(re.fullmatch("[0-9]+", text) for text in there):
            return False
        zeros = len({*map(len, there)}) == 1 < len(there[0]) and any(text[0] == "0" for text in there)
        found = NUMBER.search(name) and self.numbers(place)
        return bool(zeros or ID.search(name) or found and times.goes(found.values))

    def _time_columns(self, values):
        """Places of the columns of times: (), one, or several that are one time together."""
        if self.options.time:
            return () if self.options.time == "none" else (self.place(self.options.time, "--time"),)
        free = [place for place in range(len(self.names)) if place not in values]
        digits = [place for place in self.places("number") if place in free]
        strong = [p for p in free if self.kinds[p] == "time" and self.shapes[p] not in times.WEAK]
        eight = [p for p in digits if self.shapes[p] == "digits" and len(self.texts(p)[0]) == 8]
        strong += [place for place in eight if times.SURE.search(self.names[place])]
        if strong:
            first = self._agreeing(strong) if len(strong) > 1 else strong[0]
            clock = [
                place for place in free if place != first and (self.shapes[place] == "clock"
                or times.hours_in(self.names[place], [*filter(None, self.texts(place))]))
            ]  # fmt: skip
            alone = ":" in self.texts(first)[0] or self.shapes[first] not in times.DAILY
            return (first,) if alone or not clock else (first, clock[0])
        parts = {}
        for place in free:
            if part := times.part_called(self.names[place]):
                there = [*filter(None, self.texts(place, self.rows[:SAMPLE]))]
                if sum(times.part_of(text, part) is None for text in there) <= 0.2 * len(there):
                    parts.setdefault(part, place)
        second = next((part for part in ("month", "quarter", "yday", "week") if part in parts), None)
        if "year" in parts and second:
            more = ("day", "hour", "minute") if second == "month" else ()
            return tuple(parts[part] for part in ("year", second, *more) if part in parts)
        for place in free:
            clock = self.shapes[place] == "clock"  # which goes on, or they are durations
            if self.kinds[place] == "time" and (not clock or times.goes(self._dated(place).at)):
                return (place,)
        return self._number_axis(digits) if len(digits) > (0 if values else 1) else ()

    def _agreeing(self, places):
        """The first of several columns of dates that say the same order; UserError where they do not."""
        steps = {place: np.diff(self._dated(place).at) for place in places}
        moving = [place for place in places if (steps[place] != 0).any()] or places[:1]
        if not any(all((sign * steps[place] >= 0).all() for place in moving) for sign in (1, -1)):
            shown = self.listed(moving)
            raise self.no(f"{shown} are times that say different orders: give --time, one of them")
        first = next((p for p in moving if times.HINT.search(self.names[p])), moving[0])
        self.notes.append(f"times are those of {self.names[first]} (--time)")
        return first

    def _number_axis(self, places):
        """The column of plain numbers that is the axis of time, as a tuple, or ()."""
        way = {p: times.goes(found.values) for p in places if (found := self.numbers(p))}
        for place, name in ((place, self.names[place]) for place in way):
            back = times.BACK.search(name)
            if way[place] and (back or times.AGE.search(name)):
                what = "counts it back from today" if back else "takes it as it rises"
                flag = f"--time {self.number(place)}"
                raise self.no(f"{name} may count backwards in time: {flag} {what}, {STAND}")
        for place in way:
            if times.SURE.search(self.names[place]) and (self.shapes[place] or way[place]):
                return (place,)
        for place in [*way][:1]:
            name = self.names[place]
            if times.HINT.search(name) or self.shapes[place] and way[place]:
                return (place,)
            if way[place] == 2:
                self.notes.append(f"{name} rises evenly: taken as the axis of time (else --time none)")
                return (place,)
        return ()

    # times and names of the rows

    def _dated(self, place, texts=None, shape=None):
        name, shape = self.names[place], shape or self.shapes[place]
        try:
            return times.read(texts or self.cells(place), shape, self.options.dates, name)
        except times.TwoReadings as error:
            raise self.no(f"{name}: {error}; or {STAND}") from None

    def _read_times(self, places):
        """(texts of the rows' times, their Times)."""
        place, names = places[0], [self.names[place] for place in places]
        kind, shape, labels = self.kinds[place], self.shapes[place], self.texts(place)
        if len(places) > 1:
            self.notes.append(f"{' and '.join(names)} are one time together")
            labels = [times.together(texts, names) for texts in zip(*map(self.texts, places))]
            return labels, self._dated(place, labels, times.shape_of(labels, 0.7))
        if kind == "time":
            return labels, self._dated(place)
        if shape is None and kind != "number":
            raise self.no(f"{names[0]} holds no times that can be read: give another to --time; or {STAND}")
        chosen, read = bool(self.options.time), self._dated(place) if shape == "digits" else None
        if not read or np.isnan(read.at).mean() > 0.2 or not times.one_way(read.at) and not chosen:
            found = self.numbers(place) or self._numbers(place, self.rows)
            read = times.of_numbers(found.values, names[0], found.zero, found.unit, chosen)
        return labels, read

    def _leave_row_out(self, row, text, place, what):
        value = text_of(self.columns[place][row])
        self.file.ragged.pop(row, None)
        its = f" (its value is {value})" if value else ""
        line = f"{self.file.word} {self.file.lines[row]}"
        self.left += [f"{line} left out: {text!r} is {what}{its}"] if text or value else []

    def _keep_timed(self, at, labels, places, values):
        """Which rows have a time. Totals, means and remarks are left out, said; UserError for others."""
        keep, name = ~np.isnan(at), self.names[places[0]]
        if not keep.any():
            raise self.no(f"no text of {name} can be read as a time: give --time none")
        last = int(np.flatnonzero(keep)[-1])
        for number in map(int, np.flatnonzero(~keep)):
            row, text = self.rows[number], labels[number]
            empty = not any(self.columns[place][row] != "" for place in values)
            remark = (empty or row in self.file.ragged) and (number > last or not text)
            total = any(TOTAL.fullmatch(text_of(self.columns[place][row])) for place in places)
            found = None if text or number < last else self.numbers(values[0])
            if found:  # a total without a name
                sum_of = np.nansum(found.values[:number])
                total = np.isclose(found.values[number], sum_of, rtol=1e-9, atol=0)
            if not (total or remark):
                raise self.no(f"{name} is {text!r}, no time as the others are: mend or drop it; or {STAND}", row)
            self._leave_row_out(row, text, values[0], "no time as the others are")
        many = [*self.left[:2], f"{len(self.left) - 2} more left out"]
        self.notes += self.left if len(self.left) < 4 else many
        return keep

    def _row_names(self, values):
        """(texts that name the rows or None, which rows to keep), where no column holds times."""
        keep, none = np.ones(len(self.rows), dtype=bool), self.options.time == "none"
        there = [0] if self.row_names else [p for p in self.places("text", "time") if p not in values]
        if self.file.gaps and not none:
            raise self.no(f"the line above is blank: a second table? {STAND}", self.file.gaps[0])
        if not there:
            return None, keep
        names = self.texts(there[0])
        for number in range(len(names) - 1, 1, -1):
            if not TOTAL.fullmatch(names[number]):
                break
            keep[number] = False
            self._leave_row_out(self.rows[number], names[number], values[0], "no row of the series")
        self.notes += self.left
        filled = [name for name, kept in zip(names, keep) if kept and name]
        for place in there if filled and not none else ():  # unread times may fall
            texts = [text for text, kept in zip(self.texts(place), keep) if kept and text]
            like = times.unread(texts)
            if like == "times":
                raise self.no(
                    f"{self.names[place]} holds texts like times, {texts[0]!r} to {texts[-1]!r}, that cannot "
                    f"be read as such: write them as 2024-03-31; or {STAND}"
                )
            if like:
                self.notes.append(f"the rows count down, {texts[0]} to {texts[-1]}: taken as they stand")
        unlike = len({*filled}) < max(2, keep.sum()) and names[0] and not self.row_names
        if unlike and not none and not self.options.where:
            raise self.no(
                f"{self.names[there[0]]} repeats itself, or is empty in some rows: several series below each "
                f"other? Give {self._advice(there)}; or {STAND}"
            )
        return names, keep

    def _refuse_hidden_order(self, values):
        """Without times: UserError, or a note, where another column falls as times do, newest first."""
        for place in self.places("time", "number"):
            name, timed = self.names[place], self.kinds[place] == "time"
            if place in values or timed and not self.options.time or not timed and self.options.time:
                continue
            found = self._dated(place).at if timed else getattr(self.numbers(place), "values", np.zeros(1))
            if timed and times.one_way(found) and found[0] > found[-1]:
                self.notes.append(f"{name} falls (newest first): the rows are taken as they stand")
            if not timed and times.goes(found) < 0:
                raise self.no(f"{name} falls: --time {self.number(place)} takes it as the time, {STAND}")

    # which rows

    def _chosen(self):
        """Which rows fit all of --where name=text."""
        keep = np.ones(len(self.rows), dtype=bool)
        for where in self.options.where:
            name, sign, text = map(str.strip, where.partition("="))
            if not sign:
                raise cli.UserError(f"--where {where!r}: give a column and its text, as station=north")
            there = self.texts(self.place(name, "--where"))
            if text not in there:
                raise self.no(f"no row has {name} = {text!r}: it has {some([*dict.fromkeys(there)])}")
            if empty := there.count(""):
                raise self.no(f"{name} is empty in {empty} rows: is the text above meant there too? Fill them")
            keep &= np.array([cell == text for cell in there])
        return keep

    def _advice(self, groups):
        """ "--where station=north, of north, south"."""
        there = list(dict.fromkeys(self.texts(groups[0])))
        text = repr(there[0]) if " " in there[0] else there[0]
        return f"--where {self.names[groups[0]]}={text}, of {some(there)}"

    def _once(self, rows, at, labels, used):
        """(rows, at, labels) of a series whose every time stands once. Rows that say the same twice are
        dropped; UserError where times are double for another reason."""
        wheres = {self.place(text.partition("=")[0].strip(), "--where") for text in self.options.where}
        groups = [p for p in self.places("text", "number") if p not in used | wheres]
        groups = [p for p in groups if self.kinds[p] == "text" or NUMBER.search(self.names[p])]
        groups = [p for p in groups if kinds.repeats(self.cells(p, rows))]
        _, first, counts = np.unique(at, return_index=True, return_counts=True)
        if len(first) == len(at):
            self.sort |= not groups and times.even(np.sort(at))  # it has all steps, in another order
            if groups and not wheres:
                there = some([*dict.fromkeys(self.texts(groups[0], rows))])
                else_ = f"all rows are taken as one series (else {self._advice(groups).split(',')[0]})"
                self.notes.append(f"{self.names[groups[0]]} is {there}: {else_}")
            return rows, at, labels
        if len({*zip(at.tolist(), *(self.cells(place, rows) for place in used))}) == len(first):
            self.notes.append(f"{len(at) - len(first)} rows stand twice: taken once")
            kept = np.sort(first)
            return [rows[n] for n in kept], at[kept], [labels[n] for n in kept]
        often, place = int(counts.max()), first[int(np.argmax(counts))]
        who = f"{labels[place]!r} stands {often} times, as a time"
        who = f"every time stands {often} times" if (counts == often).all() else who
        where = f": several series below each other? Give {self._advice(groups)}; or" if groups else ":"
        raise self.no(f"{who}{where} {STAND}, all as one series")

    # numbers

    def _numbers(self, place, rows):
        """The numbers of a column; errors say the file, the line and the column."""
        options, name = self.options, self.names[place]
        words = {text.strip().lower() for words in options.missing for text in words.split(",")}
        plain = self.file.separator in (",", cells.BLANKS, "") and self.file.width > 1
        marks = set()  # that the other columns show for sure
        for other in self.places("number") if not options.decimal else ():
            if other != place and not self.shapes[other]:
                texts = [cell for cell in self.cells(other, rows[:SAMPLE]) if isinstance(cell, str)]
                marks |= numbers.sure_marks(texts)
        known = marks.pop() if len(marks) == 1 else None
        try:
            there, codes = self.cells(place, rows), "none" not in words
            return numbers.read(there, words, options.decimal, codes, "." if plain else None, known)
        except numbers.NoNumber as error:
            why = f"{name} is {error.text!r}, {error.why}: mend it, or take it as missing"
            raise self.no(f"{why}: --missing {error.text!r}", rows[error.row]) from None
        except cli.UserError as error:
            raise self.no(f"{name}: {error}") from None
