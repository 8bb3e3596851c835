"""Cells -> a Table: its header, what each column holds, and the rows of its body."""

import re

from llm_ts.table import cells, numbers
from llm_ts.table.times import text_of

SAMPLE = 400  # cells by which a column is judged; of those that are used, all are read
WIDE = 5  # columns whose names count or are times: the series stand in rows

UNITS = r"[\[(].{1,20}[\])]|[^\W\d_]{1,3}|\S{0,12}[/°%µ²³^]\S{0,12}|ISO ?8601|date|utc|-|\S*y{2,4}\S*m{2}\S*"


def some(texts, most=8):
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def _plain(name):
    return " ".join(name.split()).casefold()


def unit_in(name):
    """ "Flow (m3/s)" -> ("Flow", "m3/s"); "flow, m3/s" likewise; ("flow", "") where there is none."""
    found = re.fullmatch(rf"(.+?)\s*(?:[\[(]([^()\[\]]{{1,20}})[\])]|,\s*({UNITS}))", name)
    return (found[1], (found[2] or found[3]).strip()) if found else (name, "")


def count_evenly(cells):
    """Whether cells are whole numbers in equal steps."""
    texts = [*map(text_of, cells)]
    steps = {int(b) - int(a) for a, b in zip(texts, texts[1:])} if all(map(str.isdecimal, texts)) else ()
    return len(steps) == 1 and 0 not in steps


class Table:
    """names, units and kinds (kind, shape or unit) of the columns; rows: those of the body, by number."""

    def __init__(self, file, options):
        self.file, self.options, self.notes = file, options, [*file.notes]
        self.full = [p for p, column in enumerate(file.columns) if any(cell != "" for cell in column)]
        if not self.full:
            raise self.no("it holds no cell with text: a header and rows of numbers are needed")
        self.columns = [file.columns[p] for p in self.full]
        self.units, self.row_names, header = [""] * len(self.full), False, []
        self._judge(0)
        if not file.names:
            while len(header) < len(file.lines) and self._is_header(len(header)):
                header.append([" ".join(text_of(cell).split()) for cell in self.row(len(header))])
        self.rows = [*range(len(header), len(file.lines))]
        if not self.rows:
            raise self.no("it has a header and no rows")
        names = self._header(header) if header else file.names and [file.names[p] for p in self.full]
        if not names and len(self.full) > 1:
            self.notes.append("no header: the columns are named by their places")
        self.header = names or [""] * len(self.full)
        self.units = [unit or unit_in(name)[1] for unit, name in zip(self.units, self.header)]
        self.names = [name or f"column {place + 1}" for place, name in zip(self.full, self.header)]
        self._judge(len(header))

    def no(self, text, row=None):
        """The UserError of a file, or of a row of it."""
        return self.file.no(text, None if row is None else self.file.lines[row])

    def row(self, number):
        return [column[number] for column in self.columns]

    def cells(self, place, rows=None):
        """The cells of a column: of the body, or of some rows."""
        return [self.columns[place][n] for n in (self.rows if rows is None else rows)]

    def texts(self, place, rows=None):
        return [*map(text_of, self.cells(place, rows))]

    def _judge(self, begin):
        """Find the kinds of the columns from this row on."""
        rows = range(begin, len(self.file.lines), max(1, (len(self.file.lines) - begin) // SAMPLE))
        self.kinds = [cells.kind_of([column[n] for n in rows]) for column in self.columns]

    def places(self, *wanted):
        """The columns of these kinds; names of the rows, as R writes them, are none of numbers."""
        return [p for p, (kind, _) in enumerate(self.kinds) if kind in wanted and not (p == 0 and self.row_names)]

    # the header

    def _is_header(self, number):
        """Whether a row names the columns: texts stand where times or numbers are below."""
        row, last = self.row(number), number + 1 == len(self.file.lines)
        there = [(cell, kind) for cell, kind in zip(row, self.kinds) if kind[0] in ("time", "number")]
        there = [(cell, kind) for cell, kind in there if not numbers.is_missing(cell)]
        good = [cell for cell, kind in there if cells.fits(cell, *kind)]
        bad = [kind[0] for cell, kind in there if not cells.fits(cell, *kind)]
        if number or not good:
            return not good and (bool(bad) or number == 0)
        years = all(text.isdigit() and 1500 <= int(text) < 2100 for text in map(text_of, good))
        if bad or last or len(good) == 1 or not count_evenly(good):
            return "time" in bad and years  # date,2023
        below = [cell for cell, (kind, _) in zip(self.row(1), self.kinds) if kind == "number"]
        if count_evenly(below):
            return False
        if years and row[0] != "" and len(good) < WIDE:
            raise self.no(f"{some([*map(text_of, good)])} may be names or numbers: --skip 1 leaves them out")
        return row[0] == "" or len(good) >= WIDE  # names: 0, 1 (pandas), or 1990, 1991, ... (series in rows)

    def _header(self, header):
        """The rows above the numbers -> the names of the columns; the second may hold their units."""
        file, names = self.file, header[0]
        if len(header) == 2 and len({*names}) == len(names):
            if all(re.fullmatch(UNITS, cell) for cell in filter(None, header[1])):
                self.units = [cell.strip("()[]") for cell in header.pop()]
                self.notes.append(f"units: {', '.join(filter(None, self.units))}")
        if len(header) > 1:
            lines = f"{file.word}s {file.lines[0]} to {file.lines[len(header) - 1]}"
            skip = file.lines[len(header) - 1] - 1
            raise self.no(f"{lines} stand above the numbers, and one names the columns: --skip {skip} takes the last")
        named = max((place + 1 for place, name in enumerate(names) if name), default=len(names))
        more = file.ragged.get(0, 0) > len(file.columns)
        if more or file.separator and named < len(names):
            first = self.cells(0)
            r = named == len(names) - 1 and count_evenly(first)  # R leaves out the name of its rows' names
            if more or not r:
                told = file.ragged[0] if more else named
                raise self.no(
                    f"the rows have {len(names)} cells, and the header names {told}: are there decimal commas, or "
                    "blanks in a name? Part the cells by semicolons, or give --separator"
                )
            self.row_names, names = True, ["", *names[:named]]
            self.notes.append("one name fewer than cells: the first column holds the names of the rows")
        return names

    # the columns

    def place(self, name, flag="--column"):
        """The column of a name, or of "#2". UserError where there is none, or more than one."""
        if re.fullmatch("#[0-9]+", name) and int(name[1:]) - 1 in self.full:
            return self.full.index(int(name[1:]) - 1)
        for same in (str, _plain, lambda text: _plain(unit_in(text)[0])):
            there = [p for p, own in enumerate(self.names) if same(own) == same(name)]
            if len(there) > 1:
                ways = " or ".join(f"{flag} {self.number(p)}" for p in there)
                raise self.no(f"it has {len(there)} columns named {name!r}: give {ways}")
            if there:
                return there[0]
        raise self.no(f"it has no column {name!r}: it has {self.listed(range(len(self.names)))}")

    def number(self, place):
        """The number of a column, as a flag takes it."""
        return f"'#{self.full[place] + 1}'"

    def listed(self, places):
        """The names of columns, with their numbers where two are alike."""
        own = self.names
        return some([own[p] + (f" ({self.number(p)})" if own.count(own[p]) > 1 else "") for p in places], 20)

    def turned(self):
        """The Cells of the table with its rows as columns: the names of the rows, and the numbers."""
        named = any(self.header)
        places = [p for p in range(len(self.names)) if p in self.places("number", "empty") or p == 0 or not named]
        columns = [[self.columns[p][n] for p in places] for n in self.rows]
        columns = [[self.names[p] for p in places], *columns] if named else columns
        notes = [*self.notes, f"the series stands in a row, {len(places)} cells"]
        return cells.Cells(self.file.where, columns, [self.full[p] + 1 for p in places], "column", notes=notes)
