"""An autoregressive moving average, ARMA(2, 1), on a straight line: memory, with or without an oscillation.

x_t = 2 r cos(w) x_{t-1} - r^2 x_{t-2} + e_t + b e_{t-1}, with poles of radius r and angle w (Box and Jenkins 1970).
"""

import numpy as np

from llm_ts.series import white

NAME = "arma"
PARAMETERS = ("radius", "angle", "average", "slope", "level", "height")
UNIFORM = 7
WARM = 64  # steps that are thrown away: the first points remember no beginning


def normals(points):
    return points + WARM


def draw(u, points, dt):
    """Radius up to 0.98; half of the angles are 0 (no swing); slope: deviations over the window, of a third of the series."""
    angle = np.where(u[:, 1] < 0.5, 0.0, np.pi * (2 * u[:, 1] - 1) ** 2)
    slope = np.where(u[:, 3] < 1 / 3, 12 * (3 * u[:, 3]) - 6, 0.0)
    scale = white.scale(u[:, 4:])
    return {"radius": 0.98 * u[:, 0] ** 0.5, "angle": angle, "average": 1.8 * u[:, 2] - 0.9, "slope": slope, **scale}


def paths(radius, angle, average, slope, level, height, dt, noise):
    radius, angle = np.asarray(radius, dtype=float), np.asarray(angle, dtype=float)
    one, two = 2 * radius * np.cos(angle), -(radius**2)
    shocks = noise.T.copy()
    shocks[1:] += np.asarray(average, dtype=float) * noise.T[:-1]
    x = np.zeros_like(shocks)
    for t in range(len(x)):
        x[t] = shocks[t] + (one * x[t - 1] if t else 0) + (two * x[t - 2] if t > 1 else 0)
    x = np.ascontiguousarray(x[WARM:].T)  # or the sums below would depend on how many series are made together
    x = x / x.std(axis=1, keepdims=True)
    return white.column(level) + white.column(height) * (x + white.column(slope) * white.times(x))
