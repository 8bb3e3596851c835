"""plotly, in its own templates, drawn by Chromium."""

import base64
import importlib.util
import os
import re
import shutil

import numpy as np

from experiments.plotters.call import call, write
from experiments.plotters.plot import BRIGHT_LINES, DARK_LINES, chance, pick

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",  # root and containers have none; the page is our own
    "--disable-gpu",
    "--disable-dev-shm-usage",  # /dev/shm is small in containers
    "--virtual-time-budget=1000000",  # ms that the page may wait for its pictures; they pass at once
    "--dump-dom",
)
PAGE = """<!DOCTYPE html><meta charset="utf-8"><body><script src="plotly.min.js"></script><script>
const figures = [
%s
];
(async () => {
  for (const [number, figure] of figures.entries()) {
    const shown = document.createElement("p");
    shown.id = number;
    const {width, height} = figure.layout;
    shown.textContent = await Plotly.toImage(figure, {format: "png", width, height});
    document.body.append(shown);
  }
})();
</script></body>
"""


def missing():
    for module in ("plotly", "narwhals"):
        if importlib.util.find_spec(module) is None:
            return f"the PyPI package {module} is not installed: pip install {module}"
    return None if _browser() else "no Chromium is installed: apt-get install chromium"


def draw(batch, folder):
    """[(Plot, rng)] -> <k>.png in a folder: plotly's figures, drawn by plotly.js in one page of a browser without window.

    The page turns each figure into a PNG, as plotly's own button does, and the browser prints the page with the pictures.
    """
    from plotly.offline import get_plotlyjs

    figures = [_figure(plot, rng).to_json() for plot, rng in batch]
    write(os.path.join(folder, "plotly.min.js"), [get_plotlyjs()])
    write(os.path.join(folder, "page.html"), [PAGE % ",\n".join(figures).replace("</", "<\\/")])
    done = call([_browser(), *FLAGS, f"--user-data-dir={folder}/profile", f"file://{folder}/page.html"], folder)
    for number, picture in re.findall(r'<p id="(\d+)">data:image/png;base64,([A-Za-z0-9+/=]+)</p>', done.stdout):
        with open(os.path.join(folder, f"{number}.png"), "wb") as file:
            file.write(base64.b64decode(picture))
    return done


def _browser():
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _figure(plot, rng):
    """A figure of plotly in one of its templates."""
    import plotly.graph_objects as go

    template = pick(rng, ("plotly", "plotly", "plotly_white", "plotly_dark", "ggplot2", "seaborn", "simple_white"))
    line, marker = {}, {}
    if chance(rng, 0.3):
        line["color"] = pick(rng, BRIGHT_LINES if template == "plotly_dark" else DARK_LINES)
    if chance(rng, 0.4):
        line["width"] = rng.uniform(1, 4)
    if chance(rng, 0.05):
        line["dash"] = pick(rng, ("dash", "dot"))
    mode = "lines+markers" if chance(rng, 0.25) else "lines"
    if mode != "lines" and chance(rng, 0.6):
        marker = {"size": rng.uniform(3, 9), "symbol": pick(rng, ("circle", "square", "diamond", "x", "circle-open"))}
    x = np.datetime_as_string(plot.x).tolist() if plot.dated else plot.x.tolist()
    trace = go.Scatter(x=x, y=plot.y.tolist(), mode=mode, line=line, marker=marker, name="data")
    layout = {"template": template, "width": plot.width, "height": plot.height}
    if plot.title:
        layout["title"] = {"text": plot.title, **({"x": 0.5} if chance(rng, 0.4) else {})}
    for axis, name in (("xaxis", plot.x_name), ("yaxis", plot.y_name)):
        if name:
            layout[axis] = {"title": {"text": name}}
    if plot.height < 350 or chance(rng, 0.4):  # plotly's own margins leave little of a low picture
        layout["margin"] = {"l": 60, "r": 20, "t": 45 if plot.title else 20, "b": 45}
    if chance(rng, 0.15):
        layout["showlegend"] = True
    return go.Figure(trace, layout)
