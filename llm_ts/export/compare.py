"""An exported student against the one that was trained: the claims of both on the same rows, label by label."""

import os

from llm_ts import question
from llm_ts.data import pair, records
from llm_ts.pairs import fresh
from llm_ts.scores.means import mean_of
from llm_ts.task import Task

LEAST_EQUAL = {kind: 0.99 for kind in ("f32", "f16", "bf16", "q8_0", "q6_k")}  # share of labels; of other types OTHERWISE
OTHERWISE = 0.97
OF_PICTURES = 0.9  # whatever the type: llama.cpp has tower and projector in f16, and cuts pictures of some models in its own way
ALONE = 10  # prompts that are asked one by one, for the time of an answer
AT_ONCE = 32  # prompts of one call then
COLUMNS = ("type", "MB", "equal labels, %", "all right, %", "all right before, %", "CPU s per answer")


def rows_of(name, of_student, count):
    """(rows to compare on, where they are from): the test rows of the run that a student's folder lies in, else unseen series.

    of_student: the Task by which it is asked. A picture, where there is one, is drawn, wherever the file of the row lies.
    """
    path = os.path.join(os.path.dirname(os.path.abspath(name)), "test_rows.jsonl")
    its_question = of_student.question
    if os.path.exists(path):
        rows = records.read(path, "qwen_train.py")[:count]
        for field in ("format", "series"):
            records.require(rows, field, path, "qwen_train.py")
        for row in rows:  # by today's rules, whenever the run was
            row.update(question=its_question.name, truth=its_question.truth_of(row["series"]))
        return [pair.show(row, of_student.see) for row in rows], "test rows"
    points = of_student.points or (48,)
    stages, processes = [(min(points), max(points), count)], of_student.processes or Task.processes
    rows = fresh.pairs("test", stages, of_student.format, question=its_question, processes=processes)
    return [pair.show(row, of_student.see) for row in rows], "unseen series"


def ask(student, rows, progress):
    """The answers of a .gguf student, and the CPU seconds that one takes, asked alone, all threads together.

    progress: called with the number done.
    """
    prompts = [pair.asked_with(row) for row in rows]
    start = student.seconds()
    answers = [student.ask([prompt])[0] for prompt in prompts[:ALONE]]
    seconds = (student.seconds() - start) / len(answers)
    for begin in range(len(answers), len(prompts), AT_ONCE):
        answers += student.ask(prompts[begin : begin + AT_ONCE])
        progress(len(answers))
    return answers, seconds


def judge(rows, before, after):
    """{"readable", "equal", "before", "after"}: means of whether both answers' labels are equal, over rows and claims, and of
    whether all claims of a row are right, before the export and after it.

    Labels that neither answer gives count as equal; `readable` are the rows where the first gives any.
    """
    made = {"readable": [], "equal": [], "before": [], "after": []}
    for row, *texts in zip(rows, before, after):
        its_question = question.of(row, row["id"])
        first, second = (its_question.parse(text).read for text in texts)
        made["readable"].append(any(first.values()))
        made["equal"] += [first[claim] == second[claim] for claim in its_question.claims]
        for name, labels in (("before", first), ("after", second)):
            made[name].append(all(labels[claim] == row["truth"][claim] for claim in its_question.claims))
    return {name: mean_of(values) for name, values in made.items()}


def table(contents, seconds):
    """Text lines, one for each file that was compared. seconds: of CPU, that an answer takes."""
    lines = ["  ".join(f"{name:>20}" for name in COLUMNS)]
    for content, took in zip(contents, seconds):
        means = [content[key] for key in ("equal", "after", "before")]
        shares = [f"{100 * mean['mean']:.1f} [{100 * mean['low']:.1f}, {100 * mean['high']:.1f}]" for mean in means]
        cells = [content["type"], f"{content['bytes'] / 1e6:.0f}", *shares, f"{took:.2f}"]
        lines.append("  ".join(f"{cell:>20}" for cell in cells))
    return lines


def least_equal(quant, see="numbers"):
    """The share of equal labels below which a file of a type is not good. see: what the student is shown."""
    return OF_PICTURES if see != "numbers" else LEAST_EQUAL.get(quant.lower(), OTHERWISE)
