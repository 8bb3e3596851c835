"""Cells -> a Table: where the header ends and what it says, what each column holds, which rows are none."""

import re
from collections import Counter

from llm_ts import cli
from llm_ts.table import cells, numbers, times
from llm_ts.table.grammar import WORDS, pattern
from llm_ts.table.times import text_of

MOST_HEADER = 30  # lines above the data
SAMPLE = 400  # cells by which the kind of a column is judged; of those that are used, all are read
WIDE = 5  # columns whose names are times: the series stand in rows
UNIT, NO_UNIT = pattern("cells", "unit-name"), WORDS["cells"]["no-unit"]
RULE = re.compile(r"[-=+:|_ ]*[-=]{2}[-=+:|_ ]*")  # a line of dashes below the names, as in Markdown


def kind_of(there):
    """Cells -> ("time", shape), ("number", shape or None), ("text", None) or ("empty", None)."""
    there = [cell for cell in there if not numbers.is_missing(cell)]
    shape, good = times.shape_of(there), sum(map(numbers.is_number, there))
    if not there or shape and shape not in times.WEAK:
        return ("time", shape) if there else ("empty", None)
    if good >= 0.7 * len(there) and good >= len(there) - max(4, 0.2 * len(there)):
        found = [numbers.match(cell) for cell in there if isinstance(cell, str)]
        units = Counter((cell["unit"] or "").strip() for cell in found if cell)
        if not units or units.most_common(1)[0][1] >= 0.5 * units.total():  # "3a", "4b": names
            return "number", shape
    return ("time", shape) if shape else ("text", None)


def some(texts, most=8):
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def unit_in(name):
    """ "Flow (m3/s)" -> ("Flow", "m3/s"); "flow, m3/s" likewise; ("flow", "") where there is none."""
    found = re.fullmatch(r"(.+?)\s*[\[(]\s*([^()\[\]]{1,20}?)\s*[\])]", name)
    if not found and (comma := re.fullmatch(r"(.+?)\s*,\s*(\S{1,12})", name)) and UNIT.fullmatch(comma[2]):
        found = comma
    return (found[1], found[2]) if found else (name, "")


def _plain(name):
    return " ".join(name.split()).casefold()


def _name(cell):
    return " ".join(str(cell).strip("'").split())


def _counts_evenly(texts):
    """Whether texts are whole numbers in equal steps, up or down."""
    if not all(re.fullmatch("[0-9]{1,9}", text) for text in texts):
        return False
    steps = {int(b) - int(a) for a, b in zip(texts, texts[1:])}
    return len(steps) == 1 and 0 not in steps


def _is_rule(row):
    there = [cell for cell in row if cell != ""]
    return bool(there) and all(isinstance(cell, str) and RULE.fullmatch(cell) for cell in there)


class Table:
    """names, units, kinds and shapes of the columns, by place; rows: those of the body, by number."""

    def __init__(self, file):
        self.file, self.where, self.notes = file, file.where, file.notes
        self.full = [p for p, column in enumerate(file.columns) if any(cell != "" for cell in column)]
        if not self.full:
            raise self.no("it holds no cell with text: a header and rows of numbers are needed")
        self.blank_inside = len(self.full) < self.full[-1] - self.full[0] + 1
        self.columns, self.row_names, self.aliases = [file.columns[p] for p in self.full], False, {}
        height, self.header, self.end = len(file.lines), [], 0
        if file.names:
            self.names, self.units = [file.names[p] for p in self.full], [""] * len(self.full)
        else:
            head = [self.row(n) for n in range(min(height, MOST_HEADER + 1))]
            begin = self._titles(head)
            self._judge(begin)
            self.header, self.end = self._find_header(head, begin)
            self.names, self.units = self._named()
        if self.end >= height:
            raise self.no("it has a header and no rows")
        self._judge(self.end)
        self._leave_out()

    def no(self, text, row=None):
        """The UserError of a file, or of a row of it."""
        at = "" if row is None else f", {self.file.word} {self.file.lines[row]}"
        return cli.UserError(f"{self.where}{at}: {text}")

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
        self.kinds, self.shapes = zip(*(kind_of([column[n] for n in rows]) for column in self.columns))

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
        """(the rows of the header, how many rows stand above the data)."""
        header, end, places = [], begin, [p for p, kind in enumerate(self.kinds) if kind == "number"]
        while end < len(head) and (
            _is_rule(head[end]) or self._is_header(head[end], head[end + 1 : end + 2], not any(row[p] for row in header for p in places))
        ):
            header += [] if _is_rule(head[end]) else [[*map(_name, head[end])]]
            if self.file.ragged.get(end, 0) > self.file.width:
                raise self.no(f"it names more columns than the rows have, parted by {self.parted}", end)
            end += 1
        if end >= len(head):  # no numbers at all: the columns will say so
            return [[*map(_name, head[begin])]], begin + 1
        return header, end

    def _is_header(self, row, after, first):
        """Whether a row names the columns: texts stand where times or numbers are below."""
        if first and row[0] == "" and [*map(str, row[1:])] == [*map(str, range(len(row) - 1))] != []:
            return True  # ",0,1": what pandas writes where nobody named the columns
        there = [(p, row[p]) for p, kind in enumerate(self.kinds) if kind == "number"]
        there = [(p, cell) for p, cell in there if not numbers.is_missing(cell)]
        digits = [text_of(cell) for p, cell in there if numbers.is_number(cell)]
        for cell, kind in zip(row, self.kinds):
            if kind == "time" and cell != "":  # a strange time beside numbers is no name
                whole = all(map(re.compile(r"\d{1,4}").fullmatch, digits)) and len(there) == len(digits)
                return not times.shape_of([cell] * 3) and (whole or not digits)
        if first and after and len(digits) == len(there) > 1 and _counts_evenly(digits):
            if not _counts_evenly([text_of(after[0][p]) for p, _ in there]):
                if len(digits) >= WIDE:  # the times of series in rows: country, 1990, 1991, ...
                    return True
                if all(map(re.compile("(1[5-9]|20)[0-9]{2}").fullmatch, digits)):
                    raise self.no(f"{', '.join(digits)} may be names or numbers: --skip 1 leaves them out")
        return len(digits) < 0.5 * len(there) if there else first and "time" not in self.kinds

    def _named(self):
        """(names, units) of the columns from the rows of the header, from a comment, or by place."""
        header, width = self.header, len(self.columns)
        units = [""] * width
        if not header:
            blanks = r"|\s+" if self.file.separator == cells.BLANKS else ""
            names = re.split(rf"[,;\t|]\s*{blanks}", self.file.comment) if self.file.comment else []
            if len(names) == width and not any(map(numbers.is_number, names)):  # "# day flow"
                return [*map(str.strip, names)], units
            self.notes += ["no header: the columns are named by their places"] if width > 1 else []
            return [f"column {place + 1}" for place in range(width)], units
        if len(header) > 1 and self._are_units(header[-1], header[-2]):
            units = [cell.strip("()[]") for cell in header[-1]]
            self.notes.append(f"units taken from the line below the header: {', '.join(filter(None, units))}")
            header = header[:-1]
        names = header[-1]
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
        named = max((place + 1 for place, cell in enumerate(names) if cell), default=0)
        if self.file.separator and named < width:
            names = self._shifted(names, named)
        units = [unit or unit_in(name)[1] for unit, name in zip(units, names)]
        return [name or f"column {place + 1}" for place, name in enumerate(names)], units

    def _are_units(self, row, names):
        there, names = [*filter(None, row)], [*filter(None, names)]
        fit = all(UNIT.fullmatch(cell) and cell.lower() not in NO_UNIT for cell in there)
        return bool(there) and fit and len({*names}) == len(names)

    def _shifted(self, names, named):
        """Names for rows with more cells than the header: R leaves out the name of its rows' names."""
        body = range(self.end, len(self.file.lines))
        more = [n for n in body if any(column[n] != "" for column in self.columns[named:])]
        first = self.columns[0][self.end :]
        r = self.file.quoted or self.file.separator == cells.BLANKS and cells.counts(first)
        if named == len(names) - 1 and r and len(more) >= 0.9 * len(body):
            self.row_names = True
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
        for same in (str, _plain, lambda text: _plain(unit_in(text)[0])):
            places = [place for place, own in enumerate(self.names) if same(own) == same(name)]
            if len(places) == 1:
                return places[0]
            if places:
                ways = " or ".join(f"{flag} '#{self.full[place] + 1}'" for place in places)
                raise self.no(f"it has {len(places)} columns named {name!r}: give {ways}")
        if _plain(name) in self.aliases:
            return self.aliases[_plain(name)]
        raise self.no(f"it has no column {name!r}: it has {self.listed(range(len(self.names)))}")

    def listed(self, places):
        """The names of columns, with their places where two are alike."""
        own = self.names
        twice = {p: f" (#{self.full[p] + 1})" for p in places if own.count(own[p]) > 1}
        return some([own[p] + twice.get(p, "") for p in places], 20)

    def seen(self, places):
        """What columns hold, by the first cell that is no number: "sea holds 'calm'"."""
        shown = []
        for place in places:
            there = [cell for cell in self.cells(place) if cell != ""] or [""]
            cell = next((cell for cell in there if not numbers.is_number(cell)), there[0])
            shown.append(f"{self.names[place]} holds {text_of(cell)[:40]!r}")
        return some(shown, 4)

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
        """Whether the series stand in rows: the names of its columns are times or count, or it lies down.
        -> what was seen, or ""."""
        there = [self.names[p] for p, kind in enumerate(self.kinds) if kind in ("number", "empty")]
        there = [name for name in there if times.shape_of([name] * 3) or name.isdigit()]
        if len(there) >= WIDE and (times.shape_of(there) or _counts_evenly(there)):
            return f"the columns are times, {there[0]} to {there[-1]}"
        strong = any(shape and shape not in times.WEAK for shape in self.shapes)
        lies = not strong and self.kinds.count("number") >= max(WIDE, 2 * len(self.rows))
        return f"{len(self.names)} columns and {len(self.rows)} rows" if lies else ""

    def turned(self):
        """The table with its rows as columns."""
        places = [place for place, kind in enumerate(self.kinds) if kind != "empty"]
        columns = [[self.columns[p][n] for p in places] for n in self.rows]
        if self.header or self.file.names:
            columns.insert(0, [self.names[p] for p in places])
        notes = [*self.notes, f"the series stands in a row, {len(places)} cells"]
        lines = [self.full[p] + 1 for p in places]
        return Table(cells.Cells(self.where, columns, lines, word="column", notes=notes))
