"""The audit: rows that nobody looked at, drawn by chance, and the error that is found in them.

What no rule marked and no human decided on is trained on unseen. A sample of it says how much of it is wrong.
"""

import random

from llm_ts.scores.agreement import relation_of
from llm_ts.scores.means import mean_of, percent


def is_unmarked(base):
    """Whether no sentence of a row is to verify. base: its `curated` as it is without decisions."""
    return all(sentence["status"] != "verify" for sentence in base.values())


def draw(rows, bases, decisions, audited, count, seed=0):
    """The ids of the audit: those drawn before, and as many unseen rows as make it `count`, the same for the same seed.

    bases: {id: `curated` without decisions}. There are fewer where fewer rows are unseen.
    """
    seen = audited | {key[0] for key in decisions}
    unseen = [row["id"] for row in rows if row["id"] not in seen and is_unmarked(bases[row["id"]])]
    return audited | set(first_of(unseen, count - len(audited), seed))


def first_of(ids, count, seed=0):
    """The first `count` ids, none for 0 and less, in an order by chance that is the same among any others."""
    return sorted(ids, key=lambda row_id: random.Random(f"audit {seed} {row_id}").random())[: max(0, count)]


def is_wrong(name, before, after):
    """Whether a human changed what a sentence claims, or gave a claim to one that made none: other words alone are no error.

    before, after: the curated sentence without and with the decision.
    """
    return before["text"] != after["text"] and relation_of(name, before["text"], after["text"]) != "same"


def errors(rows, bases, audited):
    """The audit's findings: {topic: mean of wrong sentences, ..., "row": mean of rows with a wrong sentence}.

    rows: with `curated`. Counted is what was decided: a sentence alone, a row where all its sentences are.
    """
    found = {}
    for row in rows:
        base = bases[row["id"]]
        if row["id"] in audited and is_unmarked(base):
            after = row["curated"]
            wrong = {name: is_wrong(name, base[name], after[name]) for name in after if after[name]["status"] == "verified"}
            for name in after:
                found.setdefault(name, []).extend([wrong[name]] if name in wrong else [])
            found.setdefault("row", []).extend([any(wrong.values())] if len(wrong) == len(after) else [])
    order = sorted(found, key=lambda name: name == "row")
    return {name: mean_of(found[name]) for name in order}


def lines_of(means, drawn):
    """The findings as lines: "audit_trend_wrong_percent: 4 [1, 13] of 50"."""
    lines = [f"audit_rows: {drawn} ({means['row']['n'] if means else 0} looked at)"]
    return lines + [f"audit_{name}_wrong_percent: {percent(m)} of {m['n']}" for name, m in means.items() if m["n"]]
