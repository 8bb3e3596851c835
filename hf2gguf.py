"""Export a student to GGUF with llama.cpp's official converters and quantiser,
and compare the claims of the result with the student's own.

Reads: a base model (hub name, folder or .gguf file), an adapter of
qwen_train.py; build/llama.cpp, or LLAMA_CPP.
Writes: --outfile, and beside it <outfile>-compared.json and, for students of
numbers, <outfile>.Modelfile for Ollama; with --strategy separate also
<outfile>-lora.gguf; of a student that sees also <outfile>-mmproj.gguf, its
eyes. Of several types, <outfile>-<type>.gguf each.
Run: python hf2gguf.py --lora Qwen2.5-0.5B-Instruct/final --quant q4_K_M --outfile student.gguf

Both answer the same rows: the test rows beside the adapter, else unseen
series. Where fewer labels are equal than --min-equal, the file is named
<outfile>-not-equal.gguf instead, the exit code is 1, and what stood at
--outfile stays. Nothing is replaced before the new file has answered.

Strategies: merge folds the adapter into the base; separate writes the base and
the adapter as two files, to be used together; plain writes the base alone.
Several adapters of one base (--lora A --lora B) are added up; separate writes
them as <outfile>-lora.gguf, <outfile>-lora-2.gguf, ... llama.cpp's adapter
converter gets rslora and alpha patterns silently wrong and knows no DoRA: such
adapters are refused unless they are merged. How the series is written for the
student (training.json beside the adapter) is kept in the file's
general.description, so that describe.py need not be told.
"""

import functools
import os
import shutil
import sys
import tempfile

from llm_ts.base import cli, disk, paths
from llm_ts.data import pair
from llm_ts.export import compare, gguf_export, modelfile
from llm_ts.gguf import gguf_file, llama_library
from llm_ts.student import load, origin
from llm_ts.student.student import Student

# of an adapter: what its converter gets wrong
NOT_APART = ("use_rslora", "use_dora", "alpha_pattern", "modules_to_save", "trainable_token_indices", "lora_bias", "bias")


def adapter_path(outfile, number=1):
    """Where --strategy separate writes an adapter, of several the one of this number."""
    return outfile.removesuffix(".gguf") + ("-lora.gguf" if number == 1 else f"-lora-{number}.gguf")


def compared_path(outfile):
    return outfile.removesuffix(".gguf") + "-compared.json"


def outfile_of(args, quant):
    """Where a type's file goes."""
    return args.outfile if len(args.quant) == 1 else f"{args.outfile.removesuffix('.gguf')}-{quant}.gguf"


def types(text):
    """argparse type: "q8_0,q4_K_M" -> ["q8_0", "q4_K_M"]."""
    return [kind.strip() for kind in text.split(",") if kind.strip()]


def parse(argv):
    parser = cli.Parser(__doc__)
    parser.add_argument("--base", type=cli.folder, help="Hub name, folder or .gguf; default: what the adapter names.")
    adapter = "The adapter: its folder, e.g. Qwen2.5-0.5B-Instruct/final, or a hub name. May be given again: they are added up."
    parser.add_argument("--lora", type=cli.folder, action="append", default=[], help=adapter)
    parser.add_argument("--strategy", choices=("merge", "separate", "plain"), help="Default: merge with --lora, else plain.")
    kinds = "f32, f16, bf16, q8_0, q6_K, q5_..., q4_..., in any case; several with commas."
    parser.add_argument("--quant", type=types, default="q4_K_M", help=kinds)
    parser.add_argument("--outfile", required=True, help="The .gguf file to write.")
    parser.add_argument("--rows", type=cli.positive, default=200, help="Rows that both are asked, at most.")
    least = "Least share of equal labels; default: 0.99; 0.97 below q6_K; 0.9 of pictures."
    parser.add_argument("--min-equal", type=cli.share, help=least)
    args = parser.parse_args(argv)

    # what can be told from the flags alone
    args.strategy = args.strategy or ("merge" if args.lora else "plain")
    if args.strategy != "plain" and not args.lora:
        raise cli.UserError(f"--strategy {args.strategy} needs --lora, the folder of an adapter")
    if args.strategy == "plain" and args.lora:
        raise cli.UserError("--strategy plain takes no --lora: give --strategy merge or separate")
    if not args.outfile.endswith(".gguf"):
        raise cli.UserError(f"--outfile {args.outfile}: give a name that ends in .gguf")
    if not args.quant:
        raise cli.UserError("--quant: give a type")
    for quant in args.quant:
        if quant.lower() not in gguf_file.CONVERTER_TYPES:
            gguf_file.quantiser_type(quant)
    if not args.base and not args.lora:
        raise cli.UserError("give --base, --lora or both")

    # what the export will need, before anything is loaded
    paths.llama_cpp()
    llama_library.require("the export")
    return args


def main(argv=None):
    args = parse(argv)
    loras = [load.fetch_adapter(name) for name in args.lora]
    bases = [args.base] if args.base else list(dict.fromkeys(map(load.base_of, loras)))
    if len(bases) > 1:
        raise cli.UserError(f"the adapters go on {' and '.join(bases)}: give adapters of one base, or that base with --base")
    (base,) = bases
    for quant in args.quant:
        outfile = outfile_of(args, quant)
        for path in (outfile, *(adapter_path(outfile, k) for k in range(1, len(loras) + 1)), gguf_file.projector_of(outfile)):
            cli.refuse_overwriting(path, base)
    for lora in loras if args.strategy == "separate" else ():
        config = disk.read_json(os.path.join(lora, "adapter_config.json"), "qwen_train.py")
        load.rank_of(lora)
        if wrong := [name for name in NOT_APART if config.get(name) not in (None, False, {}, [], "none")]:
            raise cli.UserError(f"{lora} uses {', '.join(wrong)}, which llama.cpp's adapters get wrong: use --strategy merge")
    for lora in loras:
        load.require_adapter(lora)
    cli.print_settings(args)
    return export_student(args, base, loras)


def learnt_of(names):
    """The Task that a base learnt, or adapters that are added up; None if nothing says.

    UserError if they learnt to be asked in different ways.
    """
    known = {name: learnt for name in names if (learnt := origin.of(name))}
    first = next(iter(known), None)
    for name, learnt in known.items():
        for way in ("format", "question", "see"):
            if getattr(known[first], way) != getattr(learnt, way):
                raise cli.UserError(f"{first} and {name} are not asked alike: they learnt another {way}")
    return known.get(first)


def export_student(args, base, loras):
    """The whole job after the checks: load, ask, and for each type export, ask and compare; returns the exit code."""
    import torch

    folder = os.path.dirname(os.path.abspath(args.outfile))
    os.makedirs(folder, exist_ok=True)
    disk.sweep(folder)

    # the student as it was trained, and its answers
    load.require(base)
    learnt = learnt_of(loras or [base])
    task = origin.task_of(learnt, see=None if learnt or not load.can_see(base) else "image")
    if task.see != "numbers" and args.strategy == "separate":
        raise cli.UserError("an adapter apart is not tried for students that see: use --strategy merge")
    model, processor = load.load(base, torch.float32, loras[0] if loras else None, task.see)
    for lora in loras[1:]:
        model = load.add_adapter(model, lora)
    rows, source = compare.rows_of(args.lora[0] if loras else base, task, args.rows)
    with cli.Progress("answers before the export", len(rows)) as bar:
        prompts = [pair.asked_with(row) for row in rows]
        before = Student.around(model, processor).ask(prompts, progress=lambda done: bar.step(done - bar.done))
    if args.strategy != "separate" and not learnt:
        print("note: no training.json says how the student's series are written: neither will the file", file=sys.stderr)

    contents, seconds = [], []
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export", suffix=disk.mark()) as work:
        # what is converted: the whole model, and what goes beside it
        model = model.merge_and_unload() if args.strategy == "merge" else model.unload() if loras else model
        kept = None if args.strategy == "separate" else learnt  # the base alone learnt nothing
        files = {}  # beside the model itself: where they go -> what they are made of
        for number, lora in enumerate(loras if args.strategy == "separate" else (), start=1):
            made, config = os.path.join(work, f"new-lora-{number}.gguf"), os.path.join(work, "config")
            gguf_file.save_config(model, processor, config)
            gguf_file.convert("convert_lora_to_gguf.py", lora, "--base", config, "--outfile", made, "--outtype", "f16")
            files[functools.partial(adapter_path, number=number)] = made
        adapters = list(files.values())
        saved = gguf_export.write_model(model, processor, kept, work)
        if task.see != "numbers":
            made = files[gguf_file.projector_of] = os.path.join(work, "new-mmproj.gguf")
            gguf_file.convert("convert_hf_to_gguf.py", saved[0], "--mmproj", "--outfile", made, "--outtype", "f16")
        ollama = modelfile.body_of(model, processor) if task.see == "numbers" else None

        # each type: convert, ask, compare, and only then move it to its place
        for quant in args.quant:
            new = os.path.join(work, "new.gguf")
            gguf_export.convert_model(*saved, quant, new)
            content, took = compare_files(args, quant, new, adapters, rows, before, task.see)
            contents.append({**content, "rows": source})
            seconds.append(took)
            place(outfile_of(args, quant), new, files, contents[-1], ollama, last=quant == args.quant[-1])
    print("\n" + "\n".join(compare.table(contents, seconds)))
    bad = [content for content in contents if not content["good"]]
    for content in bad:
        counted = f"{content['equal']['mean']} of the labels are equal, {content['least']} are wanted"
        print(f"not as good as before: {content['type']}: {counted}")
    return 1 if bad else 0


def compare_files(args, quant, new, adapters, rows, before, see):
    """Ask the new files the rows; returns what is kept beside them, and the CPU seconds of an answer."""
    student = Student(new, adapters=adapters, see=see)
    with cli.Progress(f"answers of {quant}", len(rows)) as bar:
        after, seconds = compare.ask(student, rows, lambda done: bar.step(done - bar.done))
    means = compare.judge(rows, before, after)
    same = sum(a == b for a, b in zip(before, after))
    print(f"transformers: {before[0]}\nllama.cpp:    {after[0]}\nsame: {same} of {len(rows)} answers")
    if not any(after):
        raise cli.UserError("the exported model answers nothing: do not use it")
    if not means["readable"]["mean"]:
        print("note: no answer was readable before the export either: labels cannot be compared", file=sys.stderr)
    least = compare.least_equal(quant, see) if args.min_equal is None else args.min_equal
    good = means["equal"]["mean"] >= least
    return {"type": quant, "good": good, "least": least, **means, "bytes": os.path.getsize(new)}, seconds


def place(outfile, new, files, content, ollama, last):
    """Move new files to where they belong, what goes with the model first; a copy of that stays where more types follow.

    ollama: modelfile.body_of, None where there is none.
    """
    if not content["good"]:
        outfile = outfile.removesuffix(".gguf") + "-not-equal.gguf"
    for path_of, made in files.items():
        with disk.atomic(path_of(outfile)) as temporary:
            shutil.move(made, temporary) if last else shutil.copy(made, temporary)
    disk.write_json(compared_path(outfile), content)
    beside = [path_of(outfile) for path_of in files]
    texts = [compared_path(outfile)]
    if ollama:
        texts.append(modelfile.write(outfile, ollama, beside))
    os.replace(new, os.path.realpath(outfile))
    for path in (*beside, outfile, *texts):
        print(f"wrote: {path} ({os.path.getsize(path) / 1e6:.0f} MB)" if path.endswith(".gguf") else f"wrote: {path}")


if __name__ == "__main__":
    cli.run(main)
