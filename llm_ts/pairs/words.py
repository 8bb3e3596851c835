"""The teacher's sentences, sorted by their labels, for other series with the same labels.

A sentence of the curated train pairs is used if it holds of any series with its labels: it is the teacher's own, the
reader finds exactly the true labels in it, and it names nothing else (fault_of).

Limits first. The reader decides what a sentence means. It refuses unknown words, so a teacher with many words loses
sentences until a lexicon has these words (convert.py counts the unknown ones).
"""

import collections
import re

from llm_ts import question
from llm_ts.base import cli
from llm_ts.claims import TOPICS, lexicon

# the readers know these words, as words that claim nothing
NUMBERS = re.compile(
    r"\d|%|\b(percent(age)?|zero|two|three|four|five|six|seven|eight|nine|ten|hundreds?|twice|doubles?)\b", re.IGNORECASE
)
DATES = re.compile(  # March and May are words too: dates where they are written large
    r"\b(?i:january|february|april|june|july|august|september|october|november|december|\w+days?|days?|weeks?|months?|years?)\b"
    r"|\b(March|May)\b"
)


def labels_of(topic, row):
    """The true labels of a topic in a row or pair, {claim: label}."""
    return {claim: row["truth"][claim] for claim in topic.LABELS}


def fault_of(topic, sentence, labels):
    """Why a sentence does not say exactly these labels of a topic, {claim: label}; None if it does.

    fault_of(trend, "It climbs towards its peak.", {"trend": "increasing"}) -> "another topic"
    """
    if topic.read(sentence) != labels:
        return "read otherwise"
    for other in TOPICS.values():
        kin = other is topic or other.NAME in getattr(topic, "KIN", ())
        if not kin and any(tag in other.SUBJECT for tag, _ in lexicon.marks_of(other.READER, sentence)):
            return "another topic"
    if NUMBERS.search(sentence):
        return "a number"
    if DATES.search(sentence):
        return "a date"
    return "an unknown word" if lexicon.unknown_words(topic.READER, sentence) else None


class Words:
    """The teacher's sentences in the train pairs of one question; str(words) tells how many.

    sentences: {(topic, labels): [sentence, ...]}. left_out: {reason: number}; the same sentence
    for other labels is another one.
    """

    def __init__(self, train_rows):
        self.left_out = collections.Counter()
        sentences, seen = collections.defaultdict(set), set()
        for row in train_rows:
            gold = row.get("gold") or {}
            for topic in question.of(row, row["id"]):
                sentence, labels = row["sentences"][topic.NAME].strip(), labels_of(topic, row)
                key = (topic.NAME, tuple(labels.values()))
                if (key, sentence) in seen:
                    continue
                seen.add((key, sentence))
                is_own = sentence == (gold.get(topic.NAME) or "").strip()
                fault = fault_of(topic, sentence, labels) if is_own else "not the teacher's"
                if fault:
                    self.left_out[fault] += 1
                else:
                    sentences[key].add(sentence)
        self.sentences = {key: sorted(texts) for key, texts in sentences.items()}
        if not sentences:
            give = "convert with --words teacher, or leave --words out"
            raise cli.UserError(f"--words: no sentence can be said of other series: {give} ({self})")

    def __str__(self):
        counts = collections.Counter()
        for (name, _), texts in self.sentences.items():
            counts[name] += len(texts)
        used = ", ".join(f"{name} {count}" for name, count in counts.items())
        left_out = ", ".join(f"{why} {count}" for why, count in self.left_out.most_common())
        return f"{used or 'none'}; left out: {left_out or 'none'}"

    def say(self, row, rng):
        """A row with its truth -> {topic: sentence}, each drawn by rng, a Generator of NumPy.

        They are the teacher's sentences for its labels; the template's, if there is none.
        """
        said = {}
        for topic in question.of(row, row["id"]):
            labels = labels_of(topic, row)
            sentences = self.sentences.get((topic.NAME, tuple(labels.values())))
            sentences = sentences or [topic.say(labels)]
            said[topic.NAME] = sentences[rng.integers(len(sentences))]
        return said
