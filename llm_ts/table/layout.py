"""Cells -> a Table: its header, what each column holds, and the rows of its body."""

import re
from collections import Counter

from llm_ts.table import cells, kinds, numbers
from llm_ts.table.times import text_of

MOST_HEADER = 30  # lines above the data
SAMPLE = 400  # cells by which a column is judged; of those that are used, all are read
WIDE = 5  # columns whose names count or are times: the series stand in rows
RULE = re.compile(r"[-=+:|_ ]*[-=]{2}[-=+:|_ ]*")  # a line of dashes below the names, as in Markdown
YEARS = re.compile("(1[5-9]|20)[0-9]{2}")
TOTAL = re.compile(
    r"(?i)\W*(grand |sub|zwischen|gesamt)?-?\s?(totals?|sum|summe|gesamt|somme|totale|suma|mean|average|avg|"
    r"mittel(wert)?|moyenne|media|median|min(imum)?|max(imum)?|std(ev)?|count)\b.*"
)


def some(texts, most=8):
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def _plain(name):
    return " ".join(name.split()).casefold()


def _is_rule(row):
    there = [cell for cell in row if cell != ""]
    return bool(there) and all(isinstance(cell, str) and RULE.fullmatch(cell) for cell in there)


class Table:
    """names, units and kinds (kind, shape or unit) of the columns; rows: those of the body, by number."""

    def __init__(self, file):
        self.file, self.where, self.notes = file, file.where, [*file.notes]
        self.full = [p for p, column in enumerate(file.columns) if any(cell != "" for cell in column)]
        if not self.full:
            raise self.no("it holds no cell with text: a header and rows of numbers are needed")
        self.columns = [file.columns[p] for p in self.full]
        self.header, self.row_names, begin = [], False, 0
        self.units = [""] * len(self.full)
        if file.names:
            self.names = [file.names[p] or f"column {p + 1}" for p in self.full]
        else:
            begin = self._titles()
            self._judge(begin)
            begin = self._find_header(begin)
            self._name_columns(begin)
        self.rows = [*range(begin, len(file.lines))]
        if not self.rows:
            raise self.no("it has a header and no rows")
        self._judge(begin)
        self._leave_out_below()

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
        self.kinds = [kinds.kind_of([column[n] for n in rows]) for column in self.columns]

    def places(self, *wanted):
        """The columns of these kinds; names of the rows, as R writes them, are none of numbers."""
        return [p for p, (kind, _) in enumerate(self.kinds) if kind in wanted and not (p == 0 and self.row_names)]

    # the header

    def _titles(self):
        """How many rows at the top hold one text alone, where the others hold more; they are said."""
        head = [self.row(n) for n in range(min(len(self.file.lines), MOST_HEADER))]
        full = [sum(cell != "" for cell in row) for row in head]
        wide, begin = Counter(full).most_common(1)[0][0], 0
        while begin < len(head) - 1 and wide > 1 == full[begin] and head[begin][0] != "":
            r = self.file.quoted and wide == 2  # R leaves out the name of its rows' names
            if numbers.kind_of(head[begin][0]) is not None or r:
                break
            begin += 1
        if begin:
            titles = " | ".join(text_of(row[0]) for row in head[:begin])
            self.notes.append(f"lines above the table skipped: {titles[:80]}")
        return begin

    def _find_header(self, begin):
        """Read the rows of the header from begin on; the number of the row behind it."""
        while begin < len(self.file.lines) and len(self.header) < MOST_HEADER:
            row = self.row(begin)
            if not _is_rule(row):
                if not self._is_header(begin):
                    break
                if self.file.ragged.get(begin, 0) > len(self.file.columns):
                    raise self.no(f"it names more columns than the rows have, parted by {self.file.parted}", begin)
                self.header.append([" ".join(text_of(cell).split()) for cell in row])
            begin += 1
        return begin

    def _is_header(self, number):
        """Whether a row names the columns: texts stand where times or numbers are below."""
        row, first, last = self.row(number), not self.header, number + 1 == len(self.file.lines)
        there = [(cell, kind) for cell, kind in zip(row, self.kinds) if kind[0] in ("time", "number")]
        there = [(cell, kind) for cell, kind in there if not numbers.is_missing(cell)]
        good = [text_of(cell) for cell, kind in there if kinds.fits(cell, *kind)]
        bad = [kind[0] for cell, kind in there if not kinds.fits(cell, *kind)]
        if first and not last and len(good) > 1 and not bad and kinds.count_evenly(good):
            below = [cell for cell, (kind, _) in zip(self.row(number + 1), self.kinds) if kind == "number"]
            if not kinds.count_evenly(below):  # names: 0, 1 (pandas), or 1990, 1991, ... (series in rows)
                if row[0] == "" or len(good) >= WIDE:
                    return True
                if all(map(YEARS.fullmatch, good)):
                    raise self.no(f"{', '.join(good)} may be names or numbers: --skip 1 leaves them out")
        if not there:
            return first
        return not good or first and "time" in bad and all(map(YEARS.fullmatch, good))

    def _name_columns(self, begin):
        """Find the names and units of the columns: in the header, in a comment above, or by place."""
        header, width, file = self.header, len(self.columns), self.file
        if len(header) == 2 and len({*filter(None, header[0])}) == len([*filter(None, header[0])]):
            if all(re.fullmatch(kinds.UNITS, cell) for cell in filter(None, header[1])):
                self.units = [cell.strip("()[]") for cell in header.pop()]
                self.notes.append(f"units: {', '.join(filter(None, self.units))}")
        if len(header) > 1:
            raise self.no(
                f"{len(header)} lines of text stand above the numbers, where one names the columns: "
                f"--skip {file.lines[begin - 1] - 1} leaves the first out"
            )
        names = header[0] if header else [""] * width
        above = [text for line, text in file.comments.items() if line < file.lines[0]]
        if not header and above:  # "# day flow"
            told = re.split(r"\s+" if file.separator == cells.BLANKS else r"\s*[,;\t|]\s*", above[-1])
            names = told if len(told) == width and not any(map(numbers.match, told)) else names
        if not any(names) and width > 1:
            self.notes.append("no header: the columns are named by their places")
        named = max((place + 1 for place, name in enumerate(names) if name), default=width)
        if file.separator and named < width:
            names = self._shifted(names, named, begin)
        self.units = [unit or kinds.unit_in(name)[1] for unit, name in zip(self.units, names)]
        self.names = [name or f"column {place + 1}" for place, name in zip(self.full, names)]

    def _shifted(self, names, named, begin):
        """Names for rows with one cell more than the header: R leaves out the name of its rows' names."""
        first = [str(cell) for cell in self.columns[0][begin:]]
        counted = kinds.count_evenly(first) and (self.file.quoted or self.file.separator == cells.BLANKS)
        self.row_names = named == len(names) - 1 and counted
        if not self.row_names:
            raise self.no(
                f"the rows have {len(names)} cells parted by {self.file.parted}, and the header names {named}: "
                "are there decimal commas? Part the cells by semicolons, or give --separator"
            )
        self.notes.append("one name fewer than cells: the first column holds the names of the rows")
        return ["", *names[:named]]

    # the rows

    def _leave_out_below(self):
        """Leave out, and say, rows at the end that are named as a total, or hold a remark and no value."""
        left = []
        while len(self.rows) > 1:
            there = [(c, k) for c, k in zip(self.row(self.rows[-1]), self.kinds) if not numbers.is_missing(c)]
            text, kind = there[0] if there else ("", ("text", ""))
            values = [text_of(cell) for cell, k in there if k[0] == "number" and kinds.fits(cell, *k)]
            if not isinstance(text, str) or kinds.fits(text, *kind) or values and not TOTAL.fullmatch(text):
                break
            number = self.rows.pop()
            self.file.ragged.pop(number, None)
            value = f" (its value is {values[0]})" if values else ""
            left.append(f"{self.file.word} {self.file.lines[number]} left out: {text!r} is no row of the series{value}")
        self.notes += left[:2] + ([f"{len(left) - 2} more left out"] if len(left) > 2 else [])

    # the columns

    def place(self, name, flag="--column"):
        """The column of a name, or of "#2". UserError where there is none, or more than one."""
        number = int(name[1:]) - 1 if re.fullmatch("#[0-9]+", name) else -1
        if number in self.full:
            return self.full.index(number)
        for same in (str, _plain, lambda text: _plain(kinds.unit_in(text)[0])):
            places = [place for place, own in enumerate(self.names) if same(own) == same(name)]
            if len(places) == 1:
                return places[0]
            if places:
                ways = " or ".join(f"{flag} {self.number(place)}" for place in places)
                raise self.no(f"it has {len(places)} columns named {name!r}: give {ways}")
        raise self.no(f"it has no column {name!r}: it has {self.listed(range(len(self.names)))}")

    def number(self, place):
        """The number of a column, as a flag takes it."""
        return f"'#{self.full[place] + 1}'"

    def listed(self, places):
        """The names of columns, with their numbers where two are alike."""
        own = self.names
        return some([own[p] + (f" ({self.number(p)})" if own.count(own[p]) > 1 else "") for p in places], 20)

    # series in rows

    def across(self):
        """What says that the series stand in rows: names of columns that are times or count, or a table
        that lies down; "" where nothing does."""
        there = [self.names[p] for p in self.places("number", "empty")]
        if len(there) >= WIDE and (kinds.kind_of(there)[0] == "time" or kinds.count_evenly(there)):
            return f"the columns are {there[0]} to {there[-1]}"
        lies = len(self.places("number")) >= max(WIDE, 2 * len(self.rows)) and not self.places("time")
        return f"{len(self.names)} columns and {len(self.rows)} rows" if lies else ""

    def turned(self):
        """The Cells of the table with its rows as columns: the names of the rows, and the numbers."""
        places = [p for p in range(len(self.names)) if p in self.places("number", "empty") or p == 0]
        columns = [[self.columns[p][n] for p in places] for n in self.rows]
        if self.header or self.file.names:
            columns.insert(0, [self.names[p] for p in places])
        notes = [*self.notes, f"the series stands in a row, {len(places)} cells"]
        return cells.Cells(self.where, columns, [self.full[p] + 1 for p in places], "column", notes=notes)
