"""A file, opened once -> its cells in columns: texts, or numbers and dates if the file types them."""

import array
import codecs
import csv
import datetime
import io
import itertools
import re
import sys
import warnings
from collections import Counter
from dataclasses import dataclass, field

from llm_ts.base import cli
from llm_ts.table import numbers, times

MOST = 0.7  # share of the cells of a column that say what it holds
HEAD = 200  # lines of a text by which the separator is found
BLANKS = r"\s+"
SIGNS = {";": ";", "\t": "tab", "|": "|", ",": ",", BLANKS: "blank"}
NO_TABLE = {  # how files begin that hold no table
    rb"\x89PNG|\xff\xd8\xff": "is a picture: give it with --image",
    rb"\xd0\xcf\x11\xe0": "is an old .xls file, or has a password: save it as .xlsx or CSV",
    rb"(?i)\s*<(!|html|\?xml|table)": "is a web page: save its table as CSV",
    rb'\s*[\[{]\s*["\[{\d]': "is JSON or a program's list: write it as CSV",
    rb"\s*$": "is empty: a header and rows of numbers are needed",
}


@dataclass
class Cells:
    """The cells of a file. columns: lists of equal length; "" where a cell is empty."""

    where: str  # what the user calls the file
    columns: list = field(default_factory=list)
    lines: object = field(default_factory=lambda: array.array("Q"))  # where each row stands
    word: str = "line"  # what `lines` counts
    separator: str = ""  # of a text
    names: list | None = None  # of a file that types them
    ragged: dict = field(default_factory=dict)  # row -> its cells, where others have more or fewer
    blank: bool = False  # whether the last row is
    notes: list = field(default_factory=list)

    def add(self, line, row):
        """Add a row that is not blank. UserError where blank ones stand between it and others."""
        above, self.blank = self.blank, all(cell == "" for cell in row)
        if self.blank:
            return
        if above and self.lines:
            raise self.error(f"a blank {self.word} above: a second table? --skip {line - 1}", line)
        if len(row) != len(self.columns):
            self.ragged[len(self.lines)] = len(row)
        self.lines.append(line)
        for column, cell in zip(self.columns, itertools.chain(row, itertools.repeat(""))):
            column.append(cell)

    def error(self, text, line=None):
        """The UserError about a file, or about a line of it."""
        return cli.UserError(f"{self.where}{f', {self.word} {line}' if line else ''}: {text}")


def load(source, separator=None, skip=0, sheet=None, where=None):
    """A path ("-": stdin) or bytes -> Cells. where: what a message calls the file."""
    out, data = Cells(where), source
    if isinstance(source, str):
        out.where = "stdin" if source in ("-", "/dev/stdin") else source
        try:
            with open(source, "rb") if source != "-" else sys.stdin.buffer as file:
                data = file.read()
        except FileNotFoundError:
            raise cli.UserError(f"no {source} here") from None
    for begin, why in NO_TABLE.items():
        if re.match(begin, data):
            raise cli.UserError(f"{out.where} {why}")
    if data.startswith(b"PK\x03\x04"):
        return _excel(out, data, sheet, skip)
    return _parquet(out, data) if data.startswith(b"PAR1") else _text(out, data, separator, skip)


def kind_of(cells):
    """What most cells of a column are: "time" and its shape, "number" and the unit in them, "text", or
    "empty". Of those that are described, all must be so."""
    there = [cell for cell in cells if not numbers.is_missing(cell)]
    if shape := times.shape_of(there, MOST * len(there)):
        return "time", shape
    unit, count = (Counter(map(numbers.unit_of, there)).most_common(1) or [("", 0)])[0]
    number = unit is not None and count >= MOST * len(there)
    return ("number", unit) if there and number else ("text" if there else "empty", "")


def fits(cell, kind, detail):
    """Whether a cell is a time, else a number, as its column's are."""
    return bool(times.match(detail, cell)) if kind == "time" else numbers.unit_of(cell) == detail


def _encoding(out, data):
    """The name of the code of a text. UserError if it is unknown."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if 0 in data:
        line = data[: data.index(0)].count(b"\n") + 1
        raise out.error("bytes of zero: binary, damaged or UTF-16: save it as UTF-8", line)
    try:
        data.decode("utf-8")
        return "utf-8-sig"
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    if re.search("[ƒ‚„ˆ˜\ufffd]|[^\x00-\x7f]{3}", text):  # letters of other scripts
        raise out.error("it is not in UTF-8, and its code is unknown: save it as UTF-8")
    out.notes.append("not UTF-8: read as Windows-1252")
    return "cp1252"


def _text(out, data, sign, skip):
    file = io.TextIOWrapper(io.BytesIO(data), _encoding(out, data), newline="")
    lines = _whole_lines(out, itertools.islice(enumerate(file, 1), skip, None))
    head = [*itertools.islice(lines, HEAD)]
    if head and head[0][1].lower().startswith("sep="):  # a spreadsheet's
        sign = sign or head.pop(0)[1][4:5]
    full = [line for _, line in head if line]
    if not full:
        raise out.error(f"--skip {skip} leaves nothing" if skip else "it holds no rows, only comments")
    out.separator = {"tab": "\t", "blank": BLANKS}.get(sign, sign) or _separator(out, full)
    width = Counter(len(_split(line, out.separator)) for line in full).most_common(1)[0][0]
    out.columns = [[] for _ in range(width)]
    for number, line in itertools.chain(head, lines):
        row = _split(line, out.separator)
        while len(row) > len(out.columns) and not row[-1]:
            row.pop()
        out.add(number, row)
    return out


def _whole_lines(out, lines):
    """The (number, line) that are no comments; a name in the first may be on several lines."""
    first, comments = True, 0
    for number, line in lines:
        while first and line.count('"') % 2 and (more := next(lines, None)):
            line = f"{line.rstrip()} {more[1]}"
        if line.lstrip().startswith("#"):
            comments += 1
        elif line.count('"') % 2:
            raise out.error("a quotation mark is not closed there: close it", number)
        else:
            first = first and not line.strip()
            yield number, line.strip("\r\n")
    out.notes += [f"{comments} comment lines skipped"] if comments else []


def _split(line, sign):
    """A line -> its cells. sign: what separates them."""
    if sign == BLANKS:  # a quoted cell may hold blanks
        return [cell.strip('"') for cell in re.findall(r'"[^"]*"(?!\S)|\S+', line)]
    rows = csv.reader([line], delimiter=sign, skipinitialspace=True)
    return [cell.strip() for row in rows for cell in row]


def _separator(out, lines):
    """The sign between the cells of lines: the one by which most columns are understood. UserError if it
    may as well stand within numbers."""
    ways = []
    for place, sign in enumerate(SIGNS):
        rows = [_split(line, sign) for line in lines]
        width, often = Counter(map(len, rows)).most_common(1)[0]
        body = [row for row in rows[len(rows) > 1 :] if len(row) == width]
        if width > 1 and often >= MOST * len(rows) and body:
            good = sum(kind_of(column)[0] in ("time", "number") for column in zip(*body))
            ways.append((sign == BLANKS and good < width, -good / width, place, sign, rows[0], body))
    if not ways:
        return ","
    *_, sign, first, body = min(ways)
    named = len(first) == len(body[0]) and not any(numbers.unit_of(cell) == "" for cell in first)
    if sign in (",", BLANKS) and len(lines) > 1 and not named:
        mark = " " if sign == BLANKS else sign
        pairs = zip(*([mark.join(pair) for pair in zip(row, row[1:])] for row in body))
        if any(None not in map(numbers.unit_of, joined) for joined in pairs):
            cells = f"{lines[-1][:60]!r} may be {len(body[0])} cells (--separator {SIGNS[sign]})"
            raise out.error(f"{cells}, or hold decimal commas or spaced thousands (--separator ;)")
    return sign


def _typed(value):
    """A typed cell -> int, float, date or text; "" where it is empty."""
    if value is None or value != value:
        return ""
    if isinstance(value, (int, float, datetime.date)) and not isinstance(value, bool):
        return value
    return float(value) if hasattr(value, "as_tuple") else str(value).strip()


def _excel(out, data, sheet, skip):
    import openpyxl

    try:
        with warnings.catch_warnings(action="ignore"):
            book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
            formulas = openpyxl.load_workbook(io.BytesIO(data))
    except Exception:  # openpyxl raises BadZipFile, KeyError, ValueError and others
        raise out.error("no .xlsx that can be read: save it as .xlsx or CSV") from None
    pages = [page for page in book if any(cell is not None for row in page.values for cell in row)]
    shown = [p for p in pages if (p.title == sheet if sheet else p.sheet_state == "visible")]
    if len(shown) != 1:
        what = f"no sheet {sheet!r} with cells" if sheet else f"{len(shown)} sheets with cells"
        named = ", ".join(page.title for page in pages)
        raise out.error(f"it has {what}: give --sheet, one of {named}" if pages else "it is empty")
    (page,) = shown
    for cell in (cell for row in formulas[page.title].iter_rows() for cell in row):
        if cell.data_type == "f" and page[cell.coordinate].value is None:
            where = f"the value of the formula in {cell.coordinate}"
            raise out.error(f"{where} is not in the file: open it in a spreadsheet program and save it")
    for span in page.merged_cells.ranges:
        if span.max_row > span.min_row:
            raise out.error(f"{span} is one merged cell over several rows: split it, and fill all")
    out.columns, out.word, hidden = [[] for _ in range(page.max_column)], "row", 0
    for number, row in enumerate(page.iter_rows(min_row=skip + 1, values_only=True), skip + 1):
        line, cells = page.row_dimensions[number], [*map(_typed, row)]
        if line.hidden or line.height == 0:
            hidden += any(cell != "" for cell in cells)
        else:
            out.add(number, cells)
    out.notes += [f"{hidden} hidden rows left out"] if hidden else []
    return out


def _parquet(out, data):
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(io.BytesIO(data))
    except Exception as error:  # pyarrow's errors have no common ancestor of their own
        raise out.error(f"it cannot be read as parquet: {' '.join(str(error).split())[:150]}") from None
    for column in table.columns:
        if pyarrow.types.is_timestamp(column.type):  # Python has no nanoseconds
            column = column.cast(pyarrow.timestamp("us", column.type.tz), safe=False)
        out.columns.append([_typed(cell) for cell in column.to_pylist()])
    out.names = [re.sub("^__index_level_.*", "", name) for name in table.column_names]
    out.lines, out.word = range(1, table.num_rows + 1), "row"
    return out
