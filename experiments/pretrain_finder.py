"""Teach a small network to find the line in other people's plots, so that a
student that sees reads them as if they were drawn by us.

Reads: nothing; the plots are simulated, each in a random style of its own.
Writes, in --out: finder.safetensors, finder.json (what it was trained with, and
how it found at each checkpoint), and checkpoint-<step>/ on the way.
Run: python -m experiments.pretrain_finder --out finder

finder.safetensors belongs into the folder of a student that sees plots: where
it lies there, describe.py --image and examine.py --dataset draw each picture
again, with the line that was found in it. Started again, the same command goes
on from the last whole checkpoint; SIGTERM, SIGUSR1 and Ctrl-C save at the next
step and exit with 75.
"""

import os

from llm_ts.base import cli
from llm_ts.scores.means import mean_of, percent
from llm_ts.sight import pretraining
from llm_ts.student import load
from llm_ts.train import run_folder

ABOUT = "finder.json"
NEAR = 3  # pixels of 256 x 160 that the sides of the box around the line may lie off
DEFAULTS = {"fresh": "16-300x32000", "process": "all", "learning_rate": 4e-3}
DEFAULTS |= {"batch_size": 16, "save_steps": 200, "validation": 256}


def found(learner, plots, batch_size):
    """How a finder finds the lines of plots: {"line", "box"}, each a list of shares, one a plot.

    line: of the pixels where the line runs by the points, those that it is sure of. box: 1 if no
    side of the box around the line that it finds lies more than NEAR pixels off, or if there is no
    line and it finds none.
    """
    import numpy as np

    from llm_ts.sight import finder

    shares = {"line": [], "box": []}
    for start in range(0, len(plots), batch_size):
        drawn = [plots.drawn(k) for k in range(start, min(start + batch_size, len(plots)))]
        for (_, points), line in zip(drawn, learner.find([image for image, _ in drawn])):
            box = finder.box_of(line)
            if not len(points):
                shares["box"].append(float(box is None))
                continue
            true = finder.line_of(points) > 0.5
            shares["line"].append(float((line > finder.SURE)[true].mean()))
            corners = np.concatenate([points.min(axis=0), points.max(axis=0)])
            wanted = corners * np.tile([finder.WIDTH, finder.HEIGHT], 2)
            near = box is not None and np.abs(np.array(box[1]) - wanted).max() <= NEAR
            shares["box"].append(float(near))
    return shares


def main(argv=None):
    parser = cli.Parser(__doc__)
    pretraining.add_flags(parser, **DEFAULTS)
    args = parser.parse_args(argv)
    rows, unseen = pretraining.rows_of(args)
    cli.print_settings(args)

    import torch

    from llm_ts.sight import finder

    torch.manual_seed(args.seed)
    learner = finder.read(args.start) if args.start else finder.Finder()
    settings, made = pretraining.settings_of(args), os.path.join(args.out, load.FINDER)
    pretraining.refuse_other(args, ABOUT, settings)
    if os.path.exists(made):
        print(f"{made} is there: nothing to do")
        return 0
    plots, seen = finder.Plots(rows, args.seed), finder.Plots(unseen, args.seed)

    def validate(step):
        shares = found(learner, seen, args.batch_size)
        shares = {name: mean_of(values) for name, values in shares.items()}
        learner.train()
        pretraining.keep(args.out, ABOUT, step, shares=shares)
        said = ", ".join(f"{name} {percent(share)}" for name, share in shares.items())
        cli.say(f"step {step}, % found in {len(seen)} plots: {said}")

    with run_folder.hold(args.out):
        count = pretraining.train(args, ABOUT, settings, learner, plots, validate)
        if count is None:
            return cli.REQUEUE
        pretraining.save(learner.cpu().state_dict(), made)
    print(f"plots: {count}\nout: {made}")
    return 0


if __name__ == "__main__":
    cli.run(main)
