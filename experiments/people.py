"""The rules of `full` against people: do they see what people marked?

Reads: folders with public benchmarks, as their repositories have them:
--tcpd alan-turing-institute/TCPD (annotations.json, datasets/*/*.json): changes in 31 series of one
variable, marked by five persons each;
--exam moment-timeseries-foundation-model/TimeSeriesExam (its qa_dataset.json): questions on one series;
--nab numenta/NAB (data/, labels/combined_windows.json): windows with an anomaly.
Writes: nothing; prints a table.
Run: python -m experiments.people --tcpd TCPD --exam qa_dataset.json --nab NAB

TCPD is scored by its own measure (van den Burg and Williams 2020, arXiv 2003.06222): F1 with a margin
of 5 points, where the first point counts as marked by all. The rules mark the jump, else the turn.
"""

import glob
import json
import os

import numpy as np

from llm_ts.base import cli
from llm_ts.claims import change, odd, season, shape
from llm_ts.scores.means import mean_of, percent
from llm_ts.series.scale import integers_of

MARGIN = 5  # points
LONGEST = 200  # points of a series that the rules are asked about; longer ones are read at every second point, ...
POINTS = 128  # of a window of NAB


def found_by(marks, said):
    """The marks that a list of places finds, each place once: {mark, ...}."""
    left, found = set(said), set()
    for mark in sorted(marks):
        near = sorted((abs(mark - place), place) for place in left if abs(mark - place) <= MARGIN)
        if near:
            left.discard(near[0][1])
            found.add(mark)
    return found


def f1(marks_of, said):
    """{person: places}, places -> TCPD's F1."""
    said = {0, *said}
    people = [{0, *marks} for marks in marks_of.values()]
    precision = len(found_by(set().union(*people), said)) / len(said)
    recall = np.mean([len(found_by(marks, said)) / len(marks) for marks in people])
    return 2 * precision * recall / (precision + recall)


def changes_of(values):
    """The place that the rules mark in values, shape (n,): that of the jump, else of the turn; [] or [place]."""
    every = -(-len(values) // LONGEST)
    k = integers_of(values[::every])
    jump, turn = change.measure(k)["jump_at"][2], shape.measure(k)["turn"][2]
    if jump >= 0:
        return [round(jump * len(k)) * every]
    return [round(turn * (len(k) - 1)) * every] if turn >= 0 else []


def tcpd(folder):
    with open(os.path.join(folder, "annotations.json"), encoding="utf-8") as file:
        marks_of = json.load(file)
    scores = {"the rules": [], "no change": [], "one person against the others": [], "the best single place": []}
    for path in sorted(glob.glob(os.path.join(folder, "datasets", "*", "*.json"))):
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        if content["n_dim"] != 1 or content["name"] not in marks_of:
            continue
        values = np.array([np.nan if value is None else value for value in content["series"][0]["raw"]], dtype=float)
        known = np.flatnonzero(~np.isnan(values))
        values, marks = np.interp(np.arange(len(values)), known, values[known]), marks_of[content["name"]]
        scores["the rules"].append(f1(marks, changes_of(values)))
        scores["no change"].append(f1(marks, []))
        others = [f1({name: m for name, m in marks.items() if name != one}, marks[one]) for one in marks]
        scores["one person against the others"].append(np.mean(others))
        scores["the best single place"].append(max(f1(marks, [place]) for place in range(len(values))))
    for name, values in scores.items():
        print(f"TCPD, F1 of {len(values)} series, {name}: {np.mean(values):.3f}")


def exam(path):
    with open(path, encoding="utf-8") as file:
        questions = [one for one in json.load(file) if "ts" in one]
    right = {"a season or none": [], "the period of a square wave": [], "spikes or no anomaly": []}
    for one in questions:
        text, answer, k = one["question"], one["answer"], integers_of(np.array(one["ts"], dtype=float))
        turns = season.measure(k)["turns"][2]
        if text.startswith("What is the primary cyclic pattern"):
            right["a season or none"].append((turns > 0) == (answer != "No Pattern at all"))
        elif text.startswith("The given time series is a square wave. What is the most likely period"):
            nearest = min(one["options"], key=lambda option: abs(float(option) - len(k) / turns)) if turns else "nan"
            right["the period of a square wave"].append(float(nearest) == float(answer))
        elif text.startswith("Is the given time series likely to have an anomaly") and "flipped" not in answer:
            right["spikes or no anomaly"].append((odd.measure(k)["odd"][0] != "none") == (answer != "No"))
    for name, values in right.items():
        print(f"TimeSeriesExam, {name}: {sum(values)} of {len(values)}")


def nab(folder):
    """Windows of POINTS around the middle of each labelled anomaly, and as many beside all of them."""
    import pandas as pd

    with open(os.path.join(folder, "labels", "combined_windows.json"), encoding="utf-8") as file:
        labelled = json.load(file)
    rng, seen = np.random.default_rng(0), {True: [], False: []}
    for name, windows in labelled.items():
        table = pd.read_csv(os.path.join(folder, "data", name), parse_dates=["timestamp"])
        values, anomalous = table["value"].to_numpy(float), np.zeros(len(table), dtype=bool)
        for begin, end in windows:
            inside = ((table["timestamp"] >= begin) & (table["timestamp"] <= end)).to_numpy()
            anomalous |= inside
            middle = int(np.flatnonzero(inside).mean())
            seen[True].append(values[max(0, middle - POINTS // 2) :][:POINTS])
        starts = [s for s in rng.permutation(len(values) - POINTS) if not anomalous[s : s + POINTS].any()]
        seen[False] += [values[s : s + POINTS] for s in starts[: max(1, len(windows))]]
    for name, parts in seen.items():
        told = mean_of(odd.measure(integers_of(part))["odd"][0] != "none" for part in parts)
        print(
            f"NAB, odd points told in windows {'with' if name else 'without'} an anomaly: {percent(told)} %, n = {told['n']}"
        )


def main(argv=None):
    parser = cli.Parser(__doc__)
    for name, what in (("tcpd", tcpd), ("exam", exam), ("nab", nab)):
        parser.add_argument(f"--{name}", metavar="PATH", help=f"Where {name} lies.")
    args = parser.parse_args(argv)
    if not any(vars(args).values()):
        raise cli.UserError("give --tcpd, --exam or --nab")
    for name, measure in (("tcpd", tcpd), ("exam", exam), ("nab", nab)):
        if path := getattr(args, name):
            if not os.path.exists(path):
                raise cli.UserError(f"no {path} here")
            measure(path)


if __name__ == "__main__":
    cli.run(main)
