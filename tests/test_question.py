"""The spoken form of a question: formats, prompt, answers read strictly and with repairs."""

import json

import pytest
from described import numbers_in

from llm_ts import formats, question
from llm_ts.claims.places import THIRDS, third
from llm_ts.question import STUDY
from llm_ts.series.rows import make

GOOD = {"trend": "The trend is flat.", "noise": "Low noise.", "extrema": "Both lie at the end."}
TEXT = json.dumps(GOOD)


def test_formats_look_as_documented():
    """Nothing of a series is lost; the labelled lines are the thirds of the rule."""
    assert formats.series_to_text([0, 5, 99], "study") == " [00, 05, 99]"
    assert formats.series_to_text([0, 5, 99], "thirds") == "\nbeginning: 00\nmiddle: 05\nend: 99"
    for points in (16, 47, 48, 128, 512):
        series = make(9, [points], points)[0][0]["series"]
        assert all(numbers_in(STUDY.prompt_of(series, fmt)) == series for fmt in formats.FORMATS)
        lines = formats.series_to_text(series, "thirds").strip().split("\n")
        counts = [[third(i, points) for i in range(points)].count(name) for name in THIRDS]
        assert [(line.split(": ")[0], line.count(" ")) for line in lines] == list(zip(THIRDS, counts))


@pytest.mark.parametrize("text, how", [
    (TEXT, "strict"), (f"\n {TEXT}\n", "strict"), (f"```json\n{TEXT}\n```", "repaired"), (f"{{oops {TEXT}", "repaired"),
    (f"Sure! Here it is: {TEXT} Anything else?", "repaired"), (json.dumps([GOOD]), "repaired"),
    (json.dumps({**GOOD, "confidence": 1}), "repaired"),
])  # fmt: skip
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


@pytest.mark.parametrize("text", [
    "", "no JSON at all", TEXT[:-1], json.dumps({"trend": "a", "noise": "b"}), "null", "{" * 5000, "[" * 100_000,
    *(json.dumps({**GOOD, "noise": noise}) for noise in ("", "  ", 3, None)),
])  # fmt: skip
def test_unreadable_answers(text):
    answer = STUDY.parse(text)
    assert (answer.sentences, answer.parse, answer.text) == (None, "unreadable", text)
    assert answer.read == {"trend": None, "noise": None, "max": None, "min": None}


def test_an_object_inside_an_answer_is_no_second_answer():
    draft = {**GOOD, "trend": "The trend is increasing."}
    assert [found["trend"] for found in STUDY.objects_in(json.dumps({**GOOD, "draft": draft}))] == [GOOD["trend"]]
    assert len(STUDY.objects_in(f"{TEXT} or {json.dumps(draft)} or {TEXT}")) == 2
