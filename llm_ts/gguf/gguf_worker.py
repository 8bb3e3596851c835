"""The process in which llama.cpp works, and the other end of its pipe.

llama.cpp can end its process without a word (an instruction that the processor lacks, a failed
assertion). So it has one of its own: a request is a line of JSON on its stdin, the reply one on its
stdout, and the process that asked turns a death into one line. The worker ends with that process,
whatever ends it: it then finds its stdin closed, between two tokens at the latest.
"""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import weakref

from llm_ts.base import cli, paths
from llm_ts.gguf import llama_library

START = """
import sys
sys.path.insert(0, sys.argv[1])
from llm_ts.gguf import gguf_worker
gguf_worker.serve()
"""
COMMAND = [sys.executable, "-P", "-c", START, paths.ROOT]
CONTEXT = 4096  # tokens of a prompt with a picture, and its answer
BESIDE = 64  # of the context that a model is loaded with, where texts are asked: they get their own


class Died(cli.UserError):
    """A library or program of llama.cpp does not run here: it died, was silent, or answered nonsense."""


class Worker:
    """llama.cpp in a process of its own. UserError where it dies, or refuses what it is asked.

    library: the folder of one that is tried, instead of llama_library.find's. seconds: of CPU, that
    its answers took so far.
    """

    def __init__(self, library=None):
        self.seconds, self._remedy = 0.0, "" if library else f": {llama_library.REMEDY}"
        self._said = tempfile.TemporaryFile()
        env = {**os.environ, **({"LLAMA_CPP_LIB_PATH": library} if library else {})}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._said}
        self._process = subprocess.Popen(COMMAND, env=env, **pipes)
        self.close = weakref.finalize(self, _end, self._process)

    def call(self, name, *arguments):
        """What serve's function of that name returns for these arguments, all as JSON has it."""
        try:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps([name, *arguments]).encode() + b"\n")
                self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BaseException:  # Ctrl-C among them: the next request must not get this one's reply
            self.close()
            raise
        if not line.endswith(b"\n"):  # it has died
            self.close()
            self._said.seek(0)
            said = self._said.read().decode("utf-8", "replace")
            raise death("llama.cpp", self._process.returncode, said, self._remedy)
        reply = json.loads(line)
        if "bug" in reply:
            raise RuntimeError(f"in llama.cpp's process:\n{reply['bug']}")
        if "refused" in reply:
            raise cli.UserError(reply["refused"])
        self.seconds += reply["seconds"]
        return reply["done"]


def death(what, code, said, remedy=""):
    """The UserError for a program of llama.cpp's, by its exit code (subprocess's) and its stderr.

    remedy: what to do where a signal ended it, as the end of the line.
    """
    if code == -signal.SIGKILL:
        return cli.UserError(f"{what} was killed, by hand or for want of memory: close other programs, or take a smaller model")
    if code < 0:
        reason = re.search(r".*(?:GGML_ASSERT|GGML_ABORT|what\(\)).*", said)
        why = f"; {cli.visible(reason[0].strip())[:200]}" if reason else ""
        return Died(f"{what} died ({signal.strsignal(-code)}{why}){remedy}")
    lines = [line for line in said.splitlines() if line.strip()] or ["no output"]
    return Died(f"{what} failed: {cli.visible(lines[-1])[:300]}")


def _end(process):
    """Let a worker go: it ends when its stdin does."""
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            pipe.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def serve():
    """Be the worker: reply to requests until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both, and is the other's to answer
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no reply
    opened = []

    def open_model(*arguments):
        opened[:] = [Model(*arguments)]

    functions = {
        "load": lambda: None,  # load() below has done it
        "open": open_model,
        "ask": lambda *arguments: opened[0].ask(*arguments, leave_if_alone),
        "quantise": quantise,
    }
    for line in sys.stdin.buffer:
        name, *arguments = json.loads(line)
        start = time.process_time()
        try:
            llama_library.load()
            reply = {"done": functions[name](*arguments), "seconds": time.process_time() - start}
        except cli.UserError as error:
            reply = {"refused": str(error)}
        except MemoryError:
            reply = {"refused": "too little memory: close other programs, or take a smaller model"}
        except Exception:
            reply = {"bug": traceback.format_exc()}
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()


def leave_if_alone():
    """End this process where the one that asked is gone.

    That one waits for a reply, so that nothing but the end of stdin can be there to be read.
    """
    with contextlib.suppress(OSError):  # a system whose select knows no pipes
        if select.select([0], [], [], 0)[0]:
            os._exit(0)


class Model:
    """A loaded .gguf file with adapters, in the worker. projector: its eyes' file, or None."""

    def __init__(self, path, adapters=(), projector=None):
        import llama_cpp
        from llama_cpp.llama_chat_format import MTMDChatHandler

        self.projector = projector
        try:
            handler = MTMDChatHandler(projector, verbose=False) if projector else None
            size = CONTEXT if projector else BESIDE
            self.llama = llama_cpp.Llama(path, n_ctx=size, verbose=False, chat_handler=handler)
        except (ValueError, RuntimeError) as error:
            raise cli.UserError(f"{path} is not a GGUF model that llama.cpp can load: {error}") from None
        except FileNotFoundError:  # the binding's, of libmtmd
            raise cli.UserError("pictures need more of llama.cpp than is built: run python fetch.py llama-server") from None
        self.adapters = []
        for name in adapters:  # the model frees them
            self.adapters.append(llama_cpp.llama_adapter_lora_init(self.llama._model.model, name.encode()))
            if not self.adapters[-1]:
                raise cli.UserError(f"{name} is no adapter for {path}")

    def ask(self, chats, max_tokens, before_step=lambda: None):
        """The greedy answers to chats.

        before_step: called before each of llama.cpp's steps, or before each picture.
        """
        from llm_ts.fast import gguf_batch

        if not self.projector:
            return gguf_batch.ask(self.llama, chats, max_tokens, self.adapters, before_step)
        answers = []
        for chat in chats:
            before_step()
            try:
                reply = self.llama.create_chat_completion(chat, temperature=0.0, max_tokens=max_tokens)
            except ValueError as error:  # the projector is only read now
                reason = str(error).splitlines()[0][:150]
                raise cli.UserError(f"llama.cpp cannot use {self.projector} with this model: {reason}") from None
            answers.append(reply["choices"][0]["message"]["content"].strip())
        return answers


def quantise(source, target, ftype):
    """Quantise a GGUF file by the function that llama-quantize calls. ftype: a type's number."""
    import ctypes

    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = ftype
    if llama_cpp.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)):
        raise cli.UserError(f"llama.cpp could not quantise to {target}: is the disk full?")
