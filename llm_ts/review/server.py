"""The page of a review, served to a browser on this machine until the human is done.

Who may use it: whoever knows its address, which holds a secret made anew at each start. A page of another site can neither
guess it nor ask through a name of its own (Host), nor post from elsewhere (Origin).
"""

import hmac
import http.server
import json
import os
import secrets
import sys
import threading

from llm_ts import cli
from llm_ts.review.verify_csv import DECISIONS

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.html")
HOSTS = ("127.0.0.1", "localhost")  # with any port: it may be forwarded from another machine (ssh -L)
LONGEST_BODY = 10_000  # bytes of a request; a decision needs some hundred
POLICY = (
    "default-src 'none'; img-src data:; connect-src 'self'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Refusal(Exception):
    """A request that is not answered as it wishes: an HTTP status, and a line for the human."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Server(http.server.ThreadingHTTPServer):
    """Holds the review and the secret of its address. A browser keeps connections open: each has a thread of its own."""

    def __init__(self, port, review):
        super().__init__(("127.0.0.1", port), Handler)
        self.review, self.secret, self.lock = review, secrets.token_urlsafe(16), threading.Lock()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/{self.secret}/"

    def handle_error(self, request, client_address):
        """A browser that went away in the middle of an answer is no news: what it asked for is saved."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def get(self, name):
        """What the page asks for -> (type, bytes, nonce)."""
        if name == "":
            nonce = secrets.token_urlsafe(16)
            with open(PAGE, encoding="utf-8") as file:
                return "text/html", file.read().replace("{nonce}", nonce).encode(), nonce
        if name == "review":
            with self.lock:
                items = [self.review.item(number) for number in range(len(self.review.items))]
                return *_json({"rows": self.review.rows(), "items": items}), ""
        raise Refusal(404, "no such page")

    def post(self, name, asked):
        """What the page asks to be done, an object -> (type, bytes)."""
        with self.lock:
            if name == "decide":
                decision = _text(asked, "decision", ("", *DECISIONS))
                return _json(self.review.decide(self._number(asked), decision, _text(asked, "own")))
            if name == "undo":
                return _json(self.review.undo())
            if name == "read":
                _, topic = self.review.items[self._number(asked)]
                return _json(self.review.read(topic, _text(asked, "own")))
            if name == "finish":
                threading.Thread(target=self.shutdown).start()  # shutdown waits for the loop, which must not wait for us
                return _json({})
        raise Refusal(404, "no such page")

    def _number(self, asked):
        number = asked.get("number")
        if type(number) is not int or not 0 <= number < len(self.review.items):
            raise Refusal(400, "no such sentence")
        return number


def _text(asked, name, among=None):
    text = asked.get(name, "")
    if not isinstance(text, str) or (among and text not in among):
        raise Refusal(400, f"{name} is not what it may be")
    return text


def _json(value):
    return "application/json", json.dumps(value).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    """Checks who asks, then hands the request to the server."""

    timeout = 30  # seconds that a request may take to arrive

    def do_GET(self):
        self._answer(lambda name: self.server.get(name))

    def do_POST(self):
        self._answer(lambda name: (*self.server.post(name, self._read_body()), ""))

    def log_message(self, *_):
        """Nothing is logged: the address is a secret."""

    def _answer(self, work):
        try:
            status, (kind, body, nonce) = 200, work(self._find_name())
        except Refusal as refusal:
            status, (kind, body), nonce = refusal.status, _json({"error": str(refusal)}), ""
        except (cli.UserError, OSError) as error:
            status, (kind, body), nonce = 409, _json({"error": str(error)}), ""
        self.send_response(status)
        for head, value in {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(body)),
            "Content-Security-Policy": POLICY.format(nonce=nonce),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }.items():
            self.send_header(head, value)
        self.end_headers()
        self.wfile.write(body)

    def _find_name(self):
        """What stands behind the secret in the address; Refusal for a wrong secret or a foreign name of this machine."""
        if self.headers.get("Host", "").partition(":")[0] not in HOSTS:
            raise Refusal(403, "this page is for this machine alone")
        parts = self.path.split("/", 2)  # "", the secret, the name
        if len(parts) < 3 or not hmac.compare_digest(parts[1].encode(), self.server.secret.encode()):
            raise Refusal(404, "this is not the address that curate.py --review printed")
        return parts[2]

    def _read_body(self):
        """The object that was posted by our own page; Refusal for anything else."""
        if self.headers.get("Origin") != f"http://{self.headers['Host']}":
            raise Refusal(403, "a decision is taken from this page alone")
        if self.headers.get_content_type() != "application/json":
            raise Refusal(415, "JSON is asked for")
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or len(length) > 9:
            raise Refusal(411, "how long is it?")
        if int(length) > LONGEST_BODY:
            raise Refusal(413, "this is too long")
        try:
            value = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Refusal(400, "this is not a JSON object")
        return value


def serve(review, port):
    """Serve the page until the human finishes it, or Ctrl-C. UserError where the port is taken."""
    if not review.items:
        print("nothing to look at: no sentence is to verify (--audit 50 draws some)")
        return
    try:
        server = Server(port, review)
    except OSError as error:
        raise cli.UserError(f"no page on port {port}: {error.strerror} (another review?): give another --port, or 0") from None
    with server:
        print(f"page: {server.address}\n(open it in a browser of this machine; finish it there, or by Ctrl-C here)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("stopped: every decision is saved")
        server.lock.acquire()  # what is being decided is decided; nothing after it
