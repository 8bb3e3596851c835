"""matplotlib, in its own style sheets."""

import importlib.util
import logging
import os
import warnings

from experiments.plotters.plot import BRIGHT_LINES, DARK_LINES, chance, pick

LOOKS = ("ggplot", "dark_background", "bmh", "fivethirtyeight", "Solarize_Light2", "grayscale", "classic", "default") + tuple(
    f"seaborn-v0_8{part}" for part in ("", "-darkgrid", "-whitegrid", "-dark", "-white", "-ticks")
)
PALETTES = ("bright", "colorblind", "dark-palette", "deep", "muted", "pastel")
CONTEXTS = ("notebook", "paper", "poster", "talk")


def missing():
    found = importlib.util.find_spec("matplotlib")
    return None if found else "the PyPI package matplotlib is not installed: pip install matplotlib"


def draw(batch, folder):
    """[(Plot, rng)] -> <k>.png in a folder, each in one of matplotlib's style sheets."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fonts = logging.getLogger("matplotlib.font_manager")
    level = fonts.level
    fonts.setLevel(logging.ERROR)  # sheets ask for fonts that few have
    try:
        for number, (plot, rng) in enumerate(batch):
            sheets = _sheets(style.available, rng)
            with style.context(["default", *sheets]), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of layouts that do not fit: they are saved as they are
                dpi = pick(rng, (60, 72, 80, 100, 100, 100, 120, 150))
                layout = pick(rng, (None, None, "constrained", "tight"))
                figure = Figure(figsize=(plot.width / dpi, plot.height / dpi), dpi=dpi, layout=layout)
                FigureCanvasAgg(figure)
                _axes(figure.add_subplot(), plot, "dark_background" in sheets, rng)
                crop = "tight" if chance(rng, 0.25) else None
                figure.savefig(os.path.join(folder, f"{number}.png"), dpi=dpi, bbox_inches=crop)
    finally:
        fonts.setLevel(level)


def _sheets(available, rng):
    """Names of matplotlib's style sheets, to be used one over the other: mostly one that is far from the default look."""
    sheet = pick(rng, LOOKS if chance(rng, 0.75) else available)
    if not sheet.startswith("seaborn"):
        return [sheet]
    parts = [f"seaborn-v0_8-{pick(rng, names)}" for names in (PALETTES, CONTEXTS) if chance(rng, 0.5)]
    return [sheet, *parts]


def _axes(axes, plot, dark, rng):
    """Draw into matplotlib's axes: the line, and what users change now and then."""
    line = {}
    if chance(rng, 0.3):
        line["color"] = pick(rng, BRIGHT_LINES if dark else DARK_LINES)
    if chance(rng, 0.4):
        line["linewidth"] = rng.uniform(0.6, 3.0)
    if chance(rng, 0.25):
        line.update(marker=pick(rng, "o.sx^+D"), markersize=rng.uniform(2, 6))
    if chance(rng, 0.06):
        line["linestyle"] = pick(rng, ("--", "-."))
    axes.plot(plot.x, plot.y, label=pick(rng, ("data", "value", "x(t)", "series 1")), **line)
    axes.set(title=plot.title, xlabel=plot.x_name, ylabel=plot.y_name)
    if chance(rng, 0.25):
        axes.grid(True, alpha=rng.uniform(0.2, 1.0))
    if chance(rng, 0.15):
        axes.legend()
    if chance(rng, 0.3):
        axes.margins(x=0)
    if chance(rng, 0.3):
        axes.margins(y=rng.uniform(0.0, 0.25))
    if chance(rng, 0.2):
        axes.spines[["top", "right"]].set_visible(False)
    if plot.dated and chance(rng, 0.5):
        axes.figure.autofmt_xdate()
