"""Evaluate the model that is being trained: its answers to the test and validation prompts, shared out among the processes."""

import time

from llm_ts import question
from llm_ts.base import cli, torchrun
from llm_ts.data import pair
from llm_ts.scores import evaluation, score


class Abandoned(Exception):
    """An evaluation that was left off because the run is to stop."""


def evaluate(name, student, rows, validation_rows, scorer, max_new_tokens, stop, **about):
    """Ask a Student the prompts of the test and validation rows and score its answers; shows how far it is.

    Returns the content of an evaluation file of the test rows; "validation" are the means of the validation rows alone.
    The processes of a torchrun share the prompts out. Once stop.asked is true, no further batch is asked: None.
    """
    start = time.perf_counter()
    both = [*rows, *validation_rows]
    mine = range(torchrun.number(), len(both), torchrun.count())
    with cli.Progress(name, len(mine), every=0) as bar:

        def progress(done):
            bar.step(done - bar.done)
            if stop.asked and done < len(mine):
                raise Abandoned

        try:
            said = student.ask([pair.asked_with(both[i]) for i in mine], max_new_tokens, progress)
        except Abandoned:
            said = None
    parts = torchrun.gather(said)
    if any(part is None for part in parts):
        return None
    answers = [""] * len(both)
    for number, part in enumerate(parts):
        answers[number :: torchrun.count()] = part
    seconds = round(time.perf_counter() - start, 1)
    content = evaluation.make(name, rows, answers[: len(rows)], scorer, **about, seconds=seconds)
    if validation_rows:
        asked = question.of(rows[0], name)
        samples = score.score_answers(asked, validation_rows, answers[len(rows) :], scorer)
        content["validation"] = score.summarise(asked, validation_rows, samples)
    return content
