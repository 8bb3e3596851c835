"""The extremes to a tenth: at which share of the series do its highest and its lowest point lie?

Rule, version 2. The middle, (i + 1/2) / n, of the first point i where k_i is greatest, and likewise
least. Right is what lies at most a tenth of the window off.
    clear if no equal value lies more than a tenth of the window away
The study's claims tell the third only (extrema.py).
"""

import numpy as np

from llm_ts.claims import extrema, percent
from llm_ts.claims.lexicon import MAYBE, SEPARATORS, marks_of, phrases, reader, stated

NAME = "peaks"
LABELS = {"max_tenth": percent.TENTHS, "min_tenth": percent.TENTHS}
NUMBERS = ("max_share", "min_share")
ASKED = "where its highest and lowest point lie (in %)"
ASKED_OF_TEACHER = "at about which percentage of the window do the highest and the lowest point lie?"
ERROR_RATE = extrema.ERROR_RATE
IF_WRONG = "replace"  # anybody can look up where 99 and 0 stand
KIN = ("extrema", "trend", "levels")  # topics whose words its sentence may use


def _place(k, value):
    places = percent.share_of(np.flatnonzero(k == value), len(k))
    first = float(places[0])
    return percent.label_of(first), bool(places[-1] - first <= 0.1), round(first, 6)


def measure(series):
    """Integers -> {claim: (label, whether it is clear, the number that it was read from)}."""
    k = np.asarray(series)
    return {"max_tenth": _place(k, k.max()), "min_tenth": _place(k, k.min())}


def off(claim, said, number):
    """How far off a label is, in tenths of the window: at most 1 is right."""
    return percent.off(said, number)


def say(labels):
    return f"The highest point lies at {percent.shown(labels['max_tenth'])}, the lowest at {percent.shown(labels['min_tenth'])}."


WORDINGS = (
    "The maximum is at {high} and the minimum at {low}.",
    "It peaks at {high} and has its lowest value at {low}.",
    "The lowest point lies at {low}, the highest at {high}.",
    "At {high} it is highest, at {low} it is lowest.",
)


def reword(labels, rng):
    """The same claims in other words, as the simulated teacher says them."""
    high, low = percent.shown(labels["max_tenth"]), percent.shown(labels["min_tenth"])
    return rng.choice(WORDINGS).format(high=high, low=low)


def mistake(labels, rng):
    """Wrong labels: one of the two in another tenth."""
    claim = rng.choice(list(LABELS))
    return {**labels, claim: rng.choice([at for at in percent.TENTHS if at != labels[claim]])}


LEXICON = {
    "at": percent.MARK,
    "DOUBT": MAYBE,
    "both": phrases("both, extrema, extremes"),
    "max": extrema.LEXICON["max"] + "|" + phrases("<its / their / the> high, top"),
    "min": extrema.LEXICON["min"] + "|" + phrases("<its / their / the> low, bottom"),
}
SUBJECT = ()  # its words are those of the study's extrema
READER = reader(LEXICON, SEPARATORS)


def read(sentence):
    """A sentence -> {"max_tenth", "min_tenth"}: each its tenth, or None where it makes no single claim."""
    marks = stated(marks_of(READER, sentence))
    found = [(tag, word) for tag, word in marks if tag in ("max", "min", "at")]
    silent = dict.fromkeys(LABELS)
    order = [tag for tag, _ in found]
    if {"DOUBT", "NOT", "UNSEEN"} & {tag for tag, _ in marks} or order.count("max") > 1 or order.count("min") > 1:
        return silent
    names, places = [tag for tag in order if tag != "at"], [percent.read(word) for tag, word in found if tag == "at"]
    if len(places) == 1:  # "both lie at 15 %", or the one that stands beside it
        if "both" in {tag for tag, _ in marks}:
            return dict.fromkeys(LABELS, places[0])
        at = order.index("at")
        beside = order[at - 1] if at else order[1] if len(order) > 1 else None
        return {**silent, f"{beside}_tenth": places[0]} if beside else silent
    paired = len(names) == len(places) and order[:2] in (["max", "at"], ["min", "at"], ["at", "max"], ["at", "min"])
    return {**silent, **{f"{name}_tenth": at for name, at in zip(names, places)}} if paired else silent
