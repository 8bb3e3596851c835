"""R's base graphics, on a cairo png()."""

import shutil

from experiments.plotters.call import by_one_script
from experiments.plotters.plot import BRIGHT_LINES, DARK_GROUNDS, DARK_LINES, LIGHT_GROUNDS, chance, pick


def missing():
    return None if shutil.which("Rscript") else "Rscript is not installed: apt-get install r-base-core"


def draw(batch, folder):
    """[(Plot, rng)] -> <k>.png in a folder, by one script of R's base graphics."""
    return by_one_script(batch, folder, [], _lines, ["Rscript", "--vanilla"])


def _lines(number, plot, rng):
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
