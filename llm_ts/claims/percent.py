"""Places in a series to a tenth: their labels, and what is read as one.

A place is a share of the window: 0 % is its beginning, 100 % its end. The label of a place is the
middle of its tenth: "5%", "15%", ..., "95%". A place is right if it is not more than a tenth of the
window off, wherever the borders of the tenths lie.
"""

import math
import re

NONE = "none"
TENTHS = tuple(f"{10 * tenth + 5}%" for tenth in range(10))
MARK = r"\b\d+ ?(?:%|percent|per cent)"  # for a lexicon


def share_of(i, n):
    """Index i of n -> the share of the window at the middle of this point, 0..1."""
    return (i + 0.5) / n


def tenth(i, n):
    """Index i of n -> the number of the tenth that holds the middle of this point, 0..9."""
    return int(10 * share_of(i, n))


def label_of(share):
    """0.349 -> "35%"."""
    return TENTHS[min(9, int(10 * share))]


def shown(label):
    """ "35%" -> "35 %"; no place is said so, which no reader takes for one."""
    return "no place" if label == NONE else f"{label[:-1]} %"


def read(word):
    """What MARK found -> the label of its tenth; None beyond 100 %."""
    number = int(re.match(r"\d+", word)[0])
    return label_of(number / 100) if number <= 100 else None


def off(said, share):
    """How far a label lies from a share of the window, in tenths; from no place (-1), or no place from one: infinitely."""
    if NONE in (said, NONE if share < 0 else ""):
        return 0.0 if said == NONE and share < 0 else math.inf
    return abs(int(said[:-1]) / 100 - share) / 0.1
