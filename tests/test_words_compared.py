"""The comparison of the ways to word the truth, at toy size, and how variety is counted.

Needs: models/ (python fetch.py smollm2 minilm). Run: python -m pytest -q tests/test_words_compared.py
"""

import json

import pytest
from conftest import run_script

from experiments import words as compared
from llm_ts import question
from llm_ts.pairs import fresh


def test_what_is_right_is_counted_and_babble_is_no_variety():
    rows = fresh.pairs("validation", [(48, 48, 20)], "thirds")
    babble = {"trend": "There is an obvious randomized curve.", "noise": "Smokes.", "extrema": "It backs off."}
    texts = [row["answer"] for row in rows[:10]] + [question.STUDY.answer_of(babble)] * 5 + ["?"] * 5
    right = {text for row in rows[:10] for text in json.loads(row["answer"]).values()}
    entry = compared.entry_of(rows, texts, {json.loads(texts[0])["trend"]}, {json.loads(texts[0])["noise"]})
    assert entry["all_four"]["mean"] == 0.5 and entry["all_four"]["n"] == 20
    assert entry["clear"]["n"] == sum(all(row["truth"]["clear"].values()) for row in rows) < 20
    assert entry["sentences_per_100"] == entry["distinct"] == len(right)
    assert entry["new"] == len(right) - 1 and entry["held_out"] == 1 and 15 < entry["words"] < 30


def test_ways_are_compared_and_not_trained_twice(tiny_model, embedder, tmp_path):
    flags = ["--model", tiny_model, "--embedder", embedder, "--points", 16, "--described", 60]
    flags += ["--series", 16, "--samples", 2, "--asked", 3]
    run_script("experiments.words", *flags, "--only", "curated", cwd=tmp_path)
    kept = json.loads((tmp_path / "results" / "words.json").read_text())
    assert list(kept["ways"]) == ["(the teacher itself)", "curated"] and kept["ways"]["curated"]["greedy"]["all_four"]["n"] == 3
    runs = tmp_path / "run" / "words" / "Tiny-Llama-16-60-16-3-2-0.001-0"

    def settings(name):
        return json.loads((runs / name / "training.json").read_text())

    assert settings("curated")["series"] * settings("curated")["epochs"] == pytest.approx(16)
    other = run_script("experiments.words", *flags, "--rate", "1e-4", "--only", "curated", cwd=tmp_path, code=2).stderr
    assert "of another budget" in other and json.loads((tmp_path / "results" / "words.json").read_text()) == kept
    before = {path: path.stat().st_mtime_ns for path in runs.glob("curated/*")}
    done = run_script("experiments.words", *flags, "--only", "curated,own", cwd=tmp_path, code=2)
    assert before == {path: path.stat().st_mtime_ns for path in runs.glob("curated/*")}
    assert "curated: 0 [0, 56], n = 3" in done.stdout
    assert settings("own-first")["words"] == "both" and settings("own-first")["series"] == 8
    assert "no answer of own-first is right" in done.stderr and (runs / "own-answers" / "sampled.jsonl").exists()  # it babbles
    assert "no way" in run_script("experiments.words", "--only", "best", cwd=tmp_path, code=2).stderr
