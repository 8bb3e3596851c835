"""A web page served on this machine: access check, size limit, request form. The caller answers the requests.

Who may use it: whoever knows its address, which holds a new secret at each start. Another site's page cannot guess it; it
cannot ask through a name of its own (Host) or post from elsewhere (Origin).
"""

import hmac
import http.server
import json
import secrets
import sys
import threading

from llm_ts.base import cli

HOSTS = ("127.0.0.1", "localhost")  # with any port: it may be forwarded from another machine (ssh -L)
POLICY = (
    "default-src 'none'; img-src data:; connect-src 'self'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Refusal(Exception):
    """A refused request: an HTTP status, and a line for the human."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Server(http.server.ThreadingHTTPServer):
    """Serves an app on 127.0.0.1. A browser keeps connections open: each has a thread of its own.

    app: an object with `page`, the path of its HTML, in which {nonce} marks its script and style; `script`, the command that
    shows it; `to_end`, how the human ends it, and `stopped`, what Ctrl-C says; `longest_body`, bytes of a request; `get(name)`
    and `post(name, object)`, which give what is sent back as JSON and raise Refusal or UserError. Both are called by one thread
    at a time. OSError where the port is taken.
    """

    def __init__(self, port, app):
        super().__init__(("127.0.0.1", port), Handler)
        self.app, self.secret, self.lock = app, secrets.token_urlsafe(16), threading.Lock()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/{self.secret}/"

    def stop(self):
        """End serve_forever from within a request."""
        threading.Thread(target=self.shutdown).start()  # shutdown waits for the loop, which must not wait for us

    def handle_error(self, request, client_address):
        """A browser that went away in the middle of an answer is no news: what it asked for is done."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def get(self, name):
        """What the page asks for -> (type, bytes, nonce)."""
        if name == "":
            nonce = secrets.token_urlsafe(16)
            with open(self.app.page, encoding="utf-8") as file:
                return "text/html", file.read().replace("{nonce}", nonce).encode(), nonce
        with self.lock:
            return *_json(self.app.get(name)), ""

    def post(self, name, asked):
        """What the page asks to be done, an object -> (type, bytes, "")."""
        with self.lock:
            return *_json(self.app.post(name, asked)), ""


def text_of(asked, name, among=None):
    """A text of a request, "" where it has none; Refusal for anything else, and for what is not among some."""
    text = asked.get(name, "")
    if not isinstance(text, str) or (among and text not in among):
        raise Refusal(400, f"{name} has a value that is not allowed")
    return text


def _json(value):
    return "application/json", json.dumps(value).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    """Checks who asks, then hands the request to the server."""

    timeout = 30  # seconds that a request may take to arrive

    def do_GET(self):
        self._answer(lambda name: self.server.get(name))

    def do_POST(self):
        self._answer(lambda name: self.server.post(name, self._read_body()))

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
            raise Refusal(404, f"this is not the address that {self.server.app.script} printed")
        return parts[2]

    def _read_body(self):
        """The object that was posted by our own page; Refusal for anything else."""
        if self.headers.get("Origin") != f"http://{self.headers['Host']}":
            raise Refusal(403, "only this page itself may ask for that")
        if self.headers.get_content_type() != "application/json":
            raise Refusal(415, "only JSON is taken")
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or len(length) > 9:
            raise Refusal(411, "a Content-Length is needed")
        if int(length) > self.server.app.longest_body:
            raise Refusal(413, f"this is too long: {self.server.app.longest_body / 1e6:g} MB at most")
        try:
            value = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Refusal(400, "this is no JSON object")
        return value


def serve(app, port):
    """Serve an app until it calls its `finish`, which is given to it here, or Ctrl-C. UserError where the port is taken."""
    try:
        server = Server(port, app)
    except OSError as error:
        raise cli.UserError(
            f"no page on port {port}: {error.strerror} (does {app.script} run already?): give another --port, or 0"
        ) from None
    app.finish = server.stop
    with server:
        print(f"page: {server.address}\n(open it in a browser of this machine; {app.to_end})", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(app.stopped)
        server.lock.acquire()  # what is being answered is answered; nothing after it
