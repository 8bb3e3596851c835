"""Means of shares with their 95 % Wilson intervals, as every evaluation file holds them."""

import math

Z95 = 1.959963984540054


def wilson(mean, n):
    """95 % Wilson score interval (Wilson 1927) of a mean of n values in 0..1 -> (low, high); (0, 1) for n = 0.

    Exact in its assumptions for right/wrong values; for scores between 0 and 1 it is wider than needed, since
    their variance is at most mean (1 - mean).
    """
    if n == 0:
        return 0.0, 1.0
    z2 = Z95 * Z95
    centre = (mean + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(mean * (1 - mean) / n + z2 / (4 * n * n))
    return max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half))


def mean_of(values):
    """Values in 0..1 -> {"mean", "low", "high", "n"}, the interval being Wilson's."""
    values = [float(value) for value in values]
    mean = min(1.0, max(0.0, math.fsum(values) / len(values))) if values else 0.0
    low, high = wilson(mean, len(values))
    return {"mean": round(mean, 4), "low": round(low, 4), "high": round(high, 4), "n": len(values)}


def percent(m):
    """{"mean": 0.85, "low": 0.73, "high": 0.93, ...} -> "85 [73, 93]"."""
    return f"{100 * m['mean']:.0f} [{100 * m['low']:.0f}, {100 * m['high']:.0f}]"
