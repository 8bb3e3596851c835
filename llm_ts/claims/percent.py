"""Places in a series to a tenth: their labels, and what is read as one.

A place is a share of the window: 0 % is its beginning, 100 % its end. The label of a place is the
middle of its tenth: "5%", "15%", ..., "95%". A place is right if it is not more than a tenth of the
window off, wherever the borders of the tenths lie.
"""

import math
import re

NONE = "none"
TENTHS = tuple(f"{10 * tenth + 5}%" for tenth in range(10))
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth last".split()
NAMED = {  # the middle of what is named
    "very first point": 0.0, "first point": 0.0, "very last point": 1.0, "last point": 1.0, "two fifths": 0.4, "three fifths": 0.6,
    "four fifths": 0.8, "one fifth": 0.2, "a fifth": 0.2, "three quarters": 0.75, "a quarter": 0.25, "one quarter": 0.25,
    "two thirds": 2 / 3, "one third": 1 / 3, "a third": 1 / 3, "first fifth": 0.1, "last fifth": 0.9,
    **{f"{name} tenth": number / 10 + 0.05 for number, name in enumerate(ORDINALS)},
}  # fmt: skip
# for a lexicon; 0.62 has lost its point there (lexicon.marks_of)
NUMBER = r"\d+ ?(?:%|percent|per cent)|0\d{1,3}\b"
MARK = rf"\b(?:\d+ ?%? ?(?:and|to) {NUMBER}|{NUMBER}|(?:{'|'.join(NAMED)})\b(?! of (?:its|the) range))"


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


def share_in(word):
    """What MARK found -> the share that it tells, of two the middle; None beyond 100 %. "50 and 60 %" -> 0.55."""
    if word in NAMED:
        return NAMED[word]
    numbers = re.findall(r"\d+", word)
    shares = [
        float(f"0.{text[1:]}") if len(text) > 1 and text[0] == "0" and "%" not in word else int(text) / 100
        for text in numbers
    ]
    share = sum(shares) / len(shares)
    return share if share <= 1 else None


def read(word):
    """What MARK found -> the label of its tenth; None beyond 100 %."""
    share = share_in(word)
    return None if share is None else label_of(share)


def off(said, share):
    """How far a label lies from a share of the window, in tenths; from no place (-1), or no place from one: infinitely."""
    if NONE in (said, NONE if share < 0 else ""):
        return 0.0 if said == NONE and share < 0 else math.inf
    return round(abs(int(said[:-1]) - 100 * share) / 10, 6)
