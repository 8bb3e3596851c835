"""The readers of the topics against sentences of claim_sentences.jsonl, and their properties.

Its sets: independent (written without knowledge of the rules, as language models describe series),
hard (questions, doubts, double negations, sequences; written likewise), once misread, negated or
hedged. A label of two claims is a pair; null: no single claim.
"""

import json
import os
import time

import pytest
from conftest import ROOT, run_script

from experiments import reader
from llm_ts import claims, question
from llm_ts.base import cli
from llm_ts.claims import lexicon


def sentences(name):
    """A set of labelled sentences: [(kind, text, label or pair of labels), ...]."""
    with open(os.path.join(ROOT, "tests", "claim_sentences.jsonl"), encoding="utf-8") as file:
        lines = [line for line in map(json.loads, file) if line["set"] == name]
    labels = [tuple(line["label"]) if isinstance(line["label"], list) else line["label"] for line in lines]
    return [(line["kind"], line["text"], label) for line, label in zip(lines, labels)]


SENTENCES, HARD, ONCE_MISREAD, NEGATED = map(sentences, ("independent", "hard", "once misread", "negated or hedged"))
UNREAD_ALLOWED = 3  # sentences that may be read as None where a careful reader sees a claim; a wrong reading never
HARD_WRONG, HARD_UNREAD = 3, 20  # of 181; measured, so that a change that loses sentences is seen


def read_claim(kind, sentence):
    """What a topic reads, as the lists of sentences have it: a label or None, and for two claims a pair of them."""
    read = claims.TOPICS[kind].read(sentence)
    assert list(read) == list(claims.TOPICS[kind].LABELS)
    return tuple(read.values()) if len(read) > 1 else next(iter(read.values()))


def parts(value):
    return value if isinstance(value, tuple) else (value,)


def misread(sentences):
    """(unread, wrong): what read_claim takes from sentences otherwise than a careful reader."""
    unread, wrong = [], []
    for kind, sentence, expected in sentences:
        found = read_claim(kind, sentence)
        if found != expected:
            only_unread = all(a is None or a == b for a, b in zip(parts(found), parts(expected)))
            (unread if only_unread else wrong).append((kind, sentence, expected, found))
    return unread, wrong


def test_independent_sentences_are_read_and_never_wrongly():
    unread, wrong = misread(SENTENCES)
    assert len({(kind, sentence) for kind, sentence, _ in SENTENCES}) == 308
    assert not wrong, "\n".join(map(str, wrong))
    assert len(unread) <= UNREAD_ALLOWED, "\n".join(map(str, unread))


def test_hard_sentences_are_seldom_misread():
    unread, wrong = misread(HARD)
    assert len(HARD) == 181
    assert len(wrong) <= HARD_WRONG and len(unread) <= HARD_UNREAD, "\n".join(map(str, wrong + unread))


def test_what_was_misread_once_and_what_is_negated_or_hedged_is_read_rightly():
    assert misread(ONCE_MISREAD) == ([], [])
    unread, wrong = misread(NEGATED)
    assert not wrong and len(unread) <= 1 and len(NEGATED) == 45, wrong  # a wrong reading costs more than none


@pytest.mark.parametrize("dress", [str.upper, str.title, lambda s: f"**{s}** ", lambda s: "\n " + s + "\n", lambda s: f'"{s}"'])
def test_dress_changes_no_reading(dress):
    for kind, sentence, _ in SENTENCES:
        assert read_claim(kind, dress(sentence)) == read_claim(kind, sentence), sentence


def test_unknown_kinds_are_refused():
    with pytest.raises(KeyError):
        read_claim("drift", "It rises.")
    with pytest.raises(cli.UserError, match=r"data\.jsonl: asks the question 'drift', .* knows study, full"):
        question.named("drift", "data.jsonl")


@pytest.mark.parametrize("text", ["", " ", "\x00", "Yes and no.", "It looks like a time series.", "é" * 3000, "not " * 5000, "(" * 5000, "max " * 4000, "🙂", "a\n" * 9000])
def test_odd_text_is_read_as_nothing_and_quickly(text):
    start = time.process_time()
    for kind in claims.TOPICS:
        assert not any(parts(read_claim(kind, text)))
    assert time.process_time() - start < 1


LABELLED = os.path.join(ROOT, "tests", "labelled_sentences.jsonl")


def test_what_claims_nothing_is_not_read():
    """Captions of people, papers and models, most of which claim nothing of the kind that is asked. Measured, so a loss is seen."""
    scores, wrong = reader.score(reader.read_items(LABELLED))
    assert len(wrong) <= 12, wrong
    assert all(of["off_topic"]["mean"] == 0 for of in scores.values())
    precision = {claim: of["precision"]["mean"] for claim, of in scores.items()}
    recall = {claim: of["recall"]["mean"] for claim, of in scores.items()}
    assert all(value >= 0.97 for value in precision.values()) and min(precision["trend"], precision["noise"]) >= 0.98
    assert all(value >= 0.88 for value in recall.values())


def test_unknown_words_are_those_of_no_lexicon():
    noise = claims.TOPICS["noise"]
    assert lexicon.unknown_words(noise.READER, "The noise is low and rather snurgly in 1,000 places, wibble.") == ["places", "wibble"]
    assert lexicon.unknown_words(noise.READER, noise.say({"noise": "low"})) == []


def test_the_measure_of_the_reader_sees_planted_faults(tmp_path, monkeypatch):
    lines = [
        {"kind": "trend", "text": "It rises.", "label": "increasing", "also": [], "on_topic": True},
        {"kind": "trend", "text": "It falls.", "label": "increasing", "also": [], "on_topic": True},  # a wrong label: a wrong reading
        {"kind": "extrema", "text": "The peak is at the end.", "label": ["end", None], "also": [[None], []], "on_topic": True},
        {"kind": "noise", "text": "It rises.", "label": None, "also": [], "on_topic": False},
    ]
    path = tmp_path / "sentences.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    scores, wrong = reader.score(reader.read_items(str(path)))
    assert [claim for claim, *_ in wrong] == ["trend"] and scores["trend"]["precision"]["mean"] == scores["trend"]["recall"]["mean"] == 0.5
    assert (scores["max"]["precision"]["n"], scores["max"]["recall"]["n"], scores["noise"]["off_topic"]["mean"]) == (1, 0, 0)
    assert "precision" in run_script("experiments.reader", path, cwd=tmp_path).stdout
    path.write_text('{"kind": "colour", "text": "red"}\n')
    assert "line 1" in run_script("experiments.reader", path, cwd=tmp_path, code=2).stderr
