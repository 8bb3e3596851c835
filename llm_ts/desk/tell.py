"""A description for a person, as lines, and for a program, as one JSON object."""

import json

from llm_ts.base import cli
from llm_ts.desk import paragraph
from llm_ts.scores.score import outcomes_of

FACTS = ("first", "last", "lowest", "highest")


OFF_PICTURE = "read off the picture: what it shows was checked, not the numbers that it was drawn from"


def verdict_lines(answer, truth):
    """An Answer and the rule's truth -> the lines of a table: claim, said, true, verdict."""
    outcome = outcomes_of(answer, truth)
    lines = [("claim", "student", "truth", "verdict")]
    for claim, said in answer.read.items():
        near = "" if truth["clear"][claim] else " (near a threshold: the truth itself is not clear)"
        lines.append((claim, said or "-", truth[claim], outcome[claim] + near))
    first = max(8, *(len(line[0]) + 1 for line in lines))
    labels = max(13, *(len(label) + 1 for line in lines for label in line[1:3]))
    return [f"{claim:<{first}}{said:<{labels}}{true:<{labels}}{verdict}" for claim, said, true, verdict in lines]


def facts_line(ready):
    """ "first 1120 in 1871, last 740 in 1970, lowest 456 in 1913, highest 1370 in 1879"; computed, not the student's."""
    unit = f" {ready.series.unit}" if ready.series.unit else ""
    return ", ".join(
        f"{name} {cli.visible(number(ready.facts[name]['value']) + unit)} {cli.visible(paragraph.at_label(ready.series, ready.facts[name]['time']))}"
        for name in FACTS
    )


def number(value):
    """A value in few digits, none of them lost: 1e6 -> "1000000", 0.1 + 0.2 -> "0.3"."""
    return str(value) if isinstance(value, int) else f"{value:.12g}"


def about(ready, notes=True):
    """One line on what was read: the series and its file, its values, the first and the last with their
    times, how many are zero, and, with notes, what was repaired or left out."""
    series, facts = ready.series, ready.facts
    unit = f" {series.unit}" if series.unit else ""
    ends = " to ".join(
        f"{number(facts[end]['value'])}{unit} {paragraph.at_label(series, facts[end]['time'])}" for end in FACTS[:2]
    )
    said = [f"series: {series.column} of {series.source}, {ready.n} points, {ends}"]
    said += [f"{ready.zeros} of them zero"] if ready.zeros else []
    return cli.visible("; ".join([*said, *(series.notes if notes else ())]))


def json_line(ready, answer, plot=None):
    """One object on one line; plot: the path of its picture, if any. Letters beyond ASCII are escaped."""
    outcome, truth = outcomes_of(answer, ready.truth), ready.truth
    claims = {
        claim: {"said": said, "true": truth[claim], "verdict": outcome[claim], "clear": truth["clear"][claim]}
        for claim, said in answer.read.items()
    }
    series, (text, left_out) = ready.series, paragraph.text_of(ready, answer)
    said = {
        "source": series.source, "column": series.column, "unit": series.unit, "n": ready.n, "read": about(ready),
        "text": text, "left_out": left_out, "sentences": answer.sentences, "claims": claims, "facts": ready.facts, "notes": ready.notes,
        **({"off_picture": True} if series.picture else {}),
        **({"plot": plot} if plot else {}),
    }  # fmt: skip
    return json.dumps(said, allow_nan=False)


def of_series(ready, error):
    """An error with the name of the series that it belongs to."""
    return cli.UserError(f"{cli.visible(ready.series.column)} of {cli.visible(ready.series.source)}: {error}")


def json_error(source, error):
    """The object of a series that cannot be described."""
    return json.dumps({"source": source, "error": " ".join(str(error).split())})
