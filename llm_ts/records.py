"""The stored form: data.jsonl, one JSON object per line, one line per series; and whole files written atomically.

| field | owner | meaning |
|---|---|---|
| id | ou_process | `ou_000042`: the process, then a number |
| params | ou_process | theta, mu, sigma, x0, dt, n, seed: enough to make the series again, bit for bit; `process`, where it is not OU |
| series | ou_process | n integers 0..99: the path rescaled to its own minimum and maximum and rounded |
| raw_min, raw_max | ou_process | the path's extremes in its original unit: value = raw_min + k / 99 * (raw_max - raw_min) |
| question | ou_process | the name of the row's question (question.py); absent: `study` |
| truth | ou_process | version of the rules, a label for each claim of the question, a `clear` flag for each, numbers, sentences |
| truth.rules | curate --fit | the name and the numbers of fitted thresholds, if the published ones are not used |
| gold | mistral | the teacher's sentences, one for each topic of the question: trend, noise, extrema |
| teacher | mistral | model, prompt and its version, date, tokens used, its `labels` of the claims, `batch`; or `failed` |
| second | mistral | a second teacher's gold and teacher, if one was asked |
| curated | curate | per sentence: the text to train on, its status (kept, replaced, verify, verified) and the reason |

Slow stages append one flushed line for each result: the last line of an id wins, and keeps the place of the
first. Quick stages replace the file, whole or not at all. A torn last line (of a killed run) is dropped with a
message; a broken line elsewhere is an error. The file may be of any length: only the place of each row is kept.

    with records.writing("data.jsonl") as data:
        with data.replacing() as out:
            for lines in data.map(work):  # work: a list of rows -> anything; all cores, in the order of the file
                out.write(lines)
"""

import argparse
import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import socket
import sys
from array import array
from codecs import BOM_UTF8
from itertools import chain

import numpy as np

from llm_ts import claims, question, shape, workers
from llm_ts.cli import UserError

CHUNK = 1024  # rows that are worked on together, at most
NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK)  # of flock: this file system has none


def encode(row):
    """{"id": "ou_000042", ...} -> one line of JSON without its newline; ValueError for NaN."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def line_of(row):
    """A row as its line of a file, in bytes."""
    return encode(row).encode("utf-8") + b"\n"


def _refuse_constant(name):
    raise ValueError(f"{name} is no number")


def decode(line, where):
    """One line of JSON (bytes) -> the row. UserError, beginning with `where`, if it is no row."""
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
        if b"\\ud" in line or b"\\uD" in line:
            encode(row).encode("utf-8")  # half a surrogate pair could not be written again
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not JSON in UTF-8 ({error}): mend or delete this line") from None
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise UserError(f"{where}: not an object with an id: mend or delete this line")
    return row


def torn(tail, path):
    """Whether the bytes after the last newline are no whole row; if so, print a message."""
    try:
        decode(tail, path)
    except UserError:
        print(f"{path}: dropped a torn last line of {len(tail)} bytes (a run was killed there)", file=sys.stderr)
        return True
    return False


def open_to_read(path, made_by):
    """Open a file for reading in bytes. UserError if it is missing (naming the script that makes it) or a folder."""
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise UserError(f"no {path} here: run {made_by} first") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: give the file's name") from None


def require(rows, field, path, made_by):
    """UserError, naming the first bad row, unless every row has the field in the shape that its question needs."""
    fits, words = shape.SHAPES.get(field, (lambda value, asked: True, ""))
    for row in rows:
        if row.get(field) is None:
            raise UserError(f"{path}: row {row['id']} has no {field!r}: run {made_by} first")
        asked = question.of(row, f"{path}: row {row['id']}")
        if not fits(row[field], asked):
            words = words.format(version=claims.VERSION, sentences=asked.count("sentence"))
            raise UserError(f"{path}: row {row['id']}: its {field} is not {words}: mend it, or run {made_by}")


locks = True  # --no-lock: False


def add_lock_flag(parser):
    """Add --no-lock, for file systems without locks."""

    class Unlock(argparse.Action):
        def __call__(self, *arguments):
            global locks
            locks = False

    what = "Write without a lock, for file systems that have none. Make sure that no second run writes there."
    parser.add_argument("--no-lock", nargs=0, action=Unlock, default=argparse.SUPPRESS, help=what)


def lock(file, wait=False):
    """Lock an open file until it is closed. BlockingIOError if another process holds it and wait is false.

    UserError if the file system has no locks. The lock is the kernel's: it ends with the process.
    """
    if not locks:
        return
    try:
        import fcntl  # not at the top: on systems without it, what only reads works
    except ImportError:
        raise UserError(f"this system has no locks of the kind that writing {file.name} needs: give --no-lock") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        why = f"the file system of {file.name} has no locks ({error.strerror})"
        raise UserError(f"{why}: write elsewhere, or give --no-lock") from None


@contextlib.contextmanager
def holding(path, create=False, made_by="ou_process.py"):
    """Open a file for appending bytes, and lock it. UserError if another run holds it. The lock is on the file itself.

    create: make the file if it is missing; it is removed again if it stays empty.
    """
    if create:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    else:
        open_to_read(path, made_by).close()
    while True:
        there = os.path.exists(path)
        file = open(path, "ab")
        try:
            lock(file)
        except UserError:
            file.close()
            if not there:
                os.remove(path)
            raise
        except BlockingIOError:
            file.close()
            raise UserError(f"{path} is being written by another run: wait for it, or stop it") from None
        if os.path.exists(path) and os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
            break
        file.close()  # it was replaced between open and lock: we hold the old file
    with file:
        try:
            yield file
        finally:
            if create and not os.path.getsize(path):
                os.remove(path)


@contextlib.contextmanager
def atomic(path):
    """Yield a temporary name beside path, for a file or a folder. On success it is renamed to path, else removed."""
    path = os.path.realpath(path)  # of a link, the file that it leads to
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.tmp{socket.gethostname()}-{os.getpid()}"  # the same number may run on another node
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in (None, temporary):  # None: of a full disk
            error.filename = path  # the name that the user knows
        if os.path.isdir(temporary):
            shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(OSError):  # not there, or no right to remove it: the first error is the one to tell
            os.remove(temporary)
        raise


def sweep(folder):
    """Remove temporary files of atomic() that killed runs on this machine left; those of a living process stay."""
    ours = re.compile(rf"\.tmp{re.escape(socket.gethostname())}-(\d+)$")
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        left = ours.search(name)
        if left and not _lives(int(left[1])):
            path = os.path.join(folder, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)


def _lives(process):
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


@contextlib.contextmanager
def replacing(path):
    """Yield a file for bytes. On success it is synced to the disk and becomes path, else it is removed."""
    with atomic(path) as temporary, open(temporary, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def digest(path):
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path, text):
    """Write a text file whole or not at all."""
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path, value):
    """Write a JSON file whole or not at all, indented for people."""
    write_text(path, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def read_json(path, made_by):
    """The object of a JSON file. UserError if it is missing (naming the script that makes it) or broken."""
    try:
        with open_to_read(path, made_by) as file:
            value = json.loads(file.read().decode("utf-8"), parse_constant=_refuse_constant)
        encode(value).encode("utf-8")  # 1e999 and half a surrogate pair could not be written again
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error}): mend it, or delete it and run {made_by}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: not a JSON object: mend it, or delete it and run {made_by}")
    return value


def _id_of(line):
    """The id of a line, as bytes, if it comes first, as we write it: the rest need not be parsed. Else None."""
    if line.startswith(b'{"id": "'):
        found = line[8 : line.find(b'"', 8)]
        if b"\\" not in found:
            return found
    return None


class Rows:
    """The rows of an open file: `len(rows)`, iteration, `rows.read(numbers)`, `rows.map(work)`.

    file: open for reading, in bytes. held: a list of the file that is held for writing, if one is.
    """

    def __init__(self, file, path, held=()):
        self.file, self.path, self.held = file, path, held
        self.index()

    def __len__(self):
        return len(self.starts)

    def __iter__(self):
        return chain.from_iterable(map(self._piece, range(0, len(self), CHUNK)))

    def index(self):
        """Find the place of each row. Call it again after appending lines or replacing the file."""
        self.starts, self.sizes = array("q"), array("q")  # of the last line of each id, in order of the first
        older = array("q"), array("q"), array("q")  # of the lines before: places of their ids, starts and sizes
        places, start = {}, 0
        self.file.seek(0)
        if self.file.read(len(BOM_UTF8)) == BOM_UTF8:  # an editor's
            start = len(BOM_UTF8)
        self.file.seek(start)
        for line in self.file:
            # bytes after the last newline are a torn line, unless they are a whole row (some editors omit the newline)
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
        parts = range(0, end, 1 << 20)
        return 1 + sum(self._bytes(start, min(1 << 20, end - start)).count(b"\n") for start in parts)

    def _decode(self, line, start):
        try:
            row = decode(line, self.path)
        except UserError:
            return decode(line, f"{self.path}, line {self._line_number(start)}")
        if _id_of(line) not in (None, row["id"].encode("utf-8")):
            raise UserError(f"{self.path}: row {row['id']} has a second id: mend or delete this line")
        return row

    def read(self, numbers):
        """The rows of these numbers, as a list of dicts."""
        places = [(self.starts[number], self.sizes[number]) for number in numbers]
        return [self._decode(self._bytes(start, size), start) for start, size in places]

    def _piece(self, first, size=CHUNK):
        """At most `size` rows from number `first` on. Earlier lines of the same ids must be whole too."""
        rows = self.read(range(first, min(first + size, len(self))))
        places, starts, sizes = self.older
        for k in range(*np.searchsorted(places, [first, first + len(rows)])):
            place, start = int(places[k]), int(starts[k])
            before, row = self._decode(self._bytes(start, int(sizes[k])), start), rows[place - first]
            if before.get("series") != row.get("series"):
                where = f"{self.path}, line {self._line_number(self.starts[place])}"
                two = "again, with another series: are two files in this one? Give each its own"
                raise UserError(f"{where}: {row['id']} {two}")
        return rows

    def map(self, work, numbers=None, chunk=CHUNK):
        """Yield work(rows) for each `chunk` rows, in order, on all cores. UserError for a broken line.

        numbers: of the rows to work on; None: all.
        """
        if numbers is None:
            pieces, rows_of = range(0, len(self), chunk), lambda first: self._piece(first, chunk)
        else:
            pieces, rows_of = [numbers[k : k + chunk] for k in range(0, len(numbers), chunk)], self.read
        return workers.in_order(lambda piece: work(rows_of(piece)), pieces, self.held)


class Held(Rows):
    """The rows of a file that is held for writing."""

    def append(self, lines):
        """Append whole lines (bytes) and flush them: a kill loses at most the last line. `index` finds them."""
        self.held[0].write(lines)
        self.held[0].flush()

    @contextlib.contextmanager
    def replacing(self):
        """Yield a file for the lines (bytes) of all rows. On success it replaces the old file, and is held like it."""
        sweep(os.path.dirname(self.path) or ".")  # a killed run may have left a file as long as this one
        with replacing(self.path) as new:
            yield new
            lock(new)  # before others can find it by its name
            held = os.fdopen(os.dup(new.fileno()), "ab")
        for file in (self.file, *self.held):
            file.close()
        self.file, self.held[0] = open(self.path, "rb"), held


@contextlib.contextmanager
def reading(path, made_by="ou_process.py", may_be_empty=False):
    """The Rows of a file. UserError if it is missing (naming the script that makes it), or empty and may not be."""
    with open_to_read(path, made_by) as file:
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
    """The Rows of a file, held for writing: `with writing(path) as data: data.append(line_of(row))`.

    A torn last line is cut off. create: make the file if it is missing.
    """
    with holding(path, create, made_by) as file, open_to_read(path, made_by) as readable:
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
            if held[0] is not file:  # replaced; `file` itself is closed by `holding`, which may have to remove it first
                held[0].close()
