"""A file, opened once -> its cells in columns: texts, or the numbers and dates that the file has typed.

CSV and its relatives, .xlsx, .parquet, what comes through a pipe. What is no table is one UserError.
"""

import array
import codecs
import csv
import datetime
import io
import os
import re
import sys
import warnings
from collections import Counter
from dataclasses import dataclass, field

from llm_ts import cli
from llm_ts.spelling import kinds, numbers, times
from llm_ts.spelling.grammar import pattern

LINES = 2000  # of the head of a text, by which the separator is found
BLANKS = r"\s+"
SEPARATORS = {";": ";", "\t": "tab", "|": "|", ",": ",", BLANKS: "blanks"}
NAMED = {"tab": "\t", "blank": BLANKS, "blanks": BLANKS, "space": BLANKS, "comma": ",", "semicolon": ";"}
COMMENT = re.compile(r"\s*(#|//|%|!|\*{2})")
LIST = pattern("cells", "list")
NO_TABLE = {  # how files begin that hold no table
    rb"\x1f\x8b|BZh|\xfd7zXZ": "is compressed: unpack it first",
    rb"\x89PNG|\xff\xd8\xff": "is a picture: give it with --image",
    rb"%PDF|\{\\rtf": "is a document: export its table as CSV",
    rb"\xd0\xcf\x11\xe0": "is an old .xls file, or protected by a password: save it as .xlsx or CSV, without",
}


@dataclass
class Cells:
    """The cells of a file. columns: lists of equal length; "" where a cell is empty."""

    where: str  # what the user calls the file
    columns: list = field(default_factory=list)
    lines: object = field(default_factory=lambda: array.array("Q"))  # where each row begins in the file
    word: str = "line"  # what `lines` counts
    separator: str = ""
    names: list | None = None  # of a file that types them
    comment: str = ""  # the last one above the table
    width: int = 0  # cells of most rows
    ragged: dict = field(default_factory=dict)  # row -> its number of cells, where it has others
    gaps: list = field(default_factory=list)  # rows before which a line is blank
    quoted: bool = False  # whether the rows begin with quotation marks
    notes: list = field(default_factory=list)

    def add(self, line, row, blank):
        """Add a row. blank: whether the line above it is."""
        self.gaps += [len(self.lines)] if blank and self.lines else []
        self.lines.append(line)
        for cells, cell in zip(self.columns, row):
            cells.append(cell)

    def no(self, text, line=None):
        """The UserError of a file, or of a line of it."""
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
        except IsADirectoryError:
            raise cli.UserError(f"{source} is a folder: give a file of numbers") from None
    why = [why for begin, why in NO_TABLE.items() if re.match(begin, data)]
    if why or not data.strip():
        raise cli.UserError(f"{out.where} {(why or ['is empty: a header and rows of numbers are needed'])[0]}")
    if data.startswith(b"PK\x03\x04"):
        return _excel(out, data, sheet, skip)
    if sheet:
        raise out.no("it has no sheets: --sheet belongs to an .xlsx file")
    return _parquet(out, data) if data.startswith(b"PAR1") else _text(out, data, separator, skip)


# text


def _decoded(out, data):
    """Bytes -> text: by the file's mark, as UTF-8, or as Windows-1252 where that makes sense."""
    for mark, name in ((codecs.BOM_UTF32_LE, "32"), (codecs.BOM_UTF16_LE, "16"), (codecs.BOM_UTF16_BE, "16")):
        if data.startswith(mark):
            return data.decode(f"utf-{name}", errors="replace")
    first = data[:4096]
    for name, odd in (("utf-16-le", 1), ("utf-16-be", 0)):  # every other byte of plain text is 0
        zeros = first[odd : len(first) // 2 * 2 : 2]
        if zeros.count(0) > 0.7 * len(zeros) > 0 and first.count(0) < 0.6 * len(first):
            out.notes.append(f"read as {name.upper()}, which nothing in it says")
            return data.decode(name, errors="replace")
    if re.search(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]", data) or data.count(0) > 0.6 * len(data):
        raise cli.UserError(f"{out.where} is a binary file, no table of texts: export it as CSV")
    if 0 in data:
        ends = len(data.rstrip(b"\0\r\n")) < data.index(0)
        place = "it ends in" if ends else f"line {data.count(10, 0, data.index(0)) + 1} holds"
        raise out.no(f"{place} bytes of zero, as after a loss of power: take them out (tr -d '\\0')")
    text = data.decode("utf-8", errors="replace")
    if "\ufffd" in text:
        text = data.decode("cp1252", errors="replace")
        if re.search("[ƒ‚„ˆ˜\ufffd]|[^\x00-\x7f]{3}", text):  # letters of other scripts, two bytes each
            raise out.no("it is not in UTF-8, nor in a code that can be told (Shift-JIS?): save it as UTF-8")
        out.notes.append("not UTF-8: read as Windows-1252")
    return text


def _text(out, data, sign, skip):
    text, sign = _decoded(out, data), NAMED.get(sign, sign)
    for invisible in "\ufeff\u200b\u200e\u200f\u2060":
        text = text.replace(invisible, "")
    if LIST.match(text[:400].lstrip()[:200].lower()):
        raise out.no("it is a web page, JSON, or a list as programs write it: write its numbers as CSV")
    file, above, comments = io.StringIO(text, newline=""), -1, 0
    begin, line = 0, "\n"
    while line and (above + 1 < skip or not line.strip() or COMMENT.match(line) or line.lower()[:4] == "sep="):
        if above >= skip and line.lower()[:4] == "sep=":  # comments and blank lines above the table
            sign = sign or line[4:5]
        elif above >= skip and line.strip():
            out.comment, comments = COMMENT.sub("", line).strip(), comments + 1
        begin, line, above = file.tell(), file.readline(), above + 1
    if not line:
        why = f"--skip {skip} leaves nothing" if skip else "it holds no rows, only comments and blank lines"
        raise out.no(why)
    out.notes += [f"{comments} comment lines skipped"] if comments else []
    head = [line, *(line for _, line in zip(range(LINES), file) if line.strip() and not COMMENT.match(line))]
    file.seek(begin)
    out.separator = sign = _separator(out, [line.strip("\r\n") for line in head]) if sign is None else sign
    out.quoted = all(line.lstrip().startswith('"') for line in head[1:3])
    out.width = Counter(map(len, _split(head, sign))).most_common(1)[0][0]
    _fill(out, file, above)
    return out


def _split(lines, sign, strict=False):
    """Lines -> lists of cells. sign: what parts them, "" for nothing."""
    if sign == BLANKS:  # a quoted cell may hold blanks
        return ([cell.strip('"') for cell in re.findall(r'"[^"]*"(?!\S)|\S+', line)] for line in lines)
    return csv.reader(lines, delimiter=sign or "\x1f", skipinitialspace=True, strict=strict)


def _fill(out, file, above):
    """Put the cells of a text into out. above: lines above it."""
    out.columns, width, sign = [[] for _ in range(out.width)], out.width, out.separator
    rows, last, blank = _split(file, sign, strict=True), above, False
    try:
        for number, row in enumerate(rows, 1):
            begin, last = last + 1, above + getattr(rows, "line_num", number)
            row = [*map(str.strip, row)]
            inside = [part for cell in row for part in cell.splitlines()[1:-1]] if last > begin else ()
            if sign and any(part.count(sign) >= out.width - 1 > 0 for part in inside):
                last = begin - 1
                raise csv.Error(f"it takes {len(inside) + 1} lines for a part of its cell")
            while len(row) > width and not row[-1]:
                row.pop()
            if any(row) and len(row) != out.width:
                out.ragged[len(out.lines)] = len(row)
                out.columns += [[""] * len(out.lines) for _ in range(width, len(row))]
                width = max(width, len(row))
            if any(row):
                out.add(begin, row + [""] * (width - len(row)), blank)
            blank = not any(row)
    except csv.Error as error:
        open_ = "end of data" in str(error)
        why = "is opened there and not closed" if open_ else f"is one too many: {error}"
        raise out.no(f"a quotation mark {why}: mend it", last + 1) from None


def _separator(out, lines):
    """What parts the cells: the sign by which most columns are understood and no cell holds another.

    UserError where a comma or a blank may as well stand within the numbers.
    """
    cells = [numbers.match(line) for line in lines[1:]]
    if cells and all(cell and cell["unit"] and cell["body"][-1].isdigit() for cell in cells):
        return ""  # 5,3 kg: one column, its unit in each cell
    ways = {}
    for sign in SEPARATORS:
        rows = [[*map(str.strip, row)] for row in _split(lines, sign)]
        width, often = Counter(map(len, rows)).most_common(1)[0]
        full = [place for place, row in enumerate(rows) if len(row) == width]
        unclear = understood = 0
        for column in zip(*(rows[place] for place in full[1:] or full)):
            there = [cell for cell in column if not numbers.is_missing(cell)][:200]
            more = [cell for cell in there if re.search(r"\d", cell) and re.search(r"[;\t|,\s]", cell)]
            good = sum(map(numbers.is_number, there)) >= 0.8 * len(there) > 0 or times.shape_of(there)
            understood += bool(good)
            unclear += not good and len(more) >= 0.8 * len(there) > 0
        if width > 1 and often >= 0.8 * (len(rows) - (len(rows[0]) != width)) and understood:
            ways[sign] = unclear, -understood, rows, full
    if not ways:
        return ","
    # a semicolon, tab or bar that leaves nothing unclear stands in no date or number
    sure = [sign for sign in ways if sign not in (",", BLANKS) and not ways[sign][0]]
    first, *others = sorted(ways, key=lambda sign: (sign not in sure, *ways[sign][:2]))
    unclear, understood, rows, full = ways[first]
    shown = f"{lines[-1].strip()[:60]!r} may be {len(rows[full[0]])} cells parted by {SEPARATORS[first]}"
    if others and unclear and ways[others[0]][:2] == (unclear, understood):
        raise out.no(f"{shown}, or parted by {SEPARATORS[others[0]]}: give --separator")
    if first in (",", BLANKS) and _may_be_numbers(lines, rows, full, first):
        raise out.no(
            f"{shown} (--separator {'blank' if first == BLANKS else ','}), or one cell with decimal commas or "
            "spaced thousands (--separator ;)"
        )
    return first


def _may_be_numbers(lines, rows, full, sign):
    """Whether the sign may as well stand within numbers: the header has fewer cells then, or is none."""
    begin = next((place for place in full if any(map(numbers.is_number, rows[place]))), 0)
    width, body = len(rows[full[0]]), [rows[place] for place in full if place >= begin]
    if not begin:
        return all(map(numbers.is_number, lines)) and not kinds.count_up([row[0] for row in body])
    quoted = all(line.lstrip().startswith('"') for line in lines[begin : begin + 2])  # by R
    digits = "[0-9]+" if sign == "," else r"[0-9]{3}([.,][0-9]+)?"
    return len(rows[begin - 1]) < width and not quoted and all(re.fullmatch(digits, row[-1]) for row in body)


# files whose cells have types


def _typed(value):
    """A typed cell -> int, float, date or text; "" where it is empty."""
    if value is None or value != value:
        return ""
    if isinstance(value, (int, float, datetime.date)) and not isinstance(value, bool):
        return value
    return float(value) if hasattr(value, "as_tuple") else str(value).strip()


def _book(out, data, computed):
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(io.BytesIO(data), data_only=computed)
    except Exception as error:  # openpyxl raises BadZipFile, KeyError, ValueError and others
        name = type(error).__name__
        raise out.no(f"a packed file, but no .xlsx that can be read: save it as .xlsx or CSV ({name})") from None


def _excel(out, data, sheet, skip):
    full = [page for page in _book(out, data, True) if any(cell is not None for row in page.values for cell in row)]
    shown = [page for page in full if page.title == sheet or not sheet and page.sheet_state == "visible"]
    if len(shown) != 1:
        named = ", ".join(page.title for page in full) or "none: it is empty"
        what = f"it has no sheet {sheet!r} with cells" if sheet else f"it has {len(shown)} sheets with cells"
        raise out.no(f"{what}: give --sheet, one of {named}")
    (page,) = shown
    if any(cell is None for row in page.values for cell in row):
        formulas = _book(out, data, False)[page.title]
        named = [cell.coordinate for row in formulas.iter_rows() for cell in row if cell.data_type == "f"]
        if named and all(page[name].value is None for name in named):  # no spreadsheet program wrote it
            raise out.no(
                f"{named[0]} and {len(named) - 1} more hold formulas whose values are not in the file: open it "
                "in a spreadsheet program and save it"
            )
    merged = {}  # a text beside several rows belongs to all of them
    for span in page.merged_cells.ranges:
        top = page.cell(span.min_row, span.min_col).value
        if span.max_row > span.min_row and top is not None:
            if not isinstance(top, str):
                raise out.no(f"{span} is one merged cell over several rows, {top}: part it")
            merged.update({(row, span.min_col): top for row in range(span.min_row, span.max_row + 1)})
    away = [range(c.min, c.max + 1) for c in page.column_dimensions.values() if c.hidden or c.width == 0]
    places = [n for n in range(1, page.max_column + 1) if not any(n in columns for columns in away)]
    out.columns, blank, lost = [[] for _ in places], False, 0
    for number, row in enumerate(page.iter_rows(min_row=skip + 1, values_only=True), skip + 1):
        cells = [_typed(merged.get((number, place), row[place - 1])) for place in places]
        there, line = any(cell != "" for cell in cells), page.row_dimensions[number]
        hidden = there and (line.hidden or line.height == 0)
        lost += hidden
        if there and not hidden:
            out.add(number, cells, blank)
        blank = not there
    if not out.lines:
        raise out.no(f"nothing is left of sheet {page.title!r}: hidden, or --skip {skip}")
    for count, what in ((lost, "rows"), (page.max_column - len(places), "columns")):
        out.notes += [f"{count} hidden {what} left out"] if count else []
    return out


def _parquet(out, data):
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # its own takes 1 GB of addresses at once
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(io.BytesIO(data))
    except Exception as error:  # pyarrow's errors have no common ancestor of their own
        raise out.no(f"it cannot be read as parquet: {' '.join(str(error).split())[:150]}") from None
    for column in table.columns:
        if pyarrow.types.is_timestamp(column.type):  # Python has no nanoseconds
            column = column.cast(pyarrow.timestamp("us", column.type.tz), safe=False)
        out.columns.append([_typed(cell) for cell in column.to_pylist()])
    out.names = ["" if name.startswith("__index_level_") else name for name in table.column_names]
    out.lines = range(1, table.num_rows + 1)
    return out
