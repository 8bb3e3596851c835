"""The comparison of recipes at toy size, and its rule of better and worse.

Needs: models/ (python fetch.py smollm2 minilm). Run: python -m pytest -q tests/test_recipes.py
"""

import json
import os
import subprocess
import time

import pytest
from conftest import ROOT, command_of, run_script

from experiments import recipes
from llm_ts import cli, formats


def entry(low, mean, high):
    return {"score": {"low": low, "mean": mean, "high": high}}


def test_better_is_above_every_seed_of_the_baseline():
    seeds = [entry(0.4, 0.5, 0.6), entry(0.5, 0.6, 0.7)]
    assert recipes.verdict(seeds[1], seeds) == "baseline"
    assert recipes.verdict(seeds[1], []) == "no baseline yet"
    assert recipes.verdict(entry(0.61, 0.7, 0.8), seeds) == "better"
    assert recipes.verdict(entry(0.55, 0.7, 0.8), seeds) == "nothing shown"
    assert recipes.verdict(entry(0.3, 0.4, 0.49), seeds) == "worse"
    assert recipes.verdict(entry(0.3, 0.4, 0.51), seeds) == "nothing shown"


def test_every_recipe_is_of_known_settings():
    for name, (what, changed) in recipes.RECIPES.items():
        assert what and set(changed) <= {*recipes.BASELINE, "seed", "short"}, name
        assert changed.get("format", "thirds") in formats.FORMATS


def test_recipes_share_a_budget_and_are_not_trained_twice(tiny_model, embedder, tmp_path):
    flags = ["--model", tiny_model, "--embedder", embedder, "--points", 32, "--tokens", 9000, "--validation", 3]
    names = "baseline,full,short-first,epochs-4,curated-varied"
    run_script("experiments.recipes", *flags, "--only", names, cwd=tmp_path)
    whole = json.loads((tmp_path / "results" / "recipes.json").read_text())
    kept = whole["recipes"]
    assert list(kept) == ["baseline", "full", "epochs-4", "short-first", "curated-varied"]
    series = {name: entry["series"] for name, entry in kept.items()}
    assert series["full"] == pytest.approx(series["baseline"] / 1.5, abs=1)
    assert series["epochs-4"] == pytest.approx(series["baseline"] / 4, abs=1)
    assert series["baseline"] < series["short-first"] < 2 * series["baseline"]
    assert series["curated-varied"] < series["baseline"]  # the teacher's own sentences are longer than the template's
    assert kept["epochs-4"]["steps"] == 4 * -(-series["epochs-4"] // 8)
    assert kept["full"]["claims"]["trend"]["n"] == 3 and " /" not in kept["full"]["command"]  # no path of this machine
    runs = tmp_path / "run" / "recipes" / "Tiny-Llama-32-9000-3"
    before = {name: os.stat(runs / name / "final").st_mtime_ns for name in kept}
    run_script("experiments.recipes", *flags, "--only", names, cwd=tmp_path)
    assert {name: os.stat(runs / name / "final").st_mtime_ns for name in kept} == before
    assert json.loads((tmp_path / "results" / "recipes.json").read_text()) == whole
    other = ["--model", tiny_model, "--embedder", embedder, "--only", "baseline", "--tokens", 500]
    assert "another budget" in run_script("experiments.recipes", *other, cwd=tmp_path, code=2).stderr


def test_what_is_stopped_leaves_nothing_running_and_goes_on(tiny_model, embedder, tmp_path):
    flags = ["--model", tiny_model, "--embedder", embedder, "--points", 32, "--tokens", 40000, "--validation", 3]
    command = [*command_of("experiments.recipes"), *map(str, flags), "--only", "baseline"]
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ROOT}, stdout=subprocess.PIPE, text=True)
    out = tmp_path / "run" / "recipes" / "Tiny-Llama-32-40000-3" / "baseline"
    deadline = time.monotonic() + 120
    while not (out / "evaluation_avant.json").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    process.terminate()
    assert "run the same command to go on" in process.communicate(timeout=120)[0]
    assert process.returncode == cli.REQUEUE and not (out / "final").exists()
    assert [name for name in os.listdir(out) if name.startswith("checkpoint-")] and not (tmp_path / "results").exists()
    run_script("experiments.recipes", *flags, "--only", "baseline", cwd=tmp_path)
    assert (out / "final").exists()


def test_bad_input(tmp_path):
    for flags in (["--only", "nothing"], ["--only", ""], ["--model", "none.gguf"], ["--tokens", "0"], ["--points", "31"]):
        run_script("experiments.recipes", *flags, cwd=tmp_path, code=2)
    assert os.listdir(tmp_path) == []
