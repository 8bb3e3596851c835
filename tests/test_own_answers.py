"""What a student may learn from its own answers; and answers that are drawn, not greedy.

Needs: models/ (python fetch.py smollm2). Run: python -m pytest -q tests/test_own_answers.py
"""

import argparse
import json
import os
import random
import subprocess
import time

import numpy as np
import pytest
from conftest import ROOT, SMOLLM2, command_of, run_script
from described import described, said_by, write_pairs

import own_answers
from llm_ts import cli, question
from llm_ts.pairs import fresh, pair

SHIPPED = os.path.join(ROOT, "trained", "SmolLM2-135M-Instruct")


def test_own_answers_are_kept_where_all_is_right_and_varied():
    rows = list(fresh.Rows("own", [(48, 48, 3)]))
    rng = random.Random(0)

    def answer(row, **other):
        return question.STUDY.answer_of({**{t.NAME: t.reword(row["truth"], rng) for t in question.STUDY}, **other})

    texts = [answer(rows[0]), answer(rows[0]), answer(rows[1], noise="Noise."), "It rises.", f"Here: {answer(rows[2])}"]
    wrong = {"increasing": "It falls.", "decreasing": "It rises.", "flat": "It rises."}[rows[0]["truth"]["trend"]]
    sampled = {
        rows[0]["id"]: [answer(rows[0], trend=wrong), texts[0], texts[1]],
        rows[1]["id"]: [texts[2], texts[3]],
        rows[2]["id"]: [texts[4]],
    }
    kept, faults = own_answers.keep(rows, sampled)
    assert [(row["id"], said) for row, said in kept] == [(rows[0]["id"], [json.loads(texts[0])])]
    assert faults == {"read otherwise": 2, "no JSON as asked": 2}
    never = {json.loads(texts[0])["extrema"]}
    assert own_answers.keep(rows[:1], sampled, never)[0] == [(rows[0], [json.loads(texts[1])])]
    same = [{**rows[0], "id": f"own_48_{number}"} for number in range(2)]  # both right twice: each answer is taken once
    kept, _ = own_answers.keep(same, {row["id"]: texts[:2] for row in same})
    assert [said for _, (said,) in kept] == [json.loads(text) for text in texts[:2]]
    true, false = rows[0]["truth"]["sentences"], {**rows[0]["truth"]["sentences"], "trend": wrong}
    twice = [question.STUDY.answer_of(json.loads(texts[0]), plain) for plain in (false, true)]
    kept, faults = own_answers.keep(rows[:1], {rows[0]["id"]: twice})
    assert kept == [(rows[0], [json.loads(texts[0]), true])] and faults == {"read otherwise": 1}  # wrong at first: not learnt
    assert own_answers.keep(rows[:1], {rows[0]["id"]: twice[1:]}, set(true.values()))[0] == kept  # the template is no teacher's


def test_drawn_tokens_have_their_probabilities():
    import torch

    from llm_ts.student.answer import _chosen

    logits = torch.log(torch.tensor([[[0.5, 0.25, 0.125, 0.0, 0.125]]]))
    for temperature, expected in ((1, [0.5, 0.25, 0.125, 0, 0.125]), (0.5, np.array([16, 4, 1, 0, 1]) / 22)):
        chance = (torch.arange(4000)[None] + 0.5) / 4000
        found = _chosen(logits.expand(1, 4000, 5), temperature, chance)[0]
        assert np.allclose(np.bincount(found, minlength=5) / 4000, expected, atol=1e-3)
    assert _chosen(logits, 0, None).item() == 0 and _chosen(logits, 1, torch.tensor([[1.0]])).item() == 4


def test_drafts_do_not_change_what_is_drawn(tiny_model):
    import torch

    from llm_ts.student import answer, load

    model, tokenizer = load.load(tiny_model, torch.float32)
    prompts = ["Describe.", "Describe.", "Series: 00 99"]
    how = {"temperature": 0.3, "seed": 5}
    plain = answer.generate(model, tokenizer, prompts, 3, 12, **how)
    drafts = answer.Drafts()
    for number in range(2):
        assert answer.generate(model, tokenizer, prompts, 3, 12, drafts=drafts, **how) == plain
    assert plain[0] != plain[1]  # two answers to the same prompt
    assert answer.generate(model, tokenizer, prompts, 1, 12, **how) == plain  # alone or together
    assert answer.generate(model, tokenizer, prompts, 3, 12, temperature=0.3, seed=6) != plain
    greedy = answer.generate(model, tokenizer, prompts, 3, 12)
    assert greedy[0] == greedy[1] and answer.generate(model, tokenizer, prompts, 3, 12, temperature=1e-6) == greedy


def test_answers_drawn_for_several_series_together_are_those_drawn_one_by_one(tiny_model):
    import torch

    from llm_ts.student import answer, load

    model, tokenizer = load.load(tiny_model, torch.float32)
    rows = list(fresh.Rows("own", [(16, 24, 3)]))
    args = argparse.Namespace(samples=2, temperature=0.3, seed=5, max_new_tokens=12)
    together = own_answers.answers_to(model, tokenizer, rows, "study", args, answer.Drafts())
    alone = [own_answers.answers_to(model, tokenizer, [row], "study", args, answer.Drafts()) for row in rows]
    assert together == {row["id"]: found[row["id"]] for row, found in zip(rows, alone)}
    assert len({text for texts in together.values() for text in texts}) == 6  # no two series draw by the same numbers


def test_parts_of_several_series_end_the_same_after_a_kill_within_one(tiny_model, tmp_path, monkeypatch):
    """As on a GPU, which draws several series together; a random student, no answer of which is right."""
    write_pairs(tmp_path, 40)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own_answers, "together", lambda samples: 3)
    flags = ["--model", tiny_model, "--fresh", "16x5", "--samples", "2", "--max-new-tokens", "8"]

    def sampled(out):
        with pytest.raises(cli.UserError, match="no answer of"):
            own_answers.main([*flags, "--out", out])
        return (tmp_path / out / "sampled.jsonl").read_text()

    whole = sampled("whole")
    assert whole.count("\n") == 5 and len(set(whole.splitlines())) == 5
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "about.json").write_bytes((tmp_path / "whole" / "about.json").read_bytes())
    (tmp_path / "cut" / "sampled.jsonl").write_text("".join(whole.splitlines(keepends=True)[:1]))
    assert sampled("cut") == whole


def test_an_answer_said_once_is_not_learnt_from_where_most_are_said_twice():
    rows = list(fresh.Rows("own", [(48, 48, 3)]))
    once = {row["id"]: question.STUDY.answer_of(row["truth"]["sentences"]) for row in rows}
    twice = {row["id"]: question.STUDY.answer_of(*2 * [row["truth"]["sentences"]]) for row in rows}
    sampled = {row["id"]: [once[row["id"]], twice[row["id"]]] if number else [twice[row["id"]]] for number, row in enumerate(rows)}
    kept, faults = own_answers.keep(rows, sampled)
    assert [len(said) for _, said in kept] == [2, 2, 2] and faults == {"not said as often as most": 2}
    assert [len(said) for _, said in own_answers.keep(rows, {key: [text] for key, text in once.items()})[0]] == [1, 1, 1]


def test_own_answers_of_a_real_student_go_on_after_a_kill(tmp_path):
    if not os.path.isfile(SMOLLM2):
        pytest.skip("models/SmolLM2-135M-Instruct.Q4_1.gguf is missing: python fetch.py smollm2")
    write_pairs(tmp_path, 40, 24)
    documented = own_answers.__doc__.split("\nRun: python own_answers.py ")[1].split("\n")[0].split()
    flags = [*documented, "--model", SHIPPED, "--fresh", "24x4", "--samples", "2", "--max-new-tokens", "64"]
    command = [*command_of("own_answers.py"), *flags]
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ROOT}, stdout=subprocess.DEVNULL)
    deadline, sampled = time.monotonic() + 200, tmp_path / "own" / "sampled.jsonl"
    while not (sampled.exists() and sampled.read_text()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()
    had = sampled.read_text()
    done = run_script("own_answers.py", *flags, cwd=tmp_path)
    assert sampled.read_text().startswith(had[: had.rfind("\n") + 1]) and sampled.read_text().count("\n") == 4
    learnt, tested = pair.read(str(tmp_path / "own" / "pairs.jsonl"))
    assert tested == pair.read(str(tmp_path / "test_jsonl.jsonl"))[1] and 1 <= len(learnt) <= 4
    assert f"kept: {len(learnt)} answers, " in done.stdout and {row["id"][:4] for row in learnt} == {"own_"}
    for row, said in said_by(learnt):
        assert question.STUDY.read(said) == {claim: row["truth"][claim] for claim in question.STUDY.claims}
    before = {path.name: path.read_bytes() for path in (tmp_path / "own").iterdir()}
    run_script("own_answers.py", *flags, cwd=tmp_path)
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "own").iterdir()}


def test_own_answers_refuses(tmp_path, tiny_model):
    write_pairs(tmp_path, 40)
    flags = ["--fresh", "16x1", "--samples", "2", "--max-new-tokens", "8"]

    def refused(*more):
        return run_script("own_answers.py", *flags, *more, cwd=tmp_path, code=2).stderr

    assert "no answer of" in refused("--model", tiny_model)  # it babbles
    assert "other temperature" in refused("--model", tiny_model, "--temperature", "0.7")
    assert "answers greedily alone" in refused("--model", "student.gguf")
    assert "no model" in refused("--model", "nowhere")
    rows = described(40)
    for row in rows:
        row.update(format="study", split=pair.split_of(row["id"]))
    pair.write(str(tmp_path / "study.jsonl"), rows)
    assert "learnt another format" in refused("--model", SHIPPED, "--data", "study.jsonl", "--out", "other")
    assert not (tmp_path / "other").exists() and not (tmp_path / "own" / "pairs.jsonl").exists()
