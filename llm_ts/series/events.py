"""Events: a course of one or two straight pieces, a season, a jump and a spike, each of them there or not, in noise.

All combinations and sizes come, those near the thresholds of the rules too.
"""

import numpy as np

from llm_ts.series import season, white

NAME = "events"
PARTS = ("rise", "bend", "swing", "jump", "spike")  # sizes, in one unit; 0: not there
PLACES = ("bend_at", "jump_at", "spike_at")  # shares of the window
PARAMETERS = (*PARTS, *PLACES, "turns", "phase", "memory", "noise_size", *white.PARAMETERS[:2])
UNIFORM = len(PARTS) + len(PLACES) + 4 + 3
THERE = {"rise": 0.7, "bend": 0.4, "swing": 0.4, "jump": 0.4, "spike": 0.4}  # shares of the series
LONGEST_SPIKE = 2  # points


def normals(points):
    return points


def _size(u, share):
    """Uniform numbers -> sizes: 0 but for a share, else 0.2 to 2 up or down, log-uniformly."""
    inner = np.clip((u - (1 - share)) / share, 0, 1)
    way = np.where(inner < 0.5, -1, 1)
    return np.where(u < 1 - share, 0.0, way * 0.2 * 10 ** (2 * inner % 1))


def draw(u, points, dt):
    """turns: 2 to one in 6 points; memory of the noise: none in half of the series, up to 8 points; noise: 0.003 to 0.3."""
    sizes = {name: _size(u[:, k], THERE[name]) for k, name in enumerate(PARTS)}
    places = {name: 0.05 + 0.9 * u[:, len(PARTS) + k] for k, name in enumerate(PLACES)}
    turns, phase, memory, noise = u[:, len(PARTS) + len(PLACES) :].T[:4]
    return {
        **sizes,
        **places,
        "turns": 2 * max(1, points / 12) ** turns,
        "phase": phase,
        "memory": np.where(memory < 0.5, 0.0, 8 ** (2 * memory - 1)),
        "noise_size": 0.003 * 100**noise,
        **white.scale(u[:, -3:]),
    }


def paths(
    rise,
    bend,
    swing,
    jump,
    spike,
    bend_at,
    jump_at,
    spike_at,
    turns,
    phase,
    memory,
    noise_size,
    level,
    height,
    dt,
    noise,
):
    t, column = white.times(noise), white.column
    course = column(rise) * t + column(bend) * 2 * np.maximum(0, t - column(bend_at))
    course = course + column(swing) / 2 * season.course(t, column(turns), column(phase))
    course = course + column(jump) * (t > column(jump_at))
    beyond = (t - column(spike_at)) * (noise.shape[1] - 1)  # points from the spike
    width = 1 + (column(spike_at) * 1e4 % LONGEST_SPIKE).astype(int)
    course = course + column(spike) * ((beyond >= 0) & (beyond < width))
    rough = np.where(column(memory) > 0, white.autoregression(np.maximum(memory, 0.1), noise), noise)
    return column(level) + column(height) * (course + column(noise_size) * rough)
