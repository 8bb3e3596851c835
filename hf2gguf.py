"""Export a student to GGUF with llama.cpp's official converters and quantiser,
and check one answer of the result.

Reads: a base model (hub name, folder or .gguf file), an adapter of
qwen_train.py; build/llama.cpp, or LLAMA_CPP.
Writes: --outfile; with --strategy separate also <outfile>-lora.gguf beside it;
of a student that sees also <outfile>-mmproj.gguf, its eyes.
Run: python hf2gguf.py --lora Qwen2.5-0.5B-Instruct/final --merge-lora --quant q4_K_M --outfile student.gguf

Strategies: merge folds the adapter into the base; separate writes the base and
the adapter as two files, to be used together; plain writes the base alone.
llama.cpp's adapter converter gets rslora and alpha patterns silently wrong and
knows no DoRA: such adapters are refused unless they are merged. How the series
is written for the student (training.json beside the adapter) is kept in the
file's general.description, so that describe.py need not be told.
"""

import dataclasses
import os
import sys
import tempfile

from llm_ts import cli, formats, paths, records
from llm_ts.pairs import pair
from llm_ts.student import gguf_export, gguf_file, load, origin


def check_adapter(folder, strategy):
    """Raise UserError for what the adapter converter gets wrong; the merge is PEFT's own and right for all."""
    config = records.read_json(os.path.join(folder, "adapter_config.json"), "qwen_train.py")
    wrong = [name for name in ("use_rslora", "use_dora", "alpha_pattern", "modules_to_save") if config.get(name)]
    if strategy == "separate" and wrong:
        raise cli.UserError(f"{folder} uses {', '.join(wrong)}, which llama.cpp's adapters get wrong: use --merge-lora")


def export_adapter(adapter, base, processor, outfile, work):
    """The adapter as a GGUF of its own, in f16."""
    folder = os.path.join(work, "config")
    gguf_file.save_config(base, processor, folder)
    with records.atomic(outfile) as temporary:
        gguf_file.convert("convert_lora_to_gguf.py", adapter, "--base", folder, "--outfile", temporary, "--outtype", "f16")


def adapter_path(outfile):
    """Where --strategy separate writes the adapter."""
    return outfile.removesuffix(".gguf") + "-lora.gguf"


def prompt_of(name, learnt):
    """A prompt to compare answers on: the first test row of the run that a student's folder lies in, else a ramp.

    Its picture, where there is one, is drawn, wherever the file of the row lies.
    """
    path = os.path.join(os.path.dirname(os.path.abspath(name)), "test_rows.jsonl")
    if os.path.exists(path):
        rows = records.read(path, "qwen_train.py")[:1]
        records.require(rows, "prompt", path, "qwen_train.py")
        row = {"series": [], **rows[0], **formats.see_tag(learnt.see)}
    else:
        series = [round(99 * i / 47) for i in range(48)]
        prompt = origin.question_of(learnt).prompt_of(series, learnt.format or "study", learnt.see)
        row = {"id": "ramp", "prompt": prompt, "series": series, **formats.see_tag(learnt.see)}
    return pair.asked_with({key: value for key, value in row.items() if key != "image"})


def compare(before, after):
    """Print both answers and whether they are the same; an empty answer of the export is a failure."""
    print(f"transformers: {before}\nllama.cpp:    {after}")
    print(f"same: {'yes' if before == after else 'no (quantisation changes answers; check more than one)'}")
    if not after:
        raise cli.UserError("the exported model answers nothing: do not use it")


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--base", type=cli.folder, help="Hub name, folder or .gguf; default: what the adapter names.")
    parser.add_argument("--lora", type=cli.folder, help="Folder of the adapter, e.g. Qwen2.5-0.5B-Instruct/final.")
    parser.add_argument("--strategy", choices=("merge", "separate", "plain"), help="Default: merge with --lora.")
    parser.add_argument("--merge-lora", action="store_true", help="The same as --strategy merge.")
    parser.add_argument("--quant", default="q4_K_M", help="f32, f16, bf16, q8_0, q4_K_M, q5_K_M, ... in any case.")
    parser.add_argument("--outfile", required=True, help="The .gguf file to write.")
    args = parser.parse_args(argv)
    if args.merge_lora and args.strategy not in (None, "merge"):
        raise cli.UserError(f"--merge-lora and --strategy {args.strategy} contradict each other")
    strategy = "merge" if args.merge_lora else args.strategy or ("merge" if args.lora else "plain")
    if strategy != "plain" and not args.lora:
        raise cli.UserError(f"--strategy {strategy} needs --lora, the folder of an adapter")
    if strategy == "plain" and args.lora:
        raise cli.UserError("--strategy plain takes no --lora: give --strategy merge or separate")
    if not args.outfile.endswith(".gguf"):
        raise cli.UserError(f"--outfile {args.outfile}: give a name that ends in .gguf")
    if args.lora and not load.is_adapter(args.lora):
        raise cli.UserError(f"no adapter in {args.lora}: train one with qwen_train.py")
    if args.quant.lower() not in gguf_file.CONVERTER_TYPES:
        gguf_file.quantiser_type(args.quant)
    paths.llama_cpp()
    base = args.base or (load.base_of(args.lora) if args.lora else None)
    if not base:
        raise cli.UserError("give --base, --lora or both")
    for outfile in (args.outfile, adapter_path(args.outfile), gguf_file.projector_of(args.outfile)):
        cli.refuse_overwriting(outfile, base)
    if args.lora:
        check_adapter(args.lora, strategy)
    cli.print_settings(args)
    export_student(base, args.lora, strategy, args.quant, args.outfile)


def export_student(base, lora, strategy, quant, outfile):
    """The whole job after the checks: load, export, reload, compare."""
    import torch

    from llm_ts.student import answer
    from llm_ts.student.student import Student

    folder = os.path.dirname(os.path.abspath(outfile))
    os.makedirs(folder, exist_ok=True)
    load.require(base)
    learnt = origin.of(lora or base)
    if not learnt.format and load.can_see(base):
        learnt = dataclasses.replace(learnt, see="image")
    model, processor = load.load(base, torch.float32, lora, learnt.see)
    prompt = prompt_of(lora or base, learnt)
    before, see = answer.generate(model, processor, [prompt], 1)[0], learnt.see
    if see != "numbers" and strategy == "separate":
        raise cli.UserError("an adapter apart is not tried for students that see: use --merge-lora")
    if strategy == "separate":  # the base alone learnt nothing
        learnt = origin.UNKNOWN
    elif not learnt.format:
        print("note: no training.json says how the student's series are written: neither will the file", file=sys.stderr)
    adapter_file = None
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export") as work:
        if strategy == "merge":
            model = model.merge_and_unload()
        elif strategy == "separate":
            model = model.unload()
        if strategy == "separate":  # the small one first: if it fails, the large one is not there alone
            adapter_file = adapter_path(outfile)
            export_adapter(lora, model, processor, adapter_file, work)
        gguf_export.export(model, processor, quant, learnt, outfile, work)
    compare(before, Student(outfile, adapter=adapter_file, see=see).ask([prompt])[0])
    projector = gguf_file.projector_of(outfile) if see != "numbers" else None
    for path in filter(None, (outfile, adapter_file, projector)):
        print(f"wrote: {path} ({os.path.getsize(path) / 1e6:.0f} MB)")


if __name__ == "__main__":
    cli.run(main)
