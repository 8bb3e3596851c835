"""TextSynth's chat API asks a large model of numbers the same questions, as a baseline.

A row that it refuses is Refused; whether that concerns all rows, its caller finds out by another row.
"""

import os

from llm_ts import question
from llm_ts.base import cli

TRIES, BACKOFF = 7, 1.0  # of a question after 429, 5xx or a dropped connection; seconds between them, doubled
TIMEOUT = 120.0  # seconds to wait for an answer


class Refused(cli.UserError):
    """What the server says of one prompt, or of all."""


class TextSynth:
    """A TextSynth engine behind its chat API; https://textsynth.com/documentation.html."""

    def __init__(self, engine, server_url):
        import requests
        from urllib3.util.retry import Retry

        self.key = os.environ.get("TEXTSYNTH_API_KEY", "").strip()
        if not self.key:
            raise cli.UserError("TEXTSYNTH_API_KEY is not set: export your key, or give an evaluation file to look at")
        if not self.key.isascii() or not self.key.isprintable():
            raise cli.UserError("TEXTSYNTH_API_KEY has characters that no key has: export it again")
        self.url = f"{server_url.rstrip('/')}/v1/engines/{engine}/chat"
        self.engine = engine
        self.session = requests.Session()
        retry = Retry(
            total=TRIES - 1, backoff_factor=BACKOFF, backoff_max=60, status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=None, raise_on_status=False, respect_retry_after_header=False,
        )  # fmt: skip
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, requests.adapters.HTTPAdapter(max_retries=retry))

    def ask(self, prompt):
        """One answer; Refused for what asking again does not mend. The key is in no message."""
        import requests

        body = {"messages": [prompt], "system": question.SYSTEM, "max_tokens": 200, "temperature": 0.01}
        try:
            heads = {"Authorization": f"Bearer {self.key}"}
            reply = self.session.post(self.url, json=body, headers=heads, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise Refused(f"no answer from {self.url} ({type(error).__name__}): run again to go on") from None
        if reply.status_code != 200:
            said = cli.visible(reply.text.replace(self.key, "***"))[:200]
            hint = {401: "check TEXTSYNTH_API_KEY", 404: f"is there an engine {self.engine}?"}.get(reply.status_code, "")
            raise Refused(f"TextSynth says {reply.status_code}: {said} {hint}")
        try:
            return str(reply.json()["text"]).encode("utf-8", "replace").decode()  # half a surrogate pair has no bytes
        except (ValueError, KeyError, TypeError):
            raise Refused(f"{self.url} does not answer as TextSynth does: check --server-url") from None
