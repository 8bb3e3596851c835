"""TRL's trainer on pairs of prompt and answer, made quick, and never past a loss that is no number.

It writes checkpoint-<step>/ into the run's folder; callbacks.py says when.
"""

import math
import os
import re
import warnings
from dataclasses import dataclass

from llm_ts import question
from llm_ts.base import cli, torchrun
from llm_ts.data import pair
from llm_ts.student import chat, device
from llm_ts.train import callbacks

DECAY = 0.4  # share of the steps in which Muon's rate falls to zero


@dataclass(frozen=True)
class Recipe:
    """How a student is trained: the flags of qwen_train.py of the same names and, with --fresh, in_order."""

    epochs: float = 13.0  # passes over the training rows
    batch_size: int = 16  # series of a step on each device
    accumulate: int = 1  # batches summed up before a step
    learning_rate: float = 1e-3  # the peak
    optimizer: str = "adamw"  # or "muon": on LoRA's matrices alone. Adam's rate falls as a cosine, Muon's in the last DECAY
    rank: int = 16  # of LoRA, on all linear layers; 0: all weights are trained
    alpha: float = 32  # the update counts alpha / rank
    dtype: str = "auto"  # of the base, as device.dtype takes it; the adapter is fp32
    save_steps: int = 20  # save and evaluate every so many steps
    logging_steps: int = 5
    seed: int = 0
    in_order: bool = False  # take the rows in their order, not shuffled by the seed
    report_to: str = "none"  # or "tensorboard": its files, in runs/ of the run's folder
    tower: str = "lora"  # of a vision model: "lora" as the text model has it, or "frozen"


def lessons(rows, model, tokenizer):
    """Pairs -> a Dataset of tokens and labels: the loss is on the answer and its end."""
    from datasets import Dataset

    shown = [pair.asked_with(row) for row in rows]
    return Dataset.from_list(chat.lessons_of(model, tokenizer, shown, [pair.answer_of(row) for row in rows]))


def conversations(rows):
    """Pairs -> a Dataset of what TRL takes for prompt and completion, as chats; pictures are drawn when they are needed."""
    from datasets import Dataset

    shown = [pair.asked_with(row) for row in rows]
    see = isinstance(shown[0], question.Shown)
    answers = [[{"type": "text", "text": pair.answer_of(row)}] if see else pair.answer_of(row) for row in rows]
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


def config_of(recipe, folder, rows, see):
    """TRL's settings for a recipe. rows: how many are trained on; see: whether pictures are shown."""
    import torch
    from trl import SFTConfig

    gpu, muon = torch.cuda.is_available(), recipe.optimizer == "muon"
    steps = recipe.epochs * math.ceil(rows / (recipe.batch_size * recipe.accumulate * torchrun.count()))
    # a cosine leaves the pairs behind the fresh series too little of the rate to be learnt (results/LOG.md)
    decay = {"num_decay_steps": math.ceil(DECAY * steps), "decay_type": "linear"}
    return SFTConfig(
        output_dir=folder,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.accumulate,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="warmup_stable_decay" if muon else "cosine",
        lr_scheduler_kwargs=decay if muon else {},
        warmup_steps=0.05,  # below 1: a share of all steps
        weight_decay=0.0,
        adam_beta2=0.95,  # at 0.999 a short run's steps stay small: the first gradients, of the template, rule its variance
        max_length=None,  # the default would cut long prompts, and the answer with them
        gradient_checkpointing=False,  # the models are small: memory is not what is short
        bf16=device.precision(recipe.dtype) == "bf16",
        save_strategy="steps",
        save_steps=recipe.save_steps,
        logging_steps=recipe.logging_steps,
        report_to=recipe.report_to,
        disable_tqdm=True,
        seed=recipe.seed,
        train_sampling_strategy="sequential" if recipe.in_order else "random",
        use_cpu=not gpu,
        ddp_find_unused_parameters=False,  # the answers' loss uses the LM head outside of the model's forward
        ddp_backend=("nccl" if gpu else "gloo") if torchrun.count() > 1 else None,
        ddp_timeout=7200,
        dataloader_pin_memory=gpu,
        dataloader_num_workers=device.loaders() if see else 0,
        remove_unused_columns=not see,  # a picture is drawn by its row's number
    )


def make(recipe, folder, model, processor, train_rows, more):
    """TRL's SFTTrainer on prompt/completion rows: the loss is on the answer only.

    A model that carries an adapter learns on with that one, at its own rank. more: callbacks.
    """
    import torch
    from datasets import disable_progress_bars
    from peft import LoraConfig, PeftModel
    from transformers import PrinterCallback

    from llm_ts.fast.quick_training import QuickTrainer

    # what libraries say, and where they write
    disable_progress_bars()
    # of one pinned library to another, and of PEFT about .gguf bases: nothing that a user could mend
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers|trl")
    warnings.filterwarnings("ignore", message="Could not find a config file")
    if recipe.report_to == "tensorboard":
        os.environ["TENSORBOARD_LOGGING_DIR"] = os.path.join(folder, "runs")
    if torch.cuda.is_available():
        torch.backends.cuda.enable_cudnn_sdp(False)  # its backward gave NaN with a mask: trl issue 7181

    # what is trained, on what, and how
    see, lora = hasattr(processor, "image_processor"), None
    if isinstance(model, PeftModel):
        for name, weight in model.named_parameters():
            weight.requires_grad_("lora_" in name)
    elif recipe.rank:
        where = targets_of(model, recipe.tower)
        lora = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=where, task_type="CAUSAL_LM")
    if see:
        chat.require_nothing_before(processor, folder)
    # Muon (Jordan 2024) gives every direction of a matrix the same step: results/LOG.md has the gain
    muon = (torch.optim.Muon, {"lr": recipe.learning_rate, "weight_decay": 0.0})

    class Checked(device.LoadsApart, QuickTrainer):
        def training_step(self, *inputs, **keywords):
            loss = super().training_step(*inputs, **keywords)
            if not torch.isfinite(loss):
                callbacks.refuse("the loss is", self.state.global_step + 1)
            return loss

        def create_model_card(self, *_, **__):
            """TRL's card knows nothing of the run: run_folder.finish writes one."""

    try:
        made = Checked(
            model=model,
            args=config_of(recipe, folder, len(train_rows), see),
            train_dataset=conversations(train_rows) if see else lessons(train_rows, model, processor),
            processing_class=processor,
            peft_config=lora,
            callbacks=more,
            optimizer_cls_and_kwargs=muon if recipe.optimizer == "muon" else None,
        )
    except ValueError as error:  # PEFT's, of architectures that LoRA does not go on
        raise cli.UserError(f"this model cannot be trained here: {' '.join(str(error).split())[:200]}") from None
    made.remove_callback(PrinterCallback)  # ours says it in one line
    return made
