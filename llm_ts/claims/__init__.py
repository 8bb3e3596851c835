"""What can be said of a series. One topic, one sentence of an answer, one file; this is their list.

To add a topic: write its file (levels.py is the shortest to copy), add it to TOPICS, and to a question in question.py.
tests/test_topics.py then says what it lacks.

A topic is a module:

    NAME                   the key of its sentence in an answer
    LABELS                 {claim: its labels}; one sentence may hold several claims
    NUMBERS                the names of the numbers that the labels are read from, one for each claim
    ASKED, ASKED_OF_TEACHER   what the student, and the teacher, are asked
    ERROR_RATE             share of wrong sentences of the simulated teacher
    IF_WRONG               what curate.py does with a sentence that contradicts the truth: "verify" or "replace"
    measure(series)        -> {claim: (label, whether it is clear, number)}: the published rule
    THRESHOLDS             {name: number}: optional, where the labels part; measure takes them by these names (curate.py --fit)
    say(labels)            -> the hand-made sentence; reword(labels, rng) -> the simulated teacher's
    READER                 its lexicons, compiled by lexicon.reader
    SUBJECT                its tags that tell, in the sentence of another topic, that this one is spoken of too
    read(sentence)         -> {claim: label, or None where the sentence makes no single claim}
    mistake(labels, rng)   -> wrong labels of the simulated teacher; needed where a sentence holds several claims
    off(claim, said, number)   -> how far a label lies from the number of the truth; at most 1 is right. Optional: without it,
                           the label of the truth alone is right
    KIN                    names of other topics whose words its sentences may use; optional

While a rule is still moving, `python ou_process.py --truth` brings a data.jsonl up to date. VERSION is one for all topics:
raise it when results of the old rule are kept. These stay readable, and say their version (rules.py).
"""

import functools

from llm_ts.claims import change, extrema, levels, lexicon, noise, odd, peaks, season, shape, trend

TOPICS = {topic.NAME: topic for topic in (trend, noise, extrema, shape, season, change, odd, peaks, levels)}
TOPIC_OF = {claim: topic for topic in TOPICS.values() for claim in topic.LABELS}
NUMBER_OF = {claim: name for topic in TOPICS.values() for claim, name in zip(topic.LABELS, topic.NUMBERS)}
VERSION = 2  # of the rules together: raise it where the rule of a topic changes. 2: noise from third differences


def thresholds_of(topics):
    """The published thresholds of topics (modules): {name: number}; their names are all different."""
    return {name: number for topic in topics for name, number in getattr(topic, "THRESHOLDS", {}).items()}


def is_right(claim, said, label, number):
    """Whether a label is right where the truth has this label and this number: the same one, or one near enough."""
    topic = TOPIC_OF[claim]
    return said == label or (hasattr(topic, "off") and topic.off(claim, said, number) <= 1)


@functools.lru_cache(1 << 16)
def _read(topic, sentence):
    return topic.read(sentence)


def read(topic, sentence):
    """topic.read(sentence), looked up where the same sentence was read before."""
    return dict(_read(topic, sentence))


def said_of(topic, sentence, labels):
    """{claim: label or None} of a topic: what is read in its sentence, else the label of the claim that was said beside it."""
    return {claim: label or labels.get(claim) for claim, label in read(topic, sentence).items()}


def is_foreign(topic, sentence):
    """Whether a sentence is not read and not English: a label beside it does not make it a right one."""
    return None in read(topic, sentence).values() and not lexicon.is_english(topic.READER, sentence)


def labels_of(series, topics, thresholds=()):
    """n >= 2 integers -> {"version", <claim>: label, ..., "clear": {...}, "numbers": {...}} by the rules of the topics.

    topics: modules. thresholds: {name: number}, where they differ from the published ones.
    labels_of([0, 33, 66, 99], [trend])["trend"] -> "increasing". ValueError for fewer than 2 points.
    """
    if len(series) < 2:
        raise ValueError("a series needs at least 2 points")
    found = {}
    for topic in topics:
        own = {name: thresholds[name] for name in getattr(topic, "THRESHOLDS", ()) if name in thresholds}
        found.update(topic.measure(series, **own))
    names = [name for topic in topics for name in topic.NUMBERS]
    return {
        "version": VERSION,
        **{claim: label for claim, (label, _, _) in found.items()},
        "clear": {claim: clear for claim, (_, clear, _) in found.items()},
        "numbers": dict(zip(names, (number for _, _, number in found.values()))),
    }
