"""A user's file, whatever its kind -> a table of texts: CSV and its relatives, .xlsx, .parquet, or what comes through a pipe.

Each thing that was guessed is a note; what is no table is one line of UserError.
"""

import codecs
import contextlib
import csv
import os
import re
import shutil
import stat
import sys
import tempfile

from llm_ts import cli
from llm_ts.series.user import separator as separators
from llm_ts.series.user import typed
from llm_ts.series.user.table import Table

HEAD = 1 << 20  # bytes from which the kind and the layout of a text file are guessed
ROWS = 1 << 17  # rows read at a time
NO_TABLE = {  # how files begin that hold no table of texts
    b"\x1f\x8b": "is compressed (gzip): unpack it first",
    b"BZh": "is compressed (bzip2): unpack it first",
    b"\xfd7zXZ": "is compressed (xz): unpack it first",
    b"%PDF": "is a PDF: export its table as CSV",
    b"\x89PNG": "is a picture: give it with --image",
    b"\xff\xd8\xff": "is a picture: give it with --image",
    b"{\\rtf": "is a text document (RTF): export its table as CSV",
}
LIST = re.compile(  # numbers as a program writes or prints them: [1.5, 2], x = c(1.5, 2), [1] 1.5 2.0
    r"([\w.]+\s*(=|<-|:)\s*)?([\w.]*\(\s*)?[\[{(]\s*[-+]?[.0-9][^\])}]{0,30}[,;\s]|([\w.]+\s*(=|<-)\s*)?(c|list|array)\(|\[1\]\s+[-+.0-9]"
)
ODD = rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]"  # bytes that no text holds
OLE = b"\xd0\xcf\x11\xe0"  # old Excel files, and new ones with a password


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
            yield typed.read_excel(place, where, sheet, skip)
        elif first.startswith(b"PAR1"):
            yield typed.read_parquet(place, where)
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
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if first.startswith(mark):
            return name, None
    for name, odd in (("utf-16-le", 1), ("utf-16-be", 0)):  # without a mark: every other byte of plain text is 0
        zeros = first[odd : len(first) // 2 * 2 : 2]
        if zeros and zeros.count(0) > 0.7 * len(zeros) and first.count(0) < 0.6 * len(first):
            return name, f"read as {name.upper()}, which nothing in it says"
    if first.rstrip(b"\0\r\n").count(b"\0") < first.count(b"\0") and not re.search(ODD, first.rstrip(b"\0\r\n")):
        raise cli.UserError(
            f"{where} ends in bytes of zero, as a file does whose program was stopped: take them out (tr -d '\\0')"
        )
    if re.search(ODD, first):
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
    if re.match(r"<(!doctype|html|head|body|table|thead|tbody|tr|td|ul|p|\?xml|svg|div|!--)\b", begin):
        raise cli.UserError(f"{where} is a web page (HTML or XML), whatever its name says: export its table as CSV")
    if re.match(r'[\[{]\s*("|[\[{])', begin):
        raise cli.UserError(f"{where} is JSON: write its numbers as CSV")
    if LIST.match(begin):
        raise cli.UserError(f"{where} holds a list as programs write it: write its numbers below one another, without brackets")
    notes, comments = [note] if note else [], []
    if skip >= len(lines):
        raise cli.UserError(f"{where}: --skip {skip} leaves nothing")
    while skip < len(lines) and (
        not lines[skip].strip() or separators.COMMENT.match(lines[skip]) or lines[skip].lower().startswith("sep=")
    ):
        if lines[skip].lower().startswith("sep="):
            separator = separator or lines[skip][4:5]
        elif lines[skip].strip():
            comments.append(separators.COMMENT.sub("", lines[skip]).strip())
        skip += 1
    body = lines[skip:]
    if not any(line.strip() for line in body):
        raise cli.UserError(f"{where} holds no rows: only comments and blank lines")
    separator = separators.NAMED.get(separator, separator) or separators.separator_of(body, where)
    width = max(len(cells) for cells in separators.split_lines(body, separator))
    if comments:
        notes.append(f"{len(comments)} comment lines skipped")

    def cells(columns=None, rows=None):
        frame = _read_csv(place, where, encoding, separator, skip, width, columns, rows)
        if rows is None and (inside := _count_lines(place, encoding) - skip - len(frame)) > 0:
            notes.append(f"{inside} {'line stands' if inside == 1 else 'lines stand'} within quotation marks, as part of a cell")
        return frame

    return Table(where, cells, separator, skip + 1, comments, notes=notes)


def _count_lines(place, encoding):
    """Lines of a text file, where a byte of 10 ends each of them; 0 for other encodings."""
    if encoding.startswith("utf-16") or encoding == "utf-32":
        return 0
    with open(place, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


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
                f"{where}, line {seen[2]} has {seen[3]} cells parted by "
                f"{separators.SEPARATORS.get(separator, separator)}, the others {seen[1]}: are there decimal commas? Part "
                "the cells by semicolons, or give --separator"
            ) from None
        open_quote = re.search(r"EOF inside string starting at row (\d+)", str(error))
        if open_quote:
            raise cli.UserError(
                f"{where}, line {int(open_quote[1]) + skip + 1}: a quotation mark is opened there and not closed: mend it, or "
                "take the marks away"
            ) from None
        raise cli.UserError(f"{where} cannot be read as a table: {' '.join(str(error).split())[:150]}") from None
    except (UnicodeError, ValueError, csv.Error) as error:
        raise cli.UserError(f"{where} cannot be read as a table: {' '.join(str(error).split())[:150]}") from None
