"""A picture of a series with its claims marked, as SVG: the fitted line, the band of the noise, maximum and minimum, and
where it turns, jumps or has an odd point.

The CSS class of a mark is the claim's outcome (right, wrong, ambiguous, unread); the page gives it a colour.
"""

import html

import numpy as np

from llm_ts import claims
from llm_ts.claims import noise, percent

LETTER = 7.8  # pixels of a letter in 12 pixels, on average, in the widest of the common fonts (DejaVu Sans)
MOST = 1000  # points drawn one by one; of more, the least and the greatest of each bin
BELL = np.array([1, 2, 3, 4, 3, 2, 1]) / 16  # the course that the band lies around


def marks_of(values):
    """n >= 4 numbers -> {"line": (first, last) height of the fitted line, "course": n numbers, "half": half the band's width,
    "max": place, "min": place}. The band is as wide as the rule's typical step, to both sides of the smoothed course."""
    values = np.asarray(values, dtype=float)
    slope, level = np.polyfit(np.arange(len(values)), values, 1)
    reach = min(3, len(values) - 1)
    before, after = 2 * values[0] - values[reach:0:-1], 2 * values[-1] - values[-2 : -reach - 2 : -1]
    course = np.convolve(np.concatenate([before, values, after]), BELL, mode="valid")
    half = noise.roughness_of(values) * np.ptp(values)
    return {
        "line": (level, level + slope * (len(values) - 1)), "course": course, "half": half,
        "max": int(np.argmax(values)), "min": int(np.argmin(values)),
    }  # fmt: skip


# claims on one place that a series may have or not: a line across, with this word
MARKED = {"turn": "turn", "jump_at": "jump", "odd_at": "odd"}


def picture(values, outcomes, truth=None, name="value", ends=None, width=480, height=280):
    """n numbers -> the text of an <svg>.

    outcomes: {claim: outcome}; what is not in it is not marked. truth: of the values, said to those who cannot see it; without it
    no turn, jump or odd point is marked.
    name: of the values, with their unit; ends: what the first and the last point are called; default: their numbers from 0.
    """
    values = np.asarray(values, dtype=float)
    marks, n = marks_of(values), len(values)
    low, high = values.min(), values.max()
    room = 0.12 * (high - low or 1)
    ticks = _ticks(low, high)
    left = 12 + LETTER * max(len(text) for _, text in ticks)
    right, top, bottom = 12, 24, 40

    def x(place):
        return round(left + place / max(1, n - 1) * (width - left - right), 1)

    def y(value):
        value = min(max(value, low - room), high + room)
        return round(height - bottom - (value - low + room) / (high - low + 2 * room) * (height - top - bottom), 1)

    # the axes: grid, thirds, names
    parts = [f'<line class="grid" x1="{left:.1f}" x2="{width - right}" y1="{y(at)}" y2="{y(at)}"/>' for at, _ in ticks]
    parts += [_text(left - 5, y(at) + 4, text, "end") for at, text in ticks]
    for third in (1, 2):  # point i belongs to third floor(3 i / n)
        border = x(third * n / 3 - 0.5)
        parts.append(f'<line class="third" x1="{border}" x2="{border}" y1="{top}" y2="{height - bottom}"/>')
    first, last = ends or ("0", str(n - 1))
    at_most = int((width - left - right) / 2 / LETTER)
    parts += [
        _text(left, height - bottom + 15, _shorten(first, at_most), "start"),
        _text(width - right, height - bottom + 15, _shorten(last, at_most), "end"),
    ]
    parts += [
        _text(x((k + 0.5) * n / 3 - 0.5), height - 6, part, "middle", "part")
        for k, part in enumerate(("beginning", "middle", "end"))
    ]
    parts.append(_text(4, 14, _shorten(name, int(width / LETTER) - 2), "start"))

    # the series, between the marks below it and those above it
    shown = range(0, n, max(1, n // MOST))
    if "noise" in outcomes:
        upper = [f"{x(i)},{y(marks['course'][i] + marks['half'])}" for i in shown]
        lower = [f"{x(i)},{y(marks['course'][i] - marks['half'])}" for i in reversed(shown)]
        parts.append(f'<polygon class="band {outcomes["noise"]}" points="{" ".join(upper + lower)}"/>')
    parts.append(f'<polyline class="path" points="{" ".join(f"{x(i)},{y(values[i])}" for i in _drawn(values))}"/>')
    if "trend" in outcomes:
        begin, end = marks["line"]
        parts.append(f'<line class="fit {outcomes["trend"]}" x1="{x(0)}" x2="{x(n - 1)}" y1="{y(begin)}" y2="{y(end)}"/>')
    for claim, step in (("max", -8), ("min", 17)):
        if claim in outcomes:
            place = marks[claim]
            beside = min(max(x(place), left + 14), width - right - 14)
            parts.append(f'<circle class="{claim} {outcomes[claim]}" cx="{x(place)}" cy="{y(values[place])}" r="5"/>')
            parts.append(_text(beside, y(values[place]) + step, claim, "middle", outcomes[claim]))

    for claim, word in MARKED.items():
        if claim in outcomes and truth and truth[claim] != percent.NONE:
            at = x(truth["numbers"][claims.NUMBER_OF[claim]] * n - 0.5)
            parts.append(f'<line class="place {outcomes[claim]}" x1="{at}" x2="{at}" y1="{top}" y2="{height - bottom}"/>')
            parts.append(_text(min(max(at, left + 14), width - right - 14), height - bottom - 4, word, "middle", outcomes[claim]))

    # what is true, for those who cannot see it
    true = ", ".join(f"{claim} {truth[claim]}" for claim in outcomes) if truth else ""
    alt = html.escape(f"the series{': ' if true else ''}{true}", quote=True)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{alt}">'
    return head + "".join(parts) + "</svg>"


def _text(x, y, text, anchor, kind=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{html.escape(text)}</text>'


def _shorten(text, most):
    return text if len(text) <= most else text[: max(1, most - 1)] + "…"


def _ticks(low, high):
    """[(value, its text), ...]: round values between the least and the greatest, as matplotlib chooses them."""
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    ticks = [at for at in ticks if low <= at <= high] or [low]
    step = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else 1
    return [(at, "0" if abs(at) < step / 1000 else f"{at:.12g}") for at in ticks]


def _drawn(values):
    """The places of the points to draw: all, or of many the least and the greatest of each bin, in their order."""
    n = len(values)
    if n <= MOST:
        return range(n)
    found = {0, n - 1}
    for part in np.array_split(np.arange(n), MOST // 2):
        found |= {int(part[values[part].argmin()]), int(part[values[part].argmax()])}
    return sorted(found)
