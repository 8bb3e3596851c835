"""A small HTTP server on loopback, for tests: it answers as a function says, and keeps what it was asked."""

import contextlib
import http.server
import json
import threading


class SmallServer(http.server.ThreadingHTTPServer):
    """reply: (path, headers, body) -> (status, an object, or bytes of HTML), or None to hang up; `asked` keeps its arguments."""

    def __init__(self, reply):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply, self.asked, self.url = reply, [], f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
        self.server.asked.append((self.path, dict(self.headers), body))
        reply = self.server.reply(*self.server.asked[-1])
        if reply is None:
            self.connection.close()
            return
        status, content = reply
        kind = "text/html" if isinstance(content, bytes) else "application/json"
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        with contextlib.suppress(OSError):  # who waited too long has gone
            self.send_response(status)
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(content))), ("Location", "/elsewhere")):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *args):
        pass
