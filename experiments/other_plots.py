"""Plots of a suite's series by programs that are not ours: can a student that
learnt from our own drawing read them?

Reads: nothing; the series are drawn fresh (llm_ts/pairs/suites.py).
Writes: <out>/<row id>.png, one plot a series.
Run: python -m experiments.other_plots --program gnuplot --suite unseen --count 200 --points 128 --out plots/gnuplot

Programs, and what must be installed:
  matplotlib  its own style sheets               pip install matplotlib
  gnuplot     terminals pngcairo and png         apt-get install gnuplot-nox
  r           base graphics on a cairo png()     apt-get install r-base-core
  plotly      its own templates, in Chromium     pip install plotly; apt-get install chromium

A plot shows the values in a user's unit, a * value + b with a > 0, mostly in
the program's default look with a few things changed: size, title, names, line,
markers, grid, ground, dates. Text is in DejaVu where no other font is
installed. Everything random comes from a generator keyed by program and row
id, so the same row gives the same plot (by R, 1 to 3 of 200 came out with a
few hundred other pixels the second time; why is not known). Plots that are
there are not drawn again.
"""

import base64
import hashlib
import importlib.util
import logging
import os
import re
import shutil
import subprocess
import tempfile
import warnings
from typing import NamedTuple

import numpy as np

from llm_ts import cli, records
from llm_ts.pairs import suites

BATCH = 50  # plots per start of a program: R and Chromium take a second to start
PATIENCE = 600  # seconds for a batch, which takes some 2 to 5
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

UNITS = {  # what was measured: its units
    "value": ("", "", "a.u."),
    "temperature": ("K", "deg C", ""),
    "pressure": ("hPa", "bar"),
    "price": ("EUR", "USD", ""),
    "flow": ("m3/s", "l/min"),
    "level": ("m", "cm", "dB"),
    "speed": ("m/s", "km/h"),
    "demand": ("MW", "kWh", ""),
    "rate": ("%", "1/s", ""),
    "signal": ("V", "mV", ""),
    "count": ("", "per day"),
    "load": ("kN", "%"),
}
# of matplotlib's style sheets
LOOKS = ("ggplot", "dark_background", "bmh", "fivethirtyeight", "Solarize_Light2", "grayscale", "classic", "default") + tuple(
    f"seaborn-v0_8{part}" for part in ("", "-darkgrid", "-whitegrid", "-dark", "-white", "-ticks")
)
PALETTES = ("bright", "colorblind", "dark-palette", "deep", "muted", "pastel")
CONTEXTS = ("notebook", "paper", "poster", "talk")

X_NAMES = ("time", "t", "Time [s]", "step", "index", "Time step", "sample", "")
TITLES = ("Measurement", "Time series", "Sensor 3", "Station 12", "Run 7", "Daily data", "Results", "Overview", "Observed")
HOURS = (1, 24, 168, 730)  # of one step on an axis of dates: an hour, a day, a week, a month's length

DARK_LINES = ("#000000", "#0000cc", "#1f4e9c", "#b22222", "#d62728", "#006400", "#2ca02c", "#800080", "#cc5500", "#008080")
BRIGHT_LINES = ("#ffffff", "#ffff00", "#00ffff", "#7fff00", "#ff8c00", "#ff6ec7", "#87cefa")
LIGHT_GROUNDS = ("#fffff0", "#f5f5f5", "#eeeeee", "#faf0e6", "#f0f8ff", "#e5e5e5")
DARK_GROUNDS = ("#000000", "#1a1a1a", "#10203a", "#222222", "#2d2d30", "#003030")

# of the browser
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


class Plot(NamedTuple):
    """What a program is to draw, before its style is chosen."""

    x: np.ndarray  # n numbers, or n times (datetime64[s])
    y: np.ndarray  # n values in the user's unit
    title: str  # empty: none, as for the names of the axes
    x_name: str
    y_name: str
    width: int  # pixels
    height: int

    @property
    def dated(self):
        return self.x.dtype.kind == "M"

    @property
    def hours(self):
        """Length of a step of dates, in hours."""
        return int((self.x[1] - self.x[0]) / np.timedelta64(1, "h"))


def generator(program, row):
    """The numpy Generator of a row's plot by a program."""
    return np.random.default_rng(list(hashlib.sha256(f"{program} {row['id']}".encode()).digest()))


def pick(rng, values):
    return values[int(rng.integers(len(values)))]


def chance(rng, share):
    return bool(rng.random() < share)


def asked(row, rng):
    """Row with its series of n integers -> what is to be drawn: values and times in a user's units, words, size."""
    series = np.asarray(row["series"], dtype=float)
    scale, offset = 1.0, 0.0
    if chance(rng, 0.8):
        scale = 10 ** rng.uniform(-3, 3)
        offset = 99 * scale * (rng.uniform(-1, 1) if chance(rng, 0.6) else rng.uniform(-20, 20))
    what = pick(rng, list(UNITS))
    unit = pick(rng, UNITS[what])
    y_name = f"{what} [{unit}]" if unit else what
    x, x_name = _times(len(series), rng)
    width = int(rng.uniform(320, 1000))
    height = int(np.clip(width / rng.uniform(1.1, 2.6), 240, 760))
    return Plot(
        x=x,
        y=scale * series + offset,
        title=pick(rng, TITLES) + (f": {what}" if chance(rng, 0.5) else "") if chance(rng, 0.4) else "",
        x_name=x_name if chance(rng, 0.6) else "",
        y_name=y_name if chance(rng, 0.6) else "",
        width=width,
        height=height,
    )


def _times(count, rng):
    """(n equidistant numbers or dates, name of the axis)."""
    kind = rng.random()
    if kind < 0.3:
        start = np.datetime64("1990-01-01T00:00:00") + np.timedelta64(int(rng.integers(12000)), "D")
        return start + np.arange(count) * np.timedelta64(pick(rng, HOURS), "h"), pick(rng, ("date", "Date", ""))
    if kind < 0.4:
        return np.arange(count) + float(rng.integers(1850, 1990)), pick(rng, ("year", "Year"))
    if kind < 0.6:
        return np.arange(count) * pick(rng, (0.01, 0.1, 0.25, 0.5, 2.0, 10.0)), pick(rng, X_NAMES)
    return np.arange(count) + float(rng.integers(2)), pick(rng, X_NAMES)


def draw_matplotlib(batch, folder):
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


def draw_gnuplot(batch, folder):
    """[(Plot, rng)] -> <k>.png in a folder, by one script."""
    return _by_one_script(batch, folder, ["set encoding utf8"], _gnuplot_lines, ["gnuplot", "-d"])


def _gnuplot_lines(number, plot, rng):
    """Lines of gnuplot for one plot."""
    dark = chance(rng, 0.12)
    ground = pick(rng, DARK_GROUNDS) if dark else pick(rng, LIGHT_GROUNDS) if chance(rng, 0.15) else "#ffffff"
    ink = f'"{pick(rng, ("#c0c0c0", "#ffffff", "#a0a0a0"))}"' if dark else '"#000000"'
    size = f"size {plot.width},{plot.height} background rgb '{ground}'"
    smooth = chance(rng, 0.7)
    if smooth:
        font = pick(rng, ("", "Sans", "Serif", "DejaVu Sans Mono"))
        terminal = f"set terminal pngcairo {size} font '{font},{int(rng.integers(8, 15))}'"
    else:
        terminal = f"set terminal png {pick(rng, ('small', 'medium', 'large'))} {size}"
    colours = pick(rng, ("default", "default", "classic", "podo"))
    lines = ["reset", terminal, f"set output '{number}.png'", f"set colorsequence {colours}"]
    if dark:
        lines += [f"set border lc rgb {ink}", f"set tics textcolor rgb {ink}", f"set key textcolor rgb {ink}"]
    if plot.dated:
        shown = "%d.%m. %H:%M" if plot.hours == 1 else pick(rng, ("%b %Y", "%Y-%m-%d", "%m/%y"))
        lines += ["set xdata time", "set timefmt '%Y-%m-%dT%H:%M:%S'", f"set format x '{shown}'"]
        if chance(rng, 0.7) and plot.height > 320:  # long names would leave little of a low picture
            lines.append(f"set xtics rotate by {pick(rng, (-45, -30, '90 right')) if smooth else '90 right'}")
    for what, text in (("title", plot.title), ("xlabel", plot.x_name), ("ylabel", plot.y_name)):
        if text:
            lines.append(f"set {what} '{text}' textcolor rgb {ink}")
    if chance(rng, 0.4):
        faint = "#606060" if dark else pick(rng, ("#c0c0c0", "#808080", "#a0a0c0"))
        colour = f" lc rgb '{faint}'" if dark or chance(rng, 0.5) else ""
        lines.append(f"set grid{pick(rng, ('', '', ' ytics', ' xtics ytics mxtics mytics'))}{colour}")
    if chance(rng, 0.4):
        lines.append("unset key")
    elif chance(rng, 0.5):
        places = ("top left", "bottom right", "bottom left", "below", "top right box")
        lines.append(f"set key {pick(rng, places + ('outside',) * (plot.width > 450))}")
    if chance(rng, 0.25):
        lines += [f"set border 3{f' lc rgb {ink}' if dark else ''}", "set tics nomirror"]
    if chance(rng, 0.2):
        lines.append("set tics out")
    if chance(rng, 0.4):
        room = "set offsets graph 0.02, graph 0.02, graph 0.1, graph 0.1"
        lines.append(pick(rng, ("set autoscale xfix", "set autoscale fix", room)))
    look = f"with {'linespoints' if chance(rng, 0.3) else 'lines'}"
    look += f" lc rgb '{pick(rng, BRIGHT_LINES if dark else DARK_LINES)}'" if dark or chance(rng, 0.35) else ""
    look += f" lw {rng.uniform(1, 3.5):.1f}" if chance(rng, 0.5) else ""
    look += f" dt {pick(rng, (2, 4))}" if chance(rng, 0.05) else ""
    if "points" in look and chance(rng, 0.7):
        look += f" pt {int(rng.integers(1, 14))} ps {rng.uniform(0.3, 1.2):.1f}"
    title = pick(rng, ("data.dat", "data", "value", "measured", ""))
    return [*lines, f"plot '{number}.dat' using 1:2 {look} title '{title}'", "unset output"]


def draw_r(batch, folder):
    """[(Plot, rng)] -> <k>.png in a folder, by one script of R's base graphics."""
    return _by_one_script(batch, folder, [], _r_lines, ["Rscript", "--vanilla"])


def _r_lines(number, plot, rng):
    """Lines of R for one plot."""
    dark = chance(rng, 0.1)
    ground = pick(rng, DARK_GROUNDS) if dark else pick(rng, LIGHT_GROUNDS) if chance(rng, 0.15) else "white"
    resolution = int(72 * min(rng.uniform(0.8, 2.0), plot.height / 240, plot.width / 320))  # the margins must fit
    smooth = pick(rng, ("default", "default", "gray", "none", "subpixel"))
    lines = [
        f"d <- read.table('{number}.dat', stringsAsFactors = FALSE)",
        "x <- as.POSIXct(d$V1, format = '%Y-%m-%dT%H:%M:%S', tz = 'UTC')" if plot.dated else "x <- d$V1",
        "y <- d$V2",
        f"png('{number}.png', width = {plot.width}, height = {plot.height}, res = {resolution}, bg = '{ground}', "
        f"pointsize = {int(rng.integers(9, 13))}, type = 'cairo', antialias = '{smooth}')",
    ]
    if dark:
        lines.append("par(fg = 'grey80', col.axis = 'grey80', col.lab = 'grey80', col.main = 'grey80')")
    if chance(rng, 0.5):
        margins = rng.uniform((3.8, 3.8, 2.2 if plot.title else 0.6, 0.5), (5, 5, 4, 2))  # below, left, above, right
        lines.append(f"par(mar = c({', '.join(f'{margin:.1f}' for margin in margins)}))")
    for share, text in (
        (0.35, f"las = {pick(rng, (0, 1, 2))}"),
        (0.3, f"bty = '{pick(rng, ('l', 'n'))}'"),
        (0.2, "mgp = c(2.2, 0.7, 0)"),
        (0.2, f"tck = {pick(rng, (0.02, -0.01, 0.01))}"),
        (0.15, f"xaxs = '{pick(rng, ('i', 'r'))}'"),
        (0.2, f"family = '{pick(rng, ('serif', 'mono'))}'"),
        (0.1, "cex.axis = 0.8"),
    ):
        if chance(rng, share):
            lines.append(f"par({text})")
    kind = pick(rng, "llllllob")
    look = [f"type = '{kind}'"]
    look += [f"col = '{pick(rng, BRIGHT_LINES if dark else DARK_LINES)}'"] if dark or chance(rng, 0.5) else []
    look += [f"lwd = {rng.uniform(0.7, 3):.1f}"] if chance(rng, 0.4) else []
    look += [f"lty = {pick(rng, (2, 4, 5))}"] if chance(rng, 0.04) else []
    look += [f"pch = {pick(rng, (1, 16, 19, 20, 3, 4, 2))}, cex = {rng.uniform(0.4, 1):.1f}"] if kind != "l" else []
    look = ", ".join(look)
    names = f"xlab = '{plot.x_name}', ylab = '{plot.y_name}', main = '{plot.title}'"
    way = rng.random()
    if way < 0.3:  # an empty plot, then its panel, then the line
        lines.append(f"plot(x, y, type = 'n', {names})")
        if not dark and chance(rng, 0.5):
            lines += ["u <- par('usr')", f"rect(u[1], u[3], u[2], u[4], col = '{pick(rng, LIGHT_GROUNDS)}')"]
        if chance(rng, 0.6):
            faint = "grey40" if dark else pick(rng, ("lightgray", "grey70", "white"))
            lines.append(f"grid(col = '{faint}', lty = {pick(rng, (1, 3))})")
        lines.append(f"lines(x, y, {look})")
    elif way < 0.45 and not plot.dated:
        lines.append(f"matplot(x, cbind(y), {look}, {names})")
    elif way < 0.6 and not plot.dated:
        step = plot.x[1] - plot.x[0]
        lines.append(f"plot(ts(y, start = {plot.x[0]:.10g}, deltat = {step:.10g}), {look}, {names})")
    else:
        lines.append(f"plot(x, y, {look}, {names})")
        if chance(rng, 0.25):
            lines.append("grid()")
    if chance(rng, 0.12):
        lines.append(f"legend('{pick(rng, ('topleft', 'topright', 'bottomright'))}', legend = 'data', lty = 1, bty = 'n')")
    return [*lines, "invisible(dev.off())"]


def draw_plotly(batch, folder):
    """[(Plot, rng)] -> <k>.png in a folder: plotly's figures, drawn by plotly.js in one page of a browser without window.

    The page turns each figure into a PNG, as plotly's own button does, and the browser prints the page with the pictures.
    """
    from plotly.offline import get_plotlyjs

    figures = [_figure(plot, rng).to_json() for plot, rng in batch]
    _write(os.path.join(folder, "plotly.min.js"), [get_plotlyjs()])
    _write(os.path.join(folder, "page.html"), [PAGE % ",\n".join(figures).replace("</", "<\\/")])
    done = _call([_browser(), *FLAGS, f"--user-data-dir={folder}/profile", f"file://{folder}/page.html"], folder)
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


def _write(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _write_table(plot, path):
    """A line for each point: time and value."""
    x = np.datetime_as_string(plot.x) if plot.dated else [f"{number:.10g}" for number in plot.x]
    _write(path, [f"{time} {value:.10g}" for time, value in zip(x, plot.y)])


def _by_one_script(batch, folder, head, lines_of, command):
    """Write each plot's numbers and one script for all, lines_of(k, plot, rng) after its head, and run it."""
    script = [*head]
    for number, (plot, rng) in enumerate(batch):
        _write_table(plot, os.path.join(folder, f"{number}.dat"))
        script += lines_of(number, plot, rng)
    _write(os.path.join(folder, "script"), script)
    return _call([*command, "script"], folder)


def _call(command, folder):
    """Run a program in a folder, in English and in UTC -> the finished process, with its output as text."""
    try:
        env = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise cli.UserError(f"{os.path.basename(command[0])} drew for {PATIENCE} s without an end: run it again") from None


PROGRAMS = {"matplotlib": draw_matplotlib, "gnuplot": draw_gnuplot, "r": draw_r, "plotly": draw_plotly}


def missing(program):
    """What must be installed before a program can draw, in one line; None where it is there."""
    modules = {"matplotlib": ("matplotlib",), "plotly": ("plotly", "narwhals")}
    commands = {"gnuplot": ("gnuplot", "gnuplot-nox"), "r": ("Rscript", "r-base-core")}
    for module in modules.get(program, ()):
        if importlib.util.find_spec(module) is None:
            return f"the PyPI package {module} is not installed: pip install {module}"
    if program in commands and shutil.which(commands[program][0]) is None:
        command, package = commands[program]
        return f"{command} is not installed: apt-get install {package}"
    if program == "plotly" and _browser() is None:
        return "no Chromium is installed: apt-get install chromium"
    return None


def _is_png(path):
    """Whether a file is a whole PNG: its first and its last bytes are there."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        content = file.read()
    return content.startswith(b"\x89PNG\r\n\x1a\n") and content.endswith(b"IEND\xae\x42\x60\x82")


def draw(program, rows, out):
    """Draw rows (id, series) that have no plot yet as <out>/<id>.png -> number of plots drawn.

    program: a key of PROGRAMS. Raises UserError where it is not installed, or leaves out a plot.
    """
    lacks = missing(program)
    if lacks:
        raise cli.UserError(lacks)
    os.makedirs(out, exist_ok=True)
    records.sweep(out)
    left = [row for row in rows if not os.path.exists(os.path.join(out, f"{row['id']}.png"))]
    with cli.Progress("plots", len(left)) as bar:
        for start in range(0, len(left), BATCH):
            _draw_batch(program, left[start : start + BATCH], out)
            bar.step(len(left[start : start + BATCH]))
    return len(left)


def _draw_batch(program, rows, out):
    """Draw rows by one start of a program, then give each whole plot its name."""
    batch, left_out = [], []
    for row in rows:
        rng = generator(program, row)
        batch.append((asked(row, rng), rng))
    # a browser that is ending may still write its profile
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        done = PROGRAMS[program](batch, folder)
        for number, row in enumerate(rows):
            made = os.path.join(folder, f"{number}.png")
            if _is_png(made):
                with records.atomic(os.path.join(out, f"{row['id']}.png")) as temporary:
                    shutil.copyfile(made, temporary)
            else:
                left_out.append(row["id"])
    if left_out:
        said = (done.stderr.strip().splitlines() if done else []) or ["nothing"]
        raise cli.UserError(
            f"{program} left out {len(left_out)} of {len(rows)} plots, {left_out[0]} first; it said last: {cli.visible(said[-1])}"
        )


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--program", required=True, choices=PROGRAMS, help="What draws.")
    parser.add_argument("--suite", default="unseen", choices=suites.SUITES, help="Which series (default: %(default)s).")
    parser.add_argument("--count", type=cli.positive, default=200, help="Number of series (default: %(default)s).")
    parser.add_argument("--points", type=cli.positive, default=128, help="Points of each series (default: %(default)s).")
    parser.add_argument("--out", required=True, type=cli.folder, help="Folder for the plots.")
    args = parser.parse_args(argv)
    rows = suites.rows(args.suite, args.count, args.points, "thirds")
    drawn = draw(args.program, rows, args.out)
    for name, value in (("rows", len(rows)), ("drawn", drawn), ("program", args.program), ("out", args.out)):
        print(f"{name}: {value}")


if __name__ == "__main__":
    cli.run(main)
