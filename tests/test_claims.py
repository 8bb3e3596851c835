"""The readers of the topics against sentences written independently of their rules (claim_sentences.py), and their properties.

Needs: nothing beyond requirements.txt. Run: python -m pytest -q tests/test_claims.py
"""

import itertools
import json
import os
import time

import pytest
from claim_sentences import SENTENCES
from conftest import ROOT, run_script
from hard_claim_sentences import SENTENCES as HARD

from experiments import reader
from llm_ts import claims, cli, question
from llm_ts.claims import lexicon
from llm_ts.question import STUDY

UNREAD_ALLOWED = 3  # sentences that may be read as None where a careful reader sees a claim; a wrong reading never
HARD_WRONG, HARD_UNREAD = 3, 20  # of 181; measured, so that a change that loses sentences is seen


def test_there_are_enough_sentences_of_each_kind():
    counts = {kind: sum(k == kind for k, _, _ in SENTENCES) for kind in STUDY.topics}
    assert sum(counts.values()) >= 300 and min(counts.values()) >= 80
    assert len({(kind, sentence) for kind, sentence, _ in SENTENCES}) == len(SENTENCES)


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
    assert not wrong, "\n".join(map(str, wrong))
    assert len(unread) <= UNREAD_ALLOWED, "\n".join(map(str, unread))


def test_hard_sentences_are_seldom_misread():
    unread, wrong = misread(HARD)
    assert len(HARD) == 181
    assert len(wrong) <= HARD_WRONG and len(unread) <= HARD_UNREAD, "\n".join(map(str, wrong + unread))


def test_the_hand_made_sentences_of_every_combination_are_read_back():
    every = list(itertools.product(*STUDY.labels.values()))
    assert len(every) == 81
    for labels in every:
        expected = dict(zip(STUDY.claims, labels))
        assert STUDY.read(STUDY.say(expected)) == expected


@pytest.mark.parametrize("dress", [str.upper, str.title, lambda s: f"**{s}** ", lambda s: "\n " + s + "\n", lambda s: f'"{s}"'])
def test_dress_changes_no_reading(dress):
    for kind, sentence, _ in SENTENCES:
        assert read_claim(kind, dress(sentence)) == read_claim(kind, sentence), sentence


@pytest.mark.parametrize(
    "kind, plain, negated",
    [
        ("trend", "The trend is increasing.", "The trend is not increasing."),
        ("trend", "The series rises.", "The series doesn't rise."),
        ("trend", "The series declines.", "The series never declines."),
        ("trend", "The series is flat.", "The series is not flat."),
        ("noise", "The noise is high.", "The noise isn't high."),
        ("noise", "The noise is low.", "The noise is not low."),
        ("extrema", "The maximum lies at the end.", "The maximum does not lie at the end."),
        ("extrema", "The minimum is in the middle.", "The minimum is not in the middle."),
    ],
)
def test_a_negation_never_leaves_the_reading(kind, plain, negated):
    assert any(parts(read_claim(kind, plain)))
    assert not any(parts(read_claim(kind, negated)))


@pytest.mark.parametrize(
    "kind, sentence, claim",
    [
        ("extrema", "The maximum occurs one third of the way in and the minimum at the end.", (None, "end")),
        ("extrema", "The peak comes shortly after the middle, the minimum at the start.", (None, "beginning")),
        ("extrema", "The minimum lies just before the midpoint.", (None, None)),
        ("trend", "The upward trend is negligible.", None),
        ("trend", "There is little upward trend.", None),
        ("trend", "There is little trend.", "flat"),
        ("noise", "There is no lack of noise.", None),
        ("noise", "The noise is negligible.", "low"),
    ],
)
def test_hedges_are_not_taken_for_claims(kind, sentence, claim):
    assert read_claim(kind, sentence) == claim


def test_unknown_kinds_are_refused():
    with pytest.raises(KeyError):
        read_claim("drift", "It rises.")
    with pytest.raises(cli.UserError, match=r"data\.jsonl: asks the question 'drift', .* knows study, season"):
        question.named("drift", "data.jsonl")


@pytest.mark.parametrize("text", ["", " ", "\x00", "é" * 3000, "not " * 5000, "(" * 5000, "max " * 4000, "🙂", "a\n" * 9000])
def test_odd_text_is_read_as_nothing_and_quickly(text):
    start = time.process_time()
    for kind in STUDY.topics:
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


@pytest.mark.parametrize(
    ("kind", "sentence", "expected"),
    [
        ("trend", "A steady incline from start to finish.", "increasing"),
        ("trend", "The level has a constant upslope.", "increasing"),
        ("trend", "Gradual deterioration over the whole window.", "decreasing"),
        ("trend", "It increases; the rate is mostly constant.", "increasing"),
        ("trend", "The curve is flat until the middle.", None),
        ("trend", "The line rises until the middle.", None),
        ("trend", "It falls after the peak.", None),
        ("trend", "It grows a little, then dips.", None),
        ("trend", "It grows a little, then snurgles.", None),
        ("trend", "Although there is a large rise before the midpoint, the overall course goes towards lower values.", "decreasing"),
        ("trend", "Consistent performance of the staff.", None),
        ("trend", "The curve is mostly flat in the centre.", None),
        ("trend", "The curve is mostly flat.", "flat"),
        ("trend", "A strong fall in the beggining.", None),
        ("trend", "It falls sharply in the midle of it.", None),
        ("trend", "In the first part, it climbs.", None),
        ("trend", "It climbs from the beginning to the middle.", None),
        ("trend", "It climbs from the beginning to the end.", "increasing"),
        ("trend", "It closes with a long climb.", None),
        ("trend", "The series opens with a fall.", None),
        ("trend", "It sinks shortly after it begins.", None),
        ("trend", "It is flat throughout the last part.", None),
        ("trend", "It grows for the first two thirds.", None),
        ("trend", "It grows for a long while in the centre.", None),
        ("trend", "It dips before it climbs.", None),
        ("trend", "It goes up and down.", None),
        ("trend", "There are ups and downs, but overall it falls.", "decreasing"),
        ("trend", "It is level and smooth at the close.", None),
        ("trend", "It starts out level.", None),
        ("trend", "A crater first, then it grows.", None),
        ("trend", "The steepest downward slope is in the right half.", None),
        ("trend", "It falls slowly but surely.", "decreasing"),
        ("noise", "The line stays low throughout.", None),
        ("noise", "A highly set line.", None),
        ("noise", "A slight smooth fall.", None),
        ("noise", "It is non-volatile.", None),
        ("noise", "It is somewhat rough.", None),
        ("noise", "There are no fluctuations at the beginning.", None),
        ("noise", "High volatility after the start.", None),
        ("extrema", "It falls fast after the peak toward the end.", (None, None)),
        ("extrema", "It levels off near the bottom until the end.", (None, None)),
        ("extrema", "The end is a bit lower than maximum.", (None, None)),
        ("extrema", "A modest peak at the beginning.", (None, None)),
        ("extrema", "The lowest value comes after the first third.", (None, "middle")),
        ("trend", "Steady noise.", None),
        ("trend", "It falls from the top onwards.", None),
        ("trend", "A climb opens the record.", None),
        ("trend", "Once past the centre, it rises.", None),
        ("trend", "The gradient stays constant.", None),
        ("trend", "Tall peaks rise out of it.", None),
        ("trend", "It decrese over time.", "decreasing"),
        ("trend", "The level hardly changes.", "flat"),
        ("trend", "It ratchets up, even after a late drop.", "increasing"),
        ("noise", "It is calm until the centre.", None),
        ("noise", "A leap, and then calm.", None),
        ("noise", "In the last third, the line is rough.", None),
        ("noise", "It runs low with much jitter.", "high"),
        ("noise", "The jitter is that of a low curve.", None),
        ("noise", "Low noise, high level.", "low"),
        ("noise", "It fluctuates strongly without any direction.", "high"),
        ("extrema", "The jitter reaches its maximum at the end.", (None, None)),
        ("extrema", "The minimum, unlike the maximum, is at the start.", (None, "beginning")),
        ("extrema", "The peak is nearer to the end than the trough.", (None, None)),
        ("extrema", "The bottom comes before the peak, which is at the end.", (None, None)),
        ("extrema", "The top lies just past the first third.", ("middle", None)),
        ("extrema", "The trough comes right before the last third.", (None, "middle")),
        ("extrema", "The minimum is at the start of the last third.", (None, "end")),
        ("extrema", "It begins calmly, and is at its highest value in the last third.", ("end", None)),
        ("extrema", "The slowest growth is at the end.", (None, None)),
        ("extrema", "The higest value is in the middle.", ("middle", None)),
        ("noise", "Values stay low, with strong fluctuations.", "high"),
        ("noise", "Roughly constant noise.", None),
        ("noise", "The SNR is low.", None),
        ("noise", "It fluctuates around its average.", None),
        ("noise", "A notable upward trend.", None),
        ("noise", "There is almost no trend.", None),
        ("noise", "A high peak in the middle.", None),
        ("noise", "The transition was smooth.", None),
        ("extrema", "The largest jump comes at the end.", (None, None)),
        ("extrema", "A minimal rise at the start.", (None, None)),
        ("extrema", "The lowest volatility is in the middle.", (None, None)),
        ("extrema", "The second highest value is at the end.", (None, None)),
        ("extrema", "The maximum lies just after the first third.", ("middle", None)),
        ("extrema", "The lowest pressure sits in the last third.", (None, "end")),
        ("extrema", "The minimum wage rose in the middle.", (None, None)),
    ],
)  # fmt: skip
def test_kinds_of_sentences_that_were_read_wrongly(kind, sentence, expected):
    assert read_claim(kind, sentence) == expected


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
