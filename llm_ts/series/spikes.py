"""Spikes: heavy-tailed noise with few points far out, on a level or a straight line."""

import numpy as np

from llm_ts.series import white

NAME = "spikes"
PARAMETERS = ("power", "sided", "slope", "level", "height")
UNIFORM = 6
normals = white.normals


def draw(u, points, dt):
    """power: the noise is a normal number to this power, 1.5 to 6; a third are one-sided; slope: up to 1 range in the window."""
    slope = np.where(u[:, 2] < 0.5, 4 * u[:, 2] - 1, 0.0)
    sided = (u[:, 1] < 1 / 3).astype(float)
    return {"power": 1.5 * 4 ** u[:, 0], "sided": sided, "slope": slope, **white.scale(u[:, 3:])}


def paths(power, sided, slope, level, height, dt, noise):
    size = np.abs(noise) ** white.column(power)
    x = np.where(white.column(sided) > 0, 1, np.sign(noise)) * size
    x = x / np.ptp(x, axis=1, keepdims=True)
    return white.column(level) + white.column(height) * (x + white.column(slope) * white.times(x))
