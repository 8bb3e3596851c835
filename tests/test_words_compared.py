"""The comparison of the ways to word the truth, at toy size, and how variety is counted.

Needs: models/ (python fetch.py smollm2 minilm). Run: python -m pytest -q tests/test_words_compared.py
"""

import json

import pytest
from conftest import run_script

from experiments import words as compared
from llm_ts import question
from llm_ts.pairs import fresh


def test_variety_is_counted():
    said = [{"trend": "It rises.", "noise": "Low noise."}, {"trend": "It climbs.", "noise": "Low noise."}, None]
    assert compared.variety(said) == {"sentences_per_100": 3, "words": 5}
    many = [{"trend": f"{number % 7} a", "noise": "b"} for number in range(250)]
    assert compared.variety(many)["sentences_per_100"] == 8
    rows = fresh.pairs("validation", [(48, 48, 20)], "thirds")
    texts = [row["answer"] for row in rows[:10]] + [rows[0]["answer"]] * 5 + ["?"] * 5
    entry = compared.entry_of(rows, texts, {json.loads(texts[0])["trend"]}, {json.loads(texts[0])["noise"]})
    same = sum(all(row["truth"][c] == rows[0]["truth"][c] for c in question.STUDY.claims) for row in rows[10:15])
    assert entry["all_four"]["mean"] == (10 + same) / 20 and entry["all_four"]["n"] == 20
    assert entry["new"] == entry["distinct"] - 1 and entry["held_out"] == 1


def test_ways_are_compared_and_not_trained_twice(tiny_model, embedder, tmp_path):
    flags = ["--model", tiny_model, "--embedder", embedder, "--points", 16, "--described", 60, "--series", 40, "--asked", 3]
    run_script("experiments.words", *flags, "--only", "curated,teacher", cwd=tmp_path)
    kept = json.loads((tmp_path / "results" / "words.json").read_text())
    assert list(kept["ways"]) == ["(the teacher itself)", "curated", "teacher"]
    runs = tmp_path / "run" / "words" / "Tiny-Llama-16-60-40-3-4-0"
    settings = {name: json.loads((runs / name / "training.json").read_text()) for name in ("curated", "teacher")}
    assert settings["teacher"]["words"] == "teacher" and settings["teacher"]["series"] == 40
    assert settings["curated"]["series"] * settings["curated"]["epochs"] == pytest.approx(40)
    before = {path: path.stat().st_mtime_ns for path in runs.glob("[ct]*/*")}
    done = run_script("experiments.words", *flags, "--only", "teacher,own", cwd=tmp_path, code=2)
    assert before == {path: path.stat().st_mtime_ns for path in runs.glob("[ct]*/*")}
    assert "teacher: 0 [0, 56], n = 3" in done.stdout
    assert "no answer of own-first is right" in done.stderr and (runs / "own-answers" / "sampled.jsonl").exists()  # it babbles
    assert "no way" in run_script("experiments.words", "--only", "best", cwd=tmp_path, code=2).stderr
