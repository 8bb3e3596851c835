"""What the cells of a column are, told by most of them; of those that are described, all must be so."""

import re
from collections import Counter

from llm_ts.table import numbers, times
from llm_ts.table.times import text_of

MOST = 0.7  # share of the cells that say what a column holds
UNITS = r"[\[(].{1,20}[\])]|[^\W\d_]{1,3}|\S{0,12}[/°%µ²³^]\S{0,12}|ISO ?8601|date|utc|-|\S*y{2,4}\S*m{2}\S*"


def kind_of(cells):
    """Cells -> ("time", its shape), ("number", the unit in the cells), ("text", "") or ("empty", "")."""
    there = [cell for cell in cells if not numbers.is_missing(cell)]
    if not there:
        return "empty", ""
    if shape := times.shape_of(there, MOST * len(there)):
        return "time", shape
    found = Counter(unit for cell in there if (unit := numbers.unit_of(cell)) is not None)
    unit, count = found.most_common(1)[0] if found else ("", 0)
    return ("number", unit) if count >= MOST * len(there) else ("text", "")


def fits(cell, kind, detail):
    """Whether a cell is a time or a number as its column's are."""
    if kind == "time":
        return times.match(detail, cell) is not None
    return kind == "number" and numbers.unit_of(cell) == detail


def unit_in(name):
    """ "Flow (m3/s)" -> ("Flow", "m3/s"); "flow, m3/s" likewise; ("flow", "") where there is none."""
    found = re.fullmatch(rf"(.+?)\s*(?:[\[(]([^()\[\]]{{1,20}})[\])]|,\s*({UNITS}))", name)
    return (found[1], (found[2] or found[3]).strip()) if found else (name, "")


def count_evenly(cells):
    """Whether cells are whole numbers in equal steps."""
    texts = [*map(text_of, cells)]
    steps = {int(b) - int(a) for a, b in zip(texts, texts[1:])} if all(map(str.isdecimal, texts)) else ()
    return len(steps) == 1 and 0 not in steps
