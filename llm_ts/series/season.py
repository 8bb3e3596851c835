"""A season: a sine of several turns on a straight line, with white noise."""

import numpy as np

from llm_ts.series import white

NAME = "season"
PARAMETERS = ("turns", "phase", "slope", *white.PARAMETERS)
UNIFORM = 3 + white.UNIFORM
normals = white.normals


def course(t, turns, phase):
    """t: times, 0 to 1; turns: over the window; phase: 0 to 1, in turns."""
    return np.sin(2 * np.pi * (turns * t + phase))


def draw(u, points, dt):
    """3 turns to one in 8 points; the line rises or falls by up to 4 amplitudes over the window: all trends, with a season."""
    turns = 3 * max(1, points / 24) ** u[:, 0]
    return {"turns": turns, "phase": u[:, 1], "slope": 8 * u[:, 2] - 4, **white.draw(u[:, 3:], most=0.15)}


def paths(turns, phase, slope, level, height, spread, dt, noise):
    t = white.times(noise)
    both = course(t, white.column(turns), white.column(phase)) + white.column(slope) * t
    return white.noisy(both, level, height, spread, noise)
