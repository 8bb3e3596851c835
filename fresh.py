"""Simulated series without end, as pairs of prompt and answer: truth is free where the simulator is the teacher.

Reads, writes: nothing.
Run: no command of its own; qwen_train.py draws its fresh training rows and its validation rows here.

Training, validation and test series come from seeds that cannot meet: data.jsonl's lie below SEEDS (ou_process.py
refuses greater ones), and each purpose here has a range of its own.
"""

import re

import cli
import convert
import ou_process

SEEDS = ou_process.SEEDS  # user's seeds lie below
PURPOSES = {"train": SEEDS, "validation": 2 * SEEDS, "test": 3 * SEEDS}


def plan(text):
    """ "48x6000,128x3000" -> [(48, 6000), (128, 3000)]: points and number of series, in the order of training.

    Raises UserError for anything else.
    """
    stages = [re.fullmatch(r"(\d+)x(\d+)", stage.strip()) for stage in text.split(",")]
    if not all(stages):
        raise cli.UserError(f"--fresh {text}: give points x series, as in 48x6000,128x3000")
    made = [(int(stage[1]), int(stage[2])) for stage in stages]
    if any(not ou_process.SHORTEST <= points <= ou_process.LONGEST or not count for points, count in made):
        raise cli.UserError(f"--fresh {text}: {ou_process.SHORTEST} to {ou_process.LONGEST} points, at least one series")
    return made


def pairs(purpose, stages, fmt, seed=0):
    """Pairs of prompt and hand-made answer for each (points, count) of stages, in order.

    purpose: "train", "validation" or "test". Series k of a length is the same for every count.
    """
    if seed >= SEEDS:
        raise cli.UserError(f"seed {seed}: give a number below {SEEDS}, or training would draw another purpose's series")
    made = []
    for points, count in stages:
        rows, _ = ou_process.make_rows(PURPOSES[purpose] + seed, range(count), points)
        for row in rows:
            row["id"] = f"{purpose}_{points}_{row['id'].removeprefix('ou_')}"
            made.append(convert.make_pair(row, fmt, purpose, row["truth"]["sentences"]))
    return made
