"""Ratios of this project's quick ways against the plain ones, measured in one
run.

Reads: models/SmolLM2-135M-Instruct.Q4_1.gguf (python fetch.py smollm2),
trained/. Writes: results/bench.json.
Run: python -m experiments.bench

Each pair of ways is run in turn, A B A B ...; a ratio is B's seconds over A's
for the same work (in training, A's tokens a second over B's), with the
minimum, median and maximum over the pairs. What warms up first is not counted.
Absolute seconds depend on the machine; the ratios travel better.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from llm_ts import cli, disk, paths, records, workers
from llm_ts.series import ou, rows
from llm_ts.series.plot import plotter
from llm_ts.student import device


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def spread(ratios):
    """The median and both ends of the ratios of the runs, as they stand in bench.json."""
    ends = {"ratio_min": round(min(ratios), 2), "ratio_max": round(max(ratios), 2)}
    return {"ratio": round(statistics.median(ratios), 2), **ends, "runs": len(ratios)}


def compare(name, quick, plain, runs, share=1.0):
    """Run both ways `runs` times in turn -> an entry of bench.json; share: the part of quick's work that plain does."""
    seconds(quick)
    pairs = [(seconds(quick), seconds(plain)) for _ in range(runs)]
    ratios = [b / share / a for a, b in pairs]
    entry = {
        **spread(ratios),
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
    drawn = rows.draw_parameters(0, numbers, points)
    few = count // 16  # the loop does a sixteenth of the work
    noise = rows.draw_noise(0, numbers, points)
    some = {name: values[:few].tolist() for name, values in drawn.items()}
    assert np.allclose(
        loop_simulate(**some, dt=1.0, noise=noise[:few].tolist()),
        ou.paths(**drawn, dt=1.0, noise=noise)[:few],
    )

    def ours():
        ou.paths(**drawn, dt=1.0, noise=rows.draw_noise(0, numbers, points))

    def loop():
        loop_simulate(**some, dt=1.0, noise=np.random.default_rng(0).standard_normal((few, points - 1)).tolist())

    def bare():
        np.random.default_rng(0).standard_normal((count, points - 1))

    return {
        "simulation_against_python_loop": compare("simulation, Python loop over ours", ours, loop, runs, few / count),
        "simulation_over_bare_random_numbers": compare("simulation, ours over bare random numbers", bare, ours, runs),
    }


def bench_plots(runs, count=64, points=128):
    """Plots on one canvas, by one process and by all cores as ou_process.py draws them, against one pyplot figure each."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    made, _ = rows.make(0, range(count), points)
    with tempfile.TemporaryDirectory() as folder:

        def ours(some=made):
            for row in some:
                plotter(points).save(row["series"], os.path.join(folder, row["id"] + ".png"))

        def together():
            for _ in workers.in_order(ours, [made[start : start + 16] for start in range(0, count, 16)]):
                pass

        def figures():
            for row in made:
                figure, axes = pyplot.subplots(figsize=(6.4, 3.6), dpi=100, layout="constrained")
                axes.plot(row["series"], linewidth=1.2)
                axes.set(xlim=(0, points - 1), ylim=(-3, 102), xlabel="time step", ylabel="value (rescaled to 0..99)")
                axes.grid(alpha=0.3)
                figure.savefig(os.path.join(folder, row["id"] + ".png"))
                pyplot.close(figure)

        return {
            "plots_against_pyplot": compare("plots, one figure each over ours, one process", ours, figures, runs),
            "plots_by_all_cores_against_pyplot": compare("plots, one figure each over ours, all cores", together, figures, runs),
        }


def measured(script, **flags):
    """What a script of bench_*.py measured in a process of its own: the JSON of its last line."""
    command = ["-m", f"experiments.{script}", *(word for name, value in flags.items() for word in (f"--{name}", str(value)))]
    done = subprocess.run([sys.executable, *command], cwd=paths.ROOT, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise cli.UserError(f"{' '.join(command)} failed: {said}")
    return json.loads(done.stdout.splitlines()[-1])


def bench_evaluation(runs, points, count=64):
    """Seconds an answer and peak memory of evaluation, against one generate a sample: 64 samples against 8 of them."""

    def ask(way, count):
        return measured("bench_evaluation", way=way, points=points, count=count)

    pairs = [(ask("ours", count), ask("plain", count // 8)) for _ in range(runs)]
    ratios = [plain["seconds_per_answer"] / ours["seconds_per_answer"] for ours, plain in pairs]
    both = [answers for ours, plain in pairs for answers in zip(ours["answers"], plain["answers"])]
    entry = {
        **spread(ratios),
        "seconds_per_answer": round(statistics.median(ours["seconds_per_answer"] for ours, _ in pairs), 4),
        "plain_seconds_per_answer": round(statistics.median(plain["seconds_per_answer"] for _, plain in pairs), 4),
        "peak_mib": round(max(ours["peak_mib"] for ours, _ in pairs)),
        "plain_peak_mib": round(max(plain["peak_mib"] for _, plain in pairs)),
        "same_answers": sum(a == b for a, b in both),
        "answers_compared": len(both),
    }
    print(f"evaluation, {points} points: {entry}", flush=True)
    return {f"evaluation_against_one_by_one_{points}_points": entry}


def bench_describe(runs, count):
    """describe.py through llama.cpp against Transformers: one series, `runs` times in turn; then `count`, and their labels."""
    entry = measured("bench_describe", runs=runs, count=count)
    entry = {**spread(entry.pop("ratios")), **entry}
    print(f"describe: {entry}", flush=True)
    return {"describe_against_transformers": entry}


def bench_stages():
    """Rows a second of the stages on a long file: by all cores, by one, and of the bare JSON."""
    stages = measured("bench_stages")
    for name, entry in stages.items():
        print(f"{name}: {entry}", flush=True)
    return {f"stage_{name}": entry for name, entry in stages.items()}


def bench_loops(count=2000, points=128):
    """Simulation with its truth, ready to be written, against a loop of plain Python: its rows a second."""
    from llm_ts.question import STUDY

    drawn = rows.draw_parameters(0, range(count), points)
    some = {name: values.tolist() for name, values in drawn.items()}

    def ours():
        b"".join(map(records.line_of, rows.make(0, range(count), points)[0]))

    def plain():
        for path in loop_simulate(**some, dt=1.0, noise=rows.draw_noise(0, range(count), points).tolist()).tolist():
            low, high = min(path), max(path)
            series = [round((x - low) / (high - low) * 99) for x in path]
            records.line_of({"series": series, "truth": STUDY.truth_of(series)})

    return {"rows_against_python_loop": compare("rows with truth, Python loop over ours", ours, plain, 3)}


def bench_long(runs):
    """What a long file takes: plots, rows, and each stage."""
    return {**bench_plots(runs), **bench_loops(), **bench_stages()}


def matrix_peak(size=4096, runs=3):
    """Operations a second of the best of a few products of square matrices, in the dtype of the training, on all threads."""
    import torch

    a, b = torch.randn(2, size, size, dtype=device.dtype())
    a @ b
    return 2 * size**3 / min(seconds(lambda: a @ b) for _ in range(runs))


def bench_training(runs, steps=3):
    """Training tokens a second against TRL's SFTTrainer with its defaults and against the matrix peak; peak memory."""

    def train(way, points):
        return measured("bench_training", way=way, points=points, steps=steps)

    entries = {}
    for points in (48, 128):
        pairs = [(train("ours", points), train("trl", points), matrix_peak()) for _ in range(runs)]
        ratios = [ours["tokens_per_second"] / trl["tokens_per_second"] for ours, trl, _ in pairs]
        shares = [ours["flops_per_second"] / peak for ours, _, peak in pairs]
        entries[f"training_against_trl_{points}_points"] = {
            **spread(ratios),
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
    parser.add_argument("--described", type=cli.positive, default=500, help="Series that describe.py is given together.")
    parser.add_argument("--only", choices=["describe", "stages"], help="Only this part; the other numbers of --out stay.")
    args = parser.parse_args(argv)
    cli.print_settings(args)
    if args.only != "stages":
        paths.fetched("smollm2")
    if args.only:
        content = disk.read_json(args.out, "experiments.bench without --only")
        part = bench_describe(min(args.runs, 3), args.described) if args.only == "describe" else bench_long(args.runs)
        content["ratios"].update(part)
        disk.write_json(args.out, content)
        print(f"out: {args.out}")
        return
    few = min(args.runs, 3)
    ratios = {**bench_simulation(args.runs), **bench_long(args.runs)}
    for points in (48, 128):
        ratios.update(bench_evaluation(few, points))
    ratios.update(bench_training(few))
    ratios.update(bench_describe(few, args.described))
    machine = {"processor": platform.processor() or platform.machine(), "cores": len(os.sched_getaffinity(0))}
    machine["dtype"] = device.precision()  # of trainings and answers
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    command = f"python -m experiments.bench --runs {args.runs}"
    disk.write_json(args.out, {"command": command, "machine": machine, "versions": versions, "ratios": ratios})
    print(f"out: {args.out}")


if __name__ == "__main__":
    cli.run(main)
