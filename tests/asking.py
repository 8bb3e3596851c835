"""mistral.py as a program, for tests: a run whose outcome is checked for what holds of any run. Its rows: `folder` in conftest.py."""

import os
import subprocess
import sys

from mistral_server import KEY

from llm_ts import records

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COUNT = 12
ENV = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and "MISTRAL" not in name}
QUICK = ("--timeout", "5")
# mistral.py, but impatient: seconds before it asks again, and between two looks at a batch
CODE = """\
import mistral
from llm_ts import cli
from llm_ts.teacher import mistral_batch, pace
pace.BACKOFF, mistral_batch.POLL = {backoff}, 0.05
cli.run(mistral.main)
"""


def write(folder, rows):
    (folder / "data.jsonl").write_text("".join(records.encode(row) + "\n" for row in rows))


def rows_of(folder):
    return records.read(str(folder / "data.jsonl"))


def start(folder, *flags, key=KEY, backoff=0.01, **env):
    env = {**ENV, "PYTHONPATH": ROOT, **env, **({"MISTRAL_API_KEY": key} if key else {})}
    command = [sys.executable, "-c", CODE.format(backoff=backoff), *flags]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


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
