"""What the teacher is asked, and the labels that it says beside its sentences: words, schema, reading, what is kept of it."""

import hashlib
import json

import pytest
from asking import ask, run
from described import rows_of
from mistral_server import MistralServer

from llm_ts import claims, question
from llm_ts.claims import noise, trend
from llm_ts.claims.places import third
from llm_ts.question import STUDY
from llm_ts.teacher.prompts import DEFAULT, PROMPTS

SERIES = [k * 37 % 100 for k in range(48)]
TEXTS = {  # name, version: hash of the text
    ("labels", 1): "e74b0b1b9afa256a",
    ("study", 1): "fb55112172de9332",
}


def test_the_words_of_a_version_stay():
    """Answers keep name and version alone: other words under the same version would mix two prompts in one file."""
    found = {
        (prompt.name, prompt.version): hashlib.sha256(prompt.fill(STUDY, SERIES).encode()).hexdigest()[:16]
        for prompt in PROMPTS.values()
    }
    assert found == TEXTS


def test_prompt_says_what_truth_rules():
    """The borders that the teacher is told are those of the rules."""
    prompt = PROMPTS["labels"].fill(STUDY, [0] * 48)
    assert trend.RISE == pytest.approx(1 / 3) and "a third of the range" in prompt
    assert f"low below {noise.LOW * 100:g} %" in prompt
    assert f"high above {noise.HIGH * 100:g} %" in prompt
    for n in (16, 24, 25, 26, 128):
        thirds = [third(i, n) for i in range(n)]
        last = [n - 1 - thirds[::-1].index(third_name) for third_name in ("beginning", "middle")]
        assert f"points 0 to {last[0]}, then to {last[1]}, then" in PROMPTS["labels"].fill(STUDY, [0] * n)


def test_the_studys_words():
    text = PROMPTS["study"].fill(STUDY, [0, 50, 99], plot=False)
    assert text.startswith("/think Describe the time series in three sentences. ")
    assert text.endswith('Answer only with JSON: {"trend": "...", "noise": "...", "extrema": "..."}')
    assert PROMPTS["study"].schema(STUDY) == STUDY.schema


@pytest.mark.parametrize("name", PROMPTS)
def test_without_a_plot_none_is_spoken_of(name):
    text = PROMPTS[name].fill(STUDY, [0, 50, 99], plot=False)
    assert "plot" not in text and "0, 50, 99" in text and "plot" in PROMPTS[name].fill(STUDY, [0, 50, 99])


@pytest.mark.parametrize("asked", question.QUESTIONS.values(), ids=lambda asked: asked.name)
def test_the_schema_enumerates_the_labels_beside_each_sentence(asked):
    schema = PROMPTS["labels"].schema(asked)
    keys = [key for topic in asked for key in (topic.NAME, *(f"{claim}_label" for claim in topic.LABELS))]
    assert list(schema["properties"]) == schema["required"] == keys and schema["additionalProperties"] is False
    for claim, labels in asked.labels.items():
        assert schema["properties"][f"{claim}_label"] == {"type": "string", "enum": list(labels)}
        assert all(label in PROMPTS["labels"].fill(asked, SERIES) for label in labels)
    assert not set(claims.TOPICS) & {f"{claim}_label" for topic in claims.TOPICS.values() for claim in topic.LABELS}


SAID = {"trend": "It rises.", "noise": "Low noise.", "extrema": "Both lie at the end."}


@pytest.mark.parametrize("more, labels", [
    ({}, {}), ({"trend_label": "flat", "max_label": "end"}, {"trend": "flat", "max": "end"}),
    ({"trend_label": " Increasing ", "noise_label": "LOW"}, {"trend": "increasing", "noise": "low"}),
    ({"trend_label": "upwards", "noise_label": None, "max_label": ["end"], "min_label": 3}, {}),
])  # fmt: skip
def test_labels_are_read_and_what_is_none_is_left_out(more, labels):
    for text in (json.dumps(SAID | more), f"Here: {json.dumps(SAID | more)}"):
        answer = STUDY.parse(text)
        assert answer.sentences == SAID and PROMPTS["labels"].labels(STUDY, answer) == labels
        assert PROMPTS["study"].labels(STUDY, answer) == {}


@pytest.mark.parametrize("name", PROMPTS)
def test_prompt_and_labels_are_kept_with_every_answer(folder, name):
    with MistralServer(rows_of(folder), ["bad json"] * 3, prompt=name) as server:
        ask(folder, server, *(() if name == DEFAULT else ("--prompt", name)))
    failed, *rows = rows_of(folder)
    assert "gold" not in failed and "labels" not in failed["teacher"] and failed["teacher"]["prompt"] == name
    for row in rows:
        labels = {claim: row["truth"][claim] for claim in STUDY.claims} if name == "labels" else {}
        assert row["gold"] == STUDY.say(row["truth"]) and row["teacher"]["labels"] == labels
        assert (row["teacher"]["prompt"], row["teacher"]["prompt_version"]) == (name, PROMPTS[name].version)


def test_a_server_without_a_schema_may_leave_the_labels_out(folder):
    with MistralServer(rows_of(folder), then="three") as server:
        _, _, counts = ask(folder, server)
    assert (counts["new"], counts["unlabelled"]) == ("12", "12")
    assert all(row["teacher"]["labels"] == {} for row in rows_of(folder))


def test_two_prompts_do_not_mix_in_one_file(folder):
    with MistralServer(rows_of(folder)) as server:
        ask(folder, server, "--rows", "1")
        _, err, _ = ask(folder, server, "--prompt", "study", code=2)
        assert "was asked with the prompt labels, version 1, not study, version 1" in err and len(server.asked) == 1
    with MistralServer(rows_of(folder), prompt="study") as server:  # a second teacher's answers stand apart
        ask(folder, server, "--prompt", "study", "--second", "other")
        assert len(server.asked) == 1
        assert "give that --prompt" in ask(folder, server, "--second", "other", code=2)[1]


def test_the_simulated_teacher_says_the_label_that_it_means(folder):
    run(folder, "--dryrun", key=None)
    for row in rows_of(folder):
        assert row["teacher"]["labels"] == STUDY.read(row["gold"])
