"""GGUF files: made by llama.cpp's official converters and quantiser, asked through llama.cpp."""

import base64
import io
import os
import re
import subprocess
import sys

from llm_ts import question
from llm_ts.base import cli, disk, paths
from llm_ts.gguf import gguf_worker, llama_library

CONVERTER_TYPES = ("f32", "f16", "bf16", "q8_0")  # what the converter writes itself; the rest is quantised from f16


def quantiser_type(name):
    """ "q4_K_M" in any case -> llama.cpp's number of that type; UserError for an unknown one, and for fewer than 4 bits."""
    from gguf import LlamaFileType

    pattern = re.compile(r"MOSTLY_(Q[456]_\w+)")
    known = {found[1]: int(kind) for kind in LlamaFileType if (found := pattern.fullmatch(kind.name))}
    if name.upper() not in known:
        raise cli.UserError(f"no quantisation {name}: give {', '.join(CONVERTER_TYPES)} or one of {', '.join(sorted(known))}")
    return known[name.upper()]


def convert(script, folder, *arguments):
    """Run one of the official converters on a folder; its last line of output is the reason where it fails."""
    command = [os.path.join(paths.llama_cpp(), script), folder, *arguments, *_more(script, folder, arguments)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    if done.returncode:
        raise gguf_worker.death(script, done.returncode, done.stderr or done.stdout)


def _more(script, folder, arguments):
    """A flag for models that come with layers to draft several tokens (Qwen3.5): Transformers loads and saves none of these.

    Of a projector it is not asked: there the converter knows no such layers, and refuses the flag.
    """
    if script != "convert_hf_to_gguf.py" or "--mmproj" in arguments:
        return []
    config = disk.read_json(os.path.join(folder, "config.json"), "hf2gguf.py")
    return ["--no-mtp"] if config.get("text_config", config).get("mtp_num_hidden_layers") else []


def save_config(model, processor, folder):
    """Write what the converters need to know of a model, but its weights, into a new folder."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    text = model.config.get_text_config()
    if text is not model.config:  # the converter asks a vision model what its text model alone would be called
        text.architectures = text.architectures or [MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[text.model_type]]
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    processor.save_pretrained(folder)


def quantise(source, target, ftype):
    """Quantise a GGUF file by llama.cpp's own function. ftype: of quantiser_type."""
    llama_library.require("quantising")
    gguf_worker.Worker().call("quantise", source, target, ftype)


def _contents(path, *names):
    """What a GGUF file holds under each name, None for nothing. UserError where it is no such file."""
    from gguf import GGUFReader

    try:
        fields = map(GGUFReader(path).get_field, names)
        return [field.contents() if field else None for field in fields]
    except FileNotFoundError:
        raise cli.UserError(f"no {path} here: run hf2gguf.py first") from None
    except (ValueError, IndexError, KeyError) as error:
        raise cli.UserError(f"{path} is not a GGUF file: {error}") from None


def read_description(path):
    """The text that a GGUF file carries as general.description; "" where there is none."""
    (text,) = _contents(path, "general.description")
    return text if isinstance(text, str) else ""


def projector_of(path):
    """Where the eyes of a .gguf file lie, tower and projector: student.gguf -> student-mmproj.gguf."""
    return path.removesuffix(".gguf") + "-mmproj.gguf"


def side_of(projector):
    """The side of the square that Transformers squeezes a picture to for the model of a projector's file; None where it does not.

    llama.cpp squeezes in another way, of which a student that looks closely sees something else: 91 % of the labels were the
    same (results/LOG.md). So a picture is squeezed before llama.cpp gets it.
    """
    kind, side = _contents(projector, "clip.projector_type", "clip.vision.image_size")
    return side if kind == "idefics3" else None


class Llama:
    """A .gguf file, with the .gguf files of adapters added up on it where given, to be asked.

    see: what it is shown, a word of formats.SEE; for pictures, its projector lies beside it.
    """

    def __init__(self, path, adapters=(), see="numbers"):
        projector = None if see == "numbers" else projector_of(path)
        for file in filter(None, (path, *adapters, projector)):
            if not os.path.isfile(file):
                raise cli.UserError(f"no {file} here: run hf2gguf.py first")
        llama_library.require("a .gguf file")
        self._side = side_of(projector) if projector else None
        self._files = path, adapters, projector
        self._open()

    def _open(self):
        self._worker = gguf_worker.Worker()
        self._worker.call("open", *self._files)

    def ask(self, prompts, max_tokens):
        """The greedy answers to prompts, texts or question.Shown, in their order; those with pictures one after another."""
        if not self._worker.close.alive:  # llama.cpp died of an earlier question: the page of serve.py goes on
            self._open()
        return self._worker.call("ask", [self._chat_of(prompt) for prompt in prompts], max_tokens)

    def seconds(self):
        """The CPU seconds that it has taken so far."""
        return self._worker.seconds

    def _chat_of(self, prompt):
        chat = question.messages_of(prompt)
        if isinstance(prompt, question.Shown):
            from PIL import Image

            picture = prompt.picture()
            if self._side:
                picture = picture.resize((self._side, self._side), Image.Resampling.LANCZOS)
            png = io.BytesIO()
            picture.save(png, "png")
            address = "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
            chat[-1]["content"][-1] = {"type": "image_url", "image_url": {"url": address}}
        return chat
