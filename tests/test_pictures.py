"""No text of the project's pictures is cut off, and no two labels lie on each other: as matplotlib lays them out."""

import itertools

import pytest
from test_scoring import WordScorer

import convert
from llm_ts.pictures.plot import Plotter
from llm_ts.question import QUESTIONS, STUDY
from llm_ts.scores import curves, evaluation
from llm_ts.series import rows as series_rows


def faults(figure):
    """Texts of a figure that leave it, and pairs of axis labels and titles that overlap."""
    from matplotlib.text import Text

    figure.draw_without_rendering()
    axes_of = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    ticks = {text for axis in axes_of for text in axis.findobj(Text) if text is not axis.label}
    shown = {tick.label1 for axis in axes_of for tick in axis._update_ticks()}  # others lie beyond the axis
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    boxes = {text: text.get_window_extent() for text in texts if text not in ticks or text in shown}
    whole = figure.bbox.padded(1)
    inside = {text for text, box in boxes.items() if box.x0 >= whole.x0 and box.y0 >= whole.y0 and box.x1 <= whole.x1 and box.y1 <= whole.y1}
    found = [text.get_text() for text in boxes if text not in inside]
    labels = [label for axes in figure.axes for label in (axes.xaxis.label, axes.yaxis.label, axes.title) if label in boxes]
    labels += [figure._suptitle] if figure._suptitle else []
    return found + [(a.get_text(), b.get_text()) for a, b in itertools.combinations(labels, 2) if boxes[a].overlaps(boxes[b])]


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    figures = []
    monkeypatch.setattr(curves, "save_figure", lambda figure, path, kind="png": figures.append(figure))
    return figures


def test_a_planted_fault_is_found():
    figure = curves.new_figure(3, 2)
    figure.subplots().set(xlabel="a label that is much too long for a picture of this width, " * 2)
    assert faults(figure)


@pytest.mark.parametrize("name", QUESTIONS)
def test_convert_diagnostics(name, drawn):
    asked = QUESTIONS[name]
    entry = {"id": "a", "cosine": dict.fromkeys(asked.topics, 0.5), "nli": dict.fromkeys(asked.topics, 1.0)}
    for nli in ("claims", "cross-encoder/nli-deberta-v3-large"):
        convert.draw_diagnostics(asked, [entry] * 3000, nli, "x.png")
    assert [faults(figure) for figure in drawn] == [[], []]


def test_training_curves(drawn):
    rows, _ = series_rows.make(8, range(40), 48)
    pairs = [convert.pair_of({**row, "gold": row["truth"]["sentences"]}, "thirds", "truth") for row in rows]
    texts = [STUDY.answer_of(pair["sentences"]) for pair in pairs]
    named = (("avant", 0), ("checkpoint-20", 20), ("majority", None), ("marginal", None))
    contents = [evaluation.make(name, pairs, texts, WordScorer(), base="x", step=step) for name, step in named]
    curves.draw_training(contents, [{"step": 1, "loss": 3.0}, {"step": 20, "loss": 0.001}], "x.png")
    assert faults(drawn[0]) == []


def test_plots_of_series():
    for points in (16, 128, 512):
        assert faults(Plotter(points).canvas.figure) == []
