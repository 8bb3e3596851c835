"""A real HTTP server on loopback that answers as Mistral's /v1/chat/completions does, and fails in every way.

Bodies of the errors are those that the public API was seen to send. For tests: `with MistralServer(rows) as server:`.
"""

import base64
import http.server
import json
import re
import socket
import threading
import time

from llm_ts import question
from llm_ts.teacher.prompts import PROMPTS

KEY = "sk-test-0123456789abcdef"
REFUSALS = {  # name: status, body, type of its content
    "html": (200, "<html>Welcome</html>", "text/html"),
    "not json": (200, f"certainly not JSON {KEY}"),
    "400": (400, {"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"}),
    "401": (401, {"detail": "Unauthorized"}),
    "404": (404, {"message": "no Route matched with those values"}),
    "422": (422, {"detail": [{"loc": ["body"], "msg": "no", "type": "value_error"}]}),
    "429": (429, {"object": "error", "message": "Requests rate limit exceeded", "code": "1300"}),
    "500": (500, "upstream is away", "text/plain"),
    "503": (503, "upstream is away", "text/plain"),
}


def completion(content, finish="stop"):
    """The body of a chat completion; content is a string or a list of chunks."""
    message = {"role": "assistant", "content": content, "tool_calls": None}
    return {
        "id": "cmpl-1", "object": "chat.completion", "created": 1764000000, "model": "mistral-medium-latest",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 60, "total_tokens": 960},
    }  # fmt: skip


class MistralServer:
    """Answers request i with behaviour plan[i], and after the plan with `then`; see `_Handler.behave` for their names; a
    behaviour may be a function too.

    `pause`: seconds before each answer; `gate`: no answer before so many are asked at once (or 10 s).
    `plots`: whether a plot is expected; `key`: which key is; `prompt`: which question is.
    `refused`: {row id: (status, body)}, what is answered instead of all that.
    `asked`: the row ids in order of the requests; `problems`: what was wrong with a request; `seeds`: random_seed.
    """

    def __init__(self, rows, plan=(), then="good", pause=0.0, gate=1, plots=True, key=KEY, prompt="labels"):
        self.rows = {", ".join(map(str, row["series"])): row for row in rows}
        self.plan, self.then, self.pause, self.plots, self.key = list(plan), then, pause, plots, key
        self.prompt = PROMPTS[prompt]
        self.asked, self.problems, self.seeds, self.models = [], [], [], []
        self.gate, self.gate_open = gate, threading.Event()
        self.refused = {}
        self.refuses, self.free = (), 0.0  # fields that are refused with 422; when "one at a time" answers again
        self.running, self.most = 0, 0  # requests in progress now, and at most
        self.lock = threading.Lock()

    def __enter__(self):
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.http.daemon_threads, self.http.block_on_close, self.http.owner = True, False, self
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.http.shutdown()
        self.http.server_close()

    def wait_for(self, number, seconds=20):
        """Block until so many requests came."""
        end = time.monotonic() + seconds
        while len(self.asked) < number:
            assert time.monotonic() < end, f"only {len(self.asked)} requests came"
            time.sleep(0.01)

    def check(self, path, headers, body):
        """Note what the request lacks, and return (row, behaviour)."""
        text, image = "", b""
        for part in body["messages"][-1]["content"]:
            if part["type"] == "text":
                text = part["text"]
            else:
                url = part["image_url"] if isinstance(part["image_url"], str) else part["image_url"]["url"]
                kind, _, data = url.partition(",")
                image = base64.b64decode(data) if kind == "data:image/png;base64" else b""
        numbers = re.search(r"^\d+(?:, \d+)+$", text, re.MULTILINE)
        row = self.rows.get(numbers[0]) if numbers else None
        asked = question.of(row, "a test") if row else question.STUDY
        expected = {"name": "description", "schema": self.prompt.schema(asked), "strict": True}
        with self.lock:
            for good, problem in (
                (path == "/v1/chat/completions", f"path {path}"),
                (headers["Authorization"] == f"Bearer {self.key}", "no Authorization"),
                (image.startswith(b"\x89PNG") and image.rstrip().endswith(b"IEND\xaeB`\x82") if self.plots else not image, "no plot, or one"),
                (row is not None, "no numbers of a known row"),
                ("response_format" in self.refuses or (row and row["id"] in self.refused) or body["response_format"] == {"type": "json_schema", "json_schema": expected}, "no schema"),
                (row is None or text == self.prompt.fill(asked, row["series"], self.plots), "another prompt"),
                (KEY not in json.dumps(body), "the key in the body"),
            ):
                if not good:
                    self.problems.append(problem)
            self.asked.append(row and row["id"])
            self.seeds.append(body.get("random_seed"))
            self.models.append(body["model"])
            number = len(self.asked) - 1
            return row, self.plan[number] if number < len(self.plan) else self.then


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        owner = self.server.owner
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        row, behaviour = owner.check(self.path, self.headers, body)
        with owner.lock:
            owner.running += 1
            owner.most = max(owner.most, owner.running)
            if owner.most >= owner.gate:
                owner.gate_open.set()
        try:
            owner.gate_open.wait(10)
            time.sleep(owner.pause)
            refused = [name for name in owner.refuses if name in body]
            if refused:
                wrong = {"type": "extra_forbidden", "loc": ["body", refused[0]], "msg": "Extra inputs are not permitted"}
                self.send(422, {"detail": [wrong]})
            elif row and row["id"] in owner.refused:
                self.send(*owner.refused[row["id"]])
            else:
                self.behave(behaviour, row)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client gave up
        finally:
            with owner.lock:
                owner.running -= 1

    def send(self, status, body, content_type="application/json", **headers):
        data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in {"Content_Type": content_type, "Content_Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def answers_of(self, good, row):
        """Answers with status 200 by their names, each a content or a body; `good` is the right text."""
        middle, labels = len(good) // 2, '"trend": "The series rises.", "noise": "The noise is low."'
        thinking = {"type": "thinking", "thinking": [{"type": "text", "text": '{"trend": "a draft"}'}]}
        return {
            "good": good,
            "chunks": [thinking, *({"type": "text", "text": part} for part in (good[:middle], good[middle:]))],  # as reasoning models answer
            "fences": f"Here it is:\n```json\n{good}\n```",
            "bad json": good[:-20],
            "missing key": f"{{{labels}}}",
            "three": json.dumps(question.STUDY.say(row["truth"])),
            "wrong type": '{"trend": 1, "noise": null, "extrema": [""]}',
            "truncated": completion(good, finish="length"),
            "empty": "",
            "null": completion(None, finish="tool_calls"),
            "no choices": completion("") | {"choices": []},
            "surrogate": '{"trend": "\\ud800", "noise": "x", "extrema": "x"}',
            "key in answer": json.dumps({"trend": KEY, "noise": "x", "extrema": "x"}),
            "key in bad answer": f"I know {KEY}",
        }

    def behave(self, name, row):
        asked = question.of(row, "a test")
        labels = {f"{claim}_label": row["truth"][claim] for claim in asked.claims if self.server.owner.prompt.labelled}
        good = json.dumps(asked.say(row["truth"]) | labels)
        answers = self.answers_of(good, row)
        if callable(name):  # a test's own: the right answer as text -> (status, body)
            self.send(*name(good))
        elif name in answers:
            self.send(200, answers[name] if isinstance(answers[name], dict) else completion(answers[name]))
        elif name in REFUSALS:
            self.send(*REFUSALS[name])
        elif name == "one at a time":  # and half a second for each; 429 for the rest, without Retry-After
            with self.server.owner.lock:
                turn = time.monotonic() >= self.server.owner.free
                self.server.owner.free = time.monotonic() + 0.5 if turn else self.server.owner.free
            self.behave("good" if turn else "429", row)
        elif name.startswith("429 after "):
            self.send(429, {"message": "Rate limit"}, Retry_After=name.removeprefix("429 after "))
        elif name.startswith("echo "):  # a server that repeats the header in its error
            self.send(int(name.removeprefix("echo ")), f'{{"message": "bad token\n{self.headers["Authorization"]}"}}')
        elif name == "hang":
            time.sleep(3)
        elif name == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif name in ("trickle", "half"):  # a byte now and then: no single read takes long; or dropped in the middle of the body
            self.send(200, b'{"id": ', Content_Length="100000")
            for _ in range(30 if name == "trickle" else 0):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.1)
        else:
            raise AssertionError(name)
        self.close_connection = self.close_connection or name in ("hang", "drop", "trickle", "half")
