"""Files of an older form: refused with the script that brings them up, and right once it has."""

import copy
import json
import os
import shutil

import pytest
from conftest import ROOT

from experiments import bring_up
from llm_ts import question, task
from llm_ts.base import cli, disk
from llm_ts.data import pair, records
from llm_ts.pairs import fresh
from llm_ts.scores import evaluation
from llm_ts.student import origin
from llm_ts.task import Task
from llm_ts.train import run_folder

SEASON = question.named("trend,noise,extrema,season")


def up(*paths):
    bring_up.main([str(path) for path in paths])


def older(value, *names):
    """A copy of an object without what the older form left out."""
    value = copy.deepcopy(value)
    for name in names:
        value.pop(name)
    return value


def write(path, rows):
    path.write_bytes(b"".join(map(records.line_of, rows)))
    return path


def test_rows_of_the_study_and_its_pairs(tmp_path):
    rows = list(fresh.Rows("test", [(16, 16, 6)]))
    old = [older(row, "question") for row in rows]
    for row in old:
        row["params"].pop("process")
        row["truth"].pop("rules")
    path = write(tmp_path / "data.jsonl", old)
    with pytest.raises(cli.UserError, match="does not say its question: .*experiments.bring_up"):
        records.require(records.read(str(path)), "truth", "data.jsonl", "x.py")
    up(path)
    assert records.read(str(path)) == rows
    pairs = [pair.make(row, "thirds", "test", row["truth"]["sentences"]) for row in rows]
    path = tmp_path / "pairs.jsonl"
    pair.write(str(path), pairs)
    lines = records.read(str(path))
    write(path, [older(line, "question", "process", "see") for line in lines])
    with pytest.raises(cli.UserError, match="row test_16_000000 does not say .*bring_up"):
        pair.read(str(path))
    up(path)
    assert pair.read_all(str(path)) == pairs
    kept = path.read_bytes()
    up(tmp_path)
    assert path.read_bytes() == kept


def test_rows_of_another_question_process_and_rules_keep_them(tmp_path):
    (row,) = fresh.Rows("test", [(24, 24, 1)], question=SEASON, processes=("season",))
    old = copy.deepcopy(row)
    old["truth"]["version"] = 1  # of older rules: the labels stay, and say so
    path = write(tmp_path / "data.jsonl", [old])
    up(path)
    assert records.read(str(path)) == [old] and question.of(old, "x").rules.version == 1


def test_a_students_folder(tmp_path):
    learnt = Task(SEASON, "thirds", "image", ("ou", "season"), (24, 48))
    about = {"data_sha256": "0", "rank": 4, "shapes": 0.0, "points": [24, 48], "prompt_version": 1}
    about |= {"question": SEASON.name, "rules": {"version": 2}, "format": "thirds", "see": "image"}
    disk.write_json(str(tmp_path / "training.json"), {**about, "series_of": ["ou", "season"]})
    with pytest.raises(cli.UserError, match="training.json does not say its task .*bring_up"):
        origin.of(str(tmp_path))
    with pytest.raises(cli.UserError, match="training.json does not say its task .*bring_up"):
        run_folder.check(str(tmp_path), {"task": {}})
    up(tmp_path / "training.json")
    assert origin.of(str(tmp_path)) == learnt
    kept = disk.read_json(str(tmp_path / "training.json"), "x.py")
    assert kept["rank"] == 4 and kept["words"] == "template"
    assert not {"points", "see", "shapes"} & set(kept)


def test_an_evaluation_keeps_its_means(tmp_path):
    path = str(tmp_path / "evaluation_avant.json")
    shutil.copy(os.path.join(ROOT, "results", "study-SmolLM2-135M", "evaluation_avant.json"), path)
    now = disk.read_json(path, "x.py")
    disk.write_json(path, {**older(now, "task"), "format": "study"})
    with pytest.raises(cli.UserError, match="experiments.bring_up"):
        evaluation.read(path)
    up(tmp_path)
    assert evaluation.read(path) == now and task.of(now, path).question.rules.version == 1


def test_what_is_shipped_and_kept_is_of_todays_form(capsys):
    up(*(os.path.join(ROOT, name) for name in ("results", "trained", "dataset")))
    assert "changed: 0\n" in capsys.readouterr().out


def test_others_files_stay_and_broken_ones_are_one_line(tmp_path):
    (tmp_path / "other.json").write_text('{"a": 1}')
    (tmp_path / "answers-0.jsonl").write_text('{"id": "a", "answer": "b"}\n')
    up(tmp_path)
    assert (tmp_path / "other.json").read_text() == '{"a": 1}'
    assert json.loads((tmp_path / "answers-0.jsonl").read_text()) == {"id": "a", "answer": "b"}
    (tmp_path / "torn.jsonl").write_text('{"id": "a", "series": [1')
    with pytest.raises(cli.UserError, match="torn.jsonl, line 1: not JSON"):
        up(tmp_path)
    with pytest.raises(cli.UserError, match="no nowhere.jsonl here"):
        up("nowhere.jsonl")
