"""Shared by processes: a course at some level and height with white noise, scales, and memory."""

import numpy as np

PARAMETERS = ("level", "height", "spread")
UNIFORM = 4


def normals(points):
    """Standard normal numbers behind a path of so many points: one for each point."""
    return points


def scale(u):
    """Uniform numbers (S, 3) -> level and height, in the unit of x."""
    return {"level": 200 * u[:, 2] - 100, "height": np.where(u[:, 0] < 0.5, -1, 1) * 0.1 * 1000 ** u[:, 1]}


def draw(u, most):
    """Uniform numbers (S, 4) -> level and height, in the unit of x, and spread: of the noise, 0 to `most` of the range."""
    return {**scale(u), "spread": most * u[:, 3]}


def times(noise):
    """The times of a path, 0 to 1, as a row: shape (1, n). noise: shape (S, n)."""
    return np.linspace(0, 1, noise.shape[1])[None]


def column(values):
    """Parameters of shape (S,), or one number, as a column: shape (S, 1)."""
    return np.asarray(values, dtype=float).reshape(-1, 1)


def autoregression(memory, shocks):
    """x_t = k x_{t-1} + sqrt(1 - k^2) e_t with k = exp(-1 / memory), memory in points; shocks e, and x: shape (S, n)."""
    kept = np.exp(-1 / np.asarray(memory, dtype=float))
    x = np.empty_like(shocks)
    x[:, 0] = shocks[:, 0]
    for t in range(1, shocks.shape[1]):
        x[:, t] = kept * x[:, t - 1] + np.sqrt(1 - kept**2) * shocks[:, t]
    return x


def noisy(course, level, height, spread, noise):
    """level + height * (course + white noise of `spread` times the course's range); course, noise: shape (S, n)."""
    course = np.broadcast_to(course, noise.shape)
    size = column(spread) * np.ptp(course, axis=1, keepdims=True)
    return column(level) + column(height) * (course + size * noise)
