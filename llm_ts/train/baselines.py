"""What a student is compared with on the same test rows: constant answers, guesses, the teacher, and another student."""

import os
from dataclasses import replace

from llm_ts import question
from llm_ts.base import disk
from llm_ts.data import pair
from llm_ts.scores import evaluation
from llm_ts.scores.score import CONSTANTS, guessed_answers
from llm_ts.student import load, origin
from llm_ts.student.student import Student


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
    asked = learnt.question.by(ours.question.rules)
    print(f"asking {run.beside} the test rows", flush=True)
    if asked != ours.question:
        test_rows = [pair.ask_instead(row, asked) for row in test_rows]
    test_rows = [pair.show({**row, "format": learnt.format}, learnt.see) for row in test_rows]
    student = Student(run.beside, run.eval_batch_size, see=learnt.see)
    answers = student.ask([pair.asked_with(row) for row in test_rows], run.max_new_tokens)
    about = {"base": run.beside, "step": None, "weights_sha256": load.weights_digest(run.beside)}
    return evaluation.make("beside", test_rows, answers, scorer, **about)


def evaluate_baselines(run, folder, train_rows, test_rows, scorer):
    """Score what reads nothing and the teacher on the test rows, into evaluation_*.json: the constant answers of the training
    split, and what guesses each claim from the true ones before it.

    run: a Run of qwen_train.py; with its `beside`, another student is asked the same series too.
    """
    asked = question.of(test_rows[0], run.data)
    answers = {name: [constant(asked, train_rows)] * len(test_rows) for name, constant in CONSTANTS.items()}
    answers["guessed"] = guessed_answers(asked, train_rows, test_rows)
    if all(row.get("gold") for row in test_rows):
        answers["teacher"] = [asked.answer_of(row["gold"]) for row in test_rows]
    contents = [evaluation.make(name, test_rows, texts, scorer, base=name, step=None) for name, texts in answers.items()]
    if run.beside and not asked_before(run.beside, folder):
        contents.append(ask_beside(run, test_rows, scorer))
    for content in contents:
        disk.write_json(os.path.join(folder, f"evaluation_{content['name']}.json"), content)
