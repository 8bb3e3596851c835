"""A step: one level, then another, with white noise on them."""

from llm_ts.series import white

NAME = "step"
PARAMETERS = ("at", *white.PARAMETERS)
UNIFORM = 1 + white.UNIFORM
normals = white.normals


def course(t, at):
    """t: times, 0 to 1; at: when the step comes, 0.1 to 0.9."""
    return (t > at).astype(float)


def draw(u, points, dt):
    return {"at": 0.1 + 0.8 * u[:, 0], **white.draw(u[:, 1:], most=0.2)}


def paths(at, level, height, spread, dt, noise):
    return white.noisy(course(white.times(noise), white.column(at)), level, height, spread, noise)
