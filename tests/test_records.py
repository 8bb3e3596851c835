"""data.jsonl: round trips, torn and broken lines, one writer at a time, atomic rewriting."""

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from conftest import ROOT, run_script

from llm_ts import question
from llm_ts.base import cli, disk
from llm_ts.data import records

ROWS = [{"id": f"ou_{k:06d}", "series": [0, k, 99], "gold": {"trend": 'é "quoted"\nnew line'}} for k in range(5)]


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "data.jsonl")


def fill(path, rows=ROWS):
    with records.writing(path, create=True) as data:
        data.append(b"".join(map(records.line_of, rows)))


def test_round_trip(path):
    fill(path)
    assert records.read(path) == ROWS
    with records.writing(path) as data:
        with data.replacing() as out:
            out.writelines(map(records.line_of, data))
        data.append(records.line_of({"id": "last"}))
        data.index()
        assert list(data) == [*ROWS, {"id": "last"}]
        with data.replacing() as out:
            out.writelines(map(records.line_of, ROWS))
    assert records.read(path) == ROWS
    assert open(path, encoding="utf-8").read().count("\n") == len(ROWS)


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_last_line_is_reported_dropped_and_cut_off_before_appending(path, cut, capsys):
    fill(path)
    whole = open(path, "rb").read()
    open(path, "wb").write(whole[:-cut])
    if cut > 1:  # without its newline alone the line is whole
        assert records.read(path) == ROWS[:-1]
        assert "torn" in capsys.readouterr().err
    fill(path, [ROWS[-1]])
    assert open(path, "rb").read() == whole if cut > 1 else records.read(path) == ROWS


def test_missing_empty_and_folder(path, tmp_path):
    with pytest.raises(cli.UserError, match="run ou_process.py first"):
        records.read(path)
    open(path, "w").close()
    with pytest.raises(cli.UserError, match="is empty"):
        records.read(path)
    with pytest.raises(cli.UserError, match="is a folder"):
        records.read(str(tmp_path))


@pytest.mark.parametrize("more", ["", " with data.replacing() as out: out.writelines(map(records.line_of, data))\n"])
def test_a_second_writer_is_refused_and_a_killed_one_leaves_no_lock(path, more):
    """Also where the first has replaced the file by another one."""
    fill(path)
    code = (
        f"import time\nfrom llm_ts.data import records\nwith records.writing({path!r}) as data:\n{more}"
        " print('held', flush=True)\n time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(cli.UserError, match="another run"):
        fill(path)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    fill(path)


def test_a_kill_during_appending_loses_at_most_the_last_line(path):
    code = (
        f"from llm_ts.data import records\nwith records.writing({path!r}, create=True) as data:\n"
        " for k in range(10**9):\n  data.append(records.line_of({'id': f'r{k}', 'text': 'x' * 5000}))"
    )
    for _ in range(3):
        before = os.path.getsize(path) if os.path.exists(path) else 0
        writer = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
        while not os.path.exists(path) or os.path.getsize(path) <= before:
            assert writer.poll() is None, "it ended before it wrote"
            time.sleep(0.01)
        time.sleep(0.1)
        writer.kill()
        writer.wait()
        found = records.read(path)
        assert [row["id"] for row in found] == [f"r{k}" for k in range(len(found))]
        assert len(found) > 10


def test_a_failed_rewrite_leaves_the_old_file_and_no_litter(path, tmp_path):
    fill(path)
    before = open(path, "rb").read()
    with pytest.raises(ValueError), records.writing(path) as data, data.replacing() as out:
        out.write(records.line_of({"id": "a", "value": float("nan")}))
    assert open(path, "rb").read() == before
    assert os.listdir(tmp_path) == ["data.jsonl"]


def test_requirements_on_fields(path):
    with pytest.raises(cli.UserError, match="ou_000000 has no 'truth': run x.py first"):
        records.require(ROWS, "truth", path, "x.py")
    for bad in ([1, 2.5], [0, 100], "01", [True, 1], []):
        with pytest.raises(cli.UserError, match="not a list of integers|no 'series'"):
            records.require([{"id": "a", "series": bad}], "series", path, "x.py")


def test_a_rows_question_says_what_its_fields_hold(path):
    series = [0, 50, 99, 50] * 4
    asked = question.named("trend,noise,extrema,season")
    row = {"id": "a", "question": asked.name, "series": series, "truth": asked.truth_of(series)}
    row["gold"] = dict(row["truth"]["sentences"])
    for field in ("truth", "gold"):
        records.require([row], field, path, "x.py")
        records.require([{**row, "question": "study"}], field, path, "x.py")  # it has more than it needs
    study = question.STUDY.truth_of(series)
    for field, value, why in (
        ("truth", study, "its truth is not a whole truth by version 2 of the rules"),
        ("gold", study["sentences"], "its gold is not the four sentences"),
        ("question", "drift", "row a: asks the question 'drift', which this version does not know"),
    ):
        with pytest.raises(cli.UserError, match=why):
            records.require([{**row, field: value}], "gold" if field == "question" else field, path, "x.py")


def test_json_files_are_atomic(tmp_path):
    path = str(tmp_path / "a" / "x.json")
    disk.write_json(path, {"a": 1})
    assert disk.read_json(path, "x.py") == {"a": 1}
    with pytest.raises(ValueError):
        disk.write_json(path, {"a": float("inf")})
    assert json.load(open(path)) == {"a": 1} and os.listdir(tmp_path / "a") == ["x.json"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "far" / "real.json")
    for number in (1, 2):
        disk.write_json(str(tmp_path / "link.json"), {"number": number})
    assert (tmp_path / "link.json").is_symlink() and disk.read_json(str(tmp_path / "far" / "real.json"), "x") == {"number": 2}
    assert [path.name for path in (tmp_path / "far").iterdir()] == ["real.json"]


@pytest.mark.parametrize("text", ['{"a": 1e999}', '{"a": NaN}', '{"a": "\\ud800"}', "[1]", "{", "[" * 100_000])
def test_json_that_could_not_be_written_again_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(cli.UserError, match="a.json"):
        disk.read_json(str(tmp_path / "a.json"), "x")


def test_what_a_killed_run_left_is_swept_and_what_lives_stays(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    host = socket.gethostname()
    stay = [f"b.png.tmp{host}-{os.getpid()}", f"c.png.tmpelsewhere-{dead.pid}", "d.png"]
    for name in (f"a.png.tmp{host}-{dead.pid}", f"e.tmp{host}-{'9' * 30}", *stay):
        (tmp_path / name).write_text("x")
    (tmp_path / f"folder.tmp{host}-{dead.pid}").mkdir()
    disk.sweep(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == stay
    disk.sweep(str(tmp_path / "nowhere"))


def test_a_file_system_without_locks_is_one_line_and_can_be_overruled(tmp_path, monkeypatch):
    def flock(*arguments):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", flock)
    flags = ("--count", "2", "--points", "16", "--dataset", "none")
    said = run_script("ou_process.py", *flags, cwd=tmp_path, code=2).stderr
    assert "has no locks" in said and "--no-lock" in said and not (tmp_path / "data.jsonl").exists()
    run_script("ou_process.py", *flags, "--no-lock", cwd=tmp_path)
    assert len(records.read(str(tmp_path / "data.jsonl"))) == 2


def test_a_byte_order_mark_of_an_editor_does_no_harm(path):
    fill(path)
    content = open(path, "rb").read()
    for mark in (content, content[:-1]):
        open(path, "wb").write(b"\xef\xbb\xbf" + mark)
        with records.writing(path) as data:
            data.append(records.line_of({**ROWS[0], "gold": {"trend": "new"}}))
        assert [row["gold"]["trend"] for row in records.read(path)] == ["new"] + [ROWS[0]["gold"]["trend"]] * 4
