"""mistral.py as a program, for tests: rows to ask about, and a run whose outcome is checked for what holds of any run.

The fixtures `made` and `folder` are known in every test file (conftest.py names this one).
"""

import os
import shutil
import subprocess
import sys

import pytest
from mistral_server import KEY

import ou_process
from llm_ts import cli, records
from llm_ts.series.rows import make

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COUNT = 12
ENV = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and "MISTRAL" not in name}
QUICK = ("--backoff", "0.01", "--timeout", "5")


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with data.jsonl of COUNT rows and their plots, as ou_process.py makes them."""
    folder = tmp_path_factory.mktemp("made")
    rows, paths = make(0, range(COUNT), 24)
    ou_process.write_dataset(rows, paths, str(folder / "dataset"), plots=True, bar=cli.Progress("series", COUNT))
    write(folder, rows)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    shutil.copytree(made, tmp_path / "work")
    return tmp_path / "work"


def write(folder, rows):
    (folder / "data.jsonl").write_text("".join(records.encode(row) + "\n" for row in rows))


def rows_of(folder):
    return records.read(str(folder / "data.jsonl"))


def command(*flags):
    return [sys.executable, os.path.join(ROOT, "mistral.py"), *flags]


def start(folder, *flags, key=KEY, **env):
    env = {**ENV, **env, **({"MISTRAL_API_KEY": key} if key else {})}
    return subprocess.Popen(command(*flags), cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process, folder, code, seconds=60):
    """Wait for the program and return (stdout, stderr, counts); the key is nowhere, and an error is one line."""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    assert process.returncode == code, out + err
    assert "Traceback" not in err
    assert err.count("\n") == (1 if code else 0), err
    files = [path for path in folder.rglob("*") if path.is_file()]
    for content in (out.encode(), err.encode(), *(path.read_bytes() for path in files)):
        assert KEY.encode() not in content
    assert not [path for path in files if ".tmp" in path.name]
    counts = dict(line.split(": ", 1) for line in out.splitlines()[-9:] if ": " in line)
    return out, err, counts


def run(folder, *flags, code=0, seconds=60, **kwargs):
    return finish(start(folder, *QUICK, *flags, **kwargs), folder, code, seconds)


def ask(folder, server, *flags, code=0, **kwargs):
    result = run(folder, "--server-url", server.url, *flags, code=code, **kwargs)
    assert server.problems == []
    return result
