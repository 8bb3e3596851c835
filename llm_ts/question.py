"""What a student is asked: which topics, in which words; and reading an answer back, the teacher's too.

To ask something else: one more Question in QUESTIONS. Each row and each student names its question.

A change of SYSTEM, an instruction or a format changes what every trained student was asked: raise PROMPT_VERSION.
"""

import json
import re
from dataclasses import dataclass, replace
from functools import cached_property

from llm_ts import claims, formats, rules
from llm_ts.base import cli
from llm_ts.rules import PUBLISHED, Rules

PROMPT_VERSION = 1
SYSTEM = "You describe time series."
IN_OTHER_WORDS = "\nIn other words: "  # between an answer in the hand-made words and the same in freer ones, which counts
NUMBER = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Answer:
    """A model's answer, parsed once. parse: "strict" (the whole text is what answer_of writes), "repaired" or "unreadable"."""

    text: str
    parse: str
    sentences: dict | None  # {topic: sentence}; None where it is unreadable
    read: dict  # {claim: label, or None where no single claim could be read}
    keys: dict  # the whole JSON object, with keys that were not asked for; {} where it is unreadable


@dataclass(frozen=True)
class Question:
    """The topics of one answer, in their order, and the rules of its truth. Iterating over it gives the topics' modules."""

    name: str
    topics: tuple  # names in claims.TOPICS
    rules: Rules = PUBLISHED

    def __iter__(self):
        return (claims.TOPICS[name] for name in self.topics)

    @cached_property
    def labels(self):
        """{claim: its labels}, in the order of the topics."""
        return {claim: labels for topic in self for claim, labels in topic.LABELS.items()}

    @property
    def claims(self):
        return tuple(self.labels)

    @property
    def together(self):
        """The name of "all claims of the answer are right": "all_four" for `study`."""
        return f"all_{_number(len(self.claims))}"

    def by(self, other):
        """The same question with other rules, a Rules."""
        return replace(self, rules=other)

    @property
    def form(self):
        return "{" + ", ".join(f'"{name}": "..."' for name in self.topics) + "}"

    @property
    def what(self):
        """What the sentences are about: "its trend (increasing, decreasing or flat), ..., and where ..."."""
        *asked, last = [topic.ASKED for topic in self]
        return f"{', '.join(asked)}, and {last}" if asked else last

    @property
    def instruction(self):
        return f"Describe the series in {self.count('sentence')}: {self.what}. Answer in JSON: {self.form}"

    def count(self, thing):
        """ "three sentences"."""
        return f"{_number(len(self.topics))} {thing}{'s' if len(self.topics) > 1 else ''}"

    @property
    def schema(self):
        """The JSON schema of an answer."""
        texts = {name: {"type": "string", "minLength": 1} for name in self.topics}
        return {"type": "object", "properties": texts, "required": list(self.topics), "additionalProperties": False}

    def prompt_of(self, series, fmt, see="numbers"):
        """What the student is asked about n integers 0..99: the series in the named format, or as a plot."""
        return f"{self.instruction}\nSeries:{formats.shown(series, fmt, see)}"

    def say(self, labels):
        """Labels -> the hand-made sentences {topic: sentence}."""
        return {topic.NAME: topic.say(labels) for topic in self}

    def read(self, sentences):
        """Sentences -> {claim: label, or None where they make no single claim}."""
        return {claim: label for topic in self for claim, label in topic.read(sentences[topic.NAME]).items()}

    def truth_of(self, series):
        """The `truth` of a row: the labels and numbers of the rules, and their sentences."""
        labels = self.rules.truth_of(series, list(self))
        return {**labels, "sentences": self.say(labels)}

    def answer_of(self, sentences, plain=None):
        """Sentences -> the JSON that the student shall answer, keys in fixed order.

        plain: what it shall say first, sentences with the same claims in words that are easily learnt.
        """
        said = json.dumps({name: sentences[name] for name in self.topics}, ensure_ascii=False)
        return said if plain is None else self.answer_of(plain) + IN_OTHER_WORDS + said

    def fits(self, value):
        """Whether a value is what the schema asks: one text for each topic, none of them blank."""
        return (
            isinstance(value, dict)
            and set(value) == set(self.topics)
            and all(isinstance(text, str) and text.strip() and _has_bytes(text) for text in value.values())
        )

    def parse(self, text):
        """A model's answer, as it came -> Answer. Prose or code fences around the JSON, and further keys, are forgiven.

        `Here: {"trend": "up", ...}` -> repaired. Of an answer that is said twice, the last that is whole counts.
        """
        keys, how = self._object(text)
        if keys is None:
            return Answer(text, how, None, dict.fromkeys(self.claims), {})
        sentences = {name: keys[name] for name in self.topics}
        return Answer(text, how, sentences, self.read(sentences), keys)

    def _object(self, text):
        """(the JSON object that counts, with a sentence on each topic, how it was found), or (None, "unreadable")."""
        try:
            values = parts_of(text)
            if all(map(self.fits, values)):
                return values[-1], "strict"
        except (ValueError, RecursionError):
            pass
        found = self.objects_in(text)
        return (found[-1 if IN_OTHER_WORDS in text else 0], "repaired") if found else (None, "unreadable")

    def objects_in(self, text):
        """The JSON objects in a text with a sentence on each topic, each once; keys in other letters, "Trend", count too."""
        decoder, found, end = json.JSONDecoder(), [], 0
        for start in re.finditer(r"\{", text):
            if start.start() < end:
                continue  # inside the last one
            try:
                value, after = decoder.raw_decode(text, start.start())
            except (ValueError, RecursionError):
                continue
            value = {**{key.strip().lower(): one for key, one in value.items()}, **value}
            if self.fits({name: value.get(name) for name in self.topics}):
                end = after
                found += [] if value in found else [value]
        return found


def parts_of(text):
    """What answer_of wrote -> the sentences that it says: [sentences], or [plain ones, those that count]. ValueError for else."""
    return [json.loads(part) for part in text.split(IN_OTHER_WORDS, 1)]


def _number(n):
    """3 -> "three"; beyond nine the digits."""
    return NUMBER[n] if n < len(NUMBER) else str(n)


def _has_bytes(text):
    """Whether a text can be written: half a surrogate pair, which JSON may spell, cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


class Shown(str):
    """A prompt with a picture behind it. picture: a function that gives it, a PIL image, when it is needed."""

    def __new__(cls, prompt, picture):
        made = super().__new__(cls, prompt)
        made.picture = picture
        return made


def messages_of(prompt):
    """The chat that carries a prompt (a text, or Shown); a system message of our own keeps templates from adding theirs."""
    if not isinstance(prompt, Shown):
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
    parts = [{"type": "text", "text": str(prompt)}, {"type": "image"}]  # the text first: all prompts begin with the same
    return [{"role": "system", "content": [{"type": "text", "text": SYSTEM}]}, {"role": "user", "content": parts}]


STUDY = Question("study", ("trend", "noise", "extrema"))
QUESTIONS = {
    question.name: question
    for question in (
        STUDY,
        Question("full", ("trend", "noise", "extrema", "shape", "season", "change", "odd", "peaks", "levels")),
    )
}


def named(name, where=""):
    """The question of a name; UserError where this version has none. where: the file that names it."""
    topics = tuple(str(name).split(","))
    if name not in list(QUESTIONS) and all(topic in claims.TOPICS for topic in topics) and len(set(topics)) == len(topics):
        known = {asked.topics: asked for asked in QUESTIONS.values()}
        return known.get(topics) or Question(name, topics)  # some topics alone: "shape,season"
    if name not in list(QUESTIONS):
        before = f"{where}: " if where else ""
        raise cli.UserError(
            f"{before}asks the question {name!r}, which this version does not know (it knows {', '.join(QUESTIONS)}, and topics: {','.join(claims.TOPICS)})"
        )
    return QUESTIONS[name]


def name_of(text):
    """For argparse: the name of a question, or some topics with commas between them; UserError for else."""
    return named(text, "--question").name


def of(row, where):
    """The question of a row or pair, with the rules of its truth. where: its file, for UserError."""
    if "question" not in row:
        raise cli.older(where, "its question")
    asked, by = named(row["question"], where), rules.of(row, where)
    return asked if by == asked.rules else asked.by(by)


def of_all(rows, where):
    """The one question of all these rows, `study` for none; UserError where there are two, or truths by two rules."""
    return one_of(each_of(rows, where), where)


def each_of(rows, where):
    """The questions of these rows, each once, by whichever rules."""
    return list(dict.fromkeys(of(row, where) for row in rows))


def of_one_name(found, where):
    """Questions that were found in one file, each once -> the same, `study` for none; UserError where there are two names."""
    found = list(dict.fromkeys(found)) or [STUDY]
    if len(names := list(dict.fromkeys(asked.name for asked in found))) > 1:
        raise cli.UserError(f"{where} has rows of the questions {', '.join(names)}: give each question a file of its own")
    return found


def one_of(found, where):
    """Questions that were found in one file -> the one; UserError where there are two, or truths by two rules."""
    found = of_one_name(found, where)
    if len(found) > 1:
        words = " and ".join(asked.rules.words for asked in found)
        raise cli.UserError(f"{where} has truths by {words} of the rules: bring all to one with ou_process.py --truth")
    return found[0]
