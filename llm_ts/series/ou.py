"""The Ornstein-Uhlenbeck process, simulated with its exact transition; the equation stands at the head of ou_process.py."""

import numpy as np

NAME = "ou"
PARAMETERS = ("theta", "mu", "sigma", "x0")
UNIFORM = 6  # uniform numbers that the parameters of a series are drawn from
RELAXING = 0.55  # share of series that start far from mu and relax; the rest start near it and fluctuate


def normals(points):
    """Standard normal numbers behind a path of so many points: one for each step."""
    return points - 1


def draw(u, points, dt):
    """Uniform numbers (S, 6) -> the parameters, each of shape (S,).

    They are drawn without unit and then scaled. Some 55 % of the series start 2 to 60 stationary deviations from mu
    and relax by 0.3 to 8 e-foldings over the window: low noise, and trends both ways. The rest starts within 1.4
    deviations of mu and turns over 4 to 3n times: medium to high noise, mostly flat. So no label of a claim
    holds more than about half of the series (ou_process.py prints the shares).
    """
    relaxing = u[:, 0] < RELAXING
    turns = np.where(relaxing, 0.3 * (8 / 0.3) ** u[:, 1], 4 * (3 * points / 4) ** u[:, 1])  # theta * window
    sign = np.where(u[:, 5] < 0.5, -1, 1)
    start = sign * np.where(relaxing, 2 * 30 ** u[:, 2], np.sqrt(2) * u[:, 2])  # in stationary deviations
    mu = 200 * u[:, 3] - 100
    deviation = 0.1 * 1000 ** u[:, 4]  # stationary deviation, in the unit of x
    theta = turns / (points * dt)
    return {"theta": theta, "mu": mu, "sigma": deviation * np.sqrt(2 * theta), "x0": mu + start * deviation}


def paths(theta, mu, sigma, x0, dt, noise):
    """Exact OU paths, vectorised over series.

    theta, mu, sigma, x0: shape (S,); dt: a number or shape (S,); noise: standard normal, shape (S, n - 1).
    Returns shape (S, n), the first column being x0. theta = 0 is Brownian motion. sigma = 0 is the noiseless limit.
    """
    theta, mu, sigma, x0 = (np.asarray(value, dtype=float) for value in (theta, mu, sigma, x0))
    decay = np.exp(-theta * dt)
    safe = np.where(theta == 0, 1.0, theta)
    spread = sigma * np.sqrt(np.where(theta == 0, dt, -np.expm1(-2 * theta * dt) / (2 * safe)))
    path = np.empty((noise.shape[1] + 1, len(x0)))  # time first: each step is one contiguous row
    np.multiply(noise.T, spread, out=path[1:])
    path[0] = x0 - mu
    for now, after in zip(path[:-1], path[1:]):
        after += now * decay
    path += mu
    return path.T
