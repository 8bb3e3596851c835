"""The stored form: data.jsonl, one JSON object per line, one line per series.

| field | owner | meaning |
|---|---|---|
| id | ou_process | `ou_000042`: the process, then a number |
| params | ou_process | process, theta, mu, sigma, x0, dt, n, seed: enough to make the series again, bit for bit |
| series | ou_process | n integers 0..99: the path rescaled to its own minimum and maximum and rounded |
| raw_min, raw_max | ou_process | the path's extremes in its original unit: value = raw_min + k / 99 * (raw_max - raw_min) |
| question | ou_process | the name of the row's question (question.py) |
| truth | ou_process | version of the rules, a label for each claim of the question, a `clear` flag for each, numbers, sentences |
| truth.rules | curate --fit | the name and the numbers of fitted thresholds; "" and {}: the published ones |
| gold | mistral | the teacher's sentences, one for each topic of the question: trend, noise, extrema |
| teacher | mistral | model, prompt and its version, date, tokens used, its `labels` of the claims, `batch`; or `failed` |
| second | mistral | a second teacher's gold and teacher, if one was asked |
| curated | curate | per sentence: the text to train on, its status (kept, replaced, verify, verified) and the reason |

Slow stages append one flushed line for each result: the last line of an id wins and keeps the
place of the first. Quick stages replace the file, whole or not at all. A torn last line (of a
killed run) is dropped with a message: the beginning of a row, or bytes of zero. A broken line
elsewhere, and a file of another form, is an error that names it; what other programs write otherwise
in JSON's own freedom is read. The file may have any length: memory holds the place of each row.

    with records.writing("data.jsonl") as data:
        with data.replacing() as out:
            for row in data:
                out.write(records.line_of(row))
"""

import contextlib
import json
import os
import sys
from array import array
from codecs import BOM_UTF8
from itertools import chain

import numpy as np

from llm_ts import claims, question
from llm_ts.base import disk
from llm_ts.base.cli import UserError
from llm_ts.data import shape

SAVED_AS = {  # how a file of another form begins: what to do
    b"\x1f\x8b": "it is packed: unpack it with gunzip",
    (b"\xff\xfe", b"\xfe\xff"): "it is UTF-16: save it as UTF-8",
    b"[": "it is an array: write one object a line (jq -c '.[]')",
}
MEND = "mend or delete this line"
CHUNK = 1024  # rows that are worked on together, at most


def encode(row):
    """{"id": "ou_000042", ...} -> one line of JSON without its newline; ValueError for NaN."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def line_of(row):
    """A row as its line of a file, in bytes."""
    return encode(row).encode("utf-8") + b"\n"


def decode(line, where):
    """One line of JSON (bytes) -> the row. UserError, beginning with `where`, if it is no row."""
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=disk.refuse_constant)
        if b"\\ud" in line or b"\\uD" in line:
            encode(row).encode("utf-8")  # half a surrogate pair could not be written again
    except (ValueError, RecursionError) as error:
        mend = next((words for begin, words in SAVED_AS.items() if line.startswith(begin)), MEND)
        raise UserError(f"{where}: not JSON in UTF-8 ({error}): {mend}") from None
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise UserError(f"{where}: not an object with an id: {SAVED_AS[b'['] if line.startswith(b'[') else MEND}")
    series = row.get("series")
    if isinstance(series, list) and float in set(map(type, series)):  # 12.0, as some programs write 12
        row["series"] = [int(k) if isinstance(k, float) and k.is_integer() else k for k in series]
    return row


def torn(tail, path):
    """Whether the bytes after the last newline are no whole row, as a kill leaves them; if so, print a message.

    UserError where they are no beginning of a row: to drop them may be to drop a file.
    """
    try:
        decode(tail, path)
    except UserError as error:
        if tail.strip(b"\0\x1a") and (not tail.startswith(b"{") or "Extra data" in str(error)):
            raise
        what = f"a torn last line of {len(tail)} bytes (a run was killed there)"
        print(f"{path}: dropped {what}", file=sys.stderr)
        return True
    return False


def require(rows, field, path, made_by):
    """UserError, naming a row, unless every row has the field in the shape that its question needs."""
    plain, words = shape.PLAIN.get(field, (lambda value: True, ""))
    for row in rows:
        where = f"{path}: row {row['id']}"
        if row.get(field) is None:
            raise UserError(f"{where} has no {field!r}: run {made_by} first")
        if field in shape.OF_QUESTION:
            asked = question.of(row, where)
            of_question, words = shape.OF_QUESTION[field]
            fits = of_question(row[field], asked)
            words = words.format(version=claims.VERSION, sentences=asked.count("sentence"))
        else:
            fits = plain(row[field])
        if not fits:
            raise UserError(f"{where}: its {field} is not {words}: mend it, or run {made_by}")


def _id_of(line):
    """The id of a line, as bytes, if it comes first, as we write it. Else None: parse the line."""
    if line.startswith(b'{"id": "'):
        found = line[8 : line.find(b'"', 8)]
        if b"\\" not in found:
            return found
    return None


class Rows:
    """The rows of an open file: `len(rows)`, iteration, `rows.read(numbers)`.

    file: open for reading, in bytes.
    """

    def __init__(self, file, path):
        self.file, self.path = file, path
        self.index()

    def __len__(self):
        return len(self.starts)

    def __iter__(self):
        return chain.from_iterable(map(self._piece, range(0, len(self), CHUNK)))

    def index(self):
        """Find the place of each row. Call it again after appending lines or replacing the file."""
        # of the last line of each id, in order of the first
        self.starts, self.sizes = array("q"), array("q")
        # of the lines before: places of their ids, starts and sizes
        older = array("q"), array("q"), array("q")
        places, start = {}, 0
        self.file.seek(0)
        if self.file.read(len(BOM_UTF8)) == BOM_UTF8:  # an editor's
            start = len(BOM_UTF8)
        self.file.seek(start)
        for line in self.file:
            # bytes after the last newline are a torn line, unless they are a whole row
            if not line.isspace() and not line.endswith(b"\n") and torn(line, self.path):
                break
            if not line.isspace():
                row_id = _id_of(line) or self._decode(line, start)["id"].encode("utf-8")
                place = places.setdefault(row_id, len(places))
                if place < len(self.starts):
                    for kept, value in zip(older, (place, self.starts[place], self.sizes[place])):
                        kept.append(value)
                    self.starts[place], self.sizes[place] = start, len(line)
                else:
                    self.starts.append(start)
                    self.sizes.append(len(line))
            start += len(line)
        self.whole = start  # bytes of the whole lines
        order = np.argsort(older[0], kind="stable")
        self.older = [np.asarray(kept)[order] for kept in older]

    def _bytes(self, start, size):
        if hasattr(os, "pread"):  # several processes share a file's place
            return os.pread(self.file.fileno(), size, start)
        self.file.seek(start)
        return self.file.read(size)

    def _line_number(self, end):
        """The number of the line that begins at a byte."""
        size = 1 << 20
        parts = (self._bytes(start, min(size, end - start)) for start in range(0, end, size))
        return 1 + sum(part.count(b"\n") for part in parts)

    def _decode(self, line, start):
        try:
            row = decode(line, self.path)
        except UserError:
            return decode(line, f"{self.path}, line {self._line_number(start)}")
        if _id_of(line) not in (None, row["id"].encode("utf-8")):
            two = f"row {row['id']} has a second id"
            raise UserError(f"{self.path}: {two}: mend or delete this line")
        return row

    def read(self, numbers):
        """The rows of these numbers, as a list of dicts."""
        places = [(self.starts[number], self.sizes[number]) for number in numbers]
        return [self._decode(self._bytes(start, size), start) for start, size in places]

    def _piece(self, first, size=CHUNK):
        """At most `size` rows from number `first` on. Earlier lines of their ids must be whole too."""
        rows = self.read(range(first, min(first + size, len(self))))
        places, starts, sizes = self.older
        for k in range(*np.searchsorted(places, [first, first + len(rows)])):
            place, start = int(places[k]), int(starts[k])
            before = self._decode(self._bytes(start, int(sizes[k])), start)
            row = rows[place - first]
            if before.get("series") != row.get("series"):
                where = f"{self.path}, line {self._line_number(self.starts[place])}"
                two = "again, with another series: are two files in this one? Give each its own"
                raise UserError(f"{where}: {row['id']} {two}")
        return rows


class Held(Rows):
    """The rows of a file that is held for writing. held: a list of that file, open for appending."""

    def __init__(self, file, path, held):
        super().__init__(file, path)
        self.held = held

    def append(self, lines):
        """Append whole lines (bytes) and flush them: a kill loses the last line at most."""
        self.held[0].write(lines)
        self.held[0].flush()

    @contextlib.contextmanager
    def replacing(self):
        """Yield a file for the lines (bytes) of all rows. On success it replaces the held file."""
        # a killed run may have left a file as long as this one
        disk.sweep(os.path.dirname(self.path) or ".")
        with disk.replacing(self.path) as new:
            yield new
            disk.lock(new)  # before others can find it by its name
            held = os.fdopen(os.dup(new.fileno()), "ab")
        for file in (self.file, *self.held):
            file.close()
        self.file, self.held[0] = open(self.path, "rb"), held


@contextlib.contextmanager
def reading(path, made_by="ou_process.py", may_be_empty=False):
    """The Rows of a file. UserError if it is missing (made_by makes it), or empty and may not be."""
    with disk.open_to_read(path, made_by) as file:
        rows = Rows(file, path)
        if not len(rows) and not may_be_empty:
            raise UserError(f"{path} is empty: run {made_by} first")
        yield rows


def read(path, made_by="ou_process.py", may_be_empty=False):
    """All rows of a file as a list; errors as in `reading`."""
    with reading(path, made_by, may_be_empty) as rows:
        return list(rows)


@contextlib.contextmanager
def writing(path, create=False, made_by="ou_process.py"):
    """The Rows of a file, held for writing: data.append(line_of(row)), data.replacing().

    A torn last line is cut off. create: make the file if it is missing.
    """
    with disk.holding(path, create, made_by) as file, disk.open_to_read(path, made_by) as readable:
        held = [file]
        rows = Held(readable, path, held)
        if not len(rows) and not create:
            raise UserError(f"{path} is empty: run {made_by} first")
        file.truncate(rows.whole)
        if rows.whole and rows._bytes(rows.whole - 1, 1) != b"\n":
            rows.append(b"\n")
        try:
            yield rows
        finally:
            rows.file.close()
            # `file` itself is closed by `holding`, which may have to remove it first
            if held[0] is not file:
                held[0].close()
