"""What a batch remembers beside data.jsonl, in <data>.batch.json, written whole before and after each step.

| field | meaning |
|---|---|
| settings | what must not change while a batch is under way: model, second, prompt, image, server_url, max_tokens, seed |
| started | when it was begun |
| jobs | one for each file of requests: |
| - name | by it a job is found that was created just before a kill: the server keeps it as the job's metadata |
| - ids, ask | the rows that it asks about, and how often each was asked before |
| - spent | {id: tokens of the earlier asks} |
| - file | the server's name of the requests, once they are there; an upload that was cut off is made again, and costs nothing |
| - asked | true before the job is created: from then on it is looked for before it is created |
| - job | the server's name of the job |

A job leaves the file when its answers stand in data.jsonl, and each of them names the job (`teacher.batch`), so none is recorded
twice. The file goes when the last job has gone.
"""

import datetime
import os
import uuid

from llm_ts import cli, disk

FIELDS = {"name": str, "ids": list, "ask": int, "spent": dict, "file": (str, type(None)), "asked": bool, "job": (str, type(None))}


def path_of(data):
    return os.path.splitext(data)[0] + ".batch.json"


def settings_of(settings, second):
    """What of the Settings must stay the same while a batch is under way."""
    kept = ("model", "image", "server_url", "max_tokens", "seed")
    return {"second": second, **settings.words.tag, **{name: getattr(settings, name) for name in kept}}


class State:
    """The file of a batch; `jobs` is a list of dicts. save() after every change."""

    def __init__(self, path, settings=None):
        """Read the file, or begin a new state. settings: those asked for; None: whatever the file has."""
        self.path = path
        self.jobs, self.settings = [], settings
        self.started = datetime.datetime.now(datetime.timezone.utc)
        disk.sweep(os.path.dirname(path) or ".")
        if os.path.exists(path):
            self._read(settings)

    def _read(self, settings):
        content = disk.read_json(self.path, "mistral.py --batch")
        try:
            jobs, there = content["jobs"], content["settings"]
            started = datetime.datetime.fromisoformat(content["started"])
            whole = all(isinstance(job[name], kind) for job in jobs for name, kind in FIELDS.items()) and started.tzinfo
        except (KeyError, TypeError, ValueError, AttributeError):
            whole = False
        if not whole:
            raise cli.UserError(f"{self.path} is not the state of a batch: mend it; without it, what its batch cost is lost")
        jobs = [job for job in jobs if job["asked"] or job["ask"]]  # else nothing was asked for yet: it is planned anew
        if settings is not None and there != settings and jobs:
            name = next(name for name in {**there, **settings} if there.get(name) != settings.get(name))
            raise cli.UserError(
                f"{self.path}: a batch is under way with {name} {there.get(name)}, not {settings.get(name)}: fetch it first "
                "with the flags that it was started with (or delete this file: what that batch costs is lost then)"
            )
        if jobs:
            self.jobs, self.settings, self.started = jobs, there, started

    @property
    def ids(self):
        """The rows that are under way."""
        return [row_id for job in self.jobs for row_id in job["ids"]]

    def add(self, ids, ask=0, spent=None):
        """One more job that nobody was asked for yet."""
        name = f"llm_ts-{uuid.uuid4()}"
        job = {"name": name, "ids": list(ids), "ask": ask, "spent": spent or {}, "file": None, "asked": False, "job": None}
        self.jobs.append(job)

    def save(self):
        if self.jobs:
            started = self.started.isoformat(timespec="seconds")
            disk.write_json(self.path, {"settings": self.settings, "started": started, "jobs": self.jobs})
        elif os.path.exists(self.path):
            os.remove(self.path)


def refuse_under_way(data):
    """Raise UserError where a batch was asked about rows of this file: asked one by one, they would be paid for twice."""
    state = State(path_of(data))
    state.save()  # which removes a file that tells of nothing
    if state.jobs:
        raise cli.UserError(f"{state.path}: a batch about {len(state.ids)} rows is under way: fetch it with --batch first")
