"""A pair of prompt and answer: what a student learns from, and is tested on. Written and read here alone.

A pair: id, split (train or test), format, points, prompt_version, prompt, answer, series, truth, gold; `question`, where it
is not `study`, `process`, where it is not OU, and `see`, where a picture is shown: `image` names its file then, or it is
drawn from the series, in the random style of the number `style` where there is one, else as dataset/ draws it; `drawn`, in
the suite `blank`, is what is drawn instead (null: no point there).
"""

import hashlib
import itertools
import os

import numpy as np

from llm_ts import cli, formats, question, records
from llm_ts.series import PROCESSES, ou, picture, plot, styles, thin

TEST_SHARE = 10  # one id in ten is a test row
FIELDS = ("prompt", "answer", "split", "format", "prompt_version", "truth", "series")


def split_of(row_id):
    """ "ou_000042" -> "train" or "test": test where the id's SHA-256 is divisible by 10."""
    return "test" if int(hashlib.sha256(row_id.encode()).hexdigest(), 16) % TEST_SHARE == 0 else "train"


def process_of(row):
    """The name of the process that a row of data.jsonl comes from; UserError for one that is not known."""
    name = (row.get("params") or {}).get("process", ou.NAME)
    if name not in list(PROCESSES):
        raise cli.UserError(f"row {row['id']}: there is no process {name!r}: mend its params, or delete this line")
    return name


def make(row, fmt, split, sentences, plain=None):
    """A row with series and truth, and the sentences to say about it -> a pair, asked the row's own question.

    plain: the sentences to say before these, if any (Question.answer_of).
    """
    asked = question.of(row, row["id"])
    process = process_of(row)
    return {
        "id": row["id"],
        "split": split,
        "format": fmt,
        "points": len(row["series"]),
        "prompt_version": question.PROMPT_VERSION,
        **asked.tag,
        **({} if process == ou.NAME else {"process": process}),
        "prompt": asked.prompt_of(row["series"], fmt),
        "answer": asked.answer_of(sentences, plain),
        "series": row["series"],
        "truth": row["truth"],
        "gold": row.get("gold"),
    }


def ask_instead(row, asked, fmt):
    """A pair -> a pair of the same series that asks another question, the answer being the truth's own."""
    truth = asked.truth_of(row["series"])
    other = {"id": row["id"], "series": row["series"], "truth": truth, **asked.tag}
    return make(other, fmt, row["split"], truth["sentences"])


def thinned(row, points):
    """A pair -> the same pair, asked about its series thinned to so many points; the truth stays that of the whole series."""
    asked = question.of(row, row["id"])
    series = thin.shown(row["series"], points, asked)
    return {**row, "points": points, "series": series, "prompt": asked.prompt_of(series, row["format"])}


def show(row, see, folder=None, share=0.0):
    """A pair -> the same pair, its series shown otherwise.

    folder: where its plot lies, as <id>.png; None: it is drawn. share: of those drawn that get a random style.
    """
    asked = question.of(row, row["id"])
    other = {key: value for key, value in row.items() if key not in ("see", "image", "style")}
    other.update(prompt=asked.prompt_of(row["series"], row["format"], see), **formats.see_tag(see))
    if folder is not None and see != "numbers":
        other["image"] = os.path.join(folder, f"{row['id']}.png")
        if not os.path.isfile(other["image"]):
            raise cli.UserError(f"no plot {other['image']} here: run ou_process.py without --no-plots, or give another --dataset")
    elif see != "numbers" and (style := style_of(row["id"], share)) is not None:
        other["style"] = style
    return other


def topics_of(row):
    return question.of(row, row["id"]).topics


def reorder(row, order):
    """A pair -> one to train on that asks for the same sentences in another order; order: the numbers of the topics."""
    asked = question.of(row, row["id"])
    other = question.Question(asked.name, tuple(asked.topics[k] for k in order))
    prompt = other.prompt_of(row["series"], row["format"], formats.see_of(row, row["id"]))
    *plain, sentences = question.parts_of(row["answer"])
    return {**row, "prompt": prompt, "answer": other.answer_of(sentences, *plain)}


def style_of(row_id, share):
    """The number of a row's random style; None for the others: the same share of rows, always the same ones."""
    number = int(hashlib.sha256(f"style of {row_id}".encode()).hexdigest()[:8], 16)
    return number if number < share * 2**32 else None


def asked_with(row, as_ours=None):
    """What a student is asked by a pair: its prompt, and the picture that belongs to it.

    as_ours: what is done to a picture that is a file: (PIL image, points) -> PIL image.
    """
    if formats.see_of(row, row["id"]) == "numbers":
        return row["prompt"]
    if as_ours and "image" in row:
        return question.Shown(row["prompt"], lambda: as_ours(picture_of(row), len(row["series"])))
    return question.Shown(row["prompt"], lambda: picture_of(row))


def picture_of(row):
    """The picture of a pair, a PIL image in RGB: the file that it names, else its series, drawn."""
    if "image" in row:
        return picture.read(row["image"])[0]
    series = row.get("drawn", row["series"])
    if "style" in row:
        return styles.draw(series, np.random.default_rng(row["style"]))
    return plot.picture(np.array(series, dtype=float))


def write(path, pairs):
    """Write a file of pairs, whole or not at all."""
    records.write_text(path, "".join(records.encode(pair) + "\n" for pair in pairs))


def read(path):
    """(train rows, test rows) of a file of pairs; UserError where a split is empty, a field missing, or questions are mixed."""
    rows = records.read(path, made_by="convert.py")
    asked = question.of_all(rows, path)
    for field in FIELDS:
        records.require(rows, field, path, "convert.py")
    records.require([row for row in rows if row.get("gold")], "gold", path, "convert.py")
    for row in rows:
        if row["format"] not in list(formats.FORMATS) or asked.parse(row["answer"]).sentences is None:
            raise cli.UserError(f"{path}: row {row['id']}: no format or no answer of ours: run convert.py again")
        current = row["prompt_version"] == question.PROMPT_VERSION
        see = formats.see_of(row, f"{path}: row {row['id']}")
        if current and row["prompt"] != asked.prompt_of(row["series"], row["format"], see):
            raise cli.UserError(f"{path}: row {row['id']}: its prompt does not ask the question {asked.name!r}: run convert.py again")
        if row.get("process", ou.NAME) not in list(PROCESSES):
            raise cli.UserError(f"{path}: row {row['id']}: there is no process {row['process']!r}: run convert.py again")
    train = [row for row in rows if row["split"] == "train"]
    test = [row for row in rows if row["split"] == "test"]
    for name, split in (("train", train), ("test", test)):
        if not split:
            raise cli.UserError(f"{path}: no row in the {name} split: simulate more series with ou_process.py --count")
    return train, test


def first_of(rows, count):
    """The first `count` pairs (0: all), in their order; where they come from several processes, from these in turn."""
    by_process = [[row for row in rows if row.get("process", ou.NAME) == name] for name in processes_of(rows)]
    in_turn = [row["id"] for turn in itertools.zip_longest(*by_process) for row in turn if row]
    chosen = set(in_turn[: count or None])
    return [row for row in rows if row["id"] in chosen]


def processes_of(rows):
    """The names of the processes that rows of pairs come from, in the order of PROCESSES."""
    there = {row.get("process", ou.NAME) for row in rows}
    return tuple(name for name in PROCESSES if name in there)
