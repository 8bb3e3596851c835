"""What a student learnt, and how it is asked: its task, found beside it or in its GGUF file."""

import sys
from dataclasses import replace

from llm_ts import question as questions
from llm_ts import rules, task
from llm_ts.base import disk
from llm_ts.series import thin
from llm_ts.series.rows import LONGEST
from llm_ts.student import load

NEARLY = 1.25  # times the longest series that a student learnt: so long a one is read as it is


def of(name):
    """The Task that a student learnt; None where nothing says. UserError for one of an older form.

    name: a .gguf file, or a folder with a training.json in or above it.
    """
    if name.endswith(".gguf"):
        from llm_ts.gguf import gguf_file

        return task.from_mark(gguf_file.read_description(name), name)
    path = load.training_of(name)
    return task.of(disk.read_json(path, "qwen_train.py"), path) if path else None


def task_of(learnt, fmt=None, question=None, see=None):
    """The Task by which a student is asked: the user's words, else what it learnt, else the study's.

    learnt: of `of`. question: its name. The rules are the student's own; where it learnt by an
    older version of them, today's published ones.
    """
    known = learnt or task.Task()
    by = known.question.rules
    by = by if by.version == rules.PUBLISHED.version else rules.PUBLISHED
    its_question = questions.named(question) if question else known.question
    return replace(known, question=its_question.by(by), format=fmt or known.format, see=see or known.see)


def note_format(name, learnt, fmt):
    """Say on stderr that nothing says how a student learnt to read series, nor did the user."""
    if not learnt and not fmt:
        print(f"note: nothing says how {name} learnt to read series: they are written as 'study' (--format)", file=sys.stderr)


def points_text(points):
    """[48, 128] -> "48 and 128"; more than three lengths as their range, "32 to 255"."""
    return " and ".join(map(str, points)) if len(points) < 4 else f"{points[0]} to {points[-1]}"


def points_shown(asked, n):
    """How many points a student is shown of a series of n: all, or what it reads best.

    asked: its Task.
    """
    longest = max(asked.points, default=LONGEST)
    if n <= NEARLY * longest and n <= LONGEST:
        return n
    return min(max(thin.POINTS, min(asked.points, default=0)), longest)


def notes(learnt, asked, points):
    """What a user should know who asks a student about a series of so many points: texts.

    learnt: of `of`. asked: the Task by which it is asked.
    """
    if not learnt:
        return []
    texts = []
    name, now = learnt.question.name, asked.question.name
    if name != now:
        texts.append(f"learnt the question {name!r}, asked {now!r}: what it never learnt to say may be anything")
    if learnt.points and not 0.8 * min(learnt.points) <= points <= NEARLY * max(learnt.points):
        texts.append(f"trained on series of {points_text(learnt.points)} points: at {points} it reads less well")
    then, now = learnt.question.rules.version, rules.PUBLISHED.version
    if then != now:
        texts.append(f"trained under version {then} of the rules, checked by version {now}: what they call noise differs")
    then, now = learnt.prompt_version, questions.PROMPT_VERSION
    if then != now:
        texts.append(f"trained on version {then} of the prompt, asked version {now}")
    return texts
