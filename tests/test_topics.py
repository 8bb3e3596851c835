"""Every topic is whole, and what it says is read back as what it meant; the study's question never changes; a fifth topic
is one file, its name in the list and a question.
"""

import hashlib
import inspect
import itertools
import json
import os
import pathlib
import random
import shutil
import string
import subprocess
import sys

import pytest
from conftest import ROOT

from llm_ts import claims, formats, question
from llm_ts.pairs.words import fault_of
from llm_ts.question import STUDY, Question
from llm_ts.teacher import simulated
from llm_ts.teacher.prompts import PROMPTS

HAS = ("NAME", "LABELS", "NUMBERS", "ASKED", "ASKED_OF_TEACHER", "ERROR_RATE", "IF_WRONG", "measure", "say", "reword", "READER")
HAS += ("SUBJECT", "read")
TAKES = {"measure": ["series"], "say": ["labels"], "reword": ["labels", "rng"], "read": ["sentence"]}
TOPICS = list(claims.TOPICS.values())
TAKEN = {"version", "clear", "numbers", "sentences", "rules"}  # what else stands in a truth
EVERY_TOPIC = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.NAME)


PLACED = {"rises then falls", "falls then rises", "up", "down", "spike", "dip"}  # labels beside which a place is told


def combinations(topic):
    """The labels of a topic that can be true together: a place where there is something that has one."""
    every = [dict(zip(topic.LABELS, labels)) for labels in itertools.product(*topic.LABELS.values())]
    if not any("none" in labels for labels in list(topic.LABELS.values())[1:]):
        return every
    return [labels for labels in every if ("none" in list(labels.values())[1:]) != (next(iter(labels.values())) in PLACED)]


@EVERY_TOPIC
def test_it_is_whole(topic):
    assert not [name for name in HAS if not hasattr(topic, name)]
    for name, takes in TAKES.items():
        thresholds = getattr(topic, "THRESHOLDS", {}) if name == "measure" else {}
        parameters = inspect.signature(getattr(topic, name)).parameters
        assert list(parameters) == [*takes, *thresholds]
        assert [parameters[key].default for key in thresholds] == list(thresholds.values())
    if len(topic.LABELS) > 1:
        assert list(inspect.signature(topic.mistake).parameters) == ["labels", "rng"]
    assert topic.IF_WRONG in ("verify", "replace") and 0 <= topic.ERROR_RATE < 1
    assert all(isinstance(labels, tuple) and len(set(labels)) == len(labels) > 1 for labels in topic.LABELS.values())
    assert isinstance(topic.NUMBERS, tuple) and len(topic.NUMBERS) == len(topic.LABELS) and not TAKEN & set(topic.LABELS)


@EVERY_TOPIC
def test_what_it_says_is_read_back_and_names_no_other_topic(topic):
    for labels in combinations(topic):
        assert topic.read(topic.say(labels)) == labels
        for seed in range(200):
            said = topic.reword(labels, random.Random(seed))
            assert topic.read(said) == labels, said
            assert fault_of(topic, said, labels) != "another topic", said
        assert fault_of(topic, topic.say(labels), labels) != "another topic"


@EVERY_TOPIC
def test_its_measure_gives_its_labels(topic):
    for seed in range(50):
        rng = random.Random(seed)
        series = [rng.randrange(100) for _ in range(48)]
        found = topic.measure(series)
        assert list(found) == list(topic.LABELS)
        for claim, (label, clear, number) in found.items():
            assert label in topic.LABELS[claim] and isinstance(clear, bool) and isinstance(number, (int, float))
        json.dumps(found)
    for series in ([7, 7], [0, 99], [99, 0, 50]):  # the shortest that measure_all takes
        assert all(label in topic.LABELS[claim] for claim, (label, _, _) in topic.measure(series).items())


@EVERY_TOPIC
def test_a_mistake_is_one(topic):
    """The simulated teacher's wrong labels are labels, and other ones."""
    for labels in combinations(topic):
        for seed in range(50):
            wrong = simulated._mistake(topic, labels, random.Random(seed))
            assert wrong in combinations(topic) and wrong != labels


@EVERY_TOPIC
def test_it_can_be_asked_alone(topic):
    """One sentence, whose places for numbers are those that the prompts fill in."""
    asked = Question("alone", (topic.NAME,))
    assert f"Describe the series in one sentence: {topic.ASKED}. Answer in JSON: " in asked.prompt_of([0, 50, 99], "study")
    assert f"- {topic.NAME}: " in PROMPTS["labels"].fill(asked, [0, 50, 99])
    fields = {field for _, field, _, _ in string.Formatter().parse(topic.ASKED_OF_TEACHER) if field is not None}
    assert fields <= {"last_beginning", "last_middle"}
    answer = asked.parse(asked.answer_of(asked.truth_of([0, 50, 99] * 8)["sentences"]))
    assert answer.parse == "strict" and None not in answer.read.values()


def test_no_claim_number_or_threshold_has_two_topics():
    """One that two topics share would be kept once: the other topic's would be lost without a word."""
    for names in ("LABELS", "NUMBERS", "THRESHOLDS"):
        found = [name for topic in TOPICS for name in getattr(topic, names, ())]
        assert len(found) == len(set(found)), names
    assert list(claims.TOPICS) == [topic.NAME for topic in TOPICS]


SERIES = [k * 37 % 100 for k in range(48)]
STUDENTS = {"study": "1d1555d74c23f6d0", "thirds": "89982c324bbbd2dc", "tenths": "45e78d040b48f055"}  # what kept students were asked about it


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_the_study_asks_what_kept_students_learnt():
    """Byte for byte: another word here, and every kept adapter and GGUF is asked what it never read."""
    assert question.QUESTIONS["study"] is STUDY and STUDY.name == "study" and STUDY.together == "all_four"
    assert STUDY.claims == ("trend", "noise", "max", "min") and STUDY.topics == ("trend", "noise", "extrema")
    assert question.PROMPT_VERSION == 1
    assert digest(STUDY.instruction) == "72525cd26fa7856c" and digest(question.SYSTEM) == "06ef74c13eceaee4"
    assert digest(json.dumps(STUDY.schema)) == "ec8d595525e06508"


def test_a_formats_prompt_is_what_kept_students_learnt():
    """A new format: add its hash to STUDENTS."""
    assert {fmt: digest(STUDY.prompt_of(SERIES, fmt)) for fmt in formats.FORMATS} == STUDENTS


LEVEL = '''\
"""The level: does most of the series lie in the upper half of its range?

Rule, version 1. upper = the share of points above the middle between minimum and maximum.
    high if upper > 1/2, else low; clear if upper is at least 0.1 away from it
"""

from llm_ts.claims.lexicon import clauses_of, phrases, reader, SEPARATORS, tags_of

NAME = "level"
LABELS = {"level": ("high", "low")}
NUMBERS = ("upper",)
ASKED = "whether it lies high or low (high or low)"
ASKED_OF_TEACHER = "do most of its values lie in the upper half of the range (high) or not (low)?"
ERROR_RATE = 0.2
IF_WRONG = "verify"


def measure(series):
    upper = sum(2 * k > min(series) + max(series) for k in series) / len(series)
    return {"level": ("high" if upper > 0.5 else "low", abs(upper - 0.5) >= 0.1, round(upper, 6))}


def say(labels):
    return f"Most values are {labels['level']}."


def reword(labels, rng):
    half = {"high": "upper", "low": "lower"}[labels["level"]]
    return rng.choice((f"The series lies in the {half} half of its range.", f"Its values fill the {half} half of the plot."))


SUBJECT = ("high", "low")
READER = reader(SEPARATORS, {"high": phrases("high, upper [_] half"), "low": phrases("low, lower [_] half")})


def read(sentence):
    tags = tags_of(READER, sentence)
    said = {tag for tags_said, _, _ in clauses_of(tags) for tag in tags_said}
    return {"level": said.pop() if len(said) == 1 and "DOUBT" not in tags else None}
'''
FIVE = ("trend", "noise", "extrema", "season", "level")
CHECK = """\
import sys
from llm_ts import question
from llm_ts.data import pair
from llm_ts.scores import score, tables
from llm_ts.scores.similarity import Scorer
from llm_ts.teacher.prompts import PROMPTS

class WordScorer(Scorer):
    _nli = None
    __init__ = lambda self: None
    cosine = lambda self, pairs: [float(a == b) for a, b in pairs]

train, test = pair.read(sys.argv[1])
asked = question.of_all(train + test, sys.argv[1])
assert asked.name == "level" and asked.topics[-1] == "level" and asked.together == "all_six"
rows = train + test
for row in rows:
    answer = asked.parse(pair.answer_of(row))
    assert answer.parse == "strict" and list(answer.sentences) == list(asked.topics) and None not in answer.read.values()
    assert pair.prompt_of(row) == asked.prompt_of(row["series"], "thirds")
    text = PROMPTS["labels"].fill(asked, row["series"])
    assert "- level: do most of its values" in text and "Describe it in five short sentences" in text
right = [asked.answer_of(row["truth"]["sentences"]) for row in rows]
means = score.summarise(asked, rows, score.score_answers(asked, rows, right, WordScorer()))
assert means["nli_level"]["n"] == len(rows)
assert {claim: found["mean"] for claim, found in means["claims"]["all"].items()} == dict.fromkeys(score.scored(asked), 1.0)
constants = {name: constant(asked, rows) for name, constant in score.CONSTANTS.items()}
assert all(None not in asked.parse(text).read.values() for text in constants.values())
evaluation = {"name": "right", "task": pair.task_of(rows).to_json(), "means": means}
head, line = tables.for_markdown([evaluation], "all")[::2]
assert "level" in head and "all six" in head and head.count("|") == line.count("|")
assert "all_six" in tables.for_terminal([evaluation])[0]
"""


def replaced(path, old, new):
    """Replace a text that stands in a file once."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert text.count(old) == 1, f"{path}: {old!r} stands there {text.count(old)} times"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))


ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def call(*command, cwd):
    line = [sys.executable, *map(str, command)]
    done = subprocess.run(line, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def pipeline(scripts, cwd, name, *flags):
    """The first four stages from a folder of scripts -> the bytes of what they wrote: data, verify.csv, pairs."""
    data, verify, pairs = f"{name}.jsonl", f"{name}_verify.csv", f"{name}_pairs.jsonl"
    where = ("--data", data, "--dataset", name)
    call(scripts / "ou_process.py", "--count", 40, "--points", 32, *where, *flags, cwd=cwd)
    made = (cwd / data).read_bytes()
    call(scripts / "mistral.py", "--dryrun", *where, cwd=cwd)
    asked = (cwd / data).read_bytes()
    call(scripts / "curate.py", "--data", data, "--verify-file", verify, cwd=cwd)
    call(scripts / "convert.py", "--format", "thirds", "--diagnostics", "0", "--data", data, "--out", pairs, cwd=cwd)
    return made, asked, *((cwd / path).read_bytes() for path in (data, verify, pairs))


def copy_with_a_fifth_topic(copy):
    """The scripts and rooms of the project, in another folder, with the file level.py in the list of topics."""
    shutil.copytree(os.path.join(ROOT, "llm_ts"), copy / "llm_ts", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "llm_ts" / "claims" / "level.py").write_text(LEVEL, encoding="utf-8")
    listed = copy / "llm_ts" / "claims" / "__init__.py"
    replaced(listed, "extrema, levels, lexicon,", "extrema, level, levels, lexicon,")
    replaced(listed, "odd, peaks, levels)}", "odd, peaks, levels, level)}")
    for script in pathlib.Path(ROOT).glob("*.py"):
        shutil.copy(script, copy)
    return copy


@pytest.mark.slow
def test_a_fifth_topic_is_one_file_one_line_one_question(tmp_path):
    project, copy = pathlib.Path(ROOT), copy_with_a_fifth_topic(tmp_path / "copy")
    asked = copy / "llm_ts" / "question.py"
    last = '        Question("full", ("trend", "noise", "extrema", "shape", "season", "change", "odd", "peaks", "levels")),\n'
    replaced(asked, last, last + f'        Question("level", {FIVE}),\n')

    (tmp_path / "run").mkdir()
    *_, data, verify, pairs = pipeline(copy, tmp_path / "run", "level", "--question", "level")
    rows = [json.loads(line) for line in data.splitlines()]
    assert len(rows) == 40 and {row["truth"]["level"] for row in rows} == {"high", "low"}
    for row in rows:
        assert row["question"] == "level" and tuple(row["gold"]) == FIVE and tuple(row["truth"]["sentences"]) == FIVE
        assert 0 <= row["truth"]["numbers"]["upper"] <= 1 and isinstance(row["truth"]["clear"]["level"], bool)
        assert tuple(row["curated"]) == FIVE
        text = (tmp_path / "run" / "level" / f"{row['id']}.txt").read_text()
        assert text.splitlines()[:5] == list(row["gold"].values())
    wrong = [row for row in rows if row["curated"]["level"]["reason"].startswith(("contradicts", "unclear"))]
    assert 2 <= len(wrong) <= 20  # a fifth of them is said wrong
    assert any(row["curated"]["level"]["status"] == "verify" for row in wrong) and b",level," in verify
    made = [json.loads(line) for line in pairs.splitlines()]
    assert made and all("Describe the series in five sentences: its trend" in pair["prompt"] for pair in made)
    assert all('"season": "...", "level": "..."}\nSeries:' in pair["prompt"] for pair in made)
    assert all(tuple(json.loads(pair["answer"])) == FIVE for pair in made)
    (copy / "check.py").write_text(CHECK, encoding="utf-8")
    call(copy / "check.py", tmp_path / "run" / "level_pairs.jsonl", cwd=tmp_path)

    (tmp_path / "unchanged").mkdir()
    for flags in ((), ("--question", "full")):  # what was asked before is asked as before
        name = "_".join(("other", *flags[1:]))
        before = pipeline(project, tmp_path / "unchanged", name, *flags)
        assert before[0] and before == pipeline(copy, tmp_path / "run", name, *flags)


@pytest.mark.slow
def test_the_other_tests_hold_for_a_fifth_topic(tmp_path):
    """This file's own tests, in a copy with a fifth topic; and a topic that lacks something is told so."""
    copy = copy_with_a_fifth_topic(tmp_path / "copy")
    (copy / "tests").mkdir()
    for name in ("conftest.py", "calling.py", "test_topics.py"):
        shutil.copy(os.path.join(ROOT, "tests", name), copy / "tests")
    these = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_topics.py", "-k", "(level and not levels) or two_topics")
    assert "6 passed" in call(*these, cwd=copy)
    (copy / "llm_ts" / "claims" / "level.py").write_text(LEVEL.replace('IF_WRONG = "verify"\n', ""), encoding="utf-8")
    done = subprocess.run([sys.executable, *these], cwd=copy, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "IF_WRONG" in done.stdout and "1 failed" in done.stdout
