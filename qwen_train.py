"""Fine-tune a small language model with LoRA on the pairs, evaluating before training and at every checkpoint.

Reads: test_jsonl.jsonl (convert.py); a model: hub name, folder or .gguf file.
Writes, in a folder named after the model: training.json, test_rows.jsonl, checkpoint-<step>/, evaluation_avant.json,
evaluation_checkpoint-<step>.json, evaluation_majority.json, evaluation_teacher.json, training.png, final/ (the adapter).
Run: python qwen_train.py --data test_jsonl.jsonl --model Qwen/Qwen2.5-0.5B-Instruct

Started again, the same command goes on from the last whole checkpoint. SIGTERM, SIGUSR1 and Ctrl-C save at the next
step and exit with 75: run it again.
"""

import hashlib
import os
import re
import signal

import cli
import evaluation
import records
import scoring

REQUEUE = 75  # exit code "saved, run me again": EX_TEMPFAIL of sysexits.h
WHOLE = "whole.json"  # written last into a checkpoint: without it the checkpoint is incomplete


def folder_of(model):
    """Qwen/Qwen2.5-0.5B-Instruct, models/Qwen2.5-0.5B-Instruct/ -> Qwen2.5-0.5B-Instruct; x.Q4_1.gguf -> x."""
    name = os.path.basename(os.path.normpath(model))
    return re.sub(r"([.-][a-zA-Z]*[qQfF]\d+(_\w+)?)?\.gguf$", "", name)


def settings_of(args, train_rows):
    """What makes two runs the same run: a rerun with other settings must not go on from this one's checkpoints."""
    with open(args.data, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    names = ("model", "epochs", "batch_size", "accumulate", "learning_rate", "rank", "alpha", "seed", "dtype")
    return {
        **{name: getattr(args, name) for name in names},
        "data_sha256": digest,
        "series": len(train_rows),
        "format": train_rows[0]["format"],
        "points": sorted({len(row["series"]) for row in train_rows}),
        "prompt_version": train_rows[0].get("prompt_version"),
    }


def check_folder(folder, settings):
    """UserError where the folder holds another run."""
    path = os.path.join(folder, "training.json")
    before = records.read_json(path, "qwen_train.py") if os.path.exists(path) else settings
    other = [name for name, value in settings.items() if before.get(name) != value]
    if other:
        raise cli.UserError(
            f"{folder} holds a run with other {', '.join(other)}: give another --out, or delete that folder"
        )


def load_student(args):
    """(model, tokenizer) on the GPU where there is one."""
    import torch
    import transformers

    import student

    transformers.set_seed(args.seed)  # the adapter's start
    model, tokenizer = student.load(args.model, torch.bfloat16 if args.dtype == "bf16" else torch.float32)
    if torch.cuda.is_available():
        model.to("cuda")
    print(f"parameters: {model.num_parameters() / 1e6:.0f} M", flush=True)
    return model, tokenizer


def last_checkpoint(folder):
    """The newest whole checkpoint of a folder, or None; incomplete ones are passed over, aloud."""
    found = []
    for name in os.listdir(folder):
        step = re.fullmatch(r"checkpoint-(\d+)", name)
        if step and os.path.exists(os.path.join(folder, name, WHOLE)):
            found.append((int(step[1]), os.path.join(folder, name)))
        elif step:
            print(f"passed over {name}: it is incomplete (killed while saving)")
    return max(found)[1] if found else None


def evaluation_path(folder, step):
    return os.path.join(folder, f"evaluation_checkpoint-{step}.json" if step else "evaluation_avant.json")


def evaluate_baselines(folder, train_rows, test_rows, scorer):
    """Score the majority answer of the training split and the teacher on the test rows; returns what was written."""
    import description

    majority = scoring.majority_answer(train_rows)
    answers = {"majority": [majority] * len(test_rows)}
    if all(row.get("gold") for row in test_rows):
        answers["teacher"] = [description.answer_of(row["gold"]) for row in test_rows]
    baselines = []
    for name, texts in answers.items():
        content = evaluation.evaluate(name, test_rows, texts, scorer, base=name, step=None)
        records.write_json(os.path.join(folder, f"evaluation_{name}.json"), content)
        baselines.append(content)
    return baselines


def trainer_class():
    """TRL's SFTTrainer; on a CPU with a loss that projects only the answer's columns through the LM head.

    Without Triton, TRL 1.16 projects every position of the prompt too: 2,344 positions by 49,152 words a batch of 8
    where the answers need 450. That was half of each step (results/LOG.md).
    """
    import torch
    from trl import SFTTrainer

    class CpuTrainer(SFTTrainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            labels = inputs.pop("labels")
            columns = (labels != -100).any(dim=0).nonzero()
            kept = labels.shape[1] - int(columns[0]) + 1  # one more: a label is predicted one column before its own
            logits = model(**inputs, use_cache=False, logits_to_keep=kept).logits[:, :-1].float()
            targets = labels[:, 1 - kept :]
            total = torch.nn.functional.cross_entropy(
                logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=-100, reduction="sum"
            )
            loss = total / ((targets != -100).sum() if num_items_in_batch is None else num_items_in_batch)
            if self.args.average_tokens_across_devices and num_items_in_batch is not None:
                loss = loss * self.accelerator.num_processes  # DDP averages what was divided by all ranks' tokens
            return (loss, {}) if return_outputs else loss

    return SFTTrainer if torch.cuda.is_available() else CpuTrainer


def make_trainer(args, folder, model, tokenizer, train_rows, callbacks):
    """TRL's SFTTrainer on prompt/completion rows: the loss is on the answer only."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig

    import description

    gpu = torch.cuda.is_available()
    if gpu:
        torch.backends.cuda.enable_cudnn_sdp(False)  # its backward gave NaN with a mask: trl issue 7181
    rows = [
        {
            "prompt": description.messages_of(row["prompt"]),
            "completion": [{"role": "assistant", "content": row["answer"]}],
        }
        for row in train_rows
    ]
    config = SFTConfig(
        output_dir=folder,
        num_train_epochs=args.epochs,
        per_device_train_batch_size=args.batch_size,
        gradient_accumulation_steps=args.accumulate,
        learning_rate=args.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,  # below 1: a share of all steps
        weight_decay=0.0,
        max_length=None,  # the default would cut long prompts, and the answer with them
        gradient_checkpointing=False,  # the models are small: memory is not what is short
        bf16=args.dtype == "bf16",
        save_strategy="steps",
        save_steps=args.save_steps,
        logging_steps=args.logging_steps,
        report_to="none",
        disable_tqdm=True,
        seed=args.seed,
        use_cpu=not gpu,
        dataloader_pin_memory=gpu,
    )
    lora = LoraConfig(r=args.rank, lora_alpha=args.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    return trainer_class()(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=lora,
        callbacks=callbacks,
    )


def make_callbacks(folder, evaluate):
    """(callbacks, stop): evaluate(model, step) after each save; stop.asked becomes true on a signal."""
    from transformers import TrainerCallback

    class Stop(TrainerCallback):
        """Saves and stops at the next step once SIGTERM, SIGUSR1 or SIGINT came; a second SIGINT stops at once."""

        asked = False

        def ask(self, signum, frame):
            print(f"{signal.Signals(signum).name}: saving at the next step, then stopping", flush=True)
            self.asked = True
            signal.signal(signal.SIGINT, signal.default_int_handler)

        def on_step_end(self, args, state, control, **kwargs):
            if self.asked:
                control.should_save = control.should_training_stop = True

    class Evaluate(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **kwargs):
            if logs and "loss" in logs:
                print(f"step {state.global_step} of {state.max_steps}: loss {float(logs['loss']):.4f}", flush=True)

        def on_save(self, args, state, control, model=None, **kwargs):
            step = state.global_step
            if state.is_world_process_zero:
                records.write_json(os.path.join(folder, f"checkpoint-{step}", WHOLE), {"step": step})
                if not stop.asked and (step % args.save_steps == 0 or step == state.max_steps):
                    evaluate(model, step)

    stop = Stop()
    for name in ("SIGTERM", "SIGUSR1", "SIGINT"):
        signal.signal(getattr(signal, name), stop.ask)
    return [stop, Evaluate()], stop


def missing_evaluations(folder):
    """Whole checkpoints of the plan whose evaluation was cut off: [(step, path), ...]."""
    paths = [os.path.join(folder, name) for name in os.listdir(folder) if re.fullmatch(r"checkpoint-\d+", name)]
    whole = sorted((int(path.rsplit("-", 1)[1]), path) for path in paths if os.path.exists(os.path.join(path, WHOLE)))
    return [(step, path) for step, path in whole if not os.path.exists(evaluation_path(folder, step))]


def evaluations_of(folder):
    """Every evaluation of a run in order: untrained, checkpoints by step, majority, teacher."""
    names = [name for name in os.listdir(folder) if re.fullmatch(r"evaluation_checkpoint-\d+\.json", name)]
    names.sort(key=lambda name: int(re.search(r"\d+", name)[0]))
    names = ["evaluation_avant.json", *names, "evaluation_majority.json", "evaluation_teacher.json"]
    paths = [os.path.join(folder, name) for name in names]
    return [evaluation.read_evaluation(path) for path in paths if os.path.exists(path)]


def draw_curves(folder, history, evaluations):
    """training.png: the loss above, the claims' accuracy on all test rows below, majority and teacher as lines."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    import truth

    figure = Figure(figsize=(8, 7), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    loss, accuracy = figure.subplots(2, 1, sharex=True)
    points = [(entry["step"], entry["loss"]) for entry in history if "loss" in entry]
    loss.plot(*zip(*points) if points else ([], []), color="tab:gray")
    loss.set(ylabel="training loss", yscale="log")
    curve = [content for content in evaluations if content["step"] is not None]
    fixed = {content["name"]: content for content in evaluations if content["step"] is None}
    for number, claim in enumerate((*truth.CLAIMS, "all_four")):
        colour = f"C{number}"
        means = [content["means"]["claims"]["all"][claim] for content in curve]
        steps = [content["step"] for content in curve]
        accuracy.plot(steps, [m["mean"] for m in means], marker="o", color=colour, label=claim)
        accuracy.fill_between(steps, [m["low"] for m in means], [m["high"] for m in means], color=colour, alpha=0.12)
        if "majority" in fixed:
            majority = fixed["majority"]["means"]["claims"]["all"][claim]["mean"]
            accuracy.axhline(majority, color=colour, linestyle=":", linewidth=1)
    n = len(evaluations[0]["samples"])
    accuracy.set(xlabel="step", ylabel=f"right against truth (n = {n})", ylim=(-0.02, 1.02))
    accuracy.legend(loc="lower right", title="dotted: majority")
    with records.atomic(os.path.join(folder, "training.png")) as temporary:
        figure.savefig(temporary, format="png")


def print_tables(folder):
    evaluations = evaluations_of(folder)
    for rows in ("all", "clear"):
        print("\n" + "\n".join(evaluation.table(evaluations, rows)))


def train(args, folder, model, tokenizer, train_rows, test_rows, scorer):
    """Train to the end or to a signal; returns the exit code."""

    def evaluate(model, step):
        name = f"step {step}" if step else "untrained"
        about = {"base": args.model, "step": step}
        content = evaluation.evaluate_model(
            name, model, tokenizer, test_rows, scorer, args.eval_batch_size, args.max_new_tokens, **about
        )
        records.write_json(evaluation_path(folder, step), content)
        print("\n".join(evaluation.table([content])), flush=True)

    if not os.path.exists(evaluation_path(folder, 0)):
        evaluate(model, 0)
    callbacks, stop = make_callbacks(folder, evaluate)
    trainer = make_trainer(args, folder, model, tokenizer, train_rows, callbacks)
    checkpoint = last_checkpoint(folder)
    if checkpoint:
        print(f"going on from {checkpoint}", flush=True)
    trainer.train(resume_from_checkpoint=checkpoint)
    if trainer.state.global_step < trainer.state.max_steps:
        print(f"stopped: saved at step {trainer.state.global_step}; run the same command to go on")
        return REQUEUE
    for step, path in missing_evaluations(folder):
        if step % args.save_steps == 0 or step == trainer.state.max_steps:
            evaluate_checkpoint(trainer.model, path, step, evaluate)
    draw_curves(folder, trainer.state.log_history, evaluations_of(folder))
    final = os.path.join(folder, "final")
    with records.atomic(final) as temporary:
        trainer.model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
    return 0


def evaluate_checkpoint(model, path, step, evaluate):
    """Evaluate a checkpoint whose evaluation was cut off, by loading its adapter beside the trained one."""
    print(f"the evaluation of step {step} was cut off: doing it now", flush=True)
    model.load_adapter(path, "earlier")
    model.set_adapter("earlier")
    evaluate(model, step)
    model.set_adapter("default")
    model.delete_adapter("earlier")


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--data", default="test_jsonl.jsonl", help="The pairs of convert.py.")
    parser.add_argument("--model", default="Qwen/Qwen2.5-0.5B-Instruct", help="Hub name, folder or .gguf file.")
    parser.add_argument("--out", help="Folder of the run; default: named after the model, here.")
    parser.add_argument("--epochs", type=cli.positive_float, default=13.0, help="Passes over the training rows.")
    parser.add_argument("--batch-size", type=cli.positive, default=16, help="Series a step and device.")
    parser.add_argument("--accumulate", type=cli.positive, default=1, help="Batches summed up before a step.")
    parser.add_argument("--learning-rate", type=cli.positive_float, default=1e-3, help="Peak; cosine to zero.")
    parser.add_argument("--rank", type=cli.positive, default=16, help="LoRA rank, on all linear layers.")
    parser.add_argument("--alpha", type=cli.positive, default=32, help="LoRA alpha; the update counts alpha / rank.")
    parser.add_argument("--dtype", choices=("bf16", "fp32"), default="bf16", help="Of the base; the adapter is fp32.")
    parser.add_argument("--save-steps", type=cli.positive, default=20, help="Save and evaluate every so many steps.")
    parser.add_argument("--logging-steps", type=cli.positive, default=5, help="Print the loss every so many steps.")
    parser.add_argument("--eval-rows", type=cli.count, default=0, help="Evaluate on the first N test rows; 0: all.")
    parser.add_argument("--eval-batch-size", type=cli.positive, default=32, help="Prompts answered together.")
    parser.add_argument("--max-new-tokens", type=cli.positive, default=160, help="An answer's length, at most.")
    parser.add_argument("--embedder", default=scoring.EMBEDDER, help="Hub name or folder of the embedding model.")
    parser.add_argument("--nli", default=scoring.NLI, help='Hub name or folder of the NLI model; "none": use claims.')
    parser.add_argument("--seed", type=cli.count, default=0, help="Of the order of rows and the adapter's start.")
    args = parser.parse_args(argv)
    cli.print_settings(args)
    train_rows, test_rows = evaluation.read_pairs(args.data)
    test_rows = test_rows[: args.eval_rows or None]
    folder = args.out or folder_of(args.model)
    settings = settings_of(args, train_rows)
    check_folder(folder, settings)
    if os.path.exists(os.path.join(folder, "final")):
        print(f"{folder} is trained to the end: nothing to do")
        code = 0
    else:
        model, tokenizer = load_student(args)
        scorer = scoring.Scorer(args.embedder, args.nli)
        records.write_json(os.path.join(folder, "training.json"), settings)
        test_lines = "".join(records.encode(row) + "\n" for row in test_rows)
        records.write_text(os.path.join(folder, "test_rows.jsonl"), test_lines)
        evaluate_baselines(folder, train_rows, test_rows, scorer)
        code = train(args, folder, model, tokenizer, train_rows, test_rows, scorer)
    if code == 0:
        print_tables(folder)
        print(f"\ntrain: {len(train_rows)}\ntest: {len(test_rows)}\nout: {folder}")
    return code


if __name__ == "__main__":
    cli.run(main)
