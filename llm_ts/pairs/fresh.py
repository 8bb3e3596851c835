"""Simulated series without end, as pairs of prompt and answer: here the truth is free.

Training, validation and test series have seeds that never meet: data.jsonl's lie below SEEDS (ou_process.py refuses
greater ones); each purpose here has its own range.
"""

import bisect
import re
from collections.abc import Sequence

import numpy as np

from llm_ts import question
from llm_ts.base import cli
from llm_ts.data import pair
from llm_ts.question import STUDY
from llm_ts.series import PROCESSES, ou, rows, thin

SEEDS = rows.SEEDS  # user's seeds lie below
# test: 3 * SEEDS until the adapter shipped first stood; its recipe had been changed after those series were seen
PURPOSES = {"train": SEEDS, "validation": 2 * SEEDS, "test": 4 * SEEDS}
LONG = (300, 2048)  # points, log-uniform, of the series that are thinned
MANY = 4  # topics, beyond which a part of a question is asked too
SAME_LENGTH = 16  # series that follow one another with one length, where a stage has several: batches need little padding


def plan(text):
    """ "48x6000,32-256x3000" -> [(48, 48, 6000), (32, 256, 3000)]: least and most points, and number of series.

    Raises UserError for anything else.
    """
    stages = [re.fullmatch(r"([0-9]+)(?:-([0-9]+))?x([0-9]+)", stage.strip()) for stage in text.split(",")]
    if not all(stages):
        raise cli.UserError(f"--fresh {text}: give points x series, as in 48x6000,128x3000 or 32-256x3000")
    made = [(int(stage[1]), int(stage[2] or stage[1]), int(stage[3])) for stage in stages]
    if any(not rows.SHORTEST <= least <= most <= rows.LONGEST or not count for least, most, count in made):
        raise cli.UserError(f"--fresh {text}: {rows.SHORTEST} to {rows.LONGEST} points, at least one series")
    return made


def parse_processes(text):
    """ "ou,ou,walk" -> ("ou", "ou", "walk"): processes to be taken in turn; "all" names each once. UserError for others."""
    names = tuple(PROCESSES) if text == "all" else tuple(text.split(","))
    if unknown := [name for name in names if name not in PROCESSES]:
        raise cli.UserError(f"no process {unknown[0]!r}: there are {', '.join(PROCESSES)}")
    return names


def _squeezed(rng, series):
    """The series in a part of 0..99 only: 15 to 95 wide, anywhere."""
    width = 15 * (95 / 15) ** rng.random()
    low = (99 - width) * rng.random()
    return [round(low + width * value / 99) for value in series]


def _drawn(seed, numbers, least, most, question, processes, squeeze, long):
    """Rows of one length between least and most, from the processes in turn.

    A share of them, squeeze, is squeezed. A share of the calls, long, gives longer series, thinned instead.
    """
    rng = np.random.default_rng([seed, 2, numbers[0], 0])
    points = round(least * (most / least) ** rng.random())  # as many between 32 and 64 points as between 64 and 128
    rng_of_long = np.random.default_rng([seed, 6, numbers[0], 0])
    is_long = rng_of_long.random() < long
    if is_long:
        points, squeeze = round(LONG[0] * (LONG[1] / LONG[0]) ** rng_of_long.random()), 0.0
    made = {}
    for place, name in enumerate(processes):
        chosen = [number for number in numbers if number % len(processes) == place]
        if chosen:
            drawn, _ = rows.make(seed, chosen, points, process=PROCESSES[name], question=question)
            made.update(zip(chosen, drawn))
    for number in numbers:
        row = made[number]
        rng_of_width = np.random.default_rng([seed, 4, number, 0])
        if rng_of_width.random() < squeeze:
            series = _squeezed(rng_of_width, row["series"])
            row.update(series=series, truth=question.truth_of(series))
        if is_long:  # the truth stays that of the whole
            row["series"] = thin.shown(row["series"], thin.POINTS, question)
        yield number, row


class Rows(Sequence):
    """Fresh rows for each (least, most, count) of stages, in order, drawn when they are asked for: id, series, truth, params.

    purpose: "train", "validation" or "test". question: what is asked about them. processes: names of
    series.PROCESSES, taken in turn. squeeze: share of series that fill a part of 0..99 only. long: share of series
    that are longer, and thinned. The first series of the first stage are the same for every count.
    """

    def __init__(self, purpose, stages, seed=0, question=STUDY, processes=(ou.NAME,), squeeze=0.0, long=0.0):
        if seed >= SEEDS:
            raise cli.UserError(f"seed {seed}: give a number below {SEEDS}, or training would draw another purpose's series")
        self.purpose, self.drawn_with = purpose, (question, processes, squeeze, long)
        self.seed = PURPOSES[purpose] + seed
        self.blocks = []  # (number of the first series, of the one after the last, least, most): of one length each
        for least, most, count in stages:
            first = len(self)
            starts = range(first, first + count, SAME_LENGTH)
            self.blocks += [(start, min(start + SAME_LENGTH, first + count), least, most) for start in starts]
        self._last = (None, [])  # what was drawn last: the rows of a block are asked for one after another

    def __len__(self):
        return self.blocks[-1][1] if self.blocks else 0

    def __getitem__(self, number):
        if not 0 <= number < len(self):
            raise IndexError(number)
        block = self.blocks[bisect.bisect_right(self.blocks, number, key=lambda block: block[0]) - 1]
        if self._last[0] != block:
            start, end, least, most = block
            rows = dict(_drawn(self.seed, range(start, end), least, most, *self.drawn_with))
            for k, row in rows.items():
                row["id"] = f"{self.purpose}_{len(row['series'])}_{k:06d}"
            self._last = (block, rows)
        return self._last[1][number]


def in_other_orders(rows, share, seed=0):
    """Pairs, of which a share is asked for the same sentences in another order, SAME_LENGTH neighbours for the same one.

    What comes last can else be guessed from the sentences before it: three of four maxima, from trend and noise alone. Of a
    question with more than MANY topics, only some are asked for then.
    """
    made = []
    for start in range(0, len(rows), SAME_LENGTH):
        rng = np.random.default_rng([PURPOSES["train"] + seed, 3, start, 0])
        block = rows[start : start + SAME_LENGTH]
        order = rng.permutation(len(question.of(block[0], block[0]["id"]).topics)).tolist()
        if len(order) > MANY:
            order = order[: rng.integers(1, len(order))]
        made += [{**row, "order": order} for row in block] if rng.random() < share else block
    return made


def pairs(purpose, stages, fmt, *drawn, words=None, **more):
    """Pairs of prompt and answer for fresh rows; drawn, more: as in Rows; fmt: how a series is written.

    words: a words.Words that says the truth again, in the teacher's sentences; None: the answers are in the template alone.
    """
    rows = Rows(purpose, stages, *drawn, **more)

    def in_words(row, number):
        said = words.say(row, np.random.default_rng([rows.seed, 5, number, 0]))
        return pair.make(row, fmt, purpose, said, row["truth"]["sentences"])

    def of_block(block):
        made = [(number, rows[number]) for number in range(*block[:2])]
        if words is None:
            return [pair.make(row, fmt, purpose, row["truth"]["sentences"]) for _, row in made]
        return [in_words(row, number) for number, row in made]

    return [made for block in rows.blocks for made in of_block(block)]
