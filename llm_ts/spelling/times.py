"""Cells as people write times -> an axis: dates, months, quarters, weeks, years, Unix times, clocks.

    "01.03.2024", "2024-03-01T10:00Z", "1 Mar 2024", "FY24 Q1", "2024-W09", "1913", "1709251200", "23:45"

All cells of a column have one shape. What fits two ways (01/02/2024, 202401) is decided by the whole
column: by the reading that alone is possible, or alone goes one way, or alone goes in even steps.
"""

import datetime
import re
from dataclasses import dataclass

import numpy as np

from llm_ts.spelling.grammar import WORDS, form, pattern, word

SURE, HINT = (re.compile(f"{word(name).pattern}|{form('names', 'ends')}") for name in ("time", "hint"))
BACK, AGE = word("back"), word("age")  # names of columns that count backwards, and perhaps backwards
MONTH_OF = {name: n for n, line in enumerate(WORDS["months"]["names"].split("\n"), 1) for name in line.split()}
ZONES = dict(re.findall(r"([A-Z]+)([+-]\d)", form("zones", "hours")))
SHAPES = {name: pattern("shapes", name) for name in WORDS["shapes"]}  # what times look like
DIGITS = {name: pattern("digits", name) for name in WORDS["digits"]}  # what digits alone may be
WEAK, DAILY, YEARLY = (WORDS["kinds"][name] for name in ("weak", "daily", "yearly"))
MONTH_WORD, PARTS = pattern("forms", "word"), WORDS["parts"]
TURNS = {"clock": 86400.0, "day-alone": 366 * 86400.0, "month-alone": 12.0}  # where they begin again
FOOTNOTE = re.compile(r"\s*([*†‡§:;,]+|[¹²³]|\[\w{1,2}\]|\([a-z0-9]\))$")
ORDERS = {"day-first": "bac", "month-first": "abc", "year-first": "bca"}  # of month, day, year
UNIX = {10: "seconds", 13: "milliseconds", 16: "microseconds", 19: "nanoseconds"}  # by their digits


@dataclass
class Times:
    """The times of a column. at: (n,) floats, NaN where a cell is no time; start: was taken off all.

    kind: "date" (seconds since 1970), "year" (years) or "number" (the column's own unit).
    """

    at: np.ndarray
    kind: str
    note: str = ""
    start: int = 0


class TwoReadings(ValueError):
    """Times that can be read in two ways, and no flag has said which."""


def text_of(cell):
    """A cell in the words of its file: dates that it types as 2024-03-01, numbers without needless 0."""
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ").removesuffix(" 00:00:00")
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def match(shape, cell):
    """The parts of a cell that has a shape, {"y": "2024", "q": "1"}, else None. Quotes and footnotes
    around it do not count."""
    found = SHAPES[shape].fullmatch(FOOTNOTE.sub("", text_of(cell).strip(" '=\"")))
    part = found and {k.rstrip("23456"): text for k, text in found.groupdict().items() if text}
    if not found or "w" in part and not month_of(part["w"]):
        return None
    if shape == "day-alone" and part.get("w", "").lower().rstrip(".") in WORDS["months"]["none"]:
        return None
    if "next" in part and (int(part["y"]) + 1 - int(part["next"])) % 100:  # 2001-02 may be a year
        return None
    return part


def month_of(word):
    """ "März", "Sept." -> 3, 9; None for no month: "market" is none."""
    word = word.lower().rstrip(".")
    if word in MONTH_OF or len(word) < 3:
        return MONTH_OF.get(word)
    return next((number for name, number in MONTH_OF.items() if name.startswith(word)), None)


def shape_of(cells, share=0.8):
    """The shape that at least this share of the cells have, or None."""
    some = cells[:: max(1, len(cells) // 8)]
    for name in SHAPES if len(cells) > 2 else ():
        if sum(match(name, cell) is not None for cell in some) >= 0.4 * len(some):
            if sum(match(name, cell) is not None for cell in cells) >= max(3, share * len(cells)):
                return name
    return None


def seconds(year, month=1, day=1, clock=None, zone=None):
    """Seconds since 1970 of a day and a clock's time; NaN where the calendar has no such day."""
    try:
        days = datetime.date(year, month, day).toordinal() - 719163
    except (ValueError, OverflowError):
        return np.nan
    offset = 3600 * float(ZONES.get(zone or "Z", "nan"))
    if zone and zone[0] in "+-":
        offset = int(zone[:3]) * 3600 + int(zone[0] + zone[-2:]) * 60
    return days * 86400.0 + (clock_of(clock) if clock else 0.0) - offset


def clock_of(text):
    """ "1:05 pm" -> 47100 seconds; timetables go on behind 24:00."""
    digits = [float(part) for part in re.findall(r"\d+(?:\.\d+)?", text.replace(",", "."))]
    hours, minutes, rest = (*digits, 0.0, 0.0)[:3]
    if half := re.search("[ap]", text.lower()):
        hours = hours % 12 + (12 if half[0] == "p" else 0)
    return hours * 3600 + minutes * 60 + rest if minutes < 60 and rest < 60 else np.nan


def year_of(text):
    """ "24" -> 2024, "69" -> 1969."""
    return int(text) + (0 if len(text) > 2 else 2000 if int(text) < 69 else 1900)


def time_of(part):
    """The parts of a match -> seconds since 1970, or years for those that have no day; NaN for none."""
    month = month_of(part["w"]) if "w" in part else int(part.get("m", 1))
    if "y" not in part:  # times that begin again
        if "clock" in part:
            return clock_of(part["clock"])
        return seconds(2000, month, int(part["d"])) if "d" in part else float(month)
    year = year_of(part["y"])
    if "q" in part:
        number = ("I", "II", "III", "IV").index(part["q"]) if "I" in part["q"] else int(part["q"]) - 1
        return year + number / 4
    if "h" in part:
        return year + (int(part["h"]) - 1) / 2
    if "k" in part:
        try:
            day = datetime.date.fromisocalendar(year, int(part["k"]), int(part.get("d", 1)))
        except ValueError:
            return np.nan
        return seconds(day.year, day.month, day.day)
    if "n" in part:
        return seconds(year) + (int(part["n"]) - 1) * 86400.0 if 1 <= int(part["n"]) <= 366 else np.nan
    if "d" not in part:
        return year + (month - 1) / 12
    clock = ":".join((re.findall("..", part["hms"]) + ["00"])[:3]) if "hms" in part else part.get("clock")
    return seconds(year, month, int(part["d"]), clock, part.get("zone"))


def _spread(cells, table):
    return np.array([table.get(cell, np.nan) for cell in cells], dtype=float)


def read(cells, shape, dates=None, name=""):
    """A list of cells -> Times. dates: the flag. TwoReadings where neither it nor the column decides."""
    unique = list(dict.fromkeys(cells))
    if shape == "digits":
        return _digits(cells, unique, name)
    if shape == "day" and len(unique) > 9999:  # a long column, quickly
        texts = [*map(text_of, cells)]
        if all(map(re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?").fullmatch, texts)):
            try:
                return Times(np.array(texts, "datetime64[us]").astype("int64") / 1e6, "date")
            except ValueError:  # 2024-02-30
                pass
    found = {cell: part for cell in unique if (part := match(shape, cell)) is not None}
    if len({"zone" in part for part in found.values() if "clock" in part}) > 1:
        raise TwoReadings("some times have a zone and others have none")
    if shape == "numeric":
        return _numeric(cells, found, dates)
    at, note = _spread(cells, {cell: time_of(part) for cell, part in found.items()}), ""
    if shape in TURNS:
        steps = np.diff(at)
        falls = steps < 0  # 1:30, 1:28: no clock goes back by so little
        if falls.any() and falls.mean() <= 0.5 and (steps[falls] <= -TURNS[shape] / 2).all():
            at[1:] += TURNS[shape] * np.cumsum(falls)
            note = f"the clock passes midnight {falls.sum()} times" if shape == "clock" else ""
        return Times(at, "number", note)
    if shape == "month-named" and not one_way(at):  # Jan 31, Feb 1: days, not months of years
        days = read(cells, "day-alone")
        return days if not np.isnan(days.at).any() and one_way(days.at) else Times(at, "year")
    return Times(at, "year" if shape in YEARLY else "date")


def one_way(at):
    """Whether times only rise, or only fall."""
    steps = np.diff(at[~np.isnan(at)])
    return bool((steps >= 0).all() or (steps <= 0).all())


def even(at):
    """Whether times go one way in equal steps; months of days and leap years count as equal."""
    steps = np.abs(np.diff(at[~np.isnan(at)]))
    return one_way(at) and len(steps) > 0 and 0 < steps.max() <= 1.2 * steps.min()


def goes(at):
    """1 where numbers only rise, -1 where they only fall, 2 and -2 in equal steps; 0 for neither."""
    steps = np.diff(at[~np.isnan(at)])
    if len(steps) < 2 or not ((steps > 0).all() or (steps < 0).all()):
        return 0
    return int(np.sign(steps[0])) * (1 + bool(np.allclose(steps, np.median(steps), rtol=1e-3)))


def _decided(ways, shown):
    """Of several readings {name: at}, the one that alone goes one way, or alone in even steps."""
    for better in (one_way, even):
        ways = {name: at for name, at in ways.items() if better(at)} or ways
    if len({tuple(np.nan_to_num(at).tolist()) for at in ways.values()}) > 1:
        raise TwoReadings(shown(ways))
    return next(iter(ways))


def _numeric(cells, parts, dates):
    """Dates of three numbers, 01/02/2024: the ways in which all can be read, then the one that fits."""
    signs, tables = {part["s"] for part in parts.values()}, {}
    for name, order in ORDERS.items():
        if name == "month-first" and signs == {"."} and dates != name:  # nobody writes 03.01. for March
            continue
        if name == "year-first" and any(len(part["c"]) == 4 for part in parts.values()):
            continue
        tables[name] = {
            cell: time_of({**part, "m": part[order[0]], "d": part[order[1]], "y": part[order[2]]})
            for cell, part in parts.items()
        }
    ways = {n: _spread(cells, t) for n, t in tables.items() if not np.isnan([*t.values()]).any()}
    if len(ways) > 1 and "-" not in signs:  # 24-03-01 is usual, 24/03/01 is not
        ways.pop("year-first", None)
    ways = {name: at for name, at in ways.items() if dates in (None, name)}
    if not ways:  # some are no dates in any order, or the orders are mixed
        return Times(np.full(len(cells), np.nan), "date")

    def shown(ways):
        cell = next(cell for cell in parts if len({tables[name][cell] for name in ways}) > 1)
        days = [datetime.date.fromordinal(719163 + int(tables[n][cell] // 86400)) for n in ways]
        return f"{cell!r} may be " + " or ".join(f"{day} (--dates {n})" for n, day in zip(ways, days))

    name = _decided(ways, shown)
    return Times(ways[name], "date", f"dates are read {name.replace('-', ' ')}" if len(ways) > 1 else "")


def _digits(cells, unique, name):
    """Years, 202401, 20240301 ...: the readings in which all are times, then the one that fits."""
    ways, texts = {}, {cell: text_of(cell).strip(" '=\"*†‡§") for cell in unique}
    for way, form in DIGITS.items():
        found = {cell: form.fullmatch(text) for cell, text in texts.items()}
        table = {cell: time_of(known.groupdict()) for cell, known in found.items() if known}
        if sum(at == at for at in table.values()) >= 0.8 * len(unique):
            ways[way] = _spread(cells, table)
    for way, hint in (("weeks", "week|woche|kw|semaine"), ("quarters", "quarter|quartal|trimest")):
        if way in ways and re.search(f"(?i){hint}", name):
            ways = {way: ways[way]}
    if "hours" in ways and all(len(text) == 10 for text in texts.values()):
        ways["Unix times"] = _spread(cells, {cell: float(text) for cell, text in texts.items()})
    ways = {way: at for way, at in ways.items() if not np.isnan(at).any()} or ways
    if not ways:
        return Times(np.full(len(cells), np.nan), "date")
    way = next(iter(ways))
    if not all(map(even, ways.values())):  # months and weeks of one year: even both
        said = f"{text_of(cells[0])} may be one of"
        way = _decided(ways, lambda ways: f"{said} {' or of '.join(ways)}: write 2024-03 or 2024-W09")
    kind = "year" if way in YEARLY else "date"
    return Times(ways[way], kind, f"{name} is read as {way}" if way not in ("year", "days") else "")


def of_numbers(values, name, zero=0, unit="", chosen=False):
    """Numbers of a column of times -> Times: Unix times, spreadsheet days, years BC, plain numbers.

    zero: what was taken off all values. unit: in the cells. chosen: whether the user named the column.
    """
    if re.fullmatch(r"(?i)BCE?|BP|v\.? ?Chr\.?", unit) or BACK.search(name):
        return Times(-values, "number", f"{name} counts backwards" if chosen else "")
    two = np.where((values >= 0) & (values < 100), values + np.where(values < 69, 2000, 1900), np.nan)
    if re.search(r"(?i)year|^yr|jahr|ann[eé]e|^a[nñ]o", name) and not one_way(values) and one_way(two):
        return Times(two, "year", f"{name} is read as years of two digits, 1969 to 2068")
    there = values[~np.isnan(values)]
    first, last = (zero + there.min(), zero + there.max()) if len(there) else (0, 0)
    for digits, unit in UNIX.items():
        if 10 ** (digits - 1) <= first <= last < 5 * 10 ** (digits - 1):
            start, shift = divmod(zero, 10 ** (digits - 10))
            at = (values + shift) / 10 ** (digits - 10)
            return Times(at, "date", f"{name} is read as Unix times in {unit}", start)
    if re.search(r"(?i)date|datum|fecha|day|time|zeit", name) and 20000 <= first <= last <= 60000:
        at = (values - 25569) * 86400.0
        return Times(at, "date", f"{name} is read as a spreadsheet's day numbers")
    return Times(values, "number", start=zero)


# columns that are one time together


def part_called(name):
    """The part of a time that a column of this name holds, or None."""
    return next((part for part in PARTS if re.fullmatch(PARTS[part][0], name, re.I)), None)


def part_of(text, part):
    """A month, quarter ... that has a column of its own -> its number; None where it is none."""
    most = PARTS[part][1]
    found = re.fullmatch(r"[QqMmTtKk]?0*(\d{1,4})\.?0*", text)
    if not found:
        return month_of(text) if part == "month" and MONTH_WORD.fullmatch(text) else None
    return int(found[1]) if (most not in (24, 59)) <= int(found[1]) <= most else None


def hours_in(name, texts):
    """Whether a column beside one of dates holds hours, 0 to 24, or 0000 to 2400."""
    named = re.fullmatch(PARTS["hour"][0] + "|time|zeit|uhrzeit|utc", name, re.I)
    fit = named and all(re.fullmatch(r"\d{1,2}|\d{1,2}[0-5]\d", text) for text in texts)
    return fit and (max(map(int, texts)) <= 24 or max(map(int, texts)) <= 2400)


def together(texts, names):
    """The texts of columns that are one time together -> one text: "2024", "3" -> "2024-03"."""
    day, clock = texts[:2]
    if part_called(names[0]) != "year":
        if re.fullmatch(r"\d{1,4}", clock):
            clock = f"{clock.zfill(4)[:2]}:{clock[-2:]}" if len(clock) > 2 else f"{clock}:00"
        return re.sub("^(....)(..)(..)$", r"\1-\2-\3", day) + f" {clock}"
    out = ""
    for text, part in zip(texts, map(part_called, names)):
        number = part_of(text, part)
        number = year_of(str(number)) if part == "year" and number is not None else number
        out += text if number is None else PARTS[part][2].format(number)
    return out + ":00" if " " in out and ":" not in out else out


# texts that are no times


def unread(texts):
    """ "times" for texts that look like times which cannot be read, "down" for names that count down, or ""."""
    year = r"(?<!\d)(1[5-9]|20)\d\d(?!\d)|(?<![\d.])\d{1,2}[-/.:]\d{1,2}(?![\d.]{2})|[年月日]|FY\s?\d\d"
    like = [
        re.search(year, text) or re.search(r"\d", text) and any(map(month_of, MONTH_WORD.findall(text)))
        for text in texts
    ]
    groups = [tuple(map(int, re.findall(r"\d{1,9}", text))) for text in texts]
    alike = len(texts) > 2 and len({*map(len, groups)}) == 1 and len(groups[0])
    falls = alike and any(
        all(a > b for a, b in zip(some, some[1:])) for some in (groups, [group[::-1] for group in groups])
    )
    word = texts and HINT.search(re.sub(r"\d.*", "", texts[0]).strip()[1:])
    if len(texts) > 2 and sum(map(bool, like)) >= 0.8 * len(like) or falls and (alike > 1 or word):
        return "times"
    return "down" if falls else ""
