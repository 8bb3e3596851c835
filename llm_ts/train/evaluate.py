"""Evaluate on the test rows: the model that is being trained, and what it is compared with.

That are constant answers, guesses, the teacher, and another student.
"""

import os
import time
from dataclasses import replace

from llm_ts import question
from llm_ts.base import cli, disk, torchrun
from llm_ts.data import pair
from llm_ts.scores import evaluation, score
from llm_ts.student import load, origin
from llm_ts.student.student import Student


class Abandoned(Exception):
    """An evaluation that was left off because the run is to stop."""


def evaluate(name, student, rows, validation_rows, scorer, max_new_tokens, stop, **about):
    """Ask a Student the prompts of the test and validation rows and score its answers; shows how far it is.

    Returns the content of an evaluation file of the test rows; "validation" are the means of the validation rows alone.
    The processes of a torchrun share the prompts out. Once stop.asked is true, no further batch is asked: None.
    """
    # each process asks its own share
    start = time.perf_counter()
    both = [*rows, *validation_rows]
    mine = range(torchrun.number(), len(both), torchrun.count())
    with cli.Progress(name, len(mine), every=0) as bar:

        def progress(done):
            bar.step(done - bar.done)
            if stop.asked and done < len(mine):
                raise Abandoned

        try:
            share = student.ask([pair.asked_with(both[i]) for i in mine], max_new_tokens, progress)
        except Abandoned:
            share = None
    parts = torchrun.gather(share)
    if any(part is None for part in parts):
        return None

    # all have all answers, and score them
    answers = [""] * len(both)
    for number, part in enumerate(parts):
        answers[number :: torchrun.count()] = part
    seconds = round(time.perf_counter() - start, 1)
    content = evaluation.make(name, rows, answers[: len(rows)], scorer, **about, seconds=seconds)
    if validation_rows:
        about_rows = question.of(rows[0], name)
        samples = score.score_answers(about_rows, validation_rows, answers[len(rows) :], scorer)
        content["validation"] = score.summarise(about_rows, validation_rows, samples)
    return content


def asked_before(name, folder):
    """Whether evaluation_beside.json holds the answers of this student with the weights that it has now."""
    path = os.path.join(folder, "evaluation_beside.json")
    if not os.path.exists(path):
        return False
    content = evaluation.read(path)
    return (content.get("base"), content.get("weights_sha256")) == (name, load.weights_digest(name))


def ask_beside(run, test_rows, scorer):
    """The evaluation of another student on the same series: written as it learnt to read them, asked what it learnt."""
    ours = pair.task_of(test_rows)
    learnt = origin.of(run.beside) or replace(ours, see="numbers")
    its_question = learnt.question.by(ours.question.rules)
    print(f"asking {run.beside} the test rows", flush=True)
    if its_question != ours.question:
        test_rows = [pair.ask_instead(row, its_question) for row in test_rows]
    test_rows = [pair.show({**row, "format": learnt.format}, learnt.see) for row in test_rows]
    student = Student(run.beside, run.eval_batch_size, see=learnt.see)
    answers = student.ask([pair.asked_with(row) for row in test_rows], run.max_new_tokens)
    about = {"base": run.beside, "step": None, "weights_sha256": load.weights_digest(run.beside)}
    return evaluation.make("beside", test_rows, answers, scorer, **about)


def evaluate_baselines(run, folder, train_rows, test_rows, scorer):
    """Score what reads nothing and the teacher on the test rows, into evaluation_*.json: the constant answers of the training
    split, and what guesses each claim from the true ones before it.

    run: the flags of qwen_train.py; with `beside`, another student is asked the same series too.
    """
    about_rows = question.of(test_rows[0], run.data)
    answers = {name: [constant(about_rows, train_rows)] * len(test_rows) for name, constant in score.CONSTANTS.items()}
    answers["guessed"] = score.guessed_answers(about_rows, train_rows, test_rows)
    if all(row.get("gold") for row in test_rows):
        answers["teacher"] = [about_rows.answer_of(row["gold"]) for row in test_rows]
    contents = [evaluation.make(name, test_rows, texts, scorer, base=name, step=None) for name, texts in answers.items()]
    if run.beside and not asked_before(run.beside, folder):
        contents.append(ask_beside(run, test_rows, scorer))
    for content in contents:
        disk.write_json(os.path.join(folder, f"evaluation_{content['name']}.json"), content)
