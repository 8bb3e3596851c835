"""Running a program in a folder: alone, or with one script for all plots."""

import os
import subprocess

import numpy as np

from llm_ts.base import cli

PATIENCE = 600  # seconds for a batch, which takes some 2 to 5


def write(path, lines):
    """Write lines to a file."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _write_table(plot, path):
    """A line for each point: time and value."""
    x = np.datetime_as_string(plot.x) if plot.dated else [f"{number:.10g}" for number in plot.x]
    write(path, [f"{time} {value:.10g}" for time, value in zip(x, plot.y)])


def by_one_script(batch, folder, head, lines_of, command):
    """Write each plot's numbers and one script for all, lines_of(k, plot, rng) after its head, and run it."""
    script = [*head]
    for number, (plot, rng) in enumerate(batch):
        _write_table(plot, os.path.join(folder, f"{number}.dat"))
        script += lines_of(number, plot, rng)
    write(os.path.join(folder, "script"), script)
    return call([*command, "script"], folder)


def call(command, folder):
    """Run a program in a folder, in English and in UTC -> the finished process, with its output as text."""
    try:
        env = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise cli.UserError(f"{os.path.basename(command[0])} drew for {PATIENCE} s without an end: run it again") from None
