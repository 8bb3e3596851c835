"""What can be said of a series. One topic, one sentence of an answer, one file; this is their list.

To add a topic: write its file (copy levels.py), import it here, add it to TOPICS, and to a question in question.py.
tests/test_topics.py then says what it lacks.

A topic is a module:

    NAME                   the key of its sentence in an answer
    LABELS                 {claim: its labels}; one sentence may hold several claims
    NUMBERS                the names of the numbers that the labels are read from, one for each claim
    ASKED, ASKED_OF_TEACHER   what the student, and the teacher, are asked
    ERROR_RATE             share of wrong sentences of the simulated teacher
    IF_WRONG               what curate.py does with a sentence that contradicts the truth: "verify" or "replace"
    measure(series)        -> {claim: (label, whether it is clear, number)}: the published rule
    THRESHOLDS             {name: number}: optional, the thresholds of the labels (curate.py --fit)
    say(labels)            -> the hand-made sentence; reword(labels, rng) -> the simulated teacher's
    READER                 its lexicons, compiled by lexicon.reader
    SUBJECT                its tags; one in a sentence shows that the sentence speaks of this topic
    read(sentence)         -> {claim: label, or None where the sentence makes no single claim}
    mistake(labels, rng)   -> wrong labels of the simulated teacher; needed if a sentence holds several claims
    off(claim, said, number)   -> how far a label lies from the number of the truth; at most 1 is right. Optional: without it,
                           the label of the truth alone is right
    FEWEST                 points of a series below which describe.py does not ask; optional
    KIN                    names of other topics whose words its sentences may use; optional

What else must hold:

- measure also takes the THRESHOLDS, by their names; its defaults equal them.
- No two topics share a claim, a name in NUMBERS or a name in THRESHOLDS.
- No claim is called version, clear, numbers, sentences or rules: a truth has these fields already.
- read gives back the labels of every sentence of say and reword.
- These sentences hold no tag of another topic's SUBJECT.

While you change a rule, `python ou_process.py --truth` brings a data.jsonl up to date. All topics have one VERSION: raise it
if results of the old rule are kept. These stay readable, and say their version (rules.py).
"""

import functools

from llm_ts.claims import change, extrema, levels, lexicon, noise, odd, peaks, season, shape, trend

TOPICS = {topic.NAME: topic for topic in (trend, noise, extrema, shape, season, change, odd, peaks, levels)}
TOPIC_OF = {claim: topic for topic in TOPICS.values() for claim in topic.LABELS}
NUMBER_OF = {claim: name for topic in TOPICS.values() for claim, name in zip(topic.LABELS, topic.NUMBERS)}
VERSION = 2  # of all rules: raise it if the rule of a topic changes. 2: noise from third differences


def thresholds_of(topics):
    """The published thresholds of topics (modules): {name: number}; no two topics share a name."""
    return {name: number for topic in topics for name, number in getattr(topic, "THRESHOLDS", {}).items()}


def is_right(claim, said, label, number):
    """Whether a label is right where the truth has this label and this number: the same one, or one near enough."""
    topic = TOPIC_OF[claim]
    return said == label or (hasattr(topic, "off") and topic.off(claim, said, number) <= 1)


@functools.lru_cache(1 << 16)
def _read(topic, sentence):
    return topic.read(sentence)


def read(topic, sentence):
    """topic.read(sentence); each sentence is read once."""
    return dict(_read(topic, sentence))


def said_of(topic, sentence, labels):
    """{claim: label or None} of a topic: what is read in its sentence, else the label beside it."""
    return {claim: label or labels.get(claim) for claim, label in read(topic, sentence).items()}


def is_foreign(topic, sentence):
    """Whether a sentence is not read and not English: a label beside it does not make it a right one."""
    return None in read(topic, sentence).values() and not lexicon.is_english(topic.READER, sentence)


def measure_all(series, topics, thresholds=()):
    """n >= 2 integers -> {"version", <claim>: label, ..., "clear": {...}, "numbers": {...}} by the rules of the topics.

    topics: modules. thresholds: {name: number}, if they differ from the published ones.
    measure_all([0, 33, 66, 99], [trend])["trend"] -> "increasing". ValueError for fewer than 2 points.
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
