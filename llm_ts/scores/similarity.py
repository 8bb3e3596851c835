"""Cosine and NLI of two sentences: these scores need a model; claims need none."""

import os
import sys

from llm_ts import claims
from llm_ts.base import cli

EMBEDDER = "sentence-transformers/all-MiniLM-L6-v2"
NLI = "FacebookAI/roberta-large-mnli"
NLI_SCORES = {"contradiction": 0.0, "neutral": 0.5, "entailment": 1.0}


def add_flags(parser):
    """The flags of a script that scores sentences."""
    parser.add_argument("--embedder", default=EMBEDDER, help="Hub name or folder of the embedding model.")
    parser.add_argument("--nli", default=NLI, help='Hub name or folder of the NLI model; "none": use claims.')


def claims_score(topic, first, second):
    """The stand-in for NLI: 0 if two sentences contradict each other, 0.5 if one is unread, 1 if their claims are the same.

    claims_score("noise", "The noise is low.", "There is little noise.") -> 1.0
    """
    one, other = (claims.TOPICS[topic].read(sentence) for sentence in (first, second))
    pairs = [(label, other[claim]) for claim, label in one.items()]
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

    def nli(self, topic, pairs):
        """[(premise, hypothesis), ...] of sentences on one topic -> [0, 0.5 or 1, ...]."""
        if self._nli is None:
            return [claims_score(topic, a, b) for a, b in pairs]
        new = sorted(set(pairs) - self._nli_scores.keys(), key=lambda pair: len(pair[0]) + len(pair[1]))
        self._nli_scores.update(zip(new, self._nli(new)))
        return [self._nli_scores[pair] for pair in pairs]


def _load_embedder(name):
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    with cli.quiet():
        try:
            return SentenceTransformer(name, device="cpu", trust_remote_code=False)
        except Exception as error:
            raise cli.UserError(
                f"no embedding model {name}: {str(error).splitlines()[0][:150]}; give --embedder a folder (python fetch.py minilm)"
            ) from None


def _load_nli(name):
    """A function from pairs to scores; None, with the reason on stderr, if none can be loaded."""
    import torch
    from sentence_transformers import CrossEncoder

    gpu = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"  # torchrun's own for each process
    device = gpu if torch.cuda.is_available() else "cpu"
    try:
        with cli.quiet():
            model = CrossEncoder(name, device=device, model_kwargs={"use_safetensors": True})
        labels = model.model.config.id2label  # their order differs between models
        values = [NLI_SCORES[labels[number].lower()] for number in range(len(labels))]
    except Exception as error:
        reason = str(error).splitlines()[0][:150]
        print(f"no NLI model {name} ({reason}): scores come from the claims", file=sys.stderr)
        return None

    def score(pairs):
        best = model.predict(pairs, show_progress_bar=False).argmax(axis=1)
        return [values[number] for number in best]

    return score
