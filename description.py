"""The spoken form: the prompt, how a series is written, the answer's schema, and reading an answer back.

Reads, writes: nothing.
Run: no command of its own. What a sentence claims is read by read_claim, whose lexicons fill a file of their own.

A change of SYSTEM, INSTRUCTION or a format changes what every trained student was asked: raise PROMPT_VERSION.
"""

import json
import re

import records
import truth
from claims import read_claim

__all__ = ["read_claim"]  # a part of the spoken form, written in claims.py

PROMPT_VERSION = 1
SENTENCES = records.SENTENCES

SYSTEM = "You describe time series."
INSTRUCTION = (
    "Describe the series in three sentences: its trend (increasing, decreasing or flat), its noise "
    "(low, medium or high), and where its maximum and minimum lie (beginning, middle or end). "
    'Answer in JSON: {"trend": "...", "noise": "...", "extrema": "..."}'
)
ANSWER_SCHEMA = {
    "type": "object",
    "properties": {name: {"type": "string", "minLength": 1} for name in SENTENCES},
    "required": list(SENTENCES),
    "additionalProperties": False,
}


def _joined(series, separator):
    return separator.join(f"{k:02d}" for k in series)


def _thirds(series, separator):
    by_third = {name: [] for name in truth.THIRDS}
    for i, k in enumerate(series):
        by_third[truth.third(i, len(series))].append(k)
    return "".join(f"\n{name}: {_joined(values, separator)}" for name, values in by_third.items())


FORMATS = {
    "study": lambda series: f" [{_joined(series, ', ')}]",
    "space": lambda series: f" {_joined(series, ' ')}",
    "compact": lambda series: f" {_joined(series, '')}",
    "thirds": lambda series: _thirds(series, " "),
    "thirds-comma": lambda series: _thirds(series, ", "),
    "thirds-compact": lambda series: _thirds(series, ""),
}


def series_to_text(series, fmt):
    """[0, 5, 99] in "study" -> " [00, 05, 99]"; in "thirds" -> "\\nbeginning: 00\\nmiddle: 05\\nend: 99"."""
    return FORMATS[fmt](series)


def text_to_series(text):
    """The inverse of series_to_text for every format: two-digit numbers in order."""
    return [int(k) for k in re.findall(r"\d\d", text)]


def prompt_of(series, fmt):
    """What the student is asked about n integers 0..99, the series written in the named format."""
    return f"{INSTRUCTION}\nSeries:{series_to_text(series, fmt)}"


def messages_of(prompt):
    """The chat that carries a prompt; a system message of our own keeps templates from adding theirs."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]


def sentences_of(labels):
    """Labels of truth.py -> the three hand-made sentences {"trend", "noise", "extrema"}."""
    if labels["max"] == labels["min"]:
        extrema = f"Both the maximum and the minimum lie at the {labels['max']}."
    else:
        extrema = f"The maximum lies at the {labels['max']} and the minimum at the {labels['min']}."
    return {
        "trend": f"The trend is {labels['trend']}.",
        "noise": f"The noise intensity is {labels['noise']}.",
        "extrema": extrema.replace("at the middle", "in the middle"),
    }


def answer_of(sentences):
    """Three sentences -> the JSON that the student shall answer, keys in fixed order."""
    return json.dumps({name: sentences[name] for name in SENTENCES}, ensure_ascii=False)


def _has_bytes(text):
    """Whether a text can be written: half a surrogate pair, which JSON may spell, cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def points_text(points):
    """[48, 128] -> "48 and 128"; more than three lengths as their range, "32 to 255"."""
    return " and ".join(map(str, points)) if len(points) < 4 else f"{points[0]} to {points[-1]}"


def fits_schema(value):
    """Whether a value is what ANSWER_SCHEMA asks: exactly three texts, none of them blank."""
    return (
        isinstance(value, dict)
        and set(value) == set(SENTENCES)
        and all(isinstance(text, str) and text.strip() and _has_bytes(text) for text in value.values())
    )


def parse_answer(text):
    """A model's answer -> (sentences, how): how is "strict", "repaired" or "unreadable" (sentences None).

    Strict: the whole text is the JSON asked for. Repaired: the JSON stands in prose or code fences,
    or has further keys. `Here: {"trend": "up", ...}` -> repaired.
    """
    try:
        value = json.loads(text)
        if fits_schema(value):
            return value, "strict"
    except (ValueError, RecursionError):
        pass
    decoder = json.JSONDecoder()
    for start in re.finditer(r"\{", text):
        try:
            value, _ = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            value = {name: value.get(name) for name in SENTENCES}
            if fits_schema(value):
                return value, "repaired"
    return None, "unreadable"
