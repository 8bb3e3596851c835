"""Plots of a suite's series by programs that are not ours: is their line read
right? experiments/pictures.py asks.

Reads: nothing; the series are drawn fresh (llm_ts/pairs/suites.py).
Writes: <out>/<row id>.png, one plot a series.
Run: python -m experiments.other_plots --program gnuplot --suite unseen --count 200 --points 128 --out plots/gnuplot

Programs: matplotlib in its own style sheets, gnuplot (gnuplot-nox), R's base
graphics (r-base-core), plotly in Chromium (pip install plotly; chromium). A
plot shows the values in a user's unit, a * value + b with a > 0, mostly in the
program's default look with a few things changed. Everything random comes from
a generator keyed by program and row id, so the same row gives the same plot (by
R, 1 to 3 of 200 came out with some other pixels the second time; why is not
known). Plots that are there are not drawn again.
"""

import os
import shutil
import tempfile

from experiments.plotters import by_gnuplot, by_matplotlib, by_plotly, by_r
from experiments.plotters.plot import asked, generator
from llm_ts.base import cli, disk
from llm_ts.pairs import suites

BATCH = 50  # plots per start of a program: R and Chromium take a second to start
PROGRAMS = {"matplotlib": by_matplotlib, "gnuplot": by_gnuplot, "r": by_r, "plotly": by_plotly}


def _is_png(path):
    """Whether a file is a whole PNG: its first and its last bytes are there."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        content = file.read()
    return content.startswith(b"\x89PNG\r\n\x1a\n") and content.endswith(b"IEND\xae\x42\x60\x82")


def draw(program, rows, out):
    """Draw rows (id, series) that have no plot yet as <out>/<id>.png -> number of plots drawn.

    program: a key of PROGRAMS. Raises UserError where it is not installed, or leaves out a plot.
    """
    if lacks := PROGRAMS[program].missing():
        raise cli.UserError(lacks)
    os.makedirs(out, exist_ok=True)
    disk.sweep(out)
    left = [row for row in rows if not os.path.exists(os.path.join(out, f"{row['id']}.png"))]
    with cli.Progress("plots", len(left)) as bar:
        for start in range(0, len(left), BATCH):
            _draw_batch(program, left[start : start + BATCH], out)
            bar.step(len(left[start : start + BATCH]))
    return len(left)


def _draw_batch(program, rows, out):
    """Draw rows by one start of a program, then give each whole plot its name."""
    generators = [generator(program, row) for row in rows]
    batch = [(asked(row, rng), rng) for row, rng in zip(rows, generators)]
    # a browser that is ending may still write its profile
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        done = PROGRAMS[program].draw(batch, folder)
        made = {row["id"]: os.path.join(folder, f"{number}.png") for number, row in enumerate(rows)}
        left_out = [name for name, path in made.items() if not _is_png(path)]
        for name in made.keys() - set(left_out):
            with disk.atomic(os.path.join(out, f"{name}.png")) as temporary:
                shutil.copyfile(made[name], temporary)
    if left_out:
        said = (done.stderr.strip().splitlines() if done else []) or ["nothing"]
        lost = f"{len(left_out)} of {len(rows)} plots, {left_out[0]} first"
        raise cli.UserError(f"{program} left out {lost}; it said last: {cli.visible(said[-1])}")


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--program", required=True, choices=PROGRAMS, help="What draws.")
    parser.add_argument("--suite", default="unseen", help="Which series (default: %(default)s), or a file of them.")
    parser.add_argument("--count", type=cli.positive, default=200, help="Number of series (default: %(default)s).")
    parser.add_argument("--points", type=cli.positive, default=128, help="Points of each series (default: %(default)s).")
    parser.add_argument("--out", required=True, type=cli.folder, help="Folder for the plots.")
    args = parser.parse_args(argv)
    suites.name_of(args.suite)
    rows = suites.rows(args.suite, args.count, args.points, "thirds")
    drawn = draw(args.program, rows, args.out)
    print(f"rows: {len(rows)}\ndrawn: {drawn}\nprogram: {args.program}\nout: {args.out}")


if __name__ == "__main__":
    cli.run(main)
