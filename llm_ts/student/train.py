"""TRL's trainer on pairs of prompt and answer: quick on a CPU, stopped by signals, evaluated at every save.

It writes checkpoint-<step>/ into the run's folder.
"""

import contextlib
import os
import re
import signal
import warnings
from dataclasses import dataclass

from llm_ts import cli, question
from llm_ts.pairs import pair
from llm_ts.student import chat, run_folder, torchrun

SIGNALS = ("SIGTERM", "SIGUSR1", "SIGINT")  # that ask a training to save and stop


@dataclass(frozen=True)
class Recipe:
    """How a student is trained: the flags of qwen_train.py of the same names and, with --fresh, in_order."""

    epochs: float = 13.0  # passes over the training rows
    batch_size: int = 16  # series of a step on each device
    accumulate: int = 1  # batches summed up before a step
    learning_rate: float = 1e-3  # the peak
    rank: int = 16  # of LoRA, on all linear layers; 0: all weights are trained
    alpha: float = 32  # the update counts alpha / rank
    dtype: str = "bf16"  # of the base: bf16 or fp32; the adapter is fp32
    save_steps: int = 20  # save and evaluate every so many steps
    logging_steps: int = 5
    seed: int = 0
    in_order: bool = False  # take the rows in their order, not shuffled by the seed
    tower: str = "lora"  # of a vision model: "lora" as the text model has it, or "frozen"


def lessons(rows, model, tokenizer):
    """Pairs -> a Dataset of tokens and labels: the loss is on the answer and its end."""
    from datasets import Dataset

    shown = [pair.asked_with(row) for row in rows]
    return Dataset.from_list(chat.lessons_of(model, tokenizer, shown, [row["answer"] for row in rows]))


def conversations(rows):
    """Pairs -> a Dataset of what TRL takes for prompt and completion, as chats; pictures are drawn when they are needed."""
    from datasets import Dataset

    shown = [pair.asked_with(row) for row in rows]
    see = isinstance(shown[0], question.Shown)
    answers = [[{"type": "text", "text": row["answer"]}] if see else row["answer"] for row in rows]
    chats = [
        {"prompt": question.messages_of(prompt), "completion": [{"role": "assistant", "content": said}], "number": number}
        for number, (prompt, said) in enumerate(zip(shown, answers))
    ]
    if not see:
        return Dataset.from_list(chats).remove_columns("number")

    def with_pictures(batch):
        return {**batch, "images": [[shown[number].picture()] for number in batch["number"]]}

    return Dataset.from_list(chats).with_transform(with_pictures)


def targets_of(model, tower):
    """What LoRA goes on: the names that PEFT takes. With the tower "frozen", the linear layers of the text model alone."""
    if tower == "lora":
        return "all-linear"
    import torch

    text = model.model.get_decoder() if hasattr(model.model, "get_decoder") else model.get_decoder()
    within = next(name for name, module in model.named_modules() if module is text)
    leaves = {name.rpartition(".")[2] for name, module in text.named_modules() if isinstance(module, torch.nn.Linear)}
    return rf"{re.escape(within)}\..*\.({'|'.join(sorted(leaves))})"


def make(recipe, folder, model, processor, train_rows, callbacks):
    """TRL's SFTTrainer on prompt/completion rows: the loss is on the answer only.

    A model that carries an adapter learns on with that one, at its own rank.
    """
    import torch
    from datasets import disable_progress_bars
    from peft import LoraConfig, PeftModel
    from transformers import PrinterCallback
    from trl import SFTConfig

    disable_progress_bars()
    # of one pinned library to another, and of PEFT about .gguf bases: nothing that a user could mend
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers|trl")
    warnings.filterwarnings("ignore", message="Could not find a config file")

    gpu = torch.cuda.is_available()
    if gpu:
        torch.backends.cuda.enable_cudnn_sdp(False)  # its backward gave NaN with a mask: trl issue 7181
    config = SFTConfig(
        output_dir=folder,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.accumulate,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,  # below 1: a share of all steps
        weight_decay=0.0,
        adam_beta2=0.95,  # at 0.999 a short run's steps stay small: the first gradients, of the template, rule its variance
        max_length=None,  # the default would cut long prompts, and the answer with them
        gradient_checkpointing=False,  # the models are small: memory is not what is short
        bf16=recipe.dtype == "bf16",
        save_strategy="steps",
        save_steps=recipe.save_steps,
        logging_steps=recipe.logging_steps,
        report_to="none",
        disable_tqdm=True,
        seed=recipe.seed,
        train_sampling_strategy="sequential" if recipe.in_order else "random",
        use_cpu=not gpu,
        ddp_find_unused_parameters=False,  # the answers' loss uses the LM head outside of the model's forward
        ddp_backend=("nccl" if gpu else "gloo") if torchrun.count() > 1 else None,
        ddp_timeout=7200,
        dataloader_pin_memory=gpu,
        remove_unused_columns=not hasattr(processor, "image_processor"),  # a picture is drawn by its row's number
    )
    lora = None
    if isinstance(model, PeftModel):
        for name, weight in model.named_parameters():
            weight.requires_grad_("lora_" in name)
    elif recipe.rank:
        lora = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=targets_of(model, recipe.tower), task_type="CAUSAL_LM")
    see = hasattr(processor, "image_processor")
    if see:
        chat.require_nothing_before(processor, folder)
    if gpu:
        from trl import SFTTrainer as Trainer
    else:
        from llm_ts.student.cpu_training import CpuTrainer as Trainer
    made = Trainer(
        model=model,
        args=config,
        train_dataset=conversations(train_rows) if see else lessons(train_rows, model, processor),
        processing_class=processor,
        peft_config=lora,
        callbacks=callbacks,
    )
    made.remove_callback(PrinterCallback)  # Show says it in one line
    return made


class Stop:
    """Whether the training was asked to save and stop: by SIGTERM, SIGUSR1 or SIGINT, or by a file that appeared.

    file: its path, or None. A signal makes that file too, so that whoever started the training knows why it stopped.
    A second SIGINT stops at once.
    """

    def __init__(self, file=None):
        self.file, self._signalled = file, False
        for name in SIGNALS:
            signal.signal(getattr(signal, name), self._ask)

    def _ask(self, signum, frame):
        self._signalled = True
        # not print: the signal may have come amid one, which must not be entered again
        os.write(1, f"{signal.Signals(signum).name}: saving at the next step, then stopping\n".encode())
        if self.file:
            with contextlib.suppress(OSError):  # a full disk must not keep the training from trying to save
                open(self.file, "ab").close()
        if signum == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    @property
    def asked(self):
        return self._signalled or bool(self.file and os.path.exists(self.file))


def make_callbacks(folder, evaluate, stop):
    """Callbacks that show how far the training is, save and stop at the next step once stop.asked, and call
    evaluate(model, step) after planned saves.
    """
    from transformers import TrainerCallback

    class Show(TrainerCallback):
        bar = None

        def on_train_begin(self, args, state, control, **kwargs):
            self.bar = cli.Progress("steps", state.max_steps, every=float("inf"))  # in a log, the losses say it
            self.bar.step(state.global_step)

        def on_step_end(self, args, state, control, **kwargs):
            self.bar.step()

        def on_log(self, args, state, control, logs=None, **kwargs):
            if logs and "loss" in logs and state.is_world_process_zero:
                cli.say(f"step {state.global_step} of {state.max_steps}: loss {float(logs['loss']):.4f}")

        def on_train_end(self, args, state, control, **kwargs):
            self.bar.close()

    class SaveAndStop(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if torchrun.any_of(stop.asked):  # it may be seen by one process a step before another
                control.should_save = control.should_training_stop = True

    class Evaluate(TrainerCallback):
        def on_save(self, args, state, control, model=None, **kwargs):
            step = state.global_step
            torchrun.barrier()  # every process has written its part
            if state.is_world_process_zero:
                run_folder.mark_whole(os.path.join(folder, f"checkpoint-{step}"), step)
            if planned(args, state) and not torchrun.any_of(stop.asked):  # all evaluate, or none: else they wait for each other
                evaluate(model, step)

    return [Show(), SaveAndStop(), Evaluate()]


def ignore_signals():
    """For a training that is over: Python would die of a late signal on its way out, and its work would count as failed."""
    for name in SIGNALS:
        signal.signal(getattr(signal, name), signal.SIG_IGN)


def is_last(run, checkpoint):
    """Whether a checkpoint is a training's last; its state then becomes the trainer's.

    Transformers would train a step beyond the end where the epochs are no whole number.
    """
    from transformers import TrainerState

    state = TrainerState.load_from_json(os.path.join(checkpoint, "trainer_state.json"))
    if state.global_step < state.max_steps:
        return False
    run.state = state
    return True


def planned(args, state):
    """Whether a save at this step is one of the plan, not one that a signal asked for."""
    return state.global_step % args.save_steps == 0 or state.global_step == state.max_steps
