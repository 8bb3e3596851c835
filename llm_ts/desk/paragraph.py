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

import numpy as np

from llm_ts.base import cli
from llm_ts.claims import odd, season, shape
from llm_ts.scores.score import outcomes_of

DAY = 86400.0
MOST = 4  # sentences
NOISE = {"low": "Little noise", "medium": "Some noise", "high": "Strong noise"}
YEAR = 365.25 * DAY
UNITS = (  # least step between two points, length, name
    (330 * DAY, YEAR, "year"), (80 * DAY, YEAR / 4, "quarter"), (27 * DAY, YEAR / 12, "month"), (6.5 * DAY, 7 * DAY, "week"), (0.9 * DAY, DAY, "day"),
)  # fmt: skip


def when(series, place):
    """The time of a point in words: "in January 1949", "in 1913", "on 1 March 2024", "at t07", "at point 5"."""
    if series.at is None or series.kind not in ("date", "year"):
        return f"at {series.labels[place]}" if series.labels else f"at point {place + 1}"
    step, time = _step(series), datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=float(series.at[place]))
    if step > 330 * DAY:
        return f"in {time.year}"
    if step > 80 * DAY:
        return f"in the {('first', 'second', 'third', 'fourth')[(time.month - 1) // 3]} quarter of {time.year}"
    if step > 27 * DAY:
        return f"in {time:%B} {time.year}"
    return f"on {time.day} {time:%B} {time.year}" + (f", {time:%H:%M}" if step < 0.9 * DAY else "")


def _step(series):
    return float(np.median(np.diff(series.at)))


def period(series, turns):
    """The length of a turn in words: "12 months", "11 years", "24 points"."""
    points = len(series.values) / turns
    if series.at is not None and series.kind in ("date", "year"):
        seconds = points * _step(series)
        for least, unit, name in UNITS:
            if _step(series) >= least:
                return f"{seconds / unit:.0f} {name}s"
        return f"{seconds / 3600:.3g} hours"
    return f"{points:.0f} points"


def value(series, number):
    """A value with its unit, in as many digits as the range needs: "112", "315.9 ppm"."""
    span = float(np.ptp(series.values)) or 1.0
    digits = max(0, 2 - int(np.floor(np.log10(span))))
    text = f"{number:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text} {series.unit}".rstrip()


def text_of(ready, answer):
    """An Asked and the Answer to it -> (the paragraph, [claims that were left out: the student and the rule differ])."""
    outcome, truth = outcomes_of(answer, ready.truth), ready.truth
    right = {claim: truth[claim] for claim, how in outcome.items() if how == "right"}
    left_out = [claim for claim, how in outcome.items() if how == "wrong"]
    said = [
        part for part in (_course(ready, right), _season(ready, right), _jump(ready, right), _odd(ready, right)) if part
    ]
    shares = {name: share for share, name, _ in said}
    if shares.get("jump", 0) > shares.get("course", 1):
        said = [part for part in said if part[1] != "course"]
    said.sort(key=lambda part: -part[0])
    last = [text for text in (_extremes(ready, right), NOISE.get(right.get("noise"))) if text]
    sentences = [text for _, _, text in said][: MOST - len(last)] + last
    return " ".join(f"{text}." for text in sentences), left_out


def _name(ready):
    return f"The series {ready.series.column!r}"


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


def _course(ready, right):
    """(share, "course", sentence) of the shape, else of the trend; None where neither is confirmed."""
    series, k = ready.series, ready.series.values
    course = right.get("shape") or shape.OF_TREND.get(right.get("trend"))
    if course is None:
        return None
    share, ends = (
        _share(k, _broken(k)),
        [f"{value(series, k[place])} {when(series, place)}" for place in (0, len(k) - 1)],
    )
    if course == "flat":
        return share, "course", f"{_name(ready)} stays level as a whole, around {value(series, float(np.median(k)))}"
    if "then" not in course:
        return share, "course", f"{_name(ready)} {course} from {ends[0]} to {ends[1]}"
    first, _, second = course.split()
    if "turn" not in right:
        return share, "course", f"{_name(ready)} {first} from {ends[0]}, then {second} to {ends[1]}"
    turn = round(ready.truth["numbers"]["turn_at"] * (len(k) - 1))
    until = when(series, turn).split(" ", 1)[1]
    return share, "course", f"{_name(ready)} {first} from {ends[0]} until {until}, then {second} to {ends[1]}"


def _season(ready, right):
    if right.get("turns", season.NO) == season.NO:
        return None
    turns, k = ready.truth["numbers"]["turn_count"], ready.series.values
    rest = _broken(k)
    phase = (np.arange(len(k)) * turns / len(k)) % 1
    bins = (phase * max(2, min(24, round(len(k) / turns)))).astype(int)
    means = np.bincount(bins, rest) / np.maximum(1, np.bincount(bins))
    share = _share(k, k - k.mean() - means[bins])
    return share, "season", f"It repeats itself about {round(turns)} times, every {period(ready.series, turns)}"


def _jump(ready, right):
    if right.get("jump", "none") == "none" or "jump_at" not in right:
        return None
    series, k = ready.series, ready.series.values
    place = round(ready.truth["numbers"]["jump_place"] * len(k))
    width = max(3, len(k) // 10)
    before, after = np.median(k[max(0, place - width) : place]), np.median(k[place : place + width])
    rest = np.concatenate([k[:place] - k[:place].mean(), k[place:] - k[place:].mean()])
    text = f"The level jumps {right['jump']} {when(series, place)}, from about {value(series, before)} to {value(series, after)}"
    return _share(k, rest), "jump", text


def _odd(ready, right):
    kind = right.get("odd", "none")
    if kind == "none" or (kind != "several" and "odd_at" not in right):
        return None
    k = ready.series.values
    rest = odd.rest_of(k)
    far = np.abs(rest) >= odd.OTHER * np.abs(rest).max()
    share = float((rest[far] ** 2).sum() / ((k - k.mean()) ** 2).sum())
    if kind == "several":
        return share, "odd", "Several spikes stand out"
    place = int(np.argmax(np.abs(rest)))
    return share, "odd", f"A single {kind}, to {value(ready.series, k[place])}, stands out {when(ready.series, place)}"


def _extremes(ready, right):
    """ "Highest 622 in July 1960, lowest 104 in November 1949", as far as a claim on their places is confirmed."""
    series, parts = ready.series, []
    for name, claims_of in (("highest", ("max_tenth", "max")), ("lowest", ("min_tenth", "min"))):
        if any(claim in right for claim in claims_of):
            place = int((np.argmax if name == "highest" else np.argmin)(series.values))
            parts.append(f"{name} {value(series, ready.facts[name]['value'])} {when(series, place)}")
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


def lines_of(ready, answer):
    """What describe.py --text prints of a series: the paragraph, and below it what was left out."""
    text, left_out = text_of(ready, answer)
    lines = [text or f"Nothing that the student said of {ready.series.column!r} is confirmed."]
    if left_out:
        lines.append(f"left out, the student and the rule differ: {', '.join(left_out)}")
    return [cli.visible(line) for line in lines]
