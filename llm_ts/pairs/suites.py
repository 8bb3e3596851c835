"""The suites of series that a student is examined on: unseen series, and controls that show what it really reads.

Most simulated suites start from the same test series (fresh.py), of OU or of the processes that the student learnt. No
training and no validation draws these series.
`reversed`, `negated`, `squeezed` and the lengths have their own truth by the rules. `zeroed` and `shuffled` keep the truth
of the series that they destroyed: a student that reads the values must fall to a constant answer there. `ramps`, `steps`,
`seasonal` and `mixed` are series of the processes `ramp`, `step`, `season` and `mixture`; `outside` is as `wide` draws.

For students that see: `blank` shows axes without a line, with the truth of the series. A student that looks is no better
than a constant answer there.

A file is a suite too: JSON lines with an id and a series each, as experiments.real_windows writes. The suite has the
file's name; its truth is computed here.
"""

import csv
import glob
import os

import numpy as np

from llm_ts.base import cli, paths
from llm_ts.data import pair, records
from llm_ts.pairs import fresh
from llm_ts.question import STUDY
from llm_ts.series import ou
from llm_ts.series.rows import LONGEST, SHORTEST
from llm_ts.series.scale import integers_of, rescale


def _rng(*words):
    """A generator of the suites' own: four words, where the series' streams have three (rows.py)."""
    return np.random.default_rng([fresh.PURPOSES["test"], 1, *words, 1])


def _pair(name, fmt, question, series, truth=None):
    """A pair for a series of integers; truth: that of another series, where the control wants it."""
    series = [int(k) for k in series]
    truth = truth or question.truth_of(series)
    row = {"id": name, "series": series, "question": question.name, "truth": truth}
    return pair.make(row, fmt, "test", truth["sentences"])


def _unseen(count, points, fmt, question, processes):
    return fresh.pairs("test", [(points, points, count)], fmt, question=question, processes=processes)


def _changed(change):
    """A suite that changes each unseen series and asks for the changed one's truth."""

    def suite(count, points, fmt, question, processes):
        return [_pair(row["id"], fmt, question, change(row["series"])) for row in _unseen(count, points, fmt, question, processes)]

    return suite


def _destroyed(destroy):
    """A suite that destroys what the values say and keeps the truth of before."""

    def suite(count, points, fmt, question, processes):
        rows = _unseen(count, points, fmt, question, processes)
        return [_pair(row["id"], fmt, question, destroy(k, row["series"]), row["truth"]) for k, row in enumerate(rows)]

    return suite


def _of_length(points):
    return lambda count, _, fmt, question, processes: _unseen(count, points, fmt, question, processes)


def _outside(count, points, fmt, question, processes):
    """Parameters beyond those of the process `ou`: 8 to 80 e-foldings over the window, from 2 to 30 stationary deviations off.

    There, what falls so fast starts at most 1.4 deviations off.
    """
    u = _rng(1).random((count, 3))
    theta = 8 * 10 ** u[:, 0] / points
    start = np.where(u[:, 1] < 0.5, -1, 1) * 2 * 15 ** u[:, 2]
    noise = _rng(2).standard_normal((count, points - 1))
    drawn = rescale(ou.paths(theta, 0 * theta, np.sqrt(2 * theta), start, 1.0, noise))[0]
    return [_pair(f"outside_{k:06d}", fmt, question, series) for k, series in enumerate(drawn)]


def _of_process(name):
    return lambda count, points, fmt, question, _: _unseen(count, points, fmt, question, (name,))


def _real(count, points, fmt, question, processes):
    """The public series of examples/, at their own lengths."""
    pairs = []
    for path in sorted(glob.glob(os.path.join(paths.EXAMPLES, "*.csv")))[:count]:
        with open(path, encoding="utf-8", newline="") as file:
            values = [float(line[-1]) for line in list(csv.reader(file))[1:]]
        pairs.append(_pair(os.path.basename(path).removesuffix(".csv"), fmt, question, integers_of(values)))
    return pairs


def _blank(count, points, fmt, question, processes):
    """Unseen series, of which nothing is drawn."""
    rows = _unseen(count, points, fmt, question, processes)
    return [{**_pair(row["id"], fmt, question, row["series"]), "drawn": [None] * points} for row in rows]


def _shuffle(number, series):
    return _rng(4, number).permutation(series)


SUITES = {
    "unseen": _unseen,
    "reversed": _changed(lambda series: series[::-1]),
    "negated": _changed(lambda series: [99 - k for k in series]),
    "squeezed": _changed(lambda series: [30 + round(0.4 * k) for k in series]),
    "zeroed": _destroyed(lambda number, series: [0] * len(series)),
    "shuffled": _destroyed(_shuffle),
    **{f"length-{points}": _of_length(points) for points in (16, 32, 64, 256, 512, 1024)},
    "outside": _outside,
    "ramps": _of_process("ramp"),
    "steps": _of_process("step"),
    "seasonal": _of_process("season"),
    "mixed": _of_process("mixture"),
    "real": _real,
    "blank": _blank,
}
SIGHT = ("blank",)  # suites for students that see


FILE = ".jsonl"  # how a suite's name ends that is a file


def name_of(suite):
    """The name of a suite: a key of SUITES has its own, "x/real-windows.jsonl" is `real-windows`; else UserError."""
    if suite in SUITES:
        return suite
    name = os.path.basename(suite).removesuffix(FILE)
    if not suite.endswith(FILE) or not name:
        raise cli.UserError(f"no suite {suite!r}: there are {', '.join(SUITES)}, and files of series that end in {FILE}")
    if name in SUITES:
        raise cli.UserError(f"{suite}: its answers would be kept under the suite {name!r}: give the file another name")
    return name


def _from_file(path, count, fmt, question):
    """The first `count` series of a file, at their own lengths."""
    found = records.read(path, made_by="python -m experiments.real_windows")[:count]
    for field in ("id", "series"):
        records.require(found, field, path, "what made it")
    for row in found:
        if not SHORTEST <= (n := len(row["series"])) <= LONGEST:
            raise cli.UserError(f"{path}: row {row['id']} has {n} points: {SHORTEST} to {LONGEST} can be asked about")
    return [_pair(row["id"], fmt, question, row["series"]) for row in found]


def rows(suite, count, points, fmt, question=STUDY, processes=(ou.NAME,)):
    """Pairs of a suite: the same for the same arguments; the first N of a greater count are those of count N.

    suite: a key of SUITES, or a file. count: at most so many. points: of each series, where the suite does not fix them.
    processes: of the unseen series, and of those made from them.
    """
    if suite not in SUITES:
        return _from_file(suite, count, fmt, question)
    return SUITES[suite](count, points, fmt, question, processes)
