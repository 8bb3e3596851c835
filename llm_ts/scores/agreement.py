"""Two teachers compared: sentence by sentence (cosine, NLI, claims), label by label, and each against the truth."""

from collections import Counter

from llm_ts import cli
from llm_ts.scores import tables
from llm_ts.scores.means import mean_of, percent
from llm_ts.scores.score import claim_means, outcome_of, scored
from llm_ts.scores.similarity import claims_score

RELATIONS = {1.0: "same", 0.0: "other", 0.5: "unread"}
UNREAD = "unread"  # the label of a sentence that makes no single claim


def relation_of(topic, first, second):
    """Two sentences on a topic (its name) -> "same", "other" where a claim differs, "unread" where one makes no claim.

    relation_of("noise", "The noise is low.", "There is little noise.") -> "same"
    """
    return RELATIONS[claims_score(topic, first, second)]


def models_of(teachers):
    """The names of the models that answered, for people, the commonest first: "a", or "a and b" where there were two."""
    return " and ".join(name for name, _ in Counter((one or {}).get("model") or "unknown" for one in teachers).most_common())


def compare(asked, rows, scorer):
    """Rows with gold and a second teacher's gold -> what convert_diagnostics.json holds under `second`.

    {"gold_model", "model", "n", "sentences": {topic: {"cosine", "nli", "same", "other", "unread": means}},
    "labels": {claim: {gold's label: {second's label: rows}}}, "against_truth": {"gold", "second": score.claim_means}}
    """
    pairs = {name: [(row["gold"][name], row["second"]["gold"][name]) for row in rows] for name in asked.topics}
    sentences = {}
    for name in asked.topics:
        relations = [relation_of(name, *pair) for pair in pairs[name]]
        sentences[name] = {
            "cosine": mean_of(scorer.cosine(pairs[name])),
            "nli": mean_of(scorer.nli(name, pairs[name])),
            **{relation: mean_of(found == relation for found in relations) for relation in RELATIONS.values()},
        }
    read = {"gold": [asked.read(row["gold"]) for row in rows], "second": [asked.read(row["second"]["gold"]) for row in rows]}
    against = {}
    for who, answers in read.items():
        outcomes = [{c: outcome_of(answer[c], row["truth"][c]) for c in asked.claims} for row, answer in zip(rows, answers)]
        against[who] = claim_means(asked, rows, outcomes)
    return {
        "gold_model": models_of(row.get("teacher") for row in rows),
        "model": models_of(row["second"]["teacher"] for row in rows),
        "n": len(rows),
        "sentences": sentences,
        "labels": {claim: _cross_labels(asked, claim, read) for claim in asked.claims},
        "against_truth": against,
    }


def _cross_labels(asked, claim, read):
    """{gold's label: {second's label: how many rows}} of a claim, all labels and `unread`."""
    labels = (*asked.labels[claim], UNREAD)
    counts = Counter((one[claim] or UNREAD, other[claim] or UNREAD) for one, other in zip(read["gold"], read["second"]))
    return {one: {other: counts[one, other] for other in labels} for one in labels}


def markdown(asked, found):
    """What compare found -> lines of Markdown: a table of sentences, of labels, and of each teacher against the truth."""
    lines = [cli.visible(f"{found['gold_model']} (gold) and {found['model']} (second), n = {found['n']}:"), ""]
    heads = ["sentence", "cosine", "NLI", *(f"{relation} claims, %" for relation in RELATIONS.values())]
    cells = []
    for name, means in found["sentences"].items():
        shares = [percent(means[relation]) for relation in RELATIONS.values()]
        cells.append([name, f"{means['cosine']['mean']:.2f}", f"{means['nli']['mean']:.3f}", *shares])
    lines += [*tables.markdown(heads, cells), ""]
    for claim, table in found["labels"].items():
        labels = list(table)
        head = [f"{claim}: gold below, second beside", *labels]
        lines += [*tables.markdown(head, [[one, *(str(table[one][other]) for other in labels)] for one in labels]), ""]
    for rows in ("all", "clear"):
        claims = scored(asked)
        cells = [[who, *(percent(found["against_truth"][who][rows][c]) for c in claims)] for who in ("gold", "second")]
        n = [found["against_truth"]["gold"][rows][claim]["n"] for claim in claims]
        heads = [f"right on {rows} rows, %", *(f"{tables.words(claim)}, n = {k}" for claim, k in zip(claims, n))]
        lines += [*tables.markdown(heads, cells), ""]
    return lines[:-1]
