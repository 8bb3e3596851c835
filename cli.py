"""How every script here starts and fails: one line and an exit code, never a traceback for a user's mistake.

Run: no command of its own; each script ends with `cli.run(main)`.
"""

import argparse
import os
import re
import signal
import sys

USER_ERROR = 2  # exit code of a user's mistake, and of a full disk
INTERRUPTED = 130  # exit code after Ctrl-C: 128 + SIGINT, as shells have it

DISK = re.compile(r"I/O error|os error \d+|PytorchStreamWriter")  # how safetensors and torch say "disk full"


class UserError(Exception):
    """A mistake that the user can mend; its message is one line that says what to do."""


class Parser(argparse.ArgumentParser):
    """argparse, with its errors in one line (the usage stays in --help)."""

    def __init__(self, doc, **kwargs):
        super().__init__(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def error(self, message):
        raise UserError(f"{message} (see --help)")


def count(text):
    """argparse type: a whole number of 0 or more."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def positive(text):
    """argparse type: a whole number of 1 or more."""
    if count(text) == 0:
        raise argparse.ArgumentTypeError("0 is too few: give 1 or more")
    return int(text)


def positive_float(text):
    """argparse type: a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def share(text):
    """argparse type: a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def folder(text):
    """argparse type: a folder, or a name that may be one, without the slashes at its end that mean nothing."""
    return text.rstrip(os.sep) or text


def refuse_overwriting(output, *inputs):
    """Raise UserError where an output file is one of the inputs, by whatever name."""
    for path in inputs:
        if path and output and os.path.realpath(output) == os.path.realpath(path):
            raise UserError(f"{output} is read and would be overwritten: give the output another name")


def print_settings(args):
    """Print every flag's value, as `name: value`, before the work starts."""
    for name, value in sorted(vars(args).items()):
        print(f"{name}: {value}")
    print(flush=True)


def run(main, argv=None):
    """Call main(argv) and turn its failures into one line and an exit code.

    Exit codes: 0 done; 2 the user's mistake or the system's refusal (no such file, disk full);
    130 Ctrl-C; anything else is a bug of ours and keeps its traceback.
    """
    script = os.path.basename(sys.argv[0])
    try:
        code = main(argv)
        sys.stdout.flush()
    except UserError as error:
        one_line = " ".join(str(error).split())
        print(f"{script}: {one_line}", file=sys.stderr)
        code = USER_ERROR
    except KeyboardInterrupt:
        print(f"{script}: stopped; what was finished is saved, run the same command to go on", file=sys.stderr)
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of our output (head, less) went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 128 + signal.SIGPIPE
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else (error.strerror or str(error))
        print(f"{script}: {what}", file=sys.stderr)
        code = USER_ERROR
    except Exception as error:
        if not DISK.search(str(error)):
            raise
        print(f"{script}: could not write a model file: {str(error).splitlines()[0][:200]}", file=sys.stderr)
        code = USER_ERROR
    sys.exit(code)
