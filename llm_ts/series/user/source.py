"""A user's file, whatever its kind -> a table of texts: CSV and its relatives, .xlsx, .parquet, or what comes through a pipe.

What a cell means is not asked here, but for what parts them. Each thing that was guessed is a note; what is no table is one line of UserError.
"""

import codecs
import contextlib
import csv
import io
import os
import re
import shutil
import stat
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field

from llm_ts import cli
from llm_ts.series.user.numbers import is_number

HEAD = 1 << 20  # bytes from which the kind and the layout of a text file are guessed
ROWS = 1 << 17  # rows read at a time
SEPARATORS = {";": ";", "\t": "tab", "|": "|", ",": ",", r"\s+": "blanks"}  # in the order in which they are believed
NAMED = {"tab": "\t", "blank": r"\s+", "blanks": r"\s+", "space": r"\s+", "comma": ",", "semicolon": ";"}
COMMENT = re.compile(r"\s*(#|//|%|!|\*{2})")
NO_TABLE = {  # how files begin that hold no table of texts
    b"\x1f\x8b": "is compressed (gzip): unpack it first",
    b"BZh": "is compressed (bzip2): unpack it first",
    b"\xfd7zXZ": "is compressed (xz): unpack it first",
    b"%PDF": "is a PDF: export its table as CSV",
    b"\x89PNG": "is a picture: give it with --image",
    b"\xff\xd8\xff": "is a picture: give it with --image",
    b"{\\rtf": "is a text document (RTF): export its table as CSV",
}
OLE = b"\xd0\xcf\x11\xe0"  # old Excel files, and new ones with a password


@dataclass
class Table:
    """Texts in rows and columns, numbered from 0. lines: where row 0 stands in the file. names: of typed columns, or None."""

    where: str  # as the user calls the file
    cells: object  # a function: (columns or None, rows or None) -> a DataFrame of texts; "" where a cell is empty
    separator: str = ""
    lines: int = 1
    comments: list = field(default_factory=list)  # comment lines above the table
    names: list | None = None
    notes: list = field(default_factory=list)


@contextlib.contextmanager
def open_table(path, separator=None, skip=0, sheet=None):
    """The Table of a file ("-": stdin), to be used inside a with block. UserError in one line for what is no table."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # its own pool takes 1 GB of addresses at once
    with contextlib.ExitStack() as stack:
        where = "stdin" if path in ("-", "/dev/stdin") else path
        place = stack.enter_context(_regular(path, where))
        with open(place, "rb") as file:
            first = file.read(HEAD)
        if not first.strip():
            raise cli.UserError(f"{where} is empty: a header and rows of numbers are needed")
        for begin, why in NO_TABLE.items():
            if first.startswith(begin):
                raise cli.UserError(f"{where} {why}")
        if sheet and not first.startswith(b"PK\x03\x04"):
            raise cli.UserError(f"{where} has no sheets: --sheet belongs to an .xlsx file")
        if first.startswith(OLE):
            raise cli.UserError(f"{where} {_old_excel(place)}")
        if first.startswith(b"PK\x03\x04"):
            yield _excel(place, where, sheet, skip)
        elif first.startswith(b"PAR1"):
            yield _parquet(place, where)
        else:
            yield _text(place, where, first, separator, skip)


@contextlib.contextmanager
def _regular(path, where):
    """A file that can be read twice: the path itself, or a copy of what comes through a pipe."""
    if path != "-":
        try:
            kind = os.stat(path).st_mode
        except FileNotFoundError:
            raise cli.UserError(f"no {path} here") from None
        if stat.S_ISDIR(kind):
            raise cli.UserError(f"{path} is a folder: give a file of numbers")
        if stat.S_ISREG(kind):
            yield path
            return
    with tempfile.NamedTemporaryFile(prefix="series-") as copy:
        with contextlib.nullcontext(sys.stdin.buffer) if path == "-" else open(path, "rb") as pipe:
            shutil.copyfileobj(pipe, copy)
        copy.flush()
        yield copy.name


def _old_excel(place):
    with open(place, "rb") as file:
        locked = "EncryptedPackage".encode("utf-16-le") in file.read()
    return "is protected by a password: save it without" if locked else "is an old .xls file: save it as .xlsx or CSV"


# text


def encoding_of(place, where, first):
    """(encoding of a text file, note or None): by its mark, as UTF-8, else Windows-1252. UserError for a binary file."""
    for mark, name in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if first.startswith(mark):
            return name, None
    for name, odd in (("utf-16-le", 1), ("utf-16-be", 0)):  # without a mark: every other byte of plain text is 0
        zeros = first[odd : len(first) // 2 * 2 : 2]
        if zeros and zeros.count(0) > 0.7 * len(zeros) and first.count(0) < 0.6 * len(first):
            return name, f"read as {name.upper()}, which nothing in it says"
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", first):
        raise cli.UserError(f"{where} is a binary file, no table of texts: export it as CSV")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with open(place, "rb") as file:
            while block := file.read(1 << 20):
                decoder.decode(block)
        decoder.decode(b"", final=True)
        return "utf-8", None
    except UnicodeDecodeError:
        return "cp1252", "not UTF-8: read as Windows-1252"


def _text(place, where, first, separator, skip):
    encoding, note = encoding_of(place, where, first)
    head = first.decode(encoding, errors="replace").lstrip("\ufeff")
    lines = re.split("\r\n|\r|\n", head)
    lines = lines[:-1] if len(first) == HEAD else lines  # the last one may be torn
    begin = head.lstrip()[:200].lower()
    if re.match(r"<(!doctype|html|head|body|table|\?xml|svg|div|!--)", begin):
        raise cli.UserError(f"{where} is a web page (HTML or XML), whatever its name says: export its table as CSV")
    if re.match(r'[\[{]\s*("|[\[{])', begin):
        raise cli.UserError(f"{where} is JSON: write its numbers as CSV")
    notes, comments = [note] if note else [], []
    if skip >= len(lines):
        raise cli.UserError(f"{where}: --skip {skip} leaves nothing")
    while skip < len(lines) and (not lines[skip].strip() or COMMENT.match(lines[skip]) or lines[skip].lower().startswith("sep=")):
        if lines[skip].lower().startswith("sep="):
            separator = separator or lines[skip][4:5]
        elif lines[skip].strip():
            comments.append(COMMENT.sub("", lines[skip]).strip())
        skip += 1
    body = lines[skip:]
    if not any(line.strip() for line in body):
        raise cli.UserError(f"{where} holds no rows: only comments and blank lines")
    separator = NAMED.get(separator, separator) or separator_of(body, where)
    width = max(len(cells) for cells in _split(body, separator))
    if comments:
        notes.append(f"{len(comments)} comment lines skipped")

    def cells(columns=None, rows=None):
        return _read_csv(place, where, encoding, separator, skip, width, columns, rows)

    return Table(where, cells, separator, skip + 1, comments, notes=notes)


def _split(lines, separator):
    """Lines -> lists of cells, as a spreadsheet parts them; empty lines are left out."""
    if separator == r"\s+":
        # a quoted cell may hold blanks
        return [[cell.strip('"') for cell in re.findall(r'"[^"]*"|\S+', line)] for line in lines if line.strip()]
    try:
        return [row for row in csv.reader(lines, delimiter=separator, skipinitialspace=True) if any(cell.strip() for cell in row)]
    except csv.Error:
        return [line.split(separator) for line in lines if line.strip()]


def separator_of(lines, where):
    """What parts the cells of a text file; "," for a single column. UserError where two ways are as good as each other.

    A way is good where most lines have as many cells, two or more, and some cell of most lines is a number.
    """
    lines = [line for line in lines[:2000] if not COMMENT.match(line)]
    good = {}
    for separator in SEPARATORS:
        rows = _split(lines, separator)
        width, often = Counter(map(len, rows)).most_common(1)[0]
        numbers = sum(any(LIKE_NUMBER.fullmatch(cell.strip()) for cell in row[:]) for row in rows if len(row) == width)
        if width > 1 and often >= 0.8 * len(rows) and numbers >= 0.5 * often:
            good[separator] = width
    if "," in good and r"\s+" in good and _all_numbers(_split(lines, r"\s+")) and not _all_numbers(_split(lines, ",")):
        return r"\s+"  # 0 3,5: blanks between, decimal commas within
    for separator in good:
        if separator in (",", r"\s+") and _may_be_decimals(lines, separator):
            seen = next(line for line in reversed(lines) if line.strip()).strip()
            raise cli.UserError(
                f"{where}: {seen!r} may be {good[separator]} cells parted by {SEPARATORS[separator]}, or one cell with "
                "decimal commas or spaced thousands: part the cells by semicolons, or give --separator"
            )
        return separator
    return ","


LIKE_NUMBER = re.compile(r"[^\w]{0,3}[0-9][0-9., '\u00a0\u202f]*([eE][+-]?[0-9]+)?[^0-9]{0,5}")


def _all_numbers(rows):
    """Whether every cell below the first row is a number."""
    return all(is_number(cell) for row in rows[1:] for cell in row)


def _may_be_decimals(lines, separator):
    """Whether the separator may as well be a decimal comma, or a blank between thousands: the header has fewer cells then."""
    rows = _split(lines, separator)
    header, body = rows[0], rows[1:]
    if not header[0].strip() and separator == ",":  # an index without a name
        return False
    if not body or any(LIKE_NUMBER.fullmatch(cell.strip()) for cell in header):  # no header: each number may be cut in two
        return separator == "," and not any(re.search("[.:]|[^0-9]-", ",".join(row)) for row in rows) and len(rows[0]) == 2 and all(
            re.fullmatch("[0-9]+", row[-1].strip()) for row in rows) and not _counts([row[0] for row in rows])
    width = Counter(map(len, body)).most_common(1)[0][0]
    if width <= len(header):
        return False
    if separator == r"\s+":
        return all(re.fullmatch(r"[0-9]{3}([.,][0-9]+)?", row[-1]) for row in body if len(row) == width)
    if any(re.match('\\s*"', line) for line in lines[1:3]):  # R quotes the names of its rows
        return False
    last = [row[-1].strip() for row in body if len(row) == width]
    return all(re.fullmatch("[0-9]+", cell) for cell in last)


def _counts(cells):
    """Whether texts count up by one."""
    return all(cell.strip().isdigit() for cell in cells) and all(int(b) - int(a) == 1 for a, b in zip(cells, cells[1:]))


def _read_csv(place, where, encoding, separator, skip, width, columns, rows):
    import pandas as pd

    options = {"header": None, "names": range(width), "dtype": str, "keep_default_na": False, "index_col": False}
    try:
        with pd.read_csv(
            place, sep=separator, encoding=encoding, skiprows=skip, usecols=columns, nrows=rows, skip_blank_lines=False,
            skipinitialspace=separator != r"\s+", chunksize=min(rows or ROWS, ROWS), **options,
        ) as reader:  # fmt: skip
            return pd.concat(reader, ignore_index=True).fillna("")
    except pd.errors.ParserError as error:
        seen = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if seen:
            raise cli.UserError(
                f"{where}, line {seen[2]} has {seen[3]} cells parted by {SEPARATORS.get(separator, separator)}, the others "
                f"{seen[1]}: are there decimal commas? Part the cells by semicolons, or give --separator"
            ) from None
        raise cli.UserError(f"{where} cannot be read as a table: {' '.join(str(error).split())[:150]}") from None
    except (UnicodeError, ValueError, csv.Error) as error:
        raise cli.UserError(f"{where} cannot be read as a table: {' '.join(str(error).split())[:150]}") from None


# spreadsheets and parquet


def text_of(value):
    """A typed cell -> its text. A number is written so that its dot can only be a decimal mark: 1.234 -> "1.2340"."""
    import datetime

    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        text = value.isoformat(*((" ",) if isinstance(value, datetime.datetime) else ()))
        return text.removesuffix(" 00:00:00")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else re.sub(r"^(-?\d{1,3}\.\d{3})$", r"\g<1>0", repr(float(value)))
    return str(value).strip()


def _excel(place, where, sheet, skip):
    import warnings

    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open(place, "rb") as file:
                sheets = pd.read_excel(io.BytesIO(file.read()), sheet_name=None, header=None, dtype=object, engine="openpyxl", na_values=[], keep_default_na=False)
    except Exception as error:  # openpyxl raises BadZipFile, KeyError, ValueError and others for what is no .xlsx
        raise cli.UserError(f"{where} is a packed file, but no .xlsx that can be read: save it as .xlsx or CSV ({type(error).__name__})") from None
    full = {name: frame for name, frame in sheets.items() if frame.size}
    if sheet and sheet not in full:
        raise cli.UserError(f"{where} has no sheet {sheet!r} with cells: it has {', '.join(full) or 'none'}")
    if not full:
        raise cli.UserError(f"{where} is empty: no sheet has a cell")
    if not sheet and len(full) > 1:
        raise cli.UserError(f"{where} has {len(full)} sheets: give --sheet, one of {', '.join(full)}")
    frame = full[sheet or next(iter(full))]
    texts = frame.map(text_of).astype("str").iloc[skip:].reset_index(drop=True)
    texts.columns = range(texts.shape[1])
    return _whole(where, texts, skip + 1)


def _parquet(place, where):
    import pandas as pd

    try:
        frame = pd.read_parquet(place)
    except Exception as error:  # pyarrow's errors have no common ancestor of their own
        raise cli.UserError(f"{where} cannot be read as parquet: {' '.join(str(error).split())[:150]}") from None
    if frame.index.name or not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    texts = pd.DataFrame({place: _typed_texts(frame[name]) for place, name in enumerate(frame.columns)})
    return _whole(where, texts, 1, [str(name) for name in frame.columns])


def _typed_texts(column):
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        return column.astype("str").fillna("").replace("NaT", "")
    return column.astype(object).map(text_of).astype("str")


def _whole(where, texts, line, names=None):
    def cells(columns=None, rows=None):
        return texts.iloc[:rows] if columns is None else texts.loc[:, columns].iloc[:rows]

    return Table(where, cells, "", line, names=names)
