"""`from llm_ts import describe`: a series in a notebook -> its description.

    describe([3, 4, 6, 9, 14, 19, 30, 41]).text

The student answers, the rules check, as in describe.py; it is loaded once.
"""

import functools
import json

import numpy as np

from llm_ts.base import cli, paths
from llm_ts.desk import prepare, shipped, tell
from llm_ts.student import load, origin
from llm_ts.table import times as table_times
from llm_ts.table.read import Series


def _no(text, place=None):
    return cli.UserError(f"times: {text}")


class Description:
    """What is said of a series. Shows itself as text, and in Jupyter as text and picture.

    text: the paragraph of paragraph.py. claims: {claim: {"said", "true", "verdict", "clear"}}.
    facts: {"first": {"value", "time"}, "last", "lowest", "highest"}. sentences: the student's own,
    {topic: sentence}, None if its answer is unreadable. left_out: claims on which the student and the
    rule differ. notes: what was repaired in the series.
    """

    def __init__(self, ready, answer):
        self._ready = ready
        said = json.loads(tell.json_line(ready, answer))
        self.text, self.claims, self.facts = said["text"], said["claims"], said["facts"]
        self.sentences, self.notes, self.left_out = said["sentences"], said["notes"], said["left_out"]

    def __str__(self):
        return self.text

    __repr__ = __str__

    def _repr_html_(self):
        import html

        from llm_ts.scores import marked

        series = self._ready.series
        outcomes = {claim: about["verdict"] for claim, about in self.claims.items()}
        ends = [cli.visible(str(self.facts[end]["time"])) for end in ("first", "last")]
        style = "fill:none;stroke:currentColor"
        picture = marked.picture(series.values, outcomes, self._ready.truth, series.column, ends).replace(
            "<svg ", f'<svg style="max-width:40em;{style}" ', 1
        )
        return f"<p>{html.escape(self.text)}</p>{picture}"


@functools.lru_cache(2)
def _student(model):
    """(Student, the Task that it learnt, the Task by which it is asked); loaded once."""
    load.require(model)
    learnt = origin.of(model)
    asked = origin.task_of(learnt)
    return shipped.open_student(model, asked.see), learnt, asked


def series_of(values, times=None, unit=None, name=None):
    """Numbers in a list, numpy array or pandas Series, with their times -> a Series. ValueError for what is none.

    A pandas Series brings its index (dates, numbers or names) and its name, where they are not given.
    """
    if times is None and hasattr(values, "iloc"):
        index = values.index
        counted = type(index).__name__ == "RangeIndex" and index.start == 0  # rows that nobody has named
        times = None if counted else index
    name = name or getattr(values, "name", None) or "values"
    try:
        numbers = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)
    except (TypeError, ValueError):
        raise ValueError("the values are not all numbers") from None
    if numbers.ndim != 1:
        raise ValueError(f"one series is described, in one dimension; this has the shape {numbers.shape}")
    found = Series("python", str(name), str(unit or ""), numbers)
    try:
        return found if times is None else _timed(found, times)
    except (cli.UserError, OverflowError) as error:
        raise ValueError(" ".join(str(error).split())) from None


def _timed(series, times):
    """The series with its times: dates, numbers, or names of the points."""
    import pandas

    if hasattr(times, "to_timestamp"):  # a PeriodIndex of pandas
        times = times.to_timestamp()
    if getattr(times, "tz", None) is not None:
        local = times.tz_localize(None)  # the clock on the wall, unless it is set back
        times = local if local.is_monotonic_increasing and local.is_unique else times.tz_convert(None)
    times = np.asarray(times)
    if np.issubdtype(times.dtype, np.timedelta64):
        times = times / np.timedelta64(1, "s")
    if times.shape != series.values.shape:
        raise ValueError(f"there are {len(series.values)} values and {times.size} times")
    if np.issubdtype(times.dtype, np.datetime64):
        at, kind = times.astype("datetime64[us]").astype(float) / 1e6, "date"
        labels = [str(day) for day in times.astype("datetime64[s]")]
    elif np.issubdtype(times.dtype, np.number):
        at, kind = table_times.of_numbers(times.astype(float), _no)
        labels = [f"{time:.15g}" for time in times]
    else:
        labels = [str(time) for time in times]
        try:
            at = pandas.to_datetime(labels, format="ISO8601").to_numpy("datetime64[us]").astype(float) / 1e6
            kind = "date"
        except ValueError:  # names
            series.labels = labels
            return series
    missing = np.isnat(times).any() if np.issubdtype(times.dtype, np.datetime64) else not np.isfinite(at).all()
    if missing or (np.diff(at) <= 0).any():
        raise ValueError("the times do not rise: sort the series by them")
    series.at, series.kind, series.labels = at, kind, labels
    return series


def describe(values, times=None, unit=None, name=None, model=None):
    """A series -> its Description. ValueError, in one line, for what cannot be described.

    values: n numbers (a list, an array, or a pandas Series with its index), NaN where missing, n >= 8.
    times: n dates or numbers that rise, or names. unit: of the values, "ppm". name: of the series.
    model: a student, as in describe.py --model; default: the shipped one.
    """
    try:
        student, learnt, asked = _student(str(model or paths.SHIPPED))
        ready = prepare.prepare(series_of(values, times, unit, name), learnt, asked)
        return Description(ready, prepare.answer_of(ready, student.ask([prepare.prompt_of(ready)])[0]))
    except cli.UserError as error:
        raise ValueError(" ".join(str(error).split())) from None
