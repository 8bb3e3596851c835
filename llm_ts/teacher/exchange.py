"""One question to a teacher as a request for a chat completion, and the response as an answer."""

import base64
import datetime
import os
import re
from dataclasses import dataclass

from llm_ts import question
from llm_ts.teacher import prompts

LONGEST_SENTENCE = 1000  # letters; what is longer is no sentence
THINKING = re.compile(r"(?i)<(/?)(?:think|thinking|thought|reasoning)>")
ASKS = 3  # of a row, before an answer that is not the requested JSON counts as its failure


@dataclass(frozen=True)
class Settings:
    """How the server is asked; the flags of mistral.py of the same names."""

    model: str
    dataset: str  # folder of the plots
    prompt: str = prompts.DEFAULT  # a name in prompts.PROMPTS
    server_url: str | None = None  # None: Mistral's own
    image: bool = True  # whether the model is shown the plot; else it reads the numbers alone
    concurrency: int = 1  # questions asked at the same time
    timeout: float = 120.0  # seconds to wait for an answer
    max_tokens: int = 4000  # of an answer; it needs about 100, the rest is for models that think
    seed: int = 0

    @property
    def words(self):
        return prompts.PROMPTS[self.prompt]


def plot_of(row, dataset):
    return os.path.join(dataset, row["id"] + ".png")


def body_of(row, settings, ask=0):
    """The body of a request, without its model.

    ask: how often the row was asked before, each time with another seed.
    """
    topics = question.of(row, row["id"])
    parts = [{"type": "text", "text": settings.words.fill(topics, row["series"], settings.image)}]
    if settings.image:
        with open(plot_of(row, settings.dataset), "rb") as file:
            image = base64.b64encode(file.read()).decode("ascii")
        parts.append({"type": "image_url", "image_url": f"data:image/png;base64,{image}"})
    answer = {"name": "description", "schema": settings.words.schema(topics), "strict": True}
    return {
        "messages": [{"role": "user", "content": parts}],
        "max_tokens": settings.max_tokens,
        "random_seed": settings.seed + ask,
        "response_format": {"type": "json_schema", "json_schema": answer},
    }


def mask(text, key):
    """A server's text without the key and without control characters.

    A key of under 8 letters is no secret.
    """
    if len(key) >= 8:
        text = text.replace(key, "***")
    return "".join(c if c.isprintable() else " " for c in text)


def without_thinking(text):
    """What a model says after its <think> block; None where that was cut off."""
    tags = list(THINKING.finditer(text))
    if not tags:
        return text
    return text[tags[-1].end() :] if tags[-1][1] else None


def is_completion(body):
    """Whether a body, parsed from JSON, is a chat completion; own servers leave much of it out."""
    return isinstance(body, dict) and isinstance(body.get("choices"), list)


def choice_in(completion):
    """A chat completion -> (the text of its first choice, "" for none; its finish_reason)."""
    choice = (completion["choices"] or [None])[0]
    choice = choice if isinstance(choice, dict) else {}
    message = choice.get("message")
    content = message.get("content") or message.get("refusal") if isinstance(message, dict) else None
    if isinstance(content, list):  # models that think first answer in chunks
        texts = [chunk for chunk in content if isinstance(chunk, dict) and chunk["type"] == "text"]
        content = "".join(str(chunk.get("text", "")) for chunk in texts)
    return content if isinstance(content, str) else "", choice.get("finish_reason")


def tokens_of(completion):
    """{"prompt", "completion"}: the tokens used; 0 where the server does not count them."""
    usage = completion.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    counts = {kind: usage.get(f"{kind}_tokens") for kind in ("prompt", "completion")}
    return {kind: max(0, n) if type(n) is int else 0 for kind, n in counts.items()}


def read(row, completion, settings, key):
    """A chat completion -> {"gold", "labels"}, or {"failed": why it is not what was asked}."""
    content, finish = choice_in(completion)
    if finish in ("length", "model_length", "content_filter", "error"):
        return {"failed": f"truncated answer (finish_reason {finish})"}
    if not content.strip():
        return {"failed": f"empty answer (finish_reason {mask(str(finish), key)})"}
    content = without_thinking(content)
    if content is None:
        return {"failed": "truncated answer (it was still thinking)"}
    topics = question.of(row, row["id"])
    if len(topics.objects_in(content)) > 1:
        return {"failed": "two answers that differ: which of them counts?"}
    answer = topics.parse(content)
    if answer.sentences is None:
        return {"failed": f"not the JSON asked for: {mask(content, key)[:200]}"}
    sentences = {topic: " ".join(text.split()) for topic, text in answer.sentences.items()}
    for text in sentences.values():
        if text != mask(text, key):
            return {"failed": "answer with control characters, or with the key"}
        if len(text) > LONGEST_SENTENCE or not any(map(str.isalpha, text)):
            why = f"a sentence without a word, or of more than {LONGEST_SENTENCE} letters"
            return {"failed": why}
    return {"gold": sentences, "labels": settings.words.labels(topics, answer)}


def keep(reading, settings, tokens):
    """What `read` gave, and the tokens of all asks -> the row's {"gold", "teacher"}.

    Of a failure {"teacher"} alone, with `failed`.
    """
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    teacher = {"model": settings.model, **settings.words.tag, "date": now, "tokens": tokens}
    teacher |= {} if settings.image else {"image": False}
    if "failed" in reading:
        return {"teacher": {**teacher, "failed": reading["failed"]}}
    return {"gold": reading["gold"], "teacher": {**teacher, "labels": reading["labels"]}}
