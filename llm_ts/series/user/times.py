"""Texts as people write times -> an axis: dates, months, quarters, ISO weeks, years, Unix times, clock times, plain numbers.

    "01.03.2024", "2024-03-01T10:00Z", "1 Mar 2024", "2024Q1", "2024-W09", "1913", "1709251200", "23:45"

What fits two ways (01/02/2024) is decided by the whole column: by a day beyond 12, or where only one reading goes one way.
"""

import re
from dataclasses import dataclass

import numpy as np

HINT = re.compile(
    r"(?i)(^|[^a-z])(date|dates|datum|datetime|date_?time|time|times|timestamp|ts|epoch|unix|zeit|zeitpunkt|zeitstempel|fecha|hora|jahr|year|years|yr|"
    r"ann[eé]e|a[nñ]o|anno|month|months|monat|mois|mes|day|days|tag|jour|d[ií]a|week|weeks|woche|semaine|quarter|quartal|trimestre|hour|hours|"
    r"stunde|heure|minute|minutes|second|seconds|sec|period|t|utc|when)([^a-z]|$)|(date|time|zeit|datum|stamp)$|日期|时间|時間|日時|年|月|дата|время|год"
)
MONTHS = {  # beginnings of names, as English, German, French, Spanish, Italian have them
    number: names.split()
    for number, names in enumerate(
        ("jan janv ene gen jän jänner", "feb févr fév fevr febr", "mar mär mars mrz märz marzo", "apr avr abr avril abril aprile",
         "may mai mayo mag maggio", "jun juin junio giu", "jul juil julio lug juillet", "aug août aout ago agosto",
         "sep sept set", "oct okt ott", "nov", "dec dez déc dic"), 1,
    )
}  # fmt: skip
WORD = r"[^\W\d_]{3,10}\.?"
CLOCK = r"(?:[T ]+(?P<clock>\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:\s?[AaPp]\.?[Mm]\.?)?|\d{1,2}h\d\d)" + (
    r"(?:\s?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d))?)?"
)
SHAPES = {  # kind: what its texts look like
    "day": rf"(?P<y>\d{{4}})(?P<s>[-/.])(?P<m>\d{{1,2}})(?P=s)(?P<d>\d{{1,2}}){CLOCK}",
    "compact": r"(?P<y>[12]\d{3})(?P<m>0[1-9]|1[0-2])(?P<d>[0-3]\d)(?:T?(?P<hms>\d{4}|\d{6}))?",
    "numeric": rf"(?P<a>\d{{1,2}})(?P<s>[-/. ])(?P<b>\d{{1,2}})(?P=s)(?P<c>\d{{4}}|\d{{2}}){CLOCK}",
    "named": rf"(?:{WORD},?\s+)?(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?[-/ ]*(?P<w>{WORD})[-/, ]*(?P<y>\d{{4}}|\d{{2}}){CLOCK}",
    "named-first": rf"(?:{WORD},?\s+)??(?P<w>{WORD})[-/ ]*(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[-/, ]+(?P<y>\d{{4}}){CLOCK}",
    "year-named": rf"(?P<y>\d{{4}})[-/ ](?P<w>{WORD})(?:[-/ ](?P<d>\d{{1,2}}))?{CLOCK}",
    "month": r"(?P<y>[12]\d{3})(?:\s?[-/:]\s?M?|\s?[Mm])(?P<m>0?[1-9]|1[0-2])",
    "month-first": r"(?P<m>0?[1-9]|1[0-2])[-/.](?P<y>[12]\d{3})",
    "month-named": rf"(?P<w>{WORD})[-/, ']+(?P<y>[12]\d{{3}}|\d{{2}})",
    "quarter": r"(?P<y>[12]\d{3})[-/:. ]?[QqTKk](?P<q>[1-4])|[QqTKk](?P<q2>[1-4])[-/:. ]*(?P<y2>[12]\d{3})|"
    r"(?P<q3>[1-4])[Qq][-/ ]?(?P<y3>[12]\d{3})",
    "half": r"(?P<y>[12]\d{3})[-/: ]?[HS](?P<h>[12])",
    "week": r"(?P<y>[12]\d{3})[-/: ]?(?:[WwKk][Ww]?)(?P<w>\d{1,2})(?:-?(?P<d>[1-7]))?",
    "month-alone": rf"(?P<w>{WORD})",
    "clock": r"(?P<clock>\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:\s?[AaPp]\.?[Mm]\.?)?)",
    "yyyymm": r"(?P<y>[12]\d{3})\.?(?P<m>0[1-9]|1[0-2])",
    "year": r"(?P<y>[12]\d{3})(?:\.0+)?",
}  # fmt: skip
WEAK = ("compact", "yyyymm", "year", "clock", "month-named", "month-alone")  # shapes that ids, values and names may have too
DAILY = ("day", "compact", "numeric", "named", "named-first", "year-named")  # shapes of dates, to which clock times may belong
YEARLY = ("year", "quarter", "half", "month", "month-first", "month-named", "yyyymm")  # told in years: months are equal then
UNIX = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}  # digits: counts per second


@dataclass(frozen=True)
class Times:
    """The times of a column. at: (n,) floats, NaN where a text is no time, in seconds since 1970 or in the column's own unit.

    start: what was taken off all of them; kind: "date" (seconds), "year" (years) or "number"; note: how it was decided.
    """

    at: np.ndarray
    kind: str
    shape: str
    note: str = ""
    start: int = 0


class TwoReadings(ValueError):
    """Dates that may be read day first and month first."""


def shape_of(texts):
    """The name of the shape that nearly all texts have (a few, such as a total's, may have none), or None. texts: a list."""
    texts = [text for text in texts if text]
    if len(texts) < 3:
        return None
    some = texts[:: max(1, len(texts) // 8)]
    for name, shape in SHAPES.items():
        if sum(bool(_match(name, shape, text)) for text in some) < 0.4 * len(some):
            continue
        fits = sum(bool(_match(name, shape, text)) for text in texts)
        if fits >= max(3, 0.8 * len(texts)) and fits >= len(texts) - max(1, 0.2 * len(texts)):
            return name
    return None


def _match(name, shape, text):
    found = re.fullmatch(shape, text.strip())
    return found if found and ("w" not in found.groupdict() or name == "week" or month_of(found["w"])) else None


def month_of(word):
    """ "März", "Sept." -> 3, 9; None for no month."""
    word = word.lower().rstrip(".")
    for number, names in MONTHS.items():
        if any(word == name or len(name) >= 3 and word.startswith(name) for name in names):
            return number
    return None


def read(texts, shape, dates=None):
    """A pandas Series of texts -> Times. dates: "day-first" or "month-first", where the user says. TwoReadings where neither
    he nor the column does."""
    import pandas as pd

    if shape == "day" and (fast := _iso(texts)) is not None:
        return Times(fast, "date", shape)
    places, unique = pd.factorize(texts)
    if shape == "numeric":
        return _numeric(places, unique, dates)
    at = np.array([time_of(shape, text) for text in unique], dtype=float)[places]
    if shape == "clock":
        at, falls = _unwrapped(at, 86400.0)
        return Times(at, "number", shape, f"the clock passes midnight {falls} times" if falls else "")
    if shape == "month-alone":
        return Times(_unwrapped(at, 12.0)[0], "number", shape)
    return Times(at, "year" if shape in YEARLY else "date", shape)


def _iso(texts):
    """2024-03-01 10:00 in one go, quickly; None where it is anything else."""
    import pandas as pd

    if len(texts) < 10_000 or not bool(texts.str.fullmatch(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?").all()):
        return None
    stamps = pd.to_datetime(texts, format="ISO8601", errors="coerce")
    return np.where(stamps.isna(), np.nan, stamps.astype("datetime64[us]").astype("int64") / 1e6)


def time_of(shape, text):
    """One text -> seconds since 1970, or years; NaN where it is none."""
    found = _match(shape, SHAPES[shape], text)
    if not found:
        return np.nan
    part = found.groupdict()
    if shape == "year":
        return float(part["y"])
    if shape == "quarter":
        year, quarter = next((part["y" + i], part["q" + i]) for i in ("", "2", "3") if part["y" + i])
        return int(year) + (int(quarter) - 1) / 4
    if shape == "half":
        return int(part["y"]) + (int(part["h"]) - 1) / 2
    if shape == "clock":
        return clock_of(part["clock"])
    if shape == "month-alone":
        return float(month_of(part["w"]))
    month = month_of(part["w"]) if part.get("w") and shape != "week" else int(part["m"]) if part.get("m") else None
    year = _whole_year(part["y"])
    if shape in YEARLY:
        return year + (month - 1) / 12
    if shape == "week":
        return _week(year, int(part["w"]), int(part["d"] or 1))
    if part.get("hms"):
        part["clock"] = ":".join(re.findall("..", part["hms"]))
    return seconds_of(year, month, int(part.get("d") or 1), part.get("clock"), part.get("zone"))


def _whole_year(text):
    """ "24" -> 2024, "69" -> 1969."""
    return int(text) + (0 if len(text) == 4 else 2000 if int(text) < 69 else 1900)


def seconds_of(year, month, day, clock=None, zone=None):
    import datetime

    try:
        days = datetime.date(year, month, day).toordinal() - 719163  # 1970-01-01
    except ValueError:
        return np.nan
    offset = 0
    if zone and zone[0] in "+-":
        digits = zone.replace(":", "")
        offset = int(digits[0] + "1") * (int(digits[1:3]) * 3600 + int(digits[3:5]) * 60)
    return days * 86400.0 + (clock_of(clock) if clock else 0.0) - offset


def _week(year, week, day):
    import datetime

    try:
        return (datetime.date.fromisocalendar(year, week, day).toordinal() - 719163) * 86400.0
    except ValueError:
        return np.nan


def clock_of(text):
    """ "1:05 pm" -> 47100 seconds; NaN for 24:01."""
    digits = [float(part) for part in re.findall(r"\d+(?:[.,]\d+)?", text.replace(",", "."))]
    hours, minutes, seconds = (*digits, 0.0)[:3]
    half = re.search("[ap]", text.lower())
    if half:
        hours = hours % 12 + (12 if half[0] == "p" else 0)
    return hours * 3600 + minutes * 60 + seconds if hours <= 24 and minutes < 60 and seconds < 60 else np.nan


def read_clock(texts):
    """A column of clock times beside one of dates -> seconds of the day."""
    return np.array([time_of("clock", text) for text in texts], dtype=float)


def _numeric(places, unique, dates):
    """Dates of three numbers, 01/02/2024: the ways in which all of them can be read, then the one way that goes one way."""
    found = [_match("numeric", SHAPES["numeric"], text) for text in unique]
    dotted = all(part["s"] == "." for part in found if part)
    orders = {"day-first": "bac", "month-first": "abc", "year-first": "bca"}
    ways = {}
    for name, order in orders.items():
        if name == "month-first" and dotted and dates != "month-first":  # nobody writes 03.01.2024 for March
            continue
        if name == "year-first" and any(part and len(part["c"]) == 4 for part in found):
            continue
        values = [_in_order(part, order) if part else np.nan for part in found]
        if sum(np.isnan(values)) == sum(part is None for part in found):
            ways[name] = np.array(values, dtype=float)[places]
    if len(ways) > 1 and not any(part["s"] == "-" for part in found if part):  # 24-03-01 is usual, 24/03/01 is not
        ways.pop("year-first", None)
    if dates:
        ways = {name: way for name, way in ways.items() if name == dates}
    if not ways:  # some are no dates in any order, or they are mixed
        return Times(np.full(len(places), np.nan), "date", "numeric")
    smooth = {name: way for name, way in ways.items() if _goes_one_way(way)} or ways
    if len(smooth) > 1:
        if len({tuple(np.nan_to_num(way).tolist()) for way in smooth.values()}) == 1:
            return Times(next(iter(smooth.values())), "date", "numeric")
        shown = next(
            part for part, text in zip(found, unique) if part and len({_in_order(part, orders[name]) for name in smooth}) > 1
        )
        readings = " or ".join(f"{_shown(_in_order(shown, orders[name]))} (--dates {name})" for name in smooth)
        raise TwoReadings(f"{shown[0]!r} may be {readings}")
    ((name, at),) = smooth.items()
    return Times(at, "date", "numeric", f"dates are read {name.replace('-', ' ')}" if len(ways) > 1 else "")


def _in_order(part, order):
    """order: where month, day and year stand: "bac" is day first. "year-first" of two digits: 24-03-01."""
    month, day, year = (part[letter] for letter in order)
    return seconds_of(_whole_year(year), int(month), int(day), part["clock"], part["zone"])


def _shown(seconds):
    import datetime

    return (datetime.date(1970, 1, 1) + datetime.timedelta(seconds=seconds)).isoformat()


def _goes_one_way(at):
    steps = np.diff(at[~np.isnan(at)])
    return bool((steps >= 0).all() or (steps <= 0).all())


def _unwrapped(at, turn):
    """Times of a clock, or names of months, that begin again -> (times that go on, how often they began again)."""
    falls = np.diff(at) < 0
    if (
        not falls.any() or falls.mean() > 0.5 or (np.diff(at)[falls] > -turn / 2).any()
    ):  # 1:30, 1:28: no clock goes back by so little
        return at, 0
    return at + turn * np.concatenate([[0], np.cumsum(falls)]), int(falls.sum())


def read_numbers(values, name, zero=0):
    """Numbers of a column of times -> Times: Unix times in s, ms, us or ns, spreadsheet days, or the plain numbers.

    zero: what was taken off all values, where they were beyond 2^53.
    """
    there = values[~np.isnan(values)] if len(values) else values
    first = zero + (there.min() if len(there) else 0)
    last = zero + (there.max() if len(there) else 0)
    for digits, per_second in UNIX.items():
        if 10 ** (digits - 1) <= first <= last < 5 * 10 ** (digits - 1):
            unit = {1: "seconds", 10**3: "milliseconds", 10**6: "microseconds", 10**9: "nanoseconds"}[per_second]
            start, shift = divmod(zero, per_second)
            return Times((values + shift) / per_second, "date", "unix", f"{name} is read as Unix times in {unit}", start)
    if re.search(r"(?i)date|datum|fecha|day|time|zeit", name) and 20000 <= first <= last <= 60000:
        return Times((values - 25569) * 86400.0, "date", "serial", f"{name} is read as a spreadsheet's day numbers")
    return Times(values, "number", "number", start=zero)
