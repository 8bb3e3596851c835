"""Scripts called in this process: loading torch and its kin for each of a thousand runs would take an hour.

A script is called by its main(), through cli.run, in its folder, with its environment, and what it writes is taken at the file
descriptors, so that what C writes counts too. All that it changed for its own process is put back afterwards. A process of its
own it gets where a test is about one: kills, signals, torchrun, what a start loads, warnings on stderr.
"""

import contextlib
import importlib
import os
import signal
import sys
import tempfile
import warnings
from typing import NamedTuple

from llm_ts.base import cli, disk

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@contextlib.contextmanager
def _taken(number, name, encoding):
    """Take what is written to a descriptor and to its stream in sys -> a list, which holds the text in the end."""
    said, stream, kept = [], getattr(sys, name), os.dup(number)
    stream.flush()
    with tempfile.TemporaryFile("w+", encoding=encoding) as file, open(number, "w", encoding=encoding, closefd=False) as ours:
        os.dup2(file.fileno(), number)
        setattr(sys, name, ours)
        try:
            yield said
        finally:
            ours.flush()
            setattr(sys, name, stream)
            os.dup2(kept, number)
            os.close(kept)
            file.seek(0)
            said.append(file.read())


@contextlib.contextmanager
def _put_back():
    """What a script may change of its process is afterwards as it was."""
    folder, environment, argv, stdin, locks = os.getcwd(), dict(os.environ), sys.argv, sys.stdin, disk.locks
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    try:
        with warnings.catch_warnings(), open(os.devnull) as sys.stdin:
            yield
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv, sys.stdin, disk.locks = argv, stdin, locks
        for number, handler in handlers.items():
            signal.signal(number, handler)


def call(script, arguments, cwd, env):
    """Run "curate.py", or the module "experiments.report" -> Done. env: all of its environment."""
    name = script.removesuffix(".py")
    encoding = env.get("PYTHONIOENCODING", "utf-8")
    with _put_back():
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)
        with _taken(1, "stdout", encoding) as out, _taken(2, "stderr", encoding) as err:
            module = importlib.import_module(name)
            sys.argv = [module.__file__, *map(str, arguments)]
            try:
                cli.run(module.main, sys.argv[1:])
            except SystemExit as end:
                code = end.code or 0
    return Done(code, *out, *err)
