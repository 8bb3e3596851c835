"""A series of a file -> one that can be described: a part of it, without gaps, in equal steps.

Each change is a note. The facts (first, last, lowest, highest) come from the rows of the file.
"""

from dataclasses import replace

import numpy as np

from llm_ts.base import cli
from llm_ts.series.rows import LONGEST
from llm_ts.table import times

SHORTEST = 8  # values
FILLED, HALF = 0.1, 0.5  # shares of missing values: interpolated up to, refused beyond
SAME, UNEVEN, GAP = 1.2, 2.0, 0.1  # longest step over shortest: months, uneven ones; over the whole
JUMP = 100  # the longest step over the usual one: a clock was set there, or there are two campaigns


def error(series, text):
    return cli.UserError(f"{series.source}: {text}")


def label(series, place):
    """What a row is called: its time or name in the file's words, else its number from 1."""
    numbers = range(1, len(series.values) + 1)
    return str((numbers if series.labels is None else series.labels)[place])


def _take(series, places, note):
    """The rows of a series at these places."""
    at = None if series.at is None else series.at[places]
    labels = None if series.labels is None else [series.labels[place] for place in places]
    notes = [*series.notes, note]
    return replace(series, values=series.values[places], at=at, labels=labels, notes=notes)


def choose_window(series, last=None, begin=None, end=None):
    """The part of a series from `begin` to `end` (texts: times, or numbers or names of rows), and of it
    the last so many rows. UserError if nothing is left."""
    at = np.arange(1, len(series.values) + 1) if series.at is None else series.at
    keep = np.ones(len(at), dtype=bool)
    if begin is not None:
        keep &= at >= _span(series, begin, "--from")[0]
    if end is not None:
        keep &= at < _span(series, end, "--to")[1]
    if not keep.any():
        ends = f"{label(series, 0)} to {label(series, -1)}"
        raise error(series, f"no row lies between --from and --to: it has {ends}")
    places = np.flatnonzero(keep)[-last if last else 0 :]
    said = f"{len(places)} of {len(keep)} rows chosen"
    return series if len(places) == len(keep) else _take(series, places, said)


def _span(series, text, flag):
    """[begin, end) that a text means on a series' axis: 1990 is a whole year, 1990-03 a month."""
    if series.at is None and text in (series.labels or ()):
        return series.labels.index(text) + 1, series.labels.index(text) + 2
    timed = series.at is not None and series.kind != "number"
    try:
        return times.span_of(text) if timed else (float(text), np.nextafter(float(text), np.inf))
    except ValueError:
        what = "a time, as 1990, 1990-03 or 1990-03-31 12:00" if timed else "a number of the axis"
        raise cli.UserError(f"{flag} {text!r}: give {what}") from None


def fill(series):
    """The series without missing values: dropped at the ends; inside interpolated if few, else dropped.
    UserError if too few values are left, or if they are constant or too far apart."""
    n, name, there = len(series.values), series.column, np.flatnonzero(~np.isnan(series.values))
    if len(there) < max(SHORTEST, HALF * n):
        few = f"{name} has {len(there)} of {n} values"
        raise error(series, f"{few}: at least {SHORTEST} and half of all are needed")
    low, high = series.values[there].min(), series.values[there].max()
    if low == high:
        raise error(series, f"{name} is constant ({low:.12g}): there is nothing to describe")
    with np.errstate(over="ignore"):
        span = high - low
    if not np.isfinite(span):
        raise error(series, f"{name} spans {low:g} to {high:g}, too far for a computer: rescale it")
    whole = np.arange(there[0], there[-1] + 1)
    ends, inside = n - len(whole), len(whole) - len(there)
    if len(there) < n and series.labels is None:  # the numbers that the file's rows have
        series = replace(series, labels=[f"point {row}" for row in range(1, n + 1)])
    if ends:
        series = _take(series, whole, f"{ends} of {n} values missing: dropped at the ends")
        there = there - there[0]
    if inside > FILLED * n:
        return _take(series, there, f"{inside} of {n} values missing: dropped")
    axis = np.arange(len(series.values)) if series.at is None else series.at
    values = np.interp(axis, axis[there], series.values[there])
    notes = [f"{inside} of {n} values missing: interpolated"] if inside else []
    return replace(series, values=values, notes=series.notes + notes)


def make_even(series):
    """The values in equal steps of time; if the steps differ enough to matter, interpolated, with a note.
    UserError if a step is so long that a clock was set there, or nothing was measured."""
    steps = np.diff(series.at) if series.at is not None else np.ones(1)
    whole, shortest, longest = steps.sum(), steps.min(), steps.max()
    if longest <= SAME * shortest or longest <= min(UNEVEN * shortest, GAP * whole):
        return series
    long, short, all_ = (duration(step, series.kind) for step in (longest, shortest, whole))
    if longest > HALF * whole or longest > max(JUMP * np.median(steps), GAP * whole):
        place = int(np.argmax(steps))
        where = f"between {label(series, place)!r} and {label(series, place + 1)!r}"
        why = f"{long} pass {where}, of {all_} in all: a clock that was set?"
        raise error(series, f"{why} --from and --to choose a part, --time none takes all as they stand")
    n = len(series.values)
    points = min(max(n, LONGEST), max(n, round(whole / np.median(steps)) + 1))
    grid = np.linspace(series.at[0], series.at[-1], points)
    values = np.interp(grid, series.at, series.values)
    for place in (np.argmax(series.values), np.argmin(series.values)):  # these stay as they are
        values[np.argmin(np.abs(grid - series.at[place]))] = series.values[place]
    nearest = [int(np.argmin(np.abs(series.at - at))) for at in grid]
    labels = series.labels and [series.labels[place] for place in nearest]
    note = f"uneven steps, {short} to {long}: put on an even grid of {points} points by interpolation"
    return replace(series, values=values, at=grid, labels=labels, notes=[*series.notes, note])


def duration(step, kind):
    """A step of an axis in words: 86400 seconds -> "1 day"."""
    for unit, length in {"year": 365.2425, "month": 30.436875, "day": 1, "hour": 1 / 24}.items():
        if kind != "number" and step >= 0.9 * length * 86400:
            count = round(step / length / 86400, 1)
            return f"{count:g} {unit}{'s' if count != 1 else ''}"
    return f"{step:.4g}" + (" s" if kind != "number" else "")


def split(series, count):
    """A series -> so many parts one after another, each of the same number of rows (but for one)."""
    n, out = len(series.values), []
    if count > 1 and n // count < SHORTEST:
        raise error(series, f"{n} values in {count} windows: each needs at least {SHORTEST}")
    for number, part in enumerate(np.array_split(np.arange(n), count), 1):
        ends = f"{label(series, part[0])} to {label(series, part[-1])}"
        out.append(_take(series, part, f"window {number} of {count}: {ends}"))
    return out if count > 1 else [series]
