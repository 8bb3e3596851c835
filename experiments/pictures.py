"""How well is a line read off its picture?

Reads: plots by experiments.other_plots, or pictures of any kind.
Writes: nothing; prints a table.
Run: python -m experiments.pictures --strokes 2

--plots FOLDER: the claims of the shipped student and of the rules about what
was read, against the truth of the series that was drawn (the same --suite,
--count and --points as there). --refused FILES: how many pictures that show no
single line are refused. --strokes N: how much of the noise is kept, by points,
width and stroke, over N series of three kinds each.
"""

import io
import os
import time

import numpy as np

from llm_ts.base import cli, paths
from llm_ts.claims import noise
from llm_ts.desk import prepare, shipped
from llm_ts.pairs import suites
from llm_ts.question import STUDY
from llm_ts.scores.means import mean_of, percent
from llm_ts.student import origin
from llm_ts.table import drawn


def read(path, points=None):
    """A picture -> (its Series, or None where it is refused; seconds; why it is refused)."""
    start, series, why = time.perf_counter(), None, ""
    try:
        series = drawn.read(path, points)
    except cli.UserError as error:
        why = str(error)
    return series, time.perf_counter() - start, why


def claims(folder, rows, told):
    """Print how the claims about a folder's plots agree with the truth. told: whether the number of points is given."""
    learnt = origin.of(paths.SHIPPED)
    asked, ready, refused, seconds = origin.task_of(learnt), [], [], []
    for row in rows:
        path = os.path.join(folder, f"{row['id']}.png")
        series, took, why = read(path, len(row["series"]) if told else None)
        seconds.append(took)
        refused.append(series is None)
        if series is None:
            print(f"refused: {why}")
        else:
            ready.append((row["truth"], prepare.prepare(series, learnt, asked)))
    said = shipped.open_student(paths.SHIPPED).ask([prepare.prompt_of(one) for _, one in ready])
    answers = [prepare.answer_of(one, text) for (_, one), text in zip(ready, said)]
    print(f"{folder}: {len(rows)} pictures, refused {percent(mean_of(refused))} %, {np.mean(seconds):.2f} s each")
    for who in ("rules", "student"):
        cells = []
        found = [{**one.truth} if who == "rules" else answer.read for (_, one), answer in zip(ready, answers)]
        for claim in STUDY.claims:
            right = [said.get(claim) == truth[claim] for (truth, _), said in zip(ready, found) if truth["clear"][claim]]
            cells.append(f"{claim} {percent(mean_of(right))}")
        every = [(truth, said) for (truth, _), said in zip(ready, found) if all(truth["clear"][claim] for claim in STUDY.claims)]
        right = [all(said.get(claim) == truth[claim] for claim in STUDY.claims) for truth, said in every]
        print(f"{who}: {', '.join(cells)}, all four {percent(mean_of(right))} of {len(right)} clear")
    print(f"noise not told: {sum(noise.NAME in one.series.hidden for _, one in ready)}")


def strokes(count):
    """Print the noise that is kept: that of what was read over that of the series, median and worst of 3 * count."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rng = np.random.default_rng(0)
    for points in (20, 50, 128, 300):
        for width in (300, 640, 1200, 2000):
            for stroke in (1.0, 2.5):
                kept, hidden = [], 0
                for kind in range(3 * count):
                    steps = rng.normal(size=points)
                    values = (steps, np.cumsum(steps), np.sin(np.linspace(0, 9, points)) + 0.2 * steps)[kind % 3]
                    figure, file = Figure(figsize=(width / 100, width / 160), dpi=100), io.BytesIO()
                    figure.add_subplot().plot(values, linewidth=stroke)
                    FigureCanvasAgg(figure).print_png(file)
                    series, _, why = read(file.getvalue(), points)
                    if series is None or series.hidden:
                        hidden += 1
                    else:
                        kept.append(noise.roughness_of(series.values) / noise.roughness_of(values))
                told = f"{np.median(kept):.2f} ({min(kept):.2f} to {max(kept):.2f})" if kept else "-"
                print(f"{points} points, {width} pixels, stroke {stroke}: kept {told}, not told {hidden} of {3 * count}")


def main(argv=None):
    parser = cli.Parser(__doc__)
    add = parser.add_argument
    add("--plots", metavar="FOLDER", help="Plots that experiments.other_plots drew.")
    add("--suite", default="unseen", help="Their series.")
    add("--count", type=cli.positive, default=200, help="How many of them.")
    add("--skip", type=cli.count, default=0, help="Leave out the first so many.")
    add("--points", type=cli.positive, default=128, help="Points of each, where the suite does not fix them.")
    add("--untold", action="store_true", help="Read the plots without being told their number of points.")
    add("--refused", nargs="+", metavar="FILE", help="Pictures that show no single line.")
    add("--strokes", type=cli.positive, metavar="N", help="The noise that is kept, over N series of each kind.")
    args = parser.parse_args(argv)
    if args.plots:
        rows = suites.rows(args.suite, args.count, args.points, "thirds")[args.skip :]
        claims(args.plots, rows, not args.untold)
    if args.refused:
        found = {path: read(path)[0] for path in args.refused}
        print("\n".join(f"read: {path}" for path, series in found.items() if series is not None))
        print(f"refused: {percent(mean_of(series is None for series in found.values()))} % of {len(found)}")
    if args.strokes:
        strokes(args.strokes)
    if not (args.plots or args.refused or args.strokes):
        raise cli.UserError("give --plots, --refused or --strokes")


if __name__ == "__main__":
    cli.run(main)
