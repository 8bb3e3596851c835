"""Simulate Ornstein-Uhlenbeck series with the exact transition, or another
process, and record the truth about each.

Reads: data.jsonl, where it exists: what is there is not made again.
Writes: data.jsonl rows (id, params, series, raw_min, raw_max, question, truth);
<dataset>/<id>.dat, <id>.png, <id>.json.
Run: python ou_process.py --count 220 --points 128 --seed 0

dx = theta (mu - x) dt + sigma dW has the exact transition (Gillespie 1996,
Phys. Rev. E 54, 2084, eq. 1.9)

    x(t + dt) = mu + (x(t) - mu) e^(-theta dt) + sigma sqrt((1 - e^(-2 theta dt)) / (2 theta)) N(0, 1)

which holds for any dt, unlike Euler's. theta is in 1/time, mu and x0 in the
unit of x, sigma in that unit per square root of time, dt in time.

The other processes (--process) stand in llm_ts/series/, what can be asked
about a series (--question) in llm_ts/question.py. Series of several processes
may share one data.jsonl; all its rows are of one question.
"""

import os

import numpy as np

from llm_ts import cli, question, records, rules
from llm_ts.series import PROCESSES
from llm_ts.series import rows as series_rows
from llm_ts.series.plot import Plotter

BLOCK = series_rows.BLOCK


def write_dataset(made, paths, dataset, plots, bar):
    """Write <id>.dat (time and raw value), <id>.json (params) and <id>.png; files that exist are kept."""
    os.makedirs(dataset, exist_ok=True)
    plotter = None
    drawn = 0
    for row, path in zip(made, paths):
        base = os.path.join(dataset, row["id"])
        if not os.path.exists(base + ".dat"):
            times = np.arange(len(path)) * row["params"]["dt"]
            records.write_text(base + ".dat", "".join(f"{t:g} {x!r}\n" for t, x in zip(times.tolist(), path.tolist())))
        if not os.path.exists(base + ".json"):
            records.write_json(base + ".json", row["params"])
        if plots and not os.path.exists(base + ".png"):
            plotter = plotter or Plotter(len(path))
            plotter.save(row["series"], base + ".png")
            drawn += 1
        bar.step()
    return drawn


def refuse_other_params(row, dataset):
    """Raise UserError where the dataset holds another series of this id: its plot would go with the wrong numbers."""
    path = os.path.join(dataset, row["id"] + ".json")
    if os.path.exists(path) and records.read_json(path, "ou_process.py") != row["params"]:
        raise cli.UserError(f"{path} was made with other parameters: give another --dataset, or delete {dataset}")


def question_of(there, args):
    """The question of the rows that are there, else the one asked for, else `study`; UserError where the two differ."""
    if not there:
        return question.named(args.question or question.STUDY.name)
    had = question.of_all(there, args.data)
    if args.question not in (None, had.name):
        raise cli.UserError(
            f"{args.data} is for the question {had.name!r}, not {args.question!r}: give another --data and --dataset, "
            f"or bring it to the other question by --truth --question {args.question}"
        )
    return had


def simulate_missing(args):
    """Append the rows 0 .. count-1 of the process that data.jsonl lacks, and write the files that the dataset lacks."""
    process = PROCESSES[args.process]
    with records.writing(args.data, create=True) as data, cli.Progress("series", args.count) as bar:
        records.sweep(args.dataset)
        had = len(data.rows)
        records.require(data.rows.values(), "truth", args.data, "ou_process.py --truth")
        asked = question_of(list(data.rows.values()), args)
        new, drawn = 0, 0
        for start in range(0, args.count, BLOCK):
            numbers = range(start, min(start + BLOCK, args.count))
            made, paths = series_rows.make(args.seed, numbers, args.points, args.dt, process, asked)
            for row in made:
                there = data.rows.get(row["id"])
                if there and there.get("params") != row["params"]:
                    raise cli.UserError(
                        f"{args.data}: {row['id']} was made with other parameters: "
                        "give the --seed, --points and --dt that made it, or another --data and --dataset"
                    )
                refuse_other_params(row, args.dataset)
                if not there:
                    data.append(row)
                    new += 1
            drawn += write_dataset(made, paths, args.dataset, not args.no_plots, bar)
        made = [data.rows[f"{process.NAME}_{k:06d}"] for k in range(args.count)]
    for claim, known in asked.labels.items():
        labels = [row["truth"][claim] for row in made]
        shares = (f"{label} {labels.count(label) / len(labels):.2f}" for label in known)
        clear = sum(row["truth"]["clear"][claim] for row in made) / len(made)
        print(f"{claim}: {', '.join(shares)} (clear {clear:.2f})")
    print(f"had: {had}\nnew: {new}\nplots: {drawn}\nrows: {len(data.rows)}")


def recompute_truth(path, name, published):
    """Rewrite the truth of every row by today's rules, for the named question (None: the rows' own); print what changed.

    Thresholds that curate.py --fit kept in all rows stay, unless published. What was curated by another truth is dropped.
    """
    with records.writing(path) as data:
        there = list(data.rows.values())
        records.require(there, "series", path, "ou_process.py")
        had, *others = question.each_of(there, path)
        stay = not others and not published and had.rules.version == rules.PUBLISHED.version
        asked = (question.named(name) if name else had).by(had.rules if stay else rules.PUBLISHED)
        answered = next((row["id"] for row in there if row.get("gold") or row.get("teacher")), None)
        if asked.name != had.name and answered:
            raise cli.UserError(
                f"{path}: a teacher was asked the question {had.name!r} about {answered}: give {asked.name!r} a file of its own"
            )
        changed, uncurated = dict.fromkeys(asked.claims, 0), 0
        for row in there:
            fresh = asked.truth_of(row["series"])
            before = row["truth"] if isinstance(row.get("truth"), dict) else {}
            for claim in changed:
                changed[claim] += before.get(claim) != fresh[claim]
            if asked.name != had.name:  # the question stands before its truth
                for field in ("question", "truth"):
                    row.pop(field, None)
                row.update(asked.tag)
            if any(before.get(key) != fresh[key] for key in (*asked.claims, "clear", "sentences")) and row.pop("curated", None):
                uncurated += 1
            row["truth"] = fresh
        data.rewrite(there)
    for claim, number in changed.items():
        print(f"changed_{claim}: {number}")
    print(f"to_curate_again: {uncurated}\nrules: {asked.rules.words}\nrows: {len(there)}")


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument(
        "--count", type=cli.positive, default=220, help="Number of series of the process that data.jsonl shall hold."
    )
    parser.add_argument("--points", type=cli.positive, default=128, help="Points of each series, 16 to 1024.")
    parser.add_argument("--seed", type=cli.count, default=0, help="Seed; series k of a seed is always the same.")
    parser.add_argument("--dt", type=cli.positive_float, default=1.0, help="Time between points.")
    parser.add_argument("--process", choices=list(PROCESSES), default="ou", help="Where the series come from.")
    parser.add_argument(
        "--question", choices=list(question.QUESTIONS), help="What is asked about them; default: as in data.jsonl, else study."
    )
    parser.add_argument("--dataset", default="dataset", help="Folder for the .dat, .png and .json of each series.")
    parser.add_argument("--data", default="data.jsonl", help="The shared file of rows.")
    parser.add_argument("--no-plots", action="store_true", help="Draw no .png; a teacher needs them, a dry run does not.")
    parser.add_argument("--truth", action="store_true", help="Only recompute the truth of an existing data.jsonl.")
    parser.add_argument("--published", action="store_true", help="With --truth: back to the published thresholds.")
    records.add_lock_flag(parser)
    args = parser.parse_args(argv)
    if not series_rows.SHORTEST <= args.points <= series_rows.LONGEST:
        raise cli.UserError(f"--points {args.points}: give {series_rows.SHORTEST} to {series_rows.LONGEST}")
    if not 1e-9 <= args.dt <= 1e9:  # far from where floats end: times, and theta, its inverse, are multiples of it
        raise cli.UserError(f"--dt {args.dt:g}: give 1e-9 to 1e9, in the unit of time that suits")
    if args.seed >= series_rows.SEEDS:
        raise cli.UserError(f"--seed {args.seed}: give a number below {series_rows.SEEDS}")
    if args.published and not args.truth:
        raise cli.UserError("--published belongs to --truth: it recomputes what is there")
    cli.print_settings(args)
    if args.truth:
        recompute_truth(args.data, args.question, args.published)
    else:
        simulate_missing(args)


if __name__ == "__main__":
    cli.run(main)
