"""A series as it stands in a file -> one that can be described: in the order of time, without gaps, in equal steps.

Whatever is done to it is a note. The facts (first, last, lowest, highest) come from the rows, never from what was put between.
"""

import re
from dataclasses import replace

import numpy as np

from llm_ts import cli
from llm_ts.series.rows import LONGEST
from llm_ts.series.user import time_shapes, times

SHORTEST = 8  # values
FILLED = 0.1  # share of missing values, at most, that are interpolated; beyond it they are dropped
HALF = 0.5  # share beyond which nothing is described
GAP = 0.1  # of the window: a step as long as that matters
UNEVEN = 2.0  # the longest step over the shortest: beyond it the steps are uneven


def put_in_order(series, sort=False):
    """The same series with rising times: turned round where they fall, sorted where they are mixed; said.

    Plain numbers that go back and forth may be no times at all: UserError, unless the user named them (sort).
    """
    if series.at is None:
        return series
    steps = np.diff(series.at)
    if (steps > 0).all():
        return series
    if (steps < 0).all():
        order, note = np.arange(len(series.at))[::-1], "the times fall (newest first): turned round"
    elif series.kind == "number" and not sort:
        raise cli.UserError(
            f"{series.source}: its times go back and forth, at {label(series, int(np.argmax(steps < 0)) + 1)} first: name their "
            "column with --time, and the rows are sorted by it; or --time none takes the rows as they stand"
        )
    else:
        order, note = np.argsort(series.at, kind="stable"), "the times go back and forth: sorted"
    return _take(series, order, note)


def _take(series, order, note=None):
    """The rows of a series at these places."""
    return replace(
        series,
        values=series.values[order],
        at=None if series.at is None else series.at[order],
        labels=None if series.labels is None else series.labels.iloc[order],
        notes=[*series.notes, *([note] if note else [])],
    )


def choose_window(series, last=None, begin=None, end=None):
    """The part of a series from `begin` to `end` (texts: times as in the file, shorter ones too, or row numbers from 1), and
    of it the last so many rows. UserError where nothing is left."""
    keep = np.ones(len(series.values), dtype=bool)
    for text, flag in ((begin, "--from"), (end, "--to")):
        if text is not None:
            low, high = _bounds(series, text, flag)
            at = np.arange(1, len(keep) + 1) if series.at is None else series.at + series.start
            keep &= at >= low if flag == "--from" else at < high
    if not keep.any():
        raise cli.UserError(
            f"{series.source}: no row lies between --from and --to: it has {label(series, 0)} to {label(series, -1)}"
        )
    places = np.flatnonzero(keep)
    places = places[-last:] if last else places
    return series if len(places) == len(keep) else _take(series, places, f"{len(places)} of {len(keep)} rows chosen")


def _bounds(series, text, flag):
    """[from, to) that a text means on a series' axis: 1990 is a whole year, 1990-03 a month."""
    if series.at is None or series.kind == "number":
        if series.labels is not None and series.at is None:
            places = np.flatnonzero((series.labels == text).to_numpy(dtype=bool))
            if len(places):
                return places[0] + 1, places[-1] + 2
        try:
            return float(text), np.nextafter(float(text), np.inf)
        except ValueError:
            pass
        if series.at is None or not re.search(":", text):
            raise cli.UserError(
                f"{flag} {text!r}: give {'the number of a row' if series.at is None else 'a number'}, as the series has"
            )
        return times.clock_of(text), np.nextafter(times.clock_of(text), np.inf)
    shape = time_shapes.shape_of([text] * 3)
    step = {"year": 1.0, "span": 1.0, "half": 0.5, "quarter": 0.25}.get(shape, 1 / 12 if shape in time_shapes.YEARLY else None)
    at = times.time_of(shape, text) if shape and shape != "numeric" else np.nan
    if np.isnan(at):
        raise cli.UserError(f"{flag} {text!r} is no time that can be read: write 1990, 1990-03, 1990-03-31 or 1990-03-31 12:00")
    if step and series.kind == "year":
        return at - 1e-6, at + step - 1e-6
    if step:
        return _of_year(at), _of_year(at + step)
    if series.kind == "year":
        raise cli.UserError(f"{flag} {text!r}: the series has no days: write 1990, or 1990-03")
    return at, at + (7 * 86400 if shape == "week" else 86400 if ":" not in text else 1e-3)


def _of_year(year):
    """1990.25 -> the second at which April 1990 begins."""
    whole, month = divmod(round(year * 12), 12)
    return times.seconds_of(int(whole), int(month) + 1, 1)


def label(series, place):
    """What a row is called: its time or name in the file's words, else its number from 1."""
    if series.labels is None:
        return str(np.arange(1, len(series.values) + 1)[place])
    return str(series.labels.iloc[place])


def fill(series, windowed=False):
    """The series without missing values: those at its ends dropped, up to a tenth interpolated, more of them dropped; said.

    windowed: whether the user chose the rows. UserError where too few are left, or they are of no use.
    """
    n = len(series.values)
    there = np.flatnonzero(~np.isnan(series.values))
    if len(there) < SHORTEST:
        missing = f" ({n - len(there)} of {n} are missing)" if len(there) < n else ""
        raise cli.UserError(
            f"{series.source}: {series.column} has {len(there)} values{missing}: {SHORTEST} are the fewest that can be described"
        )
    if len(there) < n:
        series = _without_missing(series, n, there)
    low, high = series.values.min(), series.values.max()
    if low == high:
        raise cli.UserError(
            f"{series.source}: {series.column} is constant ({series.zero + low:.12g}): there is nothing to describe"
        )
    with np.errstate(over="ignore"):
        span = high - low
    if not np.isfinite(span):
        raise cli.UserError(f"{series.source}: {series.column} spans {low:g} to {high:g}, too far for a computer: rescale it")
    if series.at is None and not windowed and _is_total(series.values):
        raise cli.UserError(
            f"{series.source}: the last value of {series.column}, {series.values[-1]:.12g}, is the sum of the others: "
            f"--to {len(series.values) - 1} leaves it out, --to {len(series.values)} keeps it"
        )
    return series


def _is_total(values):
    """Whether the last of some positive values is the sum of the others."""
    return (
        len(values) > SHORTEST
        and bool((values >= 0).all())
        and bool(np.isclose(values[-1], values[:-1].sum(), rtol=1e-9, atol=0))
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
        raise cli.UserError(f"{series.source}: {series.column}: {said}, more than half: choose a part with --from and --to")
    if inside > FILLED * n:
        more = "" if series.at is not None else ", as if the others followed one another"
        return _take(series, there, f"{said}: {inside} dropped{more}")
    axis = np.arange(len(series.values)) if series.at is None else series.at
    values = np.interp(axis, axis[there], series.values[there])
    return replace(series, values=values, notes=[*series.notes, f"{said}: interpolated"])


def make_even(series):
    """The values in equal steps of time, as a Series without labels: interpolated where the steps differ enough to matter."""
    if series.at is None:
        return series
    steps = np.diff(series.at)
    window, shortest, longest = steps.sum(), steps.min(), steps.max()
    if longest <= UNEVEN * shortest * (1 + 1e-9) and longest <= GAP * window * (1 + 1e-9) or longest <= shortest * (1 + 1e-6):
        return series
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
    for unit, length in (
        ("year", 365.2425 * 86400),
        ("month", 30.436875 * 86400),
        ("day", 86400),
        ("hour", 3600),
        ("minute", 60),
    ):
        if seconds >= 0.98 * length:
            return f"{round(seconds / length, 1):g} {unit}{'s' if round(seconds / length, 1) != 1 else ''}"
    return f"{seconds:.4g} s"


def split(series, count):
    """A series -> so many parts one after another, each of the same number of rows (but for one)."""
    if count == 1:
        return [series]
    parts = np.array_split(np.arange(len(series.values)), count)
    if min(map(len, parts)) < SHORTEST:
        raise cli.UserError(f"{series.source}: {len(series.values)} values in {count} windows: {SHORTEST} in each are the fewest")
    named = [
        (f"window {k} of {count}: {label(series, part[0])} to {label(series, part[-1])}", part) for k, part in enumerate(parts, 1)
    ]
    return [_take(series, part, note) for note, part in named]
