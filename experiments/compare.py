"""Recipes of qwen_train.py compared at equal budget: each is trained, and then
asked about the same validation series.

Reads: what learns (--model) and the embedder (python fetch.py smollm2 minilm).
Writes, in --out: a training for each recipe and seed, and table.md.
Run: python -m experiments.compare baseline 'wide: --rank 64 --alpha 128' --fresh 32x1300

A recipe is a name and flags of qwen_train.py beside those of BASE. Every
recipe learns as many answers as the first one (series times epochs), or learns
for as many --minutes. What is finished is not done again; what was stopped goes
on. A recipe is better (worse) than the first one if the 95 % interval of its
share of clear rows with all four claims right, all seeds together, lies wholly
above (below) the first one's interval; else nothing is shown. All seeds answer
the same series, so the interval does not cover the luck of a seed.
"""

import os
import shlex
import signal
import subprocess
import sys

from llm_ts.base import cli, disk, paths
from llm_ts.data import pair
from llm_ts.pairs import fresh, suites
from llm_ts.scores import evaluation, tables
from llm_ts.scores.means import percent, wilson
from llm_ts.scores.score import CONSTANTS
from llm_ts.student import load
from llm_ts.train import run_folder

BASE = "--batch-size 8 --learning-rate 1e-3 --save-steps 250 --validation 0 --eval-rows 2 --no-gguf"
OWN = ("--out", "--seed", "--minutes", "--validation")  # flags that the comparison sets itself


def recipe_of(text):
    """argparse type: "wide: --rank 64" -> ("wide", ["--rank", "64"]); "plain" -> ("plain", [])."""
    name, _, flags = text.partition(":")
    return cli.name(name.strip()), shlex.split(flags)


def answers_of(flags, series):
    """The number of answers that a recipe learns: its series, else those of all, times epochs."""
    parser = cli.Parser("A recipe.")
    for flag in OWN:
        parser.add_argument(flag)
    parser.add_argument("--fresh", default=series)
    parser.add_argument("--epochs", type=cli.positive_float, default=1.0)
    known = parser.parse_known_args(flags)[0]
    if own := [flag for flag in OWN if getattr(known, flag[2:])]:
        raise cli.UserError(f"{own[0]} is set for all recipes alike: see --help")
    return known.epochs * sum(count for *_, count in fresh.plan(known.fresh))


def call(script, *flags):
    """Run a script; its failure is this one's. A signal to this one asks that one to save."""
    command = [sys.executable, os.path.join(paths.ROOT, script), *map(str, flags)]
    child = subprocess.Popen(command)
    stops = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
    before = {stop: signal.signal(stop, lambda *_: child.terminate()) for stop in stops}
    code = child.wait()
    for stop, handler in before.items():
        signal.signal(stop, handler)
    if code in (cli.REQUEUE, cli.INTERRUPTED, -signal.SIGTERM):  # Ctrl-C reaches the child too
        print(f"stopped in {script}; run the same command to go on")
        sys.exit(cli.REQUEUE)
    if code:
        raise cli.UserError(f"{script} failed (exit code {code}): what it said stands above")


def prepare(args):
    """Write the pairs that name format and question, and the series that all are asked about."""
    least, most, _ = fresh.plan(args.fresh)[-1]
    drawn = {"processes": fresh.parse_processes(args.process)}
    rows = fresh.pairs("train", [(least, most, 4)], args.format, **drawn)
    made = [{**row, "split": "train" if k else "test"} for k, row in enumerate(rows)]
    pair.write(os.path.join(args.out, "pairs.jsonl"), made)
    asked = fresh.pairs("validation", [(least, most, args.asked)], args.format, **drawn)
    pair.write(os.path.join(args.out, "validation.jsonl"), asked)


def try_recipe(name, flags, seed, args):
    """Train and ask one recipe, or find it finished -> (its evaluation, its minutes)."""
    out = os.path.join(args.out, f"{name}-{seed}")
    scoring = ["--embedder", args.embedder, "--nli", "none"]
    shared = ["--model", args.model, "--fresh", args.fresh, "--process", args.process]
    shared += ["--data", os.path.join(args.out, "pairs.jsonl"), *BASE.split()]
    shared += ["--minutes", args.minutes] if args.minutes else []
    call("qwen_train.py", *shared, *flags, "--seed", seed, "--out", out, *scoring)
    suite = args.suite or os.path.join(args.out, "validation.jsonl")
    asked = ["--suite", suite, "--count", args.asked, "--thin"]
    call("examine.py", "--model", out, *asked, *scoring)
    found = os.path.join(out, "suites", f"evaluation_{suites.name_of(suite)}.json")
    return evaluation.read(found), run_folder.seconds(out) / 60


def together(means, path):
    """The mean of one column over several evaluations' means, with the interval of all answers."""
    each = []
    for found in means:
        for key in path:
            found = found[key]
        each.append(found)
    n = sum(one["n"] for one in each)
    mean = sum(one["mean"] * one["n"] for one in each) / max(n, 1)
    low, high = wilson(mean, n)
    return {"mean": mean, "low": low, "high": high, "n": n}


def verdict(score, first):
    """better, worse or "nothing shown", by the rule of this file's head."""
    if score["low"] > first["high"]:
        return "better"
    return "worse" if score["high"] < first["low"] else "nothing shown"


def table(found):
    """{name: (flags, answers, [(evaluation, minutes)])} -> lines of Markdown."""
    contents = [content for *_, tried in found.values() for content, _ in tried]
    asked = tables.question_of(contents)
    columns = [*tables.claim_columns(asked, "clear"), tables.claim_columns(asked, "all")[-1]]
    lines, first = [], None
    for name, (flags, answers, tried) in found.items():
        scores = [together([content["means"] for content, _ in tried], c.path) for c in columns]
        says = verdict(scores[-2], first) if first else "the first"
        first = first or scores[-2]
        minutes = "/".join(f"{spent:.1f}" for _, spent in tried)
        cells = [f"{percent(score)}, n = {score['n']}" for score in scores]
        shown = " ".join(flags) or "(as it is)"
        lines.append([name, shown, str(len(tried)), f"{answers:g}", minutes, *cells, says])
    constants = [[contents[0][name]] for name in CONSTANTS]
    each = [[together(one, column.path) for one in constants] for column in columns]
    best = [max(scores, key=lambda score: score["mean"]) for scores in each]
    lines.append(["(constant answer)", "", "", "", "", *map(percent, best), ""])
    claims = [f"{tables.words(c.head)}, clear rows" for c in columns[:-1]]
    heads = ["recipe", "flags", "seeds", "answers learnt", "minutes", *claims]
    return tables.markdown([*heads, f"{tables.words(asked.together)}, all rows", "verdict"], lines)


def main(argv=None):
    parser = cli.Parser(__doc__)
    add = parser.add_argument
    add("recipes", nargs="+", type=recipe_of, metavar="RECIPE", help="'NAME: FLAGS', or a NAME without.")
    add("--model", type=cli.folder, default=paths.of("smollm2"), help="What learns.")
    add("--fresh", default="32x1300", help="The budget, as qwen_train.py has it: POINTSxSERIES,...")
    add("--minutes", type=cli.positive_float, help="The budget instead: minutes of each training.")
    add("--process", default="ou", help="What draws the series, learnt and asked, in turn.")
    add("--format", default="thirds", help="How the series are written.")
    add("--seeds", nargs="+", type=cli.count, default=[0], help="Each recipe once with each.")
    add("--asked", type=cli.positive, default=256, help="Validation series, at most.")
    add("--suite", help="A suite of examine.py to ask instead of validation series.")
    add("--embedder", type=cli.folder, default=paths.of("minilm"), help="The embedding model.")
    add("--out", type=cli.folder, default=os.path.join("run", "compare"), help="Folder of it all.")
    args = parser.parse_args(argv)
    named = dict(args.recipes)
    if len(named) < max(2, len(args.recipes)):
        raise cli.UserError("give two recipes or more, each with a name of its own")
    answers = {name: answers_of(flags, args.fresh) for name, flags in named.items()}
    first = next(iter(answers.values()))
    for name, count in answers.items():
        if not args.minutes and abs(count - first) > 0.02 * first:
            counts = f"{name} learns {count:g} answers, the first {first:g}"
            raise cli.UserError(f"{counts}: no equal budget")
    fresh.parse_processes(args.process)
    load.require(args.model)
    cli.print_settings(args)
    found = {}
    with run_folder.hold(args.out):
        prepare(args)
        for name, flags in named.items():
            tried = [try_recipe(name, flags, seed, args) for seed in args.seeds]
            found[name] = (flags, answers[name], tried)
        lines = table(found)
        disk.write_text(os.path.join(args.out, "table.md"), "\n".join(lines) + "\n")
    print("", *lines, "", sep="\n")
    print(f"recipes: {len(found)}\nout: {args.out}")


if __name__ == "__main__":
    cli.run(main)
