"""The teacher of the dry run: says what is true of a row in varied words, and errs as often as a real teacher did.

Reads: a row in memory. Writes: nothing.
Run: no command of its own; `python mistral.py --dryrun` asks it.

Limits first. Its sentences are templates (60 for a trend, 14 to 21 for a noise, 120 to 540 for two extrema): plainer
than a real teacher's. It errs independently of how hard a series is, where a real teacher errs near the borders of
the rule. What it shows is that the pipeline works, never how good a real teacher is.
"""

import random

import truth

MODEL = "simulated"
# Wrong sentences among the 220 of the original study, per sentence.
ERROR_RATES = {"trend": 15 / 220, "noise": 28 / 220, "extrema": 10 / 220}

SUBJECTS = ("The series", "The curve", "The path", "The signal", "Overall, the series", "Overall, the curve")
TREND = {
    "increasing": (
        "shows an increasing trend over time",
        "shows a clear upward trend",
        "rises over the whole window",
        "climbs over the whole window",
        "increases over the observed time",
        "goes up over the window",
        "moves upward over the window",
        "trends upward over time",
        "drifts upwards over time",
        "grows as time goes on",
    ),
    "decreasing": (
        "shows a decreasing trend over time",
        "shows a clear downward trend",
        "falls over the whole window",
        "declines over the whole window",
        "decreases over the observed time",
        "goes down over the window",
        "moves downward over the window",
        "trends downward over time",
        "drifts downwards over time",
        "drops as time goes on",
    ),
    "flat": (
        "shows a flat trend over time",
        "shows no clear trend over time",
        "stays flat over the whole window",
        "remains level over the whole window",
        "stays at about the same level",
        "keeps a constant level over time",
        "has no overall trend in time",
        "moves sideways over the window",
        "hovers around a constant level",
        "neither rises nor falls over time",
    ),
}

NOISE_WORDS = {"low": ("low", "weak", "small"), "medium": ("medium", "moderate"), "high": ("high", "strong", "heavy")}
NOISE = (
    "The noise intensity is {} throughout the series.",
    "The noise is {} over the whole window.",
    "The series shows {} noise over time.",
    "The curve carries {} noise throughout the window.",
    "There is {} noise around the general course.",
    "The path has a {} level of noise.",
)
NOISE_WHOLE = {  # sentences without one of the words above
    "low": (
        "The curve is smooth, with hardly any noise.",
        "The series is smooth, with very little noise.",
        "The fluctuations from point to point are small.",
    ),
    "medium": (
        "The series is moderately noisy from point to point.",
        "The fluctuations from point to point are moderate.",
    ),
    "high": (
        "The series is very noisy from point to point.",
        "The curve is rough and highly noisy throughout.",
        "The fluctuations from point to point are strong.",
    ),
}

EXTREMA_NAMES = (  # of the maximum, of the minimum
    ("maximum", "minimum"),
    ("global maximum", "global minimum"),
    ("highest value", "lowest value"),
    ("highest point", "lowest point"),
    ("peak", "lowest point"),
)
PLACES = {
    "beginning": ("at the beginning", "near the beginning", "at the start"),
    "middle": ("in the middle", "around the middle", "near the middle"),
    "end": ("at the end", "near the end", "towards the end"),
}
APART = (  # a, b: the names of the two extrema; at_a, at_b: their places
    "The {a} lies {at_a} and the {b} {at_b}.",
    "The {a} lies {at_a}, while the {b} lies {at_b}.",
    "The {a} is found {at_a} and the {b} {at_b}.",
    "The {a} occurs {at_a}, the {b} {at_b}.",
    "The series reaches its {a} {at_a} and its {b} {at_b}.",
    "The curve has its {a} {at_a} and its {b} {at_b}.",
)
TOGETHER = (
    "Both the {a} and the {b} lie {at_a}.",
    "Both the {a} and the {b} are found {at_a}.",
    "The {a} and the {b} both occur {at_a}.",
    "The series reaches both its {a} and its {b} {at_a}.",
)


def _wrong_pair(high, low, rng):
    """A pair of thirds near (high, low) but not it: the two swapped, or one of them in another third."""
    wrong = [(other, low) for other in truth.THIRDS if other != high]
    wrong += [(high, other) for other in truth.THIRDS if other != low]
    if high != low and (low, high) not in wrong:
        wrong.append((low, high))
    return rng.choice(wrong)


def _say_trend(label, rng):
    return f"{rng.choice(SUBJECTS)} {rng.choice(TREND[label])}."


def _say_noise(label, rng):
    filled = [template.format(word) for template in NOISE for word in NOISE_WORDS[label]]
    return rng.choice([*filled, *NOISE_WHOLE[label]])


def _say_extrema(high, low, rng):
    names = rng.choice(EXTREMA_NAMES)
    parts = [(names[0], rng.choice(PLACES[high])), (names[1], rng.choice(PLACES[low]))]
    rng.shuffle(parts)
    (a, at_a), (b, at_b) = parts
    return rng.choice(TOGETHER if high == low else APART).format(a=a, b=b, at_a=at_a, at_b=at_b)


def describe(row, seed):
    """A row with its truth -> {"trend", "noise", "extrema"}, some of them wrong; fixed by (seed, id, truth) alone.

    {"trend": "increasing", ...} -> {"trend": "The curve rises over the whole window.", ...}
    """
    labels = row["truth"]
    rngs = {kind: random.Random(f"{seed} {row['id']} {kind}") for kind in ERROR_RATES}
    errs = {kind: rng.random() < ERROR_RATES[kind] for kind, rng in rngs.items()}
    said = {}
    for kind, say in (("trend", _say_trend), ("noise", _say_noise)):
        label, rng = labels[kind], rngs[kind]
        if errs[kind]:
            label = rng.choice([other for other in truth.LABELS[kind] if other != label])
        said[kind] = say(label, rng)
    pair, rng = (labels["max"], labels["min"]), rngs["extrema"]
    if errs["extrema"]:
        pair = _wrong_pair(*pair, rng)
    said["extrema"] = _say_extrema(*pair, rng)
    return said


def answer(row, seed, second=False):
    """The `gold` and `teacher` of a row, marked as simulated; a second teacher's seed differs from the first's."""
    if second:
        seed += (row.get("teacher") or {}).get("seed", 0) + 1
    teacher = {
        "model": MODEL,
        "simulated": True,
        "seed": seed,
        "prompt_version": None,
        "date": None,  # nobody was asked, on no day: so a dry run repeats byte for byte
        "tokens": {"prompt": 0, "completion": 0},
    }
    return {"gold": describe(row, seed), "teacher": teacher}
