"""Shapes other than OU paths: ramps, steps, seasons and jumps, of random size and sign, with white noise upon them.

Reads, writes: nothing.
Run: no command of its own; suites.py examines students on shapes, fresh.py mixes them into training (--shapes).
"""

import numpy as np


def _ramp(t, rng):
    return t


def _step(t, rng):
    return (t > rng.uniform(0.1, 0.9)).astype(float)


def _season(t, rng):
    return np.sin(2 * np.pi * (rng.uniform(1, 8) * t + rng.uniform()))


def _jump(t, rng):
    """A fall that slows down, from all over the window to within the first points: 3 to 300 e-foldings."""
    return np.exp(-t * 10 ** rng.uniform(0.5, 2.5))


SHAPES = {"ramps": (_ramp, 0.2), "steps": (_step, 0.2), "seasonal": (_season, 0.2), "jumps": (_jump, 0.02)}


def draw(name, points, rng):
    """A path of a shape of SHAPES, shape (points,), without unit: white noise of 0 to 20 % (jumps: 2 %) of its range on it."""
    shape, most = SHAPES[name]
    clean = shape(np.linspace(0, 1, points), rng) * rng.choice([-1, 1])
    return clean + np.ptp(clean) * rng.uniform(0, most) * rng.standard_normal(points)
