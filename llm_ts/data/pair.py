"""A pair of prompt and answer: a student learns from it, or is tested on it. This module owns the file.

| field | meaning |
|---|---|
| id, split | the row's id; train or test |
| format | how the series is written (formats.py) |
| see | what the student sees of it: numbers or plot |
| question, process | the names of question and process; null: of no process |
| series, truth | as in data.jsonl; controls and thinned series have the truth of another series |
| gold | the teacher's sentences, or null |
| sentences | the answer, {topic: sentence} |
| plain | sentences to say first, with the same claims in plain words; null: none |
| order | the order of the topics in the question, as numbers; absent: the question's own |
| image | the file of the plot; absent: the plot is drawn |
| drawn | values to draw instead of the series (null: no point) |

Prompt and answer follow from these fields (prompt_of, answer_of). A file holds them as texts, for any
trainer, instead of `sentences` and `plain`. If the texts of a line do not fit, `read` refuses it.
"""

import hashlib
import itertools
import os
from dataclasses import replace

import numpy as np

from llm_ts import formats, question, task
from llm_ts.base import cli, disk
from llm_ts.data import records
from llm_ts.pictures import picture, plot
from llm_ts.series import PROCESSES, thin

TEST_SHARE = 10  # one id in ten is a test row
FIELDS = ("prompt", "answer", "split", "truth", "series")


def split_of(row_id):
    """ "ou_000042" -> "train" or "test": test where the id's SHA-256 is divisible by 10."""
    number = int(hashlib.sha256(row_id.encode()).hexdigest(), 16)
    return "train" if number % TEST_SHARE else "test"


def process_of(row):
    """The process's name of a row of data.jsonl, None if it has no params. UserError: not known."""
    if row.get("params") is None:
        return None
    if "process" not in row["params"]:
        raise cli.older(f"row {row['id']}", "its process")
    name = row["params"]["process"]
    if name not in list(PROCESSES):
        raise cli.UserError(f"row {row['id']}: there is no process {name!r}: mend its params, or delete this line")
    return name


def make(row, fmt, split, sentences, plain=None):
    """A row with series and truth, and sentences about it -> a pair of numbers, with its question."""
    return {
        "id": row["id"],
        "split": split,
        "format": fmt,
        "see": "numbers",
        "question": question.of(row, row["id"]).name,
        "process": process_of(row),
        "sentences": sentences,
        "plain": plain,
        "series": row["series"],
        "truth": row["truth"],
        "gold": row.get("gold"),
    }


def asked_by(row):
    """The question of a pair, with its topics in the pair's order."""
    asked = question.of(row, row["id"])
    if "order" not in row:
        return asked
    return replace(asked, topics=tuple(asked.topics[k] for k in row["order"]))


def prompt_of(row):
    """The text of a pair's prompt."""
    return asked_by(row).prompt_of(row["series"], row["format"], row["see"])


def answer_of(row):
    """The text of a pair's answer."""
    return asked_by(row).answer_of(row["sentences"], row["plain"])


def ask_instead(row, asked):
    """A pair -> one that asks another question about the series; the truth is its answer."""
    truth = asked.truth_of(row["series"])
    told = {"question": asked.name, "truth": truth, "sentences": truth["sentences"]}
    return {**row, **told, "plain": None, "gold": None}


def thinned(row, points):
    """A pair -> the pair with its series thinned to so many points, and the truth of the whole."""
    return {**row, "series": thin.shown(row["series"], points, question.of(row, row["id"]))}


def show(row, see, folder=None):
    """A pair -> the same pair, with its series shown as `see` says. folder: of its plot, <id>.png; None: the plot is drawn."""
    other = {key: value for key, value in row.items() if key != "image"}
    other["see"] = see
    if folder is not None and see != "numbers":
        other["image"] = os.path.join(folder, f"{row['id']}.png")
        if not os.path.isfile(other["image"]):
            raise cli.UserError(f"no plot {other['image']} here: run ou_process.py, or give another --dataset")
    return other


def asked_with(row):
    """A pair's prompt, with its picture if one is shown."""
    if row["see"] == "numbers":
        return prompt_of(row)
    return question.Shown(prompt_of(row), lambda: picture_of(row))


def picture_of(row):
    """The picture of a pair, a PIL image in RGB: read from `image`, else drawn."""
    if "image" in row:
        return picture.read(row["image"])[0]
    series = row.get("drawn", row["series"])
    return plot.picture(np.array(series, dtype=float))


def line_of(row):
    """A pair as its line of a file, in bytes."""
    kept = {key: value for key, value in row.items() if key not in ("sentences", "plain")}
    return records.line_of({**kept, "prompt": prompt_of(row), "answer": answer_of(row)})


def write(path, pairs):
    """Write a file of pairs, whole or not at all."""
    with disk.replacing(path) as file:
        file.writelines(map(line_of, pairs))


def read_all(path, made_by="convert.py"):
    """The pairs of a file. UserError if one is broken, or if there are two questions."""
    rows = records.read(path, made_by)
    for row in rows:
        if not {"see", "process"} <= set(row):
            raise cli.older(f"{path}: row {row['id']}", "what it shows and what drew it")
    question.of_all(rows, path)
    for field in FIELDS:
        records.require(rows, field, path, made_by)
    records.require([row for row in rows if row.get("gold")], "gold", path, made_by)
    return [_pair_of(row, f"{path}: row {row['id']}", made_by) for row in rows]


def _pair_of(line, where, made_by):
    """A line of a file -> the pair, its answer parsed."""
    prompt, answer = line.pop("prompt"), line.pop("answer")
    try:
        *plain, sentences = parts = question.parts_of(answer)
        row = {**line, "sentences": sentences, "plain": plain[0] if plain else None}
        fits = all(map(asked_by(row).fits, parts))
        whole = fits and (prompt_of(row), answer_of(row)) == (prompt, answer)
    except (ValueError, LookupError, TypeError, RecursionError):
        whole = False
    if not whole:
        asks = f"prompt and answer are not those of the question {question.of(line, where).name!r} in its format"
        raise cli.UserError(f"{where}: its {asks}: run {made_by} again")
    for name, known in (("process", [None, *PROCESSES]), ("see", formats.SEE)):
        if row[name] not in known:
            raise cli.UserError(f"{where}: there is no {name} {row[name]!r}: run {made_by} again")
    return row


def read(path):
    """(train pairs, test pairs) of a file. UserError as in read_all, and if a split is empty."""
    rows = read_all(path)
    train = [row for row in rows if row["split"] == "train"]
    test = [row for row in rows if row["split"] == "test"]
    for name, split in (("train", train), ("test", test)):
        if not split:
            more = "simulate more series with ou_process.py --count"
            raise cli.UserError(f"{path}: no row in the {name} split: {more}")
    return train, test


def first_of(rows, count):
    """The first `count` pairs (0: all), in their order, taken from their processes in turn."""
    names = dict.fromkeys([*processes_of(rows), None])
    by_process = [[row for row in rows if row["process"] == name] for name in names]
    in_turn = [row["id"] for turn in itertools.zip_longest(*by_process) for row in turn if row]
    chosen = set(in_turn[: count or None])
    return [row for row in rows if row["id"] in chosen]


def processes_of(rows):
    """The names of the processes that rows of pairs come from, in the order of PROCESSES."""
    there = {row["process"] for row in rows}
    return tuple(name for name in PROCESSES if name in there)


def task_of(rows):
    """The Task of a student that learns from pairs, or answers them."""
    first = rows[0]
    points = tuple(sorted({len(row["series"]) for row in rows}))
    asked = question.of(first, first["id"])
    return task.Task(asked, first["format"], first["see"], processes_of(rows), points)
