"""Asks one model about rows, through Mistral's chat API or a server with that API or OpenAI's.

A refusal that other rows do not meet is its row's failure, and one that they meet too ends the run:
another row is tried, and no status alone decides.
"""

import asyncio
import collections
import contextlib
import datetime
import email.utils
import itertools
import os
import re
import urllib.parse

from llm_ts.base import cli
from llm_ts.teacher.exchange import ASKS, body_of, is_completion, keep, mask, read, tokens_of
from llm_ts.teacher.pace import Pace

MISTRAL = "https://api.mistral.ai"
TRIES = 7  # of a request, where server or network fail
OTHERS = 3  # rows that are tried, at most, before a refusal counts as one of all rows
NO_KEY = "none"  # what a server on this machine is sent
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# fields that not every server knows, and the words of its refusal; they are left out then
EXTRAS = {
    "random_seed": ("random_seed", "seed"),
    "max_tokens": ("max_tokens",),
    "response_format": ("response_format", "json_schema", "schema", "grammar"),
}


def is_here(server_url):
    """Whether a server's address is on this machine."""
    return bool(server_url) and urllib.parse.urlsplit(server_url).hostname in LOOPBACK


def find_key(server_url=None):
    """The API key from the environment; none is needed on this machine.

    Raises UserError, which never holds the key.
    """
    key = os.environ.get("MISTRAL_API_KEY", "").strip()
    if not key and is_here(server_url):
        return NO_KEY
    if not key:
        raise cli.UserError("MISTRAL_API_KEY is not set: export your key (any text, if the server needs none)")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise cli.UserError("MISTRAL_API_KEY has characters that no key has: export it again")
    return key


def retry_after(headers):
    """Seconds that a Retry-After header asks for, a number or a date; 0 without one."""
    text = headers.get("retry-after", "")
    with contextlib.suppress(ValueError):
        return float(text)
    with contextlib.suppress(ValueError, OverflowError):
        then = email.utils.parsedate_to_datetime(text)
        return (then - datetime.datetime.now(then.tzinfo)).total_seconds()
    return 0.0


class Refused(Exception):
    """Why a row got no completion; status and headers: of the server, None and {} where it or the network failed."""

    def __init__(self, why, status=None, headers=None):
        super().__init__(why)
        self.status, self.headers = status, headers or {}


class Teacher:
    """One model behind a chat API. client: an httpx2.AsyncClient that knows address and key.

    others: an iterable of rows, to be tried where one is refused; the row answered last comes first.
    """

    def __init__(self, client, key, settings, others=()):
        self.client, self.key, self.settings = client, key, settings
        self.pace = Pace()
        self.left_out = set()  # of EXTRAS, what this server refuses
        self.others, self.answered_last, self.trying = others, [], asyncio.Lock()

    def for_all(self, refused):
        """The UserError for a refusal that other rows meet too."""
        later = "run it again later; what was done is saved"
        if refused.status is None:
            return cli.UserError(f"{refused}: check --server-url, or {later}")
        why, before = f"the model {self.settings.model!r} refuses the question", self.pace.answers
        if self.key == NO_KEY and refused.status in (401, 403):
            why = "this server wants a key: export MISTRAL_API_KEY"
        elif refused.status in (401, 403):
            why = "the key is refused now" if before else "the key in MISTRAL_API_KEY is refused"
        if before:  # so neither is the key wrong nor the model unknown
            why += f", of every row, after {before} questions were answered: look for a quota or a limit, or {later}"
        return cli.UserError(f"{why} ({refused})")

    async def others_pass(self, row, tokens):
        """Whether the server answers another row than this one; what that costs is added to tokens."""
        others = {other["id"]: other for other in itertools.chain(self.answered_last, self.others)}
        others.pop(row["id"], None)
        for other in itertools.islice(others.values(), OTHERS):
            with contextlib.suppress(Refused):
                completion = await self.complete(other["id"], body_of(other, self.settings), 1)
                tokens.update(tokens_of(completion))
                self.answered_last = [other]
                return True
        return False

    async def post(self, body, without=()):
        """One request -> its chat completion. A server that refuses the seed or the schema is asked
        without it. Refused for anything else.
        """
        left_out = self.left_out.union(without)
        sent = {name: value for name, value in body.items() if name not in left_out}
        sent["model"] = self.settings.model
        response = await self.client.post("/v1/chat/completions", json=sent)
        if response.is_success:
            with contextlib.suppress(ValueError, RecursionError):
                if is_completion(completion := response.json()):
                    return completion
        for name, words in EXTRAS.items():
            is_refused = name in sent and any(word in response.text for word in words)
            if response.status_code in (400, 422) and is_refused:
                completion = await self.post(body, (*without, name))  # Refused: it was another thing
                if name not in self.left_out:
                    cli.say(f"the server takes no {name}: it is asked without (it says {response.status_code})")
                self.left_out.add(name)
                return completion
        why = f"the server says {response.status_code}" + ", but not in JSON as Mistral's API does" * response.is_success
        if text := mask(response.text, self.key)[:200].strip():
            why += f" ({text})"
        raise Refused(why, response.status_code, response.headers)

    async def complete(self, row_id, body, most=TRIES):
        """One chat completion, with back-off where server or network fail. Refused after `most` tries.

        If the server has too much to do, a row waits on so long as others are answered.
        """
        import httpx2

        wait, why, tries = 0.0, "", 0
        while tries < most:
            if why:
                cli.say(f"{row_id}: {why}; asking again in {self.pace.refused(wait):.1f} s")
            await self.pace.turn()
            wait, answers, crowded = 0.0, self.pace.answers, False
            try:
                # the client's own limit bounds each read alone
                async with asyncio.timeout(self.settings.timeout):
                    completion = await self.post(body)
                self.pace.answered()
                return completion
            except Refused as refused:
                if 300 <= refused.status < 500 and refused.status not in (408, 425, 429):
                    raise
                why, wait, crowded = str(refused), retry_after(refused.headers), refused.status in (429, 503)
            except TimeoutError:
                why = f"no answer within {self.settings.timeout:g} s"
            except httpx2.RequestError as error:  # refused, dropped, not HTTP
                why = f"no connection ({type(error).__name__}: {mask(str(error), self.key)})"
            tries = 1 if crowded and self.pace.answers > answers else tries + 1
        raise Refused(f"{why}, after {most} tries")

    async def answer(self, row):
        """Ask about one row: {"gold", "teacher"}, or {"teacher"} with the reason of the failure.

        UserError where the server refuses other rows too.
        """
        tokens = collections.Counter(prompt=0, completion=0)
        try:
            for ask in range(ASKS):
                completion = await self.complete(row["id"], body_of(row, self.settings, ask))
                tokens.update(tokens_of(completion))
                self.answered_last = [row]
                reading = read(row, completion, self.settings, self.key)
                if "gold" in reading:
                    break
        except Refused as refused:
            async with self.trying:  # one at a time: where all are refused, the first to know ends the run
                if not await self.others_pass(row, tokens):
                    raise self.for_all(refused) from None
            self.pace.free()
            reading = {"failed": str(refused)}
        return keep(reading, self.settings, dict(tokens))


@contextlib.asynccontextmanager
async def connect(key, settings):
    """The HTTP client. A server on this machine is asked directly, whatever proxy is set."""
    import httpx2

    url = re.sub(r"/(v1/?)?(chat/completions/?)?$", "", settings.server_url or MISTRAL)
    how = {"follow_redirects": True, "trust_env": not is_here(settings.server_url), "timeout": None}
    try:
        client = httpx2.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, **how)
    except httpx2.InvalidURL as error:
        raise cli.UserError(f"--server-url {settings.server_url}: {error}") from None
    except (ImportError, OSError, ValueError) as error:  # a SOCKS proxy, no file of certificates
        reason = mask(str(error).partition("\n")[0], key)
        raise cli.UserError(f"no connection ({reason}): check the proxies and SSL_CERT_FILE in the environment") from None
    async with client:
        yield client


async def ask_all(rows, record, key, settings, others=()):
    """Ask about rows, several at a time, and record(row, answer) each answer as it comes.

    One thread, one writer. others: as Teacher has them.
    """
    waiting = collections.deque(rows)
    async with connect(key, settings) as client:
        teacher = Teacher(client, key, settings, others)

        async def work():
            while waiting:
                row = waiting.popleft()
                record(row, await teacher.answer(row))

        workers = [asyncio.create_task(work()) for _ in range(min(settings.concurrency, len(rows)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
