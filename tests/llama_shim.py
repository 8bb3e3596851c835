"""A library that stands before llama.cpp's real one, and may die on purpose where that answers.

Only the real library computes. The shim's own llama_decode is an illegal instruction, as the first
product of a build for another processor is: it loads and quantises, and then the process is gone.
"""

import os
import shutil
import subprocess

import pytest

from llm_ts.base import paths
from llm_ts.gguf import llama_library

REAL = paths.of("llama")
DIES = "int llama_decode(void *context, ...) { __builtin_trap(); }\n"


def need():
    """Skip where there is no build of llama.cpp, or no compiler to make a shim with."""
    if not llama_library.built():
        pytest.skip("build/llama is missing: python fetch.py llama.cpp")
    if not shutil.which("cc"):
        pytest.skip("a C compiler is missing")


def program(name):
    """The path of llama-server or llama-cli as fetch.py builds it; skips if it is not there."""
    path = os.path.join(REAL, name)
    if not os.path.isfile(path):
        pytest.skip(f"{path} is missing: python fetch.py llama-server")
    return path


def make(folder, code=""):
    """A folder with the binding and a libllama.so of this code, with the real one behind it."""
    os.makedirs(folder)
    os.symlink(os.path.join(REAL, "llama_cpp"), os.path.join(folder, "llama_cpp"))
    source = os.path.join(folder, "llama.c")
    with open(source, "w") as file:
        file.write(code)
    real = [os.path.join(REAL, "libllama.so"), f"-Wl,--no-as-needed,-rpath,{REAL}"]
    made = os.path.join(folder, "libllama.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", made, source, real[1], real[0]], check=True)
    return str(folder)
