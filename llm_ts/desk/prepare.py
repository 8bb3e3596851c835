"""The series of a user's files -> the student's prompt for each, with its truth and the facts for the reader."""

from dataclasses import dataclass, field, replace

import numpy as np

from llm_ts import question
from llm_ts.base import cli
from llm_ts.data import pair
from llm_ts.desk import clean
from llm_ts.series import thin
from llm_ts.series.scale import integers_of
from llm_ts.student import origin
from llm_ts.table import read as table
from llm_ts.table.drawn import UNIT
from llm_ts.task import Task


@dataclass
class Asked:
    """A series, ready to be asked about. series: in order, even, whole; shown: the integers that the student reads of it."""

    series: table.Series
    shown: list
    truth: dict  # by the rules, of the whole series
    n: int  # values that the file has of it
    facts: dict  # {"first": {"value", "time"}, "last", "lowest", "highest"}
    zeros: int  # of the values in the file
    task: Task  # by which it is asked: without the topics that need more points
    notes: list = field(default_factory=list)


def read_series(path, options, last=None, begin=None, end=None, windows=1, drawn=None):
    """A file -> its series, in order, each window apart. UserError in one line if it cannot be described.

    drawn: () -> the Series of a picture, in place of the file's.
    """
    try:
        found = [drawn()] if drawn else table.open_table(path, options).series()
        found = [clean.choose_window(series, last, begin, end) for series in found]
        return [part for series in found for part in clean.split(series, windows)]
    except MemoryError:
        raise cli.UserError(
            f"{path} is too large for this machine's memory: give a --column, or a file with fewer rows"
        ) from None


def prepare(series, learnt, asked):
    """A Series of read_series -> Asked. UserError for what cannot be described.

    learnt, asked: the Tasks that the student learnt (None: not known) and by which it is asked.
    """
    facts, zeros = facts_of(series), int((series.values == 0).sum()) if series.unit != UNIT else 0
    series = clean.fill(series)
    rows, series = len(series.values), clean.make_even(series)
    n, points = len(series.values), origin.points_shown(asked, len(series.values))
    notes = list(series.notes)
    if short := [topic.NAME for topic in asked.question if n < getattr(topic, "FEWEST", 0)]:
        others = [name for name in asked.question.topics if name not in short]
        if not others:
            raise cli.UserError(f"{series.source}: {n} values are too few to say anything about {', '.join(short)}")
        asked = replace(asked, question=question.named(",".join(others)).by(asked.question.rules))
        notes.append(f"not asked, {n} values are too few: {', '.join(short)}")
    shown = series.values
    if points < n:
        shown = thin.thin(shown, points, asked.question)
        notes.append(f"the student is shown {points} points that stand for all {n}; the truth is that of all {n}")
    notes += origin.notes(learnt, asked, len(shown))
    truth = asked.question.truth_of(integers_of(series.values))
    return Asked(series, integers_of(shown), truth, rows, facts, zeros, asked, notes)


def facts_of(series):
    """First, last, lowest and highest value of the rows that have one, with their times in the file's own words."""
    there = np.flatnonzero(~np.isnan(series.values))
    if not len(there):
        return {}
    values = series.values[there]
    places = {"first": 0, "last": -1, "lowest": int(np.argmin(values)), "highest": int(np.argmax(values))}
    return {name: {"value": _value(values[place]), "time": _time(series, there[place])} for name, place in places.items()}


def _value(value):
    return int(value) if value.is_integer() and abs(value) < 1e15 else float(value)


def _time(series, place):
    """The time of a row as the file has it; its number from 1 where it has none."""
    return int(place) + 1 if series.labels is None else clean.label(series, place)


def prompt_of(ready):
    """What a student is asked about an Asked: a prompt, with a picture if it sees."""
    row = {"id": ready.series.column, "series": ready.shown, "question": ready.task.question.name}
    return pair.asked_with({**row, "format": ready.task.format, "see": ready.task.see})


def answer_of(ready, text):
    """A student's answer about an Asked -> Answer, without the topics that the series hides."""
    answer, hidden = ready.task.question.parse(text), ready.series.hidden
    claims = [claim for topic in ready.task.question if topic.NAME in hidden for claim in topic.LABELS]
    sentences = answer.sentences and {name: said for name, said in answer.sentences.items() if name not in hidden}
    read = {claim: said for claim, said in answer.read.items() if claim not in claims}
    return replace(answer, sentences=sentences, read=read)


def shown_picture(found, points, asked):
    """What a student is asked, by a Task, about a picture of so many points."""
    prompt = asked.question.prompt_of(range(points), asked.format, "image")
    return question.Shown(prompt, lambda: found)
