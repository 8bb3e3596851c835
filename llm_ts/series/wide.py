"""Ornstein-Uhlenbeck series far beyond ou.py's parameters: falls within a few points, starts near or very far off."""

import numpy as np

from llm_ts.series import ou

NAME = "wide"
PARAMETERS = ou.PARAMETERS
UNIFORM = 5
normals = ou.normals
paths = ou.paths


def draw(u, points, dt):
    """0.05 to n e-foldings over the window; starts from 0 to 300 stationary deviations off."""
    turns = 0.05 * (20 * points) ** u[:, 0]
    start = np.where(u[:, 1] < 0.5, -1, 1) * np.expm1(u[:, 2] ** 2 * np.log(301))
    deviation = 0.1 * 1000 ** u[:, 3]
    theta, mu = turns / (points * dt), 200 * u[:, 4] - 100
    return {"theta": theta, "mu": mu, "sigma": deviation * np.sqrt(2 * theta), "x0": mu + start * deviation}
