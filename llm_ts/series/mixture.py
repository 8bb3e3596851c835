"""A mixture: the sum of two other processes, neither of which hides the other."""

import numpy as np

from llm_ts.series import bursts, growth, ou, ramp, season, seasons, shifts, smooth, spikes, step, walk, white

NAME = "mixture"
# in this order for ever: `first` and `second` count in it
PARTS = (ou, ramp, step, season, walk, shifts, smooth, growth, seasons, spikes, bursts)
MOST = max(part.UNIFORM for part in PARTS)
NUMBERS = max(len(part.PARAMETERS) for part in PARTS)
PARAMETERS = ("first", "second", "weight", *(f"{which}_{k}" for which in ("first", "second") for k in range(NUMBERS)))
UNIFORM = 3 + 2 * MOST


def normals(points):
    return 2 * max(part.normals(points) for part in PARTS)


def draw(u, points, dt):
    """first, second: numbers of two PARTS, and their parameters in order; weight: of the first one's range, 0.15 to 0.85."""
    first = (u[:, 0] * len(PARTS)).astype(int)
    second = (first + 1 + (u[:, 1] * (len(PARTS) - 1)).astype(int)) % len(PARTS)
    drawn = {"first": first.astype(float), "second": second.astype(float), "weight": 0.15 + 0.7 * u[:, 2]}
    for which, chosen, own in (("first", first, u[:, 3 : 3 + MOST]), ("second", second, u[:, 3 + MOST :])):
        table = np.zeros((len(u), NUMBERS))
        for number, part in enumerate(PARTS):
            values = part.draw(own[:, : part.UNIFORM], points, dt)
            for k, name in enumerate(part.PARAMETERS):
                table[:, k] = np.where(chosen == number, values[name], table[:, k])
        drawn.update({f"{which}_{k}": table[:, k] for k in range(NUMBERS)})
    return {name: drawn[name] for name in PARAMETERS}


def paths(first, second, weight, dt, noise, **numbers):
    half, points = noise.shape[1] // 2, _points(noise.shape[1] // 2)
    weight = white.column(weight)
    total = np.zeros((len(noise), points))
    for which, chosen, own, share in (("first", first, noise[:, :half], weight), ("second", second, noise[:, half:], 1 - weight)):
        for number, part in enumerate(PARTS):
            mine = np.flatnonzero(np.asarray(chosen) == number)
            if len(mine):
                values = {name: np.asarray(numbers[f"{which}_{k}"])[mine] for k, name in enumerate(part.PARAMETERS)}
                path = part.paths(**values, dt=dt, noise=own[mine, : part.normals(points)])
                total[mine] += share[mine] * (path - path.min(axis=1, keepdims=True)) / np.ptp(path, axis=1, keepdims=True)
    return total


def _points(most):
    """The inverse of max(part.normals(points)): shifts needs 3 for each point, more than any other."""
    return most // 3
