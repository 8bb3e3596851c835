"""How much quicker this project's ways are than plain ones, on one machine.

Reads: models/ (python fetch.py smollm2), trained/, build/llama.cpp.
Writes: results/bench.json.
Run: python -m experiments.bench --runs 3

Evaluation against one `generate` per answer, training against TRL's defaults,
describe.py through llama.cpp against Transformers, and rows a second of the
stages. The two ways run in turn, A B A B ..., each in a process of its own, so
that its peak memory is its own; the first answer and the first step warm up. A
ratio is B's seconds over A's for the same work: median, minimum and maximum
over the pairs. Seconds depend on the machine; the ratios travel better.
"""

import functools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from llm_ts import question
from llm_ts.base import cli, disk, paths
from llm_ts.data import pair
from llm_ts.pairs import fresh
from llm_ts.student import device

ROWS = 20_000  # of the stages
STAGES = {  # name: the script and its flags
    "simulate": ("ou_process.py", "--dataset", "none", "--count", ROWS),
    "truth": ("ou_process.py", "--truth"),
    "ask": ("mistral.py", "--dryrun", "--dataset", "none"),
    "curate": ("curate.py",),
    "convert": ("convert.py", "--diagnostics", "0"),
}


def run(*command, cwd=paths.ROOT):
    """Run a script or a module -> (its seconds, what it printed); UserError where it fails."""
    name, *more = map(str, command)
    name = name if name == "-m" else os.path.join(paths.ROOT, name)
    command = [sys.executable, name, *more]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise cli.UserError(f"{' '.join(command[1:])} failed: {said}")
    return time.perf_counter() - start, done.stdout


def ask(way, points, count):
    """Seconds an answer of the shipped adapter, and the answers. ours: as evaluations ask."""
    from peft import PeftModel

    from llm_ts.student import answer, load

    series = fresh.pairs("validation", [(points, points, count)], "thirds")
    prompts = [pair.prompt_of(row) for row in series]
    if way == "ours":
        model, tokenizer = load.load(paths.SHIPPED, device.dtype())
    else:
        base, tokenizer = load.load_base(paths.fetched("smollm2"), device.dtype())
        model = PeftModel.from_pretrained(base, paths.SHIPPED).eval()

    def say(prompts):
        if way == "ours":
            return answer.generate(model, tokenizer, prompts, max_new_tokens=64)
        said = []
        for messages in map(question.messages_of, prompts):
            how = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True}
            chat = tokenizer.apply_chat_template(messages, **how)
            end = tokenizer.pad_token_id
            out = model.generate(**chat, max_new_tokens=64, do_sample=False, pad_token_id=end)
            text = out[0, chat["input_ids"].shape[1] :]
            said.append(tokenizer.decode(text, skip_special_tokens=True))
        return said

    say(prompts[:1])
    start = time.perf_counter()
    said = say(prompts)
    return (time.perf_counter() - start) / count, said


def learn(way, points, steps):
    """Seconds a step of 8 series, and the loss of each. ours: qwen_train.py's trainer.

    plain: TRL's defaults, without its limit of length, which would cut prompts, and in our order.
    """
    import torch
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    from llm_ts.student import load
    from llm_ts.train import sft

    base, gpu = paths.fetched("smollm2"), torch.cuda.is_available()
    rows = fresh.pairs("train", [(points, points, 8 * (steps + 1))], "thirds")
    with tempfile.TemporaryDirectory() as folder:
        if way == "ours":
            rare = {"save_steps": 10**6, "logging_steps": 10**6}
            recipe = sft.Recipe(epochs=1, batch_size=8, in_order=True, **rare)
            trainer = sft.make(recipe, folder, *load.load(base, device.dtype()), rows, [])
        else:
            config = SFTConfig(
                folder, max_length=None, train_sampling_strategy="sequential", report_to="none",
                per_device_train_batch_size=8, use_cpu=not gpu, dataloader_pin_memory=gpu,
            )  # fmt: skip
            model, tokenizer = load.load_base(base, torch.float32)
            everywhere = {"target_modules": "all-linear", "task_type": "CAUSAL_LM"}
            lora = LoraConfig(r=16, lora_alpha=32, **everywhere)
            data = {"train_dataset": sft.conversations(rows), "processing_class": tokenizer}
            trainer = SFTTrainer(model, config, peft_config=lora, **data)
        trainer.create_optimizer()
        losses, start = [], 0.0
        for number, inputs in enumerate(trainer.get_train_dataloader()):
            start = time.perf_counter() if number == 1 else start
            answers = (inputs["labels"] != -100).sum()
            loss = trainer.training_step(trainer.model, inputs, num_items_in_batch=answers)
            losses.append(float(loss))  # waits for a GPU, too
            trainer.optimizer.step()
            trainer.optimizer.zero_grad()
    return (time.perf_counter() - start) / steps, losses


PARTS = {"evaluation": ask, "training": learn}


def measure(part, way, points, count):
    """One way of a part, in this process."""
    spent, said = PARTS[part](way, int(points), int(count))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": spent, "peak_mib": round(peak), "said": said}


def measured(*what):
    """The same in a process of its own."""
    return json.loads(run("-m", "experiments.bench", "--measure", *what)[1].splitlines()[-1])


def described(*flags):
    """One start of describe.py with one series."""
    path = os.path.join(paths.EXAMPLES, "sunspots.csv")
    return {"seconds": run("describe.py", path, "--column", "sunspots", *flags)[0]}


def in_turn(name, runs, ours, plain):
    """Two functions, each called `runs` times in turn -> an entry of bench.json."""
    pairs = [(ours(), plain()) for _ in range(runs)]
    ratios = [b["seconds"] / a["seconds"] for a, b in pairs]
    entry = {"ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios)}
    for way, each in zip(("", "plain_"), zip(*pairs)):
        entry[f"{way}seconds"] = statistics.median(one["seconds"] for one in each)
        if "peak_mib" in each[0]:
            entry[f"{way}peak_mib"] = max(one["peak_mib"] for one in each)
    if name.startswith("evaluation"):
        both = [answers for a, b in pairs for answers in zip(a["said"], b["said"])]
        entry.update(same_answers=sum(a == b for a, b in both), answers_compared=len(both))
    entry = {key: round(value, 3) for key, value in entry.items()}
    print(f"{name}: {entry}", flush=True)
    return {name: {**entry, "runs": runs}}


def bench_stages():
    """Rows a second of the stages from simulation to pairs."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, command in STAGES.items():
            found[name] = round(ROWS / run(*command, cwd=folder)[0])
    print(f"rows a second: {found}", flush=True)
    return {"stages_rows_per_second": found}


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--runs", type=cli.positive, default=3, help="Pairs of runs.")
    parser.add_argument("--out", default="results/bench.json", help="Where the numbers go.")
    one_way = "One way alone: evaluation or training, ours or plain, points, answers or steps."
    parser.add_argument("--measure", nargs=4, metavar="WORD", help=one_way)
    args = parser.parse_args(argv)
    paths.fetched("smollm2")
    if args.measure:
        print(json.dumps(measure(*args.measure)))
        return
    cli.print_settings(args)
    found = bench_stages()
    for points in (48, 128):
        for part, ours, plain in (("evaluation", 64, 8), ("training", 3, 3)):
            quick = functools.partial(measured, part, "ours", points, ours)
            slow = functools.partial(measured, part, "plain", points, plain)
            found.update(in_turn(f"{part}, {points} points", args.runs, quick, slow))
    described()  # the first use makes the GGUF
    found.update(in_turn("describe", args.runs, described, lambda: described("--transformers")))
    machine = {"processor": platform.processor() or platform.machine()}
    machine.update(cores=len(os.sched_getaffinity(0)), dtype=device.precision())
    command = f"python -m experiments.bench --runs {args.runs}"
    disk.write_json(args.out, {"command": command, "machine": machine, "found": found})
    print(f"out: {args.out}")


if __name__ == "__main__":
    cli.run(main)
