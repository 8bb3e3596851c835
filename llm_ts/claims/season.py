"""The season: does the series repeat itself?

Rule, versions 1 and 2. The least-squares line taken out, P_j is the power of the series at j turns over the window (its discrete
Fourier transform, squared).
    power = the greatest P_j + P_(j+1) for 3 <= j < n // 4, divided by the sum of all P_j
    yes if power > 0.5, else no; clear if power is at least 0.1 away from it
    0 for a series that lies within 1 unit (root mean square) of its line: there, only the rounding to integers repeats itself
Two neighbours, because a wave of 3.5 turns has its power at 3 and at 4. A sine of 3 turns or more has power near 1, white
noise of 128 points near 0.1. Limits: fewer than 3 turns are no season; sharp waves (saw teeth, square waves) spread over
many j; a season whose length drifts is not seen; by chance, some 2 % of random walks of 128 points and 7 % of white noise
of 16 points are a season.
"""

import re

import numpy as np

from llm_ts.claims.lexicon import SEPARATORS, clauses_of, phrases, reader, tags_of

NAME = "season"
LABELS = {"season": ("yes", "no")}
NUMBERS = ("power",)
ASKED = "whether it repeats itself (yes or no)"
ASKED_OF_TEACHER = (
    "does it repeat itself? Say yes only for a wave of one length, with three turns or more over the window, that stands "
    "out from the rest."
)
ERROR_RATE = 15 / 220  # a guess, the trend's: the original study asked no such thing
IF_WRONG = "verify"

FEWEST, POWER, MARGIN = 3, 0.5, 0.1
THRESHOLDS = {"power": POWER}


def power_of(series):
    """The share of the power at the strongest two neighbouring frequencies, 0..1; 0 for a straight line."""
    k = np.asarray(series, dtype=float)
    t = np.arange(len(k)) - (len(k) - 1) / 2
    power = np.abs(np.fft.rfft(k - k.mean() - t * (t @ k) / (t @ t))) ** 2
    pairs = power[FEWEST : len(k) // 4] + power[FEWEST + 1 : len(k) // 4 + 1]
    total = power[1:].sum()
    return float(pairs.max() / total) if len(pairs) and total > len(k) ** 2 / 2 else 0.0  # Parseval: 1 unit off the line


def measure(series, power=POWER):
    """Integers -> {claim: (label, whether it is clear, the number that it was read from)}; power: the threshold."""
    found = power_of(series)
    return {"season": ("yes" if found > power else "no", abs(found - power) >= MARGIN, round(found, 6))}


def say(labels):
    return "The series repeats itself." if labels["season"] == "yes" else "The series does not repeat itself."


WORDINGS = {
    "yes": (
        "The curve is seasonal over the whole window.",
        "A regular cycle is visible over the window.",
        "The series repeats itself at regular intervals.",
        "The path shows a clear periodic pattern.",
        "There is a seasonal pattern in the series.",
        "The same wave recurs throughout the series.",
        "The signal swings in regular cycles.",
    ),
    "no": (
        "There is no seasonality in the series.",
        "The curve shows no cycle over the window.",
        "No regular pattern is visible in the curve.",
        "The path has no repeating pattern.",
        "The series does not repeat itself over time.",
        "Nothing in the curve recurs at regular intervals.",
        "The signal is not periodic over the window.",
    ),
}


def reword(labels, rng):
    """The same claim in other words, as the simulated teacher says it."""
    return rng.choice(WORDINGS[labels["season"]])


LEXICON = {
    "NOT_": phrases("nothing, <little / negligible / minimal / scant> {then: [_] [of] <season* / cycl* / periodic* / repet*>}"),
    "UNSEEN": phrases("<is / are / was> [_] <negligible / insignificant / minimal>"),
    "irregular": phrases("irregular*, aperiodic*, nonseasonal, non <seasonal / periodic / cyclic*>, acyclic*"),
    "season": phrases("""
        repeat*, repet*, recur*, season*, cycl*, periodic*, regular [_] <pattern* / wave* / interval* / oscillation* / swing* / rhythm*>,
        regularly, rhythmic*, oscillat*, period, periods"""),
}
SUBJECT = ("season", "irregular")
READER = reader(SEPARATORS, LEXICON)


def read(sentence):
    """A sentence -> {"season": its label, or None where it makes no single claim}."""
    tags = tags_of(READER, sentence)
    found = set()
    for said, denied, _ in clauses_of(tags):
        if "irregular" in said or ("season" in denied and "season" not in said):
            found.add("no")
        elif "season" in said:
            found.add("yes")
    return {"season": found.pop() if len(found) == 1 and "DOUBT" not in tags and not _open_denial(tags) else None}


def _open_denial(tags):
    """Whether it is open what is denied: "no trend and a season", "it repeats nothing"."""
    text = re.sub(r"STOP|COMMA|BUT|WHILE|THEN|CONCEDE", "|", " ".join(tags))
    return re.search(r"NOT (?!season)[^|]*AND [^|]*season|(?<!NOT )season NOT(?! season)", text) is not None
