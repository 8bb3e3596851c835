"""How an answer is scored: its claims against the truth, its sentences against the reference.

A claim is `right`, `wrong`, `ambiguous` (the sentence is there, but makes no single claim) or `unread` (no sentence
could be had from the answer). Only `right` counts: an unreadable answer is wrong, never half right.
"""

from collections import Counter

from llm_ts import shape
from llm_ts.pairs.words import fault_of, labels_of
from llm_ts.scores.means import is_mean, mean_of

OUTCOMES = ("right", "wrong", "ambiguous", "unread")
HUNDRED = 100


def scored(asked):
    """What has a share of right answers: the claims of a question, and all of them together."""
    return (*asked.claims, asked.together)


def outcome_of(label, true_label):
    """A read label (None where ambiguous) against the true one -> right, wrong or ambiguous."""
    return "ambiguous" if label is None else "right" if label == true_label else "wrong"


def outcomes_of(answer, labels):
    """An Answer against a truth -> {claim: outcome}."""
    if answer.sentences is None:
        return dict.fromkeys(answer.read, "unread")
    return {claim: outcome_of(label, labels[claim]) for claim, label in answer.read.items()}


def score_answers(asked, rows, answers, scorer):
    """Answers of a model to rows of pairs -> one sample a row, as the evaluation files hold them.

    asked: the question. rows: dicts with id, sentences (the reference), truth. answers: texts. An unreadable answer
    scores 0 everywhere.
    """
    parsed = [asked.parse(text) for text in answers]
    samples = []
    for row, answer in zip(rows, parsed, strict=True):
        outcome = outcomes_of(answer, row["truth"])
        samples.append({"id": row["id"], "answer": answer.text, "parse": answer.parse, "read": answer.read, "outcome": outcome})
    readable = [number for number, answer in enumerate(parsed) if answer.sentences]
    pairs = [(rows[number]["sentences"], parsed[number].sentences) for number in readable]
    joined = [tuple(" ".join(sentences[name] for name in asked.topics) for sentences in pair) for pair in pairs]
    cosines = dict(zip(readable, scorer.cosine(joined)))
    nli = {}
    for name in asked.topics:
        scores = scorer.nli(name, [(reference[name], said[name]) for reference, said in pairs])
        nli[name] = dict(zip(readable, scores))
    for number, sample in enumerate(samples):
        sample["cosine"] = round(cosines.get(number, 0.0), 4)
        sample["nli"] = {name: nli[name].get(number, 0.0) for name in asked.topics}
    return samples


def summarise(asked, rows, samples):
    """Samples -> means with 95 % intervals: {"valid_json", "readable", "cosine", "nli_trend", ..., "sentences":
    {"mean": variety, "n": rows}, "claims": {...}}.

    claims: {"all": {claim: mean}, "clear": {claim: mean}, "outcomes": {claim: {outcome: count}}}; the claim "all_four"
    (of another question "all_five", ...) needs all of them right, and on clear rows all of them clear.
    """
    means = {
        "valid_json": mean_of(sample["parse"] == "strict" for sample in samples),
        "readable": mean_of(sample["parse"] != "unreadable" for sample in samples),
        "cosine": mean_of(sample["cosine"] for sample in samples),
    }
    for name in asked.topics:
        means[f"nli_{name}"] = mean_of(sample["nli"][name] for sample in samples)
    said = [right_sentences(asked, row, sample["answer"]) for row, sample in zip(rows, samples)]
    means["sentences"] = {"mean": variety(said), "n": len(said)}
    means["claims"] = claim_means(asked, rows, [sample["outcome"] for sample in samples])
    return means


def right_sentences(asked, row, text):
    """The sentences of an answer's text that say what is true of a row, and name nothing else."""
    said = asked.parse(text).sentences
    topics = asked if said else ()
    return [said[topic.NAME] for topic in topics if not fault_of(topic, said[topic.NAME], labels_of(topic, row))]


def variety(said):
    """How many different sentences a hundred answers have, on average; where there are fewer answers, all of them have.

    said: the sentences of each answer, lists. Of 250 answers, the last 50 have no part in it.
    """
    hundreds = [said[start : start + HUNDRED] for start in range(0, max(1, len(said) - HUNDRED + 1), HUNDRED)]
    return round(sum(len({text for texts in part for text in texts}) for part in hundreds) / len(hundreds), 1)


def claim_means(asked, rows, outcomes):
    """Outcomes {claim: outcome} of rows -> {"all", "clear", "outcomes"}, as summarise describes them."""
    everywhere, where_clear = {}, {}
    for claim in scored(asked):
        parts = asked.claims if claim == asked.together else (claim,)
        right = [all(outcome[part] == "right" for part in parts) for outcome in outcomes]
        clear = [all(row["truth"]["clear"][part] for part in parts) for row in rows]
        everywhere[claim] = mean_of(right)
        where_clear[claim] = mean_of(ok for ok, is_clear in zip(right, clear) if is_clear)
    counts = {claim: {kind: sum(outcome[claim] == kind for outcome in outcomes) for kind in OUTCOMES} for claim in asked.claims}
    return {"all": everywhere, "clear": where_clear, "outcomes": counts}


def are_means(value, asked):
    """Whether a value has the shape of what summarise returns for a question; those of before count no sentences."""
    plain = ("valid_json", "readable", "cosine", *(f"nli_{name}" for name in asked.topics))
    claims = value.get("claims") if shape.has(value, (*plain, "claims"), dict) else None
    return (
        shape.has(claims, ("all", "clear"), dict)
        and all(is_mean(value[name]) for name in plain)
        and ("sentences" not in value or shape.has(value["sentences"], ("mean", "n"), (int, float)))
        and all(is_mean(claims[rows].get(claim)) for rows in ("all", "clear") for claim in scored(asked))
    )


def majority_answer(asked, rows):
    """The one answer that says each claim's commonest label in the rows' truth: no constant gets more of one claim right."""
    labels = {}
    for claim, known in asked.labels.items():
        said = [row["truth"][claim] for row in rows]
        labels[claim] = max(known, key=said.count)
    return asked.answer_of(asked.say(labels))


def commonest_answer(asked, rows):
    """The one answer whose labels together are the commonest in the rows' truth: no constant gets more of them all right."""
    together = Counter(tuple(row["truth"][claim] for claim in asked.claims) for row in rows)
    return asked.answer_of(asked.say(dict(zip(asked.claims, together.most_common(1)[0][0]))))


# answers that read nothing: the same for every series, made from a split's truth
CONSTANTS = {"majority": majority_answer, "commonest": commonest_answer}
BESIDE = (*CONSTANTS, "guessed", "teacher", "beside")  # what a student's evaluations stand beside, in this order


def guessed_answers(asked, known, rows):
    """Answers that know the truth of each claim's forerunners and guess it from them: one text for each row.

    The guess is the commonest label among the known rows whose forerunners have the same labels; where there is none, the
    commonest of all. A student that says its last sentences no better takes them from the first, not from the series.
    """
    seen = {}  # (claim, labels of those before it) -> how often each label came
    for row in known:
        labels = tuple(row["truth"][claim] for claim in asked.claims)
        for place, claim in enumerate(asked.claims):
            for before in {labels[:place], None}:
                seen.setdefault((claim, before), Counter())[labels[place]] += 1
    answers = []
    for row in rows:
        labels = tuple(row["truth"][claim] for claim in asked.claims)
        found = [seen.get((claim, labels[:place])) or seen[claim, None] for place, claim in enumerate(asked.claims)]
        guesses = [max(known, key=counts.__getitem__) for known, counts in zip(asked.labels.values(), found)]
        answers.append(asked.answer_of(asked.say(dict(zip(asked.claims, guesses)))))
    return answers
