"""Mistral's chat API, or a server that speaks it: one model is asked about rows, several at a time."""

import asyncio
import base64
import datetime
import email.utils
import json
import os
import re
import urllib.parse
from dataclasses import dataclass

from llm_ts import cli, question
from llm_ts.teacher import prompts
from llm_ts.teacher.pace import Pace

ASKS = 3  # times that a row is asked before an answer that is not the JSON asked for counts as its failure
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# how servers say that a model is text only
NO_PICTURES = re.compile(r"(?i)(image|vision|multimodal).{0,80}(not|n't|no |un)\s*(support|accept|allow)|(not|n't|no |un)\s*(support|accept|allow).{0,80}(image|vision|multimodal)|mmproj")
# what servers refuse that do not know a field, by its names; such a field is left out then
EXTRAS = {"random_seed": ("random_seed", "seed"), "response_format": ("response_format", "json_schema", "schema", "grammar")}


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
    retries: int = 6  # times to ask again where server or network fail
    backoff: float = 1.0  # seconds before asking again, doubled
    rate: float | None = None  # requests a second, at most
    max_tokens: int = 4000  # of an answer; it needs about 100, the rest is for models that think first
    seed: int = 0

    @property
    def words(self):
        return prompts.PROMPTS[self.prompt]


def find_key(server_url=None):
    """The API key from the environment; none is needed on this machine. Raises UserError, which never holds the key."""
    key = os.environ.get("MISTRAL_API_KEY", "").strip()
    if not key and server_url and urllib.parse.urlsplit(server_url).hostname in LOOPBACK:
        return "none"
    if not key:
        raise cli.UserError("MISTRAL_API_KEY is not set: export your key (any text, if the server needs none)")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise cli.UserError("MISTRAL_API_KEY has characters that no key has: export it again")
    return key


def without_thinking(text):
    """What a model says after its <think> block; None where that was cut off. A draft inside is no answer."""
    if "<think>" in text.rpartition("</think>")[2]:
        return None
    return text.rpartition("</think>")[2]


def without_usage(error):
    """The chat completion behind the SDK's error at one that lacks `usage`, which the SDK wants and some servers leave out."""
    from mistralai.client import models

    if error.status_code != 200:
        return None
    try:
        return models.ChatCompletionResponse.model_validate({"usage": {}, **json.loads(error.body)})
    except ValueError:  # no JSON, or no chat completion either
        return None


def plot_of(row, dataset):
    return os.path.join(dataset, row["id"] + ".png")


def retry_after(headers):
    """Seconds that a Retry-After header asks for, a number or a date; 0 without one."""
    text = headers.get("retry-after", "")
    try:
        return float(text)
    except ValueError:
        pass
    try:
        then = email.utils.parsedate_to_datetime(text)
        return (then - datetime.datetime.now(then.tzinfo)).total_seconds()
    except (ValueError, OverflowError):
        return 0.0


class Teacher:
    """One model behind Mistral's chat API. The SDK's own retries are off: they miss a dropped connection,
    and sleep through a Retry-After of any length."""

    def __init__(self, client, key, settings):
        self.client, self.key, self.settings = client, key, settings
        self.pace = Pace(settings.rate, settings.backoff)
        self.left_out = set()  # of EXTRAS, what this server refuses

    def mask(self, text):
        """A server's text without the key and without control characters; a key of under 8 letters is no secret."""
        if len(self.key) >= 8:
            text = text.replace(self.key, "***")
        return "".join(c if c.isprintable() else " " for c in text)

    def hopeless(self, error):
        """The UserError for an HTTP status that asking again does not mend, else None."""
        status, said = error.status_code, f"the server says {error.status_code}: {self.mask(error.body)[:200]}"
        if status >= 400 and self.settings.image and NO_PICTURES.search(error.body):
            return cli.UserError(f"{self.settings.model!r} takes no pictures: give --no-image ({said})")
        if status < 300 or status in (408, 425, 429) or status >= 500:
            return None
        if status in (401, 403):
            return cli.UserError(f"the key in MISTRAL_API_KEY is refused ({said})")
        if status in (400, 404):
            return cli.UserError(f"no answer from model {self.settings.model!r}; if it is retired, give another ({said})")
        return cli.UserError(f"the question is refused ({said})")

    def refused_extra(self, error, sent):
        """The name of the extra field that a 400 or 422 speaks of, of those that were sent; None where it speaks of none."""
        if error.status_code not in (400, 422):
            return None
        return next((name for name in sent if any(word in error.body for word in EXTRAS[name])), None)

    async def complete(self, row_id, messages, schema, seed):
        """One chat completion, with back-off where the server or the network fails.

        A server that refuses the seed or the schema is asked without it. Where it has too much to do, a row waits on so long
        as others are answered.
        """
        import httpx2  # the SDK's HTTP library
        from mistralai.client import errors

        answer_format = {"name": "description", "schema": schema, "strict": True}
        extras = {"random_seed": seed, "response_format": {"type": "json_schema", "json_schema": answer_format}}
        asked, why, tries, crowded = 0.0, "", 0, False
        while tries <= self.settings.retries:
            if why:
                cli.say(f"{row_id}: {why}; asking again in {self.pace.refused(asked):.1f} s")
            await self.pace.turn()
            asked, answers, crowded = 0.0, self.pace.answers, False
            sent = {name: value for name, value in extras.items() if name not in self.left_out}
            try:
                async with asyncio.timeout(self.settings.timeout):  # the SDK's own bounds each read, not the whole
                    response = await self.client.chat.complete_async(
                        model=self.settings.model, messages=messages, max_tokens=self.settings.max_tokens, **sent
                    )
                self.pace.answered()
                return response
            except errors.MistralError as error:
                if response := without_usage(error):
                    self.pace.answered()
                    return response
                if name := self.refused_extra(error, sent):
                    if name not in self.left_out:
                        cli.say(f"the server takes no {name}: it is asked without (it says {error.status_code})")
                    self.left_out.add(name)
                    why = ""
                    continue
                if hopeless := self.hopeless(error):
                    raise hopeless from None
                why = f"the server says {error.status_code}"
                if error.status_code < 300:
                    why += ", but not with a chat completion in JSON"
                asked, crowded = retry_after(error.headers), error.status_code in (429, 503)
            except httpx2.InvalidURL as error:
                raise cli.UserError(f"--server-url {self.settings.server_url}: {error}") from None
            except (TimeoutError, httpx2.TimeoutException):
                why = f"no answer within {self.settings.timeout:g} s"
            except httpx2.RequestError as error:  # refused, dropped, not HTTP
                why = f"no connection ({type(error).__name__}: {self.mask(str(error))})"
            tries = 1 if crowded and self.pace.answers > answers else tries + 1
        tries = f"{self.settings.retries + 1} tries"
        raise cli.UserError(f"{why}, after {tries}: check --server-url, or run it again later; what was done is saved")

    def read(self, asked, response):
        """A response to a question -> (sentences, labels, "") or (None, {}, why it is not what was asked)."""
        if not response.choices or response.choices[0].message is None:
            return None, {}, "empty answer"
        choice = response.choices[0]
        content = choice.message.content
        if isinstance(content, list):  # models that think first answer in chunks
            content = "".join(chunk.text for chunk in content if chunk.type == "text")
        if choice.finish_reason in ("length", "model_length"):
            return None, {}, f"truncated answer (finish_reason {choice.finish_reason})"
        if not isinstance(content, str) or not content.strip():
            return None, {}, f"empty answer (finish_reason {self.mask(choice.finish_reason)})"
        content = without_thinking(content)
        if content is None:
            return None, {}, "truncated answer (it was still thinking)"
        parsed = asked.parse(content)
        if parsed.sentences is None:
            return None, {}, f"not the JSON asked for: {self.mask(content)[:200]}"
        sentences = {topic: " ".join(parsed.sentences[topic].split()) for topic in asked.topics}
        if any(text != self.mask(text) for text in sentences.values()):
            return None, {}, "answer with control characters, or with the key"
        return sentences, self.settings.words.labels(asked, parsed), ""

    async def answer(self, row):
        """Ask about one row: {"gold", "teacher"}, or {"teacher"} with the reason of the failure."""
        asked = question.of(row, row["id"])
        parts = [{"type": "text", "text": self.settings.words.fill(asked, row["series"], self.settings.image)}]
        if self.settings.image:
            with open(plot_of(row, self.settings.dataset), "rb") as file:
                image = base64.b64encode(file.read()).decode("ascii")
            parts.append({"type": "image_url", "image_url": f"data:image/png;base64,{image}"})
        tokens = {"prompt": 0, "completion": 0}
        for ask in range(ASKS):
            messages = [{"role": "user", "content": parts}]
            response = await self.complete(row["id"], messages, self.settings.words.schema(asked), self.settings.seed + ask)
            tokens["prompt"] += response.usage.prompt_tokens or 0  # 0 too where the server does not count them
            tokens["completion"] += response.usage.completion_tokens or 0
            gold, labels, failed = self.read(asked, response)
            if gold:
                break
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        teacher = {"model": self.settings.model, **self.settings.words.tag, "date": now, "tokens": tokens}
        teacher |= {} if self.settings.image else {"image": False}
        return {"gold": gold, "teacher": {**teacher, "labels": labels}} if gold else {"teacher": {**teacher, "failed": failed}}


async def ask_all(rows, record, key, settings):
    """Ask about rows, several at a time, and record(row, answer) each answer as it comes: one thread, one writer."""
    from mistralai.client import Mistral
    from mistralai.client.utils.logger import NoOpLogger

    url = settings.server_url and settings.server_url.rstrip("/").removesuffix("/v1")
    limits = {"server_url": url, "timeout_ms": int(settings.timeout * 1000) + 1000}  # our time-out ends first
    # The default logger writes requests, key included, where MISTRAL_DEBUG is set.
    async with Mistral(api_key=key, debug_logger=NoOpLogger(), **limits) as client:
        teacher = Teacher(client, key, settings)
        waiting = iter(rows)

        async def work():
            for row in waiting:
                record(row, await teacher.answer(row))

        workers = [asyncio.create_task(work()) for _ in range(min(settings.concurrency, len(rows)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
