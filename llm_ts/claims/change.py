"""The change: does the level jump up or down once, and where?

Rule, version 2. Six courses are fitted by least squares: a level, a line, a broken line; a level, a
line or a broken line with one jump, for each point where it may stand (0.05 n points from the ends).
Each is fitted with and without memory (k_{i-1} as a further term): twelve fits. With m = n - 1, q
terms (the place of a jump or bend is one) and S the mean square of what is left,
    BIC = m log(S + 0.08) + q log m, 0.08 for the rounding to integers
    evidence = the least BIC without a jump - the least with one
    height = the median of the w points after the jump - that of the w before, over the range; w = max(3, n // 10)
    up or down if evidence > 6 and |height| > 0.15; clear if evidence is at least 3 away from 6, and
    |height| 0.04 from 0.15 (one of them, where it alone says none)
The choice among trends, shifts and memory is that of Beaulieu and Killick (2018, J. Climate 31, 9519);
6 is where evidence is called strong (Raftery 1995, Sociological Methodology 25, 111). Marks of people
(TCPD): results/LOG.md. Limits: 15 % of random walks of 24 points have
one by chance, 8 % of 128 points; one jump, the one that explains most; none in fewer than 12 points; a
burst of a tenth of the series and more is two jumps, of which one is told; a season hides small jumps.
"""

import re

import numpy as np

from llm_ts.claims import percent
from llm_ts.claims.lexicon import MAYBE, SEPARATORS, marks_of, phrases, reader, stated

NAME = "change"
KINDS = ("none", "up", "down")
LABELS = {"jump": KINDS, "jump_at": (percent.NONE, *percent.TENTHS)}
NUMBERS = ("evidence", "jump_place")
ASKED = "whether its level jumps, and where (in %)"
ASKED_OF_TEACHER = "does its level jump, from one point to the next, up or down and stay there? At about which percentage of the window?"
ERROR_RATE = 15 / 220  # a guess, the trend's
IF_WRONG = "verify"
KIN = ("trend", "shape")  # topics whose words its sentence may use

FEWEST, EVIDENCE, HEIGHT, ROUNDING = 12, 6.0, 0.15, 0.08
MARGINS = (3.0, 0.04)  # of evidence, of height
THRESHOLDS = {"evidence": EVIDENCE}


def _without(terms, columns):
    """What is left of columns (m, ...) when orthonormal terms (m, q) are taken out."""
    return columns - terms @ (terms.T @ columns)


def _courses(k):
    """n integers -> [(mean square left, terms, place of the jump or None)] of the twelve fits."""
    n = len(k)
    t = np.linspace(-1, 1, n)
    after, now = t[1:], k[1:]
    edge = max(2, int(np.ceil(0.05 * n)))
    places = np.arange(edge, n - edge + 1)
    steps = (after[:, None] >= t[places]).astype(float)
    bends = np.maximum(0, after[:, None] - t[places])
    fits = []
    for memory in ([], [k[:-1]]):
        for degree in (0, 1):
            columns = [after**power for power in range(degree + 1)]
            terms, _ = np.linalg.qr(np.column_stack([*columns, *memory]))
            left, count = _without(terms, now), terms.shape[1]
            total = left @ left
            jumps = _without(terms, steps)
            size = np.maximum((jumps**2).sum(0), 1e-9)
            by_jump = (left @ jumps) ** 2 / size
            fits.append((total, count, None))
            fits.append((total - by_jump.max(), count + 2, int(places[by_jump.argmax()])))
        turns = _without(terms, bends)  # the line's terms: a bend without, and with, a jump at the same point
        by_bend = (left @ turns) ** 2 / np.maximum((turns**2).sum(0), 1e-9)
        fits.append((total - by_bend.max(), count + 2, None))
        turns = turns - jumps * ((jumps * turns).sum(0) / size)
        both = by_jump + (left @ turns) ** 2 / np.maximum((turns**2).sum(0), 1e-9)
        fits.append((total - both.max(), count + 3, int(places[both.argmax()])))
    return [(max(total, 0) / len(now), count, place) for total, count, place in fits]


def jump_of(k):
    """n integers -> (evidence, height, first point after the jump); evidence -inf where there are too few points."""
    n = len(k)
    if n < FEWEST or not np.ptp(k):
        return -np.inf, 0.0, 0
    fits = [
        ((n - 1) * np.log(square + ROUNDING) + count * np.log(n - 1), place) for square, count, place in _courses(k)
    ]
    best, place = min(fit for fit in fits if fit[1] is not None)
    without = min(bic for bic, at in fits if at is None)
    width = max(3, n // 10)
    height = (np.median(k[place : place + width]) - np.median(k[max(0, place - width) : place])) / np.ptp(k)
    return without - best, float(height), place


def measure(series, evidence=EVIDENCE):
    """Integers -> {claim: (label, whether it is clear, the number that it was read from)}; evidence: the threshold."""
    k = np.asarray(series, dtype=float)
    found, height, place = jump_of(k)
    if not np.isfinite(found):
        return {"jump": ("none", True, 0.0), "jump_at": (percent.NONE, True, -1.0)}
    beyond = (found - evidence) / MARGINS[0], (abs(height) - HEIGHT) / MARGINS[1]
    jumps = min(beyond) > 0
    clear = min(beyond) >= 1 if jumps else min(beyond) <= -1
    at = place / len(k) if jumps else -1.0
    label = ("up" if height > 0 else "down") if jumps else "none"
    return {
        "jump": (label, bool(clear), round(float(found), 6)),
        "jump_at": (percent.label_of(at) if jumps else percent.NONE, bool(clear), round(at, 6)),
    }


def off(claim, said, number):
    """How far off a label is: at most 1 is right."""
    return percent.off(said, number) if claim == "jump_at" else np.inf


def say(labels):
    if labels["jump"] == "none":
        return "The level does not jump."
    return f"The level jumps {labels['jump']} at {percent.shown(labels['jump_at'])}."


NEVER = (
    "There is no sudden jump in the level.", "No abrupt shift is visible.", "The level shows no jump.",
    "It changes without a jump.", "There is no level shift.",
)  # fmt: skip
WORDINGS = {
    "up": ("There is a jump up at {}.", "The level shifts upward abruptly at {}.", "A sudden step up stands at {}."),
    "down": (
        "There is a jump down at {}.",
        "The level shifts downward abruptly at {}.",
        "A sudden step down stands at {}.",
    ),
}


def reword(labels, rng):
    """The same claim in other words, as the simulated teacher says it."""
    if labels["jump"] == "none":
        return rng.choice(NEVER)
    return rng.choice(WORDINGS[labels["jump"]]).format(percent.shown(labels["jump_at"]))


def mistake(labels, rng):
    """Wrong labels: another direction, or none."""
    jump = rng.choice([other for other in KINDS if other != labels["jump"]])
    at = labels["jump_at"] if labels["jump_at"] != percent.NONE else rng.choice(percent.TENTHS)
    return {"jump": jump, "jump_at": percent.NONE if jump == "none" else at}


MOVE = (
    "rise* / rose / increase* / jump* / leap* / shift* / fall* / fell / drop* / decrease* / change* / move* / step(s)"
)
LEXICON = {
    "at": percent.MARK,
    "DOUBT": MAYBE + "|" + phrases("<comes / came / goes / went / falls / jumps> [straight / right] back"),
    "NOT_": phrases("free of"),
    "jump": phrases(f"""
        jump*, leap*, step(s), stepped, <level / structural / regime> <shift* / change* / break*>, shift(s), shifted, step change,
        <abrupt / sudden> <{MOVE}>, <{MOVE}> [_ x2] <abruptly / suddenly / overnight / at once>, all at once, off a cliff,
        in <one / a single> step, <new / higher / lower> level"""),
    "up": phrases("up, upward(s), higher, ris*, rose, increas*, positive"),
    "down": phrases("down, downward(s), lower, fall*, fell, drop*, decreas*, negative"),
}
SUBJECT = ("jump",)
READER = reader(
    {name: LEXICON[name] for name in ("at", "DOUBT")},
    SEPARATORS,
    {"NOT_": LEXICON["NOT_"]},
    {"jump": LEXICON["jump"]},
    LEXICON,
)
WAYS = re.compile(rf"(?P<up>{LEXICON['up']})|(?P<down>{LEXICON['down']})")


def read(sentence):
    """A sentence -> {"jump", "jump_at"}: labels, or None where it makes no single claim."""
    marks = stated(marks_of(READER, sentence))
    tags = {tag for tag, _ in marks}
    places = {percent.read(word) for tag, word in marks if tag == "at"}
    ways = {match.lastgroup for tag, word in marks if tag in ("up", "down", "jump") for match in WAYS.finditer(word)}
    silent = {"jump": None, "jump_at": None}
    if "DOUBT" in tags or "jump" not in tags:
        return silent
    if tags & {"NOT", "UNSEEN"}:
        return silent if places or ways else {"jump": "none", "jump_at": percent.NONE}
    return {
        "jump": ways.pop() if len(ways) == 1 else None,
        "jump_at": places.pop() if len(places) == 1 and len(ways) < 2 else None,
    }
