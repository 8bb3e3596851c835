"""Files on the disk: files that appear whole or not at all, and files that one run holds."""

import argparse
import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import socket

from llm_ts.base.cli import UserError

# of flock: this file system has none
NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK)


def open_to_read(path, made_by):
    """Open a file for reading bytes. UserError if it is missing (made_by makes it) or a folder."""
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise UserError(f"no {path} here: run {made_by} first") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: give the file's name") from None


locks = True  # --no-lock: False


def add_lock_flag(parser):
    """Add --no-lock, for file systems without locks."""

    class Unlock(argparse.Action):
        def __call__(self, *arguments):
            global locks
            locks = False

    what = "Write without a lock, for file systems without locks. Start no second run then."
    parser.add_argument("--no-lock", nargs=0, action=Unlock, default=argparse.SUPPRESS, help=what)


def lock(file, wait=False):
    """Lock an open file until it is closed. The lock is the kernel's: it ends with the process.

    BlockingIOError if another process holds the file and wait is false. UserError if the file
    system has no locks.
    """
    if not locks:
        return
    try:
        import fcntl  # not at the top: on systems without it, what only reads works
    except ImportError:
        kind = f"no locks of the kind that writing {file.name} needs"
        raise UserError(f"this system has {kind}: give --no-lock") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        why = f"the file system of {file.name} has no locks ({error.strerror})"
        raise UserError(f"{why}: write elsewhere, or give --no-lock") from None


@contextlib.contextmanager
def holding(path, create=False, made_by="ou_process.py"):
    """Open a file for appending bytes, and lock the file itself. UserError if another run holds it.

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
            other = f"{path} is being written by another run"
            raise UserError(f"{other}: wait for it, or stop it") from None
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
    """Yield a temporary name for a file or folder. On success it is renamed to path, else removed."""
    path = os.path.realpath(path)  # of a link, the file that it leads to
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = path + mark()
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in (None, temporary):  # None: disk full
            error.filename = path  # the name that the user knows
        if os.path.isdir(temporary):
            shutil.rmtree(temporary, ignore_errors=True)
        # not there, or no right to remove it: the first error is the one to tell
        with contextlib.suppress(OSError):
            os.remove(temporary)
        raise


def mark():
    """The end of a temporary name, that `sweep` knows, with the machine's: the same number may run on another node."""
    return f".tmp{socket.gethostname()}-{os.getpid()}"


def sweep(folder):
    """Remove what killed runs of this machine left under a name that ends in mark(). A living process keeps its files."""
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
    """Yield a file for bytes. On success it is synced and becomes path, else it is removed."""
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


def refuse_constant(name):
    raise ValueError(f"{name} is no number")


def read_json(path, made_by):
    """The object of a JSON file. UserError if it is missing (made_by makes it) or broken."""
    try:
        with open_to_read(path, made_by) as file:
            value = json.loads(file.read().decode("utf-8-sig"), parse_constant=refuse_constant)
        # 1e999 and half a surrogate pair could not be written again
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        again = f"mend it, or delete it and run {made_by}"
        raise UserError(f"{path}: not JSON ({error}): {again}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: not a JSON object: mend it, or delete it and run {made_by}")
    return value
