"""Bursts: noise with a random size (stochastic volatility), about a level, or summed up as prices are."""

import numpy as np

from llm_ts.series import white

NAME = "bursts"
PARAMETERS = ("memory", "depth", "summed", "level", "height")
UNIFORM = 6


def normals(points):
    """For each point one for the logarithm of the noise's size and one for the noise."""
    return 2 * points


def draw(u, points, dt):
    """memory: of the size, in points; depth: the deviation of its logarithm, 0.3 to 1.5; summed: 1 for the half that is."""
    summed = (u[:, 2] < 0.5).astype(float)
    memory = 3 * (points / 6) ** u[:, 0]
    return {"memory": memory, "depth": 0.3 + 1.2 * u[:, 1], "summed": summed, **white.scale(u[:, 3:])}


def paths(memory, depth, summed, level, height, dt, noise):
    shocks, noise = np.split(noise, 2, axis=1)
    log = white.autoregression(memory, shocks)
    x = np.exp(white.column(depth) * log) * noise
    x = np.where(white.column(summed) > 0, x.cumsum(axis=1), x)
    return white.column(level) + white.column(height) * x / np.ptp(x, axis=1, keepdims=True)
