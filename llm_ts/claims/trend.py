"""The trend: does the series rise or fall as a whole?

Rule, version 1. Let k_0 .. k_{n-1} be the integers, R = max k - min k (99 for a rescaled series).
    rise = n-1 times the slope of the least-squares line through (i, k_i), divided by R
    increasing if rise > 1/3, decreasing if rise < -1/3, else flat; clear if |rise| is at least 0.08 away from 1/3
A straight line has rise 1, white noise near 0, a random walk any.
"""

import numpy as np

from llm_ts.claims.lexicon import SEPARATORS, clauses_of, phrases, reader, tags_of
from llm_ts.claims.places import PLACES

NAME = "trend"
LABELS = {"trend": ("increasing", "decreasing", "flat")}
NUMBERS = ("rise",)
ASKED = "its trend (increasing, decreasing or flat)"
ASKED_OF_TEACHER = (
    "is it increasing, decreasing or flat? Judge the fitted straight line: it is flat if it rises or falls "
    "by less than a third of the range."
)
ERROR_RATE = 15 / 220  # of the original study's teacher
IF_WRONG = "verify"  # a human looks at what contradicts a clear truth

RISE, MARGIN = 1 / 3, 0.08


def rise_of(series):
    """Fitted rise relative to the range, -2..2; 0 for a constant series. series: n >= 2 numbers."""
    k = np.asarray(series, dtype=float)
    span = k.max() - k.min()
    t = np.arange(len(k)) - (len(k) - 1) / 2
    return float((t @ k) / (t @ t) * (len(k) - 1) / span) if span else 0.0


def measure(series):
    """Integers -> {claim: (label, whether it is clear, the number that it was read from)}."""
    rise = rise_of(series)
    label = "increasing" if rise > RISE else "decreasing" if rise < -RISE else "flat"
    return {"trend": (label, abs(abs(rise) - RISE) >= MARGIN, round(rise, 6))}


def say(labels):
    return f"The trend is {labels['trend']}."


SUBJECTS = ("The series", "The curve", "The path", "The signal", "Overall, the series", "Overall, the curve")
WORDINGS = {
    "increasing": (
        "shows an increasing trend over time", "shows a clear upward trend", "rises over the whole window",
        "climbs over the whole window", "increases over the observed time", "goes up over the window",
        "moves upward over the window", "trends upward over time", "drifts upwards over time", "grows as time goes on",
    ),
    "decreasing": (
        "shows a decreasing trend over time", "shows a clear downward trend", "falls over the whole window",
        "declines over the whole window", "decreases over the observed time", "goes down over the window",
        "moves downward over the window", "trends downward over time", "drifts downwards over time", "drops as time goes on",
    ),
    "flat": (
        "shows a flat trend over time", "shows no clear trend over time", "stays flat over the whole window",
        "remains level over the whole window", "stays at about the same level", "keeps a constant level over time",
        "has no overall trend in time", "moves sideways over the window", "hovers around a constant level",
        "neither rises nor falls over time",
    ),
}  # fmt: skip


def reword(labels, rng):
    """The same claim in other words, as the simulated teacher says it."""
    return f"{rng.choice(SUBJECTS)} {rng.choice(WORDINGS[labels['trend']])}."


GOES = "<go* / mov* / trend* / head* / drift* / went / is / are>"
COURSE = "<trend / slope / drift / direction>"
MORE = "<ever / increasingly / progressively / gradually / steadily>"
LEXICON = {
    "up": phrases(f"""
        increas*, rise(s), rising, risen, rose, upward(s), grow, grows, grown, growing, growth, grew, climb*, ascen*,
        uptrend*, up trend, {GOES} <up / higher>, {COURSE} <is / was / appears> positive,
        <higher / larger / greater> and <higher / larger / greater>, {MORE} <higher / larger>, positive [_] {COURSE}, upswing,
        gain(s), gaining, <end(s) / finishes> [_ x3] higher, positively"""),
    "down": phrases(f"""
        decreas*, fall, falls, falling, fallen, fell, downward(s), declin*, drop, drops, dropped, dropping, descen*,
        downtrend*, down trend, {GOES} <down / lower>, {COURSE} <is / was / appears> negative,
        <lower / smaller> and <lower / smaller>, {MORE} <lower / smaller>, decay*, negative [_] {COURSE},
        shrink*, diminish*, sink(s), sinking, <end(s) / finishes> [_ x3] lower, negatively, downhill, slide(s), sliding"""),
    "flat": phrases("""
        flat*, stationary, <stay(s) / remain(s) / is / keeps / roughly / fairly / nearly / almost / about / quite> level,
        sideways, unchanged, horizontal*, trendless, plateau*, hover(s), hovering,
        <slope / trend / drift> [_ x5] <close to / near / nearly / almost / about / essentially> zero, zero <slope / trend / drift>,
        mean revert*, same level, balanced, static, directionless,
        <around / about / near> [a / an / its / the] [_] <mean / average / level / value>"""),
    "even": r"\b(?:(?:stable|steady|constant|consistent|uniform)(?:,| and)? )?(?:stable|stability|steady|constant|consistent|uniform)\b",
    "trend": phrases("trend(s), direction, drift, tendency, slope"),
    "part": "|".join([phrases("briefly, occasional*, temporar*, local*, short term"), *(PLACES[p] for p in ("b", "m", "e", "VAGUE"))]),
}
WHOLE = {
    "WHOLE": r"\b(?:from (?:[\w.]+ ){0,6}?(?:start|beginning|left|first \w+|outset)(?: (?:[\w.]+ ){0,4}?to (?:[\w.]+ ){0,5}?"
    r"(?:end|finish|right|last))?|start to finish|beginning to end)\b"
}
DENIED = {
    "UNSEEN": phrases("<is / are / was / remain(s) / seem(s) / appears> [_] <negligible / insignificant / minimal>"),
    "NOT_": phrases("""
        <little / negligible / minimal / scant>
        {then: [_] <trend* / drift* / slope* / growth* / increase* / decrease* / rise* / fall* / decline*>}"""),
}
READER = reader(WHOLE, DENIED, SEPARATORS, LEXICON)
VALUES = {"up": "increasing", "down": "decreasing", "flat": "flat"}


def read(sentence):
    """A sentence -> {"trend": its label, or None where it makes no single claim}."""
    tags = tags_of(READER, sentence)
    return {"trend": None if "DOUBT" in tags else _read(tags)}


def _read(tags):
    claims, trendless = [], False  # (value, weight)
    for said, denied, overall in clauses_of([tag for tag in tags if tag != "WHOLE"]):
        whole = "WHOLE" in tags
        values = {tag for tag in said if tag in ("up", "down", "flat")}
        if not values and "even" in said:
            values = {"flat"}
        refused = {tag for tag in denied if tag in ("up", "down")}
        if refused == {"up", "down"} or ("trend" in denied and not refused and not {"flat", "even"} & set(denied)):
            values.add("flat")
            trendless = True
        part = "part" in said and not whole and not overall
        claims += [(value, 3 if overall else 1 if part else 2) for value in values]
    decisive = [value for value, weight in claims if weight == 3] or [value for value, weight in claims if weight]
    if trendless and {"up", "down"} <= set(decisive):  # "rises and falls without a clear trend"
        decisive = ["flat"]
    if len(set(decisive)) != 1 or max(weight for _, weight in claims) < 2:
        return None
    return VALUES[decisive[0]]
