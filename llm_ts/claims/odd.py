"""The odd points: does one short spike or dip stand out, or do several, and where?

Rule, version 2. r_i = k_i minus the median of the seven points around it (at the ends fewer); the
first and the last point have none. s = 1.4826 times the median of |r_i|, at least 1; i is the point
where |r_i| is greatest.
    none unless |r_i| > 7 s, |r_i| > 0.2 times the range, and |r_i| > 2.5 times what four of five |r| are below
    several, if more than three points away another |r| is at least 0.6 |r_i|; else spike (r_i > 0) or dip
    clear if |r_i| is at least a factor of 1.2 away from these limits, and the other |r| 0.1 |r_i| from its
It is Hampel's identifier (Davies and Gather 1993, JASA 88, 782); with a limit of 7, white noise of 24
points has an odd point in 3 % of series, of 64 in 0.3 %. The last limit keeps fast waves out. Limits:
what lasts longer than three points is not odd; at the very ends nothing is; a wave with narrow peaks
has several.
"""

import numpy as np

from llm_ts.claims import percent
from llm_ts.claims.lexicon import MAYBE, SEPARATORS, marks_of, phrases, reader, stated

NAME = "odd"
KINDS = ("none", "spike", "dip", "several")
LABELS = {"odd": KINDS, "odd_at": (percent.NONE, *percent.TENTHS)}
NUMBERS = ("oddness", "odd_place")
ASKED = "whether a spike or dip stands out, and where (in %)"
ASKED_OF_TEACHER = (
    "does one short spike or dip stand out, or do several? At about which percentage of the window is the single one?"
)
ERROR_RATE = 15 / 220  # a guess, the trend's
IF_WRONG = "verify"
KIN = ("extrema", "noise", "trend", "peaks")  # topics whose words its sentence may use

FEWEST, REACH, TIMES, SHARE, USUAL, OTHER, FACTOR = 12, 3, 7.0, 0.2, 2.5, 0.6, 1.2
THRESHOLDS = {"oddness": TIMES}


def rest_of(k):
    """n numbers -> (n,): each minus the median of those around it; 0 at the two ends."""
    padded = np.pad(k, REACH, constant_values=np.nan)
    rest = k - np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH + 1), axis=1)
    rest[[0, -1]] = 0.0
    return rest


def measure(series, oddness=TIMES):
    """Integers -> {claim: (label, whether it is clear, the number that it was read from)}; oddness: the threshold."""
    k = np.asarray(series, dtype=float)
    nothing = {"odd": ("none", True, 0.0), "odd_at": (percent.NONE, True, -1.0)}
    if len(k) < FEWEST or not np.ptp(k):
        return nothing
    rest = rest_of(k)
    scale = max(1.0, 1.4826 * float(np.median(np.abs(rest))))
    first = int(np.argmax(np.abs(rest)))
    height = abs(rest[first])
    usual = max(1.0, float(np.quantile(np.abs(rest), 0.8)))
    beyond = min(height / scale / oddness, height / np.ptp(k) / SHARE, height / usual / USUAL)
    elsewhere = np.abs(rest)
    elsewhere[max(0, first - REACH) : first + REACH + 1] = 0.0
    others = elsewhere.max() / height if height else 0.0
    if beyond <= 1:
        kind, clear = "none", beyond <= 1 / FACTOR
    else:
        kind = "several" if others >= OTHER else "spike" if rest[first] > 0 else "dip"
        clear = beyond >= FACTOR and abs(others - OTHER) >= 0.1
    at = percent.share_of(first, len(k)) if kind in ("spike", "dip") else -1.0
    label = percent.label_of(at) if at >= 0 else percent.NONE
    number = round(float(height / scale), 6)
    return {"odd": (kind, bool(clear), number), "odd_at": (label, bool(clear), round(at, 6))}


def off(claim, said, number):
    """How far off a label is: at most 1 is right."""
    return percent.off(said, number) if claim == "odd_at" else np.inf


def say(labels):
    if labels["odd"] == "none":
        return "No single point stands out."
    if labels["odd"] == "several":
        return "Several spikes stand out."
    return f"A single {labels['odd']} stands out at {percent.shown(labels['odd_at'])}."


WORDINGS = {
    "none": (
        "There is no outlier.",
        "No spike or dip stands out.",
        "The series has no outliers.",
        "Not a single point is odd.",
    ),
    "several": (
        "There are several spikes.",
        "Many outliers stand out.",
        "Several odd points are visible.",
        "A few spikes stick out.",
    ),
    "spike": (
        "There is one spike at {}.",
        "One outlier sticks out above, at {}.",
        "A short spike interrupts the course at {}.",
    ),
    "dip": (
        "There is one dip at {}.",
        "One outlier sticks out below, at {}.",
        "A short dip interrupts the course at {}.",
    ),
}


def reword(labels, rng):
    """The same claim in other words, as the simulated teacher says it."""
    at = labels["odd_at"]
    return rng.choice(WORDINGS[labels["odd"]]).format("" if at == percent.NONE else percent.shown(at))


def mistake(labels, rng):
    """Wrong labels: another kind."""
    kind = rng.choice([other for other in KINDS if other != labels["odd"]])
    at = labels["odd_at"] if labels["odd_at"] != percent.NONE else rng.choice(percent.TENTHS)
    return {"odd": kind, "odd_at": at if kind in ("spike", "dip") else percent.NONE}


MANY = "<several / many / multiple / some / frequent / numerous / various / a few / a handful of / two / three / four / five>"
ONE = "<one / single / lone / lonely / isolated / short / brief / narrow / sharp>"
LEXICON = {
    "at": percent.MARK,
    "DOUBT": MAYBE,
    "several": phrases(f"""
        {MANY} [_ x2] <spikes / dips / outliers / odd points / anomalies / bursts>,
        <spikes / dips / outliers / anomalies / odd points> {{not: or}}"""),
    "dip": phrases(f"""
        downward <spike / excursion>, <outlier / anomaly> [_ x2] <below / downward(s)>, dip, drop out, dropout, {ONE} [_] <drop
        / plunge / trough>, <drop* / plunge*> [_ x3] <comes / came / goes / went> [right / straight] back"""),
    "spike": phrases(f"""
        upward <spike / excursion>, <outlier / anomaly> [_ x2] <above / upward(s)>, spike, {ONE} [_] <peak / burst / surge>,
        <shot / shoots / jumps> up [_ x3] <comes / came / goes / went> [right / straight] back"""),
    "odd": phrases(
        "outlier, anomaly, odd <point / value>, [single] point <is odd / stands out / sticks out>, stands out, sticks out"
    ),
}
SUBJECT = ("several", "dip", "spike", "odd")
READER = reader(LEXICON, SEPARATORS)


def read(sentence):
    """A sentence -> {"odd", "odd_at"}: labels, or None where it makes no single claim."""
    marks = stated(marks_of(READER, sentence))
    tags = {tag for tag, _ in marks}
    places = {percent.read(word) for tag, word in marks if tag == "at"}
    silent = {"odd": None, "odd_at": None}
    if "DOUBT" in tags or not tags & set(SUBJECT):
        return silent
    if tags & {"NOT", "UNSEEN"}:
        return silent if places else {"odd": "none", "odd_at": percent.NONE}
    kinds = tags & {"several", "spike", "dip"}
    if kinds == {"spike", "dip"}:
        kinds = {"several"}
    if len(kinds) != 1:
        return {**silent, "odd_at": places.pop() if len(places) == 1 and not kinds else None}
    kind = kinds.pop()
    if kind == "several":
        return {"odd": kind, "odd_at": percent.NONE} if not places else silent
    return {"odd": kind, "odd_at": places.pop() if len(places) == 1 else None}
