"""A series as it stands in a file -> one that can be described: a part of it, without gaps, in equal
steps of time. Whatever is done is a note; the facts (first, last, ...) come from the rows of the file."""

from dataclasses import replace

import numpy as np

from llm_ts import cli
from llm_ts.series.rows import LONGEST
from llm_ts.table import times

SHORTEST = 8  # values
FILLED, HALF = 0.1, 0.5  # shares of missing values: up to the first interpolated; beyond the second refused
SAME, UNEVEN, GAP = 1.2, 2.0, 0.1  # longest step over shortest: of months, of uneven steps; of the whole
JUMP = 100  # the longest step over the usual one: beyond it a clock was set, or there are two campaigns


def no(series, text):
    return cli.UserError(f"{series.source}: {text}")


def label(series, place):
    """What a row is called: its time or name in the file's words, else its number from 1."""
    return str(range(1, len(series.values) + 1)[place] if series.labels is None else series.labels[place])


def _take(series, places, note):
    """The rows of a series at these places."""
    return replace(
        series,
        values=series.values[places],
        at=None if series.at is None else series.at[places],
        labels=None if series.labels is None else [series.labels[place] for place in places],
        notes=[*series.notes, note],
    )


def choose_window(series, last=None, begin=None, end=None):
    """The part of a series from `begin` to `end` (texts: times, or the numbers or names of rows), and of
    it the last so many rows. UserError where nothing is left."""
    at = np.arange(1, len(series.values) + 1) if series.at is None else series.at
    keep = np.ones(len(at), dtype=bool)
    if begin is not None:
        keep &= at >= _span(series, begin, "--from")[0]
    if end is not None:
        keep &= at < _span(series, end, "--to")[1]
    if not keep.any():
        raise no(series, f"no row lies between --from and --to: it has {label(series, 0)} to {label(series, -1)}")
    places = np.flatnonzero(keep)[-last if last else 0 :]
    return series if len(places) == len(keep) else _take(series, places, f"{len(places)} of {len(keep)} rows chosen")


def _span(series, text, flag):
    """[begin, end) that a text means on a series' axis: 1990 is a whole year, 1990-03 a month."""
    if series.at is None and text in (series.labels or ()):
        return series.labels.index(text) + 1, series.labels.index(text) + 2
    timed = series.at is not None and series.kind != "number"
    try:
        span = times.span_of(text) if timed else (float(text), np.nextafter(float(text), np.inf))
    except ValueError:
        span = None
    if not span:
        what = "a time, as 1990, 1990-03 or 1990-03-31 12:00" if timed else "a number, as the series has"
        raise cli.UserError(f"{flag} {text!r}: give {what}")
    return span


def fill(series):
    """The series without missing values: those at its ends dropped, up to a tenth interpolated, more of
    them dropped; said. UserError where too few are left, or they are of no use."""
    n, name = len(series.values), series.column
    there = np.flatnonzero(~np.isnan(series.values))
    missing = f"{n - len(there)} of {n} are missing"
    if len(there) < SHORTEST:
        why = f" ({missing})" if len(there) < n else ""
        raise no(series, f"{name} has {len(there)} values{why}: {SHORTEST} are the fewest that can be described")
    if len(there) < HALF * n:
        raise no(series, f"{name}: {missing}, more than half: choose a part with --from and --to")
    low, high = series.values[there].min(), series.values[there].max()
    if low == high:
        raise no(series, f"{name} is constant ({low:.12g}): there is nothing to describe")
    with np.errstate(over="ignore"):
        span = high - low
    if not np.isfinite(span):
        raise no(series, f"{name} spans {low:g} to {high:g}, too far for a computer: rescale it")
    if len(there) == n:
        return series
    inside = there[-1] - there[0] + 1 - len(there)
    if inside < n - len(there):
        said = f"{n - len(there) - inside} of {n} values missing at the ends: dropped"
        series, there = _take(series, np.arange(there[0], there[-1] + 1), said), there - there[0]
    said = f"{inside} of {n} values missing"
    if inside > FILLED * n:
        return _take(series, there, f"{said}: {inside} dropped")
    axis = np.arange(len(series.values)) if series.at is None else series.at
    values = np.interp(axis, axis[there], series.values[there])
    return replace(series, values=values, notes=[*series.notes, f"{said}: interpolated"] if inside else series.notes)


def make_even(series):
    """The values in equal steps of time, interpolated where the steps differ enough to matter, said.
    UserError for a step so long that a clock was set there, or nothing was measured."""
    if series.at is None:
        return series
    steps = np.diff(series.at)
    whole, shortest, longest = steps.sum(), steps.min(), steps.max()
    if longest <= SAME * shortest or longest <= min(UNEVEN * shortest, GAP * whole):
        return series
    if longest > HALF * whole or longest > max(JUMP * np.median(steps), GAP * whole):
        place = int(np.argmax(steps))
        raise no(
            series,
            f"{duration(longest, series.kind)} pass between {label(series, place)!r} and "
            f"{label(series, place + 1)!r}, of {duration(whole, series.kind)} in all: a clock that was set? "
            "--from and --to choose a part, --time none takes the rows as they stand",
        )
    n = len(series.values)
    points = min(max(n, LONGEST), max(n, round(whole / np.median(steps)) + 1))
    grid = np.linspace(series.at[0], series.at[-1], points)
    values = np.interp(grid, series.at, series.values)
    for place in (np.argmax(series.values), np.argmin(series.values)):  # peaks stay as high as they are
        values[np.argmin(np.abs(grid - series.at[place]))] = series.values[place]
    note = f"uneven steps, {duration(shortest, series.kind)} to {duration(longest, series.kind)}"
    note += f": put on an even grid of {points} points by interpolation"
    return replace(series, values=values, at=grid, labels=None, notes=[*series.notes, note])


def duration(step, kind):
    """A step of an axis in words: 86400 seconds -> "1 day"."""
    for unit, length in {"year": 365.2425, "month": 30.436875, "day": 1, "hour": 1 / 24}.items():
        if kind != "number" and step >= 0.9 * length * 86400:
            count = round(step / length / 86400, 1)
            return f"{count:g} {unit}{'s' if count != 1 else ''}"
    return f"{step:.4g}" + (" s" if kind != "number" else "")


def split(series, count):
    """A series -> so many parts one after another, each of the same number of rows (but for one)."""
    if count == 1:
        return [series]
    parts = np.array_split(np.arange(len(series.values)), count)
    if min(map(len, parts)) < SHORTEST:
        raise no(series, f"{len(series.values)} values in {count} windows: {SHORTEST} in each are the fewest")
    names = [f"{label(series, part[0])} to {label(series, part[-1])}" for part in parts]
    return [_take(series, part, f"window {k} of {count}: {names[k - 1]}") for k, part in enumerate(parts, 1)]
