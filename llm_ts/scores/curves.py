"""Curves over the steps of a training: the loss, and the claims' accuracy with the best constant answer."""

from llm_ts.base import disk
from llm_ts.scores.score import CONSTANTS, scored
from llm_ts.scores.tables import question_of


def new_figure(width, height):
    """A figure without a window: save_figure writes it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure, path, kind="png"):
    """Write a figure as a PNG, or as another kind that matplotlib knows, whole or not at all."""
    with disk.atomic(path) as temporary:
        figure.savefig(temporary, format=kind)


def draw_training(contents, history, path, second=None):
    """The loss above, the claims' accuracy on all test rows below, the best constant answer as lines.

    contents: a run's evaluations. history: the trainer's log, a list of dicts with "step" and "loss". second: the step after
    which the pairs of the second part come; None: there is one part.
    """
    figure = new_figure(8, 7)
    loss, accuracy = figure.subplots(2, 1, sharex=True)
    points = [(entry["step"], entry["loss"]) for entry in history if "loss" in entry]
    loss.plot(*zip(*points) if points else ([], []), color="tab:gray")
    loss.set(ylabel="training loss", yscale="log")
    draw_accuracy(accuracy, contents)
    if second is not None:
        for axes in (loss, accuracy):
            axes.axvline(second, color="black", linewidth=0.8)
        loss.annotate("fresh series | pairs", (second, 1.01), xycoords=("data", "axes fraction"), ha="center")
    save_figure(figure, path)


def draw_accuracy(axes, contents):
    """The share of each claim that is right on all test rows, over the steps of a run's evaluations."""
    curve = [content for content in contents if content["step"] is not None]
    baseline = constant_means(contents)
    for number, claim in enumerate(scored(question_of(contents))):
        colour = f"C{number}"
        means = [content["means"]["claims"]["all"][claim] for content in curve]
        steps = [content["step"] for content in curve]
        draw_band(axes, steps, means, colour, claim, marker="o")
        if claim in baseline:
            axes.axhline(baseline[claim], color=colour, linestyle=":", linewidth=1)
    n = contents[0]["means"]["valid_json"]["n"]
    axes.set(xlabel="step", ylabel=f"right against truth (n = {n})", ylim=(-0.02, 1.02))
    axes.legend(loc="lower right", title="dotted: best constant answer")


def draw_band(axes, x, means, colour, label, **more):
    """Means over x as a line, with their intervals as a band."""
    axes.plot(x, [m["mean"] for m in means], color=colour, label=label, **more)
    low, high = ([m[end] for m in means] for end in ("low", "high"))
    axes.fill_between(x, low, high, color=colour, alpha=0.12)


def constant_means(contents):
    """{claim: the share right on all rows of the constant answer that gets it right most often}; {} without constants."""
    constants = [content["means"]["claims"]["all"] for content in contents if content["name"] in CONSTANTS]
    names = scored(question_of(contents)) if constants else ()
    return {claim: max(claims[claim]["mean"] for claims in constants) for claim in names}


def beaten(content, baseline):
    """The claims on which an evaluation surely beats the baseline, {claim: mean}: its interval on all rows lies above."""
    claims = content["means"]["claims"]["all"]
    return [claim for claim in baseline if claims[claim]["low"] > baseline[claim]]
