"""One question to a teacher as the body of a chat completion, and the response as an answer: asked one by one or in a batch."""

import base64
import datetime
import os
import re
from dataclasses import dataclass

from llm_ts import question
from llm_ts.teacher import prompts

LONGEST = 1000  # letters of a sentence; what is longer is no sentence
THINKING = re.compile(r"(?i)<(/?)(?:think|thinking|thought|reasoning)>")
ASKS = 3  # times that a row is asked before an answer that is not the JSON asked for counts as its failure


@dataclass(frozen=True)
class Settings:
    """How the server is asked; the flags of mistral.py of the same names."""

    model: str
    dataset: str  # folder of the plots
    prompt: str = prompts.DEFAULT  # a name in prompts.PROMPTS
    server_url: str | None = None  # None: Mistral's own; /v1 at its end does no harm
    image: bool = True  # whether the model is shown the plot; else it reads the numbers alone
    concurrency: int = 1  # questions asked at the same time
    timeout: float = 120.0  # seconds to wait for an answer
    rate: float | None = None  # requests a second, at most
    max_tokens: int = 4000  # of an answer; it needs about 100, the rest is for models that think first
    seed: int = 0

    @property
    def words(self):
        return prompts.PROMPTS[self.prompt]


def plot_of(row, dataset):
    return os.path.join(dataset, row["id"] + ".png")


def body_of(row, settings, ask=0):
    """The body of a request, without its model. ask: how often the row was asked before, each time with another seed."""
    asked = question.of(row, row["id"])
    parts = [{"type": "text", "text": settings.words.fill(asked, row["series"], settings.image)}]
    if settings.image:
        with open(plot_of(row, settings.dataset), "rb") as file:
            image = base64.b64encode(file.read()).decode("ascii")
        parts.append({"type": "image_url", "image_url": f"data:image/png;base64,{image}"})
    answer = {"name": "description", "schema": settings.words.schema(asked), "strict": True}
    return {
        "messages": [{"role": "user", "content": parts}],
        "max_tokens": settings.max_tokens,
        "random_seed": settings.seed + ask,
        "response_format": {"type": "json_schema", "json_schema": answer},
    }


def mask(text, key):
    """A server's text without the key and without control characters; a key of under 8 letters is no secret."""
    if len(key) >= 8:
        text = text.replace(key, "***")
    return "".join(c if c.isprintable() else " " for c in text)


def without_thinking(text):
    """What a model says after its <think> block; None where that was cut off. A draft inside is no answer."""
    tags = list(THINKING.finditer(text))
    if not tags:
        return text
    return text[tags[-1].end() :] if tags[-1][1] else None


def completion_of(body):
    """A server's body, parsed from JSON, as the SDK's chat completion; None where it is none.

    What own servers leave out or write as null (id, usage, finish_reason ...), and what nobody here needs, is filled in.
    """
    from mistralai.client import models

    if not isinstance(body, dict) or not isinstance(body.get("choices"), list):
        return None
    usage = body.get("usage") if isinstance(body.get("usage"), dict) else {}
    counts = {name: number for name, number in usage.items() if type(number) is int and number >= 0}
    given = {name: value for name, value in body.items() if value is not None}
    choices = [
        {"index": 0, **choice, "finish_reason": choice.get("finish_reason") or "stop"} if isinstance(choice, dict) else choice
        for choice in body["choices"]
    ]
    whole = {"id": "", "object": "chat.completion", "created": 0, "model": "", **given, "usage": counts, "choices": choices}
    try:
        return models.ChatCompletionResponse.model_validate(whole)
    except ValueError:
        return None


def tokens_of(response):
    """{"prompt", "completion"}: the tokens of a response; 0 where the server does not count them."""
    return {kind: max(0, getattr(response.usage, f"{kind}_tokens") or 0) for kind in ("prompt", "completion")}


def read(row, response, settings, key):
    """A chat completion -> {"gold", "labels"}, or {"failed"} with the reason why it is not what was asked."""
    if not response.choices or response.choices[0].message is None:
        return {"failed": "empty answer"}
    choice = response.choices[0]
    content = choice.message.content
    if isinstance(content, list):  # models that think first answer in chunks
        content = "".join(chunk.text for chunk in content if chunk.type == "text")
    if choice.finish_reason in ("length", "model_length"):
        return {"failed": f"truncated answer (finish_reason {choice.finish_reason})"}
    if not isinstance(content, str) or not content.strip():
        return {"failed": f"empty answer (finish_reason {mask(str(choice.finish_reason), key)})"}
    content = without_thinking(content)
    if content is None:
        return {"failed": "truncated answer (it was still thinking)"}
    asked = question.of(row, row["id"])
    if len(asked.objects_in(content)) > 1:
        return {"failed": "two answers that differ: which of them counts?"}
    answer = asked.parse(content)
    if answer.sentences is None:
        return {"failed": f"not the JSON asked for: {mask(content, key)[:200]}"}
    sentences = {topic: " ".join(text.split()) for topic, text in answer.sentences.items()}
    if any(text != mask(text, key) for text in sentences.values()):
        return {"failed": "answer with control characters, or with the key"}
    if any(len(text) > LONGEST or not any(map(str.isalpha, text)) for text in sentences.values()):
        return {"failed": f"a sentence without a word, or of more than {LONGEST} letters"}
    return {"gold": sentences, "labels": settings.words.labels(asked, answer)}


def keep(found, settings, tokens):
    """What `read` found, and the tokens of all asks -> the row's {"gold", "teacher"}, or {"teacher"} with its failure."""
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    teacher = {"model": settings.model, **settings.words.tag, "date": now, "tokens": tokens}
    teacher |= {} if settings.image else {"image": False}
    if "failed" in found:
        return {"teacher": {**teacher, "failed": found["failed"]}}
    return {"gold": found["gold"], "teacher": {**teacher, "labels": found["labels"]}}
