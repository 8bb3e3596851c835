"""Train what is not a language model, a tower or a finder of lines, on plots drawn as they are needed, each seen once."""

import os

import torch
from transformers import PrinterCallback, Trainer, TrainingArguments

from llm_ts import disk
from llm_ts.student import callbacks, device, run_folder


class PlotsTrainer(device.LoadsApart, Trainer):
    """Transformers' trainer, whose drawing processes are left alone by Slurm's signals."""


def make_trainer(learner, plots, folder, learning_rate, batch_size, save_steps, seed, more):
    """A PlotsTrainer on plots, in their order; checkpoint-<step>/ in folder. more: callbacks."""
    gpu = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=folder,
        num_train_epochs=1,
        per_device_train_batch_size=batch_size,
        learning_rate=learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,  # below 1: a share of all steps
        weight_decay=0.01,
        adam_beta2=0.98,
        bf16=device.precision() == "bf16",
        save_strategy="steps",
        save_steps=save_steps,
        logging_steps=save_steps,
        report_to="none",
        disable_tqdm=True,
        seed=seed,
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


def begin(folder, about, settings):
    """Say in a folder's file `about` what is trained in it; UserError where that is another run."""
    run_folder.check(folder, settings, about)
    path = os.path.join(folder, about)
    if not os.path.exists(path):
        disk.write_json(path, {**settings, "evaluations": []})


def keep(folder, about, step, **content):
    """Keep an evaluation of a step in a folder's file `about`, in the place of those of later ones."""
    path = os.path.join(folder, about)
    kept = disk.read_json(path, "the same command")
    kept["evaluations"] = [*(one for one in kept["evaluations"] if one["step"] < step), {"step": step, **content}]
    disk.write_json(path, kept)


def train(args, learner, plots, validate):
    """Train learner in place, to the end, or until asked to stop or out of time. validate(step): called at each planned save.

    args: out, learning_rate, batch_size, save_steps, seed, minutes. Returns the number of plots that it has seen; None where
    it was asked to stop, and is to go on.
    """
    stop, limits = callbacks.Stop(), callbacks.Limits(args.out, minutes=args.minutes)
    more = callbacks.make(args.out, lambda _, step: validate(step), stop, limits)
    made = make_trainer(learner, plots, args.out, args.learning_rate, args.batch_size, args.save_steps, args.seed, more)
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
