"""The spoken form: formats, prompt, answers read strictly and with repairs.

Needs: nothing beyond requirements.txt. Run: python -m pytest -q tests/test_description.py
"""

import itertools
import json

import pytest

import description
import ou_process
import truth

GOOD = {"trend": "The trend is flat.", "noise": "Low noise.", "extrema": "Both lie at the end."}
TEXT = json.dumps(GOOD)


@pytest.mark.parametrize("fmt", sorted(description.FORMATS))
@pytest.mark.parametrize("points", [16, 47, 48, 128, 512])
def test_a_series_survives_being_written_and_read(fmt, points):
    rows, _ = ou_process.make_rows(9, range(5), points)
    for row in rows:
        text = description.series_to_text(row["series"], fmt)
        assert description.text_to_series(text) == row["series"]
        assert description.prompt_of(row["series"], fmt).endswith("Series:" + text)


def test_formats_look_as_documented():
    assert description.series_to_text([0, 5, 99], "study") == " [00, 05, 99]"
    assert description.series_to_text([0, 5, 99], "thirds") == "\nbeginning: 00\nmiddle: 05\nend: 99"


def test_the_labelled_lines_are_the_thirds_of_the_rule():
    for points in (16, 47, 48, 128):
        series = list(range(points)) if points <= 100 else [k % 100 for k in range(points)]
        lines = description.series_to_text(series, "thirds").strip().split("\n")
        at = 0
        for name, line in zip(truth.THIRDS, lines, strict=True):
            assert line.startswith(name + ": ")
            count = len(description.text_to_series(line))
            assert {truth.third(i, points) for i in range(at, at + count)} == {name}
            at += count


def test_truth_sentences_are_complete_and_differ_by_labels():
    seen = set()
    for labels in itertools.product(truth.TRENDS, truth.NOISES, truth.THIRDS, truth.THIRDS):
        sentences = description.sentences_of(dict(zip(truth.CLAIMS, labels)))
        assert description.fits_schema(sentences)
        seen.add(description.answer_of(sentences))
    assert len(seen) == 81


@pytest.mark.parametrize(
    "text, how",
    [
        (TEXT, "strict"),
        (f"\n {TEXT}\n", "strict"),
        (f"```json\n{TEXT}\n```", "repaired"),
        (f"Sure! Here it is: {TEXT} Anything else?", "repaired"),
        (f"{{oops {TEXT}", "repaired"),
        (json.dumps({**GOOD, "confidence": 1}), "repaired"),
        (json.dumps([GOOD]), "repaired"),
    ],
)
def test_readable_answers(text, how):
    assert description.parse_answer(text) == (GOOD, how)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON at all",
        TEXT[:-1],
        json.dumps({"trend": "a", "noise": "b"}),
        json.dumps({**GOOD, "noise": ""}),
        json.dumps({**GOOD, "noise": "  "}),
        json.dumps({**GOOD, "noise": 3}),
        json.dumps({**GOOD, "noise": None}),
        "null",
        "{" * 5000,
        "[" * 100_000,
    ],
)
def test_unreadable_answers(text):
    assert description.parse_answer(text) == (None, "unreadable")
