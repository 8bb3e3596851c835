"""Cells as people and programs write numbers -> floats. One column has one spelling.

    "1.234,5" -> 1234.5     "(12.50)", "12-" -> below 0     "€ 1 200", "45%" -> with a unit
    "12.3*" -> 12.3, with a mark     "="12.5"", "١٢٫٥", "１２．５", "1.2D+01" -> 12.5
    "1.234", "2.345" refused: 1.234 or 1234?     "3_5", "<0.5", "10-12", "5 CR", "-" refused: no numbers
"""

import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from llm_ts import cli
from llm_ts.spelling.grammar import WORDS, form, pattern

MISSING = {*WORDS["cells"]["missing"].split(), ""}
GROUPS = {".": "[, '’\u00a0\u202f\u2009]", ",": "[. '’\u00a0\u202f\u2009]"}  # thousands, by decimal mark
PLAIN = re.compile(r"[+-]?(?:[0-9]{1,15}|[0-9]{0,15}\.[0-9]{1,20})")
SURE = re.compile(r"[+-]?(?:0?|[0-9]{4,})\.[0-9]+|[+-]?[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})")  # no thousand
CELL = re.compile(
    rf"(?P<open>\(\s*)?(?P<sign>[-+]\s?)?(?P<before>{form('cells', 'currency')})?\s*(?P<sign2>-)?"
    r"(?P<body>(?:[0-9][0-9., '’\u00a0\u202f\u2009]*|[.,][0-9]+)(?<![ '’\u00a0\u202f\u2009]))"
    r"(?P<exponent>[eEdD][+-]?[0-9]{1,3})?(?P<after>-(?=$))?(?P<close>\s*\))?"
    rf"(?P<mark>{form('cells', 'mark')})?(?P<unit>\s*(?:{form('cells', 'unit')}))?"
    rf"(?P<mark2>{form('cells', 'mark')})?"
)
SIDES = {"cr", "dr", "s", "h", "cr.", "dr."}  # of an account: their sign is not written
SIGNS = str.maketrans({**dict.fromkeys("−–‒‐‑－﹣", "-"), "＋": "+", "٫": ".", "．": ".", "٬": ",", "，": ","})
TAKEN, CODE = pattern("cells", "taken"), pattern("cells", "code")
HUGE = 1e30  # no measurement: what NetCDF and others write where nothing is


@dataclass
class Numbers:
    """A column, read. values: floats, NaN where missing. zero: what was taken off (beyond 2^53)."""

    values: np.ndarray
    zero: int = 0
    unit: str = ""
    notes: list = field(default_factory=list)


class NoNumber(cli.UserError):
    """A cell that is no number. row: its place in the column."""

    def __init__(self, row, text, why="no number"):
        super().__init__(f"{text!r} is {why}")
        self.row, self.text, self.why = row, text, why


def is_missing(cell, words=()):
    """Whether a cell stands for a missing value. words: in small letters, those of --missing."""
    return isinstance(cell, str) and (cell.lower() in MISSING or cell.lower() in words)


def match(text):
    """The match of CELL with a cell whose digits and signs may be those of any script, or None."""
    text = text.strip()
    if not text.isascii():
        text = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text).translate(SIGNS)
    if text[:1] in "='":
        text = re.sub(r"""^(?:="(.*)"|'(.*?)'?)$""", lambda found: found[1] or found[2] or "", text)
    return CELL.fullmatch(text)


def is_number(cell):
    """Whether a cell may be a number."""
    if not isinstance(cell, str):
        return isinstance(cell, (int, float))
    return bool((found := match(cell)) and readings(found["body"], found["exponent"]))


def readings(body, exponent=None):
    """The digits of a number -> {decimal mark: a text for float()} for each way to read them.

    "1.234" -> {".": "1.234", ",": "1234"}; "2,4" -> {",": "2.4"}; "12" -> {".": "12", ",": "12"}
    """
    found = {}
    for mark, group in GROUPS.items():
        whole, dot, fraction = body.partition(mark) if body.count(mark) <= 1 else (body, "", "")
        if dot and not (whole or fraction) or fraction and not fraction.isdigit():
            continue
        grouped = re.fullmatch(rf"[1-9][0-9]{{0,2}}(?P<g>{group})[0-9]{{3}}(?:(?P=g)[0-9]{{3}})*", whole)
        if mark == "." and not grouped:  # 12,34,567, as in India
            grouped = re.fullmatch(r"[1-9][0-9]?(?P<g>,)(?:[0-9]{2},)+[0-9]{3}", whole)
        if grouped and not exponent:
            found[mark] = re.sub("[^0-9]", "", whole) + dot.replace(",", ".") + fraction
        elif re.fullmatch("[0-9]*", whole):
            end = ("." + (fraction or "0") if dot else "") + re.sub("[dD]", "e", exponent or "")
            found[mark] = (whole or "0") + end
    return found


def sure_marks(texts):
    """The decimal marks that texts show for sure, a set: "1.5", "12" -> {"."}."""
    ways = [readings(cell["body"]) for text in texts if (cell := match(text))]
    return {mark for way in ways if len(way) == 1 for mark in way}


def read(cells, missing=(), decimal=None, codes=True, default=None, known=None):
    """A list of cells -> Numbers. NoNumber for the first that is none, UserError for two readings.

    missing: words for missing values; decimal: the mark, where the user says it; codes: whether -9999
    and its like are looked for; known: the mark that other columns show; default: the mark that is
    believed, and said, where nothing decides.
    """
    table = {cell: cell for cell in dict.fromkeys(cells) if not is_missing(cell, missing)}
    unit, notes, zero = "", [], 0
    if not table:
        raise cli.UserError("no cell holds a number")
    if any(not isinstance(cell, str) for cell in table):  # typed by the file
        for cell in table:
            if not isinstance(cell, (int, float)):
                raise NoNumber(cells.index(cell), str(cell), "no number, as others are that the file types")
    elif decimal != "," and all(map(PLAIN.fullmatch, table)) and (
        decimal or any(map(SURE.fullmatch, table)) or not any("." in cell for cell in table)
    ):  # fmt: skip
        table = {cell: float(cell) for cell in table}
    else:
        unit = _read_texts(cells, table, decimal, default, known, notes)
    there = {float(word) for word in missing if PLAIN.fullmatch(word)}
    table = {cell: value for cell, value in table.items() if value not in there}
    whole = [value for value in table.values() if isinstance(value, int)]
    if whole and max(map(abs, whole)) > 2**53:
        zero = int(min(whole))
        table = {cell: value - zero for cell, value in table.items()}
    long = min(map(len, map(str, table)), default=0) > 17
    if long and len({*map(float, table.values())}) < 0.5 * len(table):
        raise cli.UserError("its values differ in more digits than a computer's number has: take a constant off")
    values = np.array([table.get(cell, np.nan) for cell in cells], dtype=float)
    if np.isinf(values).any():
        raise cli.UserError("it holds a number too large for a computer")
    return Numbers(_take_codes_out(values, notes) if codes and not zero else values, zero, unit, notes)


def _read_texts(cells, table, decimal, default, known, notes):
    """Put the numbers of texts into table {text: number}; the unit that stands in all of them."""
    found, counts = {}, Counter(cells)
    for text in table:
        cell = match(text)
        ways = cell and readings(cell["body"], cell["exponent"])
        signs = cell and [(cell["sign"] or "").strip() == "-", cell["sign2"], cell["after"], cell["open"]]
        if not ways or bool(cell["open"]) != bool(cell["close"]) or sum(map(bool, signs)) > 1 or (
            cell["before"] and cell["unit"]
        ):  # fmt: skip
            raise NoNumber(cells.index(text), text, _why(text))
        unit = (cell["before"] or cell["unit"] or "").strip()
        marks = [mark.strip() for mark in (cell["mark"], cell["mark2"]) if mark]
        if {*map(str.lower, (unit, *marks))} & SIDES:
            raise NoNumber(cells.index(text), text, "one side of an account: write its sign")
        found[text] = ways, any(signs), unit, marks, cell["after"] or cell["open"]
    mark = decimal or _decimal_mark({text: cell[0] for text, cell in found.items()}, known, default, notes)
    for text, (ways, below, *_) in found.items():
        if mark not in ways:
            raise cli.UserError(f"{text!r} is no number where the decimal mark is {mark!r} (--decimal)")
        value = f"-{ways[mark]}" if below else ways[mark]
        table[text] = float(value) if re.search("[.e]", value) else int(value)
    for place, what in ((4, "read as below 0"), (3, "read without their marks")):
        if odd := [text for text in found if found[text][place]]:
            count = sum(counts[text] for text in odd)
            notes.append(f"{count} {'value' if count == 1 else 'values'} like {odd[0]!r} {what}")
    alike = {(unit, *marks) for _, _, unit, marks, _ in found.values()}
    if len(alike) == 1 and len(*alike) == 2 and "".join(*alike).isalpha():  # 5 s, 6 s: a unit, no mark
        notes.pop()
        return "".join(*alike)
    units = {unit: text for text, (_, _, unit, _, _) in reversed(found.items())}
    if len(units) > 1:
        one, other = sorted(units.values(), key=lambda text: -counts[text])[:2]
        raise cli.UserError(
            f"it has {one!r} and {other!r}: cells of different units, or text behind numbers: mend them, or "
            f"take some as missing: --missing {other!r}"
        )
    return next(iter(units))


def _why(text):
    if text in ("-", "--", "---", "–", "—"):
        return "0, or no value"
    if re.fullmatch(r"[+-]?(inf|infinity|∞)", text.lower()):
        return "not a finite number"
    return "only a bound" if re.match("[<>≤≥~≈]", text) else "no number"


def _decimal_mark(ways, known, default, notes):
    """The one mark by which all cells can be read. ways: {text: readings}. UserError for none or two."""
    possible = [mark for mark in ".," if all(mark in way for way in ways.values())]
    if not possible:
        one, other = (next(text for text, way in ways.items() if mark not in way) for mark in ".,")
        raise cli.UserError(f"it has {one!r} and {other!r}: two decimal marks in one column")
    two = [text for text, way in ways.items() if len(way) == 2 and float(way["."]) != float(way[","])]
    if not two:
        return possible[0]
    mark, group = possible[0], "," if possible[0] == "." else "."
    if len(possible) == 1:  # 1.301, "1,234": a thousand, or another decimal mark?
        lone = next((text for text in two if group in text and mark not in text), None)
        both = any(mark in text and group in text for text in ways)
        if not lone or both or not any(mark in text for text in ways if text not in two):
            return mark
        two = [lone]
    elif known:
        return known
    elif default and all("." in text for text in ways):
        way = ways[two[0]]
        notes.append(f"{two[0]} is read as {way[default]}, not as {way[',']} (--decimal ,)")
        return default
    way = ways[two[0]]
    raise cli.UserError(f"{two[0]!r} may be {way['.']} (--decimal .) or {way[',']} (--decimal ,)")


def _take_codes_out(values, notes):
    """-9999 among 3 and 5 -> NaN, said. 99, -127, or any number that comes again far outside: refused."""
    there = values[~np.isnan(values)]
    for code in {there.min(), there.max()} if len(there) else ():
        others, count, shown = there[there != code], int((there == code).sum()), f"{code:.10g}"
        if len(others) < 2 or count >= 0.5 * len(there):
            continue
        with np.errstate(over="ignore"):
            span = max(others.max() - others.min(), 1e-9 * abs(code), 1e-300)
            far = min(abs(code - others.min()), abs(code - others.max())) / span
        many = f"{count} {'value is' if count == 1 else 'values are'} {shown}, far outside of the others"
        if abs(code) >= HUGE or TAKEN.fullmatch(shown) and far > 1:
            notes.append(f"{many}: taken as missing (else --missing none)")
            return _take_codes_out(np.where(values == code, np.nan, values), notes)
        alone = code < 0 < others.min()  # the only ones below 0, and all the same
        again = count > 1 and len({*others}) > 4
        if CODE.fullmatch(shown) and (far > 1 or alone and again) or far > 3 and again:
            raise cli.UserError(
                f"{many}: missing values (--missing {shown}), or to be taken as they are (--missing none)?"
            )
    return values
