"""Seasons as months and hours have them: a sharp wave (three harmonics), growing or not, on a bent line, with white noise."""

import numpy as np

from llm_ts.series import white

NAME = "seasons"
PARAMETERS = ("turns", "phase", "second", "third", "slope", "bend", "growth", *white.PARAMETERS)
UNIFORM = 7 + white.UNIFORM
normals = white.normals


def draw(u, points, dt):
    """1.5 turns to one in 4 points; second, third: amplitudes of the harmonics; slope, bend: in amplitudes over the window."""
    drawn = white.draw(u[:, 7:], most=1)
    drawn["spread"] = 0.35 * drawn["spread"] ** 2
    return {
        "turns": 1.5 * (points / 6) ** u[:, 0],
        "phase": u[:, 1],
        "second": 0.8 * u[:, 2] ** 2,
        "third": 0.5 * u[:, 3] ** 2,
        "slope": 12 * (2 * u[:, 4] - 1) * u[:, 4],
        "bend": 8 * (2 * u[:, 5] - 1) ** 3,
        "growth": np.where(u[:, 6] < 0.5, 4 * u[:, 6] - 1, 0.0),
        **drawn,
    }


def paths(turns, phase, second, third, slope, bend, growth, level, height, spread, dt, noise):
    t = white.times(noise)
    angle = 2 * np.pi * (white.column(turns) * t + white.column(phase))
    wave = np.sin(angle) + white.column(second) * np.sin(2 * angle + 1) + white.column(third) * np.sin(3 * angle + 2)
    line = white.column(slope) * t + white.column(bend) * (t - 0.5) ** 2 * 4
    return white.noisy(np.exp(white.column(growth) * t) * wave + line, level, height, spread, noise)
