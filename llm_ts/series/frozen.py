"""Shapes as the shipped adapter's first training and the kept suites drew them: frozen, or their series could not be made again.

New work draws from the processes of series/__init__.py. `qwen_train.py --shapes` and the suites ramps, steps, seasonal and
mixed come from here. The order of SHAPES and of the random numbers, and the courses of the four processes, must stay as they
are: tests/test_examine.py holds them.
"""

import numpy as np

from llm_ts.series import jump, ramp, season, step

SHAPES = {  # name: (process, how its parameters were drawn, most noise)
    "ramps": (ramp, lambda rng: (), 0.2),
    "steps": (step, lambda rng: (rng.uniform(0.1, 0.9),), 0.2),
    "seasonal": (season, lambda rng: (rng.uniform(1, 8), rng.uniform()), 0.2),
    "jumps": (jump, lambda rng: (10 ** rng.uniform(0.5, 2.5),), 0.02),
}


def draw(name, points, rng):
    """A path of a shape of SHAPES, shape (points,), without unit: white noise of 0 to 20 % (jumps: 2 %) of its range on it."""
    process, parameters, most = SHAPES[name]
    clean = process.course(np.linspace(0, 1, points), *parameters(rng)) * rng.choice([-1, 1])
    return clean + np.ptp(clean) * rng.uniform(0, most) * rng.standard_normal(points)
