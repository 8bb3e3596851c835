"""One paragraph about a series that can stand in a report: what matters first, with the file's own times and values.

It is made of claims that the student made and the rules confirm. A claim on which they differ is left
out and named below; nothing is said that was not said and checked. The values and times are put in by
code, from the series itself.

Order (what explains most comes first): each sentence on the course, the season, the jump and the odd
points has a share, the part of the variance about the mean that this feature takes away alone: the
broken line; the mean of each place in the season, about the broken line; two levels; the odd points
replaced by their neighbours' median. A jump that takes away more than the course does replaces it.
The extremes and the noise come last. Four sentences at most.
"""

import datetime
import re

import numpy as np

from llm_ts.base import cli
from llm_ts.claims import odd, season, shape
from llm_ts.claims.places import third
from llm_ts.scores.score import outcomes_of
from llm_ts.series.scale import integers_of
from llm_ts.table.drawn import UNIT

DAY = 86400.0
MOST = 4  # sentences
LEVEL = 25  # of 99: half of the values of a level series lie within so much
NAME = "\0"  # where the series' name will stand
NOISE = {"low": "Little noise", "medium": "Some noise", "high": "Strong noise"}
YEAR = 365.25 * DAY
UNITS = (  # least step between two points, length, name
    (330 * DAY, YEAR, "year"), (80 * DAY, YEAR / 4, "quarter"), (27 * DAY, YEAR / 12, "month"), (6.5 * DAY, 7 * DAY, "week"),
    (0.9 * DAY, DAY, "day"), (3600, 3600, "hour"), (60, 60, "minute"), (0, 1, "second"),
)  # fmt: skip
ZONED = re.compile(r":\d\d(?:[.,]\d+)?(?:Z| ?UTC| ?GMT| ?[+-]\d\d:?\d\d)$")  # the file's own clock is told, not ours


def when(series, place):
    """The time of a point in words: "in January 1949", "in 1913", "on 1 March 2024", "at t07", "at point 5"."""
    label = series.labels[place] if series.labels else f"point {place + 1}"
    if series.at is None or series.kind not in ("date", "year") or ZONED.search(label):
        return f"at {label}"
    step = _step(series)
    try:
        time = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=float(series.at[place]))
    except OverflowError:  # beyond the years 1 to 9999
        return f"at {label}"
    if step > 330 * DAY:
        return f"in {time.year}"
    if step > 80 * DAY:
        return f"in the {('first', 'second', 'third', 'fourth')[(time.month - 1) // 3]} quarter of {time.year}"
    if step > 27 * DAY:
        return f"in {time:%B} {time.year}"
    clock = "" if step > 0.9 * DAY else f", {time:%H:%M}" if step >= 60 else f", {time:%H:%M:%S}"
    return f"on {time.day} {time:%B} {time.year}{clock}"


def at_label(series, time):
    """A time in the file's own words: "in 1913", "on 2024-03-01", "at t07", "at point 5"."""
    if isinstance(time, int):
        return f"at point {time}"
    words = {"year": "in", "date": "on"}
    return f"{words.get(series.kind, 'at')} {time}"


def _step(series):
    """The mean step: months have 30.4 days."""
    return float(series.at[-1] - series.at[0]) / (len(series.at) - 1)


def period(series, turns):
    """The length of a turn in words: "12 months", "11 years", "24 points"."""
    points = len(series.values) / turns
    if series.at is None or series.kind not in ("date", "year"):
        return f"{points:.0f} points"
    unit, name = next((unit, name) for least, unit, name in UNITS if _step(series) >= least)
    return f"{points * _step(series) / unit:.3g} {name}s"


def value(series, number):
    """A value with its unit, in as many digits as the range needs: "112", "315.9 ppm"."""
    span = float(np.ptp(series.values)) or 1.0
    digits = max(0, 2 - int(np.floor(np.log10(span))))
    text = f"{round(number, digits) + 0.0:.{digits}f}" if 1e-6 < span < 1e15 else f"{number:.4g}"
    text = text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
    return f"{text} {series.unit}".rstrip()


def told(series, words, *numbers):
    """Words with values in them; "" if the series is read off a picture whose values nobody gave."""
    return "" if series.unit == UNIT else words.format(*(value(series, number) for number in numbers))


def text_of(ready, answer):
    """An Asked and the Answer to it -> (the paragraph, [claims that were left out: the student and the rule differ])."""
    outcome, truth = outcomes_of(answer, ready.truth), ready.truth
    right = {claim: truth[claim] for claim, how in outcome.items() if how == "right"}
    left_out = [claim for claim, how in outcome.items() if how == "wrong"]
    k = np.array(integers_of(ready.series.values), dtype=float)
    features = features_of(ready, k, right)
    last = [text for text in (_extremes(ready, k, right), NOISE.get(right.get("noise"))) if text]
    shares = {name: share for share, name, _ in features}
    if shares.get("jump", 0) > shares.get("course", 1):
        features = [part for part in features if part[1] != "course"]
    sentences = [text for _, _, text in features][: MOST - len(last)] + last
    name = f"The series {ready.series.column!r}"
    if not sentences:
        return f"Nothing that the student said of {ready.series.column!r} is confirmed.", left_out
    if not any(NAME in text for text in sentences):
        sentences[0] = f"{NAME}: {sentences[0][0].lower()}{sentences[0][1:]}"
    return " ".join(f"{text}." for text in sentences).replace(NAME, name), left_out


def features_of(ready, k, right):
    """What can be said of an Asked by the labels {claim: label} that are right; k: the integers of the rules.

    Returns [(share, "course" | "season" | "jump" | "odd", sentence)], the greatest share first; NAME stands
    for the series.
    """
    found = (about(ready, k, right) for about in (_course, _season, _jump, _odd))
    return sorted((part for part in found if part), key=lambda part: -part[0])


def _share(k, rest):
    """The part of the squares about the mean of k that is not in rest, both (n,)."""
    total = ((k - k.mean()) ** 2).sum()
    return float(1 - (rest**2).sum() / total) if total else 0.0


def _broken(k):
    """(n,) -> what the best broken line leaves."""
    t = np.arange(len(k)) / (len(k) - 1)
    *_, at = shape.broken_line(k)
    parts = np.column_stack([np.ones(len(k)), t, np.maximum(0, t - at)])
    return k - parts @ np.linalg.lstsq(parts, k, rcond=None)[0]


def _course(ready, k, right):
    """(share, "course", sentence) of the shape; of the trend if the shape was not asked. None if it is not confirmed."""
    series, asked = ready.series, "shape" in ready.truth
    course = right.get("shape") if asked else shape.OF_TREND.get(right.get("trend"))
    if course is None:
        return None
    share, ends = _share(k, _broken(k)), [f"{value(series, series.values[at])} {when(series, at)}" for at in (0, len(k) - 1)]
    if course == "flat":
        # the trend's line is flat, the series need not be: half of its values may lie far apart
        spread = np.subtract(*np.percentile(k, [75, 25])) > LEVEL
        around = "stays level as a whole" + told(series, ", around {}", float(np.median(series.values)))
        return share, "course", f"{NAME} {around if asked and not spread else 'neither rises nor falls as a whole'}"
    blank = series.unit == UNIT  # of a picture only the heights are known
    if "then" not in course:
        if blank or (k[-1] > k[0]) != (course == "rises"):
            return share, "course", f"{NAME} {course} as a whole"
        return share, "course", f"{NAME} {course} from {ends[0]} to {ends[1]}"
    first, _, second = course.split()
    if "turn" not in right:
        return share, "course", f"{NAME} {first}, then {second}"
    until = when(series, round(ready.truth["numbers"]["turn_at"] * (len(k) - 1))).split(" ", 1)[1]
    if blank:
        return share, "course", f"{NAME} {first} until {until}, then {second}"
    return share, "course", f"{NAME} {first} from {ends[0]} until {until}, then {second} to {ends[1]}"


def _season(ready, k, right):
    if right.get("turns", season.NO) == season.NO:
        return None
    turns, rest = ready.truth["numbers"]["turn_count"], _broken(k)
    every = "" if ready.series.unit == UNIT and ready.series.at is None else f", every {period(ready.series, turns)}"
    phase = (np.arange(len(k)) * turns / len(k)) % 1
    bins = (phase * max(2, min(24, round(len(k) / turns)))).astype(int)
    means = np.bincount(bins, rest) / np.maximum(1, np.bincount(bins))
    share = _share(k, k - k.mean() - means[bins])
    return share, "season", f"It repeats itself about {round(turns)} times{every}"


def _jump(ready, k, right):
    if right.get("jump", "none") == "none" or "jump_at" not in right:
        return None
    series, place = ready.series, round(ready.truth["numbers"]["jump_place"] * len(k))
    width = max(3, len(k) // 10)
    before, after = (
        np.median(series.values[part]) for part in (slice(max(0, place - width), place), slice(place, place + width))
    )
    rest = np.concatenate([k[:place] - k[:place].mean(), k[place:] - k[place:].mean()])
    text = f"The level jumps {right['jump']} {when(series, place)}{told(series, ', from about {} to {}', before, after)}"
    return _share(k, rest), "jump", text


def _odd(ready, k, right):
    kind = right.get("odd", "none")
    if kind == "none" or (kind != "several" and "odd_at" not in right):
        return None
    if kind == "several" and right.get("turns", season.NO) != season.NO:  # the narrow peaks of the season
        return None
    rest = odd.rest_of(k)
    far = np.abs(rest) >= odd.OTHER * np.abs(rest).max()
    share = float((rest[far] ** 2).sum() / ((k - k.mean()) ** 2).sum())
    if kind == "several":
        return share, "odd", "Several single points stand out"
    place = int(np.argmax(np.abs(rest)))
    height = told(ready.series, ", to {},", ready.series.values[place])
    text = f"A single {kind}{height} stands out {when(ready.series, place)}"
    return share, "odd", text


def _extremes(ready, k, right):
    """ "Highest 622 in July 1960, lowest 104 in November 1949", if every claim on their places is confirmed."""
    parts = []
    for name, claims_of, extreme in (("highest", ("max_tenth", "max"), k.max()), ("lowest", ("min_tenth", "min"), k.min())):
        asked = [claim for claim in claims_of if claim in ready.truth]
        place = place_of(ready, name)
        # two values that are one integer to the rules may lie far apart: then the place was not checked
        if asked and all(claim in right for claim in asked) and _one_place(place, int(np.argmax(k == extreme)), len(k)):
            parts.append(extreme_of(ready, name))
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


def place_of(ready, name):
    return int((np.argmax if name == "highest" else np.argmin)(ready.series.values))


def extreme_of(ready, name):
    """An Asked, "highest" or "lowest" -> "highest 622 in July 1960"."""
    series, fact, place = ready.series, ready.facts[name], place_of(ready, name)
    same = series.labels is None or series.labels[place] == str(fact["time"])
    height = told(series, " {}", fact["value"])
    return f"{name}{height} {when(series, place) if same else at_label(series, fact['time'])}"


def _one_place(place, other, n):
    """Whether what is right of one point's place is right of another's."""
    return abs(place - other) <= 0.1 * n and third(place, n) == third(other, n)


def lines_of(ready, answer):
    """What describe.py --text prints of a series: the paragraph, and below it what was left out."""
    text, left_out = text_of(ready, answer)
    lines = [text]
    if left_out:
        lines.append(f"left out, the student and the rule differ: {', '.join(left_out)}")
    if ready.series.picture:
        lines.append("read off a picture, whose axes nobody looked at")
    return [cli.visible(line) for line in lines]
