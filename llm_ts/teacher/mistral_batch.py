"""Mistral's Batch API: files of requests that the server answers within a day, at half the price.

Upload a file, create its job, look at it now and then, fetch the answers. Every step is written down (batch_state.py) before
what must not happen twice and after what did happen, so that a kill at any point costs nothing but the step it fell into.
"""

import asyncio
import contextlib
import datetime
import json
import os

from llm_ts import cli
from llm_ts.teacher.exchange import ASKS, body_of, completion_of, keep, mask, plot_of, read, tokens_of
from llm_ts.teacher.kept import answer_in
from llm_ts.teacher.mistral_api import Teacher, connect

ROWS, BYTES = 10_000, 100_000_000  # of a file, at most; the server takes 100,000 and 512 MB
ENDED = ("SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED")
LONGEST = 1200.0  # seconds for an upload or a download
POLL = 30.0  # seconds between two looks at the jobs
PAGE = 100  # jobs in a list


def size_of(row, settings):
    """About how many bytes the request about a row has."""
    plot = 4 / 3 * os.path.getsize(plot_of(row, settings.dataset)) if settings.image else 0
    return plot + 5 * len(row["series"]) + 3000


def line_of(row, settings, ask):
    body = body_of(row, settings, ask)
    return json.dumps({"custom_id": row["id"], "body": body}, ensure_ascii=False).encode() + b"\n"


def results_in(text):
    """The lines of a file of answers -> {row id: line}; a line that is none is no answer."""
    found = {}
    for line in text.splitlines():
        try:
            value = json.loads(line)
            found.setdefault(str(value["custom_id"]), value)
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return found


class Unreadable(ValueError):
    """An answer that was given and paid for, in a form that is not known here."""


def response_in(result):
    """(the chat completion of a line of answers, ""), or (None, why the server gave none). Raises Unreadable."""
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
    completion = completion_of(body)
    if completion is None:
        raise Unreadable(json.dumps(body))
    return completion, ""


class Batch:
    """The jobs of a State, and the server that does them."""

    def __init__(self, teacher, state, rows, record):
        """rows: {id: row}, those of the state's jobs among them."""
        self.teacher, self.state, self.rows, self.record = teacher, state, rows, record
        self.client, self.settings, self.purse = teacher.client, teacher.settings, teacher.purse
        self.held, self.troubles = {}, []  # money for each row; what went wrong for good
        for job in state.jobs:
            for row_id in job["ids"]:
                if row_id not in rows:
                    raise cli.UserError(f"{state.path} asks about {row_id}, which is not in the data file: is it another's?")
                self.held[row_id] = self.purse.take(rows[row_id], self.settings, sure=True)
            for tokens in job["spent"].values():
                self.purse.pay(0, tokens)

    async def call(self, job, send, unknown=None):
        async def bounded():
            async with asyncio.timeout(LONGEST):
                return await send()

        return await self.teacher.call(f"batch of {len(job['ids'])} rows", bounded, unknown)

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
                raise cli.UserError(f"{self.troubles[0]}; the answers that could be read are kept{more}")

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
            content = b"".join(line_of(self.rows[row_id], self.settings, job["ask"]) for row_id in job["ids"])
            file = {"file_name": f"{job['name']}.jsonl", "content": content}
            unknown = "this server has no Batch API, as Mistral's has: leave --batch out"
            uploaded = await self.call(job, lambda: self.client.files.upload_async(file=file, purpose="batch"), unknown)
            job["file"] = uploaded.id
            self.state.save()
        if not job["job"]:
            unknown = f"{self.state.path}: this batch's file is not known to this key and server: give those it was begun with"
            created = await self.call(job, lambda: self.create(job), unknown)
            job["job"] = created.id
            self.state.save()
            cli.say(f"batch {mask(created.id, self.teacher.key)}: {len(job['ids'])} rows asked about")

    async def create(self, job):
        """Create a job that may be there already: after a kill, or where the server's answer was lost."""
        from mistralai.client import errors

        if job["asked"] and (found := await self.find(job)):
            return found
        job["asked"] = True
        self.state.save()
        try:
            return await self.client.batch.jobs.create_async(
                endpoint="/v1/chat/completions",
                model=self.settings.model,
                input_files=[job["file"]],
                metadata={"name": job["name"]},
                timeout_hours=24,
            )
        except errors.MistralError as error:
            if error.status_code in (400, 404, 422):  # refused: there is no job
                job["asked"] = False
                self.state.save()
            raise

    async def find(self, job):
        """The job on the server by its name, or None; looks twice, since a list may be late. 404 for another key's file."""
        for look in range(2):
            await asyncio.sleep(look * POLL)
            page, total = 0, 1
            while page * PAGE < total:
                after = self.state.started - datetime.timedelta(days=1)  # clocks differ
                listed = await self.client.batch.jobs.list_async(page=page, page_size=PAGE, created_after=after)
                for found in listed.data or ():
                    if (found.metadata or {}).get("name") == job["name"]:
                        return found
                page, total = page + 1, listed.total
        await self.client.files.retrieve_async(file_id=job["file"])
        return None

    async def wait(self):
        """Look at all jobs until each has ended; returns them, {the server's name: job}."""
        ended, seen = {}, {}
        unknown = f"{self.state.path}: this batch is not known to this key and server: give those it was begun with"
        with cli.Progress("requests done", len(self.state.ids)) as bar:
            while True:
                for job in self.state.jobs:
                    if job["job"] in ended:
                        continue
                    found = await self.call(job, lambda: self.client.batch.jobs.get_async(job_id=job["job"]), unknown)
                    if found.status in ENDED:
                        ended[job["job"]] = found
                    if seen.get(found.id, (None, 0))[0] != found.status:
                        cli.say(f"batch {mask(found.id, self.teacher.key)}: {mask(str(found.status), self.teacher.key)}")
                    bar.step(found.completed_requests - seen.get(found.id, (None, 0))[1])
                    seen[found.id] = found.status, found.completed_requests
                if len(ended) == len(self.state.jobs):
                    return ended
                await asyncio.sleep(POLL)

    async def collect(self, job, ended):
        """Record the answers of a job that has ended; what is not the JSON asked for makes a job of its own."""
        results = {}
        for file in (ended.output_file, ended.error_file):
            if file:
                results = {**results_in(await self.download(job, file)), **results}
        again, refused = {}, []
        unreadable = ["its files hold none"] if ended.status == "SUCCESS" and not results else []
        second, key = self.state.settings["second"], self.teacher.key
        for row_id in job["ids"]:
            row = self.rows[row_id]
            there = answer_in(row, second)
            if there.get("gold") or (there.get("teacher") or {}).get("batch") == job["job"]:
                continue  # recorded before a kill
            try:
                response, why = response_in(results.get(row_id))
            except Unreadable as error:
                unreadable.append(str(error))
                continue
            spent = tokens_of(response) if response else {"prompt": 0, "completion": 0}
            self.purse.pay(self.held.pop(row_id), spent)
            if response is None:
                refused.append(why)
                continue
            tokens = {kind: number + job["spent"].get(row_id, {}).get(kind, 0) for kind, number in spent.items()}
            found = read(row, response, self.settings, key)
            if "failed" in found and job["ask"] + 1 < ASKS:
                self.held[row_id] = self.purse.take(row, self.settings)
                if self.held[row_id] is not None:
                    again[row_id] = tokens
                    continue
                found["failed"] += "; no money was left to ask again"
            answer = keep(found, self.settings, tokens)
            answer["teacher"]["batch"] = job["job"]
            self.record(row, answer)
        if unreadable:  # paid for: the job stays, so that nobody is asked again in silence
            self.troubles.append(
                f"{self.state.path}: answers of batch {mask(ended.id, key)} are no chat completions "
                f"({mask(unreadable[0], key)[:100]}): delete this file to ask and pay again"
            )
            return
        self.state.jobs.remove(job)
        if again:
            self.state.add(again, job["ask"] + 1, again)
        self.state.save()
        if refused or ended.status != "SUCCESS":
            said = [error.message for error in ended.errors or ()] + refused
            said = f" ({mask(said[0], key)[:200]})" if said else ""
            done = f"{len(refused)} of its {len(job['ids'])} rows have no answer"
            self.troubles.append(f"batch {mask(ended.id, key)} ended with {mask(str(ended.status), key)}: {done}{said}")

    async def download(self, job, file):
        """The text of a file of answers."""
        unknown = (
            f"{self.state.path}: the answers of batch {job['job']} are no longer on the server: "
            "delete this file to ask and pay again"
        )

        async def send():
            response = await self.client.files.download_async(file_id=file)
            return (await response.aread()).decode("utf-8", "replace")

        return await self.call(job, send, unknown)


async def ask_all(state, rows, record, key, settings, purse):
    """Ask about rows by batches, and record(row, answer) each answer; returns how many there was no money for.

    rows: those that are under way among them, answered or not.
    """
    async with connect(key, settings) as client:
        teacher = Teacher(client, key, settings, purse)
        return await Batch(teacher, state, {row["id"]: row for row in rows}, record).ask()
