"""Break the stages and the training on purpose, and count what was lost: kills,
full disks, torn files, broken lines, files that other programs saved.

Reads: models/ (python fetch.py smollm2 minilm; without them no training).
Writes: results/soak.json.
Run: python -m experiments.soak --minutes 60

Each trial takes a folder as the stages left it, breaks the next stage in one
way, runs it again until it ends, and compares every file with those of a run
that nothing disturbed, byte by byte (of a training its weights). As root, a
full disk is a small tmpfs, else a limit on the size of files. A broken line
must be named in one line, with exit code 2, and no file may change; so it is
with a file that another program saved in a form that is not read.
"""

import contextlib
import csv
import gzip
import json
import os
import platform
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter

from llm_ts.base import cli, disk, paths

SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
PAGE = 4096
ENV = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false"}
STAGES = {  # name: the script and its flags
    "simulate": "ou_process.py --count 3000 --points 24 --dataset none",
    "simulate, plots": "ou_process.py --count 40 --points 24",
    "truth": "ou_process.py --truth",
    "ask": "mistral.py --dryrun --dataset none",
    "curate": "curate.py",
    "curate, decided": "curate.py",
    "convert": "convert.py --diagnostics 0",
}
TRAIN = "qwen_train.py --data few.jsonl --model tiny --out run --epochs 2 --batch-size 8 --save-steps 4 --eval-rows 4"
TRAIN += f" --max-new-tokens 8 --no-gguf --nli none --embedder {paths.of('minilm')}"


class Trial:
    """One stage in a folder of its own; `wrong` collects in words what went wrong."""

    def __init__(self, kept, stage, before, folder, rng):
        self.kept, self.stage, self.folder, self.rng, self.wrong = kept, stage, folder, rng, []
        script, *flags = {**STAGES, "train": TRAIN}[stage].split()
        self.command = [sys.executable, os.path.join(paths.ROOT, script), *flags]
        shutil.copytree(os.path.join(kept, before), folder, dirs_exist_ok=True)

    def start(self, **how):
        """The stage as a process of its own session, so that a signal reaches its first process alone."""
        how = {"env": {**os.environ, **ENV}, "text": True, "start_new_session": True, **how}
        return subprocess.Popen(self.command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **how)

    def run(self, *codes, **how):
        """Run the stage to its end; its last words. Another exit code than these, or a traceback, is wrong."""
        process = self.start(**how)
        said = process.communicate()[1]
        if process.returncode not in codes or "Traceback" in said:
            self.wrong.append(f"exit code {process.returncode}: {said.strip()[-300:]}")
        return said

    def kill(self, seconds):
        """Start the stage, and kill its first process within so many seconds; whether it was still running."""
        process = self.start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.rng.uniform(0.05, seconds))
        process.send_signal(kind := self.rng.choice(SIGNALS))
        said = process.communicate()[1]
        if "Traceback" in said and kind == signal.SIGINT and process.returncode == cli.INTERRUPTED:
            self.wrong.append(f"a traceback after Ctrl-C: {said[-300:]}")
        return process.returncode not in (0, cli.REQUEUE)

    def compare(self):
        """Every file against the undisturbed one. What killed runs left under a name with .tmp is no file of ours."""
        expected, found = (files_of(folder, self.stage) for folder in (os.path.join(self.kept, self.stage), self.folder))
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name) != found.get(name):
                self.wrong.append(f"{name} is {'new' if name not in expected else 'other' if name in found else 'missing'}")


def files_of(folder, stage):
    """{name: bytes} of what a stage is to write; of a training the student alone: its times differ from run to run."""
    found = {}
    for where, _, names in os.walk(os.path.join(folder, "run", "final") if stage == "train" else folder):
        for name in names:
            if ".tmp" not in name and (stage != "train" or name.endswith(".safetensors")):
                with open(os.path.join(where, name), "rb") as file:
                    found[os.path.relpath(os.path.join(where, name), folder)] = file.read()
    return found


def try_kills(trial, seconds):
    killed = sum(trial.kill(1.2 * seconds) for _ in range(trial.rng.randrange(1, 4)))
    trial.run(0)
    trial.compare()
    return killed


def try_full_disk(trial, seconds):
    """The stage where there is room for a part of what it writes; then where there is room for all."""
    sizes = [os.path.getsize(os.path.join(where, name)) for where, _, names in os.walk(trial.folder) for name in names]
    there = sum(size // PAGE * PAGE + 2 * PAGE for size in sizes)
    room = int(there + trial.rng.uniform(0.02, 0.9) * max(trial.rng.choice([1 << 20, there]), 1 << 18))
    if os.geteuid() == 0:
        roomy, small = trial.folder, trial.folder + ".small"
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "none", small], check=True)
        try:
            shutil.copytree(roomy, small, dirs_exist_ok=True)
            trial.folder = small
            said = trial.run(0, cli.USER_ERROR)
            shutil.rmtree(roomy)
            shutil.copytree(small, roomy)
        finally:
            trial.folder = roomy
            subprocess.run(["umount", small], check=True)
            os.rmdir(small)
    else:
        limit = max(sizes, default=0) + room - there
        limited = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))}
        said = trial.run(0, cli.USER_ERROR, **limited)
    if len(said.strip().splitlines()) > 1 and trial.stage != "train":
        trial.wrong.append(f"a full disk in more than one line: {said[-300:]}")
    trial.run(0)
    trial.compare()
    return bool(said.strip())


def try_torn(trial, seconds):
    """The file as a kill in the middle of a write leaves it: cut anywhere in what the last stage that appends added."""
    path, whole = (os.path.join(folder, "data.jsonl") for folder in (trial.folder, os.path.join(trial.kept, trial.stage)))
    shutil.copy(whole, path)
    least = os.path.getsize(os.path.join(trial.kept, "truth", "data.jsonl")) if trial.stage == "ask" else 1
    os.truncate(path, trial.rng.randrange(least, os.path.getsize(whole)))
    trial.run(0)
    trial.compare()
    return True


def try_broken(trial, seconds):
    """A byte that cannot be there, somewhere in the file: it is named, and nothing changes."""
    with open(os.path.join(trial.folder, "data.jsonl"), "r+b") as file:
        line_end = file.read().rindex(b"\n", 0, -1)
        file.seek(place := trial.rng.randrange(0, line_end))
        if file.read(1) == b"\n":
            return False
        file.seek(place)
        file.write(b"\0")
    before = files_of(trial.folder, trial.stage)
    said = trial.run(cli.USER_ERROR)
    if "data.jsonl, line" not in said:
        trial.wrong.append(f"a broken line is not named: {said[-300:]}")
    if files_of(trial.folder, trial.stage) != before:
        trial.wrong.append("a file changed although a line was broken")
    return True


def try_foreign(trial, seconds):
    """The file as another program saved it: with a byte order mark, CRLF and escapes it is read, in other forms refused and kept."""
    path = os.path.join(trial.folder, "data.jsonl")
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    text = "".join(json.dumps(row) + "\r\n" for row in rows)
    forms = [gzip.compress(text.encode()), text.encode("utf-16"), json.dumps(rows).encode(), text.replace("\r\n", "\r").encode()]
    content = trial.rng.choice([*forms, *[b"\xef\xbb\xbf" + text[:-2].encode()] * len(forms)])
    with open(path, "wb") as file:
        file.write(content)
    before = files_of(trial.folder, trial.stage)
    if content not in forms:
        trial.run(0)
        trial.compare()
    elif "data.jsonl" not in trial.run(cli.USER_ERROR) or files_of(trial.folder, trial.stage) != before:
        trial.wrong.append("a file of another form is not named, or it changed")
    return True


WAYS = {
    "foreign file": try_foreign,
    "killed": try_kills,
    "full disk": try_full_disk,
    "torn file": try_torn,
    "broken line": try_broken,
}


def fits(stage, way):
    """Whether a stage can be broken so: files are torn where stages append, foreign where they are written anew."""
    known = {
        "torn file": ("simulate", "ask"),
        "foreign file": ("truth", "curate", "curate, decided"),
        "broken line": ("truth", "ask", "curate", "curate, decided", "convert"),
    }
    return stage in known.get(way, (stage,))


def prepare(kept, stages):
    """Run stages undisturbed, keep the folder after each; {stage: (the folder it begins from, its seconds)}."""
    os.makedirs(os.path.join(kept, "nothing"))
    about, last = {}, "nothing"
    for stage in stages:
        before = "nothing" if stage.startswith("simulate") else last
        if stage == "train":
            before = make_few(kept, last)
        elif stage == "curate, decided":
            before = shutil.copytree(os.path.join(kept, last), os.path.join(kept, "decisions"))
            decide(os.path.join(before, "verify.csv"))
        trial, start = Trial(kept, stage, before, os.path.join(kept, stage), random.Random(0)), time.monotonic()
        trial.run(0)
        if trial.wrong:
            raise cli.UserError(f"{stage} fails undisturbed: {trial.wrong[0]}")
        about[stage] = before, time.monotonic() - start
        last = "simulate" if stage == "simulate, plots" else stage
    return about


def decide(path):
    """A human's decisions on some sentences of verify.csv; the file is kept as it is from then on."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    for number, line in enumerate(lines[:60]):
        line["decision"] = ("gold", "truth", "own")[number % 3]
        line["own"] = "A sentence of one's own." if line["decision"] == "own" else ""
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def make_few(kept, last):
    """A folder with a tiny random llama and a few pairs -> its path."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder, base = os.path.join(kept, "few"), paths.of("smollm2")
    os.makedirs(folder)
    tokenizer = AutoTokenizer.from_pretrained(os.path.dirname(base), gguf_file=os.path.basename(base))
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    LlamaForCausalLM(LlamaConfig(len(tokenizer), **sizes)).save_pretrained(os.path.join(folder, "tiny"))
    tokenizer.save_pretrained(os.path.join(folder, "tiny"))
    with open(os.path.join(kept, last, "test_jsonl.jsonl"), encoding="utf-8") as pairs:
        disk.write_text(os.path.join(folder, "few.jsonl"), "".join(line for line, _ in zip(pairs, range(60))))
    return folder


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--minutes", type=cli.positive_float, default=60.0, help="How long.")
    parser.add_argument("--seed", type=cli.count, default=int(time.time()), help="Of what is tried; default: the time.")
    parser.add_argument("--no-training", action="store_true", help="Only the stages before it.")
    parser.add_argument("--out", default="results/soak.json", help="Where the counts go.")
    args = parser.parse_args(argv)
    cli.print_settings(args)
    rng, tried, broken, wrong = random.Random(args.seed), Counter(), Counter(), []
    training = not args.no_training and all(os.path.exists(paths.of(name)) for name in ("smollm2", "minilm"))
    with tempfile.TemporaryDirectory() as kept:
        about = prepare(kept, [*STAGES, *["train"] * training])
        end = time.monotonic() + 60 * args.minutes
        turns = [(stage, way) for stage in about for way in WAYS if fits(stage, way)]
        while time.monotonic() < end:
            stage, way = turns[sum(tried.values()) % len(turns)] if rng.random() < 0.9 else rng.choice(turns)
            before, seconds = about[stage]
            with tempfile.TemporaryDirectory() as folder:
                trial = Trial(kept, stage, before, os.path.join(folder, "work"), rng)
                broken[stage, way] += WAYS[way](trial, seconds)
            tried[stage, way] += 1
            wrong += [f"{stage}, {way}: {words}" for words in trial.wrong]
            print(f"{sum(tried.values())} {stage}, {way}: {'; '.join(trial.wrong) or 'nothing lost'}", flush=True)
    names = {f"{stage}, {way}": {"trials": n, "broken": int(broken[stage, way])} for (stage, way), n in sorted(tried.items())}
    full = "tmpfs" if os.geteuid() == 0 else "a limit on the size of files"
    machine = {"processor": platform.processor() or platform.machine(), "full_disk": full, "training": training}
    disk.write_json(args.out, {"minutes": args.minutes, "seed": args.seed, "machine": machine, "tried": names, "lost": wrong})
    print(f"trials: {sum(tried.values())}\nlost: {len(wrong)}\nout: {args.out}")
    return 1 if wrong else 0


if __name__ == "__main__":
    cli.run(main)
