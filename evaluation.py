"""Ask a model the test prompts in batches, and keep what it answered with its scores.

Reads: pairs of convert.py. Writes: evaluation_avant.json, evaluation_checkpoint-<step>.json and the like.
Run: no command of its own; qwen_train.py and ts_check_training.py evaluate through this module.

An evaluation file: {"name", "base", "step", "format", "nli_model", "cosine_model", "seconds", "means": scoring.summarise,
"samples": [one a test row, in the order of the pairs: id, answer, parse, read, outcome, cosine, nli], "validation": the
means of the simulated validation rows, where there were any}.
"""

import os
import time

import cli
import cpu
import description
import ranks
import records
import scoring
import truth


def read_pairs(path):
    """(train rows, test rows) of convert.py's output; UserError where a split is empty or a field is missing."""
    rows = records.read(path, made_by="convert.py")
    for field in ("prompt", "answer", "split", "format", "truth", "series"):
        records.require(rows, field, path, "convert.py")
    records.require([row for row in rows if row.get("gold")], "gold", path, "convert.py")
    for row in rows:
        if row["format"] not in description.FORMATS or description.parse_answer(row["answer"])[0] is None:
            raise cli.UserError(f"{path}: row {row['id']}: no format or no answer of ours: run convert.py again")
    train = [row for row in rows if row["split"] == "train"]
    test = [row for row in rows if row["split"] == "test"]
    for name, split in (("train", train), ("test", test)):
        if not split:
            raise cli.UserError(f"{path}: no row in the {name} split: simulate more series with ou_process.py --count")
    return train, test


def _padded(tokenizer, texts):
    """Texts -> (ids, mask, shared): tensors of (texts, tokens) whose first `shared` columns are the same in all rows.

    The padding stands between what the prompts share (system message and instruction) and what they do not, so that
    what they share is read once for the batch. shared is 0 for a single text.
    """
    import torch

    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    shared = len(os.path.commonprefix(ids)) if len(ids) > 1 else 0
    shared = min(shared, min(map(len, ids)) - 1)  # a last token is left to predict the first of the answer from
    longest = max(map(len, ids))
    padded = [row[:shared] + [tokenizer.pad_token_id] * (longest - len(row)) + row[shared:] for row in ids]
    mask = [[1] * shared + [0] * (longest - len(row)) + [1] * (len(row) - shared) for row in ids]
    return torch.tensor(padded), torch.tensor(mask), shared


def _answer_batch(model, tokenizer, texts, max_new_tokens):
    """Greedy continuations of a batch of texts."""
    import torch

    ids, mask, shared = _padded(tokenizer, texts)
    ids, mask = ids.to(model.device), mask.to(model.device)
    with torch.inference_mode():
        past = None
        if shared:
            past = model(ids[:1, :shared], use_cache=True, logits_to_keep=1).past_key_values
            past.batch_repeat_interleave(len(texts))
        out = model.generate(
            input_ids=ids,
            attention_mask=mask,
            past_key_values=past,
            max_new_tokens=max_new_tokens,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            pad_token_id=tokenizer.pad_token_id,
        )
    return tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)


def generate(model, tokenizer, prompts, batch_size=32, max_new_tokens=160, progress=None):
    """Greedy answers to the prompts, in their order; the longest first, so that memory fails early.

    progress: called with the number done after each batch.
    """
    texts = [
        tokenizer.apply_chat_template(description.messages_of(prompt), tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    answers = [""] * len(texts)
    was_training = model.training
    model.eval()
    try:
        with cpu.merged(model):
            for start in range(0, len(order), batch_size):
                chosen = order[start : start + batch_size]
                new = _answer_batch(model, tokenizer, [texts[i] for i in chosen], max_new_tokens)
                for i, text in zip(chosen, new):
                    answers[i] = text.strip()
                if progress:
                    progress(min(start + batch_size, len(order)))
    finally:
        model.train(was_training)
    return answers


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
        said = generate(model, tokenizer, [asked[i]["prompt"] for i in mine], batch_size, max_new_tokens, progress)
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
    try:
        table([content])
        fits = isinstance(content["samples"], list) and all(isinstance(sample, dict) for sample in content["samples"])
    except (KeyError, TypeError, ValueError, AttributeError):
        fits = False
    if not fits:
        raise cli.UserError(f"{path} is not an evaluation file of qwen_train.py")
    return content


def table(evaluations, rows="all"):
    """Evaluations -> lines of a table: one evaluation a line, right answers of each claim in % [95 % interval].

    rows: "all", or "clear" for those rows alone whose claim is clear.
    """
    claims = (*truth.CLAIMS, "all_four")
    lines = [f"{'on ' + rows + ' rows':<18}{'JSON':>6}{'cosine':>8}" + "".join(f"{claim:>17}" for claim in claims)]
    of_count = {}  # the n of each claim -> the evaluations that have it
    for content in evaluations:
        means = content["means"]
        cells = [scoring.percent(means["claims"][rows][claim]) for claim in claims]
        counts = ", ".join(f"{claim} {means['claims'][rows][claim]['n']}" for claim in claims)
        of_count.setdefault(counts, []).append(content["name"].strip())
        head = f"{content['name']:<18}{100 * means['valid_json']['mean']:>6.0f}{means['cosine']['mean']:>8.3f}"
        lines.append(head + "".join(f"{cell:>17}" for cell in cells))
    n = [f"  {counts}" + (f" ({', '.join(names)})" if len(of_count) > 1 else "") for counts, names in of_count.items()]
    return [*lines, "% right [95 % Wilson interval], n:" + (n[0][1:] if len(n) == 1 else "\n" + "\n".join(n))]
