"""gnuplot, with the terminals pngcairo and png."""

import shutil

from experiments.plotters.call import by_one_script
from experiments.plotters.plot import BRIGHT_LINES, DARK_GROUNDS, DARK_LINES, LIGHT_GROUNDS, chance, pick


def missing():
    return None if shutil.which("gnuplot") else "gnuplot is not installed: apt-get install gnuplot-nox"


def draw(batch, folder):
    """[(Plot, rng)] -> <k>.png in a folder, by one script."""
    return by_one_script(batch, folder, ["set encoding utf8"], _lines, ["gnuplot", "-d"])


def _lines(number, plot, rng):
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
