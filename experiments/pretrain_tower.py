"""Give a text model eyes: train a small vision tower on the plots of simulated
series, whose truth is free, and put it before the text model.

Reads: a text model that speaks ChatML: hub name, folder or .gguf file.
Writes, in --out: a vision model for qwen_train.py --see (config.json,
model.safetensors, the processor's files), tower.safetensors, tower.json, and
checkpoint-<step>/ on the way.
Run: python -m experiments.pretrain_tower --text models/SmolLM2-135M-Instruct.Q4_1.gguf --out Sees

Only the text model's word embeddings are used, so this is quick. Started again,
the same command goes on from the last whole checkpoint; SIGTERM, SIGUSR1 and
Ctrl-C save at the next step and exit with 75. --tower takes a tower.safetensors
that is trained already, and only puts it before the text model.
"""

import os

from llm_ts import question
from llm_ts.base import cli, disk
from llm_ts.pairs import fresh
from llm_ts.scores import score
from llm_ts.scores.means import percent
from llm_ts.sight import pretraining
from llm_ts.student import device, load
from llm_ts.train import run_folder

ABOUT = "tower.json"  # what the tower was trained with, and how it read at each checkpoint
DEFAULTS = {"fresh": "128x80000", "process": "ou", "learning_rate": 1e-3}
DEFAULTS |= {"batch_size": 64, "save_steps": 100, "validation": 512}


def outcomes_of(tower, plots, asked, batch_size):
    """What the tower reads in each plot against the truth: [{claim: outcome}]."""
    import torch

    found, bf16 = [], device.precision() == "bf16"
    for start in range(0, len(plots), batch_size):
        batch = [plots[k] for k in range(start, min(start + batch_size, len(plots)))]
        pixels = torch.stack([plot["pixel_values"] for plot in batch]).to(tower.words.device)
        autocast = torch.autocast(pixels.device.type, torch.bfloat16, enabled=bf16)
        with torch.inference_mode(), autocast:
            read = tower.read(pixels).tolist()
        for plot, said in zip(batch, read):
            right = (torch.tensor(said) == plot["labels"]).tolist()
            outcomes = ("right" if one else "wrong" for one in right)
            found.append(dict(zip(asked.claims, outcomes)))
    return found


def train_tower(args, asked, settings, model, processor):
    """Train the tower of a model in place; returns what pretraining.train does."""
    from llm_ts.sight import tower

    learner = tower.Tower(model, processor.tokenizer, asked)
    rows, unseen = pretraining.rows_of(args, asked)
    plots = tower.Plots(rows, asked, processor)
    seen = tower.Plots(unseen, asked, processor)

    def validate(step):
        learner.eval()
        outcomes = outcomes_of(learner, seen, asked, args.batch_size)
        means = score.claim_means(asked, unseen, outcomes)
        learner.train()
        pretraining.keep(args.out, ABOUT, step, claims=means)
        shares = ", ".join(f"{claim} {percent(mean)}" for claim, mean in means["clear"].items())
        cli.say(f"step {step}, % right of {len(seen)} plots where clear: {shares}")

    return pretraining.train(args, ABOUT, settings, learner, plots, validate)


def main(argv=None):
    parser = cli.Parser(__doc__)
    add = parser.add_argument
    add("--text", type=cli.folder, required=True, help="The text model: hub name, folder or .gguf.")
    add("--tower", metavar="FILE", help="A trained tower.safetensors: nothing is trained.")
    known = list(question.QUESTIONS)
    add("--question", choices=known, default="study", help="Whose claims it learns to see.")
    pretraining.add_flags(parser, **DEFAULTS)
    args = parser.parse_args(argv)

    # what is wrong is said before anything is loaded
    asked = question.named(args.question)
    fresh.plan(args.fresh), fresh.parse_processes(args.process)
    if args.tower and args.start:
        parser.error("--tower takes a tower as it is: leave --start out")

    import torch

    from llm_ts.sight import eyes

    path, made = args.tower or args.start, os.path.join(args.out, load.TOWER)
    trained = load.read_tensors(path) if path else None
    cli.print_settings(args)

    # another run in this folder, or one that is done
    settings = pretraining.settings_of(args, "text", "question")
    settings["rules"] = asked.rules.to_json()
    if not args.tower:
        pretraining.refuse_other(args, ABOUT, settings)
    if os.path.exists(made):
        if args.tower and disk.digest(args.tower) != disk.digest(made):
            what = "give another --out, or delete that folder"
            raise cli.UserError(f"{args.out} has another tower than {args.tower}: {what}")
        print(f"{args.out} is there: nothing to do")
        return 0

    # give the text model eyes, teach them, and write both
    model, processor = eyes.give(args.text, args.seed)
    if trained:
        eyes.put(model, trained, path)
    with run_folder.hold(args.out):
        seen = 0 if args.tower else train_tower(args, asked, settings, model, processor)
        if seen is None:
            return cli.REQUEUE
        model.to(torch.bfloat16).save_pretrained(args.out)
        processor.save_pretrained(args.out)
        pretraining.save(eyes.state_of(model), made)  # what ends the job comes last
    print(f"plots: {seen}\nout: {args.out}")
    return 0


if __name__ == "__main__":
    cli.run(main)
