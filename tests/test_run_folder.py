"""The run's folder: which checkpoint counts, which is best, and what final/ holds. Folders are made by hand.

Needs: nothing beyond numpy. Run: python -m pytest -q tests/test_run_folder.py
"""

import os
import shutil
import socket

import pytest

from llm_ts.base import cli, disk, torchrun
from llm_ts.question import QUESTIONS, STUDY
from llm_ts.scores import curves
from llm_ts.scores.means import mean_of
from llm_ts.scores.score import scored
from llm_ts.student import load
from llm_ts.task import Task
from llm_ts.train import run_folder


def means(right):
    claims = dict.fromkeys(scored(STUDY), {**mean_of([1] * 8), "mean": right})
    plain = ("valid_json", "readable", "cosine", "nli_trend", "nli_noise", "nli_extrema")
    return {**dict.fromkeys(plain, mean_of([1] * 8)), "claims": {"all": claims, "clear": claims}}


@pytest.fixture
def folder(tmp_path):
    """Checkpoints 10, 20, 30 whole, 40 torn, 25 whole but never evaluated (a signal's)."""
    for step in (10, 20, 25, 30, 40):
        place = tmp_path / f"checkpoint-{step}"
        place.mkdir()
        for name in ("adapter_model.safetensors", "adapter_config.json", "optimizer.pt", "rng_state.pth", "rng_state_0.pth"):
            (place / name).write_text(f"{name} {step}")
        if step != 40:
            run_folder.mark_whole(str(place), step)
    about = {"model": "../models/Tiny", "series": 1600, "rank": 4, "epochs": 2.0, "task": Task(format="thirds").to_json()}
    disk.write_json(str(tmp_path / "training.json"), about)
    return tmp_path


def write_evaluation(folder, step, validation, test):
    about = {"name": f"step {step}", "step": step, "task": Task().to_json(), "nli_model": "claims"}
    content = {**about, "means": means(test), "samples": [], "validation": validation}
    disk.write_json(run_folder.evaluation_path(str(folder), step), content)


def test_incomplete_checkpoints_are_passed_over_aloud(folder, capsys):
    assert run_folder.last_checkpoint(str(folder)) == str(folder / "checkpoint-30")
    assert "passed over checkpoint-40" in capsys.readouterr().out


def test_the_best_is_chosen_on_validation_rows_alone(folder):
    write_evaluation(folder, 10, means(0.7), test=0.99)
    write_evaluation(folder, 20, means(0.9), test=0.10)
    write_evaluation(folder, 30, means(0.8), test=0.99)
    write_evaluation(folder, 40, means(1.0), test=0.99)  # its checkpoint is torn
    assert run_folder.best_step(str(folder)) == 20
    write_evaluation(folder, 30, means(0.9), test=0.0)
    assert run_folder.best_step(str(folder)) == 30  # the later of equals


def test_without_validation_rows_the_last_whole_one_is_final(folder):
    write_evaluation(folder, 10, None, test=0.99)
    assert run_folder.best_step(str(folder)) == 30


def test_final_is_the_best_without_what_a_restart_needs(folder, capsys):
    write_evaluation(folder, 10, means(0.9), test=0.1)
    write_evaluation(folder, 30, means(0.8), test=0.9)
    run_folder.finish(str(folder))
    assert sorted(os.listdir(folder / "final")) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "training.json",
        run_folder.WHOLE,
    ]
    assert (folder / "final" / "adapter_model.safetensors").read_text().endswith(" 10")
    assert run_folder.is_finished(str(folder)) and not run_folder.is_finished(str(folder / "final"))
    for name in os.listdir(folder):  # a user short of disk: the tables still say which step became final
        if name.startswith("checkpoint-"):
            shutil.rmtree(folder / name)
    run_folder.print_tables(str(folder))
    assert "final: step 10, the best on 8 validation rows (90.0 %" in capsys.readouterr().out
    (folder / "final" / "README.md").write_text("the user's own words")
    assert run_folder.is_finished(str(folder))
    (folder / "final" / "adapter_model.safetensors").unlink()
    with pytest.raises(cli.UserError, match="no longer what was trained"):
        run_folder.is_finished(str(folder))


def test_the_card_of_final_says_what_the_run_knows_and_nothing_else(folder):
    for step, score in ((0, 0.1), (10, 0.9), (30, 0.8)):
        write_evaluation(folder, step, means(score) if step else None, test=score)
    (folder / "checkpoint-10" / "README.md").write_text("PEFT's: [More Information Needed]")
    run_folder.finish(str(folder))
    said = (folder / "final" / "README.md").read_text()
    for part in (
        "`../models/Tiny`", "LoRA adapter of rank 4", "1600 series", "shown the numbers", "format `thirds`", "epochs 2.",
        "step 10, the best on 8 validation rows (90.0 %", "| step 0 |", "| step 10 |",
    ):  # fmt: skip
        assert part in said, part
    assert "step 30" not in said and "More Information" not in said
    about = disk.read_json(str(folder / "training.json"), "a test")
    disk.write_json(str(folder / "training.json"), {**about, "rank": 0})
    assert "the whole trained model" in run_folder.card(str(folder), 30)


def test_a_checkpoint_that_was_cut_after_it_was_whole_is_passed_over(folder, capsys):
    (folder / "checkpoint-30" / "optimizer.pt").write_text("")
    assert run_folder.last_checkpoint(str(folder)) == str(folder / "checkpoint-25")
    assert "passed over checkpoint-30" in capsys.readouterr().out
    (folder / "checkpoint-25" / "note.txt").write_text("a user's: it does no harm")
    assert run_folder.last_checkpoint(str(folder)) == str(folder / "checkpoint-25")
    (folder / "checkpoint-25" / run_folder.WHOLE).write_text('{"step": 25, "by')
    assert run_folder.last_checkpoint(str(folder)) == str(folder / "checkpoint-20")


def test_a_second_training_in_a_folder_is_refused(folder):
    with run_folder.hold(str(folder)), pytest.raises(cli.UserError, match="another run"), run_folder.hold(str(folder)):
        pass
    with run_folder.hold(str(folder)):
        pass


def test_other_settings_are_refused_by_name(tmp_path):
    kept, other = {"rank": 4, "task": Task().to_json()}, Task(QUESTIONS["full"], see="image").to_json()
    disk.write_json(str(tmp_path / "training.json"), kept)
    run_folder.check(str(tmp_path), kept)
    for change, words in (({"rank": 8}, r"other rank \(4 there, 8 here\): give"), ({"task": other}, "other question .*, see ")):
        with pytest.raises(cli.UserError, match=words):
            run_folder.check(str(tmp_path), {**kept, **change})


def test_a_run_and_its_model_may_move_together(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    for root in (old, new):
        for name in ("Tiny", "Other"):
            (root / "models" / name).mkdir(parents=True)

    def settings(root, name="Tiny"):
        return {"model": run_folder.seen_from(str(root / "run"), str(root / "models" / name))}

    disk.write_json(str(old / "run" / "training.json"), settings(old))
    shutil.move(old / "run", new / "run")
    shutil.rmtree(old)
    run_folder.check(str(new / "run"), settings(new))
    with pytest.raises(cli.UserError, match=r"other model \(\.\./models/Tiny there, \.\./models/Other here\)"):
        run_folder.check(str(new / "run"), settings(new, "Other"))
    disk.write_json(str(new / "run" / "training.json"), {"model": str(new / "models" / "Tiny")})  # as it was kept before
    run_folder.check(str(new / "run"), settings(new))
    assert run_folder.seen_from("run", "Qwen/Qwen2.5-0.5B-Instruct") == "Qwen/Qwen2.5-0.5B-Instruct"


@pytest.mark.parametrize(
    "model, name",
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", "Qwen2.5-0.5B-Instruct"),
        ("models/Qwen2.5-0.5B-Instruct/", "Qwen2.5-0.5B-Instruct"),
        ("models/SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct"),
        ("Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf", "Qwen2.5-Coder-0.5B-Instruct"),
        ("x-f16.gguf", "x"),
        ("runs/Qwen2.5-0.5B-Instruct/final", "Qwen2.5-0.5B-Instruct"),
    ],
)
def test_a_folder_is_named_after_its_model(model, name):
    assert load.name_of(model) == name


def test_patience_counts_from_the_first_best_and_seconds_from_the_newest_checkpoint(folder):
    assert run_folder.stands_still(str(folder)) == 0 and run_folder.seconds(str(folder)) == 0.0
    for step, score in ((10, 0.5), (20, 0.9), (25, 0.9), (30, 0.8)):
        write_evaluation(folder, step, means(score), test=0.5)
    assert run_folder.stands_still(str(folder)) == 2
    run_folder.mark_whole(str(folder / "checkpoint-30"), 30, 61.23)
    assert run_folder.seconds(str(folder)) == 61.3  # never less than it was
    from llm_ts.train import callbacks

    assert callbacks.Limits(str(folder), patience=3, minutes=2).reason() is None
    assert "61" not in callbacks.Limits(str(folder), patience=2).reason()
    assert "1 minutes are over" in callbacks.Limits(str(folder), minutes=1).reason()


def test_a_process_may_look_before_process_0_has_made_the_folder(folder):
    from llm_ts.train import callbacks

    missing = str(folder / "not yet")
    assert callbacks.Limits(missing, minutes=1).reason() is None
    assert run_folder.checkpoints(missing) == {} and run_folder.last_checkpoint(missing) is None


def test_a_port_that_is_taken_is_passed_over():
    with socket.socket() as taken:
        first = torchrun.free_port(20000)
        taken.bind(("127.0.0.1", first))
        taken.listen()
        assert first < torchrun.free_port(first) < 32768
    assert torchrun.free_port(first) == first


def test_one_process_gathers_and_agrees_with_itself():
    assert (torchrun.number(), torchrun.count()) == (0, 1)
    assert torchrun.gather([1, 2]) == [[1, 2]] and torchrun.any_of(True) and not torchrun.any_of(False)


def test_a_claim_beats_the_constants_where_its_whole_interval_lies_above_all_of_them():
    def content(name, *right):
        counts = {claim: mean_of([1] * k + [0] * (100 - k)) for claim, k in zip(scored(STUDY), right, strict=True)}
        return {"name": name, "task": Task().to_json(), "means": {"claims": {"all": counts}}}

    majority, commonest = content("majority", 50, 50, 50, 50, 0), content("commonest", 40, 50, 20, 50, 25)
    baseline = curves.constant_means([majority, content("step 1", 90, 90, 90, 90, 90), commonest])
    assert baseline == {"trend": 0.5, "noise": 0.5, "max": 0.5, "min": 0.5, "all_four": 0.25}
    # 55 of 100: the interval begins at 45.2; 34: at 25.5
    assert curves.beaten(content("step 2", 90, 55, 50, 10, 34), baseline) == ["trend", "all_four"]
    # from 51.2, 50.2, 49.2; 33: from 24.6, which is above the majority's 0 alone
    assert curves.beaten(content("step 3", 61, 60, 59, 50, 33), baseline) == ["trend", "noise"]
    assert curves.beaten(majority, baseline) == curves.beaten(commonest, baseline) == []
    assert curves.constant_means([content("step 1", 1, 1, 1, 1, 1)]) == {}
