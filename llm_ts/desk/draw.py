"""The picture of a described series: in its own unit and times, below the answer's sentences."""

import os

from llm_ts.base import cli
from llm_ts.scores import curves

KINDS = ("png", "svg", "pdf")
FONT = "DejaVu Sans"  # comes with matplotlib
LONGEST_NAME = 50  # letters that have room on the axis
MOST = 20_000  # points drawn: more of them are thousands at each pixel


def kind_of(path):
    """The kind of picture that a name asks for; UserError for another."""
    kind = os.path.splitext(path)[1].lower().lstrip(".")
    if kind not in KINDS:
        raise cli.UserError(f"--plot {path}: give a name that ends in .png, .svg or .pdf")
    return kind


def draw(ready, answer, path):
    """Write the picture of an Asked and its Answer, whole or not at all -> notes: letters that no font here has."""
    series, notes = ready.series, []
    figure = curves.new_figure(8, 4.5)
    axes = figure.add_subplot()
    step = max(1, len(series.values) // MOST)
    axes.plot(*((part[::step] for part in (_axis(series), series.values))), linewidth=1.3)
    unit = f" [{series.unit}]" if series.unit and series.unit not in series.column else ""
    family, name = _fonts(cli.visible(_shortened(series.column) + unit))
    if not family:
        family, shown = [FONT], "value"
        notes.append(
            f"no font here has the letters of {name!r}: the picture says {shown!r} "
            "instead (install one, Noto Sans CJK for example)"
        )
        name = shown
    if series.kind == "date":
        from matplotlib import dates

        locator = dates.AutoDateLocator(minticks=4, maxticks=8)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # whole dates would touch one another
    axes.set_xlabel({"date": "", "year": "year"}.get(series.kind, "time step" if series.at is None else "time"))
    axes.set_ylabel(_plain(name), family=family)
    axes.grid(alpha=0.3)
    title = "\n".join(answer.sentences.values()) if answer.sentences else answer.text[:200]
    axes.set_title(_plain(title), loc="left", fontsize=10)
    curves.save_figure(figure, path, kind_of(path))
    return notes


def _shortened(text):
    """A text that has room beside the picture."""
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 4] + " ..."


def _plain(text):
    """A text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")


def _axis(series):
    """Where the points stand: dates, years, numbers, or 0, 1, 2 ..."""
    import numpy as np

    if series.at is None:
        return np.arange(len(series.values))
    if series.kind != "date":
        return 1970 + series.at / 31556952 if series.kind == "year" else series.at
    return (series.at * 1e6).astype("int64").astype("datetime64[us]")


def _fonts(text):
    """(families that show every letter of a text, the text); ([], text) where no font here does."""
    from matplotlib import font_manager, ft2font

    missing = set(text)
    families = []
    fonts = sorted(font_manager.fontManager.ttflist, key=lambda font: font.name != FONT)
    for font in fonts:
        if not missing:
            break
        if font.style != "normal" or font.name in families or font.name.startswith("Last Resort"):  # it has boxes alone
            continue
        try:
            letters = ft2font.FT2Font(font.fname).get_charmap()
        except (OSError, RuntimeError):  # a font that was uninstalled, or that FreeType cannot read
            continue
        if not families or any(ord(letter) in letters for letter in missing):
            families.append(font.name)
            missing = {letter for letter in missing if ord(letter) not in letters}
    return ([], text) if missing else (families, text)
