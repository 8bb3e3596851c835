"""Texts as people write times -> an axis: dates, months, quarters, ISO weeks, years, Unix times, clock times, plain numbers.

    "01.03.2024", "2024-03-01T10:00Z", "1 Mar 2024", "2024Q1", "2024-W09", "1913", "1709251200", "23:45"

What fits two ways (01/02/2024) is decided by the whole column: by a day beyond 12, or where only one reading goes one way.
"""

import re
from dataclasses import dataclass

import numpy as np

from llm_ts.series.user.time_shapes import WORD, YEARLY, ZONES, match, month_of

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
    if shape == "day-alone":
        return Times(_unwrapped(at, 366 * 86400.0)[0], "number", shape)
    if shape == "month-named" and not _goes_one_way(at):  # Jan 31, Feb 1: days, not months of years
        days = np.array([time_of("day-alone", text) for text in unique], dtype=float)[places]
        if not np.isnan(days).any() and (_goes_one_way(days) or _unwrapped(days, 366 * 86400.0)[1]):
            return Times(_unwrapped(days, 366 * 86400.0)[0], "number", "day-alone")
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
    found = match(shape, text)
    if not found:
        return np.nan
    part = found.groupdict()
    if shape in ("year", "span"):
        return float(_whole_year(part["y"] or part["y2"]))
    if shape == "quarter":
        year, quarter = (next(text for key, text in part.items() if text and key[0] == letter) for letter in "yq")
        return _whole_year(year) + ({"I": 1, "II": 2, "III": 3, "IV": 4}.get(quarter) or int(quarter)) / 4 - 0.25
    if shape == "half":
        return int(part["y"]) + (int(part["h"]) - 1) / 2
    if shape == "clock":
        return clock_of(part["clock"], 99)  # timetables go on behind 24:00
    if shape == "month-alone":
        return float(month_of(part["w"]))
    if shape == "week":
        return _week(int(part["y"] or part["y2"]), int(part["w"] or part["w2"]), int(part["d"] or 1))
    if shape == "day-alone":
        month = int(part["m3"]) if part["m3"] else month_of(part["w"] or part["w2"])
        return seconds_of(2000, month, int(part["d"] or part["d2"] or part["d3"]))  # a leap year
    if shape == "ordinal":
        return seconds_of(int(part["y"]), 1, 1) + (int(part["n"]) - 1) * 86400.0 if 1 <= int(part["n"]) <= 366 else np.nan
    month = month_of(part["w"]) if part.get("w") else int(part["m"]) if part.get("m") else None
    year = _whole_year(part["y"])
    if shape in YEARLY:
        return year + (month - 1) / 12
    if part.get("hms"):
        part["clock"] = ":".join(re.findall("..", part["hms"]))
    return seconds_of(year, month, int(part.get("d") or 1), part.get("clock"), part.get("zone"))


def part_of(text, most):
    """A month, quarter ... that has a column of its own -> its number, NaN for none up to `most`: "3", "M03", "Q3", "May"."""
    found = re.fullmatch(r"[QqMmTtKk]?0*(\d{1,3})\.?0*", text.strip())
    number = int(found[1]) if found else most == 12 and re.fullmatch(WORD, text.strip()) and month_of(text.strip()) or 0
    return float(number) if 1 <= number <= most else np.nan


def _whole_year(text):
    """ "24" -> 2024, "69" -> 1969."""
    return int(text) + (0 if len(text) == 4 else 2000 if int(text) < 69 else 1900)


def seconds_of(year, month, day, clock=None, zone=None):
    import datetime

    try:
        days = datetime.date(year, month, day).toordinal() - 719163  # 1970-01-01
    except ValueError:
        return np.nan
    offset = 3600 * ZONES.get(zone or "Z", np.nan)
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


def clock_of(text, most=24):
    """ "1:05 pm" -> 47100 seconds; NaN for hours beyond `most`."""
    digits = [float(part) for part in re.findall(r"\d+(?:[.,]\d+)?", text.replace(",", "."))]
    hours, minutes, seconds = (*digits, 0.0)[:3]
    half = re.search("[ap]", text.lower())
    if half:
        hours = hours % 12 + (12 if half[0] == "p" else 0)
    return hours * 3600 + minutes * 60 + seconds if hours <= most and minutes < 60 and seconds < 60 else np.nan


def read_clock(texts):
    """A column of clock times beside one of dates -> seconds of the day: 10:30, 1030, or hours."""
    if any(":" in text for text in texts):
        return np.array([time_of("clock", text) for text in texts], dtype=float)
    hours = np.array([float(text) if re.fullmatch(r"\d{1,4}(\.\d+)?", text) else np.nan for text in texts])
    if np.nanmax(hours, initial=0) > 24:  # 1030
        return 3600 * (hours // 100) + 60 * (hours % 100)
    return 3600 * hours


def _numeric(places, unique, dates):
    """Dates of three numbers, 01/02/2024: the ways in which all of them can be read, then the one way that goes one way."""
    found = [match("numeric", text) for text in unique]
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


def _two_digits(years):
    """99, 0 -> 1999, 2000; NaN for other numbers."""
    return np.where((years >= 0) & (years < 100), years + np.where(years < 69, 2000, 1900), np.nan)


def _unwrapped(at, turn):
    """Times of a clock, or names of months, that begin again -> (times that go on, how often they began again)."""
    falls = np.diff(at) < 0
    if (
        not falls.any() or falls.mean() > 0.5 or (np.diff(at)[falls] > -turn / 2).any()
    ):  # 1:30, 1:28: no clock goes back by so little
        return at, 0
    return at + turn * np.concatenate([[0], np.cumsum(falls)]), int(falls.sum())


def read_numbers(values, name, zero=0, unit=""):
    """Numbers of a column of times -> Times: Unix times in s, ms, us or ns, spreadsheet days, or the plain numbers.

    zero: what was taken off all values, where they were beyond 2^53. unit: as it stands in the cells; 50 BC is -50.
    """
    if re.fullmatch(r"(?i)BCE?|BP|v\.? ?Chr\.?", unit):
        return Times(-values, "number", "number")
    if (
        re.search(r"(?i)year|^yr|jahr|ann[eé]e|^a[nñ]o", name)
        and not _goes_one_way(values)
        and _goes_one_way(_two_digits(values))
    ):
        return Times(_two_digits(values), "year", "year", f"{name} is read as years of two digits, 1969 to 2068")
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
