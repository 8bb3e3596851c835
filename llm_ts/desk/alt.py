"""`from llm_ts import alt`: the text alternative of a line chart made by matplotlib, for those who cannot see it.

    alt(ax)                  the text; of a figure too, and so of charts by pandas and seaborn
    alt.save(fig, "p.png")   the picture with the text in the file: PNG text chunks, or SVG title and desc
    alt.show(fig)            in Jupyter the picture, with the text as its alt attribute

The chart brings its data, so that no model is asked: every claim is a rule's, computed from the line's
own values. The trend and both extremes are always told; what else explains most follows while there is room.
A jump, odd points and the noise are told only where the rule is clear.
"""

import base64
import html
import io
import os
import re
import warnings

import numpy as np

from llm_ts.base import cli, disk
from llm_ts.desk import api, paragraph, prepare
from llm_ts.question import QUESTIONS
from llm_ts.series.scale import integers_of
from llm_ts.table import drawn
from llm_ts.table.layout import unit_in
from llm_ts.task import Task

LONGEST = 250  # letters of the text of one line; some screen readers cut there
MOST = 5  # lines that have a sentence each
REFERENCE = 2  # points: a line of two is a mark, not a series
SCALES = {"log": "logarithmic"}
TOLD = ("shape", "turn", "turns")  # where they are not clear too: chance makes no seasons


class Unfit(Exception):
    """Why a chart has no text."""


def alt(chart, longest=LONGEST):
    """A matplotlib Axes or Figure -> its text in English, or None with a warning that says why.

    longest: letters of the text of a single line; the trend and the extremes are told even if they need more.
    More than five lines: how many they are, and their range.
    """
    try:
        return _text(chart, longest)
    except Unfit as reason:
        warnings.warn(f"no alt text: {reason}", stacklevel=2)
        return None


def save(figure, path, longest=LONGEST, **how):
    """Write the figure as .png or .svg with its text inside -> the text. how: flags of matplotlib's savefig.

    ValueError for another kind of file. What has no text is written without, with a warning.
    """
    kind = os.path.splitext(path)[1].lower()
    if kind not in (".png", ".svg"):
        raise ValueError(f"{path}: the text can be put into a .png or an .svg file")
    text = alt(figure, longest)
    picture = io.BytesIO()
    metadata = {"Description": text} if text and kind == ".png" else {}
    figure.savefig(picture, format=kind[1:], **{**how, "metadata": {**metadata, **how.get("metadata", {})}})
    written = picture.getvalue()
    if text and kind == ".svg":
        written = _told_in_svg(written.decode(), _title(_axes_of(figure)[0]), text).encode()
    with disk.replacing(path) as file:
        file.write(written)
    return text


def show(figure, longest=LONGEST, **how):
    """The figure for Jupyter, as a picture with the text as its alt attribute. how: flags of savefig."""
    from IPython.display import HTML

    picture = io.BytesIO()
    figure.savefig(picture, format="png", **how)
    source = base64.b64encode(picture.getvalue()).decode()
    text = html.escape(alt(figure, longest) or "", quote=True)
    return HTML(f'<img alt="{text}" src="data:image/png;base64,{source}">')


alt.save, alt.show = save, show


def _told_in_svg(svg, title, text):
    """An SVG -> the same with role, title and desc, as SVG 2 and ARIA name and describe a graphic."""
    opening = re.search(r"<svg\b[^>]*>", svg)
    named = f'{opening[0][:-1]} role="img" aria-labelledby="chart-title" aria-describedby="chart-text">'
    told = f'<title id="chart-title">{html.escape(title or "Line chart")}</title><desc id="chart-text">{html.escape(text)}</desc>'
    return f"{svg[: opening.start()]}{named}{told}{svg[opening.end() :]}"


def _axes_of(chart):
    return chart.get_axes() if hasattr(chart, "get_axes") and not hasattr(chart, "get_lines") else [chart]


def _title(axes):
    """The title of a chart, on one line; "" if it has none."""
    figure = axes.get_figure()
    title = cli.visible(" ".join((axes.get_title() or axes.get_title("left") or figure.get_suptitle()).split()))
    return title if len(title) <= LONGEST // 3 else f"{title[: LONGEST // 3 - 4]} ..."


def _text(chart, longest):
    """A chart -> its text. Unfit if it has no line over time."""
    found = [(axes, line) for axes in _axes_of(chart) for line in _lines(axes)]
    if not found:
        raise Unfit(_other(chart))
    axes, line = found[0]
    title, (label, _) = _title(axes), _values_label(axes)
    head = "Line chart" + (f" {title!r}" if title else "") + (f" of {label}" if label else "")
    if len(found) > MOST:
        values = np.concatenate([_values(line) for _, line in found])
        if not np.isfinite(values).any():
            raise Unfit("no line has a value")
        return f"{head}, {len(found)} lines from {np.nanmin(values):.4g} to {np.nanmax(values):.4g}."
    signs = _signs(axes)
    if len(found) > 1:
        each = [_sentence(*one, f"Line {number}") for number, one in enumerate(found, 1)]
        if all(reason for _, reason in each):
            raise Unfit(each[0][1])
        return _joined([f"{head}, {len(found)} lines", *signs, *(text for text, _ in each)], "")
    if text := _constant(line, "It"):
        return _joined([head, text], "")
    # on another scale the eye sees other seasons, jumps and noise than the values have
    return told(_ready(axes, line, "It"), [head, *signs], longest, more=axes.get_yscale() == "linear")


def of_picture(path, longest=LONGEST):
    """The file of a picture of one line -> its text: the line is read off it, and no value is told. UserError for no such picture."""
    return told(prepare.prepare(drawn.read(path), None, Task(QUESTIONS["full"])), ["Line chart"], longest)


def told(ready, heads, longest=LONGEST, more=True):
    """An Asked -> its text: the heads, the trend, the extremes, and with `more` what else has room, in the order of what explains most."""
    course, features, extremes, noise = _parts(ready)
    kept = [*heads, course, f"{extremes[0].upper()}{extremes[1:]}"]
    order = [*heads, *features, kept[-1], *noise]
    for text in [*features, *noise] if more else []:
        if text not in kept and len(_joined([*kept, text], "It")) <= longest:
            kept.append(text)
    return _joined([text for text in order if text in kept], "It")


def _joined(sentences, name):
    return " ".join(f"{text}." for text in sentences).replace(paragraph.NAME, name)


def _signs(axes):
    """What a listener does not take for granted about the axis of values: its scale and its way."""
    scale = axes.get_yscale()
    signs = [f"The axis of values is {SCALES.get(scale, scale)}"] if scale != "linear" else []
    return signs + (["The axis of values runs downwards"] if axes.yaxis_inverted() else [])


def _values_label(axes):
    """The label of the values' axis -> (what they are, their unit): ("CO2", "ppm"); a factor is no unit: ("people (1000)", "")."""
    label = cli.visible(" ".join(axes.get_ylabel().split()))
    name, unit = unit_in(label)
    return (label, "") if re.search(r"\d\d", unit) else (name, unit)


def _sentence(axes, line, name):
    """One line of several -> (its trend and its extremes, None), or (a sentence, why it has none)."""
    name = _name(axes, line) or name
    if text := _constant(line, name):
        return text, None
    try:
        course, _, extremes, _ = _parts(_ready(axes, line, name))
    except Unfit as reason:
        return f"{name} is not described: {reason}".replace(f": {name} ", ": it "), str(reason)
    return f"{course}, {extremes}".replace(paragraph.NAME, name), None


def _name(axes, line):
    """What the legend calls a line; "" if nothing does."""
    label, legend = str(line.get_label()), axes.get_legend()
    if label.startswith("_") and legend:  # seaborn names the colours alone
        named = zip(legend.legend_handles, legend.get_texts())
        label = next((text.get_text() for handle, text in named if _colour(handle) == line.get_color()), label)
    return "" if label.startswith("_") else cli.visible(label)


def _colour(handle):
    return handle.get_color() if hasattr(handle, "get_color") else None


def _values(line):
    """(n,) heights of a line; NaN where it has none."""
    return np.ma.filled(np.ma.asarray(line.get_ydata(), dtype=float), np.nan)


def _constant(line, name):
    values = _values(line)[np.isfinite(_values(line))]
    return f"{name} stays at {values[0]:.6g} throughout" if len(values) and not np.ptp(values) else ""


def _ready(axes, line, name):
    """A line of a chart -> Asked, by the question that asks all. Unfit if it is no series."""
    times, values = _times(axes, line), _values(line)
    try:
        if times is not None and len(times) > 1 and not isinstance(times[0], str) and times[-1] < times[0]:
            times, values = times[::-1], values[::-1]
        return prepare.prepare(api.series_of(values, times, _values_label(axes)[1], name), None, Task(QUESTIONS["full"]))
    except (cli.UserError, ValueError) as error:
        raise Unfit(" ".join(str(error).removeprefix("python: ").split())) from None


def _parts(ready):
    """An Asked -> (its course, all its features in their order, its extremes, its noise if that is clear)."""
    clear = {claim: label for claim, label in ready.truth.items() if ready.truth["clear"].get(claim) or claim in TOLD}
    features = paragraph.features_of(ready, np.array(integers_of(ready.series.values), dtype=float), clear)
    course = next(text for _, part, text in features if part == "course")
    extremes = ", ".join(paragraph.extreme_of(ready, extreme) for extreme in ("highest", "lowest"))
    noise = [paragraph.NOISE[clear["noise"]]] if "noise" in clear else []
    return course, [text for _, _, text in features], extremes, noise


def _lines(axes):
    """The lines of an Axes that show series: visible, of more than two points."""
    return [line for line in axes.get_lines() if line.get_visible() and len(line.get_xdata(orig=False)) > REFERENCE]


def _other(chart):
    """What a chart without lines shows instead."""
    shown = {
        name
        for axes in _axes_of(chart)
        for name, there in (("bars or areas", axes.patches), ("points or areas", axes.collections), ("an image", axes.images))
        if len(there)
    }
    return f"the chart shows {' and '.join(sorted(shown))}, no line" if shown else "the chart shows no line"


def _times(axes, line):
    """The positions of a line's points: dates, numbers or names; None for 0, 1, 2, ..."""
    from matplotlib import dates

    x = line.get_xdata(orig=True)
    x = np.asarray(getattr(x, "to_numpy", lambda: x)())
    if getattr(axes, "freq", None) is not None:  # pandas' own axis counts periods
        import pandas

        return pandas.PeriodIndex.from_ordinals(np.asarray(line.get_xdata(orig=False), dtype="int64"), freq=axes.freq)
    if np.issubdtype(x.dtype, np.number):
        if isinstance(axes.xaxis.get_major_formatter(), (dates.DateFormatter, dates.AutoDateFormatter)):
            return np.array([day.replace(tzinfo=None) for day in dates.num2date(x)], dtype="datetime64[us]")
        return None if np.array_equal(x, np.arange(len(x))) else x
    if x.dtype == object and not isinstance(x[0], str):
        import pandas

        return pandas.DatetimeIndex(x)
    return x
