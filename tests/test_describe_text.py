"""One paragraph of a series: what is said in it, in which order, with whose numbers; `from llm_ts import describe`.

Needs: numpy, pandas; the notebook: nbclient and ipykernel, the shipped student (models/, build/). Run: python -m pytest -q
tests/test_describe_text.py
"""

import json

import numpy as np
import pandas
import pytest
from conftest import run_script

from llm_ts.base import cli
from llm_ts.desk import api, paragraph, prepare, shipped
from llm_ts.question import QUESTIONS
from llm_ts.task import Task

FULL = QUESTIONS["full"]
RNG = np.random.default_rng(4)
MONTHS = pandas.date_range("1990-01-01", periods=120, freq="MS")
T = np.arange(120)
WAVE = np.sin(2 * np.pi * T / 12)


def said_of(values, times=None, question=FULL, **wrong):
    """(paragraph, left out) of a series by a student that says the truth, but for some labels; unit kg."""
    ready = prepare.prepare(api.series_of(values, times, "kg", "weight"), None, Task(question))
    labels = {**ready.truth, **wrong}
    question = ready.task.question
    return paragraph.text_of(ready, question.parse(question.answer_of(question.say(labels))))


def test_a_rise_with_a_season_has_its_months_and_values():
    text, left_out = said_of(100 + T + 10 * WAVE, MONTHS)
    assert text == (
        "The series 'weight' rises from 100 kg in January 1990 to 214 kg in December 1999. It repeats itself about 10 times, every 12 "
        "months. Highest 221 kg in April 1999, lowest 99 kg in October 1990. Little noise."
    )
    assert not left_out


def test_what_explains_most_comes_first():
    season_first, _ = said_of(0.02 * T + 10 * WAVE, MONTHS)
    assert season_first.startswith("It repeats itself about 10 times, every 12 months. The series 'weight' neither rises nor falls")
    jump, _ = said_of(np.where(T < 50, 0, 20) + RNG.standard_normal(120), MONTHS)
    assert jump.startswith("The series 'weight': the level jumps up in March 1994, from about") and "rises" not in jump


def test_a_turn_and_a_spike_are_told_with_their_times():
    roof = np.minimum(T, 120 - T) * 1.0
    text, _ = said_of(roof, MONTHS)
    assert "rises from 0 kg in January 1990 until January 1995, then falls to 1 kg in December 1999" in text
    spike = 0.1 * RNG.standard_normal(120)
    spike[30] = 9
    assert "A single spike, to 9 kg, stands out in July 1992" in said_of(spike, MONTHS)[0]


def test_what_the_student_and_the_rule_differ_in_is_left_out_and_named():
    text, left_out = said_of(100 + T + 10 * WAVE, MONTHS, shape="falls", trend="decreasing", turns="3")
    assert left_out == ["trend", "shape", "turns"]
    assert text == "The series 'weight': highest 221 kg in April 1999, lowest 99 kg in October 1990. Little noise."
    wrong = {"max_tenth": "15%", "min_tenth": "95%", "max": "beginning", "min": "end"}
    assert "Highest" in said_of(100.0 + T, MONTHS)[0] and "ighest" not in said_of(100.0 + T, MONTHS, **wrong)[0]
    assert "ighest" not in said_of(100.0 + T, MONTHS, max="beginning")[0]  # one of two claims on one place
    hill = np.where(T < 80, 1.2 * T, 96 - (T - 80))
    assert "rises" not in said_of(hill, shape="rises", turn="none")[0]  # the trend does not say it instead


def test_nothing_is_said_that_was_not_checked():
    assert "rises as a whole." in said_of(np.r_[T[:-1], -10.0], question=QUESTIONS["study"])[0]
    roof = np.minimum(T, 120 - T)
    assert "neither rises nor falls as a whole" in said_of(roof, question=QUESTIONS["study"])[0]
    near = np.r_[0.0, [50.0] * 10, np.linspace(50, 99.6, 20), np.linspace(98, 50, 40), np.linspace(50, 100, 30)]
    assert "ighest" not in said_of(near)[0]  # 99.6 and 100 are the same to the rules, and lie far apart
    dips = np.where(np.isin(T, [20, 60, 90]), -9, 0) + 0.1 * RNG.standard_normal(120)
    assert "Several single points stand out" in said_of(dips)[0]
    assert "is confirmed" in said_of(np.arange(8.0), question=QUESTIONS["study"], **dict.fromkeys(("trend", "noise", "max", "min"), "flat"))[0]


def test_the_narrow_peaks_of_a_season_are_no_odd_points():
    text, _ = said_of(np.where(T % 12 == 5, 9, 0) + 0.1 * RNG.standard_normal(120), turns="10", odd="several")
    assert "It repeats itself about 10 times" in text or "it repeats itself about 10 times" in text
    assert "stand out" not in text


def test_the_order_does_not_depend_on_the_unit():
    values = np.minimum(T / 18, (120 - T) / 102) * 100 + 40 * WAVE
    heads = {said_of(values * unit)[0].split()[3] for unit in (1, 0.001, 1e6, 1e200)}
    assert len(heads) == 1
    assert "-0 " not in said_of(WAVE)[0] and len(said_of(values * 1e200)[0]) < 400


def test_points_keep_the_numbers_of_their_rows():
    assert "from 100 kg at point 4 to 219 kg at point 123" in said_of(np.r_[[np.nan] * 3, 100 + T])[0]
    gaps = 100.0 + T
    gaps[30:60] = np.nan
    assert "to 219 kg at point 120" in said_of(gaps)[0]


@pytest.mark.parametrize(
    "freq, time, length",
    [("YS", "in 1990", "12 years"), ("QS", "in the first quarter of 1990", "12 quarters"), ("D", "on 1 January 1990", "12 days"),
     ("h", "on 1 January 1990, 00:00", "12 hours")],
)  # fmt: skip
def test_times_are_told_as_finely_as_they_step(freq, time, length):
    text, _ = said_of(200 + T + 10 * WAVE, pandas.date_range("1990-01-01", periods=120, freq=freq))
    assert f"from 200 kg {time} to" in text and f"every {length}" in text


def test_points_without_times_are_counted():
    text, _ = said_of(100 + T + 10 * WAVE)
    assert "from 100 kg at point 1 to 214 kg at point 120" in text and "every 12 points" in text


def test_a_short_series_is_not_asked_what_it_cannot_tell():
    ready = prepare.prepare(api.series_of(np.arange(8.0)), None, Task(FULL))
    assert ready.task.question.topics == ("trend", "noise", "extrema", "shape", "peaks", "levels")
    assert "not asked, 8 values are too few: season, change, odd" in ready.notes
    with pytest.raises(cli.UserError, match="8 values are too few to say anything about odd"):
        prepare.prepare(api.series_of(np.arange(8.0)), None, Task(FULL.__class__("odd", ("odd",))))


class Right:
    """A student that says what is true of the numbers in its prompt."""

    def ask(self, prompts):
        from described import numbers_in

        question = QUESTIONS["study"]
        return [question.answer_of(question.truth_of(numbers_in(text))["sentences"]) for text in prompts]


@pytest.fixture
def describe(monkeypatch):
    """`from llm_ts import describe` with a student that is right; it counts how often it was loaded."""
    opened = []
    monkeypatch.setattr(shipped, "open_student", lambda *how: opened.append(how) or Right())
    api._student.cache_clear()
    from llm_ts import describe

    yield describe, opened
    api._student.cache_clear()


def test_a_notebooks_series_is_described(describe):
    describe, opened = describe
    values = 100 + T + 10 * WAVE
    series = pandas.Series(values, index=MONTHS, name="weight")
    first = describe(series, unit="kg")
    assert first.text == str(first) == repr(first) and "in January 1990" in first.text and "'weight'" in first.text
    assert first.claims["trend"] == {"said": "increasing", "true": "increasing", "verdict": "right", "clear": True}
    assert first.facts["lowest"]["value"] == pytest.approx(100.0, abs=1) and list(first.sentences) == [
        "trend",
        "noise",
        "extrema",
    ]
    shown = first._repr_html_()
    assert shown.startswith("<p>The series") and "<svg" in shown
    for same in (
        values.tolist(),
        values,
        pandas.Series(values, index=pandas.period_range("1990-01", periods=120, freq="M")),
    ):
        assert "100" in describe(same).text
    assert "at 0 to" in describe(100.0 + T, times=range(120)).text and "at 1704070800" in describe(100.0 + T, times=1704067200 + 3600 * T + 3600).text
    assert "in 1880" in describe(pandas.Series(values, index=pandas.RangeIndex(1880, 2000))).text
    assert "at point 1 " in describe(pandas.Series(values)).text
    berlin = pandas.Series(100.0 + T, index=pandas.date_range("2024-03-20", periods=120, freq="D", tz="Europe/Berlin"))
    assert "on 20 March 2024" in describe(berlin).text
    assert "lowest 100" in describe(np.ma.masked_equal(np.r_[100.0 + T, -9999], -9999)).text.lower()
    years = describe(values, times=range(1880, 2000)).text
    assert "in 1880" in years and len(opened) == 1


@pytest.mark.parametrize(
    "values, times, why",
    [
        (["a"] * 9, None, "not all numbers"), ([[1, 2], [3, 4]], None, "one dimension"), ([1, 2, 3], None, "at least 8"),
        ([5] * 20, None, "constant"), ([1, 2] * 5, range(9), "10 values and 9 times"), ([1, 2] * 5, [3] * 10, "do not rise"),
        (range(8), [1, 2, 3, 4, 5, 6, 7, np.inf], "do not rise"), (range(8), ["NaT", *MONTHS[:7]], "do not rise|NaT"),
    ],
)  # fmt: skip
def test_what_cannot_be_described_is_one_line(describe, values, times, why):
    with pytest.raises(ValueError, match=why) as caught:
        describe[0](values, times)
    assert "\n" not in str(caught.value)


def test_flags_of_the_text(tmp_path):
    (tmp_path / "a.csv").write_text("x\n" + "".join(f"{k}\n" for k in range(20)))
    done = run_script("describe.py", "a.csv", "--text", "--json", cwd=tmp_path, code=2)
    assert "--text is of no use with --json" in done.stderr
    done = run_script("describe.py", "a.csv", "--question", "shape,colour", cwd=tmp_path, code=2)
    assert "does not know" in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_notebook_runs(tmp_path, llama_cpp):
    """A real kernel executes a notebook that describes a pandas Series: text and picture come out."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    from conftest import ROOT

    code = f"""import sys; sys.path.insert(0, {ROOT!r})
import pandas
from llm_ts import describe
describe(pandas.read_csv({ROOT + "/examples/nile.csv"!r}, index_col=0)["flow"])"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    data = notebook.cells[0].outputs[-1]["data"]
    assert "1370" in data["text/plain"] and "in 1879" in data["text/plain"] and "<svg" in data["text/html"]
    json.dumps(notebook)
