"""Simulate Ornstein-Uhlenbeck series with the exact transition, and record the truth about each.

Reads: data.jsonl, where it exists: what is there is not made again.
Writes: data.jsonl rows (id, params, series, raw_min, raw_max, truth); <dataset>/<id>.dat, <id>.png, <id>.json.
Run: python ou_process.py --count 220 --points 128 --seed 0

dx = theta (mu - x) dt + sigma dW has the exact transition (Gillespie 1996, Phys. Rev. E 54, 2084, eq. 1.9)

    x(t + dt) = mu + (x(t) - mu) e^(-theta dt) + sigma sqrt((1 - e^(-2 theta dt)) / (2 theta)) N(0, 1)

which holds for any dt, unlike Euler's. theta is in 1/time, mu and x0 in the unit of x, sigma in that unit per
square root of time, dt in time.
"""

import os

import numpy as np

import cli
import description
import records
import truth

BLOCK = 1024  # series whose random numbers are drawn together: series k is row k % BLOCK of block k // BLOCK
PARAMETERS, NOISE = 0, 1  # the two random streams of a block
SEEDS = 10**9  # seeds of data.jsonl lie below; fresh.py draws above, so that no test series is ever trained on
SHORTEST, LONGEST = 16, 512  # points
RELAXING = 0.55  # share of series that start far from mu and relax; the rest start near it and fluctuate


def stream(seed, block, purpose):
    """The random generator of one block; (seed, block, purpose) fixes it."""
    return np.random.default_rng([seed, block, purpose])


def _blockwise(seed, numbers, draw):
    """Rows `numbers` of the endless table whose block b is draw(b); only the needed blocks are drawn."""
    numbers = np.asarray(numbers)
    blocks = numbers // BLOCK
    parts = []
    for block in np.unique(blocks):
        parts.append((np.flatnonzero(blocks == block), draw(int(block))[numbers[blocks == block] % BLOCK]))
    out = np.empty((len(numbers), *parts[0][1].shape[1:]))
    for where, rows in parts:
        out[where] = rows
    return out


def draw_parameters(seed, numbers, points, dt=1.0):
    """Random parameters of series `numbers` (ints): {"theta", "mu", "sigma", "x0"}, each of shape (len(numbers),).

    They are drawn without unit and then scaled. Some 55 % of the series start 2 to 60 stationary deviations from mu
    and relax by 0.3 to 8 e-foldings over the window: low noise, and trends both ways. The rest starts within 1.4
    deviations of mu and turns over 4 to 3n times: medium to high noise, mostly flat. So no label of a claim
    holds more than about half of the series (ou_process.py prints the shares).
    """

    def draw(block):
        u = stream(seed, block, PARAMETERS).random((BLOCK, 6))
        relaxing = u[:, 0] < RELAXING
        turns = np.where(relaxing, 0.3 * (8 / 0.3) ** u[:, 1], 4 * (3 * points / 4) ** u[:, 1])  # theta * window
        sign = np.where(u[:, 5] < 0.5, -1, 1)
        start = sign * np.where(relaxing, 2 * 30 ** u[:, 2], np.sqrt(2) * u[:, 2])  # in stationary deviations
        mu = 200 * u[:, 3] - 100
        deviation = 0.1 * 1000 ** u[:, 4]  # stationary deviation, in the unit of x
        theta = turns / (points * dt)
        return np.stack([theta, mu, deviation * np.sqrt(2 * theta), mu + start * deviation], axis=1)

    theta, mu, sigma, x0 = _blockwise(seed, numbers, draw).T
    return {"theta": theta, "mu": mu, "sigma": sigma, "x0": x0}


def draw_noise(seed, numbers, points):
    """The standard normal numbers behind series `numbers`: shape (len(numbers), points - 1)."""
    return _blockwise(seed, numbers, lambda block: stream(seed, block, NOISE).standard_normal((BLOCK, points - 1)))


def simulate(theta, mu, sigma, x0, dt, noise):
    """Exact OU paths, vectorised over series.

    theta, mu, sigma, x0: shape (S,); dt: a number or shape (S,); noise: standard normal, shape (S, n - 1).
    Returns shape (S, n), the first column being x0. theta = 0 is Brownian motion. sigma = 0 is the noiseless limit.
    """
    theta, mu, sigma, x0 = (np.asarray(value, dtype=float) for value in (theta, mu, sigma, x0))
    decay = np.exp(-theta * dt)
    safe = np.where(theta == 0, 1.0, theta)
    spread = sigma * np.sqrt(np.where(theta == 0, dt, -np.expm1(-2 * theta * dt) / (2 * safe)))
    path = np.empty((noise.shape[1] + 1, len(x0)))  # time first: each step is one contiguous row
    np.multiply(noise.T, spread, out=path[1:])
    path[0] = x0 - mu
    for now, after in zip(path[:-1], path[1:]):
        after += now * decay
    path += mu
    return path.T


def rescale(path):
    """Paths (S, n) -> integers 0..99 (S, n), their minima (S,) and maxima (S,).

    Each path is rescaled to its own range and rounded half to even; a constant path becomes zeros.
    """
    low, high = path.min(axis=1), path.max(axis=1)
    span = np.where(high > low, high - low, 1.0)
    return np.rint((path - low[:, None]) / span[:, None] * 99).astype(int), low, high


def truth_of(series):
    """The `truth` field of a row: truth.py's labels and numbers, and their sentences."""
    labels = truth.labels_of(series)
    return {**labels, "sentences": description.sentences_of(labels)}


def make_rows(seed, numbers, points, dt=1.0):
    """(rows for data.jsonl, paths of shape (len(numbers), points)) of these series of a seed."""
    drawn = draw_parameters(seed, numbers, points, dt)
    paths = simulate(**drawn, dt=dt, noise=draw_noise(seed, numbers, points))
    if not np.isfinite(paths).all():
        raise cli.UserError(f"--dt {dt:g}: the paths are not finite: give a smaller one")
    series, low, high = rescale(paths)
    rows = []
    for j, k in enumerate(numbers):
        values = series[j].tolist()
        params = {name: float(drawn[name][j]) for name in ("theta", "mu", "sigma", "x0")}
        rows.append(
            {
                "id": f"ou_{k:06d}",
                "params": {**params, "dt": dt, "n": points, "seed": [seed, int(k)]},
                "series": values,
                "raw_min": float(low[j]),
                "raw_max": float(high[j]),
                "truth": truth_of(values),
            }
        )
    return rows, paths


def replay(params):
    """The path, shape (n,), that a row's params describe, bit for bit."""
    seed, number = params["seed"]
    drawn = {name: np.array([params[name]]) for name in ("theta", "mu", "sigma", "x0")}
    return simulate(**drawn, dt=params["dt"], noise=draw_noise(seed, [number], params["n"]))[0]


class Plotter:
    """Draws one plot after another on one canvas: axes and labels are drawn once, then only the line.

    For series of equal length; the y axis is the rescaled 0..99 that the model reads.
    """

    def __init__(self, points):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.canvas = FigureCanvasAgg(Figure(figsize=(6.4, 3.6), dpi=100, layout="constrained"))
        axes = self.canvas.figure.add_subplot()
        axes.set(xlim=(0, points - 1), ylim=(-3, 102), xlabel="time step", ylabel="value (rescaled to 0..99)")
        axes.grid(alpha=0.3)
        (self.line,) = axes.plot(range(points), [0] * points, color="tab:blue", linewidth=1.2, animated=True)
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(self.canvas.figure.bbox)

    def save(self, series, path):
        """Write the plot of n integers 0..99 as a PNG, whole or not at all."""
        from PIL import Image

        self.canvas.restore_region(self.background)
        self.line.set_ydata(series)
        self.line.axes.draw_artist(self.line)
        with records.atomic(path) as temporary:
            # few colours: a palette quarters the file, which travels to the teacher once per question
            Image.fromarray(np.asarray(self.canvas.buffer_rgba())[..., :3]).quantize(64).save(temporary, "png")


def write_dataset(rows, paths, dataset, plots):
    """Write <id>.dat (time and raw value), <id>.json (params) and <id>.png; files that exist are kept."""
    os.makedirs(dataset, exist_ok=True)
    plotter = None
    drawn = 0
    for row, path in zip(rows, paths):
        base = os.path.join(dataset, row["id"])
        if not os.path.exists(base + ".dat"):
            times = np.arange(len(path)) * row["params"]["dt"]
            records.write_text(base + ".dat", "".join(f"{t:g} {x!r}\n" for t, x in zip(times.tolist(), path.tolist())))
        if not os.path.exists(base + ".json"):
            records.write_json(base + ".json", row["params"])
        if plots and not os.path.exists(base + ".png"):
            plotter = plotter or Plotter(len(path))
            plotter.save(row["series"], base + ".png")
            drawn += 1
    return drawn


def refuse_other_params(row, dataset):
    """Raise UserError where the dataset holds another series of this id: its plot would go with the wrong numbers."""
    path = os.path.join(dataset, row["id"] + ".json")
    if os.path.exists(path) and records.read_json(path, "ou_process.py") != row["params"]:
        raise cli.UserError(f"{path} was made with other parameters: give another --dataset, or delete {dataset}")


def simulate_missing(args):
    """Append the rows 0 .. count-1 that data.jsonl lacks, and write the files that the dataset lacks."""
    with records.writing(args.data, create=True) as data:
        had = len(data.rows)
        records.require(data.rows.values(), "truth", args.data, "ou_process.py --truth")
        new, drawn = 0, 0
        for start in range(0, args.count, BLOCK):
            numbers = range(start, min(start + BLOCK, args.count))
            rows, paths = make_rows(args.seed, numbers, args.points, args.dt)
            for row in rows:
                there = data.rows.get(row["id"])
                if there and there.get("params") != row["params"]:
                    raise cli.UserError(
                        f"{args.data}: {row['id']} was made with other parameters: "
                        "give the --seed, --points and --dt that made it, or another --data and --dataset"
                    )
                refuse_other_params(row, args.dataset)
                if not there:
                    data.append(row)
                    new += 1
            drawn += write_dataset(rows, paths, args.dataset, not args.no_plots)
        made = [data.rows[f"ou_{k:06d}"] for k in range(args.count)]
    for claim in truth.CLAIMS:
        labels = [row["truth"][claim] for row in made]
        shares = (f"{label} {labels.count(label) / len(labels):.2f}" for label in truth.LABELS[claim])
        clear = sum(row["truth"]["clear"][claim] for row in made) / len(made)
        print(f"{claim}: {', '.join(shares)} (clear {clear:.2f})")
    print(f"had: {had}\nnew: {new}\nplots: {drawn}\nrows: {len(data.rows)}")


def recompute_truth(path):
    """Rewrite the truth of every row by today's rule, without simulating; print what changed."""
    with records.writing(path) as data:
        rows = list(data.rows.values())
        records.require(rows, "series", path, "ou_process.py")
        changed = {claim: 0 for claim in truth.CLAIMS}
        for row in rows:
            fresh = truth_of(row["series"])
            before = row["truth"] if isinstance(row.get("truth"), dict) else {}
            for claim in truth.CLAIMS:
                changed[claim] += before.get(claim) != fresh[claim]
            row["truth"] = fresh
        data.rewrite(rows)
    for claim, number in changed.items():
        print(f"changed_{claim}: {number}")
    print(f"rows: {len(rows)}")


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--count", type=cli.positive, default=220, help="Number of series that data.jsonl shall hold.")
    parser.add_argument("--points", type=cli.positive, default=128, help="Points of each series, 16 to 512.")
    parser.add_argument("--seed", type=cli.count, default=0, help="Seed; series k of a seed is always the same.")
    parser.add_argument("--dt", type=cli.positive_float, default=1.0, help="Time between points.")
    parser.add_argument("--dataset", default="dataset", help="Folder for the .dat, .png and .json of each series.")
    parser.add_argument("--data", default="data.jsonl", help="The shared file of rows.")
    parser.add_argument("--no-plots", action="store_true", help="Draw no .png; a teacher needs them, a dry run does not.")
    parser.add_argument("--truth", action="store_true", help="Only recompute the truth of an existing data.jsonl.")
    args = parser.parse_args(argv)
    if not SHORTEST <= args.points <= LONGEST:
        raise cli.UserError(f"--points {args.points}: give {SHORTEST} to {LONGEST}")
    if not 1e-9 <= args.dt <= 1e9:  # far from where floats end: times, and theta, its inverse, are multiples of it
        raise cli.UserError(f"--dt {args.dt:g}: give 1e-9 to 1e9, in the unit of time that suits")
    if args.seed >= SEEDS:
        raise cli.UserError(f"--seed {args.seed}: give a number below {SEEDS}")
    cli.print_settings(args)
    if args.truth:
        recompute_truth(args.data)
    else:
        simulate_missing(args)


if __name__ == "__main__":
    cli.run(main)
