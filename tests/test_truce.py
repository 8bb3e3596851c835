"""experiments.truce on a folder of the test's own in TRUCE's layout: counts by hand, and folders that are none.

Needs: nothing beyond requirements.txt. Run: python -m pytest -q tests/test_truce.py
"""

import json

import pytest
from conftest import run_script

from experiments import truce
from llm_ts import cli

RISING = [3, 10, 11, 20, 24, 31, 35, 40, 47, 52, 55, 60]  # no two steps alike, maximum at the end
HUMP = [5, 6, 9, 14, 30, 61, 60, 33, 20, 12, 8, 2]


def entry(series, *captions):
    return {"id": "x", "idx": "1", "annotations": list(captions), "series": series, "meta": {}}


@pytest.fixture
def checkout(tmp_path):
    """A folder with the two ways in which captions are kept: texts, and texts in lists."""
    folder = tmp_path / "processed_data"
    folder.mkdir()
    made = [["It rises over the whole time"], ["it falls"], ["the highest value is at the end"]]
    stocks = ["the peak is in the middle", "The maximum is at the beginning", "the line is green"]
    (folder / "onetrain.json").write_text(json.dumps({"a.png": entry(RISING, *made)}))
    (folder / "twoval.json").write_text(json.dumps({"b.png": entry(HUMP, *stocks)}))
    return tmp_path


def test_agreement_is_counted_by_hand(checkout):
    counts, wrong = truce.compare(truce.read_folder(str(checkout)))
    assert {line: of["rule"] for line, of in counts.items()} == {
        "trend increasing": [True],
        "trend increasing, of the whole": [True],
        "trend decreasing": [False],
        "max": [True, True, False],
        'max, "highest"': [True],
    }
    assert counts["trend increasing"]["people"] == counts["trend decreasing"]["people"] == [False]
    assert counts["max"]["people"] == [False]  # of the second series alone: in the first one person names the maximum
    assert [(claim, said, true) for claim, said, true, _ in wrong] == [
        ("trend", "decreasing", "increasing"),
        ("max", "beginning", "middle"),
    ]


def test_the_table(checkout):
    done = run_script("experiments.truce", "--truce", checkout, "--wrong", cwd=checkout)
    assert "series: 2\ncaptions: 6\ndisagree: 2\n" in done.stdout
    assert "trend: said decreasing, is increasing: it falls" in done.stdout
    line = next(line for line in done.stdout.splitlines() if line.startswith("max  "))
    assert line.split()[1:4] == ["67", "[21,", "94]"]  # 2 of 3: Wilson 20.8 to 93.9


def test_folders_that_are_no_checkout(checkout, tmp_path):
    assert "processed_data" in run_script("experiments.truce", "--truce", "nowhere", cwd=tmp_path, code=2).stderr
    for text in ("{", "[]", '{"a": 1}', '{"a": {"series": [1, 2]}}', '{"a": {"series": ["x"], "annotations": [[]]}}'):
        (tmp_path / "processed_data" / "onetrain.json").write_text(text)
        with pytest.raises(cli.UserError, match="onetrain.json is not as TRUCE has it"):
            truce.read_folder(str(tmp_path))
