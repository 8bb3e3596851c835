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
from llm_ts.table import numbers, times
from llm_ts.table.grammar import pattern

HEAD, LINES = 1 << 18, 2000  # letters and lines by which the separator is found
BLANKS = r"\s+"
SEPARATORS = {";": ";", "\t": "tab", "|": "|", ",": ",", BLANKS: "blanks"}
NAMED = {"tab": "\t", "blank": BLANKS, "blanks": BLANKS, "space": BLANKS, "comma": ",", "semicolon": ";"}
COMMENT = re.compile(r"\s*(#|//|%|!|\*{2})")
END = re.compile("\r\n|\r|\n")
NO_TABLE = {  # how files begin that hold no table
    b"\x1f\x8b": "is compressed (gzip): unpack it first",
    b"BZh": "is compressed (bzip2): unpack it first",
    b"\xfd7zXZ": "is compressed (xz): unpack it first",
    b"%PDF": "is a PDF: export its table as CSV",
    b"\x89PNG": "is a picture: give it with --image",
    b"\xff\xd8\xff": "is a picture: give it with --image",
    b"{\\rtf": "is a text document: export its table as CSV",
    b"\xd0\xcf\x11\xe0": "is an old .xls file: save it as .xlsx or CSV",
}
LIST = pattern("cells", "list")


@dataclass
class Cells:
    """The cells of a file. columns: lists of equal length; "" where a cell is empty."""

    where: str  # what the user calls the file
    columns: list
    lines: object  # where each row begins in the file
    separator: str = ""
    names: list | None = None  # of a file that types them
    comment: str = ""  # the last one above the table
    ragged: dict = field(default_factory=dict)  # row -> its number of cells, where others have another
    gaps: list = field(default_factory=list)  # rows before which a line is blank
    quoted: bool = False  # whether the rows begin with quotation marks
    word: str = "line"  # what `lines` counts
    width: int = 0  # cells of most rows
    notes: list = field(default_factory=list)

    def add(self, line, row, blank):
        """Add a row. blank: whether the line above it is."""
        if blank and self.lines:
            self.gaps.append(len(self.lines))
        self.lines.append(line)
        for cells, cell in zip(self.columns, row):
            cells.append(cell)


def load(source, separator=None, skip=0, sheet=None, where=None):
    """A path ("-": stdin) or bytes -> Cells. where: what a message calls the file."""
    data = source
    if isinstance(source, str):
        where = "stdin" if source in ("-", "/dev/stdin") else source
        try:
            with open(source, "rb") if source != "-" else sys.stdin.buffer as file:
                data = file.read()
        except FileNotFoundError:
            raise cli.UserError(f"no {source} here") from None
        except IsADirectoryError:
            raise cli.UserError(f"{source} is a folder: give a file of numbers") from None
    if not data.strip():
        raise cli.UserError(f"{where} is empty: a header and rows of numbers are needed")
    for begin, why in NO_TABLE.items():
        if data.startswith(begin):
            locked = "EncryptedPackage".encode("utf-16-le") in data
            raise cli.UserError(f"{where} {'is protected by a password: save it without' if locked else why}")
    if data.startswith(b"PK\x03\x04"):
        return _excel(data, where, sheet, skip)
    if sheet:
        raise cli.UserError(f"{where} has no sheets: --sheet belongs to an .xlsx file")
    if data.startswith(b"PAR1"):
        return _parquet(data, where)
    return _text(data, where, NAMED.get(separator, separator), skip)


# text


def _decoded(data, where, notes):
    """Bytes -> text: by the file's mark, as UTF-8, or as Windows-1252 where that makes sense."""
    for mark in (codecs.BOM_UTF32_LE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if data.startswith(mark):
            return data.decode("utf-32" if len(mark) == 4 else "utf-16", errors="replace")
    first = data[:4096]
    for name, odd in (("utf-16-le", 1), ("utf-16-be", 0)):  # every other byte of plain text is 0
        zeros = first[odd : len(first) // 2 * 2 : 2]
        if zeros.count(0) > 0.7 * len(zeros) > 0 and first.count(0) < 0.6 * len(first):
            notes.append(f"read as {name.upper()}, which nothing in it says")
            return data.decode(name, errors="replace")
    if re.search(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]", data) or data.count(0) > 0.6 * len(data):
        raise cli.UserError(f"{where} is a binary file, no table of texts: export it as CSV")
    if 0 in data:
        ends = len(data.rstrip(b"\0\r\n")) < data.index(0)
        place = "it ends in" if ends else f"line {data.count(10, 0, data.index(0)) + 1} holds"
        raise cli.UserError(
            f"{where}: {place} bytes of zero, as after a loss of power: take them out (tr -d '\\0'), and look "
            "whether rows are lost there"
        )
    with_mistakes = data.decode("utf-8", errors="replace")
    if "\ufffd" not in with_mistakes:
        return with_mistakes
    text = data.decode("cp1252", errors="replace")
    if re.search("[ƒ‚„ˆ˜\ufffd]|[^\x00-\x7f]{3}", text):  # letters of other scripts, two bytes each
        raise cli.UserError(
            f"{where} is not in UTF-8, and in no other code that can be told (Shift-JIS?): save it as UTF-8"
        )
    notes.append("not UTF-8: read as Windows-1252")
    return text


def _text(data, where, sign, skip):
    out = Cells(where, [], array.array("Q"))
    text = _decoded(data, where, out.notes)
    for invisible in "\ufeff\u200b\u200e\u200f\u2060":
        text = text.replace(invisible, "")
    if LIST.match(text[:400].lstrip()[:200].lower()):
        raise cli.UserError(
            f"{where} is a web page, JSON, or a list as programs write it: write its numbers as CSV, below "
            "one another"
        )
    at = line = comments = 0
    while at < len(text):  # comments and blank lines above the table
        end = END.search(text, at)
        above = text[at : end.start() if end else len(text)].strip()
        if line >= skip and above.lower().startswith("sep="):
            sign = sign or above[4:5]
        elif line >= skip and COMMENT.match(above):
            out.comment, comments = COMMENT.sub("", above).strip(), comments + 1
        elif line >= skip and above:
            break
        at, line = end.end() if end else len(text), line + 1
    if at >= len(text):
        why = f"--skip {skip} leaves nothing" if skip else "it holds no rows, only comments and blank lines"
        raise cli.UserError(f"{where}: {why}")
    out.notes += [f"{comments} comment lines skipped"] if comments else []
    body = text[at:]
    head = [part for part in END.split(body[:HEAD]) if part.strip() and not COMMENT.match(part)]
    head = (head[:-1] if len(body) > HEAD else head)[:LINES] or [body.strip()]
    out.separator = sign = separator_of(head, where) if sign is None else sign
    out.quoted = all(part.lstrip().startswith('"') for part in head[1:3])
    width = Counter(map(len, _split(head, sign))).most_common(1)[0][0]
    _fill(out, body, line, width)
    out.width = width
    return out


def _split(lines, sign, strict=False):
    """Lines -> lists of cells. sign: what parts them, "" for nothing."""
    if sign == BLANKS:  # a quoted cell may hold blanks
        return ([cell.strip('"') for cell in re.findall(r'"[^"]*"|[^\s"]+', line)] for line in lines)
    return csv.reader(lines, delimiter=sign or "\x1f", skipinitialspace=True, strict=strict)


def _fill(out, body, above, width):
    """Put the cells of a text into out. above: lines above it; width: cells of most rows."""
    out.columns = [[] for _ in range(width)]
    sign, blank, last, begin = out.separator, False, above, above
    rows = _split(END.split(body) if sign == BLANKS else io.StringIO(body, newline=""), sign, strict=True)
    try:
        for number, row in enumerate(rows, 1):
            begin, last = last + 1, above + getattr(rows, "line_num", number)
            row = [*map(str.strip, row)]
            inside = [part for cell in row for part in END.split(cell)[1:-1]] if last > begin else ()
            if sign and any(part.count(sign) >= width - 1 > 0 for part in inside):
                last = begin - 1
                raise csv.Error(f"it takes {len(inside) + 1} lines for a part of its cell")
            if not any(row):
                blank = True
                continue
            while len(row) > width and not row[-1]:
                row.pop()
            if len(row) != width:
                out.ragged[len(out.lines)] = len(row)
                out.columns += [[""] * len(out.lines) for _ in range(width, len(row))]
                width = max(width, len(row))
                row += [""] * (width - len(row))
            out.add(begin, row, blank)
            blank = False
    except csv.Error as error:
        why = "is opened there and not closed" if "end of data" in str(error) else f"is one too many: {error}"
        raise cli.UserError(f"{out.where}, line {last + 1}: a quotation mark {why}: mend it") from None


def separator_of(lines, where):
    """What parts the cells: the sign by which most columns are understood and no cell holds another.

    UserError where a comma or a blank may as well stand within the numbers.
    """
    body = [line.strip() for line in lines[1:]]
    cells = [numbers.match(line) for line in body]
    if body and all(cell and cell["unit"] and cell["body"][-1].isdigit() for cell in cells):
        return ""  # 5,3 kg: one column, its unit in each cell
    if body and all(re.match(r"[-+−–•*]\s", line) and numbers.is_number(line[1:]) for line in body):
        raise cli.UserError(
            f"{where}: {body[0]!r} may be below 0, or a number behind a dash as in a list: take the blank or "
            "the dash away"
        )
    ways = {}
    for sign in SEPARATORS:
        rows = [[*map(str.strip, row)] for row in _split(lines, sign)]
        width, often = Counter(map(len, rows)).most_common(1)[0]
        full = [row for row in rows if len(row) == width]
        score = _score(full)
        if width > 1 and often >= 0.8 * (len(rows) - (len(rows[0]) != width)) and score[1]:
            ways[sign] = score, rows, width
    if not ways:
        return ","
    first, *others = sorted(ways, key=lambda sign: ways[sign][0])
    (unclear, _), rows, width = best = ways[first]
    if others and ways[others[0]][0] == best[0] and unclear:
        raise cli.UserError(
            f"{where}: {lines[-1].strip()[:60]!r} may be parted by {SEPARATORS[first]} or by "
            f"{SEPARATORS[others[0]]}: give --separator"
        )
    if first in (",", BLANKS) and _may_be_numbers(lines, rows, width, first):
        raise cli.UserError(
            f"{where}: {lines[-1].strip()[:60]!r} may be {width} cells parted by {SEPARATORS[first]} "
            f"(--separator {'blank' if first == BLANKS else ','}), or one cell with decimal commas or spaced "
            "thousands (--separator ;)"
        )
    return first


def _score(rows):
    """(columns whose cells hold numbers and other separators, minus the columns that are understood)."""
    unclear = understood = 0
    for column in zip(*rows[1:] or rows):
        there = [cell for cell in column if not numbers.is_missing(cell)][:200]
        more = [cell for cell in there if re.search(r"\d", cell) and re.search(r"[;\t|,\s]", cell)]
        if there and sum(map(numbers.is_number, there)) >= 0.8 * len(there) or times.shape_of(there):
            understood += 1
        elif there and len(more) >= 0.8 * len(there):
            unclear += 1
    return unclear, -understood


def _may_be_numbers(lines, rows, width, sign):
    """Whether the sign may as well stand within numbers: the header has fewer cells then, or is none."""
    full = [row for row in rows if len(row) == width]
    place = next((n for n, row in enumerate(rows) if len(row) == width and any(map(numbers.is_number, row))), 0)
    if not place:
        whole = width == 2 and all(re.fullmatch("[0-9]+", row[-1]) for row in full)
        plain = not any(re.search("[.:]|[^0-9]-", line) for line in lines)
        return sign == "," and plain and whole and not counts([row[0] for row in full])
    if len(rows[place - 1]) >= width or all(line.lstrip().startswith('"') for line in lines[place : place + 2]):
        return False  # R quotes the names of its rows
    digits = "[0-9]+" if sign == "," else r"[0-9]{3}([.,][0-9]+)?"
    return all(re.fullmatch(digits, row[-1]) for row in full[place:])


def counts(cells):
    """Whether texts count up by one."""
    return all(cell.isdigit() for cell in cells) and {int(b) - int(a) for a, b in zip(cells, cells[1:])} == {1}


# files whose cells have types


def _typed(value):
    """A typed cell -> int, float, date or text; "" where it is empty."""
    if value is None or value != value:
        return ""
    if isinstance(value, (int, float, datetime.date)) and not isinstance(value, bool):
        return value
    return float(value) if hasattr(value, "as_tuple") else str(value).strip()


def _excel(data, where, sheet, skip):
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    except Exception as error:  # openpyxl raises BadZipFile, KeyError, ValueError and others
        raise cli.UserError(
            f"{where} is a packed file, but no .xlsx that can be read: save it as .xlsx or CSV "
            f"({type(error).__name__})"
        ) from None
    full = [page for page in book.worksheets if any(cell is not None for row in page.values for cell in row)]
    shown = [page for page in full if page.sheet_state == "visible"] or full
    named = ", ".join(page.title for page in (full if sheet else shown))
    shown = [page for page in full if page.title == sheet] if sheet else shown
    if not full:
        raise cli.UserError(f"{where} is empty: no sheet has a cell")
    if len(shown) != 1:
        what = f"has no sheet {sheet!r} with cells: it has" if sheet else f"has {len(shown)} sheets: give --sheet, one of"
        raise cli.UserError(f"{where} {what} {named}")
    (page,) = shown
    if any(cell is None for row in page.values for cell in row):
        formulas = openpyxl.load_workbook(io.BytesIO(data))[page.title]
        cells = [cell.coordinate for row in formulas.iter_rows() for cell in row if cell.data_type == "f"]
        if cells and all(page[name].value is None for name in cells):  # no spreadsheet program wrote it
            raise cli.UserError(
                f"{where}: {cells[0]} and {len(cells) - 1} more hold formulas whose values are not in the "
                "file: open it in a spreadsheet program and save it"
            )
    merged = {}
    for span in page.merged_cells.ranges:
        top = page.cell(span.min_row, span.min_col).value
        if span.max_row > span.min_row and top is not None:
            if not isinstance(top, str):
                raise cli.UserError(f"{where}: {span} is one merged cell over several rows, {top}: part it")
            merged.update({(row, span.min_col): top for row in range(span.min_row, span.max_row + 1)})
    hidden = {n for n, row in page.row_dimensions.items() if row.hidden or row.height == 0}
    away = [range(c.min, c.max + 1) for c in page.column_dimensions.values() if c.hidden or c.width == 0]
    shown = [n for n in range(1, page.max_column + 1) if not any(n in columns for columns in away)]
    out, blank, lost = Cells(where, [[] for _ in shown], array.array("Q")), False, 0
    for number, row in enumerate(page.iter_rows(min_row=skip + 1, values_only=True), skip + 1):
        cells = [_typed(merged.get((number, place), row[place - 1])) for place in shown]
        there = any(cell != "" for cell in cells)
        lost += there and number in hidden
        if there and number not in hidden:
            out.add(number, cells, blank)
        blank = not there
    if not out.lines:
        raise cli.UserError(f"{where}: nothing is left of sheet {page.title!r}: hidden, or --skip {skip}")
    out.notes += [f"{lost} hidden rows left out"] if lost else []
    out.notes += [f"{page.max_column - len(shown)} hidden columns left out"] if page.max_column > len(shown) else []
    return out


def _parquet(data, where):
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # its own takes 1 GB of addresses at once
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(io.BytesIO(data))
    except Exception as error:  # pyarrow's errors have no common ancestor of their own
        raise cli.UserError(f"{where} cannot be read as parquet: {' '.join(str(error).split())[:150]}") from None
    columns = []
    for column in table.columns:
        if pyarrow.types.is_timestamp(column.type):  # Python has no nanoseconds
            column = column.cast(pyarrow.timestamp("us", column.type.tz), safe=False)
        columns.append([_typed(cell) for cell in column.to_pylist()])
    names = ["" if name.startswith("__index_level_") else name for name in table.column_names]
    return Cells(where, columns, range(1, table.num_rows + 1), names=names)
