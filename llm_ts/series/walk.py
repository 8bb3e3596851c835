"""A random walk with a drift, as prices and counters have it."""

import numpy as np

from llm_ts.series import white

NAME = "walk"
PARAMETERS = ("drift", "size")
UNIFORM = 2


def normals(points):
    """One for each step."""
    return points - 1


def draw(u, points, dt):
    """drift: of all steps together, within 3 times what chance does to them; size: of a step, in the unit of x."""
    return {"drift": (6 * u[:, 0] - 3) / np.sqrt(points), "size": 0.1 * 1000 ** u[:, 1]}


def paths(drift, size, dt, noise):
    steps = white.column(size) * (white.column(drift) + noise)
    return np.concatenate([np.zeros((len(noise), 1)), steps.cumsum(axis=1)], axis=1)
