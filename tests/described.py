"""Rows that a teacher described: rightly, with planted errors, or in the words of the simulated one; and files of them."""

import re

from llm_ts.data import pair, records
from llm_ts.question import STUDY
from llm_ts.series import rows as series_rows
from llm_ts.teacher import simulated


def write_rows(folder, rows):
    (folder / "data.jsonl").write_bytes(b"".join(map(records.line_of, rows)))


def rows_of(folder):
    return records.read(str(folder / "data.jsonl"))


def curated_of(folder):
    return {row["id"]: row["curated"] for row in rows_of(folder)}


def bytes_of(folder):
    """{name: content} of the files of a folder, for what must not change."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def numbers_in(prompt):
    """The series that a prompt shows, in any format."""
    return [int(k) for k in re.findall(r"\d\d(?!%)", prompt.split("Series:")[1])]


def rows_with_gold(count):
    """Rows whose gold sentences say the truth."""
    rows, _ = series_rows.make(21, range(count), 48)
    return [{**row, "gold": dict(row["truth"]["sentences"])} for row in rows]


def other(claim, label):
    return next(name for name in STUDY.labels[claim] if name != label)


def plant(rows):
    """Turn some gold sentences wrong; returns what curation must say: {(id, sentence): status}."""
    planted = {}
    for number, row in enumerate(rows):
        labels = {claim: row["truth"][claim] for claim in STUDY.claims}
        if number % 7 == 0:
            row["gold"]["trend"] = f"The trend is not {labels['trend']} but {other('trend', labels['trend'])}."
            planted[row["id"], "trend"] = "verify" if row["truth"]["clear"]["trend"] else "kept"
        if number % 11 == 0:
            row["gold"]["noise"] = f"The noise intensity is {other('noise', labels['noise'])}."
            planted[row["id"], "noise"] = "verify" if row["truth"]["clear"]["noise"] else "kept"
        if number % 13 == 0:
            wrong = {**labels, "min": other("min", labels["min"])}
            row["gold"]["extrema"] = STUDY.say(wrong)["extrema"]
            planted[row["id"], "extrema"] = "replaced"
        if number % 17 == 0:
            row["gold"]["noise"] = "The noise is hard to judge."
            planted[row["id"], "noise"] = "unread"
    return planted


def described(count, points=48, sentences=lambda row, said: said):
    """Train pairs of series that the simulated teacher described; sentences: what becomes of the teacher's."""
    made = []
    for row in series_rows.make(0, range(count), points)[0]:
        said = sentences(row, simulated.answer(row, 0)["gold"])
        made.append(pair.make({**row, "gold": said}, "thirds", "train", said))
    return made


def said_by(pairs):
    return [(row, row["sentences"]) for row in pairs]


def write_pairs(folder, count=120, points=16, name="test_jsonl.jsonl"):
    """Write such pairs, split by their ids -> the sentences that stand in the test split alone."""
    rows = described(count, points)
    said = {"train": set(), "test": set()}
    for row in rows:
        row["split"] = pair.split_of(row["id"])
        said[row["split"]].update(row["sentences"].values())
    pair.write(str(folder / name), rows)
    return said["test"] - said["train"]
