"""How every script starts, shows its progress and fails: a user's mistake gives one line and an exit code, no traceback.

Each script ends with `cli.run(main)`.
"""

import argparse
import contextlib
import os
import re
import signal
import sys
import tempfile
import time

# Waiting threads must not hold a core that others want: beside one busy process on 2 cores, an
# answer took 3.5 s instead of 0.45 (results/LOG.md). OpenMP reads this once, when torch or llama.cpp
# is loaded; no script does that before this line.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# exit codes; 0: done
USER_ERROR = 2  # a user's mistake, or a full disk
REQUEUE = 75  # saved, run me again: EX_TEMPFAIL of sysexits.h
INTERRUPTED = 130  # after Ctrl-C: 128 + SIGINT, as shells have it

LINE_EVERY = 10.0  # seconds between two lines of progress in a log

MEMORY = re.compile(r"can't allocate memory|bad_alloc|Cannot allocate memory")  # how torch and Arrow say it
DISK = re.compile(r"I/O error|os error \d+|PytorchStreamWriter|requested and \d+ written")  # how safetensors, torch and numpy say it


class UserError(Exception):
    """A mistake that the user can correct; its message is one line that says what to do."""


def older(where, what):
    """The UserError for a file of an older form. what: that it does not say, "its question"."""
    return UserError(f"{where} does not say {what}: an older version wrote it; make it again")


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


def port(text):
    """argparse type: the number of a port; 0: any that is free."""
    number = count(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: give 0 to 65535")
    return number


def _number(text):
    """A text -> its number; NaN, which no range holds, where it is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def positive_float(text):
    """argparse type: a finite number above 0."""
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def share(text):
    """argparse type: a number from 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def name(text):
    """argparse type: a name for files and settings: letters, digits, dots and dashes."""
    if not re.fullmatch(r"\w[\w.-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of letters, digits, dots and dashes")
    return text


def shard(text):
    """ "2/8" -> (2, 8): shard 2 of 0..7."""
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
    if not found or int(found[1]) >= int(found[2]):
        raise UserError(f"--shard {text}: give number/count, the first being 0/count")
    return int(found[1]), int(found[2])


def folder(text):
    """argparse type: a folder, or a name that may be one, without slashes at its end."""
    return text.rstrip(os.sep) or text


def refuse_overwriting(output, *inputs):
    """UserError if an output file is one of the inputs, by whatever name."""
    for path in inputs:
        if path and output and os.path.realpath(output) == os.path.realpath(path):
            raise UserError(f"{output} is an input and would be overwritten: give the output another name")


def visible(text):
    """Foreign text for a terminal: control characters and escape sequences are spelt out."""
    return "".join(c if c.isprintable() or c == " " else repr(c)[1:-1] for c in text)


def print_settings(args):
    """Print every flag's value, as `name: value`, before the work starts."""
    for name, value in sorted(vars(args).items()):
        print(f"{name}: {value}")
    print(flush=True)


class Progress:
    """How far long work has come: a bar with the time left on a terminal, a line now and then in a log.

    with Progress("plots", 220) as bar: bar.step()

    every: seconds between two lines in a log.
    """

    open = []  # bars on the terminal, the last one on top

    def __init__(self, what, total, every=LINE_EVERY):
        self.what, self.total, self.every, self.done, self.bar = what, total, every, 0, None
        self.start = self.said = time.monotonic()
        if sys.stderr.isatty() and os.environ.get("RANK", "0") == "0":  # of several processes, one speaks
            from tqdm import tqdm

            self.bar = tqdm(total=total, desc=what, dynamic_ncols=True, leave=False)
            Progress.open.append(self.bar)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        if self.bar in Progress.open:
            Progress.open.remove(self.bar)
            self.bar.close()

    def step(self, more=1):
        """So many more are done."""
        self.done += more
        now = time.monotonic()
        if self.bar is not None:
            self.bar.update(more)
        elif now - self.said >= self.every:
            self.said = now
            print(f"{self.what}: {self.done} of {self.total}, {now - self.start:.0f} s", flush=True)


def say(text):
    """Print a text without breaking a progress bar."""
    if Progress.open:
        Progress.open[-1].write(text, file=sys.stdout)
    else:
        print(text, flush=True)


@contextlib.contextmanager
def quiet():
    """Keep back what libraries write to stderr while they load; it is shown if they fail for an unknown reason."""
    try:
        stderr = os.dup(2)
    except OSError:  # closed: nobody listens
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        except UserError:
            failed = False
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            if failed:
                said.seek(0)
                os.write(2, said.read())


def run(main, argv=None):
    """Call main(argv) and turn its failures into one line and an exit code.

    Exit codes: 0 done; 2 the user's mistake or the system's refusal (no such file, disk full); 75 saved, run it again;
    130 Ctrl-C; anything else is a bug of ours and keeps its traceback.
    """
    script = os.path.basename(sys.argv[0])
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # if the terminal lacks a letter, it is spelt out

    def fail(text, code):
        for bar in Progress.open:
            bar.close()
        print(f"{script}: {visible(text)}", file=sys.stderr)
        return code

    try:
        code = main(argv)
        sys.stdout.flush()
    except UserError as error:
        code = fail(" ".join(str(error).split()), USER_ERROR)
    except KeyboardInterrupt as stopped:  # one that was raised again may say what became of the work
        code = fail(str(stopped) or "stopped; what was finished is saved, run the same command to go on", INTERRUPTED)
    except BrokenPipeError:  # the reader of our output (head, less) went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 128 + signal.SIGPIPE
    except OSError as error:
        code = fail(f"{error.filename}: {error.strerror}" if error.filename else (error.strerror or str(error)), USER_ERROR)
    except Exception as error:
        if isinstance(error, MemoryError) or MEMORY.search(str(error)):
            sys.exit(fail("this machine has too little memory: close other programs, or take a smaller model or file", USER_ERROR))
        if not DISK.search(str(error)):
            raise
        code = fail(f"could not write a model file: {str(error).splitlines()[0][:200]}", USER_ERROR)
    sys.exit(code)
