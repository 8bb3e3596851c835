"""Bring older files up to today's form, in which every property is written.

Reads, writes in place: data.jsonl, pairs, training.json, about.json, evaluation_*.json and the
parameters in dataset/; of a folder, all of these in it.
Run: python -m experiments.bring_up results trained dataset

What is of today's form already stays as it is. Nothing says which series an older evaluation was
of: its processes and points are empty. An older GGUF file must be exported again (hf2gguf.py).
"""

import glob
import os

from llm_ts import task
from llm_ts.base import cli, disk
from llm_ts.data import records

NO_RULES = {"name": "", "thresholds": {}}
BEFORE = {"process": None, "squeeze": 0.0, "long": 0.0, "reorder": 0.0, "words": "template"}
BEFORE |= {"optimizer": "adamw", "then_pairs": 0, "tower": "lora", "styles": 0.0}
BEFORE |= {"dataset": "dataset"}


def with_task(old, points=(), processes=()):
    """A record of a student, its properties gathered in `task`."""
    made = {
        "version": task.VERSION,
        "question": old.pop("question", "study"),
        "rules": {"version": 1} | NO_RULES | old.pop("rules", {}),
        "format": old.pop("format"),
        "see": old.pop("see", "numbers"),
        "processes": old.pop("series_of", list(processes)),
        "points": list(points),
        "prompt_version": old.pop("prompt_version", 1),
    }
    return old | {"task": made}


def row_of(old):
    """A row of data.jsonl, or a pair."""
    if "series" not in old:
        return old
    new = {"question": "study"} | old
    if "prompt" in old and "split" in old:
        new = {"see": "numbers", "process": "ou"} | new
    if isinstance(old.get("params"), dict):
        new["params"] = {"process": "ou"} | old["params"]
    if isinstance(old.get("truth"), dict):
        new["truth"] = {"rules": NO_RULES} | old["truth"]
    return {"id": new.pop("id")} | new


def record_of(old):
    """The object of a .json file; one that is none of ours, or of today's form, as it is."""
    if "task" in old:
        return old
    if "data_sha256" in old:  # training.json
        old.pop("shapes", None)
        made = with_task(old, old.pop("points"), ["ou"])
        return BEFORE | made
    if "weights_sha256" in old and "model" in old:  # about.json
        return with_task({"plots": None, "thin": False} | old, (), ["ou"])
    if "means" in old and "samples" in old:  # an evaluation
        old.pop("points", None)
        return with_task(old)
    if {"dt", "n", "seed"} <= set(old):  # parameters
        return {"process": "ou"} | old
    return old


def bring_up(path):
    """Bring a file up, whole or not at all; returns whether it changed."""
    if path.endswith(".json"):
        old = disk.read_json(path, "what made it")
        new = record_of(dict(old))
        if new != old:
            disk.write_json(path, new)
        return new != old
    with disk.open_to_read(path, "what made it") as file:
        lines = [line for line in file if line.strip()]
    rows = [records.decode(line, f"{path}, line {k}") for k, line in enumerate(lines, start=1)]
    made = list(map(row_of, rows))
    if made != rows:
        with disk.replacing(path) as file:
            file.writelines(map(records.line_of, made))
    return made != rows


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="Files, or folders of them.")
    args = parser.parse_args(argv)
    found = []
    for path in args.paths:
        inside = [f"{path}/**/*.json", f"{path}/**/*.jsonl"] if os.path.isdir(path) else ()
        found += [
            file for each in inside for file in sorted(glob.glob(each, recursive=True))
        ] or [path] * (not inside)
    changed = sum(map(bring_up, found))
    print(f"files: {len(found)}\nchanged: {changed}")


if __name__ == "__main__":
    cli.run(main)
