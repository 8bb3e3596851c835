"""A series as it stands in a file -> one that can be described: in the order of time, without gaps, in equal steps.

Whatever is done to it is a note. The facts (first, last, lowest, highest) come from the rows, never
from what was put between.
"""

import re
from dataclasses import replace

import numpy as np

from llm_ts import cli
from llm_ts.series.rows import LONGEST
from llm_ts.spelling import times

SHORTEST = 8  # values
FILLED = 0.1  # share of missing values, at most, that are interpolated; beyond it they are dropped
HALF = 0.5  # share beyond which nothing is described
GAP = 0.1  # of the window: a step as long as that matters
UNEVEN = 2.0  # the longest step over the shortest: beyond it the steps are uneven
JUMP = 100  # the longest step over the usual one: beyond it, a gap is a clock that was set, or two campaigns


def no(series, text):
    return cli.UserError(f"{series.source}: {text}")


def put_in_order(series):
    """The same series with rising times: turned round where they fall, said.

    Times that go back and forth are refused, unless the user named their column: then they are sorted.
    """
    if series.at is None:
        return series
    steps = np.diff(series.at)
    if (steps > 0).all():
        return series
    if (steps < 0).all():
        return _take(series, np.arange(len(series.at))[::-1], "the times fall (newest first): turned round")
    if series.sort:
        return _take(series, np.argsort(series.at, kind="stable"), "the times go back and forth: sorted")
    place = int(np.argmax(steps < 0 if (steps > 0).mean() >= 0.5 else steps > 0))
    raise no(
        series,
        f"its times go back and forth: {label(series, place + 1)!r} follows {label(series, place)!r}: --time "
        "with the name of their column sorts the rows by it, --time none takes them as they stand",
    )


def _take(series, order, note=None):
    """The rows of a series at these places."""
    return replace(
        series,
        values=series.values[order],
        at=None if series.at is None else series.at[order],
        labels=None if series.labels is None else [series.labels[place] for place in order],
        notes=[*series.notes, *([note] if note else [])],
    )


def choose_window(series, last=None, begin=None, end=None):
    """The part of a series from `begin` to `end` (texts: times as in the file, shorter ones too, or row
    numbers from 1), and of it the last so many rows. UserError where nothing is left."""
    keep = np.ones(len(series.values), dtype=bool)
    for text, flag in ((begin, "--from"), (end, "--to")):
        if text is not None:
            low, high = _bounds(series, text, flag)
            at = np.arange(1, len(keep) + 1) if series.at is None else series.at + series.start
            keep &= at >= low if flag == "--from" else at < high
    if not keep.any():
        raise no(series, f"no row lies between --from and --to: it has {label(series, 0)} to {label(series, -1)}")
    places = np.flatnonzero(keep)
    places = places[-last:] if last else places
    return series if len(places) == len(keep) else _take(series, places, f"{len(places)} of {len(keep)} rows chosen")


def _bounds(series, text, flag):
    """[from, to) that a text means on a series' axis: 1990 is a whole year, 1990-03 a month."""
    if series.at is None or series.kind == "number":
        if series.labels and series.at is None and text in series.labels:
            last = len(series.labels) - series.labels[::-1].index(text)
            return series.labels.index(text) + 1, last + 1
        try:
            return float(text), np.nextafter(float(text), np.inf)
        except ValueError:
            pass
        if series.at is None or ":" not in text:
            what = "the number of a row" if series.at is None else "a number"
            raise cli.UserError(f"{flag} {text!r}: give {what}, as the series has")
        return times.clock_of(text), np.nextafter(times.clock_of(text), np.inf)
    read = _time_alone(text)
    if not read:
        raise cli.UserError(
            f"{flag} {text!r} is no time that can be read: write 1990, 1990-03, 1990-03-31 or 1990-03-31 12:00"
        )
    at, step = read
    if step < 1.01 and series.kind == "year":  # years: months are equal then
        return at - 1e-6, at + step - 1e-6
    if step < 1.01:
        return _of_year(at), _of_year(at + step)
    if series.kind == "year":
        raise cli.UserError(f"{flag} {text!r}: the series has no days: write 1990, or 1990-03")
    return at, at + (1e-3 if ":" in text else step)


def _time_alone(text):
    """A text -> (its time, how long it is), in years or in seconds since 1970; None where it is none."""
    for shape in times.SHAPES:
        part = times.match(shape, text) if shape not in ("numeric", *times.WEAK[1:]) else None
        if shape == "digits" and re.fullmatch(r"\d{4}", text):
            part = {"y": text}
        if part and "y" in part:
            long = {"q": 0.25, "h": 0.5, "k": 7 * 86400, "d": 86400, "n": 86400, "m": 1 / 12, "w": 1 / 12}
            return times.time_of(part), next((long[name] for name in long if name in part), 1)
    return None


def _of_year(year):
    """1990.25 -> the second at which April 1990 begins."""
    whole, month = divmod(round(year * 12), 12)
    return times.seconds(int(whole), int(month) + 1, 1)


def label(series, place):
    """What a row is called: its time or name in the file's words, else its number from 1."""
    if series.labels is None:
        return str(np.arange(1, len(series.values) + 1)[place])
    return str(series.labels[place])


def fill(series, windowed=False):
    """The series without missing values: those at its ends dropped, up to a tenth interpolated, more of
    them dropped; said.

    windowed: whether the user chose the rows. UserError where too few are left, or they are of no use.
    """
    n, name = len(series.values), series.column
    there = np.flatnonzero(~np.isnan(series.values))
    if len(there) < SHORTEST:
        missing = f" ({n - len(there)} of {n} are missing)" if len(there) < n else ""
        raise no(series, f"{name} has {len(there)} values{missing}: {SHORTEST} are the fewest that can be described")
    if len(there) < n:
        series = _without_missing(series, n, there)
    low, high = series.values.min(), series.values.max()
    if low == high:
        raise no(series, f"{name} is constant ({series.zero + low:.12g}): there is nothing to describe")
    with np.errstate(over="ignore"):
        span = high - low
    if not np.isfinite(span):
        raise no(series, f"{name} spans {low:g} to {high:g}, too far for a computer: rescale it")
    if series.at is None and not windowed:
        _refuse_sums(series)
    return series


def _refuse_sums(series):
    """UserError where the last value is the sum of the others, or each block of rows has its sum: no series."""
    values = series.values
    if len(values) <= SHORTEST or (values < 0).any():
        return
    if np.isclose(values[-1], values[:-1].sum(), rtol=1e-9, atol=0):
        raise no(
            series,
            f"the last value of {series.column}, {values[-1]:.12g}, is the sum of the others: "
            f"--to {len(values) - 1} leaves it out, --to {len(values)} keeps it",
        )
    for rows in (values, values[::-1]):  # a sum stands above, or below, what it sums up
        place, blocks = 0, 0
        while place < len(rows):
            sums = np.cumsum(rows[place + 1 :])
            found = np.flatnonzero(np.isclose(sums, rows[place], rtol=1e-9, atol=0))
            if not len(found) or found[0] == 0:
                break
            place, blocks = place + int(found[0]) + 2, blocks + 1
        if place >= len(rows):
            raise no(
                series,
                f"{series.column} holds {blocks} {'sum' if blocks == 1 else 'sums'} of the rows beside them: take them out, or --to "
                f"{len(values)} takes the rows as they stand",
            )


def _without_missing(series, n, there):
    first, last = there[0], there[-1]
    ends = n - (last - first + 1)
    inside = last - first + 1 - len(there)
    if ends:
        series = _take(series, np.arange(first, last + 1), f"{ends} of {n} values missing at the ends: dropped")
        there = there - first
    if not inside:
        return series
    said = f"{inside} of {n} values missing"
    if inside > HALF * n:
        raise no(series, f"{series.column}: {said}, more than half: choose a part with --from and --to")
    if inside > FILLED * n:
        more = "" if series.at is not None else ", as if the others followed one another"
        return _take(series, there, f"{said}: {inside} dropped{more}")
    axis = np.arange(len(series.values)) if series.at is None else series.at
    values = np.interp(axis, axis[there], series.values[there])
    return replace(series, values=values, notes=[*series.notes, f"{said}: interpolated"])


def make_even(series):
    """The values in equal steps of time, as a Series without labels: interpolated where the steps differ
    enough to matter. UserError for a step so long that a clock was set there, or nothing measured."""
    if series.at is None:
        return series
    steps = np.diff(series.at)
    window, shortest, longest = steps.sum(), steps.min(), steps.max()
    even = longest <= UNEVEN * shortest * (1 + 1e-9) and longest <= GAP * window * (1 + 1e-9)
    if even or longest <= shortest * (1 + 1e-6):
        return series
    place = int(np.argmax(steps))
    if longest > HALF * window or longest > JUMP * np.median(steps) and longest > GAP * window:
        raise no(
            series,
            f"{duration(longest, series.kind)} pass between {label(series, place)!r} and {label(series, place + 1)!r}, of "
            f"{duration(window, series.kind)} in all: a clock that was set? --from and --to choose a part, --time none takes "
            "the rows as they stand",
        )
    n = len(series.values)
    points = min(max(n, LONGEST), max(n, round(window / np.median(steps)) + 1))
    grid = np.linspace(series.at[0], series.at[-1], points)
    values = np.interp(grid, series.at, series.values)
    for pick in (np.argmax, np.argmin):  # a peak between two points of the grid stays as high as it is
        place = pick(series.values)
        values[np.argmin(np.abs(grid - series.at[place]))] = series.values[place]
    note = (
        f"uneven steps, {duration(shortest, series.kind)} to {duration(longest, series.kind)}: put on an even grid of "
        f"{points} points by interpolation"
    )
    return replace(series, values=values, at=grid, labels=None, notes=[*series.notes, note])


def duration(step, kind):
    """A step of an axis in words: 86400 seconds -> "1 day"."""
    if kind == "number":
        return f"{step:.4g}"
    seconds = step * (365.2425 * 86400 if kind == "year" else 1)
    days = {"year": 365.2425, "month": 30.436875, "day": 1, "hour": 1 / 24, "minute": 1 / 1440}
    for unit, length in days.items():
        if seconds >= 0.98 * length * 86400:
            count = round(seconds / length / 86400, 1)
            return f"{count:g} {unit}{'s' if count != 1 else ''}"
    return f"{seconds:.4g} s"


def split(series, count):
    """A series -> so many parts one after another, each of the same number of rows (but for one)."""
    if count == 1:
        return [series]
    parts = np.array_split(np.arange(len(series.values)), count)
    if min(map(len, parts)) < SHORTEST:
        raise no(series, f"{len(series.values)} values in {count} windows: {SHORTEST} in each are the fewest")
    named = [
        (f"window {k} of {count}: {label(series, part[0])} to {label(series, part[-1])}", part)
        for k, part in enumerate(parts, 1)
    ]
    return [_take(series, part, note) for note, part in named]
