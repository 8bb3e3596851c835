"""Speed of describe.py, measured by bench.py: the shipped student through llama.cpp
and through Transformers, in turn, each a process as its user starts it.

Reads: models/SmolLM2-135M-Instruct.Q4_1.gguf (python fetch.py smollm2),
build/llama.cpp, trained/. Writes: nothing; prints one line of JSON.
Run: python -m experiments.bench_describe --count 100

The first use, which makes the GGUF, is not counted. The series are fresh OU
series of 128 points, columns of one CSV file.
"""

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from llm_ts import cli, paths
from llm_ts.pairs import fresh

CLAIMS = ("trend", "noise", "max", "min")


def write_table(count, points, path):
    """count series of so many points as columns s0, s1, ... of a CSV file."""
    series = [row["series"] for row in fresh.pairs("validation", [(points, points, count)], "thirds")]
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[f"s{k}" for k in range(count)], *zip(*series)])


def describe(*flags):
    """(seconds, [the labels said of each series]) of one start of describe.py."""
    start = time.perf_counter()
    command = [sys.executable, os.path.join(paths.ROOT, "describe.py"), "--json", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise cli.UserError(f"describe.py failed: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    said = [json.loads(line)["claims"] for line in done.stdout.splitlines()]
    return time.perf_counter() - start, [[claims[name]["said"] for name in CLAIMS] for claims in said]


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--runs", type=cli.positive, default=3, help="Pairs of starts with one series.")
    parser.add_argument("--count", type=cli.positive, default=500, help="Series that are described together, once by each way.")
    parser.add_argument("--points", type=cli.positive, default=128, help="Points of each series.")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "series.csv")
        write_table(args.count, args.points, table)
        describe(table, "--column", "s0")  # the first use
        pairs = [
            (describe(table, "--column", "s0")[0], describe(table, "--column", "s0", "--transformers")[0])
            for _ in range(args.runs)
        ]
        quick, ours = describe(table, "--all-columns")
        plain, theirs = describe(table, "--all-columns", "--transformers")
    differ = {f"s{k}": {"llama.cpp": a, "transformers": b} for k, (a, b) in enumerate(zip(ours, theirs)) if a != b}
    entry = {
        "ratios": [b / a for a, b in pairs],
        "seconds_one": round(statistics.median(a for a, _ in pairs), 2),
        "transformers_seconds_one": round(statistics.median(b for _, b in pairs), 2),
        "series": args.count,
        "seconds_all": round(quick, 1),
        "transformers_seconds_all": round(plain, 1),
        "same_labels": len(ours) - len(differ),
        "different": differ,
    }
    print(json.dumps(entry))


if __name__ == "__main__":
    cli.run(main)
