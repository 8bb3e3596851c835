"""GGUF files: made by llama.cpp's official converters and quantiser, asked through llama.cpp."""

import base64
import io
import os
import re
import subprocess
import sys

from llm_ts import cli, disk, paths, question
from llm_ts.student import gguf_batch

CONVERTER_TYPES = ("f32", "f16", "bf16", "q8_0")  # what the converter writes itself; the rest is quantised from f16
NEED_MATRIX = re.compile(r"IQ[12]_\w+|IQ3_XXS|Q2_K_S", re.IGNORECASE)  # types that llama.cpp makes with an importance matrix alone
CONTEXT = 4096  # tokens of a prompt with a picture, and its answer
BESIDE = 64  # of the context that comes with a loaded model, where texts are asked: they get one of their own


def require_llama_cpp(what):
    """The module llama_cpp, silenced; UserError where it is not installed. what: that needs it."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait must not hold a core that others want
    try:
        with cli.quiet():
            import llama_cpp
    except ImportError:
        raise cli.UserError(f"{what} needs llama-cpp-python: pip install -r requirements.txt") from None
    return llama_cpp


def quantiser_type(name, matrix=False):
    """ "q4_K_M" in any case -> llama.cpp's number of that type; UserError for an unknown one.

    matrix: whether there is an importance matrix, which some types need.
    """
    llama_cpp = require_llama_cpp(f"--quant {name}")
    known = {
        found[1]: getattr(llama_cpp, constant)
        for constant in dir(llama_cpp)
        if (found := re.fullmatch(r"LLAMA_FTYPE_MOSTLY_(I?Q\w+)", constant))
    }
    if name.upper() not in known:
        some = ", ".join(sorted(kind for kind in known if kind[:2] in ("Q3", "Q4", "Q5", "Q6")))
        raise cli.UserError(f"no quantisation {name}: give {', '.join(CONVERTER_TYPES)} or one of {some}")
    if NEED_MATRIX.fullmatch(name) and not matrix:
        raise cli.UserError(f"{name} needs an importance matrix: give --imatrix, or take q3_K_M or more")
    return known[name.upper()]


def convert(script, folder, *arguments):
    """Run one of the official converters on a folder; its last line of output is the reason where it fails."""
    command = [sys.executable, os.path.join(paths.llama_cpp(), script), folder, *arguments, *_more(script, folder, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise cli.UserError(f"{script} failed: {lines[-1][:300]}")


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


def quantise(source, target, ftype, matrix=None):
    """Quantise a GGUF file by llama.cpp's own function, the one that llama-quantize calls.

    matrix: the file of an importance matrix; llama-quantize itself reads it then.
    """
    import ctypes

    if matrix:
        command = [paths.llama_program("llama-quantize"), "--imatrix", matrix, source, target, str(ftype)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
            raise cli.UserError(f"llama-quantize failed: {cli.visible(lines[-1])[:300]}")
        return

    llama_cpp = require_llama_cpp("quantising")
    quantise.silent = llama_cpp.llama_log_callback(lambda level, text, data: None)  # held, for llama.cpp keeps it too
    llama_cpp.llama_log_set(quantise.silent, ctypes.c_void_p())
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = ftype
    if llama_cpp.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)):
        raise cli.UserError(f"llama.cpp could not quantise to {target}: is the disk full?")


def read_description(path):
    """The text that a GGUF file carries as general.description; "" where there is none."""
    from gguf import GGUFReader

    try:
        field = GGUFReader(path).get_field("general.description")
        text = field.contents() if field else ""
        return text if isinstance(text, str) else ""
    except FileNotFoundError:
        raise cli.UserError(f"no {path} here: run hf2gguf.py first") from None
    except (ValueError, IndexError, KeyError) as error:
        raise cli.UserError(f"{path} is not a GGUF file: {error}") from None


def projector_of(path):
    """Where the eyes of a .gguf file lie, tower and projector: student.gguf -> student-mmproj.gguf."""
    return path.removesuffix(".gguf") + "-mmproj.gguf"


def side_of(projector):
    """The side of the square that Transformers squeezes a picture to for the model of a projector's file; None where it does not.

    llama.cpp squeezes in another way, of which a student that looks closely sees something else: 91 % of the labels were the
    same (results/LOG.md). So a picture is squeezed before llama.cpp gets it.
    """
    from gguf import GGUFReader

    try:
        reader = GGUFReader(projector)
        kind, side = (reader.get_field(name) for name in ("clip.projector_type", "clip.vision.image_size"))
    except (ValueError, IndexError, KeyError) as error:
        raise cli.UserError(f"{projector} is not a GGUF file: {error}") from None
    return side.contents() if kind and side and kind.contents() == "idefics3" else None


class Llama:
    """A .gguf file, with the .gguf files of adapters added up on it where given, to be asked.

    see: what it is shown, a word of formats.SEE; for pictures, its projector lies beside it.
    """

    def __init__(self, path, adapters=(), see="numbers"):
        projector = None if see == "numbers" else projector_of(path)
        for file in filter(None, (path, *adapters, projector)):
            if not os.path.isfile(file):
                raise cli.UserError(f"no {file} here: run hf2gguf.py first")
        llama_cpp = require_llama_cpp("a .gguf file")
        self._projector, self._side = projector, side_of(projector) if projector else None
        with cli.quiet():
            try:
                from llama_cpp.llama_chat_format import MTMDChatHandler

                handler = MTMDChatHandler(projector, verbose=False) if projector else None
                size = CONTEXT if projector else BESIDE
                self._model = llama_cpp.Llama(path, n_ctx=size, verbose=False, chat_handler=handler)
            except (ValueError, RuntimeError) as error:
                raise cli.UserError(f"{path} is not a GGUF model that llama.cpp can load: {error}") from None
            self._adapters = [self._adapter(llama_cpp, name) for name in adapters]

    def _adapter(self, llama_cpp, name):
        """An adapter's file, loaded for this model, which frees it; UserError where it does not fit."""
        made = llama_cpp.llama_adapter_lora_init(self._model._model.model, name.encode())
        if not made:
            raise cli.UserError(f"{name} is no adapter for {self._model.model_path}")
        return made

    def ask(self, prompts, max_tokens, chances=None):
        """The greedy answers to prompts, texts or question.Shown, in their order; those with pictures one after another.

        chances: as gguf_batch.ask has it; where pictures are shown it stays empty.
        """
        chats = [question.messages_of(prompt) for prompt in prompts]
        with cli.quiet():
            if not any(isinstance(prompt, question.Shown) for prompt in prompts):
                return gguf_batch.ask(self._model, chats, max_tokens, self._adapters, chances)
            return [self._ask_shown(chat, prompt, max_tokens) for chat, prompt in zip(chats, prompts)]

    def _ask_shown(self, chat, prompt, max_tokens):
        from PIL import Image

        picture = prompt.picture()
        if self._side:
            picture = picture.resize((self._side, self._side), Image.Resampling.LANCZOS)
        chat[-1]["content"][-1] = {"type": "image_url", "image_url": {"url": _data_url(picture)}}
        try:
            out = self._model.create_chat_completion(chat, temperature=0.0, max_tokens=max_tokens)
        except ValueError as error:  # the projector is only read now
            reason = str(error).splitlines()[0][:150]
            raise cli.UserError(f"llama.cpp cannot use {self._projector} with this model: {reason}") from None
        return out["choices"][0]["message"]["content"].strip()


def _data_url(image):
    """A PIL image -> the address that chats carry it in, as a PNG."""
    kept = io.BytesIO()
    image.save(kept, "png")
    return "data:image/png;base64," + base64.b64encode(kept.getvalue()).decode()
