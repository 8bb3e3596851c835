"""The readers of the topics against sentences written independently of their rules (claim_sentences.py), and their properties.

Needs: nothing beyond requirements.txt. Run: python -m pytest -q tests/test_claims.py
"""

import itertools
import time

import pytest
from claim_sentences import SENTENCES
from hard_claim_sentences import SENTENCES as HARD

from llm_ts import claims, cli, question
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
    start = time.perf_counter()
    for kind in STUDY.topics:
        assert not any(parts(read_claim(kind, text)))
    assert time.perf_counter() - start < 1
