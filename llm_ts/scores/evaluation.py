"""An evaluation: answers to the test prompts with their scores, and the file that keeps it.

{"name", "base", "step", "format", "question" (absent: study), "rules" (absent: version 1), "see" (absent: numbers), "nli_model", "cosine_model", "seconds", "means":
score.summarise, "samples": [one for each test row, in the order of the pairs: id, answer, parse, read, outcome, cosine,
nli], "validation": the means of the simulated validation rows, where there were any; in a suite's file "majority",
"commonest" and "guessed", the means of these answers that read nothing on the same rows}.
"""

from llm_ts import cli, disk, formats, question, shape
from llm_ts.scores import score


def make(name, rows, answers, scorer, **about):
    """Answers to the test rows -> the content of an evaluation file."""
    asked = question.of(rows[0], name)
    samples = score.score_answers(asked, rows, answers, scorer)
    return {
        "name": name,
        **about,
        "format": rows[0]["format"],
        **asked.whole_tag,
        **formats.see_tag(formats.see_of(rows[0], name)),
        "nli_model": scorer.nli_name,
        "cosine_model": scorer.embedder_name,
        "means": score.summarise(asked, rows, samples),
        "samples": samples,
    }


def read(path):
    """An evaluation file; UserError where it is missing, broken, of an unknown question, or something else."""
    content = disk.read_json(path, "qwen_train.py")
    if not _is_evaluation(content, question.of(content, path)):
        raise cli.UserError(f"{path} is not an evaluation file of qwen_train.py")
    return content


def _is_evaluation(content, asked):
    others = [content[name] for name in ("validation", *score.CONSTANTS, "guessed") if content.get(name)]
    return (
        shape.has(content, ("name", "format", "nli_model"), str)
        and shape.has(content, ("step",), (int, type(None)))
        and all(score.are_means(means, asked) for means in (content.get("means"), *others))
        and isinstance(content.get("samples"), list)
        and all(_is_sample(sample, asked) for sample in content["samples"])
    )


def _is_sample(sample, asked):
    return (
        shape.has(sample, ("id", "answer", "parse"), str)
        and shape.has(sample, ("cosine",), (int, float))
        and shape.has(sample.get("read"), asked.claims, (str, type(None)))
        and shape.has(sample.get("outcome"), asked.claims, str)
        and set(sample["outcome"]) == set(sample["read"]) == set(asked.claims)
        and set(sample["outcome"].values()) <= set(score.OUTCOMES)
        and shape.has(sample.get("nli"), asked.topics, (int, float))
        and set(sample["nli"]) == set(asked.topics)
    )
