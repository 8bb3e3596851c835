"""The spoken form of a question: formats, prompt, answers read strictly and with repairs.

Needs: nothing beyond requirements.txt. Run: python -m pytest -q tests/test_question.py
"""

import itertools
import json

import pytest

from llm_ts import formats, question
from llm_ts.claims.places import THIRDS, third
from llm_ts.question import STUDY
from llm_ts.series.rows import make

GOOD = {"trend": "The trend is flat.", "noise": "Low noise.", "extrema": "Both lie at the end."}
TEXT = json.dumps(GOOD)


@pytest.mark.parametrize("fmt", sorted(formats.FORMATS))
@pytest.mark.parametrize("points", [16, 47, 48, 128, 512])
def test_a_series_survives_being_written_and_read(fmt, points):
    rows, _ = make(9, range(5), points)
    for row in rows:
        text = formats.series_to_text(row["series"], fmt)
        assert formats.text_to_series(text) == row["series"]
        assert STUDY.prompt_of(row["series"], fmt).endswith("Series:" + text)


def test_formats_look_as_documented():
    assert formats.series_to_text([0, 5, 99], "study") == " [00, 05, 99]"
    assert formats.series_to_text([0, 5, 99], "thirds") == "\nbeginning: 00\nmiddle: 05\nend: 99"


def test_the_labelled_lines_are_the_thirds_of_the_rule():
    for points in (16, 47, 48, 128):
        series = list(range(points)) if points <= 100 else [k % 100 for k in range(points)]
        lines = formats.series_to_text(series, "thirds").strip().split("\n")
        at = 0
        for name, line in zip(THIRDS, lines, strict=True):
            assert line.startswith(name + ": ")
            count = len(formats.text_to_series(line))
            assert {third(i, points) for i in range(at, at + count)} == {name}
            at += count


def test_truth_sentences_are_complete_and_differ_by_labels():
    seen = set()
    for labels in itertools.product(*STUDY.labels.values()):
        sentences = STUDY.say(dict(zip(STUDY.claims, labels)))
        assert STUDY.fits(sentences)
        seen.add(STUDY.answer_of(sentences))
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
    answer = STUDY.parse(text)
    assert (answer.sentences, answer.parse, answer.text) == (GOOD, how, text)
    assert answer.read == {"trend": "flat", "noise": "low", "max": "end", "min": "end"}


def test_of_an_answer_in_other_words_the_last_that_is_whole_counts():
    plain = STUDY.say({"trend": "increasing", "noise": "high", "max": "end", "min": "beginning"})
    text = STUDY.answer_of(GOOD, plain)
    assert text.startswith(STUDY.answer_of(plain)) and question.parts_of(text) == [plain, GOOD]
    cut_off, fenced, in_prose = text[:-9], f"```\n{text}\n```", text.replace(question.IN_OTHER_WORDS, " or ")
    found = [STUDY.parse(said) for said in (text, cut_off, fenced, in_prose)]
    assert [answer.parse for answer in found] == ["strict", "repaired", "repaired", "repaired"]
    assert [answer.sentences for answer in found] == [GOOD, plain, GOOD, plain]
    assert STUDY.parse(text.replace('"noise"', '"rise"')).sentences is None


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
    answer = STUDY.parse(text)
    assert (answer.sentences, answer.parse, answer.text) == (None, "unreadable", text)
    assert answer.read == {"trend": None, "noise": None, "max": None, "min": None}


def test_an_object_inside_an_answer_is_no_second_answer():
    draft = {**GOOD, "trend": "The trend is increasing."}
    assert [found["trend"] for found in STUDY.objects_in(json.dumps({**GOOD, "draft": draft}))] == [GOOD["trend"]]
    assert len(STUDY.objects_in(f"{TEXT} or {json.dumps(draft)} or {TEXT}")) == 2
