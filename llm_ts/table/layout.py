"""Cells -> a Table: its header, what each column holds, and the rows of its body."""

import re

from llm_ts.table import cells, numbers
from llm_ts.table.times import text_of

SAMPLE = 400  # cells by which a column is judged; of those that are used, all are read
WIDE = 5  # columns whose names count: the series stand in rows
UNITS = r"[\[(].{1,20}[\])]|[^\W\d_]{1,3}|\S{0,12}[/°%µ²³^]\S{0,12}|ISO ?8601|date|-|y+-m+-d+"


def some(texts, most=8):
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def unit_in(name):
    """ "Flow (m3/s)", "flow, m3/s" -> ("Flow", "m3/s"); ("flow", "") where there is none."""
    found = re.fullmatch(rf"(.+?)\s*(?:[\[(]([^()\[\]]{{1,20}})[\])]|,\s*({UNITS}))", name)
    return (found[1], (found[2] or found[3]).strip()) if found else (name, "")


def count_evenly(cells):
    """Whether cells are whole numbers in equal steps."""
    texts = [*map(text_of, cells)]
    whole = all(map(str.isdecimal, texts))
    steps = {int(b) - int(a) for a, b in zip(texts, texts[1:])} if whole else {0}
    return len(steps) == 1 and 0 not in steps


class Table:
    """names, units and kinds of the columns (see cells.kind_of); rows: the numbers of the body's."""

    def __init__(self, file, options):
        self.file, self.options, self.notes = file, options, [*file.notes]
        self.full = [p for p, column in enumerate(file.columns) if any(c != "" for c in column)]
        self.columns, header = [file.columns[p] for p in self.full], []
        self.units = [""] * len(self.full)
        self._judge(0)
        while not file.names and len(header) < len(file.lines) and self._is_header(len(header)):
            header.append([" ".join(text_of(cell).split()) for cell in self._row(len(header))])
        self.rows = [*range(len(header), len(file.lines))]
        if not self.rows or not self.full:
            raise self.error("it holds no rows: a header and rows of numbers are needed")
        names = self._header(header) if header else [(file.names or {p: ""})[p] for p in self.full]
        self.header = any(names)
        if not self.header and len(names) > 1:
            self.notes.append("no header: the columns are named by their places")
        self.units = [unit or unit_in(name)[1] for unit, name in zip(self.units, names)]
        self.names = [name or f"column {place + 1}" for place, name in zip(self.full, names)]
        self._judge(len(header))

    def error(self, text, row=None):
        """The UserError about a file, or about a row of it."""
        return self.file.error(text, None if row is None else self.file.lines[row])

    def texts(self, place):
        """The texts of a column of the body."""
        return [text_of(self.columns[place][n]) for n in self.rows]

    def _row(self, number):
        return [column[number] for column in self.columns]

    def _judge(self, begin):
        """Find the kinds of the columns from this row on."""
        step = 1 + len(self.file.lines) // SAMPLE
        self.kinds = [cells.kind_of(column[begin::step]) for column in self.columns]

    def places(self, *wanted):
        """The columns of these kinds."""
        return [p for p, (kind, _) in enumerate(self.kinds) if kind in wanted]

    def _is_header(self, number):
        """Whether a row names the columns: texts stand where times or numbers are below."""
        row = self._row(number)
        there = [(c, k) for c, k in zip(row, self.kinds) if k[0] in ("time", "number")]
        there = [(cell, kind) for cell, kind in there if not numbers.is_missing(cell)]
        good = [text_of(cell) for cell, kind in there if cells.fits(cell, *kind)]
        bad = [kind[0] for cell, kind in there if not cells.fits(cell, *kind)]
        if number or not good:
            return not good and (bool(bad) or number == 0)
        years = all(text.isdecimal() and 1500 <= int(text) < 2100 for text in good)
        if bad or not count_evenly(good):
            return "time" in bad and years  # date,2023
        below = [cell for cell, kind in zip(self._row(1), self.kinds) if kind[0] == "number"]
        if count_evenly(below):
            return False
        if years and row[0] != "" and len(good) < WIDE:
            raise self.error(f"{some(good)} may be names or numbers: --skip 1 leaves them out")
        return row[0] == "" or len(good) >= WIDE  # 0, 1 (pandas) or 1990, 1991 (series in rows)

    def _header(self, header):
        """The rows above the numbers -> the names of the columns; a second row may hold units."""
        names, lines = header[0], self.file.lines[: len(header)]
        if len(header) == 2 and len({*names}) == len(names):
            if all(re.fullmatch(UNITS, cell) for cell in filter(None, header[1])):
                self.units = [cell.strip("()[]") for cell in header.pop()]
                self.notes.append(f"units: {', '.join(filter(None, self.units))}")
        if len(header) > 1:
            what = f"{self.file.word}s {lines[0]} to {lines[-1]} stand above the numbers"
            raise self.error(f"{what}, one names the columns: --skip {lines[-1] - 1} takes the last")
        named = max((place + 1 for place, name in enumerate(names) if name), default=len(names))
        told, wide = self.file.ragged.get(0, named), len(names)
        if told > wide or self.file.separator and named < wide:
            if named != wide - 1 or not count_evenly(self.texts(0)):
                why = f"the rows have {wide} cells, and the header names {told}"
                raise self.error(f"{why}: decimal commas, or blanks in a name? Give --separator ;")
            names = ["", *names[:named]]  # R leaves out the first name
        return names

    def place(self, name, flag="--column"):
        """The column of a name, or of "#2". UserError if there is none, or more than one."""
        if re.fullmatch("#[0-9]+", name) and int(name[1:]) - 1 in self.full:
            return self.full.index(int(name[1:]) - 1)
        for same in (str, str.casefold, lambda text: unit_in(text)[0].casefold()):
            there = [p for p, own in enumerate(self.names) if same(own) == same(name)]
            if len(there) > 1:
                ways = " or ".join(f"{flag} {self.number(p)}" for p in there)
                raise self.error(f"it has {len(there)} columns named {name!r}: give {ways}")
            if there:
                return there[0]
        raise self.error(f"it has no column {name!r}: it has {self.listed(range(len(self.names)))}")

    def number(self, place):
        """The number of a column, as a flag takes it."""
        return f"'#{self.full[place] + 1}'"

    def listed(self, places):
        """The names of columns, with their numbers where two are alike."""
        alike = {p for p in places if self.names.count(self.names[p]) > 1}
        return some([self.names[p] + f" ({self.number(p)})" * (p in alike) for p in places], 20)

    def turned(self):
        """The Cells of the table with its rows as columns: names of the rows, and numbers."""
        digits = self.places("number", "empty")
        places = [p for p in range(len(self.names)) if p in digits or p == 0 or not self.header]
        columns = [[self.names[p] for p in places]] if self.header else []
        columns += [[self.columns[p][n] for p in places] for n in self.rows]
        notes = [*self.notes, "the series stands in a row"]
        lines = [self.full[p] + 1 for p in places]
        return cells.Cells(self.file.where, columns, lines, "column", notes=notes)
