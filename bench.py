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


def bench_evaluation(runs, count=16, points=48):
    """Evaluation in one batch against one generate call a sample, 40 new tokens each, in bf16."""
    import torch

    import evaluation
    import student

    model, tokenizer = student.load(STUDENT, torch.bfloat16)
    model.generation_config.min_new_tokens = 40  # every answer has the same length, so that both ways do the same work
    rows, _ = ou_process.make_rows(0, range(count), points)
    prompts = [description.prompt_of(row["series"], "thirds") for row in rows]

    def batched():
        evaluation.generate(model, tokenizer, prompts, batch_size=count, max_new_tokens=40)

    def one_by_one():
        evaluation.generate(model, tokenizer, prompts, batch_size=1, max_new_tokens=40)

    return {"evaluation_against_one_by_one": compare("evaluation, one by one over batches", batched, one_by_one, runs)}


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--runs", type=cli.positive, default=5, help="Pairs of runs; the evaluation takes at most 3.")
    parser.add_argument("--out", default="results/bench.json", help="Where the numbers go.")
    args = parser.parse_args(argv)
    cli.print_settings(args)
    if not os.path.isfile(STUDENT):
        raise cli.UserError(f"no {STUDENT} here: run python fetch.py smollm2")
    ratios = {**bench_simulation(args.runs), **bench_plots(args.runs), **bench_evaluation(min(args.runs, 3))}
    machine = {"processor": platform.processor() or platform.machine(), "cores": len(os.sched_getaffinity(0))}
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    command = f"python bench.py --runs {args.runs}"
    records.write_json(args.out, {"command": command, "machine": machine, "versions": versions, "ratios": ratios})
    print(f"out: {args.out}")


if __name__ == "__main__":
    cli.run(main)
