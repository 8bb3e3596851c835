"""The comparison of mixtures at toy size, and its rule of better and worse.

Needs: models/ (python fetch.py smollm2 minilm). Run: python -m pytest -q tests/test_mixtures.py
"""

import json
import os
from types import SimpleNamespace

import pytest
from conftest import run_script

from experiments import _budget, mixtures
from llm_ts import paths
from llm_ts.scores.means import wilson
from llm_ts.series import PROCESSES


def entry(right, n):
    low, high = wilson(right / n, n)
    return {"what": "x", "clear": {"unseen": {"all_four": {"mean": right / n, "low": low, "high": high, "n": n}}}}


def test_better_is_above_the_interval_of_ou_over_all_seeds():
    baseline = mixtures.together([entry(60, 100), entry(70, 100)], "unseen")
    assert baseline["n"] == 200 and baseline["mean"] == pytest.approx(0.65)
    assert mixtures.verdict(mixtures.together([entry(95, 100)], "unseen"), baseline) == "better"
    assert mixtures.verdict(mixtures.together([entry(30, 100)], "unseen"), baseline) == "worse"
    assert mixtures.verdict(mixtures.together([entry(70, 100)], "unseen"), baseline) == "nothing shown"
    assert mixtures.verdict(mixtures.together([entry(70, 100)], "unseen"), None) == "no baseline yet"


def test_the_table_shows_each_of_several_seeds_beside_all_of_them():
    runs = {"final-0": entry(60, 100), "final-1": entry(90, 100)}
    head, _, both, first, second = mixtures.table({"budget": {"suites": "unseen"}, "runs": runs})
    assert "75 [" in both and "n = 200" in both and "| seed 0 | 60 [" in first and "| seed 1 | 90 [" in second
    one = mixtures.table({"budget": {"suites": "unseen"}, "runs": {"final-0": runs["final-0"]}})
    assert len(one) == 3 and "| 1 | 60 [" in one[2]


def test_every_mixture_is_of_known_processes():
    for what, processes, squeeze, long in mixtures.MIXTURES.values():
        assert what and set(processes) <= set(PROCESSES) and 0 <= squeeze < 1 and 0 <= long < 1


def test_mixtures_share_a_budget_and_are_not_trained_twice(tiny_model, embedder, tmp_path):
    flags = ["--model", tiny_model, "--embedder", embedder, "--series", 8, "--points", "16-32", "--count", 2]
    flags += ["--suites", "unseen,length-256"]
    run_script("experiments.mixtures", *flags, "--only", "ou", cwd=tmp_path)
    runs = tmp_path / "run" / "mixtures" / "Tiny-Llama-8-16-32-0.0007-8"
    before = os.stat(runs / "ou-0" / "final").st_mtime_ns
    said = run_script("experiments.mixtures", *flags, "--only", "ou,each", cwd=tmp_path).stdout
    kept = json.loads((tmp_path / "results" / "mixtures.json").read_text())
    assert list(kept["runs"]) == ["ou-0", "each-0"] and "| each |" in said
    learnt = json.loads((runs / "each-0" / "training.json").read_text())
    assert learnt["process"] == ["ou", *mixtures.EACH] and os.stat(runs / "ou-0" / "final").st_mtime_ns == before
    assert all(set(run["clear"]) == {"unseen", "length-256"} and " /" not in run["command"] for run in kept["runs"].values())
    other = run_script("experiments.mixtures", *flags, "--learning-rate", "1e-4", cwd=tmp_path, code=2)
    assert "another budget" in other.stderr


def test_an_adapter_is_not_called_as_its_base(tiny_model):
    names = [_budget.of(SimpleNamespace(model=model), ())["model"] for model in (tiny_model, paths.of("smollm2"), paths.SHIPPED)]
    assert names[0] == "Tiny-Llama" and names[2] == names[1] + "-adapter"


def test_bad_input(tmp_path):
    uneven = ["--points", "16,32", "--series", 9]
    names = ("--only", "--model", "--seeds", "--points")
    for flags in ([name, "none.gguf"] for name in names):
        run_script("experiments.mixtures", *flags, cwd=tmp_path, code=2)
    for flags in (["--suites", "none.jsonl"], uneven):
        run_script("experiments.mixtures", *flags, cwd=tmp_path, code=2)
    assert os.listdir(tmp_path) == []
