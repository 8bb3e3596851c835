"""Mistral's Batch API: files of requests that the server answers within a day, at half the price.

Upload a file, create its job, look at it now and then, fetch the answers. Every step is written
down (batch_state.py) before what must not happen twice and after what did happen, so that a kill
at any point costs nothing but the step it fell into.
"""

import asyncio
import contextlib
import datetime
import functools
import json
import os

from llm_ts import cli
from llm_ts.teacher.exchange import ASKS, body_of, is_completion, keep, mask, plot_of, read, tokens_of
from llm_ts.teacher.kept import answer_in
from llm_ts.teacher.mistral_api import Failed, Teacher, connect

ROWS, BYTES = 10_000, 100_000_000  # of a file, at most; the server takes 100,000 and 512 MB
ENDED = ("SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED")
PATIENCE = 1200.0  # seconds for an upload or a download
POLL = 30.0  # seconds between two looks at the jobs
PAGE = 100  # jobs in a list


def size_of(row, settings):
    """About how many bytes the request about a row has."""
    plot = 4 / 3 * os.path.getsize(plot_of(row, settings.dataset)) if settings.image else 0
    return plot + 5 * len(row["series"]) + 3000


def line_of(row, settings, ask):
    body = body_of(row, settings, ask)
    line = {"custom_id": row["id"], "body": body}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


def results_in(text):
    """The lines of a file of answers -> {row id: line}; a line that is none is no answer."""
    results = {}
    for line in text.splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            value = json.loads(line)
            results.setdefault(str(value["custom_id"]), value)
    return results


class Unreadable(ValueError):
    """An answer that was given and paid for, in a form that is not known here."""


def completion_in(result):
    """A line of answers -> (the chat completion, ""), or (None, why the server gave none).

    Unreadable for an answer in an unknown form.
    """
    if result is None:
        return None, "no answer in its files"
    response = result.get("response") or {}
    if not isinstance(response, dict):
        raise Unreadable(json.dumps(response))
    body, status = response.get("body"), str(response.get("status_code"))
    if status != "200":
        return None, f"the server says {status}: {json.dumps(result.get('error') or body)}"
    if isinstance(body, str):
        with contextlib.suppress(ValueError, RecursionError):
            body = json.loads(body)
    if not isinstance(body, dict) or not is_completion(body):
        raise Unreadable(json.dumps(body))
    return body, ""


class Batch:
    """The jobs of a State, and the server that does them."""

    def __init__(self, teacher, state, rows, record):
        """rows: {id: row}, those of the state's jobs among them."""
        self.teacher, self.state, self.rows, self.record = teacher, state, rows, record
        self.settings, self.purse = teacher.settings, teacher.purse
        self.held, self.troubles = {}, []  # money for each row; what went wrong for good
        for job in state.jobs:
            for row_id in job["ids"]:
                if row_id not in rows:
                    absent = f"{row_id}, which is not in the data file"
                    raise cli.UserError(f"{state.path} asks about {absent}: is it another's?")
                self.held[row_id] = self.purse.take(rows[row_id], self.settings, sure=True)
            for tokens in job["spent"].values():
                self.purse.pay(0, tokens)

    async def call(self, job, send, unknown=None):
        who = f"batch of {len(job['ids'])} rows"
        return await self.teacher.call(who, send, PATIENCE, unknown)

    async def ask(self):
        """Ask about the rows, those under way first; returns how many there was no money for."""
        under_way = set(self.state.ids)
        waiting = [row for row_id, row in self.rows.items() if row_id not in under_way]
        while True:
            waiting = self.plan(waiting)
            if not self.state.jobs:
                return len(waiting)
            for job in self.state.jobs:
                await self.submit(job)
            ended = await self.wait()
            for job in list(self.state.jobs):
                await self.collect(job, ended[job["job"]])
            if self.troubles:
                more = "" if self.state.jobs else ": run it again to ask about the rest"
                kept = f"the answers that could be read are kept{more}"
                raise cli.UserError(f"{self.troubles[0]}; {kept}")

    def plan(self, waiting):
        """Make jobs of the rows that there is money for; returns the others."""
        ids, size = [], 0
        for number, row in enumerate(waiting):
            held = self.purse.take(row, self.settings)
            if held is None:
                waiting = waiting[number:]
                break
            if len(ids) == ROWS or ids and size + size_of(row, self.settings) > BYTES:
                self.state.add(ids)
                ids, size = [], 0
            self.held[row["id"]] = held
            ids.append(row["id"])
            size += size_of(row, self.settings)
        else:
            waiting = []
        if ids:
            self.state.add(ids)
        self.state.save()
        return waiting

    async def submit(self, job):
        """Upload the requests of a job, and create it, unless that was done."""
        if not job["job"] and not job["file"]:
            lines = (line_of(self.rows[name], self.settings, job["ask"]) for name in job["ids"])
            file = (f"{job['name']}.jsonl", b"".join(lines))
            request = {"data": {"purpose": "batch"}, "files": {"file": file}}
            unknown = "this server has no Batch API, as Mistral's has: leave --batch out"
            upload = functools.partial(self.teacher.fetch, "POST", "files", **request)
            job["file"] = (await self.call(job, upload, unknown))["id"]
            self.state.save()
        if not job["job"]:
            create = functools.partial(self.create, job)
            job["job"] = (await self.call(job, create, self.unknown("this batch's file")))["id"]
            self.state.save()
            cli.say(f"batch {mask(job['job'], self.teacher.key)}: {len(job['ids'])} rows asked about")

    def unknown(self, what):
        """What a 404 means."""
        known = "is not known to this key and server: give those it was begun with"
        return f"{self.state.path}: {what} {known}"

    async def create(self, job):
        """Create a job that may exist already: after a kill, or if the server's answer was lost."""
        if job["asked"] and (found := await self.find(job)):
            return found
        job["asked"] = True
        self.state.save()
        wanted = {
            "endpoint": "/v1/chat/completions",
            "model": self.settings.model,
            "input_files": [job["file"]],
            "metadata": {"name": job["name"]},
            "timeout_hours": 24,
        }
        try:
            return await self.teacher.fetch("POST", "batch/jobs", json=wanted)
        except Failed as failed:
            if failed.status in (400, 404, 422):  # refused: there is no job
                job["asked"] = False
                self.state.save()
            raise

    async def find(self, job):
        """The job on the server by its name, or None; looks twice, since a list may be late.

        Failed with 404 if its file is another key's.
        """
        after = self.state.started - datetime.timedelta(days=1)  # clocks differ
        query = {"page_size": PAGE, "created_after": after.isoformat()}
        for look in range(2):
            await asyncio.sleep(look * POLL)
            page, total = 0, 1
            while page * PAGE < total:
                params = {"page": page, **query}
                listed = await self.teacher.fetch(
                    "GET", "batch/jobs", lambda body: isinstance(body.get("total"), int), params=params
                )
                for candidate in listed.get("data") or ():
                    if (candidate.get("metadata") or {}).get("name") == job["name"]:
                        return candidate
                page, total = page + 1, listed["total"]
        await self.teacher.fetch("GET", f"files/{job['file']}")
        return None

    async def wait(self):
        """Look at all jobs until each has ended; returns them, {the server's name: job}."""
        ended, seen = {}, {}
        with cli.Progress("requests done", len(self.state.ids)) as bar:
            while True:
                for job in self.state.jobs:
                    name = job["job"]
                    if name in ended:
                        continue
                    look = functools.partial(self.teacher.fetch, "GET", f"batch/jobs/{name}")
                    now = await self.call(job, look, self.unknown("this batch"))
                    if now.get("status") in ENDED:
                        ended[name] = now
                    before, done = seen.get(name, (None, 0))
                    if before != now.get("status"):
                        key = self.teacher.key
                        cli.say(f"batch {mask(name, key)}: {mask(str(now.get('status')), key)}")
                    seen[name] = now.get("status"), now.get("completed_requests") or 0
                    bar.step(seen[name][1] - done)
                if len(ended) == len(self.state.jobs):
                    return ended
                await asyncio.sleep(POLL)

    async def collect(self, job, ended):
        """Record the answers of a job that has ended.

        What is not the requested JSON makes a job of its own.
        """
        # the answers in its files: those of the first win
        results, key = {}, self.teacher.key
        for file in (ended.get("output_file"), ended.get("error_file")):
            if file:
                results = {**results_in(await self.download(job, file)), **results}
        again, refused = {}, []
        unreadable = ["its files hold none"] if ended["status"] == "SUCCESS" and not results else []

        # each row: recorded before a kill, unreadable, refused by the server, asked again, or recorded
        for row_id in job["ids"]:
            row = self.rows[row_id]
            kept = answer_in(row, self.state.settings["second"])
            if kept.get("gold") or (kept.get("teacher") or {}).get("batch") == job["job"]:
                continue
            try:
                completion, why = completion_in(results.get(row_id))
            except Unreadable as error:
                unreadable.append(str(error))
                continue
            spent = tokens_of(completion or {})
            self.purse.pay(self.held.pop(row_id), spent)
            if completion is None:
                refused.append(why)
                continue
            before = job["spent"].get(row_id, {})
            tokens = {kind: number + before.get(kind, 0) for kind, number in spent.items()}
            reading = read(row, completion, self.settings, key)
            if "failed" in reading and job["ask"] + 1 < ASKS:
                self.held[row_id] = self.purse.take(row, self.settings)
                if self.held[row_id] is not None:
                    again[row_id] = tokens
                    continue
                reading["failed"] += "; no money was left to ask again"
            answer = keep(reading, self.settings, tokens)
            answer["teacher"]["batch"] = job["job"]
            self.record(row, answer)

        # unreadable answers are paid for: the job stays, so that nobody is asked again in silence
        name = f"batch {mask(job['job'], key)}"
        if unreadable:
            self.troubles.append(
                f"{self.state.path}: answers of {name} are no chat completions "
                f"({mask(unreadable[0], key)[:100]}): delete this file to ask and pay again"
            )
            return
        self.state.jobs.remove(job)
        if again:
            self.state.add(again, job["ask"] + 1, again)
        self.state.save()
        if refused or ended["status"] != "SUCCESS":
            words = [str(error.get("message")) for error in ended.get("errors") or ()] + refused
            words = f" ({mask(words[0], key)[:200]})" if words else ""
            left = f"{len(refused)} of its {len(job['ids'])} rows have no answer"
            self.troubles.append(f"{name} ended with {mask(ended['status'], key)}: {left}{words}")

    async def download(self, job, file):
        """The text of a file of answers."""

        async def send():
            response = await self.teacher.client.get(f"/v1/files/{file}/content")
            if not response.is_success:
                raise Failed(response)
            return response.content.decode("utf-8", "replace")

        gone = f"the answers of batch {job['job']} are no longer on the server"
        unknown = f"{self.state.path}: {gone}: delete this file to ask and pay again"
        return await self.call(job, send, unknown)


async def ask_all(state, rows, record, key, settings, purse):
    """Ask about rows by batches, and record(row, answer) each answer.

    rows: those that are under way among them, answered or not. Returns how many there was no
    money for.
    """
    async with connect(key, settings) as client:
        teacher = Teacher(client, key, settings, purse)
        return await Batch(teacher, state, {row["id"]: row for row in rows}, record).ask()
