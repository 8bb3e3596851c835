"""The shipped student through llama.cpp: many prompts side by side, the GGUF in the cache, and what stands in for it.

Needs: models/ and build/llama (python fetch.py smollm2 llama.cpp); else they skip aloud.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys

import pytest
from conftest import ROOT, run_script, wait_until

from llm_ts.base import cli, paths
from llm_ts.desk import shipped
from llm_ts.fast import gguf_batch
from llm_ts.gguf import gguf_worker, llama_library
from llm_ts.question import STUDY, messages_of
from llm_ts.student import load, origin
from llm_ts.student.student import Student

pytestmark = pytest.mark.slow

rng = random.Random(3)
PROMPTS = [STUDY.prompt_of([rng.randrange(100) for _ in range(n)], "thirds") for n in (16, 48, 16, 33, 20, 64, 9, 40, 24, 17, 31)]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "llm_ts"


@pytest.fixture(scope="module")
def made(adapter, tmp_path_factory):
    """The random adapter merged into the tiny model, as a GGUF."""
    path = str(tmp_path_factory.mktemp("made") / "tiny.gguf")
    shipped.make_gguf(str(adapter), path)
    return path


def test_answers_side_by_side_are_those_of_llama_cpps_own_chat(made):
    """Eleven prompts of nine lengths in slots of eight, against llama-cpp-python's chat completion, one after another."""
    llama_cpp = llama_library.load()
    with cli.quiet():
        plain = llama_cpp.Llama(made, n_ctx=2048, verbose=False, flash_attn=True)  # as llama.cpp chooses by itself
    told = dict(temperature=0.0, max_tokens=40)
    expected = [plain.create_chat_completion(messages_of(p), **told)["choices"][0]["message"]["content"].strip() for p in PROMPTS]
    student = Student(made)
    found = student.ask(PROMPTS, 40)
    assert len(set(expected)) > 5 and len(PROMPTS) > gguf_batch.SLOTS
    assert found == expected
    assert student.ask(PROMPTS[:3], 40) == found[:3] and student.ask(PROMPTS[4:5], 40) == found[4:5] and student.ask([], 40) == []
    with pytest.raises(cli.UserError, match="too long"):
        student.ask([STUDY.prompt_of([7] * 5000, "study")], 40)


def test_the_gguf_is_made_once_and_anew_when_anything_that_it_is_made_of_changes(adapter, cache, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(os.path.dirname(adapter), run)
    mine = str(run / "final")
    first = shipped.gguf_of(mine)
    assert os.path.dirname(first) == str(cache) and "first use" in capsys.readouterr().err
    made_at = os.stat(first).st_mtime_ns
    assert shipped.gguf_of(mine) == first and os.stat(first).st_mtime_ns == made_at and capsys.readouterr().err == ""
    assert origin.of(first) == origin.of(mine) and origin.of(first).format == "thirds"
    other = cache / "SomebodyElse-0123456789abcdef.gguf"
    other.write_bytes(b"")
    about = json.loads((run / "training.json").read_text())
    (run / "training.json").write_text(json.dumps({"task": {**about["task"], "points": [32, 33]}}))
    second = shipped.gguf_of(mine)
    assert sorted(os.listdir(cache)) == sorted([os.path.basename(second), other.name]) and second != first
    weights = next(path for path in (run / "final").iterdir() if path.suffix == ".safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert shipped.digest_of(mine)[:16] not in (os.path.basename(first), os.path.basename(second))
    assert shipped.gguf_of(mine) not in (first, second)


def test_two_at_once_and_a_killed_one_leave_one_whole_file(adapter, cache):
    command = [sys.executable, "-c", f"from llm_ts.desk import shipped; print(shipped.gguf_of({str(adapter)!r}))"]
    env = {**os.environ, "PYTHONPATH": ROOT}

    def start():
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    killed = start()
    wait_until(lambda: cache.is_dir() and any(".tmp" in name for name in os.listdir(cache)), killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not [name for name in os.listdir(cache) if name.endswith(".gguf")] or killed.returncode == 0
    both = [start(), start()]
    said = [one.communicate(timeout=300) for one in both]
    assert [one.returncode for one in both] == [0, 0] and said[0][0] == said[1][0]
    assert os.listdir(cache) == [os.path.basename(said[0][0].strip())]
    assert Student(said[0][0].strip()).ask(PROMPTS[:1], 4)


def test_where_it_cannot_be_made_transformers_is_asked_and_it_is_said_once(adapter, cache, monkeypatch, capsys):
    monkeypatch.setattr(paths, "SHIPPED", str(adapter))
    for why, spoil in (
        ("no llama.cpp", lambda: monkeypatch.setenv("LLAMA_CPP", "/nowhere")),
        ("Not a directory", lambda: (monkeypatch.delenv("LLAMA_CPP"), monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache"))),
    ):
        spoil()
        student = shipped.open_student(str(adapter))
        said = capsys.readouterr().err
        assert student._llama is None and said.count("\n") == 1 and why in said and said.startswith("note: ")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent))
    assert shipped.open_student(str(adapter), transformers=True)._llama is None and not cache.exists()
    quick = shipped.open_student(str(adapter))
    assert quick._llama and [name for name in os.listdir(cache) if name.endswith(".gguf")]
    assert len(quick.ask(PROMPTS[:2], 8)) == 2


def test_describe_asks_the_shipped_student_both_ways_alike(smollm2, llama_cpp, tmp_path):
    """In the user's own cache: the first of all starts makes the GGUF there. Torch is not imported."""
    for k in range(3):
        rows = [f"{t},{round(50 + 40 * rng.random() + t * (k - 1))},{t * t + k}" for t in range(60)]
        (tmp_path / f"f{k}.csv").write_text("t,a,b\n" + "\n".join(rows) + "\n")
    files = [f"f{k}.csv" for k in range(3)]
    run_script("describe.py", files[0], "--column", "a", cwd=tmp_path)  # the first use
    quick = run_script("describe.py", *files, "--column", "a", "--column", "b", "--json", cwd=tmp_path)
    plain = run_script("describe.py", *files, "--column", "a", "--column", "b", "--json", "--transformers", cwd=tmp_path)
    said = [[json.loads(line) for line in done.stdout.splitlines()] for done in (quick, plain)]
    assert not quick.stderr and len(said[0]) == 6 and said[0] == said[1]
    check = "import sys, describe; describe.main(sys.argv[1:]); sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    command = [sys.executable, "-c", check, files[0], "--column", "a"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ROOT}, stdout=subprocess.DEVNULL, check=True)


def test_a_file_without_a_chat_template_is_one_line(made):
    llama_library.load()
    with cli.quiet():
        model = gguf_worker.Model(made)
    model.llama.metadata.pop("tokenizer.chat_template")
    with pytest.raises(cli.UserError, match="no chat template"):
        model.ask([messages_of(PROMPTS[0])], 4)
    assert load.weights_digest(made)
