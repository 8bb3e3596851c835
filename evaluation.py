"""Ask a model the test prompts in batches, and keep what it answered with its scores.

Reads: pairs of convert.py. Writes: evaluation_avant.json, evaluation_checkpoint-<step>.json and the like.
Run: no command of its own; qwen_train.py, evaluate.py and ts_check_training.py evaluate through this module.

An evaluation file: {"name", "base", "step", "format", "nli_model", "cosine_model", "seconds", "means": scoring.summarise,
"samples": [one a test row, in the order of the pairs: id, answer, parse, read, outcome, cosine, nli], "validation": the
means of the simulated validation rows, where there were any; in a suite's file "majority" and "commonest", the means of
these constant answers on the same rows}.
"""

import time

import answering
import cli
import description
import ranks
import records
import scoring
import truth


def read_pairs(path):
    """(train rows, test rows) of convert.py's output; UserError where a split is empty or a field is missing."""
    rows = records.read(path, made_by="convert.py")
    for field in ("prompt", "answer", "split", "format", "prompt_version", "truth", "series"):
        records.require(rows, field, path, "convert.py")
    records.require([row for row in rows if row.get("gold")], "gold", path, "convert.py")
    for row in rows:
        if row["format"] not in list(description.FORMATS) or description.parse_answer(row["answer"])[0] is None:
            raise cli.UserError(f"{path}: row {row['id']}: no format or no answer of ours: run convert.py again")
    train = [row for row in rows if row["split"] == "train"]
    test = [row for row in rows if row["split"] == "test"]
    for name, split in (("train", train), ("test", test)):
        if not split:
            raise cli.UserError(f"{path}: no row in the {name} split: simulate more series with ou_process.py --count")
    return train, test


def evaluate(name, rows, answers, scorer, **about):
    """Answers to the test rows -> the content of an evaluation file."""
    samples = scoring.score_answers(rows, answers, scorer)
    return {
        "name": name,
        **about,
        "format": rows[0]["format"],
        "nli_model": scorer.nli_name,
        "cosine_model": scorer.embedder_name,
        "means": scoring.summarise(rows, samples),
        "samples": samples,
    }


class Abandoned(Exception):
    """An evaluation that was left off because the run is to stop."""


def evaluate_model(name, model, tokenizer, rows, validation_rows, scorer, batch_size, max_new_tokens, stop, **about):
    """Ask the model the prompts of the test and validation rows, score its answers; prints progress.

    Returns the content of an evaluation file of the test rows; "validation" are the means of the validation rows alone.
    The processes of a torchrun share the prompts out. Once stop.asked is true, no further batch is asked: None.
    """
    start = time.perf_counter()
    asked = [*rows, *validation_rows]
    mine = range(ranks.rank(), len(asked), ranks.world())

    def progress(done):
        print(f"{name}: {done} of {len(mine)} answers, {time.perf_counter() - start:.0f} s", flush=True)
        if stop.asked and done < len(mine):
            raise Abandoned

    try:
        said = answering.generate(model, tokenizer, [asked[i]["prompt"] for i in mine], batch_size, max_new_tokens, progress)
    except Abandoned:
        said = None
    parts = ranks.gather(said)
    if any(part is None for part in parts):
        return None
    answers = [""] * len(asked)
    for number, part in enumerate(parts):
        answers[number :: ranks.world()] = part
    content = evaluate(name, rows, answers[: len(rows)], scorer, **about, seconds=round(time.perf_counter() - start, 1))
    if validation_rows:
        samples = scoring.score_answers(validation_rows, answers[len(rows) :], scorer)
        content["validation"] = scoring.summarise(validation_rows, samples)
    return content


def read_evaluation(path):
    """An evaluation file; UserError where it is missing, broken or something else."""
    content = records.read_json(path, "qwen_train.py")
    if not _is_evaluation(content):
        raise cli.UserError(f"{path} is not an evaluation file of qwen_train.py")
    return content


def _is_evaluation(content):
    others = [content[name] for name in ("validation", *scoring.CONSTANTS) if content.get(name)]
    return (
        records.has(content, ("name", "format", "nli_model"), str)
        and records.has(content, ("step",), (int, type(None)))
        and all(scoring.are_means(means) for means in (content.get("means"), *others))
        and isinstance(content.get("samples"), list)
        and all(map(_is_sample, content["samples"]))
    )


def _is_sample(sample):
    return (
        records.has(sample, ("id", "answer", "parse"), str)
        and records.has(sample, ("cosine",), (int, float))
        and records.has(sample.get("read"), truth.CLAIMS, (str, type(None)))
        and records.has(sample.get("outcome"), truth.CLAIMS, str)
        and set(sample["outcome"].values()) <= set(scoring.OUTCOMES)
        and records.has(sample.get("nli"), description.SENTENCES, (int, float))
    )


def table(evaluations, rows="all"):
    """Evaluations -> lines of a table: one evaluation a line, right answers of each claim in % [95 % interval].

    rows: "all", or "clear" for those rows alone whose claim is clear, without JSON and cosine, which know of no claims.
    """
    heads = "".join(f"{claim:>17}" for claim in scoring.SCORED)
    lines = [f"{'on ' + rows + ' rows':<18}" + (f"{'JSON':>6}{'cosine':>8}" if rows == "all" else "") + heads]
    of_count = {}  # the n of each claim -> the evaluations that have it
    for content in evaluations:
        means = content["means"]
        cells = [scoring.percent(means["claims"][rows][claim]) for claim in scoring.SCORED]
        counts = ", ".join(f"{claim} {means['claims'][rows][claim]['n']}" for claim in scoring.SCORED)
        of_count.setdefault(counts, []).append(content["name"].strip())
        plain = f"{100 * means['valid_json']['mean']:>6.0f}{means['cosine']['mean']:>8.3f}" if rows == "all" else ""
        lines.append(f"{content['name']:<18}" + plain + "".join(f"{cell:>17}" for cell in cells))
    n = [f"  {counts}" + (f" ({', '.join(names)})" if len(of_count) > 1 else "") for counts, names in of_count.items()]
    return [*lines, "% right [95 % Wilson interval], n:" + (n[0][1:] if len(n) == 1 else "\n" + "\n".join(n))]
