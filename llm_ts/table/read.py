"""A Table -> its series: finds the column of times, those of values, and the rows of one series."""

import re
from dataclasses import dataclass, field, replace

import numpy as np

from llm_ts.base import cli
from llm_ts.table import cells, numbers, times
from llm_ts.table.layout import WIDE, Table, some

AXIS = set(  # words in the names of columns of times
    "year yr jahr année date datum day tag jour time zeit timestamp t unix epoch month monat week "
    "woche semaine hour heure stunde minute second sec period".split()
)
BACK = set("bp bc bce ago before until remaining age ka ma alter depth tiefe lag".split())
PARTS = {  # columns that are one time together, by their names
    "year": "year yr yy yyyy jahr année", "month": "month mon mo mm monat mois",
    "day": "day dd dy tag jour", "hour": "hour hh hr stunde heure", "minute": "minute min mn",
}  # fmt: skip
TOTAL = r"(?i)\W*(grand |sub)?(total|sum|gesamt|mean|average|mittel|moyenne|median|min|max|std).*"
STAND = "--time none takes the rows as they stand"


@dataclass(frozen=True)
class Options:
    """What a user may say about a file; each is the flag of describe.py of the same name."""

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

    values: (n,) floats, NaN where missing. at: (n,) floats that rise, None without times; kind: see
    times.read, or "number" (the column's own unit). labels: n texts that name the rows, or None.
    """

    source: str
    column: str
    unit: str
    values: np.ndarray
    at: np.ndarray | None = None
    kind: str | None = None
    labels: list | None = None
    notes: list = field(default_factory=list)
    picture: bool = False  # read off a picture, not from numbers
    hidden: tuple = ()  # topics about which what was read says nothing sure


def open_table(source, options=Options(), where=None):
    """The Reader of a file, opened once: a path ("-": stdin), or bytes, which `where` names."""
    file = cells.load(source, options.separator, options.skip, options.sheet, where)
    return Reader(file, options)


def _sums(rows):
    """Whether the first row is the sum of those behind it, up to the next such sum, and so on."""
    begin = 0
    while begin < len(rows) > 8 and (rows >= 0).all():
        sums = np.cumsum(rows[begin + 1 :])
        ends = np.flatnonzero(np.isclose(sums, rows[begin], rtol=1e-9, atol=0))
        if not len(ends) or ends[0] == 0:
            return False
        begin += int(ends[0]) + 2
    return begin > 0


class Reader(Table):
    """A Table that is read as the options say."""

    def columns_to_describe(self):
        """The names of the columns that can be described."""
        try:
            return [self.names[p] for p in self._values(self._time_places([]), every=True)]
        except cli.UserError:
            return []

    def series(self):
        """The list of Series that the options choose, each with what was done to it."""
        options, turned = self.options, self.file.word == "column"
        if not turned and (options.rows or len(self.rows) == 1 < len(self.names)):
            return Reader(self.turned(), replace(options, columns=options.rows)).series()
        self._choose_rows()
        named = [self.place(name, "--row" if turned else "--column") for name in options.columns]
        time = self._time_places(named)
        values = named or self._values(time, options.all_columns)
        for n in filter(self.file.ragged.get, self.rows):
            seen = f"it has {self.file.ragged[n]} cells, the others {len(self.file.columns)}"
            raise self.error(f"{seen}: mend it, or give --separator", n)
        at, kind, labels = self._timed(time, values) if time else self._untimed(values)
        out = []
        for place in values:
            notes = [*self.notes]
            found, unit = self._numbers(place, notes)
            if not time and options.time != "none" and (_sums(found) or _sums(found[::-1])):
                raise self._error_of(place, STAND)("some values are sums of those beside: take these out")
            name, unit = self.names[place], unit or self.units[place]
            out.append(Series(self.file.where, name, unit, found, at, kind, labels, notes))
        return out

    def _words(self, place):
        return {word.rstrip("s") for word in re.findall(r"[^\W\d_]+", self.names[place].lower())}

    def _way(self, place):
        """(1 where a column of numbers rises, -1 where it falls, 0; if evenly; its values)."""
        try:
            values, unit = self._numbers(place, [])
        except cli.UserError:
            return 0, False, None
        return (0, False, None) if unit else (times.one_way(values), times.evenly(values), values)

    def _values(self, time, every):
        """Places of the columns to describe: the only one that does not count evenly, or all."""
        digits = [place for place in self.places("number") if place not in time]
        chosen = [place for place in digits if not self._way(place)[1]] or digits
        others = [p for p in self.places("time", "text") if p not in time or not digits]
        texts = [f"{self.names[p]} holds {max(self.texts(p), key=len)[:40]!r}" for p in others]
        if not digits:
            raise self.error(f"it has no column of numbers: {some(texts, 3)}")
        if len(chosen) > 1 and not every:
            more = f"; or --row of {some(self.texts(0), 4)}" if len(chosen) >= WIDE else ""
            raise self.error(f"which column? --column of {self.listed(chosen)}, or --all-columns{more}")
        if texts and self._way(chosen[0])[1] and not time and not every:
            name = self.names[chosen[0]]
            raise self.error(f"only {name} holds numbers, and evenly; {texts[0]}: --column {name!r}?")
        return chosen

    def _time_places(self, values):
        """Places of the columns of times: [], one, or several that are one time together."""
        if self.options.time:
            name = self.options.time
            return [] if name == "none" else [self.place(name, "--time")]
        free = [place for place in range(len(self.names)) if place not in values]
        names = [name.lower() for name in self.names]
        parts = {part: p for part in PARTS for p in free if names[p] in PARTS[part].split()}
        if "year" in parts and "month" in parts:
            return [*parts.values()]
        clocks = [p for p in free if self.kinds[p] == ("time", "clock")]
        days = [p for p in free if self.kinds[p][0] == "time" and p not in clocks]
        digits = [p for p in self.places("number") if p in free]
        called = [p for p in digits if self._words(p) & AXIS]
        if len(days or called) > 1:
            raise self.error(f"{self.listed(days or called)} are all times: give one to --time")
        if days:
            more = clocks or [parts[part] for part in parts if part == "hour"]
            return days + (more[:1] if ":" not in self.texts(days[0])[0] else [])
        if clocks or len(digits) <= (0 if values else 1):
            return clocks[:1]
        for p in digits if not called else ():  # an axis of plain numbers, perhaps running back
            way, even, values = self._way(p)
            if way < 0 or way and (self._words(p) & BACK or even and p == digits[0]):
                return [p]
            if way and times.of_numbers(values, self._error_of(p, STAND))[1] != "number":
                return [p]
        return called

    def _times_of(self, places):
        """(texts of the rows' times, their times, their kind)."""
        place, error = places[0], self._error_of(places[0], STAND)
        labels, (kind, shape), words = self.texts(place), self.kinds[place], self._words(place)
        if len(places) > 1:
            labels = [*map(times.together, zip(*map(self.texts, places)))]
            names = " and ".join(self.names[p] for p in places)
            self.notes.append(f"{names} are one time together")
            kind, shape = "time", times.shape_of(labels, 0.5 * len(labels)) or "day"
        if kind == "time":
            return labels, *times.read(labels, shape, self.options.dates, error, self.notes)
        if kind != "number" or shape:
            raise error("it holds no times that can be read: give another to --time")
        at, kind = times.of_numbers(self._numbers(place, self.notes)[0], error)
        for n in np.flatnonzero(np.isnan(at)):
            raise error(f"{labels[n]!r} is no time: mend or drop it", n)
        if kind == "number" and words & BACK:
            raise error("it may run backwards in time: put the oldest row first")
        if kind == "number" and not self.options.time:
            if times.one_way(at) < 0:
                raise error(f"it falls: --time {self.number(place)} turns the rows round")
            said = f"{self.names[place]} rises evenly: taken as the axis of time (else --time none)"
            self.notes += [] if words & AXIS else [said]
        return labels, at, kind

    def _timed(self, places, values):
        """Put the rows in the order of time -> (at, kind, labels). UserError if they have none."""
        labels, at, kind = self._times_of(places)
        free = [place for place in self.places("text") if place not in (*places, *values)]
        groups = [place for place in free if 1 < len({*self.texts(place)}) <= len(at) / 3]
        unique, counts = np.unique(at, return_counts=True)
        if len(unique) < len(at):
            place = int(np.argmax(at == unique[np.argmax(counts)]))
            who = "every time" if counts.min() > 1 else repr(labels[place])
            which = ": several series? --where " + self._one_of(groups[0]) if groups else ""
            raise self.error(f"{who} stands {counts.max()} times, as a time{which}; or {STAND}")
        if groups and not self.options.where:
            self.notes.append(f"all are one series, else --where {self._one_of(groups[0])}")
        way = times.one_way(at) if len(at) > 2 else 1
        if not way:
            falls = np.diff(at) < 0
            place = int(np.argmax(falls if falls.mean() <= 0.5 else ~falls))
            both = f"{labels[place + 1]!r} follows {labels[place]!r}"
            raise self.error(f"its times go back and forth: {both}: sort the rows, or {STAND}")
        self.notes += ["the times fall (newest first): turned round"] if way < 0 else []
        self.rows = self.rows[::way]
        return at[::way], kind, labels[::way]

    def _untimed(self, values):
        """(None, None, texts that name the rows or None). UserError: times? several series?"""
        if self.options.time == "none":
            there = [place for place in self.places("time", "text") if place not in values]
            texts = self.texts(there[0]) if there else None
            self.notes += [f"rows as they stand, {texts[0]} to {texts[-1]}"] if there else []
            return None, None, texts
        there = [place for place in self.places("text") if place not in values]
        for place in there:
            texts, error = self.texts(place), self._error_of(place, STAND)
            if place == there[0] and len({*texts}) < len(texts) and not self.options.where:
                raise error(f"texts repeat themselves: several series? --where {self._one_of(place)}")
            typed = {type(self.columns[place][n]) for n in self.rows}
            if not times.rise(texts) or len(typed) > 1:
                both = f"{texts[0]!r} to {texts[-1]!r}"
                raise error(f"{both} hold numbers that do not rise: times? Write 2024-03-31")
            if re.fullmatch(TOTAL, texts[-1]):
                raise error(f"{texts[-1]!r} seems to be no row of the series: drop it", -1)
        return None, None, self.texts(there[0]) if there else None

    def _choose_rows(self):
        """Keep the rows that fit all of --where name=text."""
        for where in self.options.where:
            name, sign, text = map(str.strip, where.partition("="))
            if not sign:
                raise cli.UserError(f"--where {where!r}: give a column and its text: station=north")
            place = self.place(name, "--where")
            there = self.texts(place)
            if text not in there:
                raise self.error(f"no row has {name} = {text!r}: it has {some([*{}.fromkeys(there)])}")
            if empty := there.count(""):
                raise self.error(f"{name} is empty in {empty} rows: is it meant as above? Fill them")
            self.rows = [n for n, cell in zip(self.rows, there) if cell == text]

    def _one_of(self, place):
        """ "station=north|south"."""
        return f"{self.names[place]}={'|'.join([*dict.fromkeys(self.texts(place))][:8])}"

    def _error_of(self, place, else_=""):
        """A function that makes the UserError of a column, or of a place in it; else_: what always helps."""
        name, end = self.names[place], f"; or {else_}" if else_ else ""
        rows = self.rows
        return lambda text, n=None: self.error(f"{name}: {text}{end}", None if n is None else rows[n])

    def _numbers(self, place, notes):
        """(values, unit) of a column; errors say the file, the line and the column."""
        missing = {text.strip().lower() for text in ",".join(self.options.missing).split(",")}
        plain = self.file.separator in (",", cells.BLANKS) and len(self.file.columns) > 1
        there, error = [self.columns[place][n] for n in self.rows], self._error_of(place)
        default = "." if plain else None
        return numbers.read(there, error, notes, missing, self.options.decimal, default)
