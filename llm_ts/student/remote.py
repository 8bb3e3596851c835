"""A student that a running server asks: llama-server, or any other with OpenAI's /v1/chat/completions.

No server shows what its student learnt: --model names the student's folder or file.
"""

import concurrent.futures
import os
import urllib.parse

from llm_ts import question
from llm_ts.base import cli
from llm_ts.student import origin
from llm_ts.student.answer import MAX_NEW_TOKENS

AT_ONCE = 4  # requests; llama-server answers so many side by side
CONNECT, ANSWER = 5, 300  # seconds until somebody is there, and until an answer comes
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Gone(cli.UserError):
    """A server that will answer the next question no more than this one."""


class Remote:
    """A running server, ready to be asked as a Student is. UserError in one line where it is none, or has no single model.

    url: with or without /v1. model: the name of the model there; needed where it has several. A key that it wants is read
    from LLAMA_API_KEY, as llama-server reads its own.
    """

    def __init__(self, url, model=None):
        import requests

        try:
            parts = urllib.parse.urlsplit(url)
        except ValueError:
            parts = urllib.parse.urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise cli.UserError(f"--server {cli.visible(url)}: give an address like http://127.0.0.1:8080")
        self.url = url.rstrip("/").removesuffix("/v1")
        self._key = os.environ.get("LLAMA_API_KEY", "").strip()
        self._session = requests.Session()
        self._session.trust_env = parts.hostname not in LOOPBACK  # a proxy does not know this machine's servers
        self.model = self._model(model)
        props = self._call("GET", "/props", optional=True)
        self._is_llama = isinstance(props, dict) and "chat_template" in props  # llama-server alone shows it
        # it would go on from what it read under the adapters of before, where they were switched since
        self._more = {"cache_prompt": False} if self._is_llama else {}

    def _model(self, wanted):
        """The name of the model to ask."""
        listed = self._call("GET", "/v1/models").get("data")
        names = [entry.get("id") for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        if not names or not all(isinstance(name, str) for name in names):
            raise cli.UserError(f"{self.url} lists no model: is it a server of OpenAI's form, with a model loaded?")
        shown = ", ".join(map(cli.visible, names[:5])) + (", ..." if len(names) > 5 else "")
        if wanted and wanted not in names:
            raise cli.UserError(f"{self.url} has no model {cli.visible(wanted)}: it has {shown}")
        if not wanted and len(names) > 1:
            raise cli.UserError(f"{self.url} has several models ({shown}): give --server-model")
        return wanted or names[0]

    def learnt(self, name):
        """The Task that its student learnt, by `name`, the folder or .gguf file that it was made from.

        UserError where the student sees plots, or where its adapters are switched off.
        """
        if not os.path.exists(name):
            raise cli.UserError(f"no model {name} here: give the folder or .gguf file of the student that the server runs")
        adapters = self._call("GET", "/lora-adapters", optional=True) if self._is_llama else None
        on = [adapter for adapter in adapters or () if isinstance(adapter, dict) and adapter.get("scale")]
        if isinstance(adapters, list) and adapters and not on:
            raise cli.UserError(f"{self.url} has its adapters switched off, and its base learnt nothing (POST /lora-adapters)")
        known = origin.of(name)
        if known and known.see != "numbers":
            raise cli.UserError(f"the student of {self.url} sees plots: --server asks students of numbers alone")
        return known

    def ask(self, prompts, max_new_tokens=MAX_NEW_TOKENS):
        """Prompts -> the greedy answers, in order.

        Where an answer fails or is cut off, a UserError stands in its place; the others are kept. Once the server is gone, or
        too slow, it is asked no more: the same error stands in place of the rest.
        """
        gone = []

        def answer_or_error(prompt):
            if gone:
                return gone[0]
            try:
                return self._answer(prompt, max_new_tokens)
            except Gone as error:
                gone.append(error)
                return error
            except cli.UserError as error:
                return error

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(answer_or_error, prompts))

    def _answer(self, prompt, max_new_tokens):
        body = {
            "model": self.model, "messages": question.messages_of(prompt), "temperature": 0, "max_tokens": max_new_tokens,
            **self._more,
        }  # fmt: skip
        reply = self._call("POST", "/v1/chat/completions", body)
        try:
            (choice, *_) = reply["choices"]
            text, finish = choice["message"]["content"], choice.get("finish_reason")
        except (KeyError, TypeError, ValueError, AttributeError):
            text, finish = None, None
        if not isinstance(text, str):
            raise cli.UserError(f"{self.url} answers otherwise than OpenAI's API does: no choices with a message")
        if finish == "length":
            begins = cli.visible(text)[:60]
            raise cli.UserError(f"{self.url} cut an answer off ({begins!r}): is it the right student, its -c large enough?")
        return text.encode("utf-8", "replace").decode().strip()  # half a surrogate pair has no bytes

    def _call(self, method, path, body=None, optional=False):
        """The JSON that the server gives, an object; UserError in one line for all else.

        optional: of a path that only some servers know, {} for all else, and lists too.
        """
        import requests

        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            reply = self._session.request(
                method, self.url + path, json=body, headers=headers, timeout=(CONNECT, ANSWER), allow_redirects=False
            )
        except requests.ReadTimeout:
            raise Gone(f"{self.url} gave no answer within {ANSWER} s: has it too much to do?") from None
        except (requests.RequestException, ValueError) as error:
            raise Gone(
                f"no server at {self.url} ({type(error).__name__}): start one, for example llama-server -m student.gguf"
            ) from None
        try:
            content = reply.json()
        except ValueError:
            content = None
        if optional:
            return content if reply.status_code == 200 and isinstance(content, (dict, list)) else {}
        if reply.status_code != 200:
            raise self._refusal(reply, content)
        if not isinstance(content, dict):
            kind = cli.visible(reply.headers.get("content-type", "nothing"))[:60]
            raise cli.UserError(f"{self.url}{path} answers {kind}, no JSON object: it is no server of OpenAI's form")
        return content

    def _refusal(self, reply, content):
        """A reply of another status than 200, and its JSON -> UserError."""
        error = content.get("error") if isinstance(content, dict) else None
        reason = error.get("message") if isinstance(error, dict) else error
        reason = reason if isinstance(reason, str) else reply.text
        if self._key:
            reason = reason.replace(self._key, "***")
        reason = f"it says {reply.status_code}: {cli.visible(' '.join(reason.split()))[:200]}"
        if reply.status_code in (401, 403):  # not Gone: it may be this question's, and a wrong key ended all at the list of models
            return cli.UserError(f"{self.url} wants another key: set LLAMA_API_KEY ({reason})")
        if reply.status_code == 400 and "context" in reason:
            return cli.UserError(f"a series is too long for {self.url}: choose fewer values (--last N) or a larger -c ({reason})")
        if reply.status_code == 503:
            return cli.UserError(f"{self.url} is not ready: try again in a moment ({reason})")
        return cli.UserError(f"{self.url} refuses the question ({reason})")
