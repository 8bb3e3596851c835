"""Run scripts in processes that have the large libraries loaded already: the tests start hundreds, and each load takes 7 s.

The script is run as ever: by its path, as __main__ of a process of its own, in its folder, with its arguments and its exit. Only
the libraries' modules come from the process that it is forked from. Where the environment is another one, which might change
what they do while they are loaded, or that process is not ready or busy, the script is started cold, as a user does.
"""

import contextlib
import functools
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import threading

LIBRARIES = (
    "numpy scipy.ndimage scipy.optimize pandas PIL.Image matplotlib.figure matplotlib.backends.backend_agg mistralai.client"
    " torch datasets transformers transformers.trainer peft trl sentence_transformers safetensors.torch gguf tqdm"
)


def run(command, cwd, env, timeout, cold=False):
    """What subprocess.run gives for a command of this Python, its output captured as text."""
    server = None if cold else _server(frozenset(env.items()))
    if server and server.lock.acquire(blocking=False):
        with contextlib.ExitStack() as held:
            held.callback(server.lock.release)
            if server.is_ready():
                return server.run(command[1:], cwd, timeout)
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout)


@functools.cache
def _server(env):
    """The Server of an environment: the first one that is asked for has one, others have none."""
    return None if _server.cache_info().misses > 1 else Server(dict(env))


class Server:
    """A process that has loaded LIBRARIES, and forks for each script; it ends with the one that started it."""

    def __init__(self, env):
        self.lock, self.ready = threading.Lock(), False
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True
        )

    def is_ready(self):
        self.ready = self.ready or bool(select.select([self.process.stdout], [], [], 0)[0] and self.process.stdout.readline())
        return self.ready

    def run(self, command, cwd, timeout):
        """As `run`, for a command without the Python in front of it."""
        with tempfile.TemporaryDirectory() as folder:
            files = [os.path.join(folder, name) for name in ("stdout", "stderr")]
            print(json.dumps({"command": command, "cwd": str(cwd), "files": files}), file=self.process.stdin, flush=True)
            if not select.select([self.process.stdout], [], [], timeout)[0]:
                self.process.kill()
                raise subprocess.TimeoutExpired(command, timeout)
            code = int(self.process.stdout.readline())
            return subprocess.CompletedProcess(command, code, *(pathlib.Path(file).read_text() for file in files))


def serve():
    """Fork for each command of stdin, and say its exit code on stdout -> in a child, its command."""
    import gc
    import importlib

    answers = os.dup(1)
    os.dup2(2, 1)  # what a library prints while it is loaded is no answer
    for name in LIBRARIES.split():
        importlib.import_module(name)
    gc.freeze()  # what the children do not touch stays shared
    os.write(answers, b"ready\n")
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            os.close(answers)
            os.chdir(asked["cwd"])
            for number, path in ((0, os.devnull), *enumerate(asked["files"], start=1)):
                file = os.open(path, os.O_RDWR | os.O_CREAT)
                os.dup2(file, number)
                os.close(file)
            return asked["command"]
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(answers, f"{code}\n".encode())
    sys.exit()


if __name__ == "__main__":
    import runpy

    command = serve()
    if command[0] == "-m":
        sys.path[0], sys.argv = os.getcwd(), command[1:]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.path[0], sys.argv = os.path.dirname(command[0]), command
        runpy.run_path(command[0], run_name="__main__")
