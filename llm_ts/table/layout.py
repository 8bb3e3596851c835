"""Cells -> a Table: where the header ends and what it says, what each column holds, which rows are none."""

import re
from collections import Counter

from llm_ts import cli
from llm_ts.spelling import kinds, numbers, times
from llm_ts.table import cells
from llm_ts.spelling.times import text_of

MOST_HEADER = 30  # lines above the data
SAMPLE = 400  # cells by which the kind of a column is judged; of those that are used, all are read
WIDE = 5  # columns whose names are times: the series stand in rows
RULE = re.compile(r"[-=+:|_ ]*[-=]{2}[-=+:|_ ]*")  # a line of dashes below the names, as in Markdown
YEARS = re.compile("(1[5-9]|20)[0-9]{2}")


def some(texts, most=8):
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def _plain(name):
    return " ".join(name.split()).casefold()


def _name(cell):
    return " ".join(str(cell).strip("'").split())


def _is_rule(row):
    there = [cell for cell in row if cell != ""]
    return bool(there) and all(isinstance(cell, str) and RULE.fullmatch(cell) for cell in there)


class Table:
    """names, units, kinds and shapes of the columns, by place; rows: those of the body, by number."""

    def __init__(self, file):
        self.file, self.where, self.notes = file, file.where, [*file.notes]
        self.full = [p for p, column in enumerate(file.columns) if any(cell != "" for cell in column)]
        if not self.full:
            raise self.no("it holds no cell with text: a header and rows of numbers are needed")
        self.columns, self.row_names, self.aliases = [file.columns[p] for p in self.full], False, {}
        self.header, self.end = [], 0
        self.names, self.units = file.names and [file.names[p] for p in self.full], [""] * len(self.full)
        if not self.names:
            head = [self.row(n) for n in range(min(len(file.lines), MOST_HEADER + 1))]
            begin = self._titles(head)
            self._judge(begin)
            self._find_header(head, begin)
            self._name_columns()
        if self.end >= len(file.lines):
            raise self.no("it has a header and no rows")
        self._judge(self.end)
        self._leave_out()

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
        self.kinds, self.shapes = zip(*(kinds.kind_of([column[n] for n in rows]) for column in self.columns))

    def places(self, *kinds):
        """The columns of these kinds; R's names of the rows are none of numbers."""
        there = [p for p, kind in enumerate(self.kinds) if kind in kinds]
        return [p for p in there if p or not self.row_names or self.kinds[p] != "number"]

    # the header

    def _titles(self, head):
        """How many rows at the top hold one text alone, where the others hold more; they are said."""
        wide = Counter(sum(cell != "" for cell in row) for row in head).most_common(1)[0][0]
        for number, row in enumerate(head):
            there = [cell for cell in row if cell != ""]
            title = wide > 1 and len(there) == 1 and row[0] != "" and not numbers.is_number(row[0])
            title = _is_rule(row) or title and not times.shape_of(there * 3)
            r = self.file.quoted and wide == 2 and any(map(numbers.is_number, (head + [[]])[number + 1]))
            if not title or r:
                break
        if above := [" ".join(map(str, row)).strip() for row in head[:number] if not _is_rule(row)]:
            self.notes.append(f"lines above the table skipped: {' | '.join(above)[:80]}")
        return number

    def _find_header(self, head, begin):
        """The rows of the header, and how many rows stand above the data."""
        self.end = begin
        for row, after in zip(head[begin:], [*head[begin + 1 :], None]):
            if not _is_rule(row):
                first = not any(above[p] for above in self.header for p in self.places("number"))
                if not self._is_header(row, after, first):
                    return
                self.header.append([*map(_name, row)])
            if self.file.ragged.get(self.end, 0) > self.file.width:
                raise self.no(f"it names more columns than the rows have, parted by {self.parted}", self.end)
            self.end += 1
        self.header, self.end = [[*map(_name, head[begin])]], begin + 1  # no numbers: the columns say so

    def _is_header(self, row, after, first):
        """Whether a row names the columns: texts stand where times or numbers are below."""
        if first and row[0] == "" and [*map(str, row[1:])] == [*map(str, range(len(row) - 1))] != []:
            return True  # ",0,1": what pandas writes where nobody named the columns
        there = [p for p in self.places("number") if not numbers.is_missing(row[p])]
        digits = [text_of(row[p]) for p in there if numbers.is_number(row[p])]
        for cell, kind in zip(row, self.kinds):
            if kind == "time" and cell != "":  # a strange time beside numbers is no name
                whole = all(map(re.compile(r"\d{1,4}").fullmatch, digits)) and len(there) == len(digits)
                return not times.shape_of([cell] * 3) and (whole or not digits)
        if first and after and len(digits) == len(there) > 1 and kinds.count_evenly(digits):
            if not kinds.count_evenly([text_of(after[p]) for p in there]):
                if len(digits) >= WIDE:  # the times of series in rows: country, 1990, 1991, ...
                    return True
                if all(map(YEARS.fullmatch, digits)):
                    raise self.no(f"{', '.join(digits)} may be names or numbers: --skip 1 leaves them out")
        return len(digits) < 0.5 * len(there) if there else first and "time" not in self.kinds

    def _name_columns(self):
        """The names and units of the columns from the rows of the header, from a comment, or by place."""
        header, width = self.header, len(self.columns)
        if not header:
            blanks = r"|\s+" if self.file.separator == cells.BLANKS else ""
            names = re.split(rf"[,;\t|]\s*{blanks}", self.file.comment) if self.file.comment else []
            if len(names) == width and not any(map(numbers.is_number, names)):  # "# day flow"
                header = [[*map(str.strip, names)]]
            elif width > 1:
                self.notes.append("no header: the columns are named by their places")
        if len(header) > 1 and kinds.are_units(header[-1], header[-2]):
            self.units = [cell.strip("()[]") for cell in header[-1]]
            units = ", ".join(filter(None, self.units))
            self.notes.append(f"units taken from the line below the header: {units}")
            header = header[:-1]
        names = header[-1] if header else [""] * width
        if len(header) == 2:
            above, names = "", []
            for cell, name in zip(*header):
                above = cell or above  # a merged cell stands above several
                names.append(" ".join(dict.fromkeys(filter(None, (above if above != name else "", name)))))
            for row in header[::-1]:
                self.aliases.update({_plain(name): p for p, name in enumerate(row) if row.count(name) == 1})
            self.notes.append("the header has two lines: joined")
        elif len(header) > 2:
            self.notes.append(f"{len(header) - 1} lines above the header skipped")
        named = max((place + 1 for place, cell in enumerate(names) if cell), default=width)
        if self.file.separator and named < width:
            names = self._shifted(names, named)
        self.units = [unit or kinds.unit_in(name)[1] for unit, name in zip(self.units, names)]
        self.names = [name or f"column {place + 1}" for place, name in enumerate(names)]

    def _shifted(self, names, named):
        """Names for rows with more cells than the header: R leaves out the name of its rows' names."""
        body = range(self.end, len(self.file.lines))
        more = [n for n in body if any(column[n] != "" for column in self.columns[named:])]
        counted = self.file.separator == cells.BLANKS and kinds.count_up(self.columns[0][self.end :])
        self.row_names = named == len(names) - 1 and (self.file.quoted or counted) and len(more) >= 0.9 * len(body)
        if self.row_names:
            self.notes.append("one name fewer than cells: the first column holds the names of the rows")
            return ["", *names[:named]]
        if len(more) < 0.2 * len(body):  # rows that will say it, or remarks below
            return names
        raise self.no(
            f"it has more cells parted by {self.parted} than the header, which names {named}: are there "
            "decimal commas? Part the cells by semicolons, or give --separator", more[0]
        )  # fmt: skip

    @property
    def parted(self):
        return cells.SEPARATORS.get(self.file.separator, self.file.separator)

    # the columns and the rows

    def _leave_out(self):
        """Leave out comments, lines of dashes, and the header where it comes again; all of that is said."""
        first = dict(enumerate(self.columns[0][self.end :], self.end))
        odd = {n for n, cell in first.items() if str(cell)[:1] == "#"}
        odd = odd if len(odd) < 0.5 * len(first) else set()  # else they are names, as #1
        rules = {n for n, cell in first.items() if str(cell)[:1] in "-=+:|_" and _is_rule(self.row(n))}
        again = {n for n, cell in first.items() if self.header and _name(cell) == self.header[-1][0]}
        again = {n for n in again if [*map(_name, self.row(n))] == self.header[-1]}
        self.notes += [f"{len(odd)} comment lines between the rows skipped"] if odd else []
        self.notes += [f"the header comes again {len(again)} times: skipped"] if again else []
        self.rows = [n for n in first if n not in odd | rules | again] if odd | rules | again else [*first]

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
        if _plain(name) in self.aliases:
            return self.aliases[_plain(name)]
        raise self.no(f"it has no column {name!r}: it has {self.listed(range(len(self.names)))}")

    def number(self, place):
        """The number of a column, as a flag takes it."""
        return f"'#{self.full[place] + 1}'"

    def listed(self, places):
        """The names of columns, with their numbers where two are alike."""
        own = self.names
        return some([own[p] + (f" ({self.number(p)})" if own.count(own[p]) > 1 else "") for p in places], 20)

    def seen(self, places):
        """What columns hold, by the first cell that is no number: "sea holds 'calm'"."""
        there = {p: sorted(filter(None, self.texts(p)), key=numbers.is_number)[:1] for p in places}
        return some([f"{self.names[p]} holds {(texts or [''])[0][:40]!r}" for p, texts in there.items()], 4)

    def numbers(self, place):
        """The numbers of a column as an axis; a few cells that are none are missing. None for no axis."""
        there = self.cells(place)
        bad = {cell for cell in dict.fromkeys(there) if not numbers.is_number(cell)} - {""}
        try:
            there = ["" if cell in bad else cell for cell in there] if bad else there
            return numbers.read(there, default=".", codes=False) if len(bad) < 6 else None
        except cli.UserError:
            return None

    def across(self):
        """What says that the series stand in rows: names of columns that are times or count, or a table that
        lies down; "" where nothing does."""
        there = [self.names[p] for p in self.places("number", "empty")]
        there = [name for name in there if times.shape_of([name] * 3) or name.isdigit()]
        if len(there) >= WIDE and (times.shape_of(there) or kinds.count_evenly(there)):
            return f"the columns are times, {there[0]} to {there[-1]}"
        strong = any(shape and shape not in times.WEAK for shape in self.shapes)
        lies = not strong and self.kinds.count("number") >= max(WIDE, 2 * len(self.rows))
        return f"{len(self.names)} columns and {len(self.rows)} rows" if lies else ""

    def turned(self):
        """The Cells of the table with its rows as columns."""
        places = self.places("time", "number", "text")
        columns = [[self.columns[p][n] for p in places] for n in self.rows]
        if self.header or self.file.names:
            columns.insert(0, [self.names[p] for p in places])
        notes = [*self.notes, f"the series stands in a row, {len(places)} cells"]
        return cells.Cells(self.where, columns, [self.full[p] + 1 for p in places], "column", notes=notes)
