"""A ramp: a straight line, with white noise on it."""

from llm_ts.series import white

NAME = "ramp"
PARAMETERS = white.PARAMETERS
UNIFORM = white.UNIFORM
normals = white.normals


def course(t):
    """t: times, 0 to 1."""
    return t


def draw(u, points, dt):
    return white.draw(u, most=0.2)


def paths(level, height, spread, dt, noise):
    return white.noisy(course(white.times(noise)), level, height, spread, noise)
