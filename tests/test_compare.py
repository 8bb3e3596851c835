"""Recipes compared at equal budget, at toy size; the budget and the rule of better and worse.

Needs: models/ (python fetch.py smollm2 minilm).
"""

import json
import os

import pytest
from conftest import run_script, start, wait_until

from experiments import compare
from llm_ts.base import cli
from llm_ts.scores.means import mean_of
from llm_ts.train import flags as training


def means(right, n):
    return {"claims": {"clear": {"all_four": mean_of([1] * right + [0] * (n - right))}}}


def test_better_is_above_the_interval_of_the_first_over_all_seeds():
    path = ("claims", "clear", "all_four")
    first = compare.together([means(60, 100), means(140, 200)], path)
    assert first["n"] == 300 and first["mean"] == pytest.approx(200 / 300)
    for right, says in ((95, "better"), (70, "nothing shown"), (30, "worse")):
        assert compare.verdict(compare.together([means(right, 100)], path), first) == says


def test_recipes_are_flags_of_qwen_train_and_of_one_budget():
    for text in ("plain", "rank-4: --rank 4 --alpha 8", "x: --rank 2 --alpha 4 --epochs 2 --fresh '32x650'"):
        _, flags = compare.recipe_of(text)
        training.parse(["--fresh", "32x1300", *compare.BASE.split(), *flags])
        assert compare.answers_of(flags, "32x1300") == 1300
    for flag in compare.OWN:
        with pytest.raises(cli.UserError, match=f"{flag} is set for all"):
            compare.answers_of([flag, "1"], "32x1300")


def arguments(tiny_model, embedder, *recipes):
    return [*recipes, "--model", tiny_model, "--embedder", embedder, "--asked", 3, "--out", "out"]


@pytest.mark.slow
def test_recipes_are_asked_the_same_and_not_trained_twice(tiny_model, embedder, tmp_path):
    twice = "twice: --process walk --epochs 2 --fresh 16x8"
    command = [*arguments(tiny_model, embedder, "baseline", twice), "--fresh", "16x16"]
    said = run_script("experiments.compare", *command, cwd=tmp_path).stdout
    lines = (tmp_path / "out" / "table.md").read_text().splitlines()
    assert len(lines) == 5 and all(line in said for line in lines)
    for line, name in zip(lines[2:], ("baseline | (as it is)", "twice | --process walk")):
        assert line.startswith(f"| {name}") and " | 1 | 16 | " in line and ", n = 3 | " in line
    assert "| the first |" in lines[2] and "| nothing shown |" in lines[3]
    runs = [tmp_path / "out" / name for name in ("baseline-0", "twice-0")]
    learnt = [json.loads((run / "training.json").read_text()) for run in runs]
    assert [one["series"] for one in learnt] == [16, 8] and learnt[1]["process"] == ["walk"]
    answers = [(run / "suites" / "answers-0.jsonl").read_text().splitlines() for run in runs]
    assert len({tuple(json.loads(line)["id"] for line in each) for each in answers}) == 1
    before = [os.stat(run / "final").st_mtime_ns for run in runs]
    assert run_script("experiments.compare", *command, cwd=tmp_path).stdout.endswith(said[-200:])
    assert [os.stat(run / "final").st_mtime_ns for run in runs] == before
    other = run_script("experiments.compare", *command[:-2], "--fresh", "16x24", cwd=tmp_path, code=2).stderr
    assert "no equal budget" in other


@pytest.mark.slow
def test_what_is_stopped_leaves_nothing_running_and_goes_on(tiny_model, embedder, tmp_path):
    flags = [*arguments(tiny_model, embedder, "baseline", "rank-4: --rank 4 --alpha 8"), "--fresh", "16x4000"]
    process, out = start("experiments.compare", *flags, cwd=tmp_path), tmp_path / "out" / "baseline-0"
    wait_until((out / "evaluation_avant.json").exists, process, 300)
    process.terminate()
    assert "run the same command to go on" in process.communicate(timeout=300)[0]
    assert process.returncode == cli.REQUEUE and not (out / "final").exists()
    assert [name for name in os.listdir(out) if name.startswith("checkpoint-")]


def test_bad_input_leaves_nothing(tmp_path):
    two = ["a: --rank 2", "b: --rank 4"]
    for command in (
        two[:1], [two[0], "a: --rank 4"], [*two, "a b"], [*two, "--model", "none.gguf"], [*two, "--seeds", "x"],
        [*two, "--fresh", "8x2"], [*two, "--process", "none"], [two[0], "b: --epochs 3"], [two[0], "b: --out x"],
    ):  # fmt: skip
        run_script("experiments.compare", *command, cwd=tmp_path, code=2)
    assert os.listdir(tmp_path) == []
