"""The files and batch jobs of the tests' Mistral server: /v1/files and /v1/batch/jobs, as its public documentation has them."""

import email.parser
import email.policy
import json
import re
import threading
import time
import urllib.parse
import uuid

OTHER_KEY = "sk-other-0123456789abcdef"  # of another workspace: it sees neither files nor jobs of the first


class Batches:
    """Jobs go on by one step each time that they are looked at: `steps`, then `ends` with the answers.

    `calls`: (method, kind of path) of each request. `hold`: (n, when) with when "before" or "after": request n hangs before it
    is done, or when it is done and not yet answered; `held` is set then. `drop`: kinds whose next request is done and not
    answered. `late`: so many lists come without the newest job. `lost`: rows without an answer; `gone`: no file can be
    fetched; `absent`: a server without a Batch API. `change`: what becomes of a line of answers, a dict.
    """

    def __init__(self, owner):
        self.owner = owner
        self.files, self.jobs, self.calls = {}, {}, []
        self.steps, self.ends = ["QUEUED", "RUNNING"], "SUCCESS"
        self.hold, self.held = (0, ""), threading.Event()
        self.drop, self.late, self.lost, self.gone, self.absent = [], 0, (), False, False
        self.change = lambda line: line

    def handle(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        kind = re.sub(r"(files|jobs)/[^/]+", r"\1/ID", url.path)
        content = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        key = (handler.headers["Authorization"] or "").removeprefix("Bearer ")
        with self.owner.lock:
            self.calls.append((handler.command, kind))
            number = len(self.calls)
        if self.hold == (number, "before"):
            return self.hang(handler)
        name = url.path.split("/")[-2 if kind.endswith("content") else -1]
        query = dict(urllib.parse.parse_qsl(url.query))
        if key not in (self.owner.key, OTHER_KEY):
            status, body = 401, {"detail": "Unauthorized"}
        elif self.absent:
            status, body = 404, {"error": {"message": "File Not Found", "code": 404}}
        elif (handler.command, kind) == ("POST", "/v1/files"):
            status, body = 200, self.upload(content, handler.headers["Content-Type"], key)
        elif (handler.command, kind) == ("POST", "/v1/batch/jobs"):
            status, body = self.create(handler, json.loads(content), key)
        elif kind == "/v1/batch/jobs":
            status, body = 200, self.list(query, key)
        else:
            there = {"/v1/files/ID": self.files, "/v1/files/ID/content": self.files, "/v1/batch/jobs/ID": self.jobs}[kind]
            status, body = self.get(kind, there.get(name), key)
        if self.hold == (number, "after"):
            return self.hang(handler)
        if kind in self.drop:
            self.drop.remove(kind)
            handler.close_connection = True
            return None
        binary = isinstance(body, bytes)
        return handler.send(status, body, "application/octet-stream" if binary else "application/json")

    def hang(self, handler):
        self.held.set()
        time.sleep(30)
        handler.close_connection = True

    def upload(self, content, content_type, key):
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
            b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + content
        )
        parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
        if parts["purpose"].get_content().strip() != "batch":
            self.owner.problems.append("purpose of the file")
        return self.keep(parts["file"].get_payload(decode=True), key, parts["file"].get_filename())

    def keep(self, content, key, filename="results.jsonl"):
        public = {
            "id": str(uuid.uuid4()), "object": "file", "bytes": len(content), "created_at": 1764000000, "filename": filename,
            "purpose": "batch", "sample_type": "batch_request", "source": "upload", "deleted": False,
        }  # fmt: skip
        self.files[public["id"]] = {"key": key, "content": content, "public": public}
        return public

    def create(self, handler, body, key):
        if any(self.files.get(file, {}).get("key") != key for file in body["input_files"]):
            return 404, {"detail": "File not found"}
        if body["model"] == "unknown":
            return 422, {"detail": [{"msg": "no such model"}]}
        lines = [json.loads(line) for file in body["input_files"] for line in self.files[file]["content"].splitlines()]
        good, bad = [], []
        for line in lines:
            headers = {"Authorization": handler.headers["Authorization"]}
            row, behaviour = self.owner.check(body["endpoint"], headers, {**line["body"], "model": body["model"]})
            if row["id"] != line["custom_id"]:
                self.owner.problems.append("custom_id")
            status, answer = handler.answer_to(behaviour, row)
            if row["id"] not in self.lost:
                answer = {"status_code": status, "body": answer}
                (good if status == 200 else bad).append({"id": "x", "custom_id": row["id"], "response": answer, "error": None})
        good.reverse()  # in no order that one may rely on
        name = str(uuid.uuid4())
        public = {
            "id": name, "object": "batch", "input_files": body["input_files"], "endpoint": body["endpoint"], "errors": [],
            "metadata": body["metadata"], "model": body["model"], "created_at": 1764000000, "status": "QUEUED",
            "total_requests": len(lines), "completed_requests": 0, "succeeded_requests": 0, "failed_requests": 0,
        }  # fmt: skip
        self.jobs[name] = {"key": key, "public": public, "steps": list(self.steps), "good": good, "bad": bad}
        return 200, public

    def list(self, query, key):
        mine = [job["public"] for job in reversed(self.jobs.values()) if job["key"] == key]
        if self.late:
            self.late -= 1
            mine = mine[1:]
        page, size = int(query["page"]), int(query["page_size"])
        return {"object": "list", "total": len(mine), "data": mine[page * size : page * size + size]}

    def get(self, kind, there, key):
        if there is None or there["key"] != key or (self.gone and kind.endswith("content")):
            return 404, {"detail": "Not found"}
        if kind.endswith("content"):
            return 200, there["content"]
        public = there["public"]
        if "steps" in there:
            public["status"] = there["steps"].pop(0) if there["steps"] else self.ends
            if public["status"] == self.ends and "output_file" not in public:
                public["completed_requests"] = len(there["good"]) + len(there["bad"])
                for name, lines in (("output_file", there["good"]), ("error_file", there["bad"])):
                    text = "".join(json.dumps(self.change(line)) + "\n" for line in lines)
                    public[name] = self.keep(text.encode(), key)["id"] if lines else None
        return 200, public
