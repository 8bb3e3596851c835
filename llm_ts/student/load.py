"""Load the weights of a student from a hub name, a folder, an adapter's folder or a .gguf file: safetensors or GGUF only.

An adapter of any trainer is loaded whole, every tensor where PEFT puts it and able to be merged, or refused in one line.
"""

import contextlib
import glob
import hashlib
import os
import re
import warnings

from llm_ts.base import cli, disk
from llm_ts.fast import cpu_attention
from llm_ts.student import chat

TOWER = "tower.safetensors"  # beside the adapter of a student whose eyes experiments.pretrain_tower made: what it puts into the base

FINGERPRINT = "base_fingerprint"  # in training.json: that of the model that was trained, or that the adapter goes on


def weights_of(name):
    """Where the weights of a student lie: final/ of a run's folder, else the name itself."""
    return final if os.path.isdir(final := os.path.join(name, "final")) else name


def read_tensors(path):
    """{name: tensor} of a safetensors file; UserError where it is none."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not os.path.isfile(path):
        raise cli.UserError(f"no file {path} here: weights are read as safetensors, and by this name")
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise cli.UserError(f"{path} is no file of weights: {_reason(error)}") from None


def _reason(error):
    """The first line of what a library raised."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _config_of(adapter):
    """The adapter_config.json of a PEFT adapter's folder."""
    return disk.read_json(os.path.join(adapter, "adapter_config.json"), "qwen_train.py")


def name_of(model):
    """Qwen/Qwen2.5-0.5B-Instruct, models/Qwen2.5-0.5B-Instruct/ -> Qwen2.5-0.5B-Instruct; x.Q4_1.gguf -> x; x/final -> x."""
    path = os.path.abspath(model) if os.path.exists(model) else os.path.normpath(model)
    name = os.path.basename(os.path.dirname(path) if os.path.basename(path) == "final" else path)
    return re.sub(r"([.-][a-zA-Z]*[qQfF]\d+(_\w+)?)?\.gguf$", "", name)


def base_of(adapter):
    """The base model that an adapter's folder names; a relative path counts from here, then from the adapter.

    UserError where it names none, or nothing that could be a model.
    """
    base = _config_of(adapter).get("base_model_name_or_path")
    if not isinstance(base, str):
        raise cli.UserError(f"{adapter} is not an adapter's folder: its adapter_config.json names no base model")
    beside, tower = (os.path.normpath(os.path.join(adapter, name)) for name in (base, TOWER))
    base = beside if not os.path.exists(base) and os.path.exists(beside) else base
    if not os.path.exists(base) and os.path.isfile(tower):
        raise cli.UserError(
            f"no {os.path.relpath(base)} here, the base of {adapter}: run python -m experiments.pretrain_tower "
            f"--text TEXT_MODEL --tower {tower} --out {os.path.relpath(base)} (for the shipped one: make sees)"
        )
    if is_adapter(base):
        merge = "merge that into its own base and name the result, or add both up (hf2gguf.py --lora A --lora B)"
        raise cli.UserError(f"{adapter} goes on another adapter, {base}: {merge}")
    try:
        _arguments(base)
    except cli.UserError as error:
        moved = "write into its adapter_config.json where it lies now (base_model_name_or_path)"
        raise cli.UserError(f"the base of {adapter}: {error}; if it moved, {moved}") from None
    return base


def rank_of(adapter):
    """(rank, alpha) of an adapter's folder."""
    config = _config_of(adapter)
    if not isinstance(config.get("r"), int) or not isinstance(config.get("lora_alpha"), (int, float)):
        raise cli.UserError(f"{adapter} is no LoRA adapter: its adapter_config.json has no r and lora_alpha")
    return config["r"], config["lora_alpha"]


def is_adapter(name):
    """Whether name is a folder that holds a PEFT adapter."""
    return os.path.isfile(os.path.join(name, "adapter_config.json"))


def require_adapter(adapter):
    """UserError for an adapter whose files alone show that it cannot be used; no base is needed for that."""
    import torch

    config = _config_of(adapter)
    if wrong := [field for field in ("num_virtual_tokens", "layer_replication") if config.get(field)]:
        raise cli.UserError(f"{adapter} learnt a prompt or doubled layers ({wrong[0]}), which cannot be merged: train with LoRA")
    for name, tensor in read_tensors(os.path.join(adapter, "adapter_model.safetensors")).items():
        if not torch.isfinite(tensor).all():
            raise cli.UserError(f"{adapter} holds numbers that are none (NaN or infinite, in {name}): its training failed")


def fetch_adapter(name):
    """The folder of an adapter: name itself, or what a hub has by that name; UserError where there is none."""
    if is_adapter(name):
        return name
    if os.path.exists(name) or not re.fullmatch(r"[\w.-]+/[\w.-]+", name) or name.startswith("."):
        raise cli.UserError(f"no adapter in {name}: train one with qwen_train.py")
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(name, allow_patterns=["*.json", "*.safetensors"])
    except Exception as error:
        raise _not_loaded(name, error) from None
    if not is_adapter(folder):
        raise cli.UserError(f"{name} is no adapter: it has no adapter_config.json")
    return folder


def fingerprint(model):
    """SHA-256 over the name, shape and first numbers, in bf16, of each weight of a model, its adapter left out.

    The same for any file that the weights came from, and for any dtype that they were loaded in.
    """
    import torch

    digest = hashlib.sha256()
    for name, weight in sorted(model.named_parameters()):
        if "lora_" not in name:
            name = name.removeprefix("base_model.model.").replace(".base_layer.", ".")
            first = weight.detach().flatten()[:64].to("cpu", torch.bfloat16).view(torch.int16)
            digest.update(f"{name} {tuple(weight.shape)}".encode() + first.numpy().tobytes())
    return digest.hexdigest()


def training_of(name):
    """The training.json of a folder, or of the one that it lies in; None where there is none."""
    paths = (os.path.join(place, "training.json") for place in (name, os.path.dirname(os.path.abspath(name))))
    return next(filter(os.path.exists, paths), None)


def _require_base(model, name, adapter):
    """UserError where a model is not the one that an adapter was trained on, as far as its training.json says it."""
    path = training_of(adapter)
    trained_on = disk.read_json(path, "qwen_train.py").get(FINGERPRINT) if path else None
    if trained_on and trained_on != fingerprint(model):
        anyway = f"to use this one all the same, delete {FINGERPRINT} from {path}"
        raise cli.UserError(f"{name} is not the base that {adapter} was trained on: give that one ({anyway})")


def weights_digest(name):
    """SHA-256 over the names and bytes of a student's weight files; None for a hub name."""
    paths = [name] if name.endswith(".gguf") else sorted(glob.glob(os.path.join(weights_of(name), "*.safetensors")))
    digest = hashlib.sha256()
    for path in paths:
        digest.update(os.path.basename(path).encode())
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest() if paths else None


def require(name):
    """UserError where a student's name is neither a folder of weights, a .gguf file nor a hub name; nothing is loaded."""
    place = weights_of(name)
    if not is_adapter(place):
        _arguments(place)


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


def load_processor(name):
    """The processor of a vision model: its tokenizer, and how it takes pictures in, each as one and never in tiles."""
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(name, trust_remote_code=False)
    if getattr(processor.image_processor, "do_image_splitting", False):
        processor.image_processor.do_image_splitting = False  # SmolVLM: 64 tokens instead of 800, which show no more of a line
    return processor


def can_see(name):
    """Whether a model takes pictures, by its configuration; no weights are loaded. UserError where there is none to be had."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    first, keywords = _arguments(name)
    if keywords:
        return False
    try:
        kind = AutoConfig.from_pretrained(first, trust_remote_code=False).model_type
    except Exception as error:
        raise _not_loaded(name, error) from None
    return kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES


def _not_loaded(name, error):
    """What a library raises for a bad model (OSError, ValueError, KeyError and others) -> a UserError of one line."""
    return cli.UserError(f"no model could be loaded from {name}: {_reason(error)}")


def load_base(name, dtype, see="numbers"):
    """(model, tokenizer) of a hub name, a folder or a .gguf file, as Transformers loads them; UserError in one line.

    see: a word of formats.SEE; of a vision model (model, processor).
    """
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    first, keywords = _arguments(name)
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")  # of one pinned library to another
    logging.disable_progress_bar()
    with cli.quiet():
        if can_see(name) and see == "numbers":
            raise cli.UserError(f"{name} is a vision model: give --see image")
        if see != "numbers" and not can_see(name):
            other = f"leave --see {see} out, or give a vision model (experiments.pretrain_tower makes one)"
            raise cli.UserError(f"{name} takes no pictures: {other}")
        try:
            if see == "numbers":
                auto, tokenizer = AutoModelForCausalLM, AutoTokenizer.from_pretrained(first, trust_remote_code=False, **keywords)
            else:
                auto, tokenizer = AutoModelForImageTextToText, load_processor(name)
            if keywords:
                keywords["quantization_config"] = GgufConfig(dequantize=True)
            model = auto.from_pretrained(first, dtype=dtype, trust_remote_code=False, use_safetensors=True, **keywords)
        except Exception as error:
            raise _not_loaded(name, error) from None
    if keywords:  # what was dequantised is an ordinary model from here on: else it could not be saved
        with contextlib.suppress(AttributeError):
            del model.config.quantization_config
        model.hf_quantizer = None
    model.name_or_path = model.config._name_or_path = name
    return model, tokenizer


def load(name, dtype, adapter=None, see="numbers"):
    """(model, tokenizer) of a hub name, a folder, an adapter's folder or a .gguf file, on the CPU.

    dtype: a torch dtype. adapter: the folder of a PEFT adapter to put on it; where name itself is such a folder, its
    base is read from it. see: what the model is shown, a word of formats.SEE; where that is a picture, its processor stands
    in the tokenizer's place. The tokenizer pads on the left, as batched generation needs. Raises UserError in one line.
    """
    if adapter is None and is_adapter(name):
        name, adapter = base_of(name), name
    model, processor = load_base(name, dtype, see)
    cpu_attention.prepare(model)
    if adapter:
        model = add_adapter(model, adapter)
    if processor.chat_template is None:
        raise cli.UserError(f"{name} has no chat template: give an instruction-tuned model")
    chat.mend(model, processor, name)
    tokenizer = getattr(processor, "tokenizer", processor)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, processor


def add_adapter(model, adapter):
    """A model with an adapter, a folder, on it; what several adapters add is added up. UserError as in load."""
    from peft import PeftModel

    name, one = model.name_or_path, "default"
    require_adapter(adapter)
    _require_base(model, name, adapter)
    with cli.quiet():
        try:
            if isinstance(model, PeftModel):
                one = f"adapter_{len(model.peft_config) + 1}"
            else:
                model = PeftModel.from_pretrained(model, adapter)
                model.active_peft_config.base_model_name_or_path = name  # as found here, not as seen from the adapter
            found = model.load_adapter(adapter, one)  # the first too: this alone says which tensors found no place
            model.base_model.set_adapter(list(model.peft_config))
        except Exception as error:
            raise cli.UserError(f"the adapter {adapter} does not fit {name}: {_reason(error)}") from None
    if wrong := found.missing_keys + found.unexpected_keys:
        other = f"{len(wrong)} tensors lack a place or a value ({wrong[0]}): is it for another base, or of another trainer?"
        raise cli.UserError(f"the adapter {adapter} does not fit {name}: {other}")
    for module in model.modules():
        if getattr(module, "lora_bias", {}).get(one) and module.base_layer.bias is None:
            raise cli.UserError(f"{adapter} learnt biases (lora_bias) for layers of {name} that have none: it cannot be merged")
    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    first, last = (getattr(end, "base_layer", end) for end in ends)
    if ends != [first, last] and getattr(last, "weight", None) is first.weight:  # merged into one, it would change the other
        last.weight = type(last.weight)(last.weight.detach().clone(), requires_grad=False)
        model.get_base_model().config.tie_word_embeddings = False
    return model
