"""What is true of a series: the published rule, from its integers 0..99 alone.

Reads: a series in memory. Writes: nothing.
Run: no command of its own; `python ou_process.py --truth` applies a changed rule to an existing data.jsonl.

Limits first. The rule sees the rounded, rescaled integers and never the simulator's parameters: sigma is lost
by the rescaling, so that noise here is roughness relative to the range, as a reader of the picture sees it.
A smooth series of few points has large steps: a full sine period has a noise of 2/n (low from n = 50 on).

Rule, version 1. Let k_0 .. k_{n-1} be the integers, R = max k - min k (99 for a rescaled series).

    trend   rise = n-1 times the slope of the least-squares line through (i, k_i), divided by R
            increasing if rise > 1/3, decreasing if rise < -1/3, else flat
            clear if |rise| is at least 0.08 away from 1/3
    noise   rough = mean |d_i - mean d| over the increments d_i = k_{i+1} - k_i, divided by R
            low if rough < 0.04, medium if rough < 0.12, else high
            clear if rough is at least a factor of 1.15 away from both 0.04 and 0.12
    max     the third (i * 3 // n: beginning, middle, end) of the first i where k_i is greatest; min likewise
            clear if no equal value lies in another third, and the centre of point i (i + 1/2)
            is at least 0.03 n points away from both borders n/3 and 2n/3

The three shapes that the thresholds separate: a straight line has rise 1 and rough 0; white noise has rise near 0
and rough near 0.2; a random walk of 128 points has rough near 0.04 and any rise.
"""

import numpy as np

VERSION = 1
CLAIMS = ("trend", "noise", "max", "min")
NUMBERS = ("rise", "rough", "max_at", "min_at")  # what the labels were read from
TRENDS = ("increasing", "decreasing", "flat")
NOISES = ("low", "medium", "high")
THIRDS = ("beginning", "middle", "end")
LABELS = {"trend": TRENDS, "noise": NOISES, "max": THIRDS, "min": THIRDS}

RISE, RISE_MARGIN = 1 / 3, 0.08
LOW, HIGH, NOISE_FACTOR = 0.04, 0.12, 1.15
BORDER = 0.03


def third(i, n):
    """Index i of n -> its third: third(0, 48) -> "beginning", third(16, 48) -> "middle"."""
    return THIRDS[i * 3 // n]


def rise_of(series):
    """Fitted rise relative to the range, -2..2; 0 for a constant series. series: n >= 2 numbers."""
    k = np.asarray(series, dtype=float)
    span = k.max() - k.min()
    t = np.arange(len(k)) - (len(k) - 1) / 2
    return float((t @ k) / (t @ t) * (len(k) - 1) / span) if span else 0.0


def roughness_of(series):
    """Mean absolute deviation of the increments relative to the range, 0..2; 0 for a constant series."""
    k = np.asarray(series, dtype=float)
    span = k.max() - k.min()
    d = np.diff(k)
    return float(np.abs(d - d.mean()).mean() / span) if span else 0.0


def trend_of(rise):
    return "increasing" if rise > RISE else "decreasing" if rise < -RISE else "flat"


def noise_of(rough):
    return "low" if rough < LOW else "medium" if rough < HIGH else "high"


def _extremum(series, value):
    """(label, clear, index) of the first place where series equals value."""
    n = len(series)
    places = [i for i, k in enumerate(series) if k == value]
    first = places[0]
    one_third = all(third(i, n) == third(first, n) for i in places)
    off_border = all(abs(first + 0.5 - border) >= BORDER * n for border in (n / 3, 2 * n / 3))
    return third(first, n), one_third and off_border, first


def labels_of(series):
    """n >= 2 integers -> {"version", "trend", "noise", "max", "min", "clear": {...}, "numbers": {...}}.

    labels_of([0, 33, 66, 99])["trend"] -> "increasing". Raises ValueError for fewer than 2 points.
    """
    if len(series) < 2:
        raise ValueError("a series needs at least 2 points")
    rise, rough = rise_of(series), roughness_of(series)
    high, high_clear, high_at = _extremum(series, max(series))
    low, low_clear, low_at = _extremum(series, min(series))
    return {
        "version": VERSION,
        "trend": trend_of(rise),
        "noise": noise_of(rough),
        "max": high,
        "min": low,
        "clear": {
            "trend": abs(abs(rise) - RISE) >= RISE_MARGIN,
            "noise": all(not border / NOISE_FACTOR < rough < border * NOISE_FACTOR for border in (LOW, HIGH)),
            "max": high_clear,
            "min": low_clear,
        },
        "numbers": dict(zip(NUMBERS, (round(rise, 6), round(rough, 6), high_at, low_at))),
    }
