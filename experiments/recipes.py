"""Recipes of training compared at equal budget: each differs from the baseline in
one choice, and is read on validation series.

Reads: models/SmolLM2-135M-Instruct.Q4_1.gguf and models/all-MiniLM-L6-v2
(python fetch.py smollm2 minilm).
Writes: run/recipes/<budget>/<name>/, a training each; results/recipes.json,
which report.py turns into a table.
Run: python -m experiments.recipes --only baseline

What was finished is not trained again, and what was stopped goes on; several
may run at once, each with --only names of its own. The budget: tokens of
series and answer, seen once or in several epochs; full fine-tuning pays half
as much again for each (the gradient of the weights), so it sees fewer. All
learn from the same data.jsonl, but `short-first`, whose series are drawn fresh
and in order. What counts as better, fixed before the first run: the mean share
of the four claims that are right on 256 unseen series. A recipe is better
(worse) if its 95 % interval lies wholly above (below) the mean of every seed
of the baseline; else nothing was shown. The interval knows of the series that
were asked, not of the luck of a seed, which the seeds of the baseline show.
"""

import os

from experiments import _budget
from experiments._budget import call, shown
from llm_ts import cli, disk, paths, question, shape
from llm_ts.pairs import fresh, pair
from llm_ts.scores.means import is_mean, percent, wilson
from llm_ts.series.rows import LONGEST, SHORTEST
from llm_ts.student import load, run_folder

OUT = os.path.join("results", "recipes.json")
BUDGET = ("points", "tokens", "validation")  # flags that make recipes comparable, with the model
STUDENT, EMBEDDER = (paths.of(part) for part in ("smollm2", "minilm"))

BASELINE = {"format": "thirds", "answers": "truth", "wording": "plain", "rate": "1e-3", "rank": 16, "batch": "8", "epochs": 1}
# name: (what differs from the baseline, those settings)
RECIPES = {
    "baseline": ("labelled thirds, truth in one template, rank 16, 1e-3, batches of 8, one epoch", {}),
    "baseline-seed-1": ("another seed", {"seed": "1"}),
    "baseline-seed-2": ("another seed", {"seed": "2"}),
    "format-study": ("00, 01, 02", {"format": "study"}),
    "format-study-seed-1": ("00, 01, 02, another seed", {"format": "study", "seed": "1"}),
    "format-study-seed-2": ("00, 01, 02, another seed", {"format": "study", "seed": "2"}),
    "format-space": ("00 01 02", {"format": "space"}),
    "format-compact": ("000102", {"format": "compact"}),
    "format-thirds-comma": ("labelled thirds, 00, 01, 02", {"format": "thirds-comma"}),
    "format-thirds-compact": ("labelled thirds, 000102", {"format": "thirds-compact"}),
    "rank-4": ("LoRA rank 4 (alpha twice the rank, as in all)", {"rank": 4}),
    "rank-64": ("LoRA rank 64", {"rank": 64}),
    "full": ("all weights, 1e-4", {"rank": 0, "rate": "1e-4"}),
    "rate-3e-4": ("a third of the rate", {"rate": "3e-4"}),
    "rate-3e-3": ("thrice the rate", {"rate": "3e-3"}),
    "batch-4": ("batches of 4", {"batch": "4"}),
    "batch-4-seed-1": ("batches of 4, another seed", {"batch": "4", "seed": "1"}),
    "batch-4-seed-2": ("batches of 4, another seed", {"batch": "4", "seed": "2"}),
    "batch-16": ("batches of 16", {"batch": "16"}),
    "epochs-4": ("a quarter of the series, four epochs", {"epochs": 4}),
    "epochs-13": ("a thirteenth of the series, 13 epochs, as the study", {"epochs": 13}),
    "short-first": ("half of the budget on 16 points, then 32", {"short": True}),
    "curated": ("the simulated teacher's claims, curated, in one template", {"answers": "curated"}),
    "gold": ("the simulated teacher's claims as they came, in one template", {"answers": "gold"}),
    "curated-varied": ("the simulated teacher's own sentences, curated", {"answers": "curated", "wording": "teacher"}),
}


def count_of(rows, budget, model):
    """Number of series whose text and answer make a budget of tokens, by the mean of these pairs."""
    texts = [pair.prompt_of(row).removeprefix(question.STUDY.instruction) + pair.answer_of(row) for row in rows]
    return int(budget * len(texts) / sum(map(len, load.load_tokenizer(model)(texts)["input_ids"])))


def prepare(folder, args):
    """data.jsonl with truth, the simulated teacher's sentences and their curation; the scripts go on where they stopped."""
    sample = fresh.pairs("train", [(args.points, args.points, 100)], BASELINE["format"])
    rows = 100 + 2 * count_of(sample, args.tokens, args.model)  # some are test rows, some to verify
    call(folder, "ou_process.py", "--count", rows, "--points", args.points, "--seed", 5, "--no-plots")
    call(folder, "mistral.py", "--dryrun")
    call(folder, "curate.py")


def train(name, folder, args):
    """Train and read one recipe, or find it finished -> its entry of results/recipes.json."""
    what, changed = RECIPES[name]
    chosen = {**BASELINE, "seed": "0", **changed}
    budget = args.tokens / chosen["epochs"] / (1 if chosen["rank"] else 1.5)
    pairs = os.path.join(folder, f"{name}.jsonl")
    flags = ["--format", chosen["format"], "--answers", chosen["answers"], "--wording", chosen["wording"]]
    call(folder, "convert.py", *flags, "--diagnostics", "0", "--out", f"{name}.jsonl")
    train_rows, test_rows = pair.read(pairs)
    count = count_of(train_rows[:100], budget, args.model)
    if len(train_rows) < count:
        raise cli.UserError(f"{name}: {len(train_rows)} pairs to learn from, the budget asks {count}: give fewer --tokens")
    pair.write(pairs, train_rows[:count] + test_rows)
    series = []
    if chosen.get("short"):
        half = args.points // 2
        halves = count_of(fresh.pairs("train", [(half, half, 100)], chosen["format"]), budget / 2, args.model)
        series = ["--fresh", f"{half}x{halves},{args.points}x{count // 2}"]
    flags = [
        "--data", f"{name}.jsonl", "--model", args.model, "--out", name, *series, "--epochs", chosen["epochs"], "--seed", chosen["seed"],
        "--batch-size", chosen["batch"], "--learning-rate", chosen["rate"], "--rank", chosen["rank"],
        "--alpha", 2 * chosen["rank"] or 1,
        "--save-steps", 10**6, "--validation", args.validation, "--eval-rows", 2, "--max-new-tokens", 80,
        "--embedder", args.embedder, "--nli", "none",
    ]  # fmt: skip
    call(folder, "qwen_train.py", *flags)
    content = run_folder.evaluations(os.path.join(folder, name))[1]  # untrained, then the one checkpoint
    right = content["validation"]["claims"]["all"]
    mean = run_folder.validation_score(content)
    low, high = wilson(mean, args.validation)
    return {
        "what": what,
        "series": disk.read_json(os.path.join(folder, name, "training.json"), "qwen_train.py")["series"],
        "steps": content["step"],
        "score": {"mean": round(mean, 4), "low": round(low, 4), "high": round(high, 4), "n": args.validation},
        "claims": right,
        "command": " ".join(["qwen_train.py", *(shown(str(flag)) for flag in flags)]),
    }


def verdict(entry, baselines):
    """better, worse or "nothing shown", by the rule of this file's head."""
    means = [baseline["score"]["mean"] for baseline in baselines]
    if entry in baselines:
        return "baseline"
    if not means:
        return "no baseline yet"
    if entry["score"]["low"] > max(means):
        return "better"
    return "worse" if entry["score"]["high"] < min(means) else "nothing shown"


def judged(entries):
    """The entries in the order of RECIPES, each with its verdict."""
    baselines = [entry for name, entry in entries.items() if name.startswith("baseline")]
    return {name: {**entries[name], "verdict": verdict(entries[name], baselines)} for name in RECIPES if name in entries}


def read_kept():
    """results/recipes.json: {"budget": {...}, "recipes": {name: entry}}; UserError where it is something else."""
    kept = disk.read_json(OUT, "recipes.py")
    budget, entries = kept.get("budget"), kept.get("recipes")
    fits = shape.has(budget, ("model",), str) and shape.has(budget, BUDGET, int) and isinstance(entries, dict)
    if not fits or not entries:
        raise cli.UserError(f"{OUT} holds no recipes: move it away, and run python -m experiments.recipes")
    broken = [name for name, entry in entries.items() if not _is_entry(entry)]
    if broken:
        raise cli.UserError(f"{OUT}: {broken[0]} is not as recipes.py writes it: delete it there, and run it again with --only {broken[0]}")
    return kept


def _is_entry(entry):
    return (
        shape.has(entry, ("what", "command", "verdict"), str)
        and shape.has(entry, ("series", "steps"), int)
        and is_mean(entry.get("score"))
        and shape.has(entry.get("claims"), question.STUDY.claims, dict)
        and all(map(is_mean, entry["claims"].values()))
    )


def kept_entries(budget):
    """The entries of results/recipes.json, {} where there are none yet; UserError where they are of another budget."""
    kept = read_kept() if os.path.exists(OUT) else {"budget": budget, "recipes": {}}
    _budget.check(OUT, kept["budget"], budget)
    return kept["recipes"]


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--points", type=cli.positive, default=32, help="Points of each series.")
    parser.add_argument("--tokens", type=cli.positive, default=200_000, help="The budget; of 32 points, some 1,300 series.")
    parser.add_argument("--validation", type=cli.positive, default=256, help="Validation series that a recipe is read on.")
    parser.add_argument("--model", default=STUDENT, help="What learns.")
    parser.add_argument("--embedder", default=EMBEDDER, help="Folder of the embedding model.")
    parser.add_argument("--only", help=f"These recipes, with commas, of: {', '.join(RECIPES)}; default: all.")
    args = parser.parse_args(argv)
    names = list(RECIPES) if args.only is None else args.only.split(",")
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        raise cli.UserError(f"no recipe {unknown[0]!r}: there are {', '.join(RECIPES)}")
    for path, part in ((args.model, "smollm2"), (args.embedder, "minilm")):
        if not os.path.exists(path):
            raise cli.UserError(f"no {path} here: run python fetch.py {part}")
    if not 2 * SHORTEST <= args.points <= LONGEST:  # short-first halves them
        raise cli.UserError(f"--points {args.points}: give {2 * SHORTEST} to {LONGEST}")
    args.model, args.embedder = os.path.abspath(args.model), os.path.abspath(args.embedder)  # used from another folder
    cli.print_settings(args)
    budget = _budget.of(args, BUDGET)
    kept_entries(budget)
    folder = os.path.join("run", "recipes", "-".join(map(str, budget.values())))
    with run_folder.hold(folder, wait=True):
        prepare(folder, args)
    for name in names:
        entry = train(name, folder, args)
        with run_folder.hold(folder, wait=True):  # another run may have added some meanwhile
            entries = judged({**kept_entries(budget), name: entry})
            disk.write_json(OUT, {"budget": budget, "recipes": entries})
        score = entry["score"]
        print(f"{name}: {percent(score)}, n = {score['n']}: {entries[name]['verdict']}", flush=True)
    print(f"recipes: {len(names)}\nout: {OUT}")


if __name__ == "__main__":
    cli.run(main)
