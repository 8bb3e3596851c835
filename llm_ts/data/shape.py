"""The form of the fields of a row of data.jsonl, or of a pair, for its question (records.py says what they mean)."""

import re

from llm_ts import claims


def has(value, names, kind):
    """Whether a value is an object with all the names, each of the kind."""
    return isinstance(value, dict) and all(name in value and isinstance(value[name], kind) for name in names)


def _is_series(values):
    numbers = isinstance(values, list) and len(values) > 1 and set(map(type, values)) == {int}
    return numbers and 0 <= min(values) <= max(values) <= 99


def _is_truth(value, asked):
    return (
        isinstance(value, dict)
        and all(value.get(claim) in labels for claim, labels in asked.labels.items())
        and value.get("version") == claims.VERSION
        and isinstance(value.get("rules"), dict)
        and has(value.get("clear"), asked.claims, bool)
        and has(value.get("sentences"), asked.topics, str)
        and has(value.get("numbers"), [name for topic in asked for name in topic.NUMBERS], (int, float))
    )


def _is_gold(value, asked):
    return has(value, asked.topics, str) and all(value[name].strip() for name in asked.topics)


def _is_teacher(value, asked):
    said = value.get("labels", {}) if isinstance(value, dict) else None
    return isinstance(said, dict) and all(label in asked.labels.get(claim, ()) for claim, label in said.items())


def _is_second(value, asked):
    if not has(value, ("teacher",), dict) or not _is_teacher(value["teacher"], asked):
        return False
    return value.get("gold") is None or _is_gold(value["gold"], asked)


def _is_curated(value, asked):
    return has(value, asked.topics, dict) and all(has(value[name], ("text", "status", "reason"), str) for name in asked.topics)


PLAIN = {  # field: (whether its value fits, what it should be)
    "id": (lambda value: re.fullmatch(r"\w[\w.-]*", value) is not None, "a file name"),
    "prompt": (lambda value: isinstance(value, str), "a text"),
    "answer": (lambda value: isinstance(value, str), "a text"),
    "series": (_is_series, "a list of integers 0..99"),
    "params": (lambda value: isinstance(value, dict), "an object"),
}
OF_QUESTION = {  # field: (whether its value fits a row of a question, what it should be)
    "teacher": (_is_teacher, "an object, its labels those of the question"),
    "truth": (_is_truth, "a whole truth by version {version} of the rules (ou_process.py --truth makes it)"),
    "gold": (_is_gold, "the {sentences}"),
    "second": (_is_second, "an object with a teacher's answer"),
    "curated": (_is_curated, "{sentences} with text, status and reason"),
}
