"""Export a student to GGUF with llama.cpp's official converters and quantiser, and check one answer of the result.

Reads: a base model (hub name, folder or .gguf file), an adapter of qwen_train.py; build/llama.cpp, or LLAMA_CPP.
Writes: --outfile; with --strategy separate also <outfile>-lora.gguf beside it.
Run: python hf2gguf.py --lora Qwen2.5-0.5B-Instruct/final --merge-lora --quant q4_K_M --outfile student.gguf

Strategies: merge folds the adapter into the base; separate writes the base and the adapter as two files, to be used
together; plain writes the base alone. llama.cpp's adapter converter gets rslora and alpha patterns silently wrong and
knows no DoRA: such adapters are refused unless they are merged. How the series is written for the student (training.json
beside the adapter) is kept in the file's general.description, so that describe.py need not be told.
"""

import os
import re
import subprocess
import sys
import tempfile

import cli
import description
import records
import run_folder
import student

CONVERTER_TYPES = ("f32", "f16", "bf16", "q8_0")  # what the converter writes itself; the rest is quantised from f16
MARK = "llm_ts"


def tree():
    """The folder of llama.cpp's converters: LLAMA_CPP, else build/llama.cpp beside this script."""
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "build", "llama.cpp")
    folder = os.environ.get("LLAMA_CPP") or here
    if not os.path.isfile(os.path.join(folder, "convert_hf_to_gguf.py")):
        raise cli.UserError(f"no llama.cpp in {folder}: run python fetch.py llama.cpp, or set LLAMA_CPP to a checkout")
    return folder


def quantiser_type(name):
    """ "q4_K_M" in any case -> llama.cpp's number of that type; UserError for an unknown one."""
    try:
        import llama_cpp
    except ImportError:
        raise cli.UserError(f"--quant {name} needs llama-cpp-python: pip install -r requirements.txt") from None
    known = {
        found[1]: getattr(llama_cpp, constant)
        for constant in dir(llama_cpp)
        if (found := re.fullmatch(r"LLAMA_FTYPE_MOSTLY_(I?Q\w+)", constant))
    }
    if name.upper() not in known:
        some = ", ".join(sorted(kind for kind in known if kind[:2] in ("Q3", "Q4", "Q5", "Q6")))
        raise cli.UserError(f"no quantisation {name}: give {', '.join(CONVERTER_TYPES)} or one of {some}")
    return known[name.upper()]


def check_adapter(folder, strategy):
    """Raise UserError for what the adapter converter gets wrong; the merge is PEFT's own and right for all."""
    config = records.read_json(os.path.join(folder, "adapter_config.json"), "qwen_train.py")
    wrong = [name for name in ("use_rslora", "use_dora", "alpha_pattern", "modules_to_save") if config.get(name)]
    if strategy == "separate" and wrong:
        raise cli.UserError(f"{folder} uses {', '.join(wrong)}, which llama.cpp's adapters get wrong: use --merge-lora")


def format_text(training):
    """{"format": "thirds", "points": [48], ...} -> "llm_ts format=thirds points=48 prompt_version=1"."""
    points = ",".join(map(str, training["points"]))
    return f"{MARK} format={training['format']} points={points} prompt_version={training['prompt_version']}"


def read_format(path):
    """What hf2gguf.py wrote into a GGUF about the student's series; {} for other files. The inverse of format_text."""
    from gguf import GGUFReader

    if not os.path.isfile(path):
        raise cli.UserError(f"no {path} here: run hf2gguf.py first")
    try:
        field = GGUFReader(path).get_field("general.description")
        text = field.contents() if field else ""
    except (ValueError, IndexError, KeyError) as error:
        raise cli.UserError(f"{path} is not a GGUF file: {error}") from None
    found = re.fullmatch(MARK + r" format=([\w-]+) points=([\d,]+) prompt_version=(\d+)", text)
    if not found:
        return {}
    return {"format": found[1], "points": [int(n) for n in found[2].split(",")], "prompt_version": int(found[3])}


def convert(script, *arguments):
    """Run one of the official converters; its last line of output is the reason where it fails."""
    done = subprocess.run([sys.executable, os.path.join(tree(), script), *arguments], capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise cli.UserError(f"{script} failed: {lines[-1][:300]}")


def quantise(source, target, ftype):
    """Quantise a GGUF file by llama.cpp's own function, the one that llama-quantize calls."""
    import ctypes

    import llama_cpp

    quantise.silent = llama_cpp.llama_log_callback(lambda level, text, data: None)  # held, for llama.cpp keeps it too
    llama_cpp.llama_log_set(quantise.silent, ctypes.c_void_p())
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = ftype
    if llama_cpp.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)):
        raise cli.UserError(f"llama.cpp could not quantise to {target}: is the disk full?")


def export(model, tokenizer, quant, training, outfile, work):
    """Save, convert and quantise a whole model; outfile appears whole or not at all."""
    folder = os.path.join(work, "model")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    metadata = os.path.join(work, "metadata.json")
    about = {"general.description": format_text(training)} if training else {}
    records.write_json(metadata, {"general.name": run_folder.name_of(model.name_or_path), **about})
    direct = quant.lower() in CONVERTER_TYPES
    with records.atomic(outfile) as temporary:
        full = temporary if direct else os.path.join(work, "full.gguf")
        outtype = quant.lower() if direct else "f16"
        convert("convert_hf_to_gguf.py", folder, "--outfile", full, "--outtype", outtype, "--metadata", metadata)
        if not direct:
            quantise(full, temporary, quantiser_type(quant))


def export_adapter(adapter, base, tokenizer, outfile, work):
    """The adapter as a GGUF of its own, in f16."""
    folder = os.path.join(work, "config")
    base.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    with records.atomic(outfile) as temporary:
        convert("convert_lora_to_gguf.py", adapter, "--base", folder, "--outfile", temporary, "--outtype", "f16")


def adapter_path(outfile):
    """Where --strategy separate writes the adapter."""
    return outfile.removesuffix(".gguf") + "-lora.gguf"


def question(name):
    """A prompt to compare answers on: the first test row of the run that a student's folder lies in, else a ramp."""
    path = os.path.join(os.path.dirname(os.path.abspath(name)), "test_rows.jsonl")
    if os.path.exists(path):
        rows = records.read(path, "qwen_train.py")[:1]
        records.require(rows, "prompt", path, "qwen_train.py")
        return rows[0]["prompt"]
    return description.prompt_of([round(99 * i / 47) for i in range(48)], "study")


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
    if args.lora and not student.is_adapter(args.lora):
        raise cli.UserError(f"no adapter in {args.lora}: train one with qwen_train.py")
    if args.quant.lower() not in CONVERTER_TYPES:
        quantiser_type(args.quant)
    tree()
    base = args.base or (student.base_of(args.lora) if args.lora else None)
    if not base:
        raise cli.UserError("give --base, --lora or both")
    for outfile in (args.outfile, adapter_path(args.outfile)):
        cli.refuse_overwriting(outfile, base)
    if args.lora:
        check_adapter(args.lora, strategy)
    cli.print_settings(args)
    export_student(base, args.lora, strategy, args.quant, args.outfile)


def export_student(base, lora, strategy, quant, outfile):
    """The whole job after the checks: load, export, reload, compare."""
    import torch

    import answering

    folder = os.path.dirname(os.path.abspath(outfile))
    os.makedirs(folder, exist_ok=True)
    model, tokenizer = student.load(base, torch.float32, lora)
    prompt = question(lora or base)
    before = answering.generate(model, tokenizer, [prompt], 1)[0]
    training = student.training_of(lora or base) if strategy != "separate" else {}  # the base alone learnt nothing
    if strategy != "separate" and not training:
        print("note: no training.json says how the student's series are written: neither will the file", file=sys.stderr)
    adapter_file = None
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export") as work:
        if strategy == "merge":
            model = model.merge_and_unload()
        elif strategy == "separate":
            model = model.unload()
        if strategy == "separate":  # the small one first: if it fails, the large one is not there alone
            adapter_file = adapter_path(outfile)
            export_adapter(lora, model, tokenizer, adapter_file, work)
        export(model, tokenizer, quant, training, outfile, work)
    compare(before, student.open_gguf(outfile, adapter_file)(prompt))
    for path in filter(None, (outfile, adapter_file)):
        print(f"wrote: {path} ({os.path.getsize(path) / 1e6:.0f} MB)")


if __name__ == "__main__":
    cli.run(main)
