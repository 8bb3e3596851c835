"""The teacher's words for the truth's facts: what may be said, and what never.

Needs: models/ (python fetch.py smollm2 minilm) for training.
"""

import json

import pytest
from conftest import run_script
from described import described, said_by, write_pairs

import qwen_train
from llm_ts import question
from llm_ts.base import cli
from llm_ts.claims import TOPICS
from llm_ts.data import pair
from llm_ts.pairs import fresh
from llm_ts.pairs.words import Words, fault_of
from llm_ts.student import device
from llm_ts.train import flags as training_flags
from llm_ts.train import run_folder

RISES, LOW, AT_ENDS = {"trend": "increasing"}, {"noise": "low"}, {"max": "end", "min": "beginning"}


@pytest.mark.parametrize(
    ("topic", "sentence", "labels", "reason"),
    [
        ("trend", "The curve climbs from start to finish.", RISES, None),
        ("trend", "The curve climbs from start to finish.", {"trend": "flat"}, "read otherwise"),
        ("trend", "Although noisy, the series rises.", RISES, "another topic"),
        ("trend", "The curve rises smoothly.", RISES, "another topic"),
        ("trend", "The series rises until it reaches its maximum at the end.", RISES, "another topic"),
        ("trend", "The series rises in regular cycles.", RISES, "another topic"),
        ("trend", "The series rises by 40 units.", RISES, "a number"),
        ("trend", "The series rises by three percent.", RISES, "a number"),
        ("trend", "The series rises from Monday on.", RISES, "a date"),
        ("trend", "The series has been rising since March.", RISES, "a date"),
        ("trend", "Passenger traffic rises over time.", RISES, "an unknown word"),
        ("noise", "The noise is low throughout.", LOW, None),
        ("noise", "The noise is low around a rising course.", LOW, "another topic"),
        ("noise", "The noise is low, even near the peak.", LOW, "another topic"),
        ("extrema", "The peak comes at the end, the lowest point at the start.", AT_ENDS, None),
        ("extrema", "The peak comes at the end, the lowest point at the start, as it rises.", AT_ENDS, "another topic"),
        ("extrema", "The noisy curve peaks at the end and bottoms at the start.", AT_ENDS, "another topic"),
        ("extrema", "The peak of 99 comes at the end, the lowest point at the start.", AT_ENDS, "a number"),
        ("extrema", "The peak comes at the end.", AT_ENDS, "read otherwise"),
    ],
)
def test_a_sentence_that_names_anything_else_is_refused(topic, sentence, labels, reason):
    assert fault_of(TOPICS[topic], sentence, labels) == reason


def test_fresh_series_are_said_in_the_teachers_sentences_for_their_labels():
    trained = described(300)
    theirs = {text for _, said in said_by(trained) for text in said.values()}
    words = Words(trained)
    made = said_by(fresh.pairs("train", [(48, 48, 600)], "thirds", words=words))
    assert all(
        question.STUDY.read(said) == {claim: row["truth"][claim] for claim in question.STUDY.claims} for row, said in made
    )
    ours = {text for _, said in made for text in said.values()}
    usable = {text for texts in words.sentences.values() for text in texts}
    assert ours <= usable <= theirs and len(ours) > 0.8 * len(usable)
    together = {tuple(said.values()) for _, said in said_by(trained)}
    assert sum(tuple(said.values()) in together for _, said in made) < 10  # combinations that the teacher never said
    assert made[:40] == said_by(fresh.pairs("train", [(48, 48, 40)], "thirds", words=Words(trained)))


def test_plainly_first_and_then_in_the_teachers_words():
    both = fresh.pairs("train", [(48, 48, 64)], "thirds", words=Words(described(200)))
    parts = [question.parts_of(pair.answer_of(row)) for row in both]
    assert [part[0] for part in parts] == [row["truth"]["sentences"] for row in both]
    assert len(set(map(tuple, (part[1].values() for part in parts)))) > 60
    turned = [{**row, "order": (2, 0, 1)} for row in both]
    for row, said in zip(turned, parts):
        parts = question.parts_of(pair.answer_of(row))
        assert parts == said and [list(part) for part in parts] == 2 * [["extrema", "trend", "noise"]]


def test_planted_sentences_are_never_said():
    """One row in two speaks of something else, means something else, or is not the teacher's own."""
    planted = {
        "increasing": "Although noisy, the series rises.",
        "decreasing": "The series falls by 40 units.",
        "flat": "The series rises over the whole window.",  # a wrong one
    }

    def sentences(row, said):
        odd = int(row["id"][-1]) % 2
        return {**said, "trend": planted[row["truth"]["trend"]]} if odd else said

    trained = described(200, sentences=sentences)
    foreign = "The curve climbs from start to finish."
    for row in trained:
        if row["truth"]["trend"] == "increasing" and row["gold"]["trend"] != planted["increasing"]:
            row["sentences"] = {**row["sentences"], "trend": foreign}  # a human's, say
            break
    made = fresh.pairs("train", [(48, 48, 400)], "thirds", words=Words(trained))
    said = {(said["trend"], row["truth"]["trend"]) for row, said in said_by(made)}
    assert not {text for text, _ in said} & {foreign, planted["increasing"], planted["decreasing"]}
    assert (planted["flat"], "flat") not in said and len(said) > 20


def test_what_the_teacher_never_said_is_said_in_the_template():
    trained = [row for row in described(200) if row["truth"]["noise"] != "medium"]
    made = said_by(fresh.pairs("train", [(48, 48, 50)], "thirds", words=Words(trained)))
    medium = {said["noise"] for row, said in made if row["truth"]["noise"] == "medium"}
    assert medium == {"The noise intensity is medium."}
    plain = described(100)
    for row in plain:
        row["sentences"] = row["truth"]["sentences"]
    with pytest.raises(cli.UserError, match="convert with --words teacher"):
        fresh.pairs("train", [(48, 48, 5)], "thirds", words=Words(plain))


@pytest.mark.parametrize(("flag", "value"), [("long", 1.0), ("squeeze", 1.0), ("reorder", 1.0), ("process", "walk")])
def test_what_changes_the_fresh_series_is_kept_with_the_run(tmp_path, monkeypatch, flag, value):
    write_pairs(tmp_path)
    monkeypatch.chdir(tmp_path)
    plain = ["--model", "some/model", "--fresh", "16x16", "--validation", "2", "--eval-rows", "2"]
    found = []
    for flags in (plain, [*plain, f"--{flag}", str(value)]):
        run = training_flags.parse(flags)
        train_rows, _, _ = qwen_train.load_rows(run)
        found.append((training_flags.settings_of(run, train_rows, "run"), [pair.prompt_of(row) for row in train_rows]))
    (before, prompts), (settings, other) = found
    assert before[flag] == (None if flag == "process" else 0.0)
    assert settings[flag] == ([value] if flag == "process" else value)
    assert prompts != other


def test_qwen_train_words_its_fresh_series_and_keeps_it(tiny_model, embedder, tmp_path, monkeypatch):
    only_tested = write_pairs(tmp_path)
    monkeypatch.chdir(tmp_path)
    flags = ["--model", tiny_model, "--fresh", "16x16", "--words", "both", "--validation", "2", "--eval-rows", "2"]
    train_rows, validation_rows, _ = qwen_train.load_rows(training_flags.parse(flags))
    said = {text for _, answer in said_by(train_rows) for text in answer.values()}
    assert len(said) > 20 and not said & only_tested
    assert [row["sentences"] for row in validation_rows] == [row["truth"]["sentences"] for row in validation_rows]
    flags += ["--save-steps", "5", "--max-new-tokens", "8", "--embedder", embedder, "--nli", "none", "--no-gguf", "--out", "run"]
    assert "words of the teacher: trend " in run_script("qwen_train.py", *flags, cwd=tmp_path).stdout
    kept = json.loads((tmp_path / "run" / "training.json").read_text())
    assert (kept["words"], kept["dtype"]) == ("both", device.precision())
    assert all(row["plain"] for row in train_rows)
    assert "nothing to do" in run_script("qwen_train.py", *flags, cwd=tmp_path).stdout
    flags[flags.index("both")] = "template"
    assert "other words" in run_script("qwen_train.py", *flags, cwd=tmp_path, code=2).stderr
    flags = ["--model", tiny_model, "--words", "both"]
    assert "give --fresh too" in run_script("qwen_train.py", *flags, cwd=tmp_path, code=2).stderr


def test_the_pairs_come_after_the_fresh_series_in_the_same_run(tmp_path, monkeypatch):
    write_pairs(tmp_path, points=24)
    monkeypatch.chdir(tmp_path)
    given = pair.read("test_jsonl.jsonl")[0][:7]
    plain = ["--model", "some/model", "--fresh", "16x16,32x8", "--reorder", "1", "--validation", "0"]
    runs = [training_flags.parse(flags) for flags in (plain, [*plain, "--then-pairs", "7"])]
    alone, both = (qwen_train.load_rows(run)[0] for run in runs)
    assert len(alone) == 24 and both[:24] == alone
    assert both[24:] == given  # in their own words, and in their order
    settings, more = (training_flags.settings_of(run, rows, "run") for run, rows in zip(runs, (alone, both)))
    assert training_flags.recipe_of(runs[1]).in_order and settings["then_pairs"] == 0
    assert {key: value for key, value in more.items() if settings[key] != value} == {
        "then_pairs": 7, "series": 31, "task": {**settings["task"], "points": [16, 24, 32]}
    }  # fmt: skip
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "training.json").write_text(json.dumps(settings))
    with pytest.raises(cli.UserError, match="other .*then_pairs"):
        run_folder.check("run", more)
    with pytest.raises(cli.UserError, match="--then-pairs is about the fresh series"):
        training_flags.parse(["--model", "some/model", "--then-pairs", "7"])
