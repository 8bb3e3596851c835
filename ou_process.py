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

With many series, --dataset none writes none of the small files. With --shard
0/8 to 7/8 several runs, on one machine or more, make a share each, in files of
their own; `cat` joins them, and the same command without --shard then checks
every row and makes what is missing.
"""

import os
from collections import Counter

import numpy as np

from llm_ts import cli, disk, question, records, rules, workers
from llm_ts.series import PROCESSES
from llm_ts.series import rows as series_rows
from llm_ts.series.plot import plotter

FEW = 16  # series that are made together where each is drawn


def write_dataset(made, paths, dataset, plots):
    """Write <id>.dat (time and raw value), <id>.json (params) and <id>.png; existing files stay. Returns the number of plots."""
    os.makedirs(dataset, exist_ok=True)
    drawn = 0
    for row, path in zip(made, paths):
        base = os.path.join(dataset, row["id"])
        if not os.path.exists(base + ".dat"):
            times = np.arange(len(path)) * row["params"]["dt"]
            disk.write_text(base + ".dat", "".join(f"{t:g} {x!r}\n" for t, x in zip(times.tolist(), path.tolist())))
        if not os.path.exists(base + ".json"):
            disk.write_json(base + ".json", row["params"])
        if plots and not os.path.exists(base + ".png"):
            plotter(len(path)).save(row["series"], base + ".png")
            drawn += 1
    return drawn


def refuse_other_params(row, dataset):
    """UserError if the dataset has another series under this id: its plot would not fit the numbers."""
    path = os.path.join(dataset, row["id"] + ".json")
    if os.path.exists(path) and disk.read_json(path, "ou_process.py") != row["params"]:
        raise cli.UserError(f"{path} was made with other parameters: give another --dataset, or delete {dataset}")


def question_of(found, args):
    """The question of the existing rows, else of --question, else `study`. UserError if the first two differ.

    found: the questions of the existing rows (question.each_of).
    """
    if not found:
        return question.named(args.question or question.STUDY.name)
    had = question.one_of(found, args.data)
    if args.question not in (None, had.name):
        raise cli.UserError(
            f"{args.data} is for the question {had.name!r}, not {args.question!r}: give another --data and --dataset, "
            f"or bring it to the other question by --truth --question {args.question}"
        )
    return had


def labels_of(rows, claims):
    """How often each label is in some rows, and how often each claim is clear: Counter of (claim, label) and (claim,)."""
    counts = Counter()
    for row in rows:
        for claim in claims:
            counts[claim, row["truth"][claim]] += 1
            counts[claim,] += row["truth"]["clear"][claim]
    return counts


def look_at(data, numbers, args):
    """The rows of a file -> (which of `numbers`, a range, exist, shape (len(numbers),); the rows' questions; label counts).

    UserError if a row has no truth, or was made with other parameters than those of args.
    """
    process = PROCESSES[args.process]

    def look(rows):
        records.require(rows, "truth", data.path, "ou_process.py --truth")
        asked = question.each_of(rows, data.path)
        question.one_of(asked, data.path)
        ours = {}
        for row in rows:
            name, _, number = row["id"].rpartition("_")
            if name == process.NAME and number.isdecimal() and int(number) in numbers and f"{int(number):06d}" == number:
                ours[int(number)] = row
        drawn = series_rows.draw_parameters(args.seed, list(ours), args.points, args.dt, process)
        for row, made in zip(ours.values(), series_rows.params(drawn, ours, args.seed, args.points, args.dt, process)):
            if row.get("params") != made:
                raise cli.UserError(
                    f"{data.path}: {row['id']} was made with other parameters: "
                    "give the --seed, --points and --dt that made it, or another --data and --dataset"
                )
        return [numbers.index(number) for number in ours], asked, labels_of(ours.values(), asked[0].claims)

    there = np.zeros(len(numbers), bool)
    places, found, counts = records.totals(data.map(look), [], [], Counter())
    there[places] = True
    return there, found, counts


def simulate_missing(args, numbers):
    """Append the rows of `numbers` that the file lacks, and write the files that the dataset lacks."""
    process = PROCESSES[args.process]
    with records.writing(args.data, create=True) as data, cli.Progress("series", len(numbers)) as bar:
        if args.dataset:
            disk.sweep(args.dataset)
        there, found, counts = look_at(data, numbers, args)
        asked = question_of(found, args)

        def make(places):
            """Places in `numbers` -> (lines to append, counts of their labels, plots drawn)."""
            made, paths = series_rows.make(args.seed, [numbers[k] for k in places], args.points, args.dt, process, asked)
            drawn = 0
            if args.dataset:
                for row in made:
                    refuse_other_params(row, args.dataset)
                drawn = write_dataset(made, paths, args.dataset, not args.no_plots)
            new = [row for row, k in zip(made, places) if not there[k]]
            return b"".join(map(records.line_of, new)), labels_of(new, asked.claims), drawn

        wanted = range(len(numbers)) if args.dataset else np.flatnonzero(~there)
        together = FEW if args.dataset and not args.no_plots else series_rows.BLOCK
        pieces = [wanted[start : start + together] for start in range(0, len(wanted), together)]
        drawn = 0
        for piece, (lines, labels, plots) in zip(pieces, workers.in_order(make, pieces, data.held)):
            data.append(lines)
            counts += labels
            drawn += plots
            bar.step(len(piece))
    print_shares(asked, counts, len(numbers))
    new = int((~there).sum())
    print(f"had: {len(data)}\nnew: {new}\nplots: {drawn}\nrows: {len(data) + new}")


def print_shares(asked, counts, rows):
    """Print the share of each label among the rows."""
    for claim, known in asked.labels.items():
        shares = (f"{label} {counts[claim, label] / rows:.2f}" for label in known)
        print(f"{claim}: {', '.join(shares)} (clear {counts[claim,] / rows:.2f})")


def recompute_truth(path, name, published):
    """Compute the truth of every row again, for the named question (None: the rows' own), and print what changed.

    Thresholds of curate.py --fit stay, unless published is true. If a row's truth changes, its `curated` is dropped.
    """

    def look(rows):
        records.require(rows, "series", path, "ou_process.py")
        return question.each_of(rows, path), [row["id"] for row in rows if row.get("gold") or row.get("teacher")][:1]

    def compute(rows):
        changed, uncurated = Counter(), 0
        for row in rows:
            fresh = asked.truth_of(row["series"])
            before = row["truth"] if isinstance(row.get("truth"), dict) else {}
            for claim in asked.claims:
                changed[claim] += before.get(claim) != fresh[claim]
            if asked.name != had.name:  # the question stands before its truth
                for field in ("question", "truth"):
                    row.pop(field, None)
                row.update(asked.tag)
            if any(before.get(key) != fresh[key] for key in (*asked.claims, "clear", "sentences")) and row.pop("curated", None):
                uncurated += 1
            row["truth"] = fresh
        return b"".join(map(records.line_of, rows)), changed, uncurated

    with records.writing(path) as data:
        found, answered = records.totals(data.map(look), [], [])
        had, *others = question.of_one_name(found, path)
        stay = not others and not published and had.rules.version == rules.PUBLISHED.version
        asked = (question.named(name) if name else had).by(had.rules if stay else rules.PUBLISHED)
        if asked.name != had.name and answered:
            raise cli.UserError(
                f"{path}: a teacher was asked the question {had.name!r} about {answered[0]}: give {asked.name!r} a file of its own"
            )
        with data.replacing() as out:
            changed, uncurated = records.totals(records.written(out, data.map(compute)), Counter(), 0)
    for claim in asked.claims:
        print(f"changed_{claim}: {changed[claim]}")
    print(f"to_curate_again: {uncurated}\nrules: {asked.rules.words}\nrows: {len(data)}")


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument(
        "--count", type=cli.positive, default=220, help="Number of series of the process in data.jsonl."
    )
    parser.add_argument("--points", type=cli.positive, default=128, help="Points of each series, 16 to 1024.")
    parser.add_argument("--seed", type=cli.count, default=0, help="Seed. Series k of a seed is always the same.")
    parser.add_argument("--dt", type=cli.positive_float, default=1.0, help="Time between points.")
    parser.add_argument("--process", choices=list(PROCESSES), default="ou", help="The process that is simulated.")
    parser.add_argument(
        "--question", choices=list(question.QUESTIONS), help="The question about them; default: as in data.jsonl, else study."
    )
    parser.add_argument("--dataset", default="dataset", help="Folder for the .dat, .png and .json of each series; none: write none.")
    parser.add_argument("--data", default="data.jsonl", help="The shared file of rows.")
    parser.add_argument("--no-plots", action="store_true", help="Draw no .png. A teacher needs them, a dry run does not.")
    parser.add_argument("--shard", help="Make one share of the rows (0/8 to 7/8; 2/8 is in data-2-of-8.jsonl).")
    parser.add_argument("--truth", action="store_true", help="Only compute the truth of an existing data.jsonl again.")
    parser.add_argument("--published", action="store_true", help="With --truth: use the published thresholds.")
    disk.add_lock_flag(parser)
    args = parser.parse_args(argv)
    if not series_rows.SHORTEST <= args.points <= series_rows.LONGEST:
        raise cli.UserError(f"--points {args.points}: give {series_rows.SHORTEST} to {series_rows.LONGEST}")
    if not 1e-9 <= args.dt <= 1e9:  # far from where floats end: times, and theta, its inverse, are multiples of it
        raise cli.UserError(f"--dt {args.dt:g}: give 1e-9 to 1e9, in the unit of time that suits")
    if args.seed >= series_rows.SEEDS:
        raise cli.UserError(f"--seed {args.seed}: give a number below {series_rows.SEEDS}")
    if args.published and not args.truth:
        raise cli.UserError("--published belongs to --truth: give both")
    if args.truth and args.shard:
        raise cli.UserError("--truth and --shard exclude each other: give one of them, and a shard's file as --data")
    shard, of = cli.shard(args.shard) if args.shard else (0, 1)
    numbers = range(args.count * shard // of, args.count * (shard + 1) // of)
    if not numbers:
        raise cli.UserError(f"--shard {args.shard}: of {args.count} series it has none: give fewer shards")
    cli.print_settings(args)
    if args.shard:
        args.data = f"{args.data.removesuffix('.jsonl')}-{shard}-of-{of}.jsonl"
    if args.dataset == "none":
        args.dataset = None
    if args.truth:
        recompute_truth(args.data, args.question, args.published)
    else:
        simulate_missing(args, numbers)


if __name__ == "__main__":
    cli.run(main)
