"""Texts as people and programs write numbers -> floats: decimal commas, thousands, units, currencies, marks, missing values.

One column is read in one way. What fits two ways is refused with both readings shown; a repair is a note.

    "1.234,5"    -> 1234.5     "(12.50)" -> -12.5     "12-" -> -12
    "€ 1 200"    -> 1200, unit €        "45%" -> 45, unit %        "12.3*" -> 12.3, with a mark
    "="12.5"", "'12.5"  -> 12.5, as programs protect numbers from spreadsheets       "١٢٫٥", "１２．５", "1.2D+01" -> 12.5
    "1.234", "2.345"           refused: 1.234 or 1234?
    "3_5", "<0.5", "10-12"     refused: no numbers
"""

import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from llm_ts import cli

MISSING = {
    "", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing", "-", "--", "---", ".", "..", "...", "…", ":", "?", "*",
    "–", "—", "#div/0!", "#ref!", "#value!", "#num!", "#name?", "#null!", "#n/d", "n.a.", "n.v.", "k.a.", "<na>", "nat",
    "-nan", "1.#qnan", "1.#ind", "-1.#ind",
}  # fmt: skip
# {decimal mark: (each cell is digits with this mark or none, such a cell for which no other reading is left)}
SIMPLE = {
    mark: (
        rf"[+-]?(?:[0-9]{{1,15}}|[0-9]{{0,15}}{sign}[0-9]{{1,20}})",
        rf"[+-]?(?:0?|[0-9]{{4,15}}){sign}[0-9]+|[+-]?[0-9]+{sign}(?:[0-9]{{1,2}}|[0-9]{{4,}})",
    )
    for mark, sign in ((".", r"\."), (",", ","))
}
GROUPS = {".": "[, '’\u00a0\u202f\u2009]", ",": "[. '’\u00a0\u202f\u2009]"}  # between thousands, by the decimal mark
CURRENCY = r"[$€£¥₹₽₩₺₪฿]|(?:US|A|C|NZ)\$|EUR|USD|GBP|CHF|JPY|CNY|SEK|NOK|DKK|PLN|CZK|HUF|kr|zł|Rs\.?"
UNIT = r"(?:[$€£¥₹₽₩₺₪฿%‰]|[°µμΩ]?[^\W\d_][^\s,;:_()\[\]*<>=]{0,11}|°)"
MARK = r"[*†‡§^#]+|[¹²³⁴⁵⁶⁷⁸⁹]|\s?\([a-z0-9]{1,2}\)|\s?\[[a-z0-9]{1,2}\]|\s[bcdefnprsuz]{1,2}"
CELL = re.compile(
    rf"(?P<open>\(\s*)?(?P<sign>[-+]\s?)?(?P<before>{CURRENCY})?\s*(?P<sign2>-)?"
    r"(?P<body>(?:[0-9][0-9., '’\u00a0\u202f\u2009]*|[.,][0-9]+)(?<![ '’\u00a0\u202f\u2009]))"
    r"(?P<exponent>[eEdD][+-]?[0-9]{1,3})?"
    rf"(?P<after>-(?=$))?(?P<close>\s*\))?(?P<mark>{MARK})?(?P<unit>\s*{UNIT})?(?P<mark2>{MARK})?"
)
CODES = re.compile(
    r"(?P<minus>-)(?:9{2,}(?:\.9+)?|32768|2147483648)|9{3,}(?:\.9+)?|99\.9+"
)  # of values that are missing, as instruments write them
SIGNS = str.maketrans({**dict.fromkeys("−–‒‐‑－﹣", "-"), "＋": "+", "٫": ".", "．": ".", "٬": ",", "，": ","})
HUGE = 1e30  # no measurement: what NetCDF and others write where nothing is


@dataclass
class Numbers:
    """A column, read. values: floats, NaN where missing. zero: what was taken off all (counters beyond 2^53)."""

    values: np.ndarray
    zero: int = 0
    unit: str = ""
    notes: list = field(default_factory=list)

    @property
    def missing(self):
        return int(np.isnan(self.values).sum())


class NoNumber(cli.UserError):
    """A cell that is no number. row: its place in the column."""

    def __init__(self, row, text, why="no number"):
        super().__init__(f"{text!r} is {why}")
        self.row, self.text, self.why = row, text, why


def missing_words(texts):
    """The words of --missing, each perhaps several parted by commas -> (set of words, whether codes are looked for)."""
    words = {word.strip().lower() for text in texts for word in text.split(",")}
    return words, "none" not in words


def match(text):
    """The match of CELL with a cell whose digits and signs may be those of any script, or None."""
    text = text.strip()
    if not text.isascii():
        text = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text).translate(SIGNS)
    if text[:1] in "='":
        text = re.sub(r"""^(?:="(.*)"|'(.*?)'?)$""", lambda found: found[1] or found[2] or "", text)
    return CELL.fullmatch(text)


def is_number(text):
    """Whether a cell may be a number."""
    found = match(text)
    return bool(found and (readings(found["body"], found["exponent"])))


def readings(body, exponent=None):
    """The digits of a number -> {decimal mark: value as a text that float() takes} for each way in which they can be read.

    "1.234" -> {".": "1.234", ",": "1234"}; "2,4" -> {",": "2.4"}; "0.125" -> {".": "0.125"}; "12" -> {".": "12", ",": "12"}
    """
    found = {}
    for mark, group in GROUPS.items():
        whole, dot, fraction = body.partition(mark) if body.count(mark) <= 1 else (body, "", "")
        if dot and not (whole or fraction) or fraction and not fraction.isdigit():
            continue
        grouped = re.fullmatch(rf"[1-9][0-9]{{0,2}}(?P<g>{group})[0-9]{{3}}(?:(?P=g)[0-9]{{3}})*", whole) or (
            mark == "." and re.fullmatch(r"[1-9][0-9]?(?P<g>,)(?:[0-9]{2},)+[0-9]{3}", whole)  # 12,34,567, as in India
        )
        if grouped and not exponent:
            found[mark] = re.sub("[^0-9]", "", whole) + dot.replace(",", ".") + fraction
        elif re.fullmatch("[0-9]*", whole):
            found[mark] = (whole or "0") + ("." + (fraction or "0") if dot else "") + re.sub("[dD]", "e", exponent or "")
    return found


def read(texts, missing=frozenset(), decimal=None, codes=True, default=None, known=None):
    """A pandas Series of texts -> Numbers. NoNumber for the first cell that is none, UserError for two readings.

    missing: words, in small letters, for missing values beside the usual ones. decimal: "." or ",", where the user says.
    codes: whether -9999 and its like are looked for. known: the decimal mark that other columns of the file show; default:
    the mark that is believed, and said, where nothing decides.
    """
    texts = texts.str.strip()
    simple = _simple(texts, missing, decimal)
    if simple is not None:
        return _finish(simple, codes)
    places, unique, cells = _cells(texts, missing)
    notes = []
    mark = decimal or _decimal_mark(cells, known, default, notes)
    unit = _unit(cells, notes)
    values = {}
    for cell in cells.values():
        value = readings(cell["body"], cell["exponent"]).get(mark)
        if value is None:
            raise cli.UserError(f"{cell['text']!r} is no number where the decimal mark is {mark!r}")
        values[cell["text"]] = f"-{value}" if cell["negative"] else value
    whole = [int(value) for value in values.values() if re.fullmatch("-?[0-9]{16,}", value)]
    zero = 0
    if whole and max(map(abs, whole)) > 2**53:
        zero = int(min(whole))
        values = {
            text: float(int(value) - zero) if re.fullmatch("-?[0-9]+", value) else float(value) - zero
            for text, value in values.items()
        }
    table = {text: float(value) for text, value in values.items()}
    exact = len({value for value in values.values()})
    if len(set(table.values())) < 0.5 * exact:
        raise cli.UserError("its values differ in more digits than a computer's number has: take a constant off them")
    out = np.array([table.get(text, np.nan) for text in unique], dtype=float)[places]
    return _finish(out, codes, zero, unit, notes)


def _simple(texts, missing, decimal):
    """Floats of a column without units, thousands and marks, quickly, whatever its length; None for any other."""
    import pandas as pd

    blank = texts.str.lower().isin(MISSING | missing)
    rest = texts[~blank]
    for mark, (shape, sure) in SIMPLE.items():
        if decimal in (None, mark) and len(rest) and bool(rest.str.fullmatch(shape).all()):
            if decimal or bool(rest.str.fullmatch(sure).any()) or not bool(rest.str.contains(mark, regex=False).any()):
                rest = rest if mark == "." else rest.str.replace(",", ".", regex=False)
                step = 1 << 17  # at a time: the objects between take a hundred bytes each
                parts = [pd.to_numeric(rest.iloc[at : at + step]).to_numpy(dtype=float) for at in range(0, len(rest), step)]
                values = np.full(len(texts), np.nan)
                values[~blank.to_numpy(dtype=bool)] = np.concatenate(parts)
                for code in filter(None, map(_code, missing)):
                    values[values == code] = np.nan
                return values
    return None


def _code(word):
    """-9999 stands for -9999.0 too; 0 cannot be a code. None for a word that is no number."""
    try:
        return float(word)
    except ValueError:
        return None


def _cells(texts, missing):
    """(places in the unique texts, unique texts, {text: {"body", "unit", ...}}); NoNumber for what is no number nor missing."""
    import pandas as pd

    places, unique = pd.factorize(texts)
    cells, counts = {}, np.bincount(places, minlength=len(unique))
    codes = [code for code in map(_code, missing) if code is not None]
    for number, text in enumerate(unique):
        if text.lower() in MISSING or text.lower() in missing:
            continue
        found = match(text)
        signs = found and [(found["sign"] or "").strip() not in ("", "+"), found["sign2"], found["after"], found["open"]]
        if (
            not found
            or not readings(found["body"], found["exponent"])
            or bool(found["open"]) != bool(found["close"])
            or sum(map(bool, signs)) > 1
            or found["before"]
            and found["unit"]
        ):
            raise NoNumber(int(np.argmax(places == number)), text, _why(text))
        cell = {
            "text": text, "body": found["body"], "exponent": found["exponent"], "negative": any(signs),
            "odd": bool(found["after"] or found["open"]),
            "unit": (found["before"] or "").strip() or (found["unit"] or "").strip(), "count": int(counts[number]),
            "marks": [mark.strip() for mark in (found["mark"], found["mark2"]) if mark],
        }  # fmt: skip
        if not any(_same(cell, code) for code in codes):
            cells[text] = cell
    if not cells:
        raise cli.UserError("no cell holds a number")
    return places, unique, cells


def _same(cell, code):
    return code in {float(value) * (-1 if cell["negative"] else 1) for value in readings(cell["body"], cell["exponent"]).values()}


def _why(text):
    if re.fullmatch(r"[+-]?(inf|infinity|∞)", text.lower()):
        return "not a finite number"
    if re.match("[<>≤≥~≈]", text):
        return "only a bound: write a number, or leave it out"
    return "no number"


def _decimal_mark(cells, known, default, notes):
    """The one mark by which all cells can be read. UserError where there is none, or where two give different values."""
    ways = {cell["text"]: readings(cell["body"], cell["exponent"]) for cell in cells.values()}
    possible = [mark for mark in ".," if all(mark in way for way in ways.values())]
    if not possible:
        one, other = (next(text for text, way in ways.items() if mark not in way) for mark in ".,")
        raise cli.UserError(f"it has {one!r} and {other!r}: two decimal marks in one column")
    two = [text for text, way in ways.items() if len(way) == 2 and float(way["."]) != float(way[","])]
    if len(possible) == 1:
        _refuse_lone_thousands(possible[0], ways, two)
        return possible[0]
    if not two:
        return "."
    if known:
        return known
    whole = [text for text, way in ways.items() if text not in two]
    if default and not whole and all("." in text for text in two):
        notes.append(f"{two[0]} is read as {ways[two[0]][default]}, not as {ways[two[0]][',']} (--decimal ,)")
        return default
    way = ways[two[0]]
    raise cli.UserError(f"{two[0]!r} may be {way['.']} (--decimal .) or {way[',']} (--decimal ,)")


def _refuse_lone_thousands(mark, ways, two):
    """1.301, 1.287, "1,234": is that 1234, or another decimal mark? Refused where only others have decimals."""
    group = "," if mark == "." else "."
    fractions = any(mark in text for text in ways if text not in two)
    both = any(mark in text and group in text for text in ways)
    lone = next((text for text in two if group in text and mark not in text), None)
    if lone and fractions and not both:
        way = ways[lone]
        raise cli.UserError(
            f"{lone!r} may be {way['.']} (--decimal .) or {way[',']} (--decimal ,), beside other cells with {mark!r}"
        )


def _unit(cells, notes):
    """The one unit that stands in the cells, or "". UserError where it stands in some cells only, or where there are two."""
    alike = {(cell["unit"], *cell["marks"]) for cell in cells.values()}
    if len(alike) == 1 and len(*alike) == 2 and "".join(*alike).isalpha():  # 5 s, 6 s: no mark, a unit
        return "".join(*alike)
    units = Counter()
    for cell in cells.values():
        units[cell["unit"]] += cell["count"]
    if len(units) > 1:
        shown = [next(cell["text"] for cell in cells.values() if cell["unit"] == unit) for unit, _ in units.most_common(2)]
        raise cli.UserError(
            f"it has {shown[0]!r} and {shown[1]!r}: cells of different units, or text behind numbers: mend them, or take some as "
            f"missing: --missing {shown[1]!r}"
        )
    marked = {mark for cell in cells.values() for mark in cell["marks"]}
    if marked:
        count = sum(cell["count"] for cell in cells.values() if cell["marks"])
        shown = ", ".join(sorted(marked)[:3]) + (f" and {len(marked) - 3} more" if len(marked) > 3 else "")
        notes.append(f"{count} {'value has' if count == 1 else 'values have'} marks ({shown}): read without them")
    odd = [cell for cell in cells.values() if cell["odd"]]
    if odd:
        count = sum(cell["count"] for cell in odd)
        notes.append(f"{count} {'value' if count == 1 else 'values'} like {odd[0]['text']!r} read as below 0")
    return next(iter(units), "")


def _finish(values, codes, zero=0, unit="", notes=()):
    """The values as Numbers, with the codes of missing values that stand far outside of the others taken out, said."""
    notes = list(notes)
    if np.isinf(values).any():
        raise cli.UserError("it holds a number too large for a computer")
    if codes and not zero:
        values = _take_codes_out(values, notes)
    return Numbers(values, zero, unit, notes)


def _take_codes_out(values, notes):
    """-9999 among 3 and 5 -> NaN, said. 999 is refused: it may be a value."""
    taken = True
    while taken:
        taken = False
        there = values[~np.isnan(values)]
        for code in {there.min(), there.max()} if len(there) else ():
            found = CODES.fullmatch(f"{code:.10g}")
            others = there[there != code]
            if len(others) < 2 or not (found or abs(code) >= HUGE):
                continue
            with np.errstate(over="ignore"):
                span = max(others.max() - others.min(), 1e-9 * abs(code))
                if min(abs(code - others.min()), abs(code - others.max())) <= span:
                    continue
            count = int((there == code).sum())
            if count >= 0.5 * len(there):
                continue
            many = "value is" if count == 1 else "values are"
            if found and not found["minus"]:
                raise cli.UserError(
                    f"{count} {many} {code:.10g}, far above the others: a code of missing values (--missing {code:.10g}), "
                    "or to be taken as it is (--missing none)?"
                )
            notes.append(f"{count} {many} {code:.10g}, far outside of the others: taken as missing (else --missing none)")
            values, taken = np.where(values == code, np.nan, values), True
            break
    return values
