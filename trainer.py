"""TRL's trainer on pairs of prompt and answer: quick on a CPU, stopped by signals, evaluated at every save.

Reads: pairs in memory. Writes: checkpoint-<step>/ in the run's folder.
Run: no command of its own; qwen_train.py trains through this module.
"""

import contextlib
import os
import signal
import warnings

import description
import ranks
import run_folder

SIGNALS = ("SIGTERM", "SIGUSR1", "SIGINT")  # that ask a training to save and stop


def conversations(rows):
    """Pairs -> what TRL takes for prompt and completion, as chats."""
    return [
        {
            "prompt": description.messages_of(row["prompt"]),
            "completion": [{"role": "assistant", "content": row["answer"]}],
        }
        for row in rows
    ]


def make(args, folder, model, tokenizer, train_rows, callbacks):
    """TRL's SFTTrainer on prompt/completion rows: the loss is on the answer only.

    Fresh rows are taken in their order (short series first, where --fresh says so), others shuffled by the seed. A model
    that carries an adapter learns on with that one, at its own rank.
    """
    import torch
    from datasets import Dataset, disable_progress_bars
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
        num_train_epochs=args.epochs,
        per_device_train_batch_size=args.batch_size,
        gradient_accumulation_steps=args.accumulate,
        learning_rate=args.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,  # below 1: a share of all steps
        weight_decay=0.0,
        adam_beta2=0.95,  # at 0.999 a short run's steps stay small: the first gradients, of the template, rule its variance
        max_length=None,  # the default would cut long prompts, and the answer with them
        gradient_checkpointing=False,  # the models are small: memory is not what is short
        bf16=args.dtype == "bf16",
        save_strategy="steps",
        save_steps=args.save_steps,
        logging_steps=args.logging_steps,
        report_to="none",
        disable_tqdm=True,
        seed=args.seed,
        train_sampling_strategy="sequential" if args.fresh else "random",
        use_cpu=not gpu,
        ddp_find_unused_parameters=False,  # the answers' loss uses the LM head outside of the model's forward
        ddp_backend=("nccl" if gpu else "gloo") if ranks.world() > 1 else None,
        ddp_timeout=7200,
        dataloader_pin_memory=gpu,
    )
    lora = None
    if isinstance(model, PeftModel):
        for name, weight in model.named_parameters():
            weight.requires_grad_("lora_" in name)
    elif args.rank:
        lora = LoraConfig(r=args.rank, lora_alpha=args.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    if gpu:
        from trl import SFTTrainer as Trainer
    else:
        from cpu_training import CpuTrainer as Trainer
    made = Trainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(conversations(train_rows)),
        processing_class=tokenizer,
        peft_config=lora,
        callbacks=callbacks,
    )
    made.remove_callback(PrinterCallback)  # Evaluate.on_log says it in one line
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
    """Callbacks that save and stop at the next step once stop.asked, and call evaluate(model, step) after planned saves."""
    from transformers import TrainerCallback

    class SaveAndStop(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if ranks.any_of(stop.asked):  # it may be seen by one process a step before another
                control.should_save = control.should_training_stop = True

    class Evaluate(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **kwargs):
            if logs and "loss" in logs and state.is_world_process_zero:
                print(f"step {state.global_step} of {state.max_steps}: loss {float(logs['loss']):.4f}", flush=True)

        def on_save(self, args, state, control, model=None, **kwargs):
            step = state.global_step
            ranks.barrier()  # every process has written its part
            if state.is_world_process_zero:
                run_folder.mark_whole(os.path.join(folder, f"checkpoint-{step}"), step)
            if planned(args, state) and not ranks.any_of(stop.asked):  # all evaluate, or none: else they wait for each other
                evaluate(model, step)

    return [SaveAndStop(), Evaluate()]


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
