"""Intermittent counts: whole numbers from zero upwards, mostly zero or hardly ever, as sales and events are."""

import numpy as np

from llm_ts.series import white

NAME = "counts"
PARAMETERS = ("mean", "change", "swing", "turns")
UNIFORM = 4


def normals(points):
    """One for each point; its quantile is a Poisson number."""
    return points


def draw(u, points, dt):
    """mean: of the counts, 0.1 to 300; change: of its logarithm over the window; swing: of a season in it, and its turns."""
    change = np.where(u[:, 1] < 0.5, 8 * u[:, 1] - 2, 0.0)
    swing = np.where(u[:, 2] < 0.5, 3 * u[:, 2], 0.0)
    return {"mean": 0.1 * 3000 ** u[:, 0], "change": change, "swing": swing, "turns": 1 + (points / 8 - 1) * u[:, 3] ** 2}


def paths(mean, change, swing, turns, dt, noise):
    t = white.times(noise)
    log = white.column(change) * (t - 0.5) + white.column(swing) * np.sin(2 * np.pi * white.column(turns) * t)
    rate = white.column(mean) * np.exp(log)
    # Anscombe 1948, Biometrika 35, 246: 2 sqrt(count + 3/8) is nearly normal, with deviation 1
    return np.maximum(0, np.rint(((2 * np.sqrt(rate + 3 / 8) + noise) / 2).clip(0) ** 2 - 3 / 8))
