"""Pairs of series that the simulated teacher described, for the tests of its words.

Reads, writes: a file in a folder that the test gives. Run: no command of its own; test_words.py and others use it.
"""

from llm_ts.data import pair
from llm_ts.series import rows as series_rows
from llm_ts.teacher import simulated


def described(count, points=48, sentences=lambda row, said: said):
    """Train pairs of described series; sentences: what becomes of the teacher's."""
    made = []
    for row in series_rows.make(0, range(count), points)[0]:
        said = sentences(row, simulated.answer(row, 0)["gold"])
        made.append(pair.make({**row, "gold": said}, "thirds", "train", said))
    return made


def said_by(pairs):
    return [(row, row["sentences"]) for row in pairs]


def write_pairs(folder, count=120, points=16, name="test_jsonl.jsonl"):
    rows = described(count, points)
    for row in rows:
        row["split"] = pair.split_of(row["id"])
    only_tested = {text for row in rows if row["split"] == "test" for text in row["sentences"].values()}
    pair.write(str(folder / name), rows)
    return only_tested - {text for row in rows if row["split"] == "train" for text in row["sentences"].values()}
