"""A library that stands before llama.cpp's real one, and may die on purpose where that answers.

Only the real library computes. The shim's own llama_decode is an illegal instruction, as the first
product of a build for another processor is: it loads and quantises, and then the process is gone.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import time

import pytest
import requests

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


@contextlib.contextmanager
def serving(command, folder, **env):
    """The address of the llama-server that a command starts, in which PORT stands for a port of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    env = {**os.environ, "LLAMA_ARG_THREADS": "1", "OMP_WAIT_POLICY": "passive", **env}  # this machine may have other work
    log, url = folder / f"log-{port}", f"http://127.0.0.1:{port}"
    with open(log, "w") as out:
        process = subprocess.Popen([port if word == "PORT" else word for word in command], cwd=folder, env=env, stdout=out, stderr=out)
        try:
            for _ in range(1200):
                with contextlib.suppress(requests.ConnectionError):
                    if requests.get(f"{url}/health", timeout=60).status_code == 200:
                        break
                assert process.poll() is None, log.read_text()[-2000:]
                time.sleep(0.1)
            yield url
            assert process.poll() is None, "the server did not live to the end"
        finally:
            process.kill()
            process.wait()
