"""The rules of a truth as a property of rows, students and results: kept, read back, never mixed."""

import json

import pytest

import ou_process
from llm_ts import claims, question, rules
from llm_ts.base import cli
from llm_ts.pairs import fresh
from llm_ts.question import STUDY
from llm_ts.student import origin
from llm_ts.task import Task, from_json, from_mark

LOUD = rules.fitted("loud", {"low": 0.08, "high": 0.2})
CASES = [rules.Rules(1), rules.PUBLISHED, LOUD, rules.fitted("steep", {"rise": 0.5, "low": 0.05})]
EVERY_CASE = pytest.mark.parametrize("by", CASES, ids=lambda by: by.words)


@EVERY_CASE
def test_a_student_keeps_them_in_its_files(by):
    for learnt in (
        Task(STUDY.by(by), "thirds", "image", ("ramp",), (24, 48), prompt_version=2),
        Task(question.named("trend,noise,extrema,season").by(by), processes=("ou", "season"), points=(24,)),
    ):
        assert from_mark(learnt.mark, "x.gguf") == learnt
        assert from_json(json.loads(json.dumps(learnt.to_json())), "training.json") == learnt


@pytest.mark.parametrize("by", [rules.PUBLISHED, LOUD], ids=lambda by: by.words)
def test_a_row_keeps_them_in_its_truth(by):
    row = next(iter(fresh.Rows("train", [(48, 48, 1)], question=STUDY.by(by))))
    assert question.of(json.loads(json.dumps(row)), "x") == STUDY.by(by)


def test_thresholds_move_the_labels_and_nothing_else():
    rows = fresh.Rows("train", [(64, 64, 300)])
    moved = 0
    for row in rows:
        other = STUDY.by(LOUD).truth_of(row["series"])
        rough = other["numbers"]["rough"]
        assert other["noise"] == ("low" if rough < 0.08 else "medium" if rough < 0.2 else "high")
        assert {key: other[key] for key in ("trend", "max", "min", "numbers")} == {
            key: row["truth"][key] for key in ("trend", "max", "min", "numbers")
        }
        moved += other["noise"] != row["truth"]["noise"]
    assert moved > 50


def test_thirds_are_the_same_by_whole_numbers_and_by_the_threshold():
    for n in range(2, 400):
        assert [claims.places.third(i, n) for i in range(n)] == [claims.places.THIRDS[i * 3 // n] for i in range(n)]


@pytest.mark.parametrize(
    "about",
    [
        3, {}, {"version": 2}, {"version": "2", "name": "", "thresholds": {}}, {"version": 2, "name": "x", "thresholds": {}},
        {"version": 2, "name": "", "thresholds": {"rise": 0.4}},
        {"version": 2, "name": "x", "thresholds": {"rise": "steep"}}, {"version": 2, "name": "x", "thresholds": {"fall": 0.4}},
        {"version": 2, "name": "x", "thresholds": ["rise"]}, {"version": 2, "name": 3, "thresholds": {"rise": 0.4}},
    ],
)  # fmt: skip
def test_garbled_rules_are_named_in_one_line(about):
    with pytest.raises(cli.UserError, match="^x: its rules are .*, not a version"):
        rules.from_json(about, "x")


def test_a_truth_that_does_not_name_its_rules_is_of_an_older_form():
    row = next(iter(fresh.Rows("train", [(48, 48, 1)])))
    del row["truth"]["rules"]
    with pytest.raises(cli.UserError, match="^x does not say by which rules .* an older version"):
        question.of(row, "x")


def test_what_a_student_learnt_before_is_asked_by_todays_rules_and_said():
    old = Task(STUDY.by(rules.Rules(1)), "thirds", points=(48,))
    now = origin.task_of(old)
    assert now.question.rules == rules.PUBLISHED
    assert any("version 1 of the rules, checked by version 2" in note for note in origin.notes(old, now, 48))
    new = Task(STUDY.by(LOUD), "thirds", points=(48,))
    assert origin.task_of(new) == new and origin.notes(new, new, 48) == []
    with pytest.raises(cli.UserError, match="no truth by version 1 of the rules"):
        old.question.truth_of([0, 99, 0, 99])


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ou_process.main(["--count", "40", "--points", "24", "--dataset", "none"])
    return tmp_path / "data.jsonl"


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_of_two_versions_are_refused_and_brought_to_one(data, capsys):
    good, rows = data.read_bytes(), rows_of(data)
    for row in rows[::2]:
        row["truth"]["version"] = 1
    rows[0]["truth"]["noise"] = "none of ours"
    rows[0]["curated"] = {"by": "the truth of before"}
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(cli.UserError, match="truths by version 1 and version 2 of the rules: .* ou_process.py --truth"):
        question.of_all(rows_of(data), "data.jsonl")
    capsys.readouterr()
    ou_process.main(["--truth"])
    out = capsys.readouterr().out
    assert "changed_noise: 1\n" in out and "rules: version 2\n" in out
    assert rows_of(data) == [json.loads(line) for line in good.splitlines()]


def test_fitted_thresholds_stay_until_the_truth_is_computed_again(data, capsys):
    good, rows = rows_of(data), rows_of(data)
    for row in rows:
        row["truth"] = STUDY.by(LOUD).truth_of(row["series"])
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ou_process.main(["--count", "45", "--points", "24", "--dataset", "none"])  # what joins them is by the same rules
    assert question.of_all(rows_of(data), "x") == STUDY.by(LOUD) and len(rows_of(data)) == 45
    capsys.readouterr()
    ou_process.main(["--truth"])
    assert "rules: version 2\n" in capsys.readouterr().out and rows_of(data)[:40] == good
