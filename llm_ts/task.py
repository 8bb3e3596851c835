"""What a student is: one record of how it is asked. Every property is always written.

| property | meaning |
|---|---|
| version | of this record's form |
| question, rules | what is asked, and the rules of its truth (question.py, rules.py) |
| format, see | how a series is written; whether its numbers or its plot are shown (formats.py) |
| processes | what drew the series that it learnt from; []: none of ours, or not known |
| points | the lengths of these series; []: not known |
| prompt_version | of the words of the prompt (question.PROMPT_VERSION) |

It is kept as `task` in training.json, about.json and every evaluation, and in the description of a
GGUF file. A pair holds the properties that concern one series.
"""

import json
from dataclasses import dataclass

from llm_ts import formats, rules
from llm_ts import question as questions
from llm_ts.base import cli
from llm_ts.series import PROCESSES, ou

VERSION = 1
MARK = "llm_ts "  # how the description of our GGUF files begins


@dataclass(frozen=True)
class Task:
    """question: a Question, with its rules. The defaults are those of the study."""

    question: questions.Question = questions.STUDY
    format: str = "study"
    see: str = "numbers"
    processes: tuple = (ou.NAME,)
    points: tuple = ()
    prompt_version: int = questions.PROMPT_VERSION

    def to_json(self):
        return {
            "version": VERSION,
            "question": self.question.name,
            "rules": self.question.rules.to_json(),
            "format": self.format,
            "see": self.see,
            "processes": list(self.processes),
            "points": list(self.points),
            "prompt_version": self.prompt_version,
        }

    @property
    def mark(self):
        """The description of a GGUF file: "llm_ts {...}"."""
        return MARK + json.dumps(self.to_json())


def from_json(about, where):
    """The inverse of Task.to_json. UserError for another version, and for what is not known."""
    if not isinstance(about, dict) or about.get("version") != VERSION:
        raise cli.older(where, f"its task in version {VERSION}")

    def refuse(name, known):
        there = f": there are {', '.join(known)}" if known else ""
        raise cli.UserError(f"{where}: {name} is {about.get(name)!r}{there}")

    for name, known in (("format", list(formats.FORMATS)), ("see", formats.SEE)):
        if about.get(name) not in known:
            refuse(name, known)
    processes, points = about.get("processes"), about.get("points")
    if not isinstance(processes, list) or not all(name in list(PROCESSES) for name in processes):
        refuse("processes", PROCESSES)
    if not isinstance(points, list) or not all(isinstance(n, int) and n > 0 for n in points):
        refuse("points", ())
    if not isinstance(about.get("prompt_version"), int):
        refuse("prompt_version", ())
    by = rules.from_json(about.get("rules"), where)
    asked = questions.named(about.get("question"), where).by(by)
    kept = (about["format"], about["see"], tuple(processes), tuple(points), about["prompt_version"])
    return Task(asked, *kept)


def of(record, where):
    """The Task of a training.json, about.json or evaluation, an object. where: its file's name."""
    return from_json(record.get("task"), where)


def from_mark(text, where):
    """The inverse of Task.mark; None for the descriptions of other people's files."""
    if not text.startswith(MARK):
        return None
    try:
        about = json.loads(text.removeprefix(MARK))
    except ValueError:
        again = "was made by an older version: export it again (hf2gguf.py)"
        raise cli.UserError(f"{where} {again}") from None
    return from_json(about, where)
