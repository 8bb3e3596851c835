"""Two teachers compared: planted differences are counted where they were planted, and convert.py keeps and prints them.

Needs: models/all-MiniLM-L6-v2 for the cosines (else those skip).
"""

import json

import pytest
from conftest import run_script
from described import other, rows_with_gold, write_rows

from llm_ts.question import STUDY
from llm_ts.scores import agreement

COUNT = 40


def rows_with_second():
    """Gold says the truth. The second says another trend in 6 rows, no noise in 4, and swaps one extremum in 3.

    Its wrong trends stand in rows 0 to 5, its noise that cannot be read in 10 to 13, its wrong minima in 20 to 22.
    """
    rows = rows_with_gold(COUNT)
    for number, row in enumerate(rows):
        labels = {claim: row["truth"][claim] for claim in STUDY.claims}
        if number < 6:
            labels["trend"] = other("trend", labels["trend"])
        if 20 <= number < 23:
            labels["min"] = other("min", labels["min"])
        says = STUDY.say(labels)
        if 10 <= number < 14:
            says["noise"] = "The noise is hard to judge."
        row["second"] = {"gold": says, "teacher": {"model": "another"}}
        row["teacher"] = {"model": "the first"}
    return rows


class SameWords:
    """Stands in for models: cosine 1 for equal sentences, else 0; NLI 0.5."""

    def cosine(self, pairs):
        return [float(a == b) for a, b in pairs]

    def nli(self, topic, pairs):
        return [0.5] * len(pairs)


def test_what_was_planted_is_counted():
    rows = rows_with_second()
    found = agreement.compare(STUDY, rows, SameWords())
    assert (found["gold_model"], found["model"], found["n"]) == ("the first", "another", COUNT)
    kinds = ("same", "other", "unread", "cosine", "nli")
    assert {name: [found["sentences"][name][kind]["mean"] for kind in kinds] for name in STUDY.topics} == {
        "trend": [34 / 40, 6 / 40, 0, 34 / 40, 0.5],
        "noise": [36 / 40, 0, 4 / 40, 36 / 40, 0.5],
        "extrema": [37 / 40, 3 / 40, 0, 37 / 40, 0.5],
    }
    rows[0]["teacher"] = {"model": "who came later"}
    assert agreement.compare(STUDY, rows, SameWords())["gold_model"] == "the first and who came later"
    interval = found["sentences"]["trend"]["other"]
    # Wilson's interval by R: prop.test(6, 40, correct = FALSE)
    assert (interval["low"], interval["high"], interval["n"]) == (0.0706, 0.2907, 40)
    gold, second = (found["against_truth"][who]["all"] for who in ("gold", "second"))
    assert {claim: m["mean"] for claim, m in gold.items()} == dict.fromkeys((*STUDY.claims, "all_four"), 1.0)
    assert [second[claim]["mean"] for claim in (*STUDY.claims, "all_four")] == [34 / 40, 36 / 40, 1, 37 / 40, 27 / 40]


def test_convert_keeps_and_prints_it_for_the_rows_that_have_both(tmp_path, embedder):
    rows = rows_with_second()
    rows[0]["second"] = {"teacher": {"model": "another", "failed": "not the JSON asked for"}}
    del rows[39]["second"]
    write_rows(tmp_path, rows)
    run_script("curate.py", cwd=tmp_path)
    out = run_script("convert.py", "--embedder", embedder, "--nli", "none", cwd=tmp_path).stdout
    found = json.loads((tmp_path / "convert_diagnostics.json").read_text())["second"]
    assert found["n"] == 38 and f"the first (gold) and another (second), n = {found['n']}:\n" in out
    assert found["sentences"]["trend"]["nli"]["mean"] == round(33 / 38, 4)  # claims alone: 5 of 38 differ
    assert 0.9 < found["sentences"]["trend"]["cosine"]["mean"] < 1
    assert "| trend | 0.9" in out and "| second | 87 [73, 94] | 89 [76, 96] | 100 [91, 100] | 92 [79, 97] |" in out
    for row in rows:
        row.pop("second", None)
    write_rows(tmp_path, rows)
    run_script("curate.py", cwd=tmp_path)
    out = run_script("convert.py", "--embedder", embedder, "--nli", "none", cwd=tmp_path).stdout
    assert "(second)" not in out and "second" not in json.loads((tmp_path / "convert_diagnostics.json").read_text())


@pytest.mark.parametrize("second", ["text", {"gold": {"trend": "It rises."}, "teacher": {}}, {"gold": None}])
def test_a_broken_second_is_one_line(tmp_path, second):
    rows = rows_with_gold(3)
    rows[1]["second"] = second
    write_rows(tmp_path, rows)
    for script, *flags in (("mistral.py", "--dryrun"), ("curate.py",), ("convert.py", "--answers", "truth")):
        done = run_script(script, *flags, cwd=tmp_path, code=2)
        assert "its second is not an object with a teacher's answer" in done.stderr
