"""Cells -> times, in seconds since 1970. All cells of a column have one shape."""

import datetime
import re

import numpy as np

CLOCK = (
    r"(?:(?:[T ]+|, ?)(?P<clock>\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[AaPp]\.?[Mm]\.?)?)"
    r"(?: ?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d))?)?"
)
WORD, YEAR, MONTH = r"(?P<w>[^\W\d_]{3,9})\.?", r"(?P<y>[12]\d{3})", r"(?P<m>0?[1-9]|1[0-2])"
SHAPES = {  # what times look like; y year, m month, w its name, d day, q quarter, k week
    "day": rf"(?P<y>\d{{4}})(?P<s>[-/.])(?P<m>\d{{1,2}})(?P=s)(?P<d>\d{{1,2}}){CLOCK}",
    "numeric": rf"(?P<a>\d{{1,2}})(?P<s>[-/.])(?P<b>\d{{1,2}})(?P=s)(?P<c>\d{{4}}|\d\d){CLOCK}",
    "named": rf"(?P<d>\d{{1,2}})\.?[- ]?{WORD}[- ]?(?P<y>\d{{4}}|\d\d){CLOCK}",
    "named-first": rf"{WORD}[- ](?P<d>\d{{1,2}})(?:[-,] ?| )(?P<y>\d{{4}}){CLOCK}",
    "week": rf"{YEAR}-?W(?P<k>\d\d)",
    "month": rf"{YEAR}(?:[-/]|-?M){MONTH}",
    "month-first": rf"{MONTH}[-/]{YEAR}",
    "month-named": rf"{WORD}[-/ ]{YEAR}",
    "quarter": rf"{YEAR}[-/ ]?[Qq](?P<q>[1-4])",
    "quarter-first": rf"[Qq](?P<q>[1-4])[-/ ]?{YEAR}",
    "month-alone": WORD,
    "clock": r"(?P<clock>\d{1,2}:\d\d(?::\d\d(?:\.\d{1,9})?)?)",
}
SHAPES = {name: re.compile(shape) for name, shape in SHAPES.items()}
KINDS = {name: "date" for name in [*SHAPES][:5]} | {"clock": "clock"}  # of the others: year
MONTHS = (
    "january januar jänner janvier", "february februar février", "march märz mars", "april avril",
    "may mai", "june juni juin", "july juli juillet", "august août", "september septembre",
    "october oktober octobre", "november novembre", "december dezember décembre",
)  # fmt: skip
ORDERS = {"day-first": "dmy", "month-first": "mdy", "year-first": "ymd"}


def text_of(cell):
    """A cell in the words of its file: dates that it types as 2024-03-01, 3.0 as 3."""
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ").removesuffix(" 00:00:00")
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def match(shape, cell):
    """The parts of a cell that has a shape, {"y": "2024", "q": "1"}, else None."""
    found = SHAPES[shape].fullmatch(text_of(cell))
    parts = {name: text for name, text in found.groupdict().items() if text} if found else {}
    return None if "w" in parts and not month_of(parts["w"]) else parts or None


def month_of(word):
    """ "März", "Sept" -> 3, 9; None for no month, or more than one: "jui"."""
    word = rf"\b{word.lower()}"
    found = [number for number, names in enumerate(MONTHS, 1) if re.search(word, names)]
    return found[0] if len(found) == 1 and len(word) > 4 else None


def shape_of(cells, most):
    """The shape that at least so many of the cells have, or None."""
    some = cells[:: max(1, len(cells) // 8)]
    for name in SHAPES:
        if any(match(name, c) for c in some) and sum(bool(match(name, c)) for c in cells) >= most:
            return name
    return None


def time_of(part):
    """The parts of a match -> seconds since 1970; NaN where the calendar has no such day."""
    year = year_of(part.get("y", "1970"))
    month = part.get("m", 3 * int(part.get("q", 1)) - 2)
    month = month_of(part["w"]) if "w" in part else int(month)
    try:
        day = datetime.date(year, month, int(part.get("d", 1)))
        day = datetime.date.fromisocalendar(year, int(part["k"]), 1) if "k" in part else day
    except ValueError:
        return np.nan
    zone = part.get("zone", "Z")
    minutes = 60 * int(zone[:3]) + int(zone[0] + zone[-2:]) if zone[0] in "+-" else 0
    return (day.toordinal() - 719163) * 86400.0 + clock_of(part.get("clock", "0:00")) - 60 * minutes


def year_of(text):
    """ "24" -> 2024, "69" -> 1969."""
    return int(text) + (0 if len(text) > 2 else 2000 if int(text) < 69 else 1900)


def clock_of(text):
    """ "1:05 pm" -> 47100 seconds; NaN for 1:75."""
    digits = re.findall(r"\d+(?:\.\d+)?", text.replace(",", "."))
    hours, minutes, rest = (*map(float, digits), 0.0)[:3]
    if half := re.search("[ap]", text.lower()):
        hours = hours % 12 + (12 if half[0] == "p" else 0)
    good = hours <= 24 and minutes < 60 and rest < 60
    return hours * 3600 + minutes * 60 + rest if good else np.nan


def read(cells, shape, dates, error, notes):
    """A list of cells -> (their times, floats; their kind). dates: the flag.

    kind: "date", or "year" where nothing tells the day (seconds since 1970), or "clock" (seconds of
    the day). error: a function of a text and a place in the list, makes the error of a refusal.
    """
    parts = {cell: part for cell in dict.fromkeys(cells) if (part := match(shape, cell))}
    if len({"zone" in part for part in parts.values() if "clock" in part}) > 1:
        raise error("some times have a zone and others have none")
    if shape == "numeric":
        parts = _ordered(parts, dates, error, notes)
    table = {cell: time_of(part) for cell, part in parts.items()}
    at = np.array([table.get(cell, np.nan) for cell in cells])
    for place in np.flatnonzero(np.isnan(at)):
        raise error(f"{cells[place]!r} is no time as the others are: mend or drop it", place)
    return at, KINDS.get(shape, "year")


def _ordered(parts, dates, error, notes):
    """Dates of three numbers, 01/02/2024 -> {cell: parts with y, m, d}. Refused: two orders fit."""
    signs, ways, whole = {part["s"] for part in parts.values()}, {}, {}
    short = signs == {"-"} and all(len(part["c"]) == 2 for part in parts.values())
    usual = [*ORDERS][: 1 if signs == {"."} else 3 if short else 2]  # nobody writes 03.01. for March
    for name in [dates] if dates else usual:
        names, way = dict(zip("abc", ORDERS[name])), {}
        for cell, part in parts.items():
            way[cell] = {names.get(key, key): text for key, text in part.items()}
        ways[name], at = way, [*map(time_of, way.values())]
        whole.update({} if np.isnan(at).any() else {name: at})
    for cell, *at in zip(parts, *whole.values()):
        if len({*at}) > 1:
            days = [datetime.date.fromordinal(719163 + int(time // 86400)) for time in at]
            shown = " or ".join(f"{day} (--dates {name})" for day, name in zip(days, whole))
            raise error(f"{cell!r} may be {shown}")
    name = next(iter(whole or ways))
    notes += [f"dates are read {name.replace('-', ' ')}"] if len(usual) > 1 and not dates else []
    return ways[name]


def of_numbers(values, error):
    """Numbers of a column of times -> (their times, "year" or "date"), or (they, "number"). Refused:
    digits that may be a date and count unevenly: 202352, 202401."""
    months = np.round(values * 100 % 100, 6)  # 2024.01, 2024.02: years and months
    if np.isin(months, range(1, 13)).all() and 1500 <= values[0] < 2100 and not evenly(values):
        raise error(f"{values[0]:.2f} may be a year and a month: write 2024-01")
    texts = [f"{value:.0f}" if value % 1 == 0 else "" for value in values]
    digits = len(texts[0]) if len({*map(len, texts)}) == 1 else 0
    if digits < 4 or not all("15" <= text < "21" for text in texts):
        return values, "number"
    if digits in (4, 8):
        parts = ([text[:4], text[4:6], text[6:]][: 1 if digits == 4 else 3] for text in texts)
        at = np.array([time_of(dict(zip("ymd", part))) for part in parts])
        if not np.isnan(at).any():
            return at, "year" if digits == 4 else "date"
    if (digits < 10 or texts[0] >= "19") and not evenly(values):  # 17...: seconds since 1970
        raise error(f"{texts[0]} may be a date in digits: write 2024-03-01, 2024-03 or 2024-W09")
    return values, "number"


def together(texts):
    """The texts of columns that are one time together -> one: "2024", "3", "1" -> "2024-3-01"."""
    first, second, *more = texts
    if not first.isdigit():
        return f"{first} {second}" + ("" if ":" in second else ":00")
    text = f"{year_of(first)}-{month_of(second) or second}"
    for sign, part in zip("- :", more):
        text += sign + part.zfill(2)
    return text + (":00" if len(more) == 2 else "")


def one_way(at):
    """1 where numbers only rise, -1 where they only fall, else 0."""
    steps = np.diff(at)
    return int((steps > 0).all()) - int((steps < 0).all()) if len(steps) > 1 else 0


def evenly(at):
    """Whether numbers go one way in equal steps."""
    return one_way(at) != 0 and bool(np.allclose(np.diff(at), at[1] - at[0], rtol=1e-3))


def span_of(text):
    """A time as a user writes it -> its [begin, end) in seconds: 1990 is a whole year, 1990-03 a
    month, 12:00 a minute. ValueError where it is no time."""
    begin = np.datetime64(("1970-01-01T" if ":" in text[:3] else "") + text.replace(" ", "T"))
    return tuple(time.astype("datetime64[s]").astype(float) for time in (begin, begin + 1))


def rise(texts):
    """Whether the numbers in texts rise: FY19 Q1, FY19 Q2; or read backwards: 1/2018, 2/2018."""
    groups = [[*map(int, re.findall(r"\d{1,9}", text))] for text in texts if re.search(r"\d", text)]
    ways = groups, [group[::-1] for group in groups]
    return any(all(a < b for a, b in zip(way, way[1:])) for way in ways)
