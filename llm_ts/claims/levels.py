"""The levels: in which quarter of its range does the series start, and in which does it end?

Rule, version 2. With R = max k - min k, the quarter of (k_0 - min k) / R, and of (k_{n-1} - min k) / R.
    clear if it is at least 0.03 away from the borders 1/4, 1/2 and 3/4
A constant series starts and ends in the lowest quarter.
"""

import numpy as np

from llm_ts.claims import percent
from llm_ts.claims.lexicon import MAYBE, SEPARATORS, marks_of, phrases, reader

NAME = "levels"
QUARTERS = ("lowest", "second", "third", "highest")
LABELS = {"start": QUARTERS, "end": QUARTERS}
NUMBERS = ("start_level", "end_level")
ASKED = "in which quarter of its range it starts and ends"
ASKED_OF_TEACHER = "in which quarter of its range, counted from below, does it start, and in which does it end: the lowest, second, third or highest?"
ERROR_RATE = 10 / 220  # a guess, that of the extrema
IF_WRONG = "replace"  # anybody can look up the first and the last value
KIN = ("extrema", "trend", "peaks")  # topics whose words its sentence may use

BORDER = 0.03


def _quarter(height):
    clear = all(abs(height - border) >= BORDER for border in (0.25, 0.5, 0.75))
    return QUARTERS[min(3, int(4 * height))], clear, round(height, 6)


def measure(series):
    """Integers -> {claim: (label, whether it is clear, the number that it was read from)}."""
    k = np.asarray(series, dtype=float)
    span = np.ptp(k) or 1.0
    return {"start": _quarter(float(k[0] - k.min()) / span), "end": _quarter(float(k[-1] - k.min()) / span)}


def off(claim, said, number):
    """How far off a label is, in units of BORDER beyond its quarter: at most 1 is right."""
    low = QUARTERS.index(said) / 4
    return max(low - number, number - low - 0.25, 0.0) / BORDER


def say(labels):
    return f"It starts in the {labels['start']} quarter of its range and ends in the {labels['end']}."


WORDINGS = (
    "It begins in the {start} quarter of the range and finishes in the {end} quarter.",
    "The first value lies in the {start} quarter, the last one in the {end} quarter.",
    "Starting in the {start} quarter of its range, it ends in the {end} quarter.",
)


def reword(labels, rng):
    """The same claims in other words, as the simulated teacher says them."""
    return rng.choice(WORDINGS).format(**labels)


def mistake(labels, rng):
    """Wrong labels: one of the two in another quarter."""
    claim = rng.choice(list(LABELS))
    return {**labels, claim: rng.choice([quarter for quarter in QUARTERS if quarter != labels[claim]])}


LEXICON = {
    "DOUBT": MAYBE,
    "height": rf"{percent.NUMBER} of [\w ]{{0,12}}(?:range|height)\b",
    "lowest": phrases(
        "<lowest / bottom / lower most / first> quarter, bottom, lowest {end}, <lowest / smallest> [value / of all], lowest one"
    ),
    "second": phrases("<second / second lowest / lower middle> quarter, second {end}"),
    "third": phrases("<third / second highest / upper middle> quarter, third {end}"),
    "highest": phrases(
        "<highest / top / fourth / upper most> quarter, top, highest {end}, <highest / largest> [value / of all], highest one"
    ),
    "start": phrases("start*, begin*, began, opens, first <value / point>, initial*"),
    "end": phrases("end, ends, ended, ending, finish*, closes, last <value / point / one>, final*"),
}
SUBJECT = ()  # its words are used of the trend and the extrema too
READER = reader(LEXICON, SEPARATORS)


def read(sentence):
    """A sentence -> {"start", "end"}: each its quarter, or None where it makes no single claim."""
    marks = marks_of(READER, sentence)
    silent = dict.fromkeys(LABELS)
    if {"DOUBT", "NOT", "UNSEEN"} & {tag for tag, _ in marks}:
        return silent
    said = dict(silent)
    order = [
        _quarter(min(1.0, percent.share_in(word) or 0.0))[0] if tag == "height" else tag
        for tag, word in marks
        if tag in LEXICON
    ]
    for name, quarter in zip(order, order[1:]):
        if name in LABELS and quarter in QUARTERS:
            if said[name]:
                return silent
            said[name] = quarter
    return said
