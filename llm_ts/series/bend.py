"""A bend: a rise that turns into a fall, or a fall into a rise, each a straight piece, with white noise."""

import numpy as np

from llm_ts.series import white

NAME = "bend"
PARAMETERS = ("at", "ratio", *white.PARAMETERS)
UNIFORM = 2 + white.UNIFORM
normals = white.normals


def course(t, at, ratio):
    """t: times, 0 to 1; at: where it turns, a share of the window; ratio: the second piece's height by the first's."""
    return np.where(t < at, t / at, 1 - ratio * (t - at) / (1 - at))


def draw(u, points, dt):
    """It turns in the inner nine tenths; the second piece is a fifth of the first to five times it: some are no turn."""
    return {"at": 0.05 + 0.9 * u[:, 0], "ratio": 0.2 * 25 ** u[:, 1], **white.draw(u[:, 2:], most=0.25)}


def paths(at, ratio, level, height, spread, dt, noise):
    return white.noisy(course(white.times(noise), white.column(at), white.column(ratio)), level, height, spread, noise)
