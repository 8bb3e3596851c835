"""Teach a small network to find the line in other people's plots, so that a
student that sees reads them as if they were drawn by us.

Reads: nothing; the plots are simulated, each in a random style of its own.
Writes, in --out: finder.safetensors, finder.json (what it was trained with, and
how it found at each checkpoint), and checkpoint-<step>/ on the way.
Run: python pretrain_finder.py --out finder

finder.safetensors belongs into the folder of a student that sees plots: where
it lies there, describe.py --image and examine.py --dataset draw each picture
again, with the line that was found in it. Started again, the same command goes
on from the last whole checkpoint; SIGTERM, SIGUSR1 and Ctrl-C save at the next
step and exit with 75. --start goes on from a finder.safetensors that is
trained already.
"""

import os

from llm_ts import cli, disk
from llm_ts.pairs import fresh
from llm_ts.scores.means import mean_of, percent
from llm_ts.student import device, load, run_folder

ABOUT = "finder.json"
NEAR = 3  # pixels of 256 x 160 that the sides of the box around the line may lie off
SETTINGS = ("fresh", "process", "learning_rate", "batch_size", "save_steps", "seed")


def found(learner, plots, batch_size):
    """How a finder finds the lines of plots: {"line", "box"}, each a list of shares from 0 to 1, one a plot.

    line: of the pixels where the line runs by the points, those that it is sure of. box: 1 where no side of the box around the
    line that it finds lies more than NEAR pixels off, or where there is no line and it finds none.
    """
    import numpy as np

    from llm_ts.student import finder

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
            wanted = np.concatenate([points.min(axis=0), points.max(axis=0)]) * np.tile([finder.WIDTH, finder.HEIGHT], 2)
            shares["box"].append(float(box is not None and np.abs(np.array(box[1]) - wanted).max() <= NEAR))
    return shares


def validate(learner, plots, args, step):
    """Print how the finder finds the lines of the validation plots, and keep it in finder.json."""
    from llm_ts.student import pretraining

    shares = {name: mean_of(values) for name, values in found(learner, plots, args.batch_size).items()}
    learner.train()
    pretraining.keep(args.out, ABOUT, step, shares=shares)
    said = ", ".join(f"{name} {percent(share)}" for name, share in shares.items())
    cli.say(f"step {step}, % found in {len(plots)} plots: {said}")


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--out", required=True, help="Folder of the finder.")
    parser.add_argument("--start", metavar="FILE", help="A trained finder.safetensors, to learn on from.")
    parser.add_argument("--fresh", metavar="POINTSxSERIES,...", default="16-300x32000", help="Simulated series to draw.")
    parser.add_argument("--process", default="all", help='Where the series come from: names with commas, in turn; "all".')
    parser.add_argument("--learning-rate", type=cli.positive_float, default=4e-3, help="Peak; cosine to zero.")
    parser.add_argument("--batch-size", type=cli.positive, default=16, help="Plots of a step.")
    parser.add_argument("--save-steps", type=cli.positive, default=200, help="Save and evaluate every so many steps.")
    parser.add_argument("--validation", type=cli.positive, default=256, help="Plots that each checkpoint is tried on.")
    parser.add_argument("--minutes", type=cli.positive_float, default=0.0, help="End whole after so long; default: never.")
    parser.add_argument("--seed", type=cli.count, default=0, help="Of the first weights and of the series.")
    disk.add_lock_flag(parser)
    args = parser.parse_args(argv)
    stages, processes = fresh.plan(args.fresh), fresh.mixture(args.process)
    cli.print_settings(args)
    from llm_ts.student import finder, pretraining

    made = os.path.join(args.out, load.FINDER)
    trained = finder.read(args.start) if args.start else None
    settings = {name: getattr(args, name) for name in SETTINGS}
    settings["start_sha256"] = disk.digest(args.start) if args.start else None
    if os.path.exists(os.path.join(args.out, ABOUT)):
        run_folder.check(args.out, settings, ABOUT)
    if os.path.exists(made):
        print(f"{made} is there: nothing to do")
        return 0
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(args.seed)
    learner = trained or finder.Finder()
    plots = finder.Plots(fresh.Rows("train", stages, args.seed, processes=processes), args.seed)
    seen = finder.Plots(list(fresh.Rows("validation", [(*stages[-1][:2], args.validation)], processes=processes)), args.seed)
    with run_folder.hold(args.out):
        pretraining.begin(args.out, ABOUT, {**settings, "dtype": device.precision()})
        count = pretraining.train(args, learner, plots, lambda step: validate(learner, seen, args, step))
        if count is None:
            return cli.REQUEUE
        with disk.atomic(made) as temporary:
            save_file({name: weight.contiguous() for name, weight in learner.cpu().state_dict().items()}, temporary)
    print(f"plots: {count}\nout: {made}")
    return 0


if __name__ == "__main__":
    cli.run(main)
