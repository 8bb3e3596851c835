"""Progress on a terminal and in a log, and libraries' chatter: held back while all goes well, shown where it does not.

Needs: models/ for describe.py (python fetch.py smollm2).
"""

import os
import pty
import subprocess
import sys
import termios

import pytest
from conftest import ROOT, run_script

from llm_ts.base import cli


def on_a_terminal(script, *arguments, cwd, code=0):
    """What a script writes where its stderr is a terminal: (stdout, stderr)."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    command = [sys.executable, os.path.join(ROOT, script), *map(str, arguments)]
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    out = process.communicate(timeout=60)[0]
    os.close(ours)
    assert process.returncode == code, shown
    return out.decode(), shown.decode()


def test_a_person_sees_a_bar_with_the_time_left_and_a_log_does_not(tmp_path):
    flags = ("--count", 60, "--points", 32)
    out, shown = on_a_terminal("ou_process.py", *flags, cwd=tmp_path)
    assert "series:" in shown and "/60 [" in shown and "<" in shown  # tqdm: done/total [elapsed<left, rate]
    assert "rows: 60" in out and "/60 [" not in out
    logged = run_script("ou_process.py", *flags, "--data", "b.jsonl", "--dataset", "b", cwd=tmp_path)
    assert logged.stderr == "" and "/60 [" not in logged.stdout and "rows: 60" in logged.stdout


def test_a_log_gets_a_line_now_and_then(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(cli.time, "monotonic", lambda: now[0])
    with cli.Progress("answers", 50) as bar:
        for _ in range(50):
            now[0] += 1.0
            bar.step()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "answers: 10 of 50, 10 s" and lines[-1] == "answers: 50 of 50, 50 s" and len(lines) == 5


def test_in_a_log_what_is_said_is_a_line(capsys):
    with cli.Progress("answers", 2):
        cli.say("ou_000001: no connection")
    assert capsys.readouterr().out == "ou_000001: no connection\n"


def test_a_failure_below_a_bar_is_one_clean_line(tmp_path):
    """On a terminal: the bar is gone when the line comes, and what was said on the way stands in lines of its own."""
    code = (
        f"import sys; sys.path.insert(0, {ROOT!r}); from llm_ts.base import cli\n"
        "def main(argv):\n"
        "    with cli.Progress('answers', 3) as bar:\n"
        "        bar.step()\n"
        "        cli.say('said')\n"
        "        raise cli.UserError('no key')\n"
        "cli.run(main)"
    )
    (tmp_path / "fails.py").write_text(code)
    out, shown = on_a_terminal(str(tmp_path / "fails.py"), cwd=tmp_path, code=2)
    assert out == "said\n" and "1/3 [" in shown
    line = shown.split("\r")[-2] if shown.endswith("\r\n") else shown.split("\r")[-1]
    assert line.strip() == "fails.py: no key", repr(shown)


def chatter(fails):
    """A script that chatters to stderr inside quiet(), from Python and from below, and then fails as it is told."""
    return (
        f"import os, sys; sys.path.insert(0, {ROOT!r}); from llm_ts.base import cli\n"
        "def main(argv):\n"
        "    with cli.quiet():\n"
        "        print('chatter', file=sys.stderr)\n"
        "        os.write(2, b'from C\\n')\n"
        f"        {fails}\n"
        "    print('after', file=sys.stderr)\n"
        "cli.run(main)"
    )


@pytest.mark.parametrize(
    ("fails", "code", "said"),
    [
        ("pass", 0, ["after"]),
        ("raise cli.UserError('no model: fetch one')", 2, ["-c: no model: fetch one"]),
        ("raise RuntimeError('a bug')", 1, ["chatter", "from C", "RuntimeError: a bug"]),
    ],
)
def test_chatter_is_shown_only_where_we_cannot_explain_the_failure(fails, code, said):
    done = subprocess.run([sys.executable, "-c", chatter(fails)], capture_output=True, text=True)
    lines = done.stderr.splitlines()
    assert done.returncode == code and [line for line in said if line not in lines] == []
    assert code == 1 or lines == said


def test_no_escape_sequence_of_a_files_name_reaches_the_terminal(tmp_path):
    (tmp_path / "red\x1b[31m.png").write_text("no picture")
    said = run_script("describe.py", "--image", "red\x1b[31m.png", cwd=tmp_path, code=2).stderr
    assert "\x1b" not in said and r"red\x1b[31m.png is no picture" in said
