"""A table of texts -> its columns: where the header ends and what it says, what each column holds, and which rows are no data.

A header of one line or more, names in two lines, a line of units, R's row names (one name fewer than cells), titles and
comments above, a header that comes again, no header at all.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

from llm_ts import cli
from llm_ts.series.user import numbers, time_shapes
from llm_ts.series.user.separator import SEPARATORS

HEAD_ROWS = 2000  # rows from which the layout is read
SAMPLE = 400  # of these, how many a column's kind is judged by
MOST_HEADER = 30  # lines above the data
UNIT = re.compile(
    r"[\[(].{1,20}[\])]|[^\W\d_]{1,3}|\S{0,12}[/°%‰µ²³^·]\S{0,12}|deg\.? ?[CFK]|degrees?|ISO ?8601|\S*y{2,4}\S*m{2}\S*|"
    r"(?i:celsius|kelvin|fahrenheit|metres?|meters?|seconds?|hours?|days?|percent|counts?|number|persons?|mbar|kwh|mwh|gwh|none|unitless|date|utc)|-"
)
BLANK = " \t\r\n\v\f\u00a0\u2007\u2009\u202f\u3000\ufeff\u200b\u200e\u200f\u2060"  # some are invisible
RULE = re.compile(r"[-=+:|_ ]*[-=]{2}[-=+:|_ ]*")  # a line of dashes below the names, as in Markdown
NO_UNIT = {"max", "min", "avg", "sum", "std", "sd", "tot", "obs", "no", "nr", "id"}


@dataclass
class Layout:
    """What a table's columns are. names: in the file's words. kinds: "time", "number", "text" or "empty", by place."""

    where: str
    names: list
    kinds: list
    shapes: list  # how the times of a column look (time_shapes.SHAPES), or None
    units: list
    head: object  # the first rows of the body, a DataFrame of texts
    body: object  # a function: columns -> the whole body; its index is the row in the table
    line: object  # a function: row in the table -> line of the file
    separator: str
    row_names: bool = False  # whether the first column holds R's names of the rows
    aliases: dict = field(default_factory=dict)  # another name -> place
    notes: list = field(default_factory=list)
    marks: list = field(default_factory=list)  # the decimal marks that each column shows for sure, once somebody asked

    def place(self, name, what="--column"):
        """The column of a name, or of "#2". UserError where there is none, or more than one."""
        if re.fullmatch("#[0-9]+", name) and 1 <= int(name[1:]) <= len(self.names):
            return int(name[1:]) - 1
        for same in (str, _plain, _bare):
            places = [place for place, own in enumerate(self.names) if same(own) == same(name)]
            if len(places) == 1:
                return places[0]
            if places:
                ways = " or ".join(f"{what} '#{place + 1}'" for place in places)
                raise cli.UserError(f"{self.where} has {len(places)} columns named {name!r}: give {ways}")
        if _plain(name) in self.aliases:
            return self.aliases[_plain(name)]
        raise cli.UserError(f"{self.where} has no column {name!r}: it has {self.listed(range(len(self.names)))}")

    def listed(self, places):
        """The names of columns for a message."""
        shown = [
            name if self.names.count(name) == 1 else f"{name} (#{place + 1})" for place in places for name in [self.names[place]]
        ]
        return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")

    def seen(self, places):
        """What columns hold, by the first cell that is no number, for a message: "sea holds 'calm', wind holds '3 to 4'"."""
        cells = {}
        for place in places:
            there = [cell for cell in self.head[place] if cell]
            cells[place] = next((cell for cell in there if not numbers.is_number(cell)), there[0] if there else "")
        shown = [
            f"{self.names[place]} holds {cell[:40]!r}" if cell else f"{self.names[place]} is empty"
            for place, cell in cells.items()
        ]
        return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more columns" if len(shown) > 4 else "")


def _plain(name):
    return " ".join(name.split()).casefold()


def _bare(name):
    """A name without its unit."""
    return _plain(unit_in(name)[0])


def unit_in(name):
    """ "Flow (m3/s)" -> ("Flow", "m3/s"); "flow, m3/s" likewise; ("flow", "") where there is none."""
    found = re.fullmatch(r"(.+?)\s*[\[(]\s*([^()\[\]]{1,20}?)\s*[\])]", name)
    if not found:
        found = re.fullmatch(r"(.+?)\s*,\s*(\S{1,12})", name)
        if found and not UNIT.fullmatch(found[2]):
            found = None
    return (found[1], found[2]) if found else (name, "")


def read(table):
    """A Table -> its Layout. UserError where no line holds a number, or lines have more cells than the header names."""
    head = _stripped(table.cells(None, HEAD_ROWS))
    notes = table.notes  # reading the body may add to them
    filled = (head != "").to_numpy()
    if not filled.any():
        raise cli.UserError(f"{table.where} holds no cell with text: a header and rows of numbers are needed")
    used = [column for column in head.columns if filled[:, column].any()]
    head = head[used]
    rows = head.to_numpy().tolist()
    begin = _title_rows(rows)
    kinds = [_kind([row[place] for row in rows[begin:]]) for place in range(len(used))]
    header, end = ([], 0) if table.names else _header_rows(rows, begin, kinds)
    _refuse_swallowed(table, rows, end)
    if any(map(any, filter(lambda row: not _is_rule(row), rows[:begin]))) and not table.names:
        notes.append(
            f"lines above the table skipped: {' | '.join(' '.join(row).strip() for row in rows[:begin] if any(row))[:80]}"
        )
    shift = table.lines + sum(cell.count("\n") for row in rows[:end] for cell in row)
    layout = Layout(table.where, [], [], [], [], None, None, lambda row: row + shift, table.separator, notes=notes)
    if table.names:
        layout.names, layout.units = [table.names[column] for column in used], [""] * len(used)
    else:
        _name_columns(layout, header, rows[end:], len(used), table)
    layout.kinds, layout.shapes = zip(*(_kind([row[place] for row in rows[end:]]) for place in range(len(used))))

    def body(places=None):
        places = list(range(len(used)) if places is None else dict.fromkeys([0, *places]))  # 0: where comments begin
        columns = [used[place] for place in places]
        frame = _stripped(table.cells(columns, None)[columns]).iloc[end:].set_axis(places, axis=1)
        return _without_odd_rows(frame, header, layout.notes)

    layout.body, layout.head = body, _without_odd_rows(head.iloc[end:].set_axis(range(len(used)), axis=1), header, [])
    if not len(layout.head):
        raise cli.UserError(f"{table.where} has a header and no rows")
    return layout


def _refuse_swallowed(table, rows, end):
    """UserError where a cell holds whole lines of the table: two quotation marks that do not belong together."""
    for number, row in enumerate(rows[end:], end):
        for cell in row:
            if table.separator and sum(line.count(table.separator) >= len(row) - 1 > 0 for line in cell.split("\n")[1:-1]):
                line = table.lines + number + sum(part.count("\n") for above in rows[:number] for part in above)
                raise cli.UserError(
                    f"{table.where}, line {line}: a quotation mark is opened there, and {cell.count(chr(10))} lines below are "
                    "taken for a part of the cell: mend it"
                )


def _stripped(frame):
    return frame.apply(lambda column: column.str.strip(BLANK))


def _is_rule(row):
    cells = [*filter(None, row)]
    return bool(cells) and all(map(RULE.fullmatch, cells))


def _kind(cells):
    """The cells of a column, from the top -> (kind, shape of times or None). A header among them does no harm."""
    there = [cell for cell in cells[:HEAD_ROWS] if cell.lower() not in numbers.MISSING]
    there = there[-SAMPLE:] if len(there) > SAMPLE else there
    if not there:
        return "empty", None
    shape = time_shapes.shape_of(there)
    if shape and shape not in time_shapes.WEAK:
        return "time", shape
    good = sum(numbers.is_number(cell) for cell in there)
    if good >= 0.7 * len(there) and good >= len(there) - max(4, 0.2 * len(there)) and _one_unit(there):
        return "number", shape
    return ("time", shape) if shape else ("text", None)


def _one_unit(cells):
    """Whether the cells of numbers have one unit, or none, but for a few: "3a", "4b", "5c" are names."""
    units = Counter((found["unit"] or "").strip() for cell in cells if (found := numbers.match(cell)))
    return units.most_common(1)[0][1] >= 0.5 * units.total()


def _title_rows(rows):
    """How many rows at the top hold one text alone, where the others hold more: titles, or nothing."""
    wide = Counter(sum(map(bool, row)) for row in rows if any(row)).most_common(1)[0][0]
    begin = 0
    while begin < min(len(rows), MOST_HEADER) - 1:
        cells = [cell for cell in rows[begin] if cell]
        title = _is_rule(cells) or (
            wide > 1
            and len(cells) == 1
            and cells[0] == rows[begin][0]
            and not numbers.is_number(cells[0])
            and not time_shapes.shape_of(cells * 3)
        )
        alone = wide == 2 and any(map(numbers.is_number, rows[begin + 1]))  # R's header: the rows below have a name each
        if cells and (not title or alone):
            break
        begin += 1
    return begin


def _header_rows(rows, begin, kinds):
    """(the header's rows, how many rows stand above the data)."""
    header, end = [], begin
    while end < min(len(rows), begin + MOST_HEADER):
        row = rows[end] if not _is_rule(rows[end]) else []
        alone = not any(above[place] for above in header for place, (kind, _) in enumerate(kinds) if kind == "number")
        if any(row) and not _is_header(row, rows[end + 1 : end + 2], kinds, first=alone):
            break
        header += [row] if any(row) else []
        end += 1
    if end >= len(rows) or end == begin + MOST_HEADER:
        return [rows[begin]], begin + 1  # no numbers at all: the columns will say so
    return header, end


def _is_header(row, after, kinds, first):
    """Whether a row names the columns: texts stand where times or numbers are below."""
    if first and len(row) > 1 and [*filter(None, row)] == [*map(str, range(len(row) - 1))] and not row[0]:
        return True  # ",0,1": what pandas writes where nobody named the columns
    for cell, (kind, shape) in zip(row, kinds):
        if kind == "time" and cell:
            return not time_shapes.shape_of([cell] * 3) == shape
    places = [place for place, (kind, _) in enumerate(kinds) if kind == "number" and row[place].lower() not in numbers.MISSING]
    digits = [row[place] for place in places if numbers.is_number(row[place])]
    if (
        first
        and len(digits) == len(places) >= 5
        and after
        and counts_up(digits)
        and not counts_up([after[0][place] for place in places])
    ):
        return True  # the times of series in rows: country, 1990, 1991, ...
    return (
        len(digits) < 0.5 * len(places)
        if places
        else first and len(row) > 0 and not any(kind == "time" for kind, _ in kinds) and bool(row)
    )


def counts_up(cells):
    """Whether cells are whole numbers in equal steps, upwards."""
    if not all(re.fullmatch("[0-9]+", cell) for cell in cells):
        return False
    steps = {int(b) - int(a) for a, b in zip(cells, cells[1:])}
    return len(steps) == 1 and min(steps) > 0


def _name_columns(layout, header, body, width, table):
    """Put names and units into a layout."""
    layout.units = [""] * width
    if not header:
        comment = (
            re.split(r"[,;\t|]\s*|\s+" if table.separator == r"\s+" else "[,;\t|]", table.comments[-1]) if table.comments else []
        )
        if len(comment) == width and not any(map(numbers.is_number, comment)):
            layout.names = [name.strip() for name in comment]  # "# day flow"
        else:
            layout.names = [f"column {place + 1}" for place in range(width)]
            if width > 1:
                layout.notes.append("no header: the columns are named by their places")
        return
    header = [[" ".join(cell.strip("'").split()) for cell in row] for row in header]
    units = len(header) > 1 and _are_units(header[-1], header[-2])
    if units:
        layout.units = [cell.strip("()[]") for cell in header[-1]]
        layout.notes.append(f"units taken from the line below the header: {', '.join(filter(None, layout.units))}")
        header = header[:-1]
    if len(header) == 2:
        above, last = "", []
        for cell, name in zip(*header):
            above = cell or above  # a merged cell stands above several
            last.append(" ".join(dict.fromkeys(filter(None, (above if above != name else "", name)))))
        layout.aliases = {_plain(name): place for place, name in enumerate(header[1]) if header[1].count(name) == 1}
        layout.aliases.update({_plain(name): place for place, name in enumerate(header[0]) if header[0].count(name) == 1})
        layout.notes.append("the header has two lines: joined")
    else:
        last = header[-1]
        if len(header) > 2:
            layout.notes.append(f"{len(header) - 1} lines above the header skipped")
    named = max(place for place, cell in enumerate(last) if cell) + 1 if any(last) else 0
    if table.separator and named < width:
        last = _shift_names(layout, last, named, body, width, table)
    layout.names = [name or f"column {place + 1}" for place, name in enumerate(last)]
    for place, name in enumerate(layout.names):
        layout.units[place] = layout.units[place] or unit_in(name)[1]


def _are_units(row, names):
    cells = [cell for place, cell in enumerate(row) if cell]
    distinct = len(set(filter(None, names))) == len(list(filter(None, names)))
    return distinct and bool(cells) and all(UNIT.fullmatch(cell) and cell.lower() not in NO_UNIT for cell in cells)


def _shift_names(layout, names, named, body, width, table):
    """Names for rows with more cells than the header: R leaves the name of its row names out. UserError for other reasons."""
    more = [number for number, row in enumerate(body) if any(row[named:])]
    after_blank = bool(more) and more[0] > 0 and not any(body[more[0] - 1])
    if after_blank and not any(numbers.is_number(body[row][0]) for row in more):
        return names  # remarks below the table, behind a blank line
    full = [row for row in body if sum(map(bool, row)) > 1]
    if named == width - 1 and len([row for row in full if row[-1]]) >= 0.9 * len(full):
        layout.row_names = True
        layout.notes.append("one name fewer than cells: the first column holds the names of the rows")
        return ["", *names[:named]]
    cell = SEPARATORS.get(table.separator, table.separator)
    raise cli.UserError(
        f"{table.where}, line {layout.line(more[0] + 1)} has more cells parted by {cell} than the header, which names {named}: "
        "are there decimal commas? Part the cells by semicolons, or give --separator"
    )


def _without_odd_rows(frame, header, notes):
    """Without blank rows, comments, and the header where it comes again."""
    empty = (frame == "").all(axis=1)
    odd = frame[0].str.startswith("#")
    odd &= odd.mean() < 0.5  # else they are names, as #1
    rule = frame[0].str.fullmatch(RULE) & (frame.map(lambda cell: not cell or bool(RULE.fullmatch(cell)))).all(axis=1)
    again = empty & False
    for row in header[-1:]:
        again = (frame == [row[place] for place in frame.columns]).all(axis=1) & ~empty
    if odd.any():
        notes.append(f"{int(odd.sum())} comment lines between the rows skipped")
    if again.any():
        notes.append(f"the header comes again {int(again.sum())} times: skipped")
    return frame[~(empty | odd | again | rule)]
