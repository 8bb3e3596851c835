"""The page of a review, served to a browser on this machine until the human is done."""

import os

from llm_ts.base import local_page
from llm_ts.base.local_page import Refusal, text_of
from llm_ts.review.verify_csv import DECISIONS


class App:
    """The app for local_page.Server: a review's sentences, and decisions on them."""

    page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.html")
    script = "curate.py --review"
    to_end = "finish it there, or by Ctrl-C here"
    stopped = "stopped: every decision is saved"
    longest_body = 10_000  # bytes; a decision needs some hundred

    def __init__(self, review):
        self.review = review

    def get(self, name):
        """All sentences."""
        if name != "review":
            raise Refusal(404, "no such page")
        return {"rows": self.review.rows(), "items": [self.review.item(number) for number in range(len(self.review.items))]}

    def post(self, name, request):
        """A decision, a sentence read, or the end."""
        if name == "decide":
            decision = text_of(request, "decision", ("", *DECISIONS))
            return self.review.decide(self._number(request), decision, text_of(request, "own"))
        if name == "read":
            _, topic = self.review.items[self._number(request)]
            return self.review.read(topic, text_of(request, "own"))
        if name == "finish":
            self.finish()
            return {}
        raise Refusal(404, "no such page")

    def _number(self, request):
        number = request.get("number")
        if type(number) is not int or not 0 <= number < len(self.review.items):
            raise Refusal(400, "no such sentence")
        return number


def serve(review, port):
    """Serve the page until the human finishes it, or Ctrl-C. UserError where the port is taken."""
    if not review.items:
        print("nothing to review: no sentence is to verify")
        return
    local_page.serve(App(review), port)
