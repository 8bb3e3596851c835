"""The stored form: data.jsonl, one JSON object per line, one line per series; and whole files written atomically.

| field | owner | meaning |
|---|---|---|
| id | ou_process | `ou_000042`; the process comes first |
| params | ou_process | theta, mu, sigma, x0, dt, n, seed: enough to make the series again, bit for bit; `process`, where it is not OU |
| series | ou_process | n integers 0..99: the path rescaled to its own minimum and maximum and rounded |
| raw_min, raw_max | ou_process | the path's extremes in its original unit: value = raw_min + k / 99 * (raw_max - raw_min) |
| question | ou_process | the name of the question (question.py) that the row is for; absent: `study` |
| truth | ou_process | version of the rules, a label for each claim of the question, a `clear` flag for each, numbers, sentences |
| truth.rules | curate --fit | the name and the numbers of fitted thresholds, where the truth is not by the published ones |
| gold | mistral | the teacher's sentences, one for each topic of the question: trend, noise, extrema |
| teacher | mistral | model, prompt and its version, date, tokens used, `labels` of the claims as it says them, `batch`; or `failed` |
| second | mistral | a second teacher's gold and teacher, where one was asked |
| curated | curate | per sentence: the text to train on, its status (kept, replaced, verify, verified) and the reason |

Slow stages append one flushed line a result: the last line of an id wins. Quick stages rewrite the file
atomically, row by row (stream.py). A torn last line (a killed run) is reported and dropped; a broken line elsewhere is an error.
"""

import argparse
import codecs
import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import socket
import sys

from llm_ts import claims, question, shape
from llm_ts.cli import UserError

NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK)  # of flock: this file system has none


def encode(row):
    """{"id": "ou_000042", ...} -> one line of JSON without its newline; NaN is refused (ValueError)."""
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def line_of(row):
    """A row as its line of a file, in bytes."""
    return encode(row).encode("utf-8") + b"\n"


def _refuse_constant(name):
    raise ValueError(f"{name} is no number")


def decode(line, where):
    """One line of JSON (bytes) -> the row; UserError, beginning with where, for what is no row."""
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
        if b"\\ud" in line or b"\\uD" in line:
            encode(row).encode("utf-8")  # half a surrogate pair could not be written again
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not JSON in UTF-8 ({error}): mend or delete this line") from None
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise UserError(f"{where}: not an object with an id: mend or delete this line")
    return row


def _parse(content, path):
    """bytes of the file -> ({id: row}, length in bytes of its whole lines).

    Bytes after the last newline are a torn line, unless they are a whole row (an editor that leaves
    out the last newline): then they count as one.
    """
    rows = {}

    def add(row, where):
        refuse_other_series(rows.setdefault(row["id"], row), row, where)
        rows[row["id"]] = row

    lines = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        if line.strip():
            where = f"{path}, line {number}"
            add(decode(line, where), where)
    tail = lines[-1]
    if not tail.strip() or torn(tail, path):
        return rows, len(content) - len(tail)
    add(decode(tail, path), f"{path}, line {len(lines)}")
    return rows, len(content)


def refuse_other_series(before, row, where):
    """UserError where two lines of one id hold different series."""
    if before.get("series") != row.get("series"):
        raise UserError(f"{where}: {row['id']} again, with another series: are two files in this one? Give each its own")


def torn(tail, path):
    """Whether the bytes after the last newline are no whole row; then it is said."""
    try:
        decode(tail, path)
    except UserError:
        print(f"{path}: dropped a torn last line of {len(tail)} bytes (a run was killed there)", file=sys.stderr)
        return True
    return False


def open_to_read(path, made_by):
    """A file opened in bytes; UserError where it is missing (naming the script that makes it), or a folder."""
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise UserError(f"no {path} here: run {made_by} first") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: give the file's name") from None


def _content(path, made_by):
    with open_to_read(path, made_by) as file:
        return file.read()


def read(path, made_by="ou_process.py", may_be_empty=False):
    """Rows of a JSONL file as a list, in order of first appearance, the last line of an id winning.

    Raises UserError where the file is missing (naming the script that makes it), broken, or empty where it may not be.
    """
    rows, _ = _parse(_content(path, made_by), path)
    if not rows and not may_be_empty:
        raise UserError(f"{path} is empty: run {made_by} first")
    return list(rows.values())


def require(rows, field, path, made_by):
    """Raise UserError unless every row has the field in its whole shape, for its question; names the first row that fails."""
    fits, words = shape.SHAPES.get(field, (lambda value, asked: True, ""))
    for row in rows:
        if row.get(field) is None:
            raise UserError(f"{path}: row {row['id']} has no {field!r}: run {made_by} first")
        asked = question.of(row, f"{path}: row {row['id']}")
        if not fits(row[field], asked):
            words = words.format(version=claims.VERSION, sentences=asked.count("sentence"))
            raise UserError(f"{path}: row {row['id']}: its {field} is not {words}: mend it, or run {made_by}")


class Writer:
    """data.jsonl held for writing; `rows` is {id: row} as read when it was opened."""

    def __init__(self, path, file, rows):
        self.path, self.rows, self._file = path, rows, file

    def append(self, row):
        """Add one line and flush it, so that a kill loses at most the line being written."""
        self._file.write(line_of(row))
        self._file.flush()
        self.rows[row["id"]] = row

    def rewrite(self, rows):
        """Replace the whole file by these rows, atomically."""
        write_text(self.path, "".join(encode(row) + "\n" for row in rows))
        self.rows = {row["id"]: row for row in rows}


locks = True  # --no-lock: False


def add_lock_flag(parser):
    """--no-lock, for file systems that have no locks."""

    class Unlock(argparse.Action):
        def __call__(self, *arguments):
            global locks
            locks = False

    what = "Write without a lock, where the file system has none: then see to it that no second run writes there."
    parser.add_argument("--no-lock", nargs=0, action=Unlock, default=argparse.SUPPRESS, help=what)


def lock(file, wait=False):
    """Hold an open file until it is closed; BlockingIOError where another process holds it and wait is false.

    UserError where the file system has no locks. The lock is the kernel's: a killed run leaves none behind.
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
    """Hold a file, opened for appending bytes; a second writer is refused with UserError. The lock is on the file itself.

    create: where it is missing it is made, and removed again where nothing came to be in it.
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
        file.close()  # it was rewritten between open and lock: we hold the old file
    with file:
        try:
            yield file
        finally:
            if create and not os.path.getsize(path):
                os.remove(path)  # created for rows that never came


def mend_end(file, whole):
    """Cut a held file after its whole lines (in bytes), and end the last one."""
    file.truncate(whole)
    with open(file.name, "rb") as written:
        written.seek(max(0, whole - 1))
        if written.read(1) not in (b"", b"\n"):
            file.write(b"\n")
            file.flush()


@contextlib.contextmanager
def writing(path, create=False, made_by="ou_process.py"):
    """Hold data.jsonl for writing: `with writing(path) as data: data.append(row)`.

    A torn last line is cut off before the first append. For files that may be long: stream.py.
    """
    with holding(path, create, made_by) as file:
        rows, whole = _parse(_content(path, made_by), path)
        mend_end(file, whole)
        if not rows and not create:
            raise UserError(f"{path} is empty: run {made_by} first")
        yield Writer(path, file, rows)


@contextlib.contextmanager
def atomic(path):
    """Yield a temporary name beside path, for a file or a folder; on success it becomes path, else it is removed."""
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
    """Remove what killed runs on this machine left of atomic() in a folder; what a living process writes stays."""
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
    """Yield a file for bytes that becomes path, whole and on the disk, or leaves no trace."""
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
    """The object of a JSON file; UserError where it is missing (naming the script that makes it) or broken."""
    try:
        value = json.loads(_content(path, made_by).decode("utf-8"), parse_constant=_refuse_constant)
        encode(value).encode("utf-8")  # 1e999 and half a surrogate pair could not be written again
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error}): mend it, or delete it and run {made_by}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: not a JSON object: mend it, or delete it and run {made_by}")
    return value
