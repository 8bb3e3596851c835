"""Load a student from a hub name, a folder, an adapter's folder or a .gguf file; ask a GGUF through llama.cpp.

Reads: model files, as safetensors or GGUF only. Writes: nothing.
Run: no command of its own; qwen_train.py, evaluate.py, hf2gguf.py and describe.py load through this module.
"""

import contextlib
import glob
import hashlib
import os
import sys
import warnings

import cli
import cpu
import description
import records

# the adapter that comes with the repository; its base is fetched by `python fetch.py smollm2`
IN_THE_BOX = os.path.join(os.path.dirname(os.path.abspath(__file__)), "trained", "SmolLM2-135M-Instruct")


def base_of(adapter):
    """The base model that an adapter's folder names; a relative path counts from here, then from the adapter."""
    base = records.read_json(os.path.join(adapter, "adapter_config.json"), "qwen_train.py").get("base_model_name_or_path")
    if not isinstance(base, str):
        raise cli.UserError(f"{adapter} is not an adapter's folder: its adapter_config.json names no base model")
    beside = os.path.normpath(os.path.join(adapter, base))
    return beside if not os.path.exists(base) and os.path.exists(beside) else base


def rank_of(adapter):
    """(rank, alpha) of an adapter's folder."""
    config = records.read_json(os.path.join(adapter, "adapter_config.json"), "qwen_train.py")
    if not isinstance(config.get("r"), int) or not isinstance(config.get("lora_alpha"), (int, float)):
        raise cli.UserError(f"{adapter} is no LoRA adapter: its adapter_config.json has no r and lora_alpha")
    return config["r"], config["lora_alpha"]


def is_adapter(name):
    """Whether name is a folder that holds a PEFT adapter."""
    return os.path.isfile(os.path.join(name, "adapter_config.json"))


def training_of(folder):
    """The training.json in or above the folder of a student: {"format", "points", ...}; {} where there is none.

    Raises UserError for a format that is none of ours, and for points that are no lengths.
    """
    for place in (folder, os.path.dirname(os.path.abspath(folder))):
        path = os.path.join(place, "training.json")
        if not os.path.exists(path):
            continue
        about = records.read_json(path, "qwen_train.py")
        points = about.get("points")
        if about.get("format") not in list(description.FORMATS):
            raise cli.UserError(f"{path}: {about.get('format')!r} is no format: there are {', '.join(description.FORMATS)}")
        if not isinstance(about.get("prompt_version"), int):
            raise cli.UserError(f"{path}: prompt_version is {about.get('prompt_version')!r}: train again with qwen_train.py")
        if not isinstance(points, list) or not points or not all(isinstance(n, int) for n in points):
            raise cli.UserError(f"{path}: points are {points!r}, no list of lengths: train again with qwen_train.py")
        return about
    return {}


def weights_digest(name):
    """SHA-256 over the names and bytes of a student's weight files; None for a hub name."""
    folder = os.path.join(name, "final") if os.path.isdir(os.path.join(name, "final")) else name
    paths = [name] if name.endswith(".gguf") else sorted(glob.glob(os.path.join(folder, "*.safetensors")))
    digest = hashlib.sha256()
    for path in paths:
        digest.update(os.path.basename(path).encode())
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest() if paths else None


def trained_on(name):
    """What any student was trained on, a .gguf file included: {"format", "points", ...}; {} where nothing says."""
    if not name.endswith(".gguf"):
        return training_of(name)
    import hf2gguf

    return hf2gguf.read_format(name)


def format_of(name, asked=None):
    """How a student's series are to be written: as asked, else as it learnt to read them, else as the study did, said aloud."""
    final = os.path.join(name, "final")
    place = final if os.path.isdir(final) else name
    if not is_adapter(place):
        _arguments(place)  # before a note about what is not there
    known = asked or trained_on(name).get("format")
    if not known:
        print(f"note: nothing says how {name} learnt to read series: they are written as 'study' (--format)", file=sys.stderr)
    return known or "study"


def _arguments(name):
    """What from_pretrained is given for a name: (first argument, keyword arguments)."""
    if name.endswith(".gguf"):
        if not os.path.isfile(name):
            raise cli.UserError(f"no model {name} here: give a hub name, a folder or a .gguf file (python fetch.py smollm2)")
        return os.path.dirname(os.path.abspath(name)), {"gguf_file": os.path.basename(name)}
    if os.path.isdir(name) and not os.path.isfile(os.path.join(name, "config.json")):
        raise cli.UserError(f"{name} is not a model's folder: it has no config.json")
    if not os.path.isdir(name) and (name.count("/") != 1 or name.startswith((".", "/", "~"))):
        raise cli.UserError(f"no model {name} here: give a hub name, a folder or a .gguf file")
    return name, {}


def load_tokenizer(name):
    """The tokenizer of a hub name, a model's folder or a .gguf file."""
    from transformers import AutoTokenizer

    first, keywords = _arguments(name)
    return AutoTokenizer.from_pretrained(first, trust_remote_code=False, **keywords)


def load_base(name, dtype):
    """(model, tokenizer) of a hub name, a folder or a .gguf file, as Transformers loads them; UserError in one line."""
    from transformers import AutoModelForCausalLM, GgufConfig
    from transformers.utils import logging

    first, keywords = _arguments(name)
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")  # of one pinned library to another
    logging.disable_progress_bar()
    try:
        tokenizer = load_tokenizer(name)
        if keywords:
            keywords["quantization_config"] = GgufConfig(dequantize=True)
        model = AutoModelForCausalLM.from_pretrained(
            first, dtype=dtype, trust_remote_code=False, use_safetensors=True, **keywords
        )
    except Exception as error:  # the libraries raise OSError, ValueError, KeyError and others for a bad model
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise cli.UserError(f"no model could be loaded from {name}: {reason}") from None
    if keywords:  # what was dequantised is an ordinary model from here on: else it could not be saved
        with contextlib.suppress(AttributeError):
            del model.config.quantization_config
        model.hf_quantizer = None
    model.name_or_path = model.config._name_or_path = name
    return model, tokenizer


def load(name, dtype, adapter=None):
    """(model, tokenizer) of a hub name, a folder, an adapter's folder or a .gguf file, on the CPU.

    dtype: a torch dtype. adapter: the folder of a PEFT adapter to put on it; where name itself is such a folder, its
    base is read from it. The tokenizer pads on the left, as batched generation needs. Raises UserError in one line.
    """
    if adapter is None and is_adapter(name):
        name, adapter = base_of(name), name
    model, tokenizer = load_base(name, dtype)
    cpu.prepare(model)
    if adapter:
        from peft import PeftModel

        try:
            model = PeftModel.from_pretrained(model, adapter, use_safetensors=True)
            model.active_peft_config.base_model_name_or_path = name  # as found here, not as seen from the adapter
        except Exception as error:
            reason = str(error).strip().splitlines()[0][:200]
            raise cli.UserError(f"the adapter {adapter} does not fit {name}: {reason}") from None
    if tokenizer.chat_template is None:
        raise cli.UserError(f"{name} has no chat template: give an instruction-tuned model")
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def open_gguf(path, adapter=None):
    """A .gguf file, with an adapter's .gguf on it where given -> ask(prompt, max_tokens=160), one greedy answer."""
    for file in filter(None, (path, adapter)):
        if not os.path.isfile(file):
            raise cli.UserError(f"no {file} here: run hf2gguf.py first")
    try:
        from llama_cpp import Llama
    except ImportError:
        raise cli.UserError("a .gguf file needs llama-cpp-python: pip install -r requirements.txt") from None
    try:
        llama = Llama(path, n_ctx=4096, lora_path=adapter, verbose=False)
    except (ValueError, RuntimeError) as error:
        raise cli.UserError(f"{path} is not a GGUF model that llama.cpp can load: {error}") from None

    def ask(prompt, max_tokens=160):
        messages = description.messages_of(prompt)
        out = llama.create_chat_completion(messages, temperature=0.0, max_tokens=max_tokens)
        return out["choices"][0]["message"]["content"].strip()

    return ask


def opened(name, batch_size=32):
    """Any student -> ask_all(prompts, max_tokens=160) -> answers: a run's folder, an adapter, a model or a .gguf file.

    On the GPU where there is one; in batches but for a .gguf, which llama.cpp answers one by one.
    """
    if name.endswith(".gguf"):
        ask = open_gguf(name)
        return lambda prompts, max_tokens=160: [ask(prompt, max_tokens) for prompt in prompts]
    import torch

    import answering

    final = os.path.join(name, "final")
    model, tokenizer = load(final if os.path.isdir(final) else name, torch.bfloat16)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    drafts = answering.Drafts()
    return lambda prompts, max_tokens=160: answering.generate(
        model, tokenizer, prompts, batch_size, max_tokens, drafts=drafts
    )
