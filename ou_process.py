"""Simulate Ornstein-Uhlenbeck series with the exact transition, or another
process, and record the truth about each.

Reads: data.jsonl, if it exists: its rows are not made again.
Writes: data.jsonl rows (id, params, series, raw_min, raw_max, question, truth);
<dataset>/<id>.dat, <id>.png, <id>.json.
Run: python ou_process.py --count 220 --points 128 --seed 0

dx = theta (mu - x) dt + sigma dW has the exact transition (Gillespie 1996,
Phys. Rev. E 54, 2084, eq. 1.9)

    x(t + dt) = mu + (x(t) - mu) e^(-theta dt) + sigma sqrt((1 - e^(-2 theta dt)) / (2 theta)) N(0, 1)

for any dt, unlike Euler's. theta is in 1/time, mu and x0 in the
unit of x, sigma in that unit per square root of time, dt in time.

The other processes (--process) stand in llm_ts/series/, the questions
(--question) in llm_ts/question.py. Series of several processes may share one
data.jsonl; all its rows have one question.
"""

import os
from collections import Counter

import numpy as np

from llm_ts import question, rules
from llm_ts.base import cli, disk
from llm_ts.data import records
from llm_ts.pictures.plot import plotter
from llm_ts.series import PROCESSES
from llm_ts.series import rows as series_rows

FEW = 16  # series made together, if each is plotted


def write_dataset(made, paths, dataset):
    """Write <id>.dat (time and raw value), <id>.json (params) and <id>.png; existing files stay.

    Returns the number of plots. UserError if the dataset has another series under one of the ids.
    """
    os.makedirs(dataset, exist_ok=True)
    drawn = 0
    for row, path in zip(made, paths):
        base = os.path.join(dataset, row["id"])
        if not os.path.exists(base + ".json"):
            disk.write_json(base + ".json", row["params"])
        elif disk.read_json(base + ".json", "ou_process.py") != row["params"]:
            raise cli.UserError(
                f"{base}.json was made with other parameters: give another --dataset, "
                f"or delete {dataset}"
            )
        if not os.path.exists(base + ".dat"):
            times = np.arange(len(path)) * row["params"]["dt"]
            lines = (f"{t:g} {x!r}\n" for t, x in zip(times.tolist(), path.tolist()))
            disk.write_text(base + ".dat", "".join(lines))
        if not os.path.exists(base + ".png"):
            plotter(len(path)).save(row["series"], base + ".png")
            drawn += 1
    return drawn


def count_labels(rows, claims):
    """How often rows have each label, and how often each claim is clear.

    Counter of (claim, label) and (claim,).
    """
    counts = Counter()
    for row in rows:
        for claim in claims:
            counts[claim, row["truth"][claim]] += 1
            counts[claim,] += row["truth"]["clear"][claim]
    return counts


def look_at(data, args):
    """A file -> (the numbers of the asked series that it has, the question, label counts).

    UserError if a row has no truth, or was made with other parameters than those of args.
    """
    process = PROCESSES[args.process]
    numbers = {f"{process.NAME}_{number:06d}": number for number in range(args.count)}
    params, questions, counts = {}, {}, Counter()
    for row in data:
        records.require([row], "truth", data.path, "ou_process.py --truth")
        asked = question.of(row, data.path)
        questions[asked] = None
        if row["id"] in numbers:
            params[numbers[row["id"]]] = row.get("params")
            counts += count_labels([row], asked.claims)
    asked = question_of(questions, args)
    drawn = series_rows.draw_parameters(args.seed, list(params), args.points, args.dt, process)
    made = series_rows.params(drawn, params, args.seed, args.points, args.dt, process)
    for number, expected in zip(params, made):
        if params[number] != expected:
            raise cli.UserError(
                f"{data.path}: {process.NAME}_{number:06d} was made with other parameters: give the "
                "--seed, --points and --dt that made it, or another --data and --dataset"
            )
    return params.keys(), asked, counts


def question_of(found, args):
    """The question of the existing rows, else of --question, else `study`. UserError if two differ."""
    if not found:
        return question.named(args.question or question.STUDY.name)
    had = question.one_of(found, args.data)
    if args.question not in (None, had.name):
        raise cli.UserError(
            f"{args.data} is for the question {had.name!r}, not {args.question!r}: "
            "give another --data and --dataset"
        )
    return had


def simulate_missing(args):
    """Append the rows that the file lacks, and write the files that the dataset lacks."""
    process = PROCESSES[args.process]
    with records.writing(args.data, create=True) as data, cli.Progress("series", args.count) as bar:
        if args.dataset:
            disk.sweep(args.dataset)
        had, asked, counts = look_at(data, args)
        wanted = [k for k in range(args.count) if args.dataset or k not in had]
        together = FEW if args.dataset else series_rows.BLOCK
        drawn = 0
        for start in range(0, len(wanted), together):
            numbers = wanted[start : start + together]
            made, paths = series_rows.make(
                args.seed, numbers, args.points, args.dt, process, asked
            )
            if args.dataset:
                drawn += write_dataset(made, paths, args.dataset)
            new = [row for row, number in zip(made, numbers) if number not in had]
            data.append(b"".join(map(records.line_of, new)))
            counts += count_labels(new, asked.claims)
            bar.step(len(numbers))
    print_shares(asked, counts, args.count)
    new = args.count - len(had)
    print(f"had: {len(data)}\nnew: {new}\nplots: {drawn}\nrows: {len(data) + new}")


def print_shares(asked, counts, rows):
    """Print the share of each label among the rows; of many labels, those that occur."""
    for claim, known in asked.labels.items():
        there = [label for label in known if len(known) < 12 or counts[claim, label]]
        shares = (f"{label} {counts[claim, label] / rows:.2f}" for label in there)
        print(f"{claim}: {', '.join(shares)} (clear {counts[claim,] / rows:.2f})")


def recompute_truth(path):
    """Compute the truth of every row again, by the published thresholds, and print what changed.

    If the labels, clear flags or sentences of a row change, its `curated` is dropped.
    """
    changed, uncurated = Counter(), 0
    with records.writing(path) as data:
        asked = question.of_one_name(question.each_of(data, path), path)[0].by(rules.PUBLISHED)
        with data.replacing() as out:
            for row in data:
                records.require([row], "series", path, "ou_process.py")
                fresh = asked.truth_of(row["series"])
                before = row["truth"] if isinstance(row.get("truth"), dict) else {}
                keys = (*asked.claims, "clear", "sentences")
                differ = [key for key in keys if before.get(key) != fresh[key]]
                changed.update(differ)
                if differ and row.pop("curated", None):
                    uncurated += 1
                row["question"], row["truth"] = asked.name, fresh
                out.write(records.line_of(row))
    for claim in asked.claims:
        print(f"changed_{claim}: {changed[claim]}")
    print(f"to_curate_again: {uncurated}\nrules: {asked.rules.words}\nrows: {len(data)}")


def main(argv=None):
    parser = cli.Parser(__doc__)
    add = parser.add_argument
    add("--count", type=cli.positive, default=220, help="Number of series of the process.")
    add("--points", type=cli.positive, default=128, help="Points of each series, 16 to 1024.")
    add("--seed", type=cli.count, default=0, help="Seed. Series k of a seed is always the same.")
    add("--dt", type=cli.positive_float, default=1.0, help="Time between points.")
    add("--process", choices=list(PROCESSES), default="ou", help="The process that is simulated.")
    asked = "The question about them; default: as in data.jsonl, else study."
    add("--question", type=question.name_of, help=asked)
    files = "Folder for the .dat, .png and .json of each series; none: write none."
    add("--dataset", default="dataset", help=files)
    add("--data", default="data.jsonl", help="The shared file of rows.")
    truth = "Only compute the truth of all rows again, by the published thresholds."
    add("--truth", action="store_true", help=truth)
    disk.add_lock_flag(parser)
    args = parser.parse_args(argv)
    if not series_rows.SHORTEST <= args.points <= series_rows.LONGEST:
        least, most = series_rows.SHORTEST, series_rows.LONGEST
        raise cli.UserError(f"--points {args.points}: give {least} to {most}")
    # so that no float overflows: times are multiples of it, theta of its inverse
    if not 1e-9 <= args.dt <= 1e9:
        raise cli.UserError(f"--dt {args.dt:g}: give 1e-9 to 1e9, in the unit of time that suits")
    if args.seed >= series_rows.SEEDS:
        raise cli.UserError(f"--seed {args.seed}: give a number below {series_rows.SEEDS}")
    cli.print_settings(args)
    if args.dataset == "none":
        args.dataset = None
    if args.truth:
        recompute_truth(args.data)
    else:
        simulate_missing(args)


if __name__ == "__main__":
    cli.run(main)
