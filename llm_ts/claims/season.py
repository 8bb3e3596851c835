"""The season: does the series repeat itself, and how many times over the window?

Rule, version 2. A slow course is taken out by least squares: a straight line, and if the series does
not repeat itself about this, a polynomial of degree 5. r_p is the autocorrelation of the rest at lag
p, each sum divided by its number of terms.
    p = the first of the peaks of r (2 <= p <= n/2, 0.3 above the least r before it) that is at most
    0.25 below the highest peak; the peaks near 2p, 3p, ... tell the period p* more exactly
    turns = n / p*; at least 2 about the line, at least 6 about the polynomial
    it repeats itself if r_p > 0.6, from 3 turns on; with fewer turns if r_p > 0.8
    clear if r_p is at least 0.08 away from that limit
A period is the lag of the first high peak of the autocorrelation of what is left of the trend: Wang,
Smith and Hyndman (2006, Data Mining and Knowledge Discovery 13, 335), Vlachos, Yu and Castelli (2005,
SDM). Any form repeats: sines, saw teeth and square waves have r_p from 0.8 on. A number of turns is
right if it is the nearest whole number, or at most a tenth off; 64 stands for more, too. Limits: none is seen in fewer than 12
points; by chance, 1 of 100 random walks repeats itself; a season whose length drifts is not seen;
sharp waves of fewer than 8 points a turn may be counted in groups.
"""

import re

import numpy as np

from llm_ts.claims.lexicon import MAYBE, SEPARATORS, clauses_of, marks_of, phrases, reader

NAME = "season"
NO = "no"
MOST = 64  # turns that have a label, and more
LABELS = {"turns": (NO, *map(str, range(2, MOST + 1)))}
NUMBERS = ("turn_count",)
ASKED = "how many times it repeats itself, if it does"
ASKED_OF_TEACHER = "does it repeat itself, as a wave or a season does, and about how many times over the window?"
ERROR_RATE = 15 / 220  # a guess, the trend's: the original study asked no such thing
IF_WRONG = "verify"

FEWEST, LEAST, STRONG, MARGIN = 12, 0.6, 0.8, 0.08
THRESHOLDS = {"repeats": LEAST}
RISE, NEAR = 0.3, 0.25  # of a peak above what is before it; of the first peak below the highest
COURSES = ((1, 2), (5, 6))  # degree of the slow course, and turns from which it cannot take the season out


def autocorrelation(rest):
    """n numbers about their course -> (n,): r_p for the lags 0..n-1."""
    n = len(rest)
    power = np.abs(np.fft.rfft(rest, 2 * n)) ** 2
    sums = np.fft.irfft(power)[:n]
    return sums / sums[0] * n / (n - np.arange(n))


def _refined(r, lag):
    """The lag of a peak of r between the points: the top of the parabola through three."""
    before, at, after = r[lag - 1 : lag + 2]
    curve = before - 2 * at + after
    return lag + (0.5 * (before - after) / curve if curve else 0.0)


def repetition_of(k, degree, fewest):
    """(r_p, turns) of a series about a polynomial course; (0, 0) where nothing repeats."""
    n = len(k)
    t = np.linspace(-1, 1, n)
    rest = k - np.polynomial.Legendre.fit(t, k, degree)(t)
    if rest @ rest < n:  # within 1 unit of its course: the rounding to integers
        return 0.0, 0.0
    r = autocorrelation(rest)
    least = np.minimum.accumulate(r)
    peaks = [
        p for p in range(2, min(n // fewest, n - 2) + 1) if r[p] >= max(r[p - 1], r[p + 1]) and r[p] - least[p] > RISE
    ]
    if not peaks:
        return 0.0, 0.0
    highest = max(r[p] for p in peaks)
    first = next(p for p in peaks if r[p] >= highest - NEAR)
    # the later peaks, in the first three quarters of the lags, where r is an average of enough terms
    period, count = _refined(r, first), 2
    while True:
        low, high = (round(period * (count + shift)) for shift in (-0.2, 0.2))
        if high >= min(0.75 * n, n - 1):
            return float(r[first]), n / period
        lag = low + int(np.argmax(r[low : high + 1]))
        if r[lag] < 0.2 or r[lag] < max(r[lag - 1], r[lag + 1]):
            return float(r[first]), n / period
        period, count = _refined(r, lag) / count, count + 1


def measure(series, repeats=LEAST):
    """Integers -> {claim: (label, whether it is clear, the number that it was read from)}; repeats: the threshold."""
    k = np.asarray(series, dtype=float)
    clear = True
    for degree, fewest in COURSES if len(k) >= FEWEST else ():
        height, turns = repetition_of(k, degree, fewest)
        limit = repeats if turns >= 3 else STRONG
        clear = clear and abs(height - limit) >= MARGIN
        if height > limit and round(turns) >= 2:
            return {"turns": (str(min(MOST, round(turns))), abs(height - limit) >= MARGIN, round(turns, 6))}
    return {"turns": (NO, clear, 0.0)}


def off(claim, said, number):
    """How far off a label is: at most 1 is right. The nearest whole number, or a tenth."""
    if said == NO or not number:
        return 0.0 if said == NO and not number else np.inf
    return abs(int(said) - min(number, MOST)) / max(0.1 * min(number, MOST), 0.5)


def say(labels):
    turns = labels["turns"]
    return "It does not repeat itself." if turns == NO else f"It repeats itself about {turns} times."  # 64: or more


NEVER = (
    "There is no seasonality in the series.", "No regular pattern is visible in the curve.", "The path has no repeating pattern.",
    "The series does not repeat itself over time.", "Nothing in the curve recurs at regular intervals.",
)  # fmt: skip
OFTEN = (
    "The same pattern recurs about {} times.", "There are some {} cycles over the window.", "A regular wave makes about {} turns.",
    "It is seasonal, with about {} periods over the window.", "It swings regularly, about {} times.",
)  # fmt: skip


def reword(labels, rng):
    """The same claim in other words, as the simulated teacher says it."""
    return rng.choice(NEVER) if labels["turns"] == NO else rng.choice(OFTEN).format(labels["turns"])


WORDS = "one two three four five six seven eight nine ten eleven twelve".split()
NUMBER = rf"(?:\d+|half a dozen|a dozen|{'|'.join(WORDS[1:])})"
EACH = "times?|cycles|waves|turns|periods|repetitions|repeats|swings|oscillations|humps|bumps|seasons"
LEXICON = {
    "count": rf"\btwice\b|\b{NUMBER} (?:(?!times)\w+ ){{0,3}}?(?:{EACH})\b",
    "length": rf"\b(?:period|cycle|season|wave|length) of [\w ]{{0,12}}?{NUMBER}\b|\bevery {NUMBER}\b",  # in points, or months
    "NOT_": phrases(
        "nothing, <little / negligible / minimal / scant> {then: [_] [of] <season* / cycl* / periodic* / repet*>}"
    ),
    "UNSEEN": phrases("<is / are / was> [_] <negligible / insignificant / minimal>"),
    "DOUBT": MAYBE,
    "number": rf"\b{NUMBER}\b",
    "irregular": phrases(
        "irregular* {not: places / intervals / times / spikes / points}, aperiodic*, nonseasonal, non <seasonal / periodic / cyclic*>, acyclic*"
    ),
    "season": phrases("""
        repeat*, repet*, recur*, season*, cycl*, periodic*, regular [_] <pattern* / wave* / interval* / oscillation* / swing* / rhythm*>,
        regularly, rhythmic*, oscillat*, period, periods"""),
}
SUBJECT = ("season", "irregular", "count", "length")  # not "number", which other topics tell too
READER = reader(LEXICON, SEPARATORS)


def read(sentence):
    """A sentence -> {"turns": its label, or None where it makes no single claim, or tells no number of turns}."""
    marks = marks_of(READER, sentence)
    tags = [tag for tag, _ in marks if tag not in ("~", "UNKNOWN")]
    counts, found = {_number(word) for tag, word in marks if tag == "count"}, set()
    for said, denied, _ in clauses_of(tags):
        if "irregular" in said or ("season" in denied and "season" not in said):
            found.add(NO)
        elif {"season", "count"} & set(said):
            found.add("yes")
    silent = {"turns": None}
    if len(found) != 1 or {"DOUBT", "length"} & set(tags):
        return silent
    if found == {NO}:
        return silent if counts or "number" in tags or _open_denial(tags) else {"turns": NO}
    return {"turns": counts.pop()} if len(counts) == 1 and "NOT" not in tags[: tags.index("count")] else silent


def _number(word):
    """What "count" found -> its label: "twice" -> "2", "about twelve turns" -> "12"; None beyond the labels."""
    first = word.split()[0]
    dozens = {"twice": 2, "half": 6, "a": 12}
    number = dozens.get(first) or (int(first) if first.isdigit() else WORDS.index(first) + 1)
    return str(number) if 2 <= number <= MOST else None


def _open_denial(tags):
    """Whether it is open what is denied: "no trend and a season", "it repeats nothing"."""
    text = re.sub(r"STOP|COMMA|BUT|WHILE|THEN|CONCEDE", "|", " ".join(tags))
    return re.search(r"NOT (?!season)[^|]*AND [^|]*season|(?<!NOT )season NOT(?! season)", text) is not None
