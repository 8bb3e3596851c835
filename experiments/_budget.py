"""What comparisons at equal budget share: the budget itself, and the scripts that they call."""

import os
import signal
import subprocess
import sys

from llm_ts import cli, paths
from llm_ts.student import load


def of(args, names):
    """The budget of a comparison: what learns, and these flags. An adapter reads already: it is not called as its base is."""
    learner = load.name_of(args.model) + "-adapter" * load.is_adapter(args.model)
    return {"model": learner, **{name: getattr(args, name) for name in names}}


def check(path, kept, budget):
    """UserError if what a file keeps is of another budget: entries of two cannot be compared."""
    if kept != budget:
        raise cli.UserError(f"{path} is of another budget, {kept}: move it away first")


def call(folder, script, *flags):
    """Run one of the scripts in a folder; its failure is this one's. What would stop this script asks that one to save."""
    command = [sys.executable, os.path.join(paths.ROOT, script), *map(str, flags)]
    done = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    stops = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
    before = {name: signal.signal(name, lambda *_: done.terminate()) for name in stops}
    _, errors = done.communicate()
    for name, handler in before.items():
        signal.signal(name, handler)
    if done.returncode in (cli.REQUEUE, -signal.SIGTERM, cli.INTERRUPTED):  # Ctrl-C reaches the script itself too
        print(f"stopped in {script}; run the same command to go on")
        sys.exit(cli.REQUEUE)
    if done.returncode:
        said = (errors.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise cli.UserError(f"{said} (from {script}, called in {folder})")


def shown(word):
    """A word of a command as another machine may read it: paths from the repository, else the last part alone."""
    word = word.removeprefix(paths.ROOT + os.sep)
    return os.path.basename(word) if os.path.isabs(word) else word
