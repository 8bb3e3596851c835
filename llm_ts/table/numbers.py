"""Cells -> numbers. A column has one spelling: one decimal mark, one thousands separator, one unit.

    "1.234,5" -> 1234.5     "€ 1 200", "45 %" -> with a unit     "-1.5e-3" -> -0.0015
    "1.234" refused: 1.234 or 1234?     "3_5", "<0.5", "12.3*", "(12)", "-" refused: no numbers
"""

import re

import numpy as np

MISSING = {"", *"na n/a #n/a nan null none nil nat <na> missing . .. : ...".split()}
SPACES = "'’ \u00a0\u202f\u2009"
GROUPS = {".": f"[,{SPACES}]", ",": f"[.{SPACES}]"}  # thousands separators, by decimal mark
CURRENCY = r"[$€£¥]|(?:US|C|A)\$|EUR|USD|GBP|CHF|JPY"
UNIT = rf"{CURRENCY}|[%‰°]|[°µμ]?[^\W\d_][^\s,;:_()\[\]*<>=]{{0,9}}"
CELL = re.compile(
    rf"(?P<before>{CURRENCY})?\s?(?P<sign>[-+]?)\s?(?P<before2>{CURRENCY})?\s?"
    rf"(?P<body>[0-9](?:[0-9.,{SPACES}]*[0-9])?[.,]?|[.,][0-9]+)"
    rf"(?P<exponent>(?:[eE][+-]?[0-9]{{1,3}})?)\s?(?P<unit>{UNIT})?"
)
QUICK = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,2})?|-?[0-9]{4,15}(\.[0-9]{1,9})?")  # one reading alone
CODE = re.compile(r"-?99+(\.9+)?|-(1|9|127|128|8+|32768)|127|255|32767|65535|.*e\+[2-9]\d+")


def is_missing(cell, words=()):
    """Whether a cell stands for a missing value. words: in small letters, those of --missing."""
    return isinstance(cell, str) and (cell.lower() in MISSING or cell.lower() in words)


def unit_of(cell):
    """The unit of a cell that is a number, "" for none; None where it is no number."""
    if not isinstance(cell, str):
        return "" if isinstance(cell, (int, float)) else None
    found = CELL.fullmatch(cell.replace("−", "-"))
    units = [found[name] for name in ("before", "before2", "unit") if found[name]] if found else ()
    return "".join(units) if found and len(units) < 2 and readings(found) else None


def readings(found):
    """A match of CELL -> {decimal mark: a text for float()} for each way to read it.

    "1.234" -> {".": "1.234", ",": "1234"}; "2,4" -> {",": "2.4"}; "12" -> {".": "12", ",": "12"}
    """
    ways = {}
    for mark, group in GROUPS.items():
        whole, dot, fraction = found["body"].partition(mark)
        thousands = rf"[1-9][0-9]{{0,2}}({group})[0-9]{{3}}(\1[0-9]{{3}})*"
        if re.fullmatch("[0-9]*", fraction) and re.fullmatch(rf"[0-9]*|{thousands}", whole):
            digits = (re.sub("[^0-9]", "", whole) or "0") + (f".{fraction}" if dot else "")
            ways[mark] = found["sign"] + digits + found["exponent"]
    return ways


def read(cells, error, notes, missing=(), decimal=None, default=None):
    """A list of cells -> (values, floats, NaN where missing; the unit in the cells).

    error: a function of a text and a place in the list, makes the error. missing, decimal: the flags
    ("none": -9999 and its like are values). default: the mark to take, with a note, if nothing decides.
    """
    table = {cell: cell for cell in dict.fromkeys(cells) if not is_missing(cell, missing)}
    typed, unit = any(not isinstance(cell, str) for cell in table), ""
    if not table:
        raise error("no cell holds a number")
    quick = not typed and decimal != "," and all(map(QUICK.fullmatch, table))
    for cell in table if not quick else ():
        if unit_of(cell) is None or typed and isinstance(cell, str):
            why = "0, or no value" if cell in ("-", "--", "–") else "no number as the others are"
            raise error(f"{str(cell)!r} is {why}: mend it, or --missing {cell!r}", cells.index(cell))
    if quick:
        table = {cell: float(cell) for cell in table}
    elif not typed:
        table, unit = _read_texts(table, error, decimal, default, notes)
    values = np.array([table.get(cell, np.nan) for cell in cells], dtype=float)
    values[np.isin(values, [float(word) for word in missing if QUICK.fullmatch(word)])] = np.nan
    if np.isinf(values).any():
        raise error("it holds a number too large for a computer")
    there = values[~np.isnan(values)]
    if len(table) > 1 and there.max() / 2 - there.min() / 2 < 500 * np.spacing(np.abs(there).max()):
        raise error("its values need more digits than a number here has: subtract a constant")
    if "none" not in missing:
        _refuse_codes(there, error)
    return values, unit


def _read_texts(texts, error, decimal, default, notes):
    """Different texts -> ({text: number}, the unit that stands in all of them)."""
    ways, units = {}, {}
    for text in texts:
        ways[text] = readings(CELL.fullmatch(text.replace("−", "-")))
        units.setdefault(unit_of(text), []).append(text)
    if len(units) > 1:
        one, other = (there[0] for there in sorted(units.values(), key=len, reverse=True)[:2])
        raise error(f"{one!r} and {other!r} have different units, or text behind: --missing {other!r}?")
    mark = decimal or _decimal_mark(ways, error, default, notes)
    for text, way in ways.items():
        if mark not in way:
            raise error(f"{text!r} is no number where the decimal mark is {mark!r} (--decimal)")
    return {text: float(way[mark]) for text, way in ways.items()}, *units


def _decimal_mark(ways, error, default, notes):
    """The one mark by which all cells can be read. ways: {text: readings}."""
    possible = [mark for mark in ".," if all(mark in way for way in ways.values())]
    if not possible:
        one, other = (next(text for text in ways if mark not in ways[text]) for mark in ".,")
        raise error(f"{one!r} and {other!r} have two decimal marks")
    two = [text for text, way in ways.items() if len({*map(float, way.values())}) > 1]
    mark, group = possible[0], "," if possible[0] == "." else "."
    if len(possible) == 1:  # 1,234 beside 2.5: a thousand, or another decimal mark?
        sure = any(text.count(group) > 1 or {mark, group} <= {*text} for text in ways)
        two = [] if sure else [text for text in two if mark not in text]
    if not two:
        return mark
    one, other = (ways[two[0]][mark] for mark in ".,")
    if default and all("." in text for text in ways):
        notes.append(f"{two[0]} is read as {one}, not as {other} (--decimal ,)")
        return default
    raise error(f"{two[0]!r} may be {one} (--decimal .) or {other} (--decimal ,)")


def _refuse_codes(values, error):
    """Refuse values beyond the widest gap that may stand for missing ones: -9999, 127, or any that
    comes again, far outside of the others; or a code as the only value below 0, that comes again."""
    unique, counts = np.unique(values, return_counts=True)
    if len(unique) < 4:
        return
    below = unique[0] < 0 < unique[1] and counts[0] > 1
    with np.errstate(all="ignore"):
        cut = 1 if below else int(np.argmax(np.diff(unique))) + 1
        odd, rest = sorted([slice(cut), slice(cut, None)], key=lambda part: len(unique[part]))
        far = (unique[cut] - unique[cut - 1]) / np.ptp(unique[rest])
    for value, count in zip(unique[odd], counts[odd]) if far > 1 or below else ():
        shown = f"{value:.10g}"
        if CODE.fullmatch(shown) or 1 < count < 0.5 * len(values) and far > 3:
            many = f"{count} {'values are' if count > 1 else 'value is'} {shown}"
            raise error(f"{many}, far outside of the others: --missing {shown}, or --missing none?")
