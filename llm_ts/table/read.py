"""A Table -> its series: which column is the time, which are values, which rows are one series."""

import re
from dataclasses import dataclass, field, replace

import numpy as np

from llm_ts import cli
from llm_ts.table import cells, kinds, numbers, times
from llm_ts.table.layout import Table, some

AXIS = """year years yr jahr ann\u00e9e annee date datum day days tag jour time times zeit temps timestamp ts t unix
epoch month monat mois week woche semaine quarter quartal hour hours stunde minute minutes second seconds
sec period \u5e74 \u6708""".split()
BACK = "bp bc bce ago before age ages ka ma alter depth tiefe lag lags".split()  # may run backwards in time
PARTS = {  # columns that are one time together, by their names
    "year": "year years yr yy yyyy jahr ann\u00e9e annee \u5e74", "month": "month mon mo mm monat mois \u6708",
    "day": "day dd dy tag jour \u65e5", "hour": "hour hh hr stunde heure", "minute": "minute min mn",
}  # fmt: skip
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
    """One series of a file, in the order of time. n rows.

    values: (n,) floats, NaN where missing; zero: a whole number to be added to each (beyond 2^53).
    at: (n,) floats that rise, None without times; kind: their unit, see times.Times. labels: n texts
    that name the rows, or None.
    """

    source: str
    column: str
    unit: str
    values: np.ndarray
    at: np.ndarray | None = None
    kind: str | None = None
    labels: list | None = None
    zero: int = 0
    notes: list = field(default_factory=list)


def read(source, options=Options()):
    """A path ("-": stdin) -> the series that the options choose. UserError in one line."""
    return open_table(source, options).series()


def open_table(source, options, where=None):
    """The Reader of a file, opened once: a path or bytes. where: what it is called, for bytes."""
    return Reader(cells.load(source, options.separator, options.skip, options.sheet, where), options)


def _words(name):
    return re.findall(r"[^\W\d_]+", name.lower())


class Reader(Table):
    """A Table that is read as the options say."""

    def __init__(self, file, options):
        super().__init__(file)
        self.options = options

    def columns_to_describe(self):
        """The names of the columns that can be described."""
        try:
            return [self.names[place] for place in self._values(self._time_places([]), every=True)]
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

        # the columns
        named = [self.place(name, "--row" if turned else "--column") for name in options.columns]
        time = self._time_places(named)
        if {*time} & {*named}:
            raise self.no(f"--time and --column both name {self.names[time[0]]}")
        if len(self.full) <= self.full[-1] - self.full[0] and not (options.time and named):
            raise self.no(
                "a blank column stands between others: two tables side by side? Give both --time and "
                f"--column, of {self.listed(range(len(self.names)))}"
            )
        values = named or self._values(time, options.all_columns)

        # the rows
        rows = self._chosen()
        for n in rows:
            if n in self.file.ragged:
                seen = f"{self.file.ragged[n]} cells parted by {self.file.parted}"
                raise self.no(f"it has {seen}, the others {len(self.file.columns)}: mend it, or give --separator", n)
        at = kind = None
        if time:
            rows, at, kind, labels = self._timed(time, rows, {*time, *values})
        else:
            labels = self._names_of_rows(values, rows)

        # the values
        out = []
        for place in values:
            found = self._numbers(place, rows)
            if not time and options.time != "none":
                self._refuse_sums(place, found.values)
            unit = found.unit or self.units[place]
            notes = [*self.notes, *found.notes]
            out.append(Series(self.where, self.names[place], unit, found.values, at, kind, labels, found.zero, notes))
        return out

    # which columns

    def _values(self, time, every):
        """Places of the columns to describe: the only one of numbers that does not count evenly, or all."""
        digits = [place for place in self.places("number") if place not in time]
        chosen = [place for place in digits if not self._axis_way(place)[1]] if len(digits) > 1 else digits
        chosen = chosen or digits
        others = [place for place in range(len(self.names)) if place not in (*time, *digits)]
        if not chosen:
            shown = [f"{self.names[p]} holds {next(filter(None, self.texts(p)), '')[:40]!r}" for p in others or time]
            raise self.no(f"it has no column of numbers: {some(shown, 4)}")
        if len(chosen) > 1 and not every:
            raise self.no(f"which column? Give --column, one of {self.listed(chosen)}, or --all-columns")
        if others and not time and not every and not self.row_names and self._axis_way(chosen[0])[1]:
            name = self.names[chosen[0]]
            held = f"{self.names[others[0]]} holds {self.texts(others[0])[0][:40]!r}"
            raise self.no(f"only {name} holds numbers, and it counts evenly; {held}: --column {name!r} takes it")
        return chosen

    def _axis_way(self, place):
        """A column of numbers as an axis -> (1 where it only rises, -1 where it only falls, else 0;
        whether in equal steps)."""
        try:
            found = self._numbers(place, self.rows)
        except cli.UserError:
            return 0, False
        whole = not np.isnan(found.values).any() and len(found.values) > 2
        return (times.one_way(found.values), times.evenly(found.values)) if whole and not found.unit else (0, False)

    def _time_places(self, values):
        """Places of the columns of times: [], one, or several that are one time together."""
        if self.options.time:
            return [] if self.options.time == "none" else [self.place(self.options.time, "--time")]
        free = [place for place in range(len(self.names)) if place not in values]
        dates = [p for p in free if self.kinds[p][0] == "time" and self.kinds[p][1] != "clock"]
        clocks = [p for p in free if self.kinds[p] == ("time", "clock")]
        parts = {}
        for place in free:
            if self.kinds[place][0] in ("number", "time", "text"):
                words = _words(self.names[place])
                for part in PARTS:
                    if words and words[0] in PARTS[part].split() and len(words) == 1:
                        parts.setdefault(part, place)
        if "year" in parts and "month" in parts and (not dates or dates == [parts["month"]]):
            return [parts[part] for part in PARTS if part in parts]
        if dates:
            first = self._agreeing(dates) if len(dates) > 1 else dates[0]
            clock = [*clocks, *([parts["hour"]] if "hour" in parts else [])]
            daily = self.kinds[first][1] in times.DAILY and ":" not in self.texts(first)[0]
            return [first, *(clock[:1] if daily else [])]
        digits = [place for place in self.places("number") if place in free]
        if clocks or len(digits) <= (0 if values else 1):
            return clocks[:1]
        return self._number_axis(digits)

    def _agreeing(self, places):
        """The first of several columns of dates that never differ by more than their longest step."""
        dated = [self._dated(place).at for place in places]
        step = max(np.abs(np.diff(at)).max() for at in dated)
        if any(not np.abs(at - dated[0]).max() <= step for at in dated):
            raise self.no(f"{self.listed(places)} hold different times: give --time, one of them")
        self.notes.append(f"times are those of {self.names[places[0]]} (--time)")
        return places[0]

    def _number_axis(self, places):
        """The column of plain numbers that is the axis of time, as a list, or []."""
        way = {place: self._axis_way(place) for place in places}
        called = [place for place in places if {*_words(self.names[place])} & {*AXIS}]
        for place in places:
            back = {*_words(self.names[place])} & {*BACK}
            if way[place][0] and back or way[place][0] < 0 and place not in called:
                raise self.no(
                    f"{self.names[place]} may run backwards in time: put the oldest row first, and {STAND}"
                )
        if called:
            return called[:1]
        if way[places[0]] == (1, True):
            self.notes.append(f"{self.names[places[0]]} rises evenly: taken as the axis of time (else --time none)")
            return places[:1]
        return []

    # times and names of the rows

    def _dated(self, place, texts=None, shape=None):
        try:
            return times.read(texts or self.cells(place), shape or self.kinds[place][1], self.options.dates)
        except ValueError as error:
            raise self.no(f"{self.names[place]}: {error}; or {STAND}") from None

    def _times_of(self, places, rows):
        """(texts of the rows' times, their Times)."""
        place, labels = places[0], self.texts(places[0], rows)
        if len(places) > 1:
            labels = [self._joined(texts) for texts in zip(*(self.texts(p, rows) for p in places))]
            self.notes.append(f"{' and '.join(self.names[p] for p in places)} are one time together")
            return labels, self._dated(place, labels, times.shape_of(labels, 0.5 * len(labels)) or "day")
        kind, shape = self.kinds[place]
        if kind == "time":
            return labels, self._dated(place, self.cells(place, rows), shape)
        if kind != "number":
            raise self.no(f"{self.names[place]} holds no times that can be read: give another to --time; or {STAND}")
        if shape or {*_words(self.names[place])} & {*BACK}:
            raise self.no(f"{self.names[place]} may run backwards in time: put the oldest row first, and {STAND}")
        try:
            found = self._numbers(place, rows)
            read = times.of_numbers(found.zero + found.values)
        except ValueError as error:
            raise self.no(f"{self.names[place]}: {error}; or {STAND}") from None
        if read.kind == "number" and not self.options.time and times.one_way(read.at) < 0:
            raise self.no(f"{self.names[place]} falls: --time {self.number(place)} turns the rows round, {STAND}")
        return labels, read

    def _joined(self, texts):
        """The texts of columns that are one time together -> one text: "2024", "3" -> "2024-03"."""
        if ":" in texts[1] or not texts[0].isdigit():
            return f"{texts[0]} {texts[1]}" + ("" if ":" in texts[1] else ":00")
        year, month, *more = texts
        text = f"{times.year_of(year)}-{times.month_of(month) or month}"
        text += "".join(sign + part for sign, part in zip("- :", more))
        return text + (":00" if len(more) == 2 else "")

    def _timed(self, places, rows, used):
        """(rows in the order of time, at, kind, labels). UserError for times that have no order."""
        labels, read = self._times_of(places, rows)
        at, name = read.at, self.names[places[0]]
        self.notes += [read.note] if read.note else []
        if np.isnan(at).all():
            raise self.no(f"no text of {name} can be read as a time: give --time none")
        for place in np.flatnonzero(np.isnan(at)):
            raise self.no(f"{name} is {labels[place]!r}, no time as the others are: mend or drop it; or {STAND}", rows[place])
        way = times.one_way(at) if len(at) > 1 else 1
        unique, counts = np.unique(at, return_counts=True)
        groups = self._groups(used, rows)
        if len(unique) < len(at):
            often = counts.max()
            who = f"{labels[int(np.flatnonzero(at == unique[np.argmax(counts)])[0])]!r} stands {often} times, as a time"
            who = f"every time stands {often} times" if (counts == often).all() else who
            where = f": several series below each other? Give {self._advice(groups)}; or" if groups else ":"
            raise self.no(f"{who}{where} {STAND}, all as one series")
        if groups and not self.options.where:
            there = some([*dict.fromkeys(self.texts(groups[0], rows))])
            one = self._advice(groups).split(",")[0]
            self.notes.append(f"{self.names[groups[0]]} is {there}: all rows are taken as one series (else {one})")
        if not way and not self.options.time:
            falls = np.diff(at) < 0
            place = int(np.argmax(falls if falls.mean() <= 0.5 else ~falls))
            raise self.no(
                f"its times go back and forth: {labels[place + 1]!r} follows {labels[place]!r}: --time with the "
                f"name of their column sorts the rows by it, {STAND}"
            )
        order = np.argsort(at)
        if way < 1:
            said = "the times fall (newest first): turned round" if way else "the times go back and forth: sorted"
            self.notes.append(said)
        return [rows[k] for k in order], at[order], read.kind, [labels[k] for k in order]

    def _names_of_rows(self, values, rows):
        """Texts that name the rows, or None, where no column holds times. UserError where they may be
        times, or where the rows may be several series."""
        none = self.options.time == "none"
        if none:
            self._say_falling(values)
            there = [p for p in self.places("text", "time") if p not in values]
            return self.texts(there[0], rows) if there else None
        if self.file.gaps:
            raise self.no(f"the line above is blank: a second table? {STAND}", self.file.gaps[0])
        there = [0] if self.row_names else [p for p in self.places("text") if p not in values]
        for place in there:
            texts = [*filter(None, self.texts(place, rows))]
            if not self.row_names and times.like_times(texts):
                raise self.no(
                    f"{self.names[place]} holds texts like times, {texts[0]!r} to {texts[-1]!r}, that cannot "
                    f"be read as such: write them as 2024-03-31; or {STAND}"
                )
        if there and not self.row_names and len({*self.texts(there[0], rows)}) < len(rows) and not self.options.where:
            raise self.no(
                f"{self.names[there[0]]} repeats itself: several series below each other? Give "
                f"{self._advice(there)}; or {STAND}"
            )
        return self.texts(there[0], rows) if there else None

    def _say_falling(self, values):
        """Say which column of times falls, where the user takes the rows as they stand."""
        for place in self.places("time"):
            at = self._dated(place).at if place not in values else np.zeros(1)
            if not np.isnan(at).any() and (np.diff(at) <= 0).all() and at[0] > at[-1]:
                self.notes.append(f"{self.names[place]} falls (newest first): the rows are taken as they stand")

    # which rows

    def _chosen(self):
        """The rows that fit all of --where name=text."""
        rows = self.rows
        for where in self.options.where:
            name, sign, text = map(str.strip, where.partition("="))
            if not sign:
                raise cli.UserError(f"--where {where!r}: give a column and its text, as station=north")
            place = self.place(name, "--where")
            there = self.texts(place)
            if text not in there:
                raise self.no(f"no row has {name} = {text!r}: it has {some([*dict.fromkeys(there)])}")
            if empty := there.count(""):
                raise self.no(f"{name} is empty in {empty} rows: is the text above meant there too? Fill them")
            rows = [n for n, cell in zip(rows, self.texts(place, rows)) if cell == text]
        return rows

    def _groups(self, used, rows):
        """The columns that may say which series a row belongs to."""
        wheres = {self.place(text.partition("=")[0].strip(), "--where") for text in self.options.where}
        free = [p for p in self.places("text", "number") if p not in used | wheres]
        return [p for p in free if kinds.repeats(self.cells(p, rows)) and self._names_series(p)]

    def _names_series(self, place):
        """Whether a column holds texts, or whole numbers, as those of stations."""
        return self.kinds[place][0] == "text" or all(text.isdigit() for text in self.texts(place) if text)

    def _advice(self, groups):
        """ "--where station=north, of north, south"."""
        there = [*dict.fromkeys(self.texts(groups[0]))]
        text = repr(there[0]) if " " in there[0] else there[0]
        return f"--where {self.names[groups[0]]}={text}, of {some(there)}"

    # numbers

    def _numbers(self, place, rows):
        """The numbers of a column; errors say the file, the line and the column."""
        options, name = self.options, self.names[place]
        words = {text.strip().lower() for words in options.missing for text in words.split(",")}
        plain = self.file.separator in (",", cells.BLANKS) and len(self.file.columns) > 1
        try:
            there = self.cells(place, rows)
            return numbers.read(there, words, options.decimal, "none" not in words, "." if plain else None)
        except numbers.NoNumber as error:
            why = f"{name} is {error.text!r}, {error.why}: mend it, or take it as missing"
            raise self.no(f"{why}: --missing {error.text!r}", rows[error.row]) from None
        except cli.UserError as error:
            raise self.no(f"{name}: {error}") from None

    def _refuse_sums(self, place, values):
        """UserError where each block of rows has its sum above or below it: these are no series."""
        for rows in (values, values[::-1]):
            if len(rows) <= 8 or (rows < 0).any():
                return
            begin = blocks = 0
            while begin < len(rows):
                sums = np.cumsum(rows[begin + 1 :])
                found = np.flatnonzero(np.isclose(sums, rows[begin], rtol=1e-9, atol=0))
                if not len(found) or found[0] == 0:
                    break
                begin, blocks = begin + int(found[0]) + 2, blocks + 1
            if begin >= len(rows):
                what = "a value that is the sum" if blocks == 1 else f"{blocks} values that are sums"
                raise self.no(f"{self.names[place]} holds {what} of those beside: take it out; or {STAND}")
