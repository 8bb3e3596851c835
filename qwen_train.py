"""Fine-tune a small language model with LoRA on the pairs, evaluating before training and at every checkpoint.

Reads: test_jsonl.jsonl (convert.py); a model: hub name, folder or .gguf file.
Writes, in a folder named after the model: training.json, test_rows.jsonl, checkpoint-<step>/, evaluation_avant.json,
evaluation_checkpoint-<step>.json, evaluation_majority.json, evaluation_commonest.json, evaluation_teacher.json,
evaluation_beside.json (--beside), training.png, final/ (the adapter).
Run: python qwen_train.py --data test_jsonl.jsonl --model Qwen/Qwen2.5-0.5B-Instruct

Started again, the same command goes on from the last whole checkpoint. SIGTERM, SIGUSR1 and Ctrl-C save at the next
step and exit with 75: run it again. final/ is the checkpoint that reads simulated validation rows best, with
--validation 0 the last; the test rows have no say. Under torchrun, the processes share the batches and the evaluations
out among them, and --stop-file says what torchrun's own exit code cannot: that they stopped because they were asked to.
"""

import contextlib
import hashlib
import os
import sys

import cli
import description
import evaluation
import fresh
import ranks
import records
import run_folder
import scoring
import student
import trainer

REQUEUE = 75  # exit code "saved, run me again": EX_TEMPFAIL of sysexits.h


def settings_of(args, train_rows):
    """What makes two runs the same run: a rerun with other settings must not go on from this one's checkpoints."""
    with open(args.data, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    names = (
        "model", "fresh", "shapes", "validation", "epochs", "batch_size", "accumulate", "learning_rate", "rank", "alpha",
        "save_steps", "seed", "dtype", "eval_rows", "max_new_tokens", "embedder", "nli",
    )  # fmt: skip
    return {
        **{name: getattr(args, name) for name in names},
        "processes": ranks.world(),
        "data_sha256": digest,
        "series": len(train_rows),
        "format": train_rows[0]["format"],
        "points": sorted({len(row["series"]) for row in train_rows}),
        "prompt_version": train_rows[0]["prompt_version"],
    }


def load_rows(args):
    """(train rows, validation rows, test rows); --fresh draws the first, the simulator always draws the second."""
    train_rows, test_rows = evaluation.read_pairs(args.data)
    fmt, points = test_rows[0]["format"], len(test_rows[0]["series"])
    if args.fresh:
        train_rows = fresh.pairs("train", fresh.plan(args.fresh), fmt, args.seed, args.shapes)
    validation_rows = fresh.pairs("validation", [(points, points, args.validation)], fmt) if args.validation else []
    return train_rows, validation_rows, test_rows[: args.eval_rows or None]


def load_student(name, args):
    """(model, tokenizer) in the dtype of training: fp32 for full fine-tuning, whose small steps bf16 would lose."""
    import torch

    bf16 = args.dtype == "bf16" and args.rank
    return student.load(name, torch.bfloat16 if bf16 else torch.float32)


def asked_before(name, folder):
    """Whether evaluation_beside.json holds the answers of this student with the weights that it has now."""
    path = os.path.join(folder, "evaluation_beside.json")
    if not os.path.exists(path):
        return False
    content = evaluation.read_evaluation(path)
    return (content.get("base"), content.get("weights_sha256")) == (name, student.weights_digest(name))


def evaluate_baselines(args, folder, train_rows, test_rows, scorer):
    """Score the constant answers of the training split and the teacher on the test rows, into evaluation_*.json.

    With --beside, another student is asked the same series too, written as it learnt to read them.
    """
    answers = {name: [constant(train_rows)] * len(test_rows) for name, constant in scoring.CONSTANTS.items()}
    if all(row.get("gold") for row in test_rows):
        answers["teacher"] = [description.answer_of(row["gold"]) for row in test_rows]
    if args.beside and not asked_before(args.beside, folder):
        fmt = student.trained_on(args.beside).get("format") or test_rows[0]["format"]
        prompts = [description.prompt_of(row["series"], fmt) for row in test_rows]
        print(f"asking {args.beside} the test rows", flush=True)
        answers["beside"] = student.opened(args.beside, args.eval_batch_size)(prompts, args.max_new_tokens)
    for name, texts in answers.items():
        about = {"base": name, "step": None}
        if name == "beside":
            about = {**about, "base": args.beside, "weights_sha256": student.weights_digest(args.beside)}
        content = evaluation.evaluate(name, test_rows, texts, scorer, **about)
        records.write_json(os.path.join(folder, f"evaluation_{name}.json"), content)


def not_evaluated(folder, save_steps, last):
    """{step: path} of the planned checkpoints that have no evaluation yet."""
    planned = {step: path for step, path in run_folder.checkpoints(folder).items() if step % save_steps == 0 or step == last}
    return {step: path for step, path in planned.items() if not os.path.exists(run_folder.evaluation_path(folder, step))}


def train(args, folder, model, tokenizer, rows, scorer, stop):
    """Train to the end or until stop.asked; returns the exit code. rows: (train, validation, test)."""
    train_rows, validation_rows, test_rows = rows
    print(f"parameters: {model.num_parameters() / 1e6:.0f} M", flush=True)

    def evaluate(model, step):
        name = f"step {step}" if step else "untrained"
        sizes = (args.eval_batch_size, args.max_new_tokens)
        asked = (test_rows, validation_rows if step else [])  # untrained, it is no candidate
        content = evaluation.evaluate_model(name, model, tokenizer, *asked, scorer, *sizes, stop, base=args.model, step=step)
        if content is None:
            print(f"the evaluation of step {step} is left for the next start", flush=True)
            return
        if ranks.rank() == 0:
            records.write_json(run_folder.evaluation_path(folder, step), content)
        print("\n".join(evaluation.table([content])), flush=True)

    callbacks = trainer.make_callbacks(folder, evaluate, stop)
    run = trainer.make(args, folder, model, tokenizer, train_rows, callbacks)
    if ranks.first(not os.path.exists(run_folder.evaluation_path(folder, 0))):
        evaluate(run.model, 0)
    checkpoint = ranks.first(run_folder.last_checkpoint(folder))
    if checkpoint:
        print(f"going on from {checkpoint}", flush=True)
    if not (checkpoint and trainer.is_last(run, checkpoint)):
        run.train(resume_from_checkpoint=checkpoint)
    if run.state.global_step < run.state.max_steps:
        first = f"delete {args.stop_file} and " if args.stop_file else ""
        print(f"stopped: saved at step {run.state.global_step}; {first}run the same command to go on")
        return REQUEUE
    for step, path in ranks.first(not_evaluated(folder, args.save_steps, run.state.max_steps)).items():
        print(f"the evaluation of step {step} was cut off: doing it now", flush=True)
        saved = load_student(path, args)[0]  # Accelerate computes in the dtypes of the training with it
        evaluate(run.accelerator.prepare_model(saved, evaluation_mode=True), step)
        if ranks.any_of(stop.asked):
            return REQUEUE
    ranks.barrier()
    if ranks.rank() == 0:
        run_folder.draw_curves(folder, run.state.log_history)
        run_folder.finish(folder)
    return 0


def parse(argv):
    parser = cli.Parser(__doc__)
    parser.add_argument("--data", default="test_jsonl.jsonl", help="The pairs of convert.py.")
    parser.add_argument(
        "--model",
        type=cli.folder,
        default="Qwen/Qwen2.5-0.5B-Instruct",
        help="Hub name, folder, .gguf file; an adapter learns on.",
    )
    parser.add_argument("--out", help="Folder of the run; default: named after the model, here.")
    parser.add_argument(
        "--fresh",
        metavar="POINTSxSERIES,...",
        help="Train on fresh simulated series instead of the pairs' train split, in this order: 48x6000,32-256x3000.",
    )
    parser.add_argument("--shapes", type=cli.share, default=0.0, help="Share of --fresh that are steps, seasons...")
    parser.add_argument("--validation", type=cli.count, default=32, help="Simulated series to choose the best checkpoint.")
    parser.add_argument("--epochs", type=cli.positive_float, help="Passes over the training rows; default: 13, 1 with --fresh.")
    parser.add_argument("--batch-size", type=cli.positive, default=16, help="Series a step and device.")
    parser.add_argument("--accumulate", type=cli.positive, default=1, help="Batches summed up before a step.")
    parser.add_argument("--learning-rate", type=cli.positive_float, default=1e-3, help="Peak; cosine to zero.")
    parser.add_argument("--rank", type=cli.count, help="LoRA rank, on all linear layers; default: 16; 0: train all weights.")
    parser.add_argument("--alpha", type=cli.positive, help="LoRA alpha; default: 32; the update counts alpha / rank.")
    parser.add_argument("--dtype", choices=("bf16", "fp32"), default="bf16", help="Of the base; the adapter is fp32.")
    parser.add_argument("--save-steps", type=cli.positive, default=20, help="Save and evaluate every so many steps.")
    parser.add_argument("--logging-steps", type=cli.positive, default=5, help="Print the loss every so many steps.")
    parser.add_argument("--eval-rows", type=cli.count, default=0, help="Evaluate on the first N test rows; 0: all.")
    parser.add_argument("--beside", type=cli.folder, metavar="STUDENT", help="Also ask this student: folder, adapter or .gguf.")
    parser.add_argument("--eval-batch-size", type=cli.positive, default=32, help="Prompts answered together, at most; 16 on a CPU.")
    parser.add_argument("--max-new-tokens", type=cli.positive, default=160, help="An answer's length, at most.")
    parser.add_argument("--stop-file", metavar="FILE", help="Save and stop once this file is there; a signal makes it.")
    parser.add_argument("--embedder", default=scoring.EMBEDDER, help="Hub name or folder of the embedding model.")
    parser.add_argument("--nli", default=scoring.NLI, help='Hub name or folder of the NLI model; "none": use claims.')
    parser.add_argument("--seed", type=cli.count, default=0, help="Of the order of rows and the adapter's start.")
    args = parser.parse_args(argv)
    args.epochs = args.epochs or (1.0 if args.fresh else 13.0)
    if args.shapes and not args.fresh:
        raise cli.UserError("--shapes is a share of the fresh series: give --fresh too")
    if args.stop_file and (os.path.isdir(args.stop_file) or not os.path.isdir(os.path.dirname(args.stop_file) or ".")):
        raise cli.UserError(f"--stop-file {args.stop_file}: give a file in a folder that is there")
    if args.seed >= fresh.SEEDS:
        raise cli.UserError(f"--seed {args.seed}: give a number below {fresh.SEEDS}")
    if student.is_adapter(args.model):
        if (args.rank, args.alpha) != (None, None):
            raise cli.UserError(f"{args.model} is an adapter, which learns on as it is: leave --rank and --alpha out")
        args.rank, args.alpha = student.rank_of(args.model)
    else:
        args.rank = 16 if args.rank is None else args.rank
        args.alpha = 32 if args.alpha is None else args.alpha
    return args


def main(argv=None):
    args = parse(argv)
    if ranks.rank():
        sys.stdout = open(os.devnull, "w")  # one voice is enough; errors still come from every process
    cli.print_settings(args)
    rows = load_rows(args)
    train_rows, _, test_rows = rows
    folder = args.out or run_folder.name_of(args.model)
    if os.path.isdir(args.model) and os.path.realpath(folder) == os.path.realpath(args.model):
        raise cli.UserError(f"{folder} holds the model itself: give the run a folder of its own with --out")
    settings = settings_of(args, train_rows)
    run_folder.check(folder, settings)
    code = 0
    finished = run_folder.is_finished(folder)
    if finished and (not args.beside or asked_before(args.beside, folder)):
        print(f"{folder} is trained to the end: nothing to do")
    else:
        code = start(args, folder, settings, rows, finished)
    if code == 0 and ranks.rank() == 0:
        run_folder.print_tables(folder)
        print(f"\ntrain: {len(train_rows)}\ntest: {len(test_rows)}\nout: {folder}")
    return code


def start(args, folder, settings, rows, finished):
    """Load everything that can fail, then write the run's files, and train; returns the exit code.

    finished: the run is trained to the end, and only the student beside it is asked.
    """
    # before what takes seconds to import: from here on a signal is heard. Where nothing is trained, it ends the script
    stop = None if finished else trainer.Stop(args.stop_file)

    import torch
    import transformers

    if torch.cuda.device_count() > 1 and "LOCAL_RANK" not in os.environ:
        raise cli.UserError("several GPUs: run it with torchrun, as go.slurm does, or set CUDA_VISIBLE_DEVICES=0")
    train_rows, _, test_rows = rows
    scorer = scoring.Scorer(args.embedder, args.nli)
    settings["nli_model"] = scorer.nli_name  # a run whose NLI model came or went would mix two kinds of scores
    run_folder.check(folder, settings)
    loaded = None if finished else load_student(args.model, args)
    with run_folder.held(folder) if ranks.rank() == 0 else contextlib.nullcontext():
        if ranks.rank() == 0:
            records.write_json(os.path.join(folder, "training.json"), settings)
            test_lines = "".join(records.encode(row) + "\n" for row in test_rows)
            records.write_text(os.path.join(folder, "test_rows.jsonl"), test_lines)
            evaluate_baselines(args, folder, train_rows, test_rows, scorer)
        if finished:
            return 0
        transformers.set_seed(args.seed)  # the adapter's start
        code = train(args, folder, *loaded, rows, scorer, stop)
        trainer.ignore_signals()
        return code


if __name__ == "__main__":
    cli.run(main)
