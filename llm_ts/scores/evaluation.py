"""An evaluation: answers to the test prompts with their scores, and the file that keeps it.

{"name", "base", "step", "task": that of the rows (task.py), "nli_model", "cosine_model", "seconds",
"means": score.summarise, "samples": [one for each test row, in the order of the pairs: id, answer,
parse, read, outcome, cosine, nli], "validation": the means of the simulated validation rows, if any;
in a suite's file "majority", "commonest", "guessed" and "perfect": the means of these answers on
the same rows}.
"""

from llm_ts import task
from llm_ts.base import cli, disk
from llm_ts.data import pair, shape
from llm_ts.scores import score


def make(name, rows, answers, scorer, **about):
    """Answers to the test rows -> the content of an evaluation file."""
    of_rows = pair.task_of(rows)
    asked = of_rows.question
    samples = score.score_answers(asked, rows, answers, scorer)
    return {
        "name": name,
        **about,
        "task": of_rows.to_json(),
        "nli_model": scorer.nli_name,
        "cosine_model": scorer.embedder_name,
        "means": score.summarise(asked, rows, samples),
        "samples": samples,
    }


def read(path):
    """An evaluation file; UserError if it is missing, broken, or something else."""
    content = disk.read_json(path, "qwen_train.py")
    task.of(content, path)
    samples = content.get("samples")
    if not (
        shape.has(content, ("name", "nli_model"), str)
        and shape.has(content, ("means",), dict)
        and isinstance(samples, list)
        and all(shape.has(sample, ("id", "answer"), str) for sample in samples)
        and all(shape.has(sample, ("read", "outcome", "nli"), dict) for sample in samples)
    ):
        raise cli.UserError(f"{path} is not an evaluation file of qwen_train.py")
    return content
