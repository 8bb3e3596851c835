"""The teacher of the dry run: it says the truth of a row in varied words, and errs as often as a real teacher did.

Limits first. Its sentences are templates (60 for a trend, 14 to 21 for a noise, 120 to 540 for two extrema): plainer than a
real teacher's. It errs independently of how hard a series is; a real teacher errs near the thresholds. It shows that the
pipeline works, never how good a real teacher is. Each topic has its own words and share of errors (llm_ts/claims/).
"""

import random

from llm_ts import question

MODEL = "simulated"


def _mistake(topic, labels, rng):
    """Wrong labels of a topic: its own, or for its one claim any other label."""
    if hasattr(topic, "mistake"):
        return topic.mistake(labels, rng)
    (claim,) = topic.LABELS
    return {claim: rng.choice([other for other in topic.LABELS[claim] if other != labels[claim]])}


def answer(row, seed, second=False):
    """A row with its truth -> its `gold` and `teacher`, fixed by (seed, id, truth) alone.

    A second teacher's seed differs from the first's. Some sentences are wrong; `labels` are those
    that they mean: "The curve rises over the whole window.", {"trend": "increasing"}.
    """
    if second:
        seed += (row.get("teacher") or {}).get("seed", 0) + 1
    sentences, meant = {}, {}
    for topic in question.of(row, row["id"]):
        rng = random.Random(f"{seed} {row['id']} {topic.NAME}")
        labels = {claim: row["truth"][claim] for claim in topic.LABELS}
        if rng.random() < topic.ERROR_RATE:
            labels = _mistake(topic, labels, rng)
        sentences[topic.NAME] = topic.reword(labels, rng)
        meant.update(labels)
    teacher = {
        "model": MODEL,
        "simulated": True,
        "seed": seed,
        "prompt": None,
        "prompt_version": None,
        "date": None,  # nobody was asked, on no day: so a dry run repeats byte for byte
        "tokens": {"prompt": 0, "completion": 0},
        "labels": meant,
    }
    return {"gold": sentences, "teacher": teacher}
