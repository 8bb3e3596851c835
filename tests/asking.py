"""mistral.py against a server: a run whose outcome is checked for what holds of any run. Its rows: `folder` in conftest.py."""

import os
import subprocess
import sys

import calling
import pytest
from mistral_server import KEY

from llm_ts.teacher import pace

ROOT = calling.ROOT
COUNT = 12
ENV = {name: value for name, value in os.environ.items() if "proxy" not in name.lower() and "MISTRAL" not in name}
QUICK = ("--timeout", "5")
# mistral.py, but impatient: seconds before it asks again
CODE = """\
import mistral
from llm_ts.base import cli
from llm_ts.teacher import pace
pace.BACKOFF = {backoff}
cli.run(mistral.main)
"""


def environment(key, env):
    return {**ENV, **env, **({"MISTRAL_API_KEY": key} if key else {})}


def start(folder, *flags, key=KEY, backoff=0.01, **env):
    """mistral.py as a process of its own, for those that are killed, struck, or run beside another."""
    command = [sys.executable, "-c", CODE.format(backoff=backoff), *flags]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env={"PYTHONPATH": ROOT, **environment(key, env)}, **pipes)


def finish(process, folder, code, seconds=60):
    """Wait for the process and return what `checked` does."""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return checked(calling.Done(process.returncode, out, err), folder, code)


def checked(done, folder, code):
    """(stdout, stderr, counts) of a run; the key is nowhere, and an error is one line."""
    found, out, err = done
    assert found == code, out + err
    assert "Traceback" not in err
    assert err.count("\n") == (1 if code else 0), err
    files = [path for path in folder.rglob("*") if path.is_file()]
    for content in (out.encode(), err.encode(), *(path.read_bytes() for path in files)):
        assert KEY.encode() not in content
    assert not [path for path in files if ".tmp" in path.name]
    counts = dict(line.split(": ", 1) for line in out.splitlines()[-9:] if ": " in line)
    return out, err, counts


def run(folder, *flags, code=0, key=KEY, backoff=0.01, **env):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "BACKOFF", backoff)
        return checked(calling.call("mistral.py", (*QUICK, *flags), folder, environment(key, env)), folder, code)


def ask(folder, server, *flags, code=0, **more):
    result = run(folder, "--server-url", server.url, *flags, code=code, **more)
    assert server.problems == []
    return result
