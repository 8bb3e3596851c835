"""The flags of qwen_train.py, checked, and what makes two runs the same run."""

import dataclasses
import os

from llm_ts import formats
from llm_ts.base import cli, disk, torchrun
from llm_ts.data import pair
from llm_ts.pairs import fresh
from llm_ts.scores import similarity
from llm_ts.student import device, load
from llm_ts.student.answer import MAX_NEW_TOKENS
from llm_ts.train import run_folder, sft

# flags that make two runs the same run, as they are
SETTINGS = ("fresh", "validation", "epochs", "batch_size", "accumulate", "learning_rate", "optimizer", "rank", "alpha", "seed")
SETTINGS += ("save_steps", "eval_rows", "max_new_tokens", "squeeze", "long", "reorder", "words", "tower")


def drawn_by(run):
    """How many fresh series --fresh draws."""
    return sum(count for *_, count in fresh.plan(run.fresh))


def settings_of(run, train_rows, folder):
    """What makes two runs the same run: a rerun with other settings must not go on from this one's checkpoints."""
    paths = ("model", "embedder", "nli")
    return {
        **{name: getattr(run, name) for name in SETTINGS},
        **{name: run_folder.seen_from(folder, getattr(run, name)) for name in paths},
        "dataset": run.dataset if run.see == "numbers" else run_folder.seen_from(folder, run.dataset),  # else it is not read
        "processes": torchrun.count(),
        "data_sha256": disk.digest(run.data),
        "series": len(train_rows),
        "task": pair.task_of(train_rows).to_json(),
        "process": list(run.process) if run.process else None,
        "then_pairs": len(train_rows) - drawn_by(run) if run.then_pairs else 0,
    }


def recipe_of(run):
    """The flags that sft.make takes. Fresh series come in their order: short ones first, where --fresh says so."""
    names = {field.name for field in dataclasses.fields(sft.Recipe)} & {*vars(run)}
    return sft.Recipe(**{name: getattr(run, name) for name in names}, in_order=bool(run.fresh))


def make_parser(about):
    """The flags; about: what --help says first."""
    parser, recipe = cli.Parser(about), sft.Recipe
    add = parser.add_argument
    add("--data", default="test_jsonl.jsonl", help="The pairs of convert.py.")
    model = "Hub name, folder, .gguf file; an adapter learns on."
    add("--model", type=cli.folder, default="Qwen/Qwen2.5-0.5B-Instruct", help=model)
    add("--out", help="Folder of the run; default: named after the model, here.")
    device.add_flag(parser)
    disk.add_lock_flag(parser)

    add = parser.add_argument_group("what the student is shown").add_argument
    see = "The series' numbers, or its plot; for plots, --model is a vision model."
    add("--see", choices=formats.SEE, default="numbers", help=see)
    add("--dataset", default="dataset", help="Folder of the plots of --data's series, for --see image.")

    add = parser.add_argument_group("fresh simulated series, instead of the pairs' train split").add_argument
    add("--fresh", metavar="POINTSxSERIES,...", help="In this order: 48x6000,32-256x3000.")
    process = "What draws them, in turn, and the validation rows: ou,ou,walk takes OU twice as often, all each once; "
    add("--process", type=fresh.parse_processes, metavar="NAME,...", help=process + "default: the processes of the pairs.")
    add("--squeeze", type=cli.share, default=0.0, help="Share of those not long whose values fill only a part of 0 to 99.")
    add("--long", type=cli.share, default=0.0, help="Share that are longer, to 2,048 points, thinned as describe.py does.")
    orders = "Share asked for the sentences in another order, so that none is only guessed from those before it."
    add("--reorder", type=cli.share, default=0.0, help=orders)
    words = "template: each claim in one fixed sentence. both: first so, then in a sentence that the teacher "
    words += "said of the same label in --data; only the second is scored."
    add("--words", choices=("template", "both"), default="template", help=words)
    add("--then-pairs", type=cli.count, default=0, metavar="N", help="Then go on with the first N training pairs, in one run.")

    add = parser.add_argument_group("how it learns").add_argument
    add("--epochs", type=cli.positive_float, help="Passes over the training rows; default: 13, 1 with --fresh.")
    add("--batch-size", type=cli.positive, default=recipe.batch_size, help="Series of a step on each device.")
    add("--accumulate", type=cli.positive, default=recipe.accumulate, help="Batches summed up before a step.")
    peak = "Peak; it falls to zero: as a cosine, Muon's in the last 40 %% of the steps."
    add("--learning-rate", type=cli.positive_float, default=recipe.learning_rate, help=peak)
    optimizers = "Muon learns from fewer series (results/LOG.md) and needs LoRA."
    add("--optimizer", choices=("adamw", "muon"), default=recipe.optimizer, help=optimizers)
    add("--rank", type=cli.count, help="LoRA rank, on all linear layers; default: 16; 0: train all weights.")
    add("--alpha", type=cli.positive, help="LoRA alpha; default: 32; the update counts alpha / rank.")
    kinds = "Of the base; the adapter is fp32. auto: bf16 on a GPU, and on a CPU with instructions for it."
    add("--dtype", choices=("auto", "bf16", "fp32"), default=recipe.dtype, help=kinds)
    tower = "Whether the vision tower learns too, by LoRA as the text model does; for --see image."
    add("--tower", choices=("lora", "frozen"), default=recipe.tower, help=tower)
    add("--seed", type=cli.count, default=recipe.seed, help="Of the order of rows and the adapter's start.")

    add = parser.add_argument_group("when it saves and ends").add_argument
    add("--save-steps", type=cli.positive, default=recipe.save_steps, help="Save and evaluate every so many steps.")
    add("--logging-steps", type=cli.positive, default=recipe.logging_steps, help="Print the loss every so many steps.")
    add("--report-to", choices=("none", "tensorboard"), default="none", help="tensorboard: its files in runs/.")
    add("--patience", type=cli.count, default=0, help="End after so many evaluations without a better one; 0: never.")
    add("--minutes", type=cli.positive_float, default=0.0, help="End with a whole run after so long; default: never.")
    add("--stop-file", metavar="FILE", help="Save and stop once this file is there; a signal makes it.")
    add("--no-gguf", dest="gguf", action="store_false", help="Do not try first whether llama.cpp can convert it.")

    group = parser.add_argument_group("how it is evaluated")
    add = group.add_argument
    add("--validation", type=cli.count, default=32, help="Simulated series to choose the best checkpoint.")
    add("--eval-rows", type=cli.count, default=0, help="Evaluate on the first N test rows; 0: all.")
    add("--beside", type=cli.folder, metavar="STUDENT", help="Also ask this student: folder, adapter or .gguf.")
    add("--eval-batch-size", type=cli.positive, default=32, help="Prompts answered together, at most; 16 on a CPU.")
    add("--max-new-tokens", type=cli.positive, default=MAX_NEW_TOKENS, help="An answer's length, at most.")
    similarity.add_flags(group)
    return parser


def parse(argv, about=""):
    """The flags, checked, with the defaults that hang on one another."""
    parser = make_parser(about)
    args = parser.parse_args(argv)

    # flags that say nothing, or that cannot be followed, without another one
    for flag in ("process", "squeeze", "long", "reorder", "then_pairs", "words"):
        if getattr(args, flag) != parser.get_default(flag) and not args.fresh:
            raise cli.UserError(f"--{flag.replace('_', '-')} is about the fresh series: give --fresh too")
    if args.patience and not args.validation:
        raise cli.UserError("--patience waits for better answers on validation rows: give --validation too")
    if args.stop_file and (os.path.isdir(args.stop_file) or not os.path.isdir(os.path.dirname(args.stop_file) or ".")):
        raise cli.UserError(f"--stop-file {args.stop_file}: give a file in a folder that is there")
    if args.seed >= fresh.SEEDS:
        raise cli.UserError(f"--seed {args.seed}: give a number below {fresh.SEEDS}")

    # fresh series are seen once; an adapter that learns on keeps its own rank
    args.epochs = args.epochs or (1.0 if args.fresh else sft.Recipe.epochs)
    if load.is_adapter(args.model):
        if (args.rank, args.alpha) != (None, None):
            raise cli.UserError(f"{args.model} is an adapter, which learns on as it is: leave --rank and --alpha out")
        args.rank, args.alpha = load.rank_of(args.model)
    else:
        if args.optimizer == "muon" and args.rank == 0:
            raise cli.UserError("--optimizer muon is for LoRA's matrices: leave --rank 0 out")
        args.rank = sft.Recipe.rank if args.rank is None else args.rank
        args.alpha = sft.Recipe.alpha if args.alpha is None else args.alpha
    return args
