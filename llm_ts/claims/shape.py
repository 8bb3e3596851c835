"""The shape: does the series rise or fall throughout, or does it turn once, and where?

Rule, version 2. Two straight pieces that meet (a continuous broken line) are fitted by least squares,
for each point at least 0.05 n from the ends where they may meet; R = max k - min k.
    left, right = what the two pieces of the best fit rise, divided by R
    gain = the share of the squares about one straight line that the second piece takes away
    rises then falls, or falls then rises, if gain > 0.4, left and right have opposite signs, and both
    are at least 1/3; else what the trend's rule says of the one line: rises, falls or flat
    clear if gain (or the smaller piece) is at least 0.06 away from its limit where this decides,
    and where the series does not turn, if the trend is clear
The fit is that of Hudson (1966, JASA 61, 1097). The limits were chosen on 48 real series, judged by
eye (results/LOG.md). Limits: one turn at most; a wave of two turns or more is flat; noise that takes
more than 0.6 of the squares hides a turn.
"""

import numpy as np

from llm_ts.claims import percent, trend
from llm_ts.claims.lexicon import MAYBE, SEPARATORS, marks_of, phrases, reader, stated

NAME = "shape"
COURSES = ("rises", "falls", "flat", "rises then falls", "falls then rises")
LABELS = {"shape": COURSES, "turn": (percent.NONE, *percent.TENTHS)}
NUMBERS = ("gain", "turn_at")
ASKED = "its shape (with one turn at most) and where it turns (in %)"
ASKED_OF_TEACHER = (
    "does it rise, fall, stay flat, rise then fall, or fall then rise, as two straight pieces would? "
    "If it turns, at about which percentage of the window?"
)
ERROR_RATE = 15 / 220  # a guess, the trend's: the original study asked no such thing
IF_WRONG = "verify"
KIN = ("trend", "extrema", "peaks", "change", "odd")  # topics whose words its sentence may use

GAIN, PIECE, MARGIN, EDGE = 0.4, 1 / 3, 0.06, 0.05
THRESHOLDS = {"gain": GAIN}
OF_TREND = {"increasing": "rises", "decreasing": "falls", "flat": "flat"}


def broken_line(k):
    """n >= 4 numbers -> (left, right, gain, share of the window where the pieces meet) of the best broken line."""
    n, span = len(k), np.ptp(k)
    t = np.arange(n) / (n - 1)
    line, _ = np.linalg.qr(np.column_stack([np.ones(n), t]))
    off = k - line @ (line.T @ k)
    total = off @ off
    if total < n or n < 4:  # one straight line, but for the rounding
        return 0.0, 0.0, 0.0, 0.5
    edge = max(1, int(np.ceil(EDGE * n)))
    bends = np.maximum(0, t[:, None] - t[edge : n - edge])  # (n, places): a bend at each inner point
    bends -= line @ (line.T @ bends)
    gains = (off @ bends) ** 2 / (bends**2).sum(0)
    best = int(np.argmax(gains))
    at = t[edge + best]
    parts = np.column_stack([np.ones(n), t, np.maximum(0, t - at)])
    _, slope, bend = np.linalg.lstsq(parts, k, rcond=None)[0]
    return slope * at / span, (slope + bend) * (1 - at) / span, gains[best] / total, at


def measure(series, gain=GAIN):
    """Integers -> {claim: (label, whether it is clear, the number that it was read from)}; gain: the threshold."""
    k = np.asarray(series, dtype=float)
    left, right, gained, at = broken_line(k)
    smaller = min(abs(left), abs(right)) if left * right < 0 else 0.0
    apart = abs(gained - gain) >= MARGIN or smaller < PIECE - MARGIN
    settled = bool(apart) and bool(abs(smaller - PIECE) >= MARGIN or gained < gain - MARGIN)
    if gained > gain and smaller >= PIECE:
        label, place = ("rises then falls" if left > 0 else "falls then rises"), float(at)
        clear = settled
    else:
        of_trend, trend_clear, _ = trend.measure(series)["trend"]
        label, place, clear = OF_TREND[of_trend], -1.0, settled and trend_clear
    at_label = percent.NONE if place < 0 else percent.label_of(place)
    return {"shape": (label, clear, round(gained, 6)), "turn": (at_label, clear, round(place, 6))}


def off(claim, said, number):
    """How far off a label is: at most 1 is right."""
    return percent.off(said, number) if claim == "turn" else np.inf


def say(labels):
    course, turn = labels["shape"], labels["turn"]
    if turn == percent.NONE or " then " not in course:
        return {"flat": "It stays level throughout."}.get(course, f"It {course} throughout.")
    first, _, second = course.split()
    return f"It {first} until {percent.shown(turn)}, then {second}."


WORDINGS = {
    "rises": ("It rises from start to end.", "It goes up throughout.", "The course is a single rise.", "It keeps rising throughout."),
    "falls": ("It falls from start to end.", "It goes down throughout.", "The course is a single fall.", "It keeps falling throughout."),
    "flat": ("It stays level from start to end.", "It remains level throughout.", "The course is level.", "It stays flat throughout."),
    "rises then falls": (
        "It rises up to {at}, then falls.", "It first rises and then falls, turning at {at}.", "It goes up until {at}, then down.",
    ),
    "falls then rises": (
        "It falls up to {at}, then rises.", "It first falls and then rises, turning at {at}.", "It goes down until {at}, then up.",
    ),
}  # fmt: skip


def reword(labels, rng):
    """The same claim in other words, as the simulated teacher says it."""
    return rng.choice(WORDINGS[labels["shape"]]).format(at=percent.shown(labels["turn"]))


def mistake(labels, rng):
    """Wrong labels: another course, or a turn elsewhere."""
    course = rng.choice([other for other in COURSES if other != labels["shape"]])
    turns = [at for at in percent.TENTHS if at != labels["turn"]]
    return {"shape": course, "turn": rng.choice(turns) if "then" in course else percent.NONE}


LEXICON = {
    "DOUBT": MAYBE,
    "hill": phrases("inverted <u / v>, hump, hill, arch, rise and fall"),
    "bowl": phrases("bowl, u shape*, v shape*, valley, fall and rise"),
    "flat": phrases("""
        flat*, level, sideways, horizontal*, <stay* / remain*> [_] <constant / the same>, plateau*, <mean / level> is constant,
        <about / around> a constant <level / value / mean>, no rise and no fall, neither rises nor falls, no <trend / slope>"""),
    "up": phrases(
        "ris*, rose, climb*, increas*, grow*, grew, go* up, went up, upward(s), ascend*, up, gain(s), recover*"
    ),
    "down": phrases(
        "fall(s), fell, falling, declin*, decreas*, drop*, go* down, goes down, went down, downward(s), descend*, down, sink*, sank"
    ),
    "at": percent.MARK,
}
SUBJECT = ()  # its words are the trend's too
READER = reader({name: LEXICON[name] for name in ("at", "DOUBT", "hill", "bowl", "flat")}, SEPARATORS, LEXICON)
MOVES = {"up": ["up"], "down": ["down"], "flat": ["flat"], "hill": ["up", "down"], "bowl": ["down", "up"]}
READ = {
    ("up",): "rises",
    ("down",): "falls",
    ("flat",): "flat",
    ("up", "down"): "rises then falls",
    ("down", "up"): "falls then rises",
}


def read(sentence):
    """A sentence -> {"shape", "turn"}: labels, or None where it makes no single claim."""
    marks = stated(marks_of(READER, sentence))
    moves = [move for tag, _ in marks for move in MOVES.get(tag, ())]
    places = {percent.read(word) for tag, word in marks if tag == "at"}
    course = READ.get(tuple(tag for i, tag in enumerate(moves) if i == 0 or tag != moves[i - 1]))
    if course is None or {"NOT", "DOUBT", "UNSEEN"} & {tag for tag, _ in marks}:
        return {"shape": None, "turn": None}
    if "then" in course:
        return {"shape": course, "turn": places.pop() if len(places) == 1 else None}
    return {"shape": course, "turn": percent.NONE} if not places else {"shape": None, "turn": None}
