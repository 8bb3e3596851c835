"""Plots in random styles: what a student must have seen to read a plot that another program made.

Size, shape, margins, ground, line, markers, grid, axes, labels, title, dark ground and JPEG are drawn at random; only that time
runs to the right and that values grow upwards is fixed. Drawn by Pillow, which takes a few milliseconds.
"""

import io

import numpy as np

WORDS = "value price level flow index mean rate count load speed depth temperature signal output demand sales users".split()


def draw(series, rng):
    """n numbers -> a PIL image in RGB, some 200 to 900 pixels wide. rng: a numpy Generator."""
    from PIL import Image, ImageDraw

    smooth = 2 if rng.random() < 0.7 else 1  # drawn twice as large and reduced: without steps in its lines
    width = int(rng.uniform(200, 900))
    height = int(np.clip(width / rng.uniform(1.0, 3.0), 120, 700))
    width, height = width * smooth, height * smooth
    dark = rng.random() < 0.2
    ground, panel, ink = _grounds(dark, rng)
    image = Image.new("RGB", (width, height), ground)
    canvas = ImageDraw.Draw(image)
    box = _box(width, height, rng)
    if panel != ground:
        canvas.rectangle(box, fill=panel)
    _frame(canvas, box, ink, dark, smooth, rng)
    _line(canvas, _points(series, box, rng), dark, smooth * max(width / smooth / 400, 1), rng)
    image = image.reduce(smooth) if smooth > 1 else image
    if rng.random() < 0.3:
        kept = io.BytesIO()
        image.save(kept, "jpeg", quality=int(rng.uniform(35, 95)))
        image = Image.open(kept).convert("RGB")
    return image


def _grey(level, rng, spread=6):
    """A colour near a grey level."""
    return tuple(int(np.clip(level + rng.normal(0, spread), 0, 255)) for _ in range(3))


def _grounds(dark, rng):
    """(ground of the picture, ground inside the axes, colour of axes and text)."""
    ground = _grey(rng.uniform(10, 60), rng) if dark else (255, 255, 255) if rng.random() < 0.7 else _grey(rng.uniform(225, 252), rng)
    panel = ground if rng.random() < 0.7 else _grey(rng.uniform(25, 70) if dark else rng.uniform(225, 250), rng)
    return ground, panel, _grey(rng.uniform(150, 230) if dark else rng.uniform(0, 110), rng)


def _box(width, height, rng):
    """Where the axes stand: (left, top, right, bottom); now and then the line fills the whole picture."""
    if rng.random() < 0.15:
        return 2, 2, width - 3, height - 3
    left, right = width * rng.uniform(0.02, 0.18), width * (1 - rng.uniform(0.01, 0.1))
    return left, height * rng.uniform(0.02, 0.16), right, height * (1 - rng.uniform(0.03, 0.22))


def _frame(canvas, box, ink, dark, smooth, rng):
    """Grid, axes, ticks, numbers, names and title, each of them or not."""
    from PIL import ImageFont

    left, top, right, bottom = box
    columns, rows = (np.linspace(low, high, int(rng.integers(3, 11))) for low, high in ((left, right), (top, bottom)))
    faint = _grey(rng.uniform(60, 90) if dark else rng.uniform(195, 235), rng)
    thin = smooth if rng.random() < 0.8 else 2 * smooth
    if rng.random() < 0.5:
        for x in columns if rng.random() < 0.7 else ():
            canvas.line((x, top, x, bottom), fill=faint, width=thin)
        for y in rows:
            canvas.line((left, y, right, y), fill=faint, width=thin)
    kind = rng.random()
    if kind < 0.45:
        canvas.rectangle(box, outline=ink, width=thin)
    elif kind < 0.8:
        canvas.line((left, top, left, bottom, right, bottom), fill=ink, width=thin)
    size = smooth * rng.uniform(8, 14)
    font = ImageFont.load_default(size)
    if rng.random() < 0.7:
        scale, offset, step = 10 ** rng.uniform(-2, 4), rng.normal() * 10 ** rng.uniform(-1, 4), rng.uniform(1, 50)
        for k, x in enumerate(columns):
            canvas.line((x, bottom, x, bottom + 3 * smooth), fill=ink, width=smooth)
            canvas.text((x, bottom + 4 * smooth), f"{k * step:.0f}", fill=ink, font=font, anchor="mt")
        for k, y in enumerate(rows):
            canvas.line((left - 3 * smooth, y, left, y), fill=ink, width=smooth)
            canvas.text((left - 5 * smooth, y), f"{offset - k * scale:.3g}", fill=ink, font=font, anchor="rm")
    if rng.random() < 0.4:
        canvas.text(((left + right) / 2, canvas.im.size[1] - 1), rng.choice(WORDS), fill=ink, font=font, anchor="mb")
    if rng.random() < 0.4:
        title = " ".join(rng.choice(WORDS, int(rng.integers(1, 5))))
        canvas.text(((left + right) / 2, top - 2 * smooth), title, fill=ink, font=font, anchor="mb")


def _points(series, box, rng):
    """The series' points on the canvas, a list of (x, y): the axes may leave room at each side."""
    left, top, right, bottom = box
    series = np.asarray(series, dtype=float)
    low, high = series.min(), series.max()
    span = (high - low) or 1.0
    below, above, before, after = (rng.uniform(0.0, most) for most in (0.12, 0.12, 0.06, 0.06))
    x = np.linspace(before, 1 - after, len(series))
    y = (series - low + below * span) / (span * (1 + below + above))
    return list(zip((left + x * (right - left)).tolist(), (bottom - y * (bottom - top)).tolist()))


def _line(canvas, points, dark, unit, rng):
    """The line, its markers, or both."""
    bright = rng.uniform(130, 255, 3) if dark else rng.uniform(0, 175, 3)
    bright[rng.integers(3)] *= 0.9 if dark else 0.2
    colour = tuple(int(part) for part in bright)
    markers = rng.random() < 0.25
    if not markers or rng.random() < 0.85:
        canvas.line(points, fill=colour, width=max(1, round(unit * rng.uniform(0.8, 2.5))), joint="curve")
    if markers:
        radius = unit * rng.uniform(1, 3)
        shape = canvas.ellipse if rng.random() < 0.6 else canvas.rectangle
        for x, y in points:
            shape((x - radius, y - radius, x + radius, y + radius), fill=colour)
