"""Two teachers compared: sentence by sentence (cosine, NLI, claims), and each against the truth."""

from collections import Counter

from llm_ts.base import cli
from llm_ts.scores import tables
from llm_ts.scores.means import mean_of, percent
from llm_ts.scores.score import claim_means, outcome_by, scored
from llm_ts.scores.similarity import claims_score

RELATIONS = {1.0: "same", 0.0: "other", 0.5: "unread"}


def relation_of(topic, first, second):
    """Two sentences on a topic (its name) -> "same", "other" if a claim differs, "unread" if one makes no claim.

    relation_of("noise", "The noise is low.", "There is little noise.") -> "same"
    """
    return RELATIONS[claims_score(topic, first, second)]


def models_of(teachers):
    """The names of the models that answered, the commonest first: "a", or "a and b"."""
    return " and ".join(name for name, _ in Counter((one or {}).get("model") or "unknown" for one in teachers).most_common())


def compare(question, rows, scorer):
    """Rows with gold and a second teacher's gold -> `second` of convert_diagnostics.json.

    {"gold_model", "model", "n",
    "sentences": {topic: {"cosine", "nli", "same", "other", "unread": means}},
    "against_truth": {"gold", "second": score.claim_means}}
    """
    sentences = {}
    for name in question.topics:
        pairs = [(row["gold"][name], row["second"]["gold"][name]) for row in rows]
        relations = [relation_of(name, *pair) for pair in pairs]
        sentences[name] = {
            "cosine": mean_of(scorer.cosine(pairs)),
            "nli": mean_of(scorer.nli(name, pairs)),
            **{kind: mean_of(one == kind for one in relations) for kind in RELATIONS.values()},
        }
    against = {}
    for who, golds in (
        ("gold", [row["gold"] for row in rows]),
        ("second", [row["second"]["gold"] for row in rows]),
    ):
        outcomes = [
            {claim: outcome_by(claim, label, row["truth"]) for claim, label in question.read(gold).items()}
            for row, gold in zip(rows, golds)
        ]
        against[who] = claim_means(question, rows, outcomes)
    return {
        "gold_model": models_of(row.get("teacher") for row in rows),
        "model": models_of(row["second"]["teacher"] for row in rows),
        "n": len(rows),
        "sentences": sentences,
        "against_truth": against,
    }


def markdown(question, comparison):
    """What compare gave -> lines of Markdown: a table of sentences, and of each teacher's claims."""
    first, second = comparison["gold_model"], comparison["model"]
    title = f"{first} (gold) and {second} (second), n = {comparison['n']}:"
    heads = ["sentence", "cosine", "NLI", *(f"{kind} claims, %" for kind in RELATIONS.values())]
    cells = []
    for name, means in comparison["sentences"].items():
        shares = [percent(means[kind]) for kind in RELATIONS.values()]
        cosine, nli = means["cosine"]["mean"], means["nli"]["mean"]
        cells.append([name, f"{cosine:.2f}", f"{nli:.3f}", *shares])
    lines = [cli.visible(title), "", *tables.markdown(heads, cells)]
    against = comparison["against_truth"]
    for rows in ("all", "clear"):
        claims = scored(question)
        cells = [[who, *(percent(against[who][rows][c]) for c in claims)] for who in against]
        counts = [f"{tables.words(c)}, n = {against['gold'][rows][c]['n']}" for c in claims]
        lines += ["", *tables.markdown([f"right on {rows} rows, %", *counts], cells)]
    return lines
