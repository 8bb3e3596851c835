"""Integrated noise: a curve that bends slowly, as a filtered or twice summed signal, with a little white noise."""

import numpy as np

from llm_ts.series import white

NAME = "smooth"
PARAMETERS = ("memory", *white.PARAMETERS)
UNIFORM = 1 + white.UNIFORM


def normals(points):
    """For each point one for the curve and one for the noise on it."""
    return 2 * points


def draw(u, points, dt):
    """memory: how many points a velocity lasts, 3 to 3 windows."""
    drawn = white.draw(u[:, 1:], most=1)
    drawn["spread"] = 0.25 * drawn["spread"] ** 3  # most have hardly any noise
    return {"memory": 3 * points ** u[:, 0], **drawn}


def paths(memory, level, height, spread, dt, noise):
    shocks, noise = np.split(noise, 2, axis=1)
    velocity = white.autoregression(memory, shocks)
    return white.noisy(velocity.cumsum(axis=1), level, height, spread, noise)
