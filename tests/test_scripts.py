"""The scripts as their users run them: every `Run:` line in order, twice; `--help` and its speed; the user's mistakes.

Needs: models/ for the later stages (python fetch.py smollm2 minilm llama.cpp).
"""

import glob
import hashlib
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, command_of, run_script
from PIL import Image

from llm_ts.data import records
from llm_ts.series import rows as series_rows

STAGES = sorted(os.path.basename(path) for path in glob.glob(os.path.join(ROOT, "*.py")))
EXPERIMENTS = sorted(
    f"experiments.{os.path.basename(path)[:-3]}" for path in glob.glob(os.path.join(ROOT, "experiments", "[a-z]*.py"))
)


def run_line(script):
    path = script.replace(".", os.sep) + ".py" if script in EXPERIMENTS else script
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return re.search(r"^Run: (.*)$", file.read(), re.M)[1]


@pytest.mark.parametrize("script", STAGES + EXPERIMENTS)
def test_help_answers_at_once(script):
    best, tries = 9.0, 0
    while best >= 1.0 and tries < 3:
        tries += 1
        before = resource.getrusage(resource.RUSAGE_CHILDREN)  # the processor's seconds: other work on the machine does not count
        subprocess.run([*command_of(script), "--help"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert best < 1.0  # 0.3 s on a free machine, 0.5 on a slow one; torch or transformers at the top would cost 3 s


def test_importing_loads_no_torch():
    modules = ", ".join([*(script[:-3] for script in STAGES), *EXPERIMENTS])
    large = ("torch", "transformers", "trl", "matplotlib.pyplot", "httpx2")
    code = f"import sys, {modules}; print([name for name in {large} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_every_run_line_works_in_order_and_again(tmp_path, tiny_model, embedder):
    """Every documented command in the pipeline's order in one folder; then again, where nothing may change.

    What a machine without a hub and a GPU cannot do is overridden by flags after the documented ones.
    """
    scoring = f"--embedder {embedder} --nli none"
    model = os.path.basename(tiny_model)
    stages = {
        "fetch.py": "",
        "ou_process.py": "--count 60 --points 16",
        "mistral.py": "",
        "curate.py": "",
        "convert.py": scoring,
        "qwen_train.py": f"--model {tiny_model} --epochs 1 --save-steps 2 --max-new-tokens 8 {scoring}",
        "ts_check_training.py": "",
        "examine.py": f"--model {model} --suite unseen,ramps --count 4 --points 16 --max-new-tokens 8 {scoring}",
        "hf2gguf.py": f"--lora {model}/final --quant q8_0 --outfile student.gguf",
        "describe.py": f"{ROOT}/examples/nile.csv --model student.gguf",
        "experiments.pretrain_tower": f"--text {tiny_model} --fresh 24x64 --batch-size 16 --save-steps 2",
        "experiments.report": f"--keep {model} --name toy",
    }
    measuring = {f"experiments.{name}" for name in "bench compare pictures other_plots people reader real_windows soak".split()}
    assert set(stages) | measuring == {*STAGES, *EXPERIMENTS}
    snapshots = []
    (tmp_path / "results").mkdir()
    shutil.copy(os.path.join(ROOT, "results", "README.md"), tmp_path / "results")
    for _ in range(2):
        for script, more in stages.items():
            line = run_line(script)
            folder = tmp_path
            if script == "ts_check_training.py":  # it runs inside the model's folder
                line = line.split("&&")[-1].strip()
                line = re.sub(r"evaluation_checkpoint-\d+", "evaluation_checkpoint-2", line)
                folder = tmp_path / model
            name, *arguments = [word for word in shlex.split(line)[1:] if word != "-m"]
            if script == "describe.py":
                arguments = [a for a in arguments if not a.endswith(".csv")]
            if script == "hf2gguf.py":  # --lora given again would add another adapter
                arguments = [a for a in arguments if a != "--lora" and not a.endswith("/final")]
            cwd = ROOT if script == "fetch.py" else folder
            run_script(os.path.basename(name), *arguments, *shlex.split(more), cwd=cwd)
        paths = [os.path.join(folder, name) for folder, _, names in os.walk(tmp_path) for name in names]
        snapshots.append({path: hashlib.sha256(open(path, "rb").read()).hexdigest() for path in paths})
    changed = {path for path in snapshots[0].keys() | snapshots[1] if snapshots[0].get(path) != snapshots[1].get(path)}
    assert not changed and len(snapshots[0]) > 200
    assert len(os.listdir(tmp_path / "dataset")) >= 3 * 60
    run_script("experiments.report", "--keep", f"{model}/suites", "--name", "toy-suites", cwd=tmp_path)
    stale = tmp_path / "results" / "toy" / "evaluation_checkpoint-77.json"
    shutil.copy(tmp_path / "results" / "toy" / "evaluation_avant.json", stale)
    run_script("experiments.report", "--keep", model, "--name", "toy", cwd=tmp_path)
    assert not stale.exists()
    run_script("experiments.report", "--keep", model, "--name", "../toy", cwd=tmp_path, code=2)
    tables = (tmp_path / "results" / "README.md").read_text()
    for title, file in (("teacher", f"{model}/evaluation_teacher.json"), ("ramps", f"{model}/suites/evaluation_ramps.json")):
        line = next((line for line in tables.splitlines() if line.startswith(f"| {title} |")), "")
        m = json.loads((tmp_path / file).read_text())["means"]["claims"]["all"]["noise"]
        assert f"| {100 * m['mean']:.0f} [{100 * m['low']:.0f}, {100 * m['high']:.0f}] |" in line
    assert tables.count("made by report.py") == 1 and str(tmp_path) not in tables
    assert not [name for _, _, names in os.walk(tmp_path) for name in names if ".tmp" in name]


@pytest.mark.parametrize("part", ["evaluation", "training"])
@pytest.mark.slow
def test_each_way_of_the_bench_can_be_measured(part, smollm2, tmp_path):
    """At toy size: what bench.py calls, and reads the last line of. Both ways of asking say the same."""
    said = []
    for way in ("ours", "plain"):
        command = [*command_of("experiments.bench"), "--measure", part, way, "16", "1"]
        env = {**os.environ, "PYTHONPATH": ROOT}
        done = subprocess.run(command, cwd=tmp_path, env=env, check=True, stdout=subprocess.PIPE, text=True)
        measured = json.loads(done.stdout.splitlines()[-1])
        assert measured["peak_mib"] > 100 and measured["seconds"] > 0
        said.append(measured["said"])
    if part == "evaluation":
        assert said[0] == said[1] and said[0][0].startswith("{")
    else:
        assert [len(losses) for losses in said] == [2, 2] and min(map(min, said)) > 0


MISTAKES = [f"ou_process.py --{flag}" for flag in ("count -1", "count 2.5", "points 8", "seed x", "dt 0", "dt 1e308", "dt 1e-320", "truth", "nonsense")]
MISTAKES += ["mistral.py --dryrun", "curate.py", "convert.py --format nonsense", "convert.py", "describe.py"]


@pytest.mark.parametrize("command", MISTAKES)
def test_mistakes_in_an_empty_folder(tmp_path, command):
    script, *arguments = command.split()
    done = run_script(script, *arguments, cwd=tmp_path, code=2)
    assert len(done.stderr.strip().splitlines()) == 1
    assert os.listdir(tmp_path) == []


def test_broken_rows_are_named(tmp_path):
    data = tmp_path / "data.jsonl"
    row, _ = series_rows.make(0, range(1), 32)
    torn = records.encode({**row[0], "gold": {"trend": "It rises."}})
    (tmp_path / "gold.jsonl").write_text(torn + "\n")
    assert "three sentences" in run_script("curate.py", "--data", "gold.jsonl", cwd=tmp_path, code=2).stderr
    old = records.encode({**row[0], "truth": {**row[0]["truth"], "version": 0}, "gold": row[0]["truth"]["sentences"]})
    (tmp_path / "old.jsonl").write_text(old + "\n")
    for script in ("curate.py", "convert.py", "ou_process.py"):
        arguments = ("--count", "1", "--points", "32") if script == "ou_process.py" else ()
        assert "ou_process.py --truth" in run_script(script, "--data", "old.jsonl", *arguments, cwd=tmp_path, code=2).stderr
    (tmp_path / "old.jsonl").write_text(old.replace('"truth": {', '"truth": null, "was": {') + "\n")
    assert "changed_trend: 1" in run_script("ou_process.py", "--truth", "--data", "old.jsonl", cwd=tmp_path).stdout
    row = '{"id": "a", "question": "study"'
    for content, why in (
        ("", "is empty"), ("nonsense\n{}\n", "line 1"), (f"{row}}}\n", "no 'series'"), (f'{row}, "series": ["x"]}}\n', "not a list of integers"),
    ):  # fmt: skip
        data.write_text(content)
        assert why in run_script("convert.py", cwd=tmp_path, code=2).stderr
        assert why in run_script("ou_process.py", "--truth", cwd=tmp_path, code=2).stderr
        assert data.read_text() == content


def test_growing_a_data_set_keeps_what_is_there(tmp_path):
    for count in (5, 12):
        run_script("ou_process.py", "--count", count, "--points", 32, cwd=tmp_path)
    whole = (tmp_path / "data.jsonl").read_text()
    other = tmp_path / "other"
    other.mkdir()
    run_script("ou_process.py", "--count", 12, "--points", 32, cwd=other)
    assert (other / "data.jsonl").read_text() == whole
    run_script("ou_process.py", "--count", 12, "--points", 32, "--seed", 1, cwd=tmp_path, code=2)
    seed_1 = ("--count", 12, "--points", 32, "--seed", 1, "--data", "seed1.jsonl")
    done = run_script("ou_process.py", *seed_1, cwd=tmp_path, code=2)  # the plots there are another series'
    assert "another --dataset" in done.stderr
    run_script("ou_process.py", *seed_1, "--dataset", "seed1", cwd=tmp_path)
    assert (tmp_path / "data.jsonl").read_text() == whole


def test_the_sample_is_what_its_commands_make(tmp_path):
    """dataset/ again by the commands of its README. Numbers up to the rounding of another processor's exp, plots by pixel."""
    sample = os.path.join(ROOT, "dataset")
    with open(os.path.join(sample, "README.md"), encoding="utf-8") as file:
        commands = re.search(r"made by `(.*?)`", file.read(), re.DOTALL)[1].split("&&")
    assert len(commands) == 2
    for command in commands:
        _, script, *arguments = command.split()
        run_script(script, *arguments, cwd=tmp_path)
    made = tmp_path / "dataset"
    assert sorted(os.listdir(made)) == sorted(name for name in os.listdir(sample) if name != "README.md")
    assert len(os.listdir(made)) == 6 * 4 + 1
    for name in os.listdir(made):
        ours, theirs = os.path.join(made, name), os.path.join(sample, name)
        if name.endswith(".png"):
            assert np.array_equal(np.asarray(Image.open(ours).convert("RGB")), np.asarray(Image.open(theirs).convert("RGB"))), name
        elif name.endswith(".dat"):
            assert np.allclose(np.loadtxt(ours), np.loadtxt(theirs), rtol=1e-9)
        elif name.endswith(".txt"):
            assert open(ours, encoding="utf-8").read() == open(theirs, encoding="utf-8").read()
    one, other = (records.read(os.path.join(folder, "data.jsonl")) for folder in (made, sample))
    assert len(one) == len(other) == 6
    for row, kept in zip(one, other):
        with open(os.path.join(sample, row["id"] + ".json"), encoding="utf-8") as file:
            assert json.load(file) == kept["params"]
        for exact in ("seed", "process"):
            assert row["params"].pop(exact) == kept["params"].pop(exact)
        assert row["params"] == pytest.approx(kept["params"], rel=1e-9)
        assert {**row, "params": 0, "raw_min": 0, "raw_max": 0} == {**kept, "params": 0, "raw_min": 0, "raw_max": 0}


def test_a_full_disk_is_one_line_and_the_rows_before_it_stay(tmp_path):
    limit = f"ulimit -f 40; exec {sys.executable} {ROOT}/ou_process.py --count 400 --dataset none"
    done = subprocess.run(["bash", "-c", limit], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    run_script("ou_process.py", "--count", 400, "--dataset", "none", cwd=tmp_path)
    assert len((tmp_path / "data.jsonl").read_text().splitlines()) == 400


def test_shellcheck_finds_nothing_in_the_script_for_clusters():
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is missing: apt-get install shellcheck")
    done = subprocess.run(["shellcheck", f"{ROOT}/go.slurm"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
