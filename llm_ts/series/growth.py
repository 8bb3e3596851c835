"""Growth: a rise or fall that gets steeper, slower, or both in turn (an S), with white noise on it."""

import numpy as np

from llm_ts.series import white

NAME = "growth"
PARAMETERS = ("rate", "centre", *white.PARAMETERS)
UNIFORM = 2 + white.UNIFORM
normals = white.normals


def draw(u, points, dt):
    """A logistic curve: rate per window, 2 to 40; its centre from far before the window (slower) to far behind it (steeper)."""
    return {"rate": 2 * 20 ** u[:, 0], "centre": 2.5 * u[:, 1] - 0.75, **white.draw(u[:, 2:], most=0.25)}


def paths(rate, centre, level, height, spread, dt, noise):
    t = white.times(noise)
    course = 1 / (1 + np.exp(-np.clip(white.column(rate) * (t - white.column(centre)), -500, 500)))
    course = (course - course.min(axis=1, keepdims=True)) / np.ptp(course, axis=1, keepdims=True)
    return white.noisy(course, level, height, spread, noise)
