"""data.jsonl row by row, however long it is: what is kept of a row is where its last line lies (records.py says what it holds).

    with stream.writing("data.jsonl") as data:
        with data.replacing() as out:
            for lines in data.map(work):  # work: a list of rows -> anything, done by all cores, in the order of the file
                out.write(lines)

As in records.py the last line of an id wins and keeps the place of the first, a torn last line is dropped and said, a broken
line elsewhere is an error, and the file is replaced whole or not at all.
"""

import contextlib
import os
from array import array
from codecs import BOM_UTF8

import numpy as np

from llm_ts import cli, records, workers

CHUNK = 1024  # rows that are worked on together, at most


def _id_of(line):
    """The id of a line, as bytes; it comes first in what we write, and is found there without reading the rest."""
    if line.startswith(b'{"id": "'):
        found = line[8 : line.find(b'"', 8)]
        if b"\\" not in found:
            return found
    return None


class Rows:
    """The rows of an open file: `len(rows)`, `rows.map(work)`. whole: the length in bytes of its whole lines."""

    def __init__(self, file, path, held=()):
        self.file, self.path, self.held = file, path, held
        self.starts, self.sizes = array("q"), array("q")  # of the last line of each id, in order of the first
        self.older = array("q"), array("q"), array("q")  # of the lines before: places of their ids, starts and sizes
        self.whole = self._index()

    def __len__(self):
        return len(self.starts)

    def _index(self):
        places, start = {}, 0
        self.file.seek(0)
        if self.file.read(len(BOM_UTF8)) == BOM_UTF8:  # an editor's
            start = len(BOM_UTF8)
        self.file.seek(start)
        for line in self.file:
            if line.isspace():
                start += len(line)
                continue
            if not line.endswith(b"\n") and records.torn(line, self.path):
                return start
            row_id = _id_of(line)
            if row_id is None:
                row_id = self._decode(line, start)["id"].encode("utf-8")
            place = places.setdefault(row_id, len(places))
            if place < len(self.starts):
                for kept, value in zip(self.older, (place, self.starts[place], self.sizes[place])):
                    kept.append(value)
                self.starts[place], self.sizes[place] = start, len(line)
            else:
                self.starts.append(start)
                self.sizes.append(len(line))
            start += len(line)
        return start

    def _decode(self, line, start):
        try:
            row = records.decode(line, self.path)
        except cli.UserError:
            return records.decode(line, f"{self.path}, line {_line_number(self.file, start)}")
        if _id_of(line) not in (None, row["id"].encode("utf-8")):
            raise cli.UserError(f"{self.path}: row {row['id']} has a second id: mend or delete this line")
        return row

    def _line(self, start, size):
        return _bytes(self.file, start, size)

    def read(self, numbers):
        """The rows of these numbers, as dicts."""
        return [self._decode(self._line(self.starts[k], self.sizes[k]), self.starts[k]) for k in numbers]

    def map(self, work, chunk=CHUNK):
        """Yield work(rows) for each `chunk` rows, in order, worked on by all cores. UserError for a broken line."""
        places, starts, sizes = map(np.asarray, self.older)
        order = np.argsort(places, kind="stable")
        places, starts, sizes = places[order], starts[order], sizes[order]

        def one(first):
            rows = self.read(range(first, min(first + chunk, len(self))))
            for k in range(*np.searchsorted(places, [first, first + len(rows)])):  # they do not count, but must be whole
                place, start = int(places[k]), int(starts[k])
                before = self._decode(self._line(start, int(sizes[k])), start)
                if before.get("series") != rows[place - first].get("series"):
                    where = f"{self.path}, line {_line_number(self.file, self.starts[place])}"
                    records.refuse_other_series(before, rows[place - first], where)
            return work(rows)

        return workers.in_order(one, range(0, len(self), chunk), self.held)


def _bytes(file, start, size):
    if hasattr(os, "pread"):  # several processes share a file's place
        return os.pread(file.fileno(), size, start)
    file.seek(start)
    return file.read(size)


def _line_number(file, end):
    """The number of the line that begins at a byte."""
    parts = range(0, end, 1 << 20)
    return 1 + sum(_bytes(file, start, min(1 << 20, end - start)).count(b"\n") for start in parts)


class Held(Rows):
    """The rows of a file that is held for writing."""

    def append(self, lines):
        """Add whole lines (bytes) at the end and flush them; `map` goes on giving the rows that were there."""
        self.held[0].write(lines)
        self.held[0].flush()

    @contextlib.contextmanager
    def replacing(self):
        """A file for the lines (bytes) of all rows; it takes the place of the old one when all went well."""
        with replacing(self.path) as file:
            yield file


@contextlib.contextmanager
def replacing(path):
    """As records.replacing; what killed runs left beside the file, which may be as long as it, is removed first."""
    records.sweep(os.path.dirname(path) or ".")
    with records.replacing(path) as file:
        yield file


@contextlib.contextmanager
def reading(path, made_by="ou_process.py", may_be_empty=False):
    """The Rows of a file; UserError where it is missing (naming the script that makes it), or empty where it may not be."""
    with records.open_to_read(path, made_by) as file:
        rows = Rows(file, path)
        if not len(rows) and not may_be_empty:
            raise cli.UserError(f"{path} is empty: run {made_by} first")
        yield rows


@contextlib.contextmanager
def writing(path, create=False, made_by="ou_process.py"):
    """The Rows of a file that is held for writing: as records.writing, without reading it into memory."""
    with records.holding(path, create, made_by) as held, records.open_to_read(path, made_by) as file:
        rows = Held(file, path, [held])
        if not len(rows) and not create:
            raise cli.UserError(f"{path} is empty: run {made_by} first")
        records.mend_end(held, rows.whole)
        yield rows
