"""Train what is not a language model, a tower, on simulated plots.

They are drawn as they are needed, and each is seen once (experiments/pretrain_tower.py).
"""

import os

from llm_ts.base import cli, disk
from llm_ts.pairs import fresh
from llm_ts.question import STUDY
from llm_ts.student import device
from llm_ts.train import callbacks, run_folder


def make_trainer(args, learner, plots, more):
    """Transformers' trainer on plots, in their order. more: callbacks."""
    import torch
    from transformers import PrinterCallback, Trainer, TrainingArguments

    class PlotsTrainer(device.LoadsApart, Trainer):
        """Its drawing processes are left alone by Slurm's signals."""

    gpu = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=args.out,
        num_train_epochs=1,
        per_device_train_batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,  # below 1: a share of all steps
        weight_decay=0.01,
        adam_beta2=0.98,
        bf16=device.precision() == "bf16",
        save_strategy="steps",
        save_steps=args.save_steps,
        logging_steps=args.save_steps,
        report_to="none",
        disable_tqdm=True,
        seed=args.seed,
        use_cpu=not gpu,
        train_sampling_strategy="sequential",
        dataloader_pin_memory=gpu,
        dataloader_num_workers=device.loaders(),
        remove_unused_columns=False,
        label_names=["labels"],
    )
    made = PlotsTrainer(model=learner, args=arguments, train_dataset=plots, callbacks=more)
    made.remove_callback(PrinterCallback)
    return made


def add_flags(parser, **defaults):
    """The flags of a training. defaults: of fresh, process, learning_rate and other flags."""
    add = parser.add_argument
    add("--out", required=True, help="Folder of what is trained.")
    add("--start", metavar="FILE", help="What such a training made, to learn on from.")
    add("--fresh", metavar="POINTSxSERIES,...", help="Simulated series to learn from.")
    add("--process", help='Where the series come from: names with commas, in turn; "all".')
    add("--learning-rate", type=cli.positive_float, help="Peak; cosine to zero.")
    add("--batch-size", type=cli.positive, help="Plots of a step.")
    add("--save-steps", type=cli.positive, help="Save and evaluate every so many steps.")
    add("--validation", type=cli.positive, help="Plots that each checkpoint is tried on.")
    never = "End whole after so long; default: never."
    add("--minutes", type=cli.positive_float, default=0.0, help=never)
    add("--seed", type=cli.count, default=0, help="Of the first weights and of the series.")
    disk.add_lock_flag(parser)
    parser.set_defaults(**defaults)


def settings_of(args, *more):
    """What makes two runs the same run. more: names of further flags."""
    names = ("fresh", "process", "learning_rate", "batch_size", "save_steps", "seed", *more)
    start = disk.digest(args.start) if args.start else None
    return {**{name: getattr(args, name) for name in names}, "start_sha256": start}


def rows_of(args, question=STUDY):
    """(series to learn from, series to validate on): fresh.Rows, and a list."""
    stages = fresh.plan(args.fresh)
    drawn = {"question": question, "processes": fresh.parse_processes(args.process)}
    unseen = fresh.Rows("validation", [(*stages[-1][:2], args.validation)], **drawn)
    return fresh.Rows("train", stages, args.seed, **drawn), list(unseen)


def refuse_other(args, about, settings):
    """UserError if the folder's file `about` is of another run."""
    if os.path.exists(os.path.join(args.out, about)):
        run_folder.check(args.out, settings, about)


def keep(folder, about, step, **content):
    """Keep an evaluation of a step in a folder's file `about`, in place of those of later ones."""
    path = os.path.join(folder, about)
    kept = disk.read_json(path, "the same command")
    before = [one for one in kept["evaluations"] if one["step"] < step]
    disk.write_json(path, {**kept, "evaluations": [*before, {"step": step, **content}]})


def train(args, about, settings, learner, plots, validate):
    """Train learner in place, to the end, or until asked to stop or out of time.

    args: with the flags of add_flags. about: the file of the folder that keeps the settings.
    validate(step): called at each planned save. Returns the number of plots that it has seen; None
    if it was asked to stop, and is to go on.
    """
    settings = {**settings, "dtype": device.precision()}
    refuse_other(args, about, settings)
    path = os.path.join(args.out, about)
    if not os.path.exists(path):
        disk.write_json(path, {**settings, "evaluations": []})
    stop, limits = callbacks.Stop(), callbacks.Limits(args.out, minutes=args.minutes)
    more = callbacks.make(args.out, lambda _, step: validate(step), stop, limits)
    made = make_trainer(args, learner, plots, more)
    checkpoint = run_folder.last_checkpoint(args.out)
    if checkpoint:
        print(f"going on from {checkpoint}", flush=True)
    made.train(resume_from_checkpoint=checkpoint)
    reached, planned, early = made.state.global_step, made.state.max_steps, limits.reason()
    if reached < planned and not early:
        print(f"stopped: saved at step {reached}; run the same command to go on")
        return None
    if reached < planned:
        print(f"ended at step {reached} of {planned}: {early}")
    return min(reached * args.batch_size, len(plots))


def save(state, path):
    """Write weights, {name: tensor}, as .safetensors, whole or not at all."""
    from safetensors.torch import save_file

    with disk.atomic(path) as temporary:
        save_file({name: weight.contiguous() for name, weight in state.items()}, temporary)
