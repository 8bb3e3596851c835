"""The teacher's words for the truth's facts: its own sentences, by the labels that they say, to be said of other series.

A sentence of the curated train pairs is used where it holds of any series with its labels: it is the teacher's own, the
reader finds in it exactly the labels of the row's truth, and it names nothing else (fault_of). One sentence in HELD_OUT, by
a hash of its text, is never used: what a student says of these it has put together itself.

Limits first. It is the reader that says what a sentence means. What it does not know it refuses, so a teacher of many words
loses sentences until their words are taught to a lexicon (convert.py counts the unknown ones).
"""

import collections
import hashlib
import re

from llm_ts import cli, question
from llm_ts.claims import TOPICS, lexicon

HELD_OUT = 5
# beyond what no reader knows: these it knows, as words that claim nothing
NUMBERS = re.compile(
    r"\d|%|\b(percent(age)?|zero|two|three|four|five|six|seven|eight|nine|ten|hundreds?|twice|doubles?)\b", re.IGNORECASE
)
DATES = re.compile(  # March and May are words too: dates where they are written large
    r"\b(?i:january|february|april|june|july|august|september|october|november|december|\w+days?|days?|weeks?|months?|years?)\b"
    r"|\b(March|May)\b"
)


def held_out(sentence):
    """Whether a sentence is never trained on: one in HELD_OUT, by its SHA-256."""
    return int(hashlib.sha256(sentence.encode()).hexdigest(), 16) % HELD_OUT == 0


def labels_of(topic, row):
    """The true labels of a topic in a row or pair, {claim: label}."""
    return {claim: row["truth"][claim] for claim in topic.LABELS}


def fault_of(topic, sentence, labels):
    """Why a sentence does not say these labels of a topic, {claim: label}, and nothing else; None where it does.

    fault_of(trend, "It climbs towards its peak.", {"trend": "increasing"}) -> "another topic"
    """
    if topic.read(sentence) != labels:
        return "read otherwise"
    for other in TOPICS.values():
        if other is not topic and any(tag in other.SUBJECT for tag, _ in lexicon.marks_of(other.READER, sentence)):
            return "another topic"
    if NUMBERS.search(sentence):
        return "a number"
    if DATES.search(sentence):
        return "a date"
    return "an unknown word" if lexicon.unknown_words(topic.READER, sentence) else None


class Words:
    """The teacher's sentences in the train pairs of one question; str(words) tells how many.

    sentences: {(topic, labels): [sentence, ...]}. held_out: those of them that are never said.
    """

    def __init__(self, train_rows):
        self.sentences = collections.defaultdict(set)
        self.held_out = set()
        self.left_out = collections.Counter()  # {reason: how many, the same one for other labels being another}
        seen = set()
        for row in train_rows:
            asked = question.of(row, row["id"])
            said, gold = row["sentences"], row.get("gold") or {}
            for topic in asked:
                sentence = said[topic.NAME].strip()
                labels = labels_of(topic, row)
                key = (topic.NAME, tuple(labels.values()))
                if (key, sentence) in seen:
                    continue
                seen.add((key, sentence))
                own = sentence == (gold.get(topic.NAME) or "").strip()
                if reason := fault_of(topic, sentence, labels) if own else "not the teacher's":
                    self.left_out[reason] += 1
                elif held_out(sentence):
                    self.held_out.add(sentence)
                else:
                    self.sentences[key].add(sentence)
        self.sentences = {key: sorted(found) for key, found in self.sentences.items()}
        self._carried = {}  # for the labels that have none

    def __str__(self):
        counts = collections.Counter()
        for (name, _), found in self.sentences.items():
            counts[name] += len(found)
        used = ", ".join(f"{name} {count}" for name, count in counts.items())
        left_out = ", ".join(f"{reason} {count}" for reason, count in self.left_out.most_common())
        return f"{used or 'none'}; held out {len(self.held_out)}; left out: {left_out or 'none'}"

    def say(self, row, rng):
        """A row with its truth -> {topic: sentence}, each drawn by rng, a Generator of NumPy, from those of its labels.

        UserError where there is none.
        """
        return {topic.NAME: self._say(topic, labels_of(topic, row), rng) for topic in question.of(row, row["id"])}

    def _say(self, topic, labels, rng):
        key = (topic.NAME, tuple(labels.values()))
        if key not in self.sentences and key not in self._carried:
            self._carried[key] = self._carry_over(topic, labels)
        found = self.sentences.get(key) or self._carried[key]
        if not found:
            what = " and ".join(f"{label!r} of {claim}" for claim, label in labels.items())
            raise cli.UserError(
                f"--words: no sentence of the teacher's says {what} and nothing else: let it describe more series, "
                f"convert with --words teacher, or leave --words out ({self})"
            )
        return found[rng.integers(len(found))]

    def _carry_over(self, topic, labels):
        """Sentences about other labels of a topic, made to say these, where the topic knows how."""
        if not hasattr(topic, "carry_over"):
            return []
        others = [sentence for (name, _), found in self.sentences.items() if name == topic.NAME for sentence in found]
        made = {made for sentence in others for made in topic.carry_over(sentence, labels)}
        return sorted(sentence for sentence in made if not fault_of(topic, sentence, labels) and not held_out(sentence))
