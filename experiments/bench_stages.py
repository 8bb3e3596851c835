"""Rows a second of the stages from ou_process.py to convert.py on a long file:
by all cores, by one, and what the bare JSON of the same rows takes.

Writes: nothing; bench.py reads the last line of what this prints.
Run: python -m experiments.bench_stages --count 20000

Bare JSON: the lines before the stage are read, and those after it made again,
with nothing in between, by one process. CPU seconds are those of all processes
of a stage; on a machine that others use they are what counts.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time

from llm_ts import cli, paths, records

STAGES = {  # name: the script and its flags, what it reads and what it writes
    "simulate": ("ou_process.py", ("--dataset", "none",), None, "data.jsonl"),
    "truth": ("ou_process.py", ("--truth",), "data.jsonl", "data.jsonl"),
    "ask": ("mistral.py", ("--dryrun", "--dataset", "none"), "data.jsonl", "data.jsonl"),
    "curate": ("curate.py", (), "data.jsonl", "data.jsonl"),
    "convert": ("convert.py", ("--diagnostics", "0",), "data.jsonl", "test_jsonl.jsonl"),
}


def run(script, flags, folder, cores):
    """Run a script on so many cores: (seconds, CPU seconds). UserError where it fails."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, os.path.join(paths.ROOT, script), *flags]
    allowed = set(sorted(os.sched_getaffinity(0))[:cores])
    pinned = {"preexec_fn": lambda: os.sched_setaffinity(0, allowed)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, **pinned)
    if done.returncode:
        raise cli.UserError(f"{script} failed: {done.stderr.strip().splitlines()[-1]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def lines_of(path):
    """The lines of a file; none for no file."""
    if path is None or not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        return file.readlines()


def bare_json(before, after):
    """CPU seconds of reading some lines and of writing the rows of others."""
    rows = [json.loads(line) for line in after]
    start = time.process_time()
    for line in before:
        json.loads(line)
    for row in rows:
        records.line_of(row)
    return time.process_time() - start


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--count", type=cli.positive, default=20_000, help="Rows.")
    parser.add_argument("--points", type=cli.positive, default=128, help="Points of each.")
    args = parser.parse_args(argv)
    cli.print_settings(args)
    size, found = ("--count", str(args.count), "--points", str(args.points)), {}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as alone:
        for name, (script, flags, reads, writes) in STAGES.items():
            flags = (*flags, *(size if name == "simulate" else ()))
            before = lines_of(reads and os.path.join(folder, reads))
            seconds, cpu = run(script, flags, folder, len(os.sched_getaffinity(0)))
            one_seconds, one_cpu = run(script, flags, alone, 1)
            after = lines_of(os.path.join(folder, writes))
            if after != lines_of(os.path.join(alone, writes)):
                raise cli.UserError(f"{script}: one process and several have written other bytes")
            bare = bare_json(before, after[-args.count :])
            found[name] = {
                "rows_per_second": round(args.count / seconds),
                "one_core_rows_per_second": round(args.count / one_seconds),
                "bare_json_rows_per_second": round(args.count / bare),
                "cpu_seconds_per_10000": round(1e4 * cpu / args.count, 2),
                "one_core_cpu_seconds_per_10000": round(1e4 * one_cpu / args.count, 2),
                "bare_json_cpu_seconds_per_10000": round(1e4 * bare / args.count, 2),
            }
            print(f"{name}: {found[name]}", flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    cli.run(main)
