"""Level shifts: plateaus whose level changes now and then, with white noise on them or none."""

import numpy as np

from llm_ts.series import white

NAME = "shifts"
PARAMETERS = ("rate", "back", *white.PARAMETERS)
UNIFORM = 2 + white.UNIFORM


def normals(points):
    """For each point one for whether a shift comes, one for its size, one for the noise."""
    return 3 * points


def draw(u, points, dt):
    """rate: of shifts per point, 1 to 20 over the window; back: how much of the level before is forgotten at a shift, 0 to 1."""
    drawn = white.draw(u[:, 2:], most=0.3)
    drawn["spread"] = np.where(drawn["spread"] < 0.1, 0, drawn["spread"] - 0.1)  # a third are plateaus without noise
    return {"rate": 20 ** u[:, 0] / points, "back": u[:, 1], **drawn}


def paths(rate, back, level, height, spread, dt, noise):
    when, size, noise = np.split(noise, 3, axis=1)
    quantile = np.argsort(np.argsort(when, axis=1), axis=1) / when.shape[1]  # of a point among all: rate n of them shift
    shifts = (quantile < white.column(rate)) & (np.arange(when.shape[1]) > 0)
    course = np.empty_like(when)
    course[:, 0] = size[:, 0]
    for t in range(1, course.shape[1]):
        course[:, t] = np.where(shifts[:, t], (1 - np.asarray(back)) * course[:, t - 1] + size[:, t], course[:, t - 1])
    return white.noisy(course, level, height, spread, noise)
