"""Simulated series without end, as pairs of prompt and answer: truth is free where the simulator is the teacher.

Reads, writes: nothing.
Run: no command of its own; qwen_train.py draws its fresh training rows and its validation rows here.

Training, validation and test series come from seeds that cannot meet: data.jsonl's lie below SEEDS (ou_process.py
refuses greater ones), and each purpose here has a range of its own.
"""

import re

import numpy as np

import cli
import convert
import ou_process
import shapes

SEEDS = ou_process.SEEDS  # user's seeds lie below
# test: 3 * SEEDS until the adapter in the box stood; its recipe had been changed after those series were seen
PURPOSES = {"train": SEEDS, "validation": 2 * SEEDS, "test": 4 * SEEDS}
SAME_LENGTH = 16  # series that follow one another with one length, where a stage has several: batches need little padding


def plan(text):
    """ "48x6000,32-256x3000" -> [(48, 48, 6000), (32, 256, 3000)]: least and most points, and number of series.

    Raises UserError for anything else.
    """
    stages = [re.fullmatch(r"([0-9]+)(?:-([0-9]+))?x([0-9]+)", stage.strip()) for stage in text.split(",")]
    if not all(stages):
        raise cli.UserError(f"--fresh {text}: give points x series, as in 48x6000,128x3000 or 32-256x3000")
    made = [(int(stage[1]), int(stage[2] or stage[1]), int(stage[3])) for stage in stages]
    if any(not ou_process.SHORTEST <= least <= most <= ou_process.LONGEST or not count for least, most, count in made):
        raise cli.UserError(f"--fresh {text}: {ou_process.SHORTEST} to {ou_process.LONGEST} points, at least one series")
    return made


def _rows(seed, numbers, least, most, share):
    """Rows with id, series and truth of one length between least and most: OU series, a share of them replaced by shapes."""
    rng = np.random.default_rng([seed, 2, numbers[0], 0])
    points = round(least * (most / least) ** rng.random())  # as many between 32 and 64 points as between 64 and 128
    rows, _ = ou_process.make_rows(seed, numbers, points)
    for row in rows:
        if rng.random() < share:
            path = shapes.draw(rng.choice(list(shapes.SHAPES)), points, rng)
            series = ou_process.rescale(path[None])[0][0].tolist()
            row.update(series=series, truth=ou_process.truth_of(series))
    return rows


def pairs(purpose, stages, fmt, seed=0, share=0.0):
    """Pairs of prompt and hand-made answer for each (least, most, count) of stages, in order.

    purpose: "train", "validation" or "test". share: of series that are shapes (shapes.py), not OU series.
    The first series of the first stage are the same for every count.
    """
    if seed >= SEEDS:
        raise cli.UserError(f"seed {seed}: give a number below {SEEDS}, or training would draw another purpose's series")
    made = []
    for least, most, count in stages:
        for start in range(0, count, SAME_LENGTH):
            numbers = range(len(made), len(made) + min(SAME_LENGTH, count - start))
            for row in _rows(PURPOSES[purpose] + seed, numbers, least, most, share):
                row["id"] = f"{purpose}_{len(row['series'])}_{row['id'].removeprefix('ou_')}"
                made.append(convert.make_pair(row, fmt, purpose, row["truth"]["sentences"]))
    return made
