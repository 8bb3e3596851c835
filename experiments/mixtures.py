"""Mixtures of processes to train on, compared at equal budget: what a student
that goes on learning from each reads of series that none of them draws.

Reads: a student to go on from (--model; a base learns from nothing), suites:
names of examine.py's, or files, as experiments.real_windows writes one.
Writes: run/mixtures/<budget>/<name>-<seed>/, a training each, with suites/;
--out, which report.py turns into a table.
Run: python -m experiments.mixtures --suites real-windows.jsonl,unseen

What was finished is not trained or asked again, and what was stopped goes on.
Every mixture is trained on as many series of the same lengths (but those that
are long and thinned), in the same way, with the same seeds. What counts as
better, fixed before the first run:
all four claims right on the clear rows of the first suite; a mixture is better
(worse) than `ou` if the 95 % interval of all seeds together lies wholly above
(below) that of `ou`; else nothing was shown.

The final recipe from a base, with three seeds, as each of them was trained on
a GPU: --only final --model models/SmolLM2-135M-Instruct.Q4_1.gguf --points
48,16-256 --series 12000 --batch-size 16 --learning-rate 1e-3 --seeds 0,1,2
--out results/seeds.json; with a greater base: --model Qwen/Qwen2.5-0.5B-Instruct.
"""

import os

from experiments import _budget
from experiments._budget import call, shown
from llm_ts import cli, disk, paths, shape
from llm_ts.pairs import fresh, suites
from llm_ts.scores import evaluation, tables
from llm_ts.scores.means import is_mean, percent, wilson
from llm_ts.series import PROCESSES, ou
from llm_ts.student import load, run_folder

OUT = os.path.join("results", "mixtures.json")
SEEDS = os.path.join("results", "seeds.json")  # of the final recipe
BUDGET = ("series", "points", "learning_rate", "batch_size", "count", "suites")  # flags that make mixtures comparable
PAIRS = "pairs.jsonl"

EACH = [name for name in PROCESSES if name != ou.NAME]
SMOOTH = ["season", "seasons", "smooth", "growth", "mixture"]  # where version 1 of the rules saw noise and version 2 sees none
# name: (what it is, the processes in turn, share of those not long that is squeezed, share that is long and thinned)
MIXTURES = {
    "ou": ("OU alone", [ou.NAME], 0.0, 0.0),
    "each": ("each process as often", [ou.NAME, *EACH], 0.0, 0.0),
    "each-squeezed": ("each as often, a fifth squeezed", [ou.NAME, *EACH], 0.2, 0.0),
    "ou-fifth": ("a fifth OU, each other as often, a fifth squeezed", [ou.NAME] * 4 + EACH, 0.2, 0.0),
    "smooth": ("the same, smooth courses twice", [ou.NAME] * 4 + EACH + SMOOTH, 0.2, 0.0),
    "mixture": ("the same, half of it sums of two processes", [ou.NAME] * 4 + EACH + ["mixture"] * 19, 0.2, 0.0),
    "final": (
        "a fifth OU, each other as often, three tenths long, two fifths of the rest squeezed",
        [ou.NAME] * 4 + EACH,
        0.4,
        0.3,
    ),
}


def absolute(path):
    """A path as other folders may use it; a name that is no path stays."""
    return os.path.abspath(path) if os.path.exists(path) else path


def prepare(folder):
    """Pairs of OU series, which say format and question, and are what a training asks meanwhile."""
    call(folder, "ou_process.py", "--count", 60, "--points", 128, "--seed", 6, "--no-plots")
    call(folder, "mistral.py", "--dryrun")
    call(folder, "curate.py")
    call(folder, "convert.py", "--format", "thirds", "--wording", "plain", "--diagnostics", "0", "--out", PAIRS)


def train(name, seed, folder, args):
    """Train and examine one mixture with one seed, or find it finished -> its entry of --out."""
    what, processes, squeeze, long = MIXTURES[name]
    stages = args.points.split(",")
    out = f"{name}-{seed}"
    scoring = ["--embedder", args.embedder, "--nli", "none", "--max-new-tokens", 64]
    flags = [
        "--data", PAIRS, "--model", args.model, "--out", out, "--process", ",".join(processes),
        "--fresh", ",".join(f"{points}x{args.series // len(stages)}" for points in stages),
        "--squeeze", squeeze, *(["--long", long] if long else []), "--seed", seed,
        "--batch-size", args.batch_size, "--learning-rate", args.learning_rate, "--save-steps", args.save_steps,
        "--validation", 0, "--eval-rows", 2, "--no-gguf", *scoring,
    ]  # fmt: skip
    call(folder, "qwen_train.py", *flags)
    asked = ["--suite", args.suites, "--count", args.count, "--process", ou.NAME, "--thin"]
    call(folder, "examine.py", "--model", out, *asked, *scoring)
    names = [suites.name_of(suite) for suite in args.suites.split(",")]
    found = {suite: evaluation.read(os.path.join(folder, out, "suites", f"evaluation_{suite}.json"))["means"] for suite in names}
    return {
        "what": what,
        "minutes": round(run_folder.seconds(os.path.join(folder, out)) / 60, 1),
        "clear": {suite: means["claims"]["clear"] for suite, means in found.items()},
        "command": " ".join(["qwen_train.py", *(shown(str(flag)) for flag in flags)]),
    }


def together(entries, suite):
    """The mean of all four claims on a suite's clear rows over entries of several seeds: {"mean", "low", "high", "n"}."""
    means = [entry["clear"][suite]["all_four"] for entry in entries]
    n = sum(mean["n"] for mean in means)
    mean = sum(mean["mean"] * mean["n"] for mean in means) / n if n else 0.0
    low, high = wilson(mean, n) if n else (0.0, 1.0)
    return {"mean": mean, "low": low, "high": high, "n": n}


def verdict(score, baseline):
    """better, worse or "nothing shown", by the rule of this file's head; baseline None: OU was not trained yet."""
    if baseline is None:
        return "no baseline yet"
    if score["low"] > baseline["high"]:
        return "better"
    return "worse" if score["high"] < baseline["low"] else "nothing shown"


def table(kept):
    """What is kept -> lines of Markdown: for each mixture and suite all four claims on clear rows, and for each of several seeds."""
    names = [suites.name_of(suite) for suite in kept["budget"]["suites"].split(",")]
    by_mixture = {name: {} for name in MIXTURES}
    for key, entry in kept["runs"].items():
        name, seed = key.rsplit("-", 1)
        by_mixture[name][seed] = entry
    baseline = together(by_mixture["ou"].values(), names[0]) if by_mixture["ou"] else None
    lines = []

    def cells(entries):
        scores = [together(entries, suite) for suite in names]
        return [f"{percent(score)}, n = {score['n']}" for score in scores]

    for name, entries in by_mixture.items():
        if entries:
            all_seeds = list(entries.values())
            says = "baseline" if name == "ou" else verdict(together(all_seeds, names[0]), baseline)
            lines.append([name, all_seeds[0]["what"], str(len(entries)), *cells(all_seeds), says])
        if len(entries) > 1:
            lines += [["", "", f"seed {seed}", *cells([entry]), ""] for seed, entry in sorted(entries.items(), key=lambda kept: int(kept[0]))]
    return tables.markdown(["mixture", "what it is", "seeds", *names, "verdict"], lines)


def read_kept(path=OUT, budget=None):
    """What is kept: {"budget": {...}, "runs": {"<name>-<seed>": entry}}; UserError where it is something else."""
    kept = disk.read_json(path, "python -m experiments.mixtures")
    runs = kept.get("runs")
    fits = shape.has(kept.get("budget"), ("model", "suites"), str) and isinstance(runs, dict)
    if not fits or not all(_is_key(key) and _is_entry(entry) for key, entry in runs.items()):
        raise cli.UserError(f"{path} is not as mixtures.py writes it: move it away, and run it again")
    if budget is not None:
        _budget.check(path, kept["budget"], budget)
    return kept


def _is_key(key):
    """Whether a key is "<name>-<seed>"."""
    name, _, seed = key.rpartition("-")
    return name in MIXTURES and seed.isdecimal()


def _is_entry(entry):
    clear = entry.get("clear") if isinstance(entry, dict) else None
    means = [claims.get("all_four") for claims in clear.values()] if isinstance(clear, dict) else [None]
    return shape.has(entry, ("what", "command"), str) and all(map(is_mean, means))


def kept_runs(path, budget):
    """What is kept, to be added to; UserError where it is of another budget."""
    return read_kept(path, budget) if os.path.exists(path) else {"budget": budget, "runs": {}}


def seeds(text):
    """argparse type: "0,1" -> [0, 1]."""
    return [cli.count(seed) for seed in text.split(",")]


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--model", type=cli.folder, default=paths.SHIPPED, help="What goes on learning; a base begins to.")
    parser.add_argument("--suites", default="unseen,outside,mixed,real", help="With commas; the first decides.")
    parser.add_argument("--series", type=cli.positive, default=2400, help="Series that each learns from.")
    parser.add_argument("--points", default="16-256", help="Of each series: one length, or least-most; stages with commas.")
    parser.add_argument("--seeds", type=seeds, default=[0], help="With commas.")
    parser.add_argument("--batch-size", type=cli.positive, default=8, help="Series of a step.")
    parser.add_argument("--learning-rate", type=cli.positive_float, default=7e-4, help="Peak; cosine to zero.")
    parser.add_argument("--save-steps", type=cli.positive, default=100, help="A stop loses no more than so many steps.")
    parser.add_argument("--count", type=cli.positive, default=500, help="Series of each suite, at most.")
    parser.add_argument("--embedder", type=cli.folder, default=paths.of("minilm"), help="Folder of the embedding model.")
    parser.add_argument("--out", default=OUT, help="What is kept of those of one budget.")
    parser.add_argument("--only", help=f"These mixtures, with commas, of: {', '.join(MIXTURES)}; default: all.")
    args = parser.parse_args(argv)
    names = list(MIXTURES) if args.only is None else args.only.split(",")
    if unknown := [name for name in names if name not in MIXTURES]:
        raise cli.UserError(f"no mixture {unknown[0]!r}: there are {', '.join(MIXTURES)}")
    fresh.plan(",".join(f"{points}x1" for points in args.points.split(",")))  # what is wrong there is said before anything is made
    if args.series % (stages := len(args.points.split(","))):
        raise cli.UserError(f"--series {args.series} cannot be shared evenly among {stages} stages of --points")
    for suite in args.suites.split(","):
        if suites.name_of(suite) != suite and not os.path.exists(suite):
            raise cli.UserError(f"no {suite} here: python -m experiments.real_windows makes one")
    load.require(args.model)
    budget = _budget.of(args, BUDGET)
    budget["suites"] = ",".join(map(os.path.basename, args.suites.split(",")))
    args.model, args.embedder = absolute(args.model), absolute(args.embedder)
    args.suites = ",".join(map(absolute, args.suites.split(",")))
    cli.print_settings(args)
    kept_runs(args.out, budget)
    folder = os.path.join("run", "mixtures", "-".join(str(budget[name]) for name in ("model", *BUDGET[:4])))
    with run_folder.hold(folder, wait=True):
        prepare(folder)
    for name in names:
        for seed in args.seeds:
            entry = train(name, seed, folder, args)
            with run_folder.hold(folder, wait=True):  # another run may have added some meanwhile
                kept = kept_runs(args.out, budget)
                kept["runs"][f"{name}-{seed}"] = entry
                disk.write_json(args.out, kept)
            print(f"{name}, seed {seed}: {entry['minutes']} minutes", flush=True)
    print("\n".join(table(kept)))
    print(f"mixtures: {len(names)}\nout: {args.out}")


if __name__ == "__main__":
    cli.run(main)
