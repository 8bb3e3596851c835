"""curate.py --fit: thresholds that a teacher had in mind are found again, kept with a name, used by what follows, and undone."""

import json
from itertools import pairwise

import pytest

import convert
import curate
import mistral
import ou_process
from llm_ts import question, rules
from llm_ts.base import cli, disk
from llm_ts.data import records
from llm_ts.question import STUDY
from llm_ts.review import fit

MEANT = rules.fitted("meant", {"rise": 2**-0.5 / 3, "low": 0.04 * 2**0.375, "high": 0.12 * 2**0.5})  # all of them multiples that are tried


@pytest.fixture
def data(tmp_path, monkeypatch):
    """220 series, and a teacher who never errs by thresholds of its own."""
    monkeypatch.chdir(tmp_path)
    ou_process.main(["--count", "220", "--points", "64", "--dataset", "none"])
    mistral.main(["--dryrun"])
    rows = records.read("data.jsonl")
    for row in rows:
        meant = STUDY.by(MEANT).truth_of(row["series"])
        row["gold"], row["teacher"]["labels"] = meant["sentences"], {claim: meant[claim] for claim in STUDY.claims}
    write(rows)
    return tmp_path / "data.jsonl"


def write(rows):
    disk.write_text("data.jsonl", "".join(records.encode(row) + "\n" for row in rows))


def test_what_the_teacher_meant_is_found_kept_and_used(data, capsys):
    before = data.read_bytes()
    curate.main([])
    curated = data.read_bytes()
    assert b'"verify"' in curated and b'"truth": {"version": 2, "trend"' in before
    capsys.readouterr()
    curate.main(["--fit", "0"])
    out = capsys.readouterr().out
    assert data.read_bytes() == curated and "share_to_verify: 0.0% of 220 rows (asked: 0.0%)" in out
    assert (data.parent / "fit.png").read_bytes().startswith(b"\x89PNG")
    curate.main(["--fit", "0", "--write", "meant"])
    rows = records.read("data.jsonl")
    asked = question.of_all(rows, "data.jsonl")
    assert asked.rules.name == "meant" and "rules: version 2 with the thresholds 'meant'" in capsys.readouterr().out
    assert not any(sentence["status"] == "verify" for row in rows for sentence in row["curated"].values())
    known = {"rise": 1 / 3, "low": 0.04, "high": 0.12, **dict(asked.rules.thresholds)}
    meant = dict(MEANT.thresholds)  # what lies within the margin of a clear truth is never to verify, and need not move
    assert abs(known["rise"] - meant["rise"]) < 0.08 and known["rise"] != 1 / 3
    step = 1.15 * fit.STEPS[9]  # no row need lie in the last step of the grid
    assert all(1 / step <= known[name] / meant[name] <= step for name in ("low", "high")) and known["high"] != 0.12
    convert.main(["--answers", "truth", "--diagnostics", "0"])
    pairs = records.read("test_jsonl.jsonl")
    assert question.of_all(pairs, "pairs") == asked and pairs[0]["truth"] == asked.truth_of(pairs[0]["series"])
    ou_process.main(["--truth"])
    fresh = [{key: value for key, value in row.items() if key != "curated"} for row in records.read("data.jsonl")]
    assert fresh == [json.loads(line) for line in before.splitlines()]


def test_the_choice_is_the_best_of_all_by_counting(data):
    """Against every setting of trend and noise, counted one by one; and the fewest labels move among the equally near."""
    rows = records.read("data.jsonl")[:40]
    asked = question.Question("trend", ("trend",))
    tries = fit.tries_of(asked, rows)
    for target in (0.0, 0.05, 0.3):
        chosen = fit.choose(tries, target)["trend"]
        counted = []
        for one in tries["trend"]:
            truths = [asked.by(rules.fitted("x", one.setting)).truth_of(row["series"]) for row in rows]
            said = [asked.read(row["gold"])["trend"] for row in rows]
            bad = sum(t["trend"] != s and t["clear"]["trend"] for t, s in zip(truths, said))
            moved = sum(t["trend"] != row["truth"]["trend"] for t, row in zip(truths, rows))
            counted.append((abs(bad / 40 - target), moved))
            assert (bad, moved) == (one.to_verify.sum(), one.moved)
        share = chosen.to_verify.mean()
        assert (abs(share - target), chosen.moved) == pytest.approx(min(counted))


def test_a_try_sends_to_a_human_what_curation_sends(data):
    """By every setting that is tried of every topic; teachers who contradict themselves, or say nothing, among them."""
    rows = records.read("data.jsonl")[:60]
    for number, row in enumerate(rows):
        if number % 4 == 0:
            row["gold"] = {name: "It is hard to judge." for name in row["gold"]}
        if number % 6 == 0:
            row["teacher"]["labels"] = {}
        if number % 5 == 0:
            row["gold"] = dict(rows[number - 1]["gold"])
    tries = fit.tries_of(STUDY, rows)
    for name, all_of in tries.items():
        for one in all_of[:: max(1, len(all_of) // 12)]:
            by = STUDY.by(rules.fitted("x", one.setting))
            statuses = [curate.curate_row({**row, "truth": by.truth_of(row["series"])}, {})[name]["status"] for row in rows]
            assert [status == "verify" for status in statuses] == one.to_verify.tolist()
        assert 0 < one.to_verify.sum() < 60


def test_no_label_is_left_empty_and_thresholds_keep_their_order(data):
    rows = records.read("data.jsonl")
    for row in rows:
        row["gold"]["noise"], row["teacher"]["labels"]["noise"] = "The noise is low.", "low"
    tries = fit.tries_of(STUDY, rows)
    assert any(one.empty == "noise high" for one in fit.tries_of(STUDY, rows[:5])["noise"])
    chosen = fit.choose(tries, 0.0)
    assert not chosen["noise"].empty and set(chosen["noise"].labels["noise"]) == {"low", "medium", "high"}
    with pytest.raises(cli.UserError, match="^no row is .* by the published thresholds: fit them on more series"):
        fit.choose(fit.tries_of(STUDY, rows[:5]), 0.0)
    assert all(one.setting["low"] < one.setting["high"] for one in tries["noise"])
    for _, alone in fit._alone(tries["noise"]):
        assert all(a.setting != b.setting for a, b in pairwise(alone))


def test_the_topics_of_full_are_fitted_one_after_another(tmp_path, monkeypatch):
    """A teacher with thresholds of its own in two of three topics; too many settings to try all together find the same."""
    monkeypatch.chdir(tmp_path)
    for process, count in (("events", 70), ("bend", 30)):
        ou_process.main(f"--count {count} --points 40 --dataset none --process {process} --question shape,change,odd".split())
    asked = question.named("shape,change,odd")
    meant = asked.by(rules.fitted("meant", {"gain": 0.2, "oddness": 14.0}))
    rows = records.read("data.jsonl")
    for row in rows:
        row["gold"] = meant.truth_of(row["series"])["sentences"]
    tries = fit.tries_of(asked, rows)
    assert fit.share_of({name: all_of[0] for name, all_of in tries.items()})["mean"] > 0
    together = fit.choose(tries, 0.0)
    monkeypatch.setattr(fit, "TOGETHER", 1)
    in_turn = fit.choose(tries, 0.0)
    assert fit.share_of(in_turn)["mean"] == fit.share_of(together)["mean"] == 0
    assert {name: one.setting for name, one in in_turn.items()} == {name: one.setting for name, one in together.items()}
    assert in_turn["odd"].setting["oddness"] > 7


@pytest.mark.parametrize("flags, line", [
    (["--fit", "ten"], "'ten' is not a number from 0 to 1"), (["--fit", "2"], "'2' is not a number from 0 to 1"),
    (["--write", "x"], "--write belongs to --fit"), (["--fit", "0.1", "--write", "a b"], "'a b' is not a name"),
    (["--fit", "0.1", "--write", "published"], "ou_process.py --truth"), (["--fit", "0.1", "--review"], "its own run"),
])  # fmt: skip
def test_bad_input_is_one_line(data, flags, line, capsys):
    before = data.read_bytes()
    with pytest.raises((cli.UserError, SystemExit)) as caught:
        curate.main(flags)
    assert line in str(caught.value) + capsys.readouterr().err
    assert data.read_bytes() == before


def test_a_fit_that_changes_nothing_is_not_written(data):
    rows = records.read("data.jsonl")
    for row in rows:
        row["gold"] = row["truth"]["sentences"]
        row["teacher"]["labels"] = {claim: row["truth"][claim] for claim in STUDY.claims}
    write(rows)
    before = data.read_bytes()
    with pytest.raises(cli.UserError, match="nothing to write"):
        curate.main(["--fit", "0", "--write", "same"])
    assert data.read_bytes() == before
