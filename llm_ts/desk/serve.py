"""The page of describe.py --serve: a file or pasted numbers in, the picture with marked claims and the verdicts out.

A file comes as text in a request and is kept nowhere. Only students that were there at the start can be asked. local_page.py
says who may ask.
"""

import base64
import binascii
import glob
import json
import os

from llm_ts.base import cli, local_page, paths
from llm_ts.base.local_page import Refusal, text_of
from llm_ts.desk import clean, prepare, shipped, tell
from llm_ts.scores import marked
from llm_ts.scores.score import outcomes_of
from llm_ts.student import load, origin
from llm_ts.table import drawn, read
from llm_ts.table.read import Options

PORT = 8766
LARGEST = 20_000_000  # bytes of a file
WORDS = ("time", "sheet", "separator", "decimal", "dates")  # options that are one text
LISTS = ("missing", "row", "where")  # and those that are a list of them: one here
WINDOW = ("from", "to")


def _has_base(adapter):
    """Whether the base of a shipped adapter was fetched."""
    try:
        return os.path.exists(load.base_of(adapter))
    except cli.UserError:
        return False


def students_there(given=None):
    """Names of the students that the page offers, in order: as given, the shipped ones, the runs and .gguf files below here."""
    shipped = [name for name in (paths.SHIPPED, paths.SHIPPED_SEES) if _has_base(name)]
    runs = [os.path.dirname(path) for path in sorted(glob.glob("*/training.json"))]
    files = [
        path
        for path in sorted([*glob.glob("*.gguf"), *glob.glob("*/*.gguf")])
        if not path.endswith(("-mmproj.gguf", "-lora.gguf"))
    ]
    found = [*([given] if given else []), *shipped, *(name for name in runs if load.is_adapter(load.weights_of(name))), *files]
    if not found:
        raise cli.UserError("no student here: run python fetch.py smollm2, or give --model, a folder or .gguf file")
    once = {}
    for name in found:
        once.setdefault(os.path.realpath(name), name)
    return list(once.values())


def shown_name(name):
    """What a student is called on the page."""
    return f"{os.path.basename(name)} (shipped)" if name in (paths.SHIPPED, paths.SHIPPED_SEES) else os.path.relpath(name)


class App:
    """The app for local_page.Server. students: names, as students_there gives them."""

    page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.html")
    script = "describe.py --serve"
    to_end = "Ctrl-C here ends it"
    stopped = "stopped"
    longest_body = LARGEST * 4 // 3 + 10_000  # a file travels as base64

    def __init__(self, students):
        self.students = students
        self._open = None, None  # (name, Student): the last one asked, for the next time

    def get(self, name):
        """The students that can be chosen."""
        if name != "students":
            raise Refusal(404, "no such page")
        return {"students": [{"name": name, "shown": shown_name(name)} for name in self.students], "largest": LARGEST}

    def post(self, name, asked):
        """A file or text to be described -> the description, or {"error", "columns"} where something is to be chosen first."""
        if name != "describe":
            raise Refusal(404, "no such page")
        student = text_of(asked, "student", self.students)
        try:
            data = base64.b64decode(text_of(asked, "data"), validate=True)
        except (binascii.Error, ValueError):
            raise Refusal(400, "data is not base64") from None
        if len(data) > LARGEST:
            raise Refusal(413, "this is too long")
        shown = cli.visible(text_of(asked, "name"))[:80] or "pasted numbers"
        series, columns, error = read_upload(data, shown, asked)
        if error:
            return {"error": " ".join(str(error).split()), "columns": columns}
        return {"columns": columns, **self._describe(series, student, asked)}

    def _describe(self, series, student, asked):
        load.require(student)
        learnt = origin.of(student)
        of_student = origin.task_of(learnt)
        ready = prepare.prepare(series, learnt, of_student)
        origin.note_format(student, learnt, None)
        prompt = prepare.prompt_of(ready)
        if self._open[0] != student:
            self._open = student, shipped.open_student(student, of_student.see)
        answer = prepare.answer_of(ready, self._open[1].ask([prompt])[0])
        outcomes = outcomes_of(answer, ready.truth)
        unit = f" [{series.unit}]" if series.unit and series.unit not in series.column else ""
        name = cli.visible(series.column + unit)
        ends = [cli.visible(str(ready.facts[end]["time"])) for end in ("first", "last")]
        width = asked.get("width") if type(asked.get("width")) is int else 900
        width = min(max(width, 320), 1100)
        return {
            **json.loads(tell.json_line(ready, answer)),
            "about": tell.about(ready, notes=False) + ("; read off the picture" if series.picture else ""), "facts": tell.facts_line(ready), "parse": answer.parse, "answer": cli.visible(answer.text),
            "picture": marked.picture(ready.series.values, outcomes, ready.truth, name, ends, width, max(280, width * 3 // 8)),
        }  # fmt: skip


def read_upload(data, shown, asked):
    """bytes -> (the Series asked for or None, names of all columns, the UserError or None). shown: what the file is called."""
    skip, last = (text_of(asked, name) or "0" for name in ("skip", "last"))
    if not all(text.isascii() and text.isdigit() and len(text) < 10 for text in (skip, last)):
        raise Refusal(400, "skip and last are whole numbers")
    said = {name: text_of(asked, name) or None for name in WORDS}
    lists = {name + ("s" if name == "row" else ""): tuple(filter(None, [text_of(asked, name)])) for name in LISTS}
    if data.startswith(drawn.MAGIC):
        return read_picture(data, shown, asked)
    column, columns = text_of(asked, "column"), []
    options = Options(columns=(column,) if column else (), skip=int(skip), **said, **lists)
    try:
        table = read.open_table(data, options, shown)
        columns = table.columns_to_describe()
        window = int(last) or None, *(text_of(asked, word) or None for word in WINDOW)
        series = clean.choose_window(table.series()[0], *window)
    except cli.UserError as error:
        return None, columns, error
    return series, columns or [series.column], None


def read_picture(data, shown, asked):
    """As read_upload, of a picture."""
    points, log = text_of(asked, "points") or "0", bool(text_of(asked, "log"))
    if not (points.isascii() and points.isdigit() and len(points) < 10):
        raise Refusal(400, "points is a whole number")
    try:
        points = drawn.points_of(int(points) or None)
        series = drawn.read(data, points, text_of(asked, "range") or None, log, text_of(asked, "times") or None, shown)
    except cli.UserError as error:
        return None, [], error
    return series, [series.column], None


def serve(given, port):
    """Serve the page until Ctrl-C. UserError where the port is taken, or no student is there."""
    if given and not os.path.exists(given):
        raise cli.UserError(f"no model {given} here: train one with qwen_train.py, or give a folder or .gguf file")
    local_page.serve(App(students_there(given)), port)
