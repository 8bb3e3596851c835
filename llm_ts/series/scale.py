"""A path in its own unit as the integers 0..99 that models read."""

import numpy as np


def rescale(path):
    """Paths (S, n) -> integers 0..99 (S, n), their minima (S,) and maxima (S,).

    Each path is rescaled to its own range and rounded half to even; a constant path becomes zeros.
    """
    low, high = path.min(axis=1), path.max(axis=1)
    span = np.where(high > low, high - low, 1.0)
    return np.rint((path - low[:, None]) / span[:, None] * 99).astype(int), low, high


def integers_of(values):
    """n values in any unit -> a list of n integers 0..99."""
    return rescale(np.array([values]))[0][0].tolist()
