"""Long files: rows read and written one after another; kills."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, run_script
from described import bytes_of

import convert
import curate
import mistral
import ou_process
from llm_ts.base import cli
from llm_ts.data import records

COUNT, POINTS = 2500, 16  # three pieces of work
STAGES = {
    "ou_process.py": ("--count", COUNT, "--points", POINTS, "--dataset", "none"),
    "mistral.py": ("--dryrun", "--dataset", "none"),
    "curate.py": (),
    "convert.py": ("--diagnostics", "0",),
}
MAINS = {"ou_process.py": ou_process.main, "mistral.py": mistral.main, "curate.py": curate.main, "convert.py": convert.main}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder in which all stages ran; {stage: its files after it}. Run again, they change nothing."""
    folder, after = tmp_path_factory.mktemp("whole"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for script, flags in STAGES.items():
            MAINS[script](list(map(str, flags)))
            after[script] = bytes_of(folder)
        for script, flags in STAGES.items():
            MAINS[script](list(map(str, flags)))
        ou_process.main(["--truth"])
        assert bytes_of(folder) == after["convert.py"]
    return after


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.slow
def test_killed_at_random_moments_the_stages_end_with_the_same_bytes(whole, tmp_path, kind):
    rng, killed = random.Random(kind), 0
    env = {**os.environ, "PYTHONPATH": ROOT}
    free = tmp_path / "undisturbed"
    free.mkdir()
    for script, flags in STAGES.items():
        command = [sys.executable, os.path.join(ROOT, script), *map(str, flags)]
        began = time.monotonic()
        subprocess.run(command, cwd=free, env=env, check=True, capture_output=True)
        takes = time.monotonic() - began
        for _ in range(2):
            process = subprocess.Popen(
                command, cwd=tmp_path, env=env, start_new_session=True, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            time.sleep(takes * rng.uniform(0.3, 0.9))
            process.send_signal(kind)
            said = process.communicate(timeout=60)[1]
            killed += process.returncode != 0
            assert "being written" not in said
            if kind == signal.SIGINT and process.returncode == 130:
                assert len(said.strip().splitlines()) == 1, said
        run_script(script, *flags, cwd=tmp_path)
        left = [name for name in os.listdir(tmp_path) if ".tmp" not in name and name != free.name]
        assert {name: (tmp_path / name).read_bytes() for name in left} == whole[script], script
    assert killed >= 3


def random_file(path, rng):
    """Rows in which ids come again, between blank lines, the id in any place; perhaps without the last newline."""
    lines = []
    for _ in range(rng.randrange(1, 60)):
        name = "é" if rng.random() < 0.2 else "a_"
        row = {"id": f"{name}{rng.randrange(20)}", "text": "x\n" * rng.randrange(4)}
        if rng.random() < 0.2:
            row = dict(reversed(row.items()))
        lines.append(records.encode(row) + ("\n\n" if rng.random() < 0.1 else "\n"))
    text = "".join(lines)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text[: -1 if rng.random() < 0.5 else None])


def rows_in(path):
    """The rows of a file by another way: all lines at once."""
    with open(path, encoding="utf-8") as file:
        return list({row["id"]: row for row in map(json.loads, filter(str.strip, file))}.values())


def test_rows_are_those_of_reading_the_whole_file(tmp_path):
    path, rng = str(tmp_path / "data.jsonl"), random.Random(5)
    for _ in range(150):
        random_file(path, rng)
        expected = rows_in(path)
        with records.reading(path) as data:
            assert len(data) == len(expected) and data.read([len(data) - 1]) == expected[-1:] and list(data) == expected
            assert data.read(range(0, len(data), 2)) == expected[::2]
        with records.writing(path) as data:
            data.append(b'{"id": "last"}\n')
        assert rows_in(path) == records.read(path) == [*expected, {"id": "last"}]


def test_broken_lines_are_named_wherever_they_stand(tmp_path, capsys):
    path = tmp_path / "data.jsonl"
    lines = ['{"id": "a", "n": 1}', '{"id": "b", "n": 1}', '{"id": "a", "n": 2}']

    def reading(*lines, end="\n"):
        path.write_text("\n".join(lines) + end)
        with records.reading(str(path)) as data:
            return list(data)

    assert [row["n"] for row in reading(*lines)] == [2, 1]
    for broken in ('{"id": "a", "n": }', '{"id": "a", "n": NaN}', '["id"]', '{"n": 1}', '{"id": 3}', '{"id": "a", "id": 5}', '{"id": "c"', "\0"):
        for place in range(3):  # one that does not count any more is no better
            with pytest.raises(cli.UserError, match=rf"data\.jsonl, line {place + 1}: not"):
                reading(*lines[:place], broken, *lines[place:])
    before = path.read_bytes()
    with pytest.raises(cli.UserError, match="line 3: not"), records.writing(str(path)) as data:
        data.append(b'{"id": "d"}\n')
    assert path.read_bytes() == before
    assert [row["n"] for row in reading("\ufeff" + lines[0], *lines[1:])] == [2, 1]
    for end in ("", "\n"):  # as `cat a.jsonl b.jsonl` leaves them: the rows of a would be lost without a word
        with pytest.raises(cli.UserError, match="line 3: a again, with another series"):
            reading(*lines[:2], '{"id": "a", "series": [0, 99]}', end=end)
    with pytest.raises(cli.UserError, match="second id"):
        reading(*lines, '{"id": "a", "id": "b"}')
    assert [row["n"] for row in reading(*lines, '{"id": "b", "n"', end="")] == [2, 1]
    assert "torn last line" in capsys.readouterr().err
    with pytest.raises(cli.UserError, match="run x.py first"), records.reading(str(tmp_path / "no.jsonl"), "x.py"):
        pass


def test_a_failure_in_the_middle_leaves_the_old_file(whole, tmp_path):
    """The last row is broken: by then all others are curated, or converted."""
    good = whole["curate.py"]["data.jsonl"].splitlines(keepends=True)
    bad = b"".join([*good[:-1], good[-1].replace(b'"extrema": "', b'"extrema": 1, "was": "')])
    (tmp_path / "data.jsonl").write_bytes(bad)
    for script in ("curate.py", "convert.py"):
        assert f"ou_{COUNT - 1:06d}" in run_script(script, *STAGES[script], cwd=tmp_path, code=2).stderr
    assert os.listdir(tmp_path) == ["data.jsonl"]
    (tmp_path / "data.jsonl").write_bytes(b"".join([*good[:-1], good[-1].replace(b'"series": [', b'"series": [100, ')]))
    before = bytes_of(tmp_path)
    assert "not a list of integers" in run_script("ou_process.py", "--truth", cwd=tmp_path, code=2).stderr
    assert bytes_of(tmp_path) == before


def test_memory_does_not_grow_with_the_file(whole, tmp_path):
    """Eight times the rows under a limit that the whole file in memory would break."""
    rows = whole["curate.py"]["data.jsonl"]
    many = b"".join(rows.replace(b'"id": "ou_', b'"id": "%d_' % number) for number in range(8))
    code = (
        "import re, sys\nfrom llm_ts.data import records\n"
        # not ru_maxrss: it begins at what the process that started this one had
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\nbefore = peak()\n"
        "if sys.argv[1] == 'all':\n  found = records.read('many.jsonl')\n"
        "else:\n  with records.reading('many.jsonl') as data:\n    found = sum(map(len, data))\n"
        "print(peak() - before)"
    )
    (tmp_path / "many.jsonl").write_bytes(many)
    more = {}
    for way in ("all", "stream"):
        command = [sys.executable, "-c", code, way]
        env = {**os.environ, "PYTHONPATH": ROOT}
        more[way] = int(subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=True).stdout)
    assert 0 < more["stream"] < 0.3 * more["all"], more
