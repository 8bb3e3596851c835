"""Text alternatives of matplotlib's charts: what is told of a known line, where the text is put, what has none.

Needs: matplotlib, pandas; chromium for the accessibility tree (else that test skips aloud).
Run: python -m pytest -q tests/test_alt.py
"""

import datetime
import re
import warnings

import browser
import numpy as np
import pandas
import pytest
from PIL import Image

from llm_ts import alt
from llm_ts.claims import season
from llm_ts.series.scale import integers_of

plt = pytest.importorskip("matplotlib.pyplot")
T = np.arange(144)
MONTHS = pandas.date_range("1949-01-01", periods=144, freq="MS")
COUNTS = 112 + 2.2 * T + 20 * np.sin(2 * np.pi * T / 12)
RISES = "rises from 112 in January 1949 to 417 in December 1960"
ENDS = "ighest 429 in April 1960, lowest 112 in October 1949"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def chart(*lines, **axes):
    """An Axes with a line for each (x, y) or (y,)."""
    found = plt.subplots()[1]
    for line in lines:
        found.plot(*line)
    found.set(**axes)
    return found


def refused(made):
    """Why a chart has no text."""
    with pytest.warns(UserWarning, match="no alt text: ") as warned:
        assert alt(made) is None
    return str(warned[0].message)


def test_a_line_is_told_with_its_title_times_and_values():
    said = alt(chart((MONTHS, COUNTS), title="Air\npassengers", ylabel="load (t)"))
    rises, ends = RISES.replace("112", "112 t").replace("417", "417 t"), ENDS.replace("429", "429 t").replace("112", "112 t")
    assert said == (
        f"Line chart 'Air passengers' of load. It {rises}. It repeats itself about 12 times, every 12 months. H{ends}. Little noise."
    )
    assert alt(plt.gcf()) == said


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_pandas_counts_periods_on_its_axis(zone):
    series = pandas.Series(COUNTS, index=MONTHS.tz_localize(zone))
    assert RISES in alt(series.plot())


@pytest.mark.parametrize(
    "x, told",
    [
        (None, "from 112 at point 1 to 417 at point 144"),
        (T, "from 112 at point 1 to 417 at point 144"),
        (0.5 * T, "from 112 at 0 to 417 at 71.5"),
        ([datetime.date(1849 + k, 1, 1) for k in T], "from 112 in 1849 to 417 in 1992"),
        ([f"week {k:03}" for k in T], "from 112 at week 000 to 417 at week 143"),
    ],
)
def test_positions_are_told_as_the_axis_has_them(x, told):
    assert told in alt(chart((COUNTS,) if x is None else (x, COUNTS)))


def test_a_line_that_is_drawn_from_right_to_left_is_told_forwards():
    assert RISES in alt(chart((MONTHS[::-1], COUNTS[::-1])))


def test_the_text_stays_short_and_keeps_trend_and_extremes():
    made = chart((MONTHS, COUNTS), title="x" * 400)
    for longest in (60, 250, 400):
        said = alt(made, longest)
        assert RISES in said and f"H{ENDS}" in said and ("every 12 months" in said) == (longest == 400)
    assert len(alt(made)) <= 250 and len(alt(chart((MONTHS, COUNTS)))) <= 250


def test_lines_have_a_sentence_each_by_the_legends_names():
    made = chart((MONTHS, COUNTS), (MONTHS, COUNTS[::-1]), (MONTHS, np.full(144, 5.0)), (MONTHS, np.full(144, np.nan)))
    made.axhline(200)
    lines = made.get_lines()
    lines[0].set_label("north")
    made.legend([lines[1]], ["so\x1buth"])  # as seaborn: the legend alone has the name
    said = alt(made)
    assert said.startswith(f"Line chart, 4 lines. north {RISES}, h{ENDS}. so\\x1buth falls from 417 in January 1949")
    assert "Line 3 stays at 5 throughout." in said and "Line 4 is not described: it has 0 of 144 values" in said


def test_what_the_axis_of_values_does_is_said():
    log = alt(chart((10 ** (T / 50),), yscale="log"))
    assert "The axis of values is logarithmic. It rises from 1 at" in log and "noise" not in log
    down = chart((COUNTS,))
    down.invert_yaxis()
    assert "The axis of values runs downwards. It rises" in alt(down)
    assert "Line chart of people (1000). It rises from 112 at" in alt(chart((COUNTS,), ylabel="people (1000)"))


def test_what_cannot_be_described_is_refused_with_its_reason():
    bars, points, empty = plt.subplots()[1], plt.subplots()[1], plt.figure()
    bars.bar(T[:9], T[:9])
    points.scatter(T, COUNTS)
    assert "bars or areas, no line" in refused(bars)
    assert "points or areas, no line" in refused(points)
    assert "shows no line" in refused(empty)
    assert "do not rise" in refused(chart((np.cos(T), np.sin(T))))
    assert "at least 8" in refused(chart(([1.0, 2.0, 3.0],)))
    assert "0 of 20 values" in refused(chart(([np.nan] * 20,)))
    many = chart(*[(np.arange(9.0) + k,) for k in range(100)])
    assert alt(many) == "Line chart, 100 lines from 0 to 107."
    assert alt(chart((np.full(20, 5.0),))) == "Line chart. It stays at 5 throughout."


def test_nothing_is_told_that_the_data_do_not_have():
    """Of random charts: the first, last, greatest and least value of the text are the line's own."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        values = np.round(np.cumsum(rng.standard_normal(rng.integers(12, 200))) * 10 ** rng.uniform(-2, 4), 3)
        said = alt(chart((values,)))
        plt.close()
        highest, lowest = (float(number) for number in re.search(r"ighest (\S+) at .*lowest (\S+) at", said).groups())
        assert (highest, lowest) == pytest.approx((values.max(), values.min()), abs=0.006 * np.ptp(values))
        if found := re.search(r"(rises|falls) from (\S+) at point 1 to (\S+) at", said):
            assert (values[-1] > values[0]) == (found[1] == "rises")
            assert float(found[2]) == pytest.approx(values[0], abs=0.006 * np.ptp(values))


def test_the_text_is_written_into_the_file(tmp_path):
    made = chart((MONTHS, COUNTS), title="Größe <µ>")
    said = alt.save(made.figure, str(tmp_path / "p.png"), dpi=50)
    assert RISES in said and Image.open(tmp_path / "p.png").text["Description"] == said
    with pytest.raises(ValueError, match="into a .png or an .svg"):
        alt.save(made.figure, str(tmp_path / "p.pdf"))
    bars = plt.subplots()[1]
    bars.bar([1], [2])
    with pytest.warns(UserWarning, match="no line"):
        assert alt.save(bars.figure, str(tmp_path / "bars.svg")) is None
    assert b"aria" not in (tmp_path / "bars.svg").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.svg", "p.png"]


def test_a_screen_reader_finds_the_text(tmp_path):
    if not browser.CHROMIUM:
        pytest.skip("chromium is missing: the accessibility tree was not read")
    made = chart((MONTHS, COUNTS), title='Größe <µ> & "more"')
    said = alt.save(made.figure, str(tmp_path / "p.svg"))
    shown = alt.show(made.figure, dpi=40).data
    page = f"<!doctype html><meta charset=utf-8><body>{(tmp_path / 'p.svg').read_text().split('?>', 1)[1]}{shown}"
    (tmp_path / "page.html").write_text(page)
    window = browser.Browser(tmp_path / "profile")
    try:
        window.open(f"file://{tmp_path}/page.html", "document.readyState == 'complete'")
        window.call("Accessibility.enable")
        nodes = window.call("Accessibility.getFullAXTree")["nodes"]
    finally:
        window.close()
    images = [
        (node["name"]["value"], node.get("description", {}).get("value", ""))
        for node in nodes
        if node["role"]["value"] in ("image", "img")
    ]
    assert images == [('Größe <µ> & "more"', said), (said, "")]


def test_a_chart_with_a_text_brings_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert alt(chart((MONTHS, COUNTS)))


def test_a_season_near_the_threshold_is_told_too():
    """By chance hardly any series repeats itself; a jump near the threshold is not told."""
    rng = np.random.default_rng(0)
    near = (np.sin(2 * np.pi * T / 12) + 0.6 * rng.standard_normal(144) for _ in range(200))
    values = next(values for values in near if season.measure(integers_of(values))["turns"][:2] == ("12", False))
    assert "It repeats itself about 12 times" in alt(chart((values,)))
