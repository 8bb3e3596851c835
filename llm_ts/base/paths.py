"""Where things lie: the repository, what fetch.py fetches, the shipped adapters, the example series."""

import os

from llm_ts.base import cli

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHIPPED = os.path.join(ROOT, "trained", "SmolLM2-135M-Instruct")  # the adapter; its base: python fetch.py smollm2
SHIPPED_SEES = os.path.join(ROOT, "trained", "SmolLM2-135M-Sees")  # the one with eyes; its base: experiments.pretrain_tower --tower
EXAMPLES = os.path.join(ROOT, "examples")
# what fetch.py brings: its name there, and its place in the repository
FETCHED = {
    "smollm2": "models/SmolLM2-135M-Instruct.Q4_1.gguf",
    "minilm": "models/all-MiniLM-L6-v2",
    "llama.cpp": "build/llama.cpp",
    "llama": "build/llama",  # built from it: the library with its Python binding, and programs
    "llama-objects": "build/llama-objects",  # what the compiler left, for what is built later
    "qwen-coder": "models/Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf",
    "qwen-coder-1.5b": "models/Qwen2.5-Coder-1.5B-Instruct.Q4_K_M.gguf",
}


def of(part):
    """The path of a part of FETCHED, whether it is there or not."""
    return os.path.join(ROOT, FETCHED[part])


def fetched(part):
    """The path of a fetched part; UserError if it was not fetched."""
    if not os.path.exists(of(part)):
        raise cli.UserError(f"no {FETCHED[part]} here: run python fetch.py {part}")
    return of(part)


def llama_cpp():
    """The folder of llama.cpp's converters: LLAMA_CPP, else what fetch.py fetched; UserError if it is not there."""
    folder = os.environ.get("LLAMA_CPP") or of("llama.cpp")
    if not os.path.isfile(os.path.join(folder, "convert_hf_to_gguf.py")):
        raise cli.UserError(f"no llama.cpp in {folder}: run python fetch.py llama.cpp, or set LLAMA_CPP to a checkout")
    return folder


def cache():
    """The folder for what can be made again: in XDG_CACHE_HOME, else in ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME")
    if not home or not os.path.isabs(home):
        home = os.path.expanduser("~/.cache")
    return os.path.join(home, "llm_ts")
