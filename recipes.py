"""Recipes of training compared at equal budget: each differs from the baseline in one thing, and is read on validation series.

Reads: models/SmolLM2-135M-Instruct.Q4_1.gguf and models/all-MiniLM-L6-v2 (python fetch.py smollm2 minilm).
Writes: run/recipes/<name>/, a training each; results/recipes.json, which report.py turns into README's table.
Run: python recipes.py --only baseline

What was finished is not trained again. The budget: tokens of series and answer, seen once or in several epochs; full
fine-tuning pays half as much again for each (the gradient of the weights), so it sees fewer. What counts as better,
fixed before the first run: the mean share of the four claims that are right on 256 unseen series. A recipe is better
(worse) if its 95 % interval lies wholly above (below) the mean of every seed of the baseline; else nothing was shown.
"""

import os
import subprocess
import sys

import cli
import description
import fresh
import records
import run_folder
import scoring
import student
import truth

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = os.path.join("run", "recipes")
OUT = os.path.join("results", "recipes.json")
STUDENT = os.path.join(HERE, "models", "SmolLM2-135M-Instruct.Q4_1.gguf")
EMBEDDER = os.path.join(HERE, "models", "all-MiniLM-L6-v2")

BASELINE = {"format": "thirds", "answers": "truth", "wording": "plain", "rate": "1e-3", "rank": "16", "batch": "8", "epochs": 1}
# name: (what differs from the baseline, those settings)
RECIPES = {
    "baseline": ("labelled thirds, truth in one template, rank 16, 1e-3, batches of 8, one epoch", {}),
    "baseline-seed-1": ("another seed", {"seed": "1"}),
    "baseline-seed-2": ("another seed", {"seed": "2"}),
    "format-study": ("00, 01, 02", {"format": "study"}),
    "format-space": ("00 01 02", {"format": "space"}),
    "format-compact": ("000102", {"format": "compact"}),
    "format-thirds-compact": ("labelled thirds, 000102", {"format": "thirds-compact"}),
    "rank-4": ("LoRA rank 4", {"rank": "4"}),
    "rank-64": ("LoRA rank 64", {"rank": "64"}),
    "full": ("all weights, 1e-4", {"rank": "0", "rate": "1e-4"}),
    "rate-3e-4": ("a third of the rate", {"rate": "3e-4"}),
    "rate-3e-3": ("thrice the rate", {"rate": "3e-3"}),
    "batch-4": ("batches of 4", {"batch": "4"}),
    "batch-16": ("batches of 16", {"batch": "16"}),
    "epochs-4": ("a quarter of the series, four epochs", {"epochs": 4}),
    "epochs-13": ("a thirteenth of the series, 13 epochs, as the study", {"epochs": 13}),
    "short-first": ("half of the budget on 16 points, then 32", {"short": True}),
    "curated": ("the simulated teacher's claims, curated, in one template", {"answers": "curated"}),
    "gold": ("the simulated teacher's claims as they came, in one template", {"answers": "gold"}),
    "curated-varied": ("the simulated teacher's own sentences, curated", {"answers": "curated", "wording": "teacher"}),
}


def call(script, *flags):
    """Run one of the scripts in WORK; its failure is this one's."""
    command = [sys.executable, os.path.join(HERE, script), *map(str, flags)]
    done = subprocess.run(command, cwd=WORK, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise cli.UserError(f"{' '.join(command[1:])} in {WORK} failed: {said}")


def count_of(args, points, budget, fmt):
    """Number of series of so many points whose text and answer make a budget of tokens, by the mean of 100."""
    rows = fresh.pairs("train", [(points, points, 100)], fmt)
    texts = [row["prompt"].removeprefix(description.INSTRUCTION) + row["answer"] for row in rows]
    return int(budget * len(texts) / sum(map(len, student.load_tokenizer(args.model)(texts)["input_ids"])))


def prepare(args):
    """WORK/data.jsonl with truth, the simulated teacher's sentences and their curation; the scripts resume."""
    os.makedirs(WORK, exist_ok=True)
    rows = 100 + 2 * count_of(args, args.points, args.tokens, BASELINE["format"])  # some are test rows, some to verify
    call("ou_process.py", "--count", rows, "--points", args.points, "--seed", 5, "--no-plots")
    call("mistral.py", "--dryrun")
    call("curate.py")


def keep_few(path, count):
    """Cut a file of pairs down to its first train rows and its test rows."""
    rows = records.read(path)
    train_rows = [row for row in rows if row["split"] == "train"][:count]
    assert len(train_rows) == count
    kept = train_rows + [row for row in rows if row["split"] == "test"]
    records.write_text(path, "".join(records.encode(row) + "\n" for row in kept))


def train(name, args):
    """Train and read one recipe, or find it finished -> its entry of results/recipes.json."""
    what, changed = RECIPES[name]
    chosen = {**BASELINE, "seed": "0", **changed}
    budget = args.tokens / chosen["epochs"] / (1.5 if chosen["rank"] == "0" else 1)
    count = count_of(args, args.points, budget, chosen["format"])
    pairs = f"{name}.jsonl"
    flags = ["--format", chosen["format"], "--answers", chosen["answers"], "--wording", chosen["wording"]]
    call("convert.py", *flags, "--no-diagnostics", "--out", pairs)
    stages = f"{args.points}x{count}"
    if chosen.get("short"):
        half = args.points // 2
        stages = f"{half}x{count_of(args, half, budget / 2, chosen['format'])},{args.points}x{count // 2}"
    series = ["--fresh", stages]
    if chosen["answers"] != "truth":
        keep_few(os.path.join(WORK, pairs), count)
        series = []
    flags = [
        "--data", pairs, "--model", args.model, "--out", name, *series, "--epochs", chosen["epochs"], "--seed", chosen["seed"],
        "--batch-size", chosen["batch"], "--learning-rate", chosen["rate"], "--rank", chosen["rank"],
        "--save-steps", 10**6, "--validation", args.validation, "--eval-rows", 2, "--max-new-tokens", 80,
        "--embedder", args.embedder, "--nli", "none",
    ]  # fmt: skip
    call("qwen_train.py", *flags)
    content = run_folder.evaluations(os.path.join(WORK, name))[1]  # untrained, then the one checkpoint
    right = content["validation"]["claims"]["all"]
    mean = sum(right[claim]["mean"] for claim in truth.CLAIMS) / len(truth.CLAIMS)
    low, high = scoring.wilson(mean, args.validation)
    return {
        "what": what,
        "series": records.read_json(os.path.join(WORK, name, "training.json"), "qwen_train.py")["series"],
        "steps": content["step"],
        "score": {"mean": round(mean, 4), "low": round(low, 4), "high": round(high, 4), "n": args.validation},
        "claims": right,
        "command": "qwen_train.py " + " ".join(str(flag).replace(HERE + os.sep, "") for flag in flags),
    }


def verdict(entry, baselines):
    """better, worse or "nothing shown", by the rule of this file's head."""
    means = [baseline["score"]["mean"] for baseline in baselines]
    if entry in baselines or not means:
        return "baseline"
    if entry["score"]["low"] > max(means):
        return "better"
    return "worse" if entry["score"]["high"] < min(means) else "nothing shown"


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--points", type=cli.positive, default=32, help="Points of each series.")
    parser.add_argument("--tokens", type=cli.positive, default=200_000, help="The budget; of 32 points, some 1,300 series.")
    parser.add_argument("--validation", type=cli.positive, default=256, help="Validation series that a recipe is read on.")
    parser.add_argument("--model", default=STUDENT, help="What learns.")
    parser.add_argument("--embedder", default=EMBEDDER, help="Folder of the embedding model.")
    parser.add_argument("--only", help=f"These recipes, with commas, of: {', '.join(RECIPES)}; default: all.")
    args = parser.parse_args(argv)
    names = args.only.split(",") if args.only else list(RECIPES)
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        raise cli.UserError(f"no recipe {unknown[0]!r}: there are {', '.join(RECIPES)}")
    for path, part in ((args.model, "smollm2"), (args.embedder, "minilm")):
        if not os.path.exists(path):
            raise cli.UserError(f"no {path} here: run python fetch.py {part}")
    cli.print_settings(args)
    prepare(args)
    entries = records.read_json(OUT, "recipes.py") if os.path.exists(OUT) else {}
    for name in names:
        entries[name] = train(name, args)
        baselines = [entries[other] for other in RECIPES if other.startswith("baseline") and other in entries]
        entries = {other: {**entries[other], "verdict": verdict(entries[other], baselines)} for other in RECIPES if other in entries}
        records.write_json(OUT, entries)
        score = entries[name]["score"]
        print(f"{name}: {scoring.percent(score)}, n = {score['n']}: {entries[name]['verdict']}", flush=True)
    print(f"recipes: {len(names)}\nout: {OUT}")


if __name__ == "__main__":
    cli.run(main)
