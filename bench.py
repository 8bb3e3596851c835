"""Ratios of this project's quick ways against the plain ones, measured in one run.

Reads: models/SmolLM2-135M-Instruct.Q4_1.gguf (python fetch.py smollm2). Writes: results/bench.json.
Run: python bench.py

Each pair of ways is run in turn, A B A B ..., after one warm-up; a ratio is B's seconds over A's for the same work, with
the minimum, median and maximum over the pairs. Absolute seconds depend on the machine; the ratios travel better.
"""

import os
import platform
import statistics
import tempfile
import time

import numpy as np

import cli
import description
import ou_process
import records

STUDENT = "models/SmolLM2-135M-Instruct.Q4_1.gguf"


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(name, quick, plain, runs, share=1.0):
    """Run both ways `runs` times in turn -> an entry of bench.json; share: the part of quick's work that plain does."""
    seconds(quick)
    pairs = [(seconds(quick), seconds(plain)) for _ in range(runs)]
    ratios = sorted(b / share / a for a, b in pairs)
    entry = {
        "ratio": round(statistics.median(ratios), 2),
        "ratio_min": round(ratios[0], 2),
        "ratio_max": round(ratios[-1], 2),
        "runs": runs,
        "quick_seconds": round(statistics.median(a for a, _ in pairs), 4),
        "plain_seconds": round(statistics.median(b for _, b in pairs) / share, 4),
    }
    print(f"{name}: {entry['ratio']} times ({entry['ratio_min']} to {entry['ratio_max']}, {runs} runs)", flush=True)
    return entry


def loop_simulate(theta, mu, sigma, x0, dt, noise):
    """The same exact transition, one number at a time."""
    import math

    paths = []
    for i in range(len(theta)):
        decay = math.exp(-theta[i] * dt)
        spread = sigma[i] * math.sqrt(-math.expm1(-2 * theta[i] * dt) / (2 * theta[i]))
        x, path = x0[i], [x0[i]]
        for z in noise[i]:
            x = mu[i] + (x - mu[i]) * decay + spread * z
            path.append(x)
        paths.append(path)
    return np.array(paths)


def bench_simulation(runs, count=4096, points=128):
    """Simulation (random numbers and transition) against a Python loop, and against the random numbers alone."""
    numbers = range(count)
    drawn = ou_process.draw_parameters(0, numbers, points)
    few = count // 16  # the loop does a sixteenth of the work
    noise = ou_process.draw_noise(0, numbers, points)
    some = {name: values[:few].tolist() for name, values in drawn.items()}
    assert np.allclose(
        loop_simulate(**some, dt=1.0, noise=noise[:few].tolist()),
        ou_process.simulate(**drawn, dt=1.0, noise=noise)[:few],
    )

    def ours():
        ou_process.simulate(**drawn, dt=1.0, noise=ou_process.draw_noise(0, numbers, points))

    def loop():
        loop_simulate(**some, dt=1.0, noise=np.random.default_rng(0).standard_normal((few, points - 1)).tolist())

    def bare():
        np.random.default_rng(0).standard_normal((count, points - 1))

    return {
        "simulation_against_python_loop": compare("simulation, Python loop over ours", ours, loop, runs, few / count),
        "simulation_over_bare_random_numbers": compare("simulation, ours over bare random numbers", bare, ours, runs),
    }


def bench_plots(runs, count=20, points=128):
    """Plots on one canvas against one pyplot figure each."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows, _ = ou_process.make_rows(0, range(count), points)
    with tempfile.TemporaryDirectory() as folder:

        def ours():
            plotter = ou_process.Plotter(points)
            for row in rows:
                plotter.save(row["series"], os.path.join(folder, row["id"] + ".png"))

        def figures():
            for row in rows:
                figure, axes = pyplot.subplots(figsize=(6.4, 3.6), dpi=100, layout="constrained")
                axes.plot(row["series"], linewidth=1.2)
                axes.set(xlim=(0, points - 1), ylim=(-3, 102), xlabel="time step", ylabel="value (rescaled to 0..99)")
                axes.grid(alpha=0.3)
                figure.savefig(os.path.join(folder, row["id"] + ".png"))
                pyplot.close(figure)

        return {"plots_against_pyplot": compare("plots, one figure each over ours", ours, figures, runs)}


def bench_evaluation(runs, points, count=64):
    """Answers of the adapter in the box, as evaluations ask for them, against one generate a sample with what comes with
    Transformers and PEFT: 64 samples against 8 of them, in bf16, the answers compared too.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    import answering
    import fresh
    import student

    model, tokenizer = student.load(student.IN_THE_BOX, torch.bfloat16)
    folder, file = os.path.split(STUDENT)
    base = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.bfloat16)
    plain_model = PeftModel.from_pretrained(base, student.IN_THE_BOX).eval()
    prompts = [row["prompt"] for row in fresh.pairs("validation", [(points, points, count)], "thirds")]
    said = {}

    def batched():
        said["ours"] = answering.generate(model, tokenizer, prompts, max_new_tokens=64)

    def one_by_one():
        said["plain"] = []
        for prompt in prompts[: count // 8]:
            chat = tokenizer.apply_chat_template(
                description.messages_of(prompt), add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
            out = plain_model.generate(**chat, max_new_tokens=64, do_sample=False, pad_token_id=tokenizer.pad_token_id)
            said["plain"].append(tokenizer.decode(out[0, chat["input_ids"].shape[1] :], skip_special_tokens=True))

    entry = compare(f"evaluation, {points} points, one generate a sample over ours", batched, one_by_one, runs, 1 / 8)
    entry["same_answers"] = sum(a == b for a, b in zip(said["ours"], said["plain"]))
    entry["answers_compared"] = count // 8
    print(f"same answers: {entry['same_answers']} of {entry['answers_compared']}", flush=True)
    return {f"evaluation_against_one_by_one_{points}_points": entry}


def matrix_peak(size=4096, runs=3):
    """Operations a second of the best of a few bf16 products of square matrices, on all threads."""
    import torch

    a, b = torch.randn(2, size, size, dtype=torch.bfloat16)
    a @ b
    return 2 * size**3 / min(seconds(lambda: a @ b) for _ in range(runs))


def bench_training(runs, steps=3):
    """Training tokens a second against TRL's SFTTrainer with its defaults and against the matrix peak; peak memory."""
    import json
    import subprocess
    import sys

    def train(way, points):
        flags = ["--way", way, "--points", str(points), "--steps", str(steps)]
        done = subprocess.run([sys.executable, "bench_training.py", *flags], capture_output=True, text=True)
        if done.returncode:
            raise cli.UserError(f"bench_training.py --way {way} failed: {done.stderr.strip().splitlines()[-1]}")
        return json.loads(done.stdout.splitlines()[-1])

    entries = {}
    for points in (48, 128):
        pairs = [(train("ours", points), train("trl", points), matrix_peak()) for _ in range(runs)]
        ratios = sorted(ours["tokens_per_second"] / trl["tokens_per_second"] for ours, trl, _ in pairs)
        shares = sorted(ours["flops_per_second"] / peak for ours, _, peak in pairs)
        entries[f"training_against_trl_{points}_points"] = {
            "ratio": round(statistics.median(ratios), 2),
            "ratio_min": round(ratios[0], 2),
            "ratio_max": round(ratios[-1], 2),
            "runs": runs,
            "tokens_per_second": round(statistics.median(ours["tokens_per_second"] for ours, _, _ in pairs)),
            "trl_tokens_per_second": round(statistics.median(trl["tokens_per_second"] for _, trl, _ in pairs)),
            "share_of_matrix_peak": round(statistics.median(shares), 3),
            "matrix_peak_gflops": round(statistics.median(peak for _, _, peak in pairs) / 1e9),
            "peak_mib": round(max(ours["peak_mib"] for ours, _, _ in pairs)),
            "trl_peak_mib": round(max(trl["peak_mib"] for _, trl, _ in pairs)),
        }
        print(f"training, {points} points: {entries[f'training_against_trl_{points}_points']}", flush=True)
    return entries


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--runs", type=cli.positive, default=5, help="Pairs of runs; evaluation and training take at most 3.")
    parser.add_argument("--out", default="results/bench.json", help="Where the numbers go.")
    args = parser.parse_args(argv)
    cli.print_settings(args)
    if not os.path.isfile(STUDENT):
        raise cli.UserError(f"no {STUDENT} here: run python fetch.py smollm2")
    few = min(args.runs, 3)
    ratios = {**bench_simulation(args.runs), **bench_plots(args.runs)}
    for points in (48, 128):
        ratios.update(bench_evaluation(few, points))
    ratios.update(bench_training(few))
    machine = {"processor": platform.processor() or platform.machine(), "cores": len(os.sched_getaffinity(0))}
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    command = f"python bench.py --runs {args.runs}"
    records.write_json(args.out, {"command": command, "machine": machine, "versions": versions, "ratios": ratios})
    print(f"out: {args.out}")


if __name__ == "__main__":
    cli.run(main)
