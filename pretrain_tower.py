"""Give a text model eyes: train a small vision tower on the plots of simulated
series, whose truth is free, and put it before the text model.

Reads: a text model that speaks ChatML: hub name, folder or .gguf file.
Writes, in --out: a vision model for qwen_train.py --see (config.json,
model.safetensors, the processor's files), tower.safetensors, tower.json, and
checkpoint-<step>/ on the way.
Run: python pretrain_tower.py --text models/SmolLM2-135M-Instruct.Q4_1.gguf --out SmolLM2-135M-Sees

The text model takes no part but by the embeddings of its words, so that this
is quick. Started again, the same command goes on from the last whole
checkpoint; SIGTERM, SIGUSR1 and Ctrl-C save at the next step and exit with 75.
--tower takes a tower.safetensors that is trained already, and only puts it
before the text model. --start goes on from one.
"""

import os

from llm_ts import cli, disk, question
from llm_ts.pairs import fresh
from llm_ts.scores import score
from llm_ts.scores.means import percent
from llm_ts.student import device, load, run_folder

ABOUT = "tower.json"  # what the tower was trained with, and how it read at each checkpoint
VALIDATION = 512  # plots
SETTINGS = ("text", "start", "fresh", "styles", "process", "question", "learning_rate")
SETTINGS += ("batch_size", "save_steps", "seed")


def outcomes_of(tower, plots, asked, batch_size):
    """What the tower reads in each plot against the truth: [{claim: outcome}]."""
    import torch

    found = []
    for start in range(0, len(plots), batch_size):
        batch = [plots[k] for k in range(start, min(start + batch_size, len(plots)))]
        pixels = torch.stack([plot["pixel_values"] for plot in batch]).to(tower.words.device)
        with torch.inference_mode(), torch.autocast(pixels.device.type, torch.bfloat16, enabled=device.precision() == "bf16"):
            read = tower.read(pixels).tolist()
        for plot, said in zip(batch, read):
            pairs = zip(asked.claims, said, plot["labels"].tolist())
            found.append({claim: "right" if label == true else "wrong" for claim, label, true in pairs})
    return found


def validate(tower, plots, asked, args, step):
    """Print how the tower reads the validation plots, and keep it in tower.json."""
    from llm_ts.student import pretraining

    tower.eval()
    means = score.claim_means(asked, plots.rows, outcomes_of(tower, plots, asked, args.batch_size))
    tower.train()
    pretraining.keep(args.out, ABOUT, step, claims=means)
    shares = ", ".join(f"{claim} {percent(mean)}" for claim, mean in means["clear"].items())
    cli.say(f"step {step}, % right of {len(plots)} plots where clear: {shares}")


def train_tower(args, asked, model, processor):
    """Train the tower of a model in place, to the end, or until asked to stop or out of time.

    Returns the number of plots that it has seen; None where it was asked to stop, and is to go on.
    """
    from llm_ts.student import pretraining, tower

    pretraining.begin(args.out, ABOUT, {**settings_of(args, asked), "dtype": device.precision()})
    stages, processes = fresh.plan(args.fresh), fresh.mixture(args.process)
    learner = tower.Tower(model, processor.tokenizer, asked)
    plots = tower.Plots(fresh.Rows("train", stages, args.seed, question=asked, processes=processes), asked, processor, args.styles)
    validation = list(fresh.Rows("validation", [(*stages[-1][:2], VALIDATION)], question=asked, processes=processes))
    seen = tower.Plots(validation, asked, processor)
    return pretraining.train(args, learner, plots, lambda step: validate(learner, seen, asked, args, step))


def settings_of(args, asked):
    """What makes two runs the same run; the rules too, by which its plots were labelled."""
    start = {"start_sha256": disk.digest(args.start)} if args.start else {}
    return {**{name: getattr(args, name) for name in SETTINGS}, **start, **asked.rules.tag}


def write_model(model, processor, folder):
    """Write the vision model in bf16, and its tower alone; what ends the job comes last."""
    import torch
    from safetensors.torch import save_file

    from llm_ts.student import eyes

    model.to(torch.bfloat16).save_pretrained(folder)
    processor.save_pretrained(folder)
    with disk.atomic(os.path.join(folder, load.TOWER)) as temporary:
        save_file({name: weight.contiguous() for name, weight in eyes.state_of(model).items()}, temporary)


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--text", type=cli.folder, required=True, help="The text model: hub name, folder or .gguf file.")
    parser.add_argument("--out", required=True, help="Folder of the vision model.")
    parser.add_argument("--tower", metavar="FILE", help="A trained tower.safetensors: nothing is trained.")
    parser.add_argument("--start", metavar="FILE", help="A trained tower.safetensors, to learn on from.")
    parser.add_argument("--fresh", metavar="POINTSxSERIES,...", default="128x80000", help="Simulated series to learn from.")
    parser.add_argument("--process", default="ou", help='Where the series come from: names with commas, in turn; "all".')
    parser.add_argument("--styles", type=cli.share, default=0.0, help="Share of the plots that are drawn in random styles.")
    parser.add_argument("--question", choices=list(question.QUESTIONS), default="study", help="Whose claims it learns to see.")
    parser.add_argument("--learning-rate", type=cli.positive_float, default=1e-3, help="Peak; cosine to zero.")
    parser.add_argument("--batch-size", type=cli.positive, default=64, help="Plots of a step.")
    parser.add_argument("--save-steps", type=cli.positive, default=100, help="Save and evaluate every so many steps.")
    parser.add_argument("--minutes", type=cli.positive_float, default=0.0, help="End whole after so long; default: never.")
    parser.add_argument("--seed", type=cli.count, default=0, help="Of the tower's first weights and of its series.")
    disk.add_lock_flag(parser)
    args = parser.parse_args(argv)
    asked = question.named(args.question)
    fresh.plan(args.fresh), fresh.mixture(args.process)  # what is wrong there is said before a model is loaded
    if args.tower and args.start:
        parser.error("--tower takes a tower as it is: leave --start out")
    from llm_ts.student import eyes

    path, made = args.tower or args.start, os.path.join(args.out, load.TOWER)
    trained = load.read_tensors(path) if path else None
    cli.print_settings(args)
    if not args.tower and os.path.exists(os.path.join(args.out, ABOUT)):
        run_folder.check(args.out, settings_of(args, asked), ABOUT)
    if os.path.exists(made):
        if args.tower and disk.digest(args.tower) != disk.digest(made):
            raise cli.UserError(f"{args.out} has another tower than {args.tower}: give another --out, or delete that folder")
        print(f"{args.out} is there: nothing to do")
        return 0
    model, processor = eyes.give(args.text, args.seed)
    if trained:
        eyes.put(model, trained, path)
    with run_folder.hold(args.out):
        seen = 0 if args.tower else train_tower(args, asked, model, processor)
        if seen is None:
            return cli.REQUEUE
        write_model(model, processor, args.out)
    print(f"plots: {seen}\nout: {args.out}")
    return 0


if __name__ == "__main__":
    cli.run(main)
