"""How an answer is scored: claims against truth, cosine and NLI against the reference, means with intervals.

Reads: an embedding model and, where one can be loaded, an NLI model. Writes: nothing.
Run: no command of its own; convert.py, qwen_train.py and ts_check_training.py score through this module.

A claim is `right`, `wrong`, `ambiguous` (the sentence is there, but makes no single claim) or `unread` (no sentence
could be had from the answer). Only `right` counts: an unreadable answer is wrong, never half right.
"""

import math
import os
import sys
from collections import Counter

import cli
import description
import records
import truth

EMBEDDER = "sentence-transformers/all-MiniLM-L6-v2"
NLI = "FacebookAI/roberta-large-mnli"
NLI_SCORES = {"contradiction": 0.0, "neutral": 0.5, "entailment": 1.0}
SCORED = (*truth.CLAIMS, "all_four")  # what has a share of right answers; all_four: of answers right in all claims
OUTCOMES = ("right", "wrong", "ambiguous", "unread")
Z95 = 1.959963984540054


def wilson(mean, n):
    """95 % Wilson score interval (Wilson 1927) of a mean of n values in 0..1 -> (low, high); (0, 1) for n = 0.

    Exact in its assumptions for right/wrong values; for scores between 0 and 1 it is wider than needed, since
    their variance is at most mean (1 - mean).
    """
    if n == 0:
        return 0.0, 1.0
    z2 = Z95 * Z95
    centre = (mean + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(mean * (1 - mean) / n + z2 / (4 * n * n))
    return max(0.0, min(mean, centre - half)), min(1.0, max(mean, centre + half))


def mean_of(values):
    """Values in 0..1 -> {"mean", "low", "high", "n"}, the interval being Wilson's."""
    values = [float(value) for value in values]
    mean = min(1.0, max(0.0, math.fsum(values) / len(values))) if values else 0.0
    low, high = wilson(mean, len(values))
    return {"mean": round(mean, 4), "low": round(low, 4), "high": round(high, 4), "n": len(values)}


def is_mean(value):
    """Whether a value has the shape of what mean_of returns."""
    return records.has(value, ("mean", "low", "high"), (int, float)) and records.has(value, ("n",), int)


def are_means(value):
    """Whether a value has the shape of what summarise returns."""
    plain = ("valid_json", "readable", "cosine", *(f"nli_{name}" for name in description.SENTENCES))
    claims = value.get("claims") if records.has(value, (*plain, "claims"), dict) else None
    return (
        records.has(claims, ("all", "clear"), dict)
        and all(is_mean(value[name]) for name in plain)
        and all(is_mean(claims[rows].get(claim)) for rows in ("all", "clear") for claim in SCORED)
    )


def percent(m):
    """{"mean": 0.85, "low": 0.73, "high": 0.93, ...} -> "85 [73, 93]"."""
    return f"{100 * m['mean']:.0f} [{100 * m['low']:.0f}, {100 * m['high']:.0f}]"


def read_claims(sentences):
    """Three sentences -> {"trend", "noise", "max", "min"}, each a label or None where it makes no single claim."""
    high, low = description.read_claim("extrema", sentences["extrema"])
    return {
        "trend": description.read_claim("trend", sentences["trend"]),
        "noise": description.read_claim("noise", sentences["noise"]),
        "max": high,
        "min": low,
    }


def outcome_of(label, true_label):
    """A read label (None where ambiguous) against the true one -> right, wrong or ambiguous."""
    return "ambiguous" if label is None else "right" if label == true_label else "wrong"


def outcomes_of(sentences, labels):
    """An answer's sentences, or None for an unreadable one, against a truth -> (read, outcome), each {claim: ...}."""
    if not sentences:
        return dict.fromkeys(truth.CLAIMS), dict.fromkeys(truth.CLAIMS, "unread")
    read = read_claims(sentences)
    return read, {claim: outcome_of(read[claim], labels[claim]) for claim in truth.CLAIMS}


def claims_score(kind, first, second):
    """The stand-in for NLI: 0 where two sentences contradict each other, 0.5 where one is unread, 1 where equal.

    claims_score("noise", "The noise is low.", "There is little noise.") -> 1.0
    """
    one, other = description.read_claim(kind, first), description.read_claim(kind, second)
    pairs = list(zip(one, other)) if kind == "extrema" else [(one, other)]
    if any(a is not None and b is not None and a != b for a, b in pairs):
        return 0.0
    return 0.5 if any(a is None or b is None for a, b in pairs) else 1.0


class Scorer:
    """Cosine and NLI of sentence pairs; equal pairs are scored once.

    embedder, nli: a hub name or a folder; "none" for nli asks for the claims' scores. `nli_name` says where the NLI
    scores come from: the model's name, or "claims (...)" with the reason.
    """

    def __init__(self, embedder=EMBEDDER, nli=NLI):
        self.embedder_name, self._embedder, self._vectors = embedder, _load_embedder(embedder), {}
        self._nli_scores, self._nli = {}, None
        self.nli_name = "claims (as asked)" if nli == "none" else nli
        if nli != "none":
            self._nli = _load_nli(nli)
            if self._nli is None:
                self.nli_name = f"claims (no NLI model: {nli} could not be loaded)"

    def cosine(self, pairs):
        """[(text, text), ...] -> [cosine clipped to 0..1, ...]."""
        texts = sorted({text for pair in pairs for text in pair} - self._vectors.keys(), key=len)
        if texts:
            vectors = self._embedder.encode(texts, batch_size=64, normalize_embeddings=True, show_progress_bar=False)
            self._vectors.update(zip(texts, vectors))
        return [min(1.0, max(0.0, float(self._vectors[a] @ self._vectors[b]))) for a, b in pairs]

    def nli(self, kind, pairs):
        """[(premise, hypothesis), ...] of sentences of one kind -> [0, 0.5 or 1, ...]."""
        if self._nli is None:
            return [claims_score(kind, a, b) for a, b in pairs]
        new = sorted(set(pairs) - self._nli_scores.keys(), key=lambda pair: len(pair[0]) + len(pair[1]))
        self._nli_scores.update(zip(new, self._nli(new)))
        return [self._nli_scores[pair] for pair in pairs]


def _load_embedder(name):
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        return SentenceTransformer(name, device="cpu", trust_remote_code=False)
    except Exception as error:
        raise cli.UserError(
            f"no embedding model {name}: {str(error).splitlines()[0][:150]}; give --embedder a folder (python fetch.py minilm)"
        ) from None


def _load_nli(name):
    """A function from pairs to scores, or None (with the reason on stderr) where the model cannot be loaded."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        if not os.path.isdir(name) and os.path.exists(name):
            raise OSError(f"{name} is not a model folder")
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = AutoModelForSequenceClassification.from_pretrained(name, use_safetensors=True).eval()
        labels = [model.config.id2label[i].lower() for i in range(model.config.num_labels)]
        values = [NLI_SCORES[label] for label in labels]  # the order of labels differs between models
    except Exception as error:
        print(f"no NLI model {name} ({str(error).splitlines()[0][:150]}): scores come from the claims", file=sys.stderr)
        return None
    model.to(f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu")  # torchrun's own for each

    def score(pairs):
        scores = []
        for start in range(0, len(pairs), 32):
            first, second = zip(*pairs[start : start + 32])
            batch = tokenizer(list(first), list(second), padding=True, truncation=True, return_tensors="pt")
            with torch.inference_mode():
                best = model(**batch.to(model.device)).logits.argmax(dim=-1)
            scores += [values[i] for i in best.tolist()]
        return scores

    return score


def score_answers(rows, answers, scorer):
    """Answers of a model to the rows of convert.py -> one sample a row, as the evaluation files hold them.

    rows: dicts with id, answer (the reference), truth. answers: texts. An unreadable answer scores 0 everywhere.
    """
    samples = []
    for row, text in zip(rows, answers, strict=True):
        sentences, how = description.parse_answer(text)
        read, outcome = outcomes_of(sentences, row["truth"])
        samples.append({"id": row["id"], "answer": text, "parse": how, "read": read, "outcome": outcome})
    readable = [(row, sample) for row, sample in zip(rows, samples) if sample["parse"] != "unreadable"]
    references = [description.parse_answer(row["answer"])[0] for row, _ in readable]
    spoken = [description.parse_answer(sample["answer"])[0] for _, sample in readable]
    joined = [tuple(" ".join(s[name] for name in description.SENTENCES) for s in pair) for pair in zip(references, spoken)]
    cosines = dict(zip((row["id"] for row, _ in readable), scorer.cosine(joined)))
    nli = {}
    for name in description.SENTENCES:
        scores = scorer.nli(name, [(reference[name], said[name]) for reference, said in zip(references, spoken)])
        nli[name] = dict(zip((row["id"] for row, _ in readable), scores))
    for sample in samples:
        sample["cosine"] = round(cosines.get(sample["id"], 0.0), 4)
        sample["nli"] = {name: nli[name].get(sample["id"], 0.0) for name in description.SENTENCES}
    return samples


def summarise(rows, samples):
    """Samples -> means with 95 % intervals: {"valid_json", "readable", "cosine", "nli_trend", ..., "claims": {...}}.

    claims: {"all": {claim: mean}, "clear": {claim: mean}, "outcomes": {claim: {outcome: count}}}; the claim "all_four"
    needs all four right, and on clear rows all four clear.
    """
    means = {
        "valid_json": mean_of(sample["parse"] == "strict" for sample in samples),
        "readable": mean_of(sample["parse"] != "unreadable" for sample in samples),
        "cosine": mean_of(sample["cosine"] for sample in samples),
    }
    for name in description.SENTENCES:
        means[f"nli_{name}"] = mean_of(sample["nli"][name] for sample in samples)
    everywhere, where_clear = {}, {}
    for claim in SCORED:
        parts = truth.CLAIMS if claim == "all_four" else (claim,)
        right = [all(sample["outcome"][part] == "right" for part in parts) for sample in samples]
        clear = [all(row["truth"]["clear"][part] for part in parts) for row in rows]
        everywhere[claim] = mean_of(right)
        where_clear[claim] = mean_of(ok for ok, is_clear in zip(right, clear) if is_clear)
    outcomes = {
        claim: {kind: sum(sample["outcome"][claim] == kind for sample in samples) for kind in OUTCOMES}
        for claim in truth.CLAIMS
    }
    means["claims"] = {"all": everywhere, "clear": where_clear, "outcomes": outcomes}
    return means


def majority_answer(rows):
    """The one answer that says each claim's commonest label in the rows' truth: no constant gets more of one claim right."""
    labels = {}
    for claim in truth.CLAIMS:
        said = [row["truth"][claim] for row in rows]
        labels[claim] = max(truth.LABELS[claim], key=said.count)
    return description.answer_of(description.sentences_of(labels))


def commonest_answer(rows):
    """The one answer whose four labels together are the commonest in the rows' truth: no constant gets more of them all right."""
    together = Counter(tuple(row["truth"][claim] for claim in truth.CLAIMS) for row in rows)
    return description.answer_of(description.sentences_of(dict(zip(truth.CLAIMS, together.most_common(1)[0][0]))))


# answers that read nothing: the same for every series, made from a split's truth
CONSTANTS = {"majority": majority_answer, "commonest": commonest_answer}
