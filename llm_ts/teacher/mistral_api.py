"""Mistral's chat API, or a server that speaks it: one model is asked about rows, several at a time."""

import asyncio
import collections
import contextlib
import datetime
import email.utils
import json
import os
import re
import urllib.parse

from llm_ts import cli
from llm_ts.teacher.exchange import ASKS, body_of, completion_of, keep, mask, read, tokens_of
from llm_ts.teacher.pace import Pace

TRIES = 7  # of a request, where server or network fail
NO_KEY = "none"  # what a server on this machine is sent
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# how servers say that a model is text only
PICTURES, REFUSED = r"(image|vision|multimodal)", r"(not|n't|no |un)\s*(support|accept|allow)"
NO_PICTURES = re.compile(
    rf"(?i){PICTURES}.{{0,80}}{REFUSED}|{REFUSED}.{{0,80}}{PICTURES}|mmproj|(not an?|at most 0|missing .{{0,40}}) {PICTURES}"
)
TOO_LONG = re.compile(r"(?i)context (length|size|window)|too long")
# what servers refuse that do not know a field, by its names; such a field is left out then
EXTRAS = {"random_seed": ("random_seed", "seed"), "response_format": ("response_format", "json_schema", "schema", "grammar")}


def is_here(server_url):
    """Whether a server's address is on this machine."""
    return bool(server_url) and urllib.parse.urlsplit(server_url).hostname in LOOPBACK


def find_key(server_url=None):
    """The API key from the environment; none is needed on this machine. Raises UserError, which never holds the key."""
    key = os.environ.get("MISTRAL_API_KEY", "").strip()
    if not key and is_here(server_url):
        return NO_KEY
    if not key:
        raise cli.UserError("MISTRAL_API_KEY is not set: export your key (any text, if the server needs none)")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise cli.UserError("MISTRAL_API_KEY has characters that no key has: export it again")
    return key


def behind(error):
    """The chat completion behind the SDK's error at one that lacks what the SDK wants and own servers leave out, or None."""
    try:
        return completion_of(json.loads(error.body)) if error.status_code == 200 else None
    except (ValueError, RecursionError):
        return None


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

    def __init__(self, client, key, settings, purse):
        self.client, self.key, self.settings, self.purse = client, key, settings, purse
        self.pace = Pace(settings.rate)
        self.left_out = set()  # of EXTRAS, what this server refuses

    def hopeless(self, error, unknown=None):
        """The UserError for an HTTP status that asking again does not mend, else None. unknown: what a 404 means."""
        status, said = error.status_code, f"the server says {error.status_code}: {mask(error.body, self.key)[:200]}"
        if status >= 400 and self.settings.image and NO_PICTURES.search(error.body):
            return cli.UserError(f"{self.settings.model!r} takes no pictures: give --no-image ({said})")
        if status < 300 or status in (408, 425, 429) or status >= 500:
            return None
        if status in (401, 403) and self.key == NO_KEY:
            return cli.UserError(f"this server wants a key: export MISTRAL_API_KEY ({said})")
        if status in (401, 403):
            return cli.UserError(f"the key in MISTRAL_API_KEY is refused ({said})")
        if status == 404 and unknown:
            return cli.UserError(f"{unknown} ({said})")
        if status in (400, 413, 422) and TOO_LONG.search(error.body):
            return cli.UserError(f"question and answer are too long for {self.settings.model!r}: give a smaller --max-tokens ({said})")
        if status in (400, 404):
            return cli.UserError(f"no answer from model {self.settings.model!r}; if it is retired, give another ({said})")
        return cli.UserError(f"the question is refused ({said})")

    def refused_extra(self, error, sent):
        """The name of the extra field that a 400 or 422 speaks of, of those that were sent; None where it speaks of none."""
        if error.status_code not in (400, 422):
            return None
        return next((name for name in EXTRAS if name in sent and any(word in error.body for word in EXTRAS[name])), None)

    async def call(self, who, send, unknown=None):
        """What the coroutine function `send` returns, with back-off where the server or the network fails.

        Where the server has too much to do, a caller waits on so long as others are answered. unknown: what a 404 means.
        """
        import httpx2  # the SDK's HTTP library
        from mistralai.client import errors

        asked, why, tries, crowded = 0.0, "", 0, False
        while tries < TRIES:
            if why:
                cli.say(f"{who}: {why}; asking again in {self.pace.refused(asked):.1f} s")
            await self.pace.turn()
            asked, answers, crowded = 0.0, self.pace.answers, False
            try:
                response = await send()
                self.pace.answered()
                return response
            except errors.MistralError as error:
                if hopeless := self.hopeless(error, unknown):
                    raise hopeless from None
                why = f"the server says {error.status_code}"
                if error.status_code < 300:
                    why += ", but not in JSON as Mistral's API does"
                why += f" ({mask(error.body, self.key)[:200].strip()})" if error.body.strip() else ""
                asked, crowded = retry_after(error.headers), error.status_code in (429, 503)
            except httpx2.InvalidURL as error:
                raise cli.UserError(f"--server-url {self.settings.server_url}: {error}") from None
            except (TimeoutError, httpx2.TimeoutException):
                why = f"no answer within {self.settings.timeout:g} s"
            except httpx2.RequestError as error:  # refused, dropped, not HTTP
                why = f"no connection ({type(error).__name__}: {mask(str(error), self.key)})"
            tries = 1 if crowded and self.pace.answers > answers else tries + 1
        raise cli.UserError(f"{why}, after {TRIES} tries: check --server-url, or run it again later; what was done is saved")

    async def complete(self, row_id, body):
        """One chat completion of a body. A server that refuses the seed or the schema is asked without it."""
        from mistralai.client import errors

        async def send():
            sent = {name: value for name, value in body.items() if name not in self.left_out}
            try:
                async with asyncio.timeout(self.settings.timeout):  # the SDK's own bounds each read, not the whole
                    return await self.client.chat.complete_async(model=self.settings.model, **sent)
            except errors.MistralError as error:
                if response := behind(error):
                    return response
                name = self.refused_extra(error, sent)
                if not name:
                    raise
                if name not in self.left_out:
                    cli.say(f"the server takes no {name}: it is asked without (it says {error.status_code})")
                self.left_out.add(name)
            return await send()

        return await self.call(row_id, send)

    async def answer(self, row):
        """Ask about one row: {"gold", "teacher"}, or {"teacher"} with the reason of the failure; None where the money is out."""
        tokens, found = {"prompt": 0, "completion": 0}, None
        for ask in range(ASKS):
            held = self.purse.take(row, self.settings)
            if held is None:
                if found:  # written down as a failure: what it cost is not to be forgotten
                    found["failed"] += "; no money was left to ask again"
                break
            response = await self.complete(row["id"], body_of(row, self.settings, ask))
            spent = tokens_of(response)
            self.purse.pay(held, spent)
            tokens = {kind: number + spent[kind] for kind, number in tokens.items()}
            found = read(row, response, self.settings, self.key)
            if "gold" in found:
                break
        return found and keep(found, self.settings, tokens)


@contextlib.asynccontextmanager
async def connect(key, settings):
    """The SDK's client. A server on this machine is asked directly, whatever proxy the environment names."""
    import httpx2
    from mistralai.client import Mistral
    from mistralai.client.utils.logger import NoOpLogger

    url = settings.server_url and re.sub(r"/(v1/?)?(chat/completions/?)?$", "", settings.server_url)
    limits = {"server_url": url, "timeout_ms": int(settings.timeout * 1000) + 1000}  # our time-out ends first
    how = {"follow_redirects": True, "trust_env": not is_here(settings.server_url)}
    try:
        plain, http = httpx2.Client(**how), httpx2.AsyncClient(**how)  # the SDK would make both
    except (ImportError, OSError, ValueError) as error:  # a SOCKS proxy without its package, no file of certificates
        said = mask(str(error).partition("\n")[0], key)
        raise cli.UserError(f"no connection can be made: look at the proxies and SSL_CERT_FILE in the environment ({said})") from None
    # The default logger writes requests, key included, where MISTRAL_DEBUG is set.
    with plain:
        async with http, Mistral(api_key=key, debug_logger=NoOpLogger(), client=plain, async_client=http, **limits) as client:
            yield client


async def ask_all(rows, record, key, settings, purse):
    """Ask about rows, several at a time, and record(row, answer) each answer as it comes: one thread, one writer.

    Returns how many rows there was no money for.
    """
    waiting = collections.deque(rows)
    async with connect(key, settings) as client:
        teacher = Teacher(client, key, settings, purse)

        async def work():
            while waiting:
                row = waiting.popleft()
                answer = await teacher.answer(row)
                if answer is None:
                    waiting.appendleft(row)  # for others, when they have paid for less than they hold
                    return
                record(row, answer)

        workers = [asyncio.create_task(work()) for _ in range(min(settings.concurrency, len(rows)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
    return len(waiting)
