"""How an answer is scored: its claims against the truth, its sentences against the reference.

A claim is `right`, `wrong`, `ambiguous` (its sentence makes no single claim) or `unread` (the answer has no such sentence).
Only `right` counts: an unreadable answer is wrong, never half right.
"""

from collections import Counter

from llm_ts import claims
from llm_ts.pairs.words import fault_of, labels_of
from llm_ts.scores import lineup
from llm_ts.scores.means import mean_of

OUTCOMES = ("right", "wrong", "ambiguous", "unread")
HUNDRED = 100


def scored(question):
    """All that has a share of right answers: each claim of a question, and all together."""
    return (*question.claims, question.together)


def outcome_of(claim, label, true_label, number):
    """A read label (None where ambiguous) against the true one and its number -> right, wrong or ambiguous."""
    return "ambiguous" if label is None else "right" if claims.is_right(claim, label, true_label, number) else "wrong"


def outcome_by(claim, label, truth):
    """A read label against a truth (claims.measure_all) -> right, wrong or ambiguous."""
    return outcome_of(claim, label, truth[claim], truth["numbers"][claims.NUMBER_OF[claim]])


def outcomes_of(answer, truth):
    """An Answer against a truth -> {claim: outcome}."""
    if answer.sentences is None:
        return dict.fromkeys(answer.read, "unread")
    return {claim: outcome_by(claim, label, truth) for claim, label in answer.read.items()}


def score_answers(question, rows, answers, scorer):
    """Answers of a model to rows of pairs -> one sample a row, as the evaluation files hold them.

    question: a question.Question. rows: dicts with id, sentences (the reference), truth. answers: texts. An unreadable answer
    scores 0 everywhere.
    """
    parsed = [question.parse(text) for text in answers]
    samples = []
    for row, answer in zip(rows, parsed, strict=True):
        outcome = outcomes_of(answer, row["truth"])
        samples.append({"id": row["id"], "answer": answer.text, "parse": answer.parse, "read": answer.read, "outcome": outcome})
    readable = [number for number, answer in enumerate(parsed) if answer.sentences]
    pairs = [(rows[number]["sentences"], parsed[number].sentences) for number in readable]
    joined = [tuple(" ".join(sentences[name] for name in question.topics) for sentences in pair) for pair in pairs]
    cosines = dict(zip(readable, scorer.cosine(joined)))
    nli = {}
    for name in question.topics:
        scores = scorer.nli(name, [(reference[name], said[name]) for reference, said in pairs])
        nli[name] = dict(zip(readable, scores))
    for number, sample in enumerate(samples):
        sample["cosine"] = round(cosines.get(number, 0.0), 4)
        sample["nli"] = {name: nli[name].get(number, 0.0) for name in question.topics}
    return samples


def summarise(question, rows, samples):
    """Samples -> means with 95 % intervals: {"valid_json", "readable", "cosine", "nli_trend", ..., "sentences":
    {"mean": variety, "n": rows}, "lineup_4", "lineup_16": lineup.picks, "claims": {...}}.

    claims: {"all": {claim: mean}, "clear": {claim: mean}, "outcomes": {claim: {outcome: count}}}; the claim "all_four"
    (of another question "all_five", ...) needs all of them right, and on clear rows all of them clear.
    """
    means = {
        "valid_json": mean_of(sample["parse"] == "strict" for sample in samples),
        "readable": mean_of(sample["parse"] != "unreadable" for sample in samples),
        "cosine": mean_of(sample["cosine"] for sample in samples),
    }
    for name in question.topics:
        means[f"nli_{name}"] = mean_of(sample["nli"][name] for sample in samples)
    said = [right_sentences(question, row, sample["answer"]) for row, sample in zip(rows, samples)]
    means["sentences"] = {"mean": variety(said), "n": len(said)}
    for size in lineup.SIZES:
        picks = lineup.picks(rows, [sample["read"] for sample in samples], size)
        readable = (pick if sample["parse"] != "unreadable" else 0.0 for pick, sample in zip(picks, samples))
        means[f"lineup_{size}"] = mean_of(readable)
    means["claims"] = claim_means(question, rows, [sample["outcome"] for sample in samples])
    return means


def right_sentences(question, row, text):
    """The sentences of an answer's text that say what is true of a row, and name nothing else."""
    said = question.parse(text).sentences
    topics = question if said else ()
    return [said[topic.NAME] for topic in topics if not fault_of(topic, said[topic.NAME], labels_of(topic, row))]


def variety(said):
    """How many different sentences a hundred answers have, on average; of fewer answers, how many all have.

    said: the sentences of each answer, lists. Of 250 answers, the last 50 have no part in it.
    """
    hundreds = [said[start : start + HUNDRED] for start in range(0, max(1, len(said) - HUNDRED + 1), HUNDRED)]
    return round(sum(len({text for texts in part for text in texts}) for part in hundreds) / len(hundreds), 1)


def claim_means(question, rows, outcomes):
    """Outcomes {claim: outcome} of rows -> {"all", "clear", "outcomes"}, as summarise describes them."""
    everywhere, where_clear = {}, {}
    for claim in scored(question):
        parts = question.claims if claim == question.together else (claim,)
        right = [all(outcome[part] == "right" for part in parts) for outcome in outcomes]
        clear = [all(row["truth"]["clear"][part] for part in parts) for row in rows]
        everywhere[claim] = mean_of(right)
        where_clear[claim] = mean_of(ok for ok, is_clear in zip(right, clear) if is_clear)
    counts = {claim: {kind: sum(outcome[claim] == kind for outcome in outcomes) for kind in OUTCOMES} for claim in question.claims}
    return {"all": everywhere, "clear": where_clear, "outcomes": counts}


def majority_answer(question, rows):
    """The one answer that says each claim's commonest label in the rows' truth: no constant gets more of one claim right."""
    labels = {}
    for claim, known in question.labels.items():
        said = [row["truth"][claim] for row in rows]
        labels[claim] = max(known, key=said.count)
    return question.answer_of(question.say(labels))


def commonest_answer(question, rows):
    """The one answer whose labels together are the commonest in the rows' truth: no constant gets more of them all right."""
    together = Counter(tuple(row["truth"][claim] for claim in question.claims) for row in rows)
    return question.answer_of(question.say(dict(zip(question.claims, together.most_common(1)[0][0]))))


def perfect_answers(question, rows):
    """Answers that say the truth of each row: the most that this question's claims can tell (lineup.py)."""
    return [question.answer_of(question.say(row["truth"])) for row in rows]


# answers that read nothing: the same for every series, made from a split's truth
CONSTANTS = {"majority": majority_answer, "commonest": commonest_answer}
REFERENCES = (*CONSTANTS, "guessed", "teacher", "beside")  # evaluations to compare a student's with, in this order


def guessed_answers(question, known, rows):
    """Answers that guess each claim from the true earlier claims: one text for each row.

    The guess is the commonest label among the known rows with the same earlier labels; if there is none, the commonest of
    all. A student that is no better copies its last sentences from its first, not from the series.
    """
    seen = {}  # (claim, labels of those before it) -> how often each label came
    for row in known:
        labels = tuple(row["truth"][claim] for claim in question.claims)
        for place, claim in enumerate(question.claims):
            for before in {labels[:place], None}:
                seen.setdefault((claim, before), Counter())[labels[place]] += 1
    answers = []
    for row in rows:
        labels = tuple(row["truth"][claim] for claim in question.claims)
        found = [seen.get((claim, labels[:place])) or seen[claim, None] for place, claim in enumerate(question.claims)]
        guesses = [max(known, key=counts.__getitem__) for known, counts in zip(question.labels.values(), found)]
        answers.append(question.answer_of(question.say(dict(zip(question.claims, guesses)))))
    return answers
