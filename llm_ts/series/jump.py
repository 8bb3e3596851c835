"""A jump: a fall that slows down, within the first points or over all of the window, with a little white noise on it."""

import numpy as np

from llm_ts.series import white

NAME = "jump"
PARAMETERS = ("folds", *white.PARAMETERS)
UNIFORM = 1 + white.UNIFORM
normals = white.normals


def course(t, folds):
    """t: times, 0 to 1; folds: e-foldings over the window, 3 to 300."""
    return np.exp(-t * folds)


def draw(u, points, dt):
    return {"folds": 10 ** (0.5 + 2 * u[:, 0]), **white.draw(u[:, 1:], most=0.02)}


def paths(folds, level, height, spread, dt, noise):
    return white.noisy(course(white.times(noise), white.column(folds)), level, height, spread, noise)
