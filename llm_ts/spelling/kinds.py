"""What a list of cells is: times, numbers or texts; units and counters among texts."""

import re
from collections import Counter

from llm_ts.spelling import numbers, times
from llm_ts.spelling.grammar import WORDS, pattern

FEW = 0.34  # share of different texts, at most, in a column that says which series a row belongs to
UNIT, NO_UNIT = pattern("cells", "unit-name"), WORDS["cells"]["no-unit"]


def kind_of(there):
    """Cells -> ("time", shape), ("number", shape or None), ("text", None) or ("empty", None)."""
    there = [cell for cell in there if not numbers.is_missing(cell)]
    shape, good = times.shape_of(there), sum(map(numbers.is_number, there))
    if not there or shape and shape not in times.WEAK:
        return ("time", shape) if there else ("empty", None)
    if good >= 0.7 * len(there) and good >= len(there) - max(4, 0.2 * len(there)):
        found = [numbers.match(cell) for cell in there if isinstance(cell, str)]
        units = Counter((cell["unit"] or "").strip() for cell in found if cell)
        if not units or units.most_common(1)[0][1] >= 0.5 * units.total():  # "3a", "4b": names
            return "number", shape
    return ("time", shape) if shape else ("text", None)


def unit_in(name):
    """ "Flow (m3/s)" -> ("Flow", "m3/s"); "flow, m3/s" likewise; ("flow", "") where there is none."""
    found = re.fullmatch(r"(.+?)\s*[\[(]\s*([^()\[\]]{1,20}?)\s*[\])]", name)
    if not found and (comma := re.fullmatch(r"(.+?)\s*,\s*(\S{1,12})", name)) and UNIT.fullmatch(comma[2]):
        found = comma
    return (found[1], found[2]) if found else (name, "")


def are_units(row, names):
    there, names = [*filter(None, row)], [*filter(None, names)]
    fit = all(UNIT.fullmatch(cell) and cell.lower() not in NO_UNIT for cell in there)
    return bool(there) and fit and len({*names}) == len(names)


def count_evenly(texts):
    """Whether texts are whole numbers in equal steps, up or down."""
    if not all(re.fullmatch("[0-9]{1,9}", text) for text in texts):
        return False
    return len(steps := {int(b) - int(a) for a, b in zip(texts, texts[1:])}) == 1 and 0 not in steps


def count_up(cells):
    """Whether texts count up by one."""
    return all(cell.isdigit() for cell in cells) and {int(b) - int(a) for a, b in zip(cells, cells[1:])} == {1}


def repeats(texts):
    """Whether a column has few different texts, each of them several times."""
    found = Counter(text for text in texts if text != "")
    return 2 <= len(found) <= FEW * found.total() and min(found.values()) > 1
