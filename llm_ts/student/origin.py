"""What a student learnt: how its series were written, what it was asked, of how many points. Kept with it, read here alone.

A folder keeps it in training.json, a GGUF file in its general.description.
"""

import os
import re
import sys
from dataclasses import dataclass

from llm_ts import cli, disk, formats, rules
from llm_ts import question as questions
from llm_ts.series import PROCESSES, ou, thin
from llm_ts.series.rows import LONGEST
from llm_ts.student import gguf_file

MARK = "llm_ts"
NEARLY = 1.25  # a series so many times as long as the longest that a student learnt is still read as it is


@dataclass(frozen=True)
class Origin:
    """What is known of a student; None and () where nothing says.

    points: the lengths of its training series. series_of: the names of the processes that these came from. see: what it was
    shown of them, a word of formats.SEE.
    """

    format: str | None = None
    points: tuple = ()
    prompt_version: int | None = None
    question: questions.Question | None = None
    series_of: tuple = (ou.NAME,)
    see: str = "numbers"

    @property
    def mark(self):
        """ "llm_ts format=thirds points=48 prompt_version=1"; then what is not `study`, OU alone, and numbers.

        "" where nothing is known.
        """
        if not self.format:
            return ""
        points = ",".join(map(str, self.points))
        more = "".join(f" {key}={value}" for key, value in self.question.tag.items())
        more += "" if self.series_of == (ou.NAME,) else f" series_of={','.join(self.series_of)}"
        more += "".join(f" {key}={value}" for key, value in formats.see_tag(self.see).items())
        more += "" if self.question.rules.version == 1 else f" rules={_rules_text(self.question.rules)}"
        return f"{MARK} format={self.format} points={points} prompt_version={self.prompt_version}{more}"


UNKNOWN = Origin()
MARKED = re.compile(  # what Origin.mark writes
    MARK + r" format=([\w-]+) points=(\d{1,6}(?:,\d{1,6})*) prompt_version=(\d{1,6})"
    r"(?: question=(\S+))?(?: series_of=(\S+))?(?: see=(\w+))?(?: rules=(\S+))?"
)


def _rules_text(by):
    """Rules -> "2", or "2,mistral,rise=0.4"."""
    return ",".join([str(by.version), *([by.name] if by.name else []), *(f"{key}={value!r}" for key, value in by.thresholds)])


def _rules_of_text(text, where):
    """The inverse of _rules_text; what it says is checked as any record's rules are."""
    version, *more = text.split(",")
    about = {"version": int(version) if re.fullmatch(r"\d{1,6}", version) else version}
    if more:
        pairs = [part.partition("=") for part in more[1:]]
        numbers = {key: float(value) if re.fullmatch(r"\d+\.\d+", value) else value for key, _, value in pairs}
        about.update(name=more[0], thresholds=numbers)
    return rules.of({"rules": about}, where)


def from_mark(text, where):
    """The inverse of Origin.mark; UNKNOWN for other texts. UserError for a question that this version does not know."""
    found = MARKED.fullmatch(text)
    if not found:
        return UNKNOWN
    if found[1] not in formats.FORMATS:
        raise cli.UserError(f"{where}: {found[1]!r} is no format: there are {', '.join(formats.FORMATS)}")
    by = _rules_of_text(found[7] or "1", where)
    asked = (questions.named(found[4], where) if found[4] else questions.STUDY).by(by)
    series_of = _processes(found[5].split(",") if found[5] else None, where)
    see = formats.see_of({"see": found[6]} if found[6] else {}, where)
    return Origin(found[1], tuple(int(n) for n in found[2].split(",")), int(found[3]), asked, series_of, see)


def _processes(names, where):
    """The names of processes that a record gives, (ou,) where it gives none; UserError for one that this version does not know."""
    names = [ou.NAME] if names is None else names
    unknown = [name for name in names if name not in list(PROCESSES)] if isinstance(names, list) and names else [names]
    if unknown:
        raise cli.UserError(f"{where}: no process {unknown[0]!r} is known here: there are {', '.join(PROCESSES)}")
    return tuple(names)


def from_training(about, path, fmt=None):
    """What a training.json says; UserError for a format or question that is none of ours, and for points that are no lengths.

    fmt: a format that the user gave: what a foreign training.json says of its own does no harm then.
    """
    points = about.get("points")
    if fmt and about.get("format") not in list(formats.FORMATS):
        known = questions.of(about, path) if "question" in about else None
        return Origin(question=known, see=formats.see_of(about, path))
    if about.get("format") not in list(formats.FORMATS):
        raise cli.UserError(f"{path}: {about.get('format')!r} is no format: there are {', '.join(formats.FORMATS)}")
    if not isinstance(about.get("prompt_version"), int):
        raise cli.UserError(f"{path}: prompt_version is {about.get('prompt_version')!r}: train again with qwen_train.py")
    if not isinstance(points, list) or not points or not all(isinstance(n, int) for n in points):
        raise cli.UserError(f"{path}: points are {points!r}, no list of lengths: train again with qwen_train.py")
    series_of = _processes(about.get("series_of"), path)
    see = formats.see_of(about, path)
    return Origin(about["format"], tuple(points), about["prompt_version"], questions.of(about, path), series_of, see)


def of(name, fmt=None):
    """The Origin of any student: a .gguf file, or a folder with a training.json in or above it; UNKNOWN where nothing says."""
    if name.endswith(".gguf"):
        return from_mark(gguf_file.read_description(name), name)
    for place in (name, os.path.dirname(os.path.abspath(name))):
        path = os.path.join(place, "training.json")
        if os.path.exists(path):
            return from_training(disk.read_json(path, "qwen_train.py"), path, fmt)
    return UNKNOWN


def format_of(name, known, asked=None):
    """How a student's series are to be written: as asked, else as it learnt to read them, else as the study did, said aloud."""
    chosen = asked or known.format
    if not chosen:
        print(f"note: nothing says how {name} learnt to read series: they are written as 'study' (--format)", file=sys.stderr)
    return chosen or "study"


def question_of(known, asked=None):
    """What a student is asked: the named question, else what it learnt to answer, else `study`.

    By its own thresholds; but by today's version of the rules where it learnt an older one.
    """
    learnt = known.question or questions.STUDY
    by = learnt.rules if learnt.rules.version == rules.PUBLISHED.version else rules.PUBLISHED
    return (questions.named(asked) if asked else learnt).by(by)


def points_text(points):
    """[48, 128] -> "48 and 128"; more than three lengths as their range, "32 to 255"."""
    return " and ".join(map(str, points)) if len(points) < 4 else f"{points[0]} to {points[-1]}"


def points_shown(known, n):
    """How many points a student is shown of a series of n: all, or what it reads best of a longer one (series/thin.py)."""
    longest = max(known.points, default=LONGEST)
    if n <= NEARLY * longest and n <= LONGEST:
        return n
    return min(max(thin.POINTS, min(known.points, default=0)), longest)


def notes(known, points, asked):
    """What a user should know who asks a student a Question about a series of so many points: texts."""
    found = []
    if known.question and known.question.name != asked.name:
        found.append(f"learnt the question {known.question.name!r}, asked {asked.name!r}: what it never learnt to say may be anything")
    if known.points and not 0.8 * min(known.points) <= points <= NEARLY * max(known.points):
        found.append(f"trained on series of {points_text(known.points)} points: at {points} it reads less well")
    if known.question and known.question.rules.version != rules.PUBLISHED.version:
        then, now = known.question.rules.version, rules.PUBLISHED.version
        found.append(f"trained under version {then} of the rules, checked by version {now}: what they call noise differs")
    if known.prompt_version not in (None, questions.PROMPT_VERSION):
        found.append(f"trained on version {known.prompt_version} of the prompt, asked version {questions.PROMPT_VERSION}")
    return found
