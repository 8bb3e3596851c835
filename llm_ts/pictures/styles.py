"""Plots in random styles: a student learns from them to read other programs' plots.

Size, shape, margins, ground, line, markers, grid, axes, labels, title, legend, dark ground and JPEG are random. Only this is
fixed: time runs to the right, values grow upwards. Pillow draws a plot in some 10 milliseconds.
"""

import io

import numpy as np

WORDS = "value price level flow index mean rate count load speed depth temperature signal output demand sales users".split()


def draw(series, rng):
    """n numbers -> a PIL image in RGB, some 200 to 900 pixels wide; no numbers: axes without a line. rng: a numpy Generator."""
    return draw_with_points(series, rng)[0]


def draw_with_points(series, rng):
    """As `draw` -> (the image, where the series' points stand in it: array (n, 2), x and y from 0 to 1, y downwards)."""
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
    colour = _colour(dark, ink, rng)
    points = _points(series, box, rng) if len(series) else []
    if points:
        _line(canvas, points, colour, smooth * max(width / smooth / 400, 1), rng)
    if rng.random() < 0.3:
        _legend(canvas, box, colour, ink, panel, smooth, rng)
    image = image.reduce(smooth) if smooth > 1 else image
    if rng.random() < 0.3:
        kept = io.BytesIO()
        image.save(kept, "jpeg", quality=int(rng.uniform(35, 95)))
        image = Image.open(kept).convert("RGB")
    return image, np.array(points).reshape(-1, 2) / (width, height)


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
    left, right = width * rng.uniform(0.02, 0.2), width * (1 - rng.uniform(0.01, 0.2 if rng.random() < 0.2 else 0.1))
    return left, height * rng.uniform(0.02, 0.22), right, height * (1 - rng.uniform(0.03, 0.25))


def _frame(canvas, box, ink, dark, smooth, rng):
    """Grid, axes, ticks, numbers, names and title, each of them or not."""
    from PIL import ImageFont

    left, top, right, bottom = box
    columns, rows = (np.linspace(low, high, int(rng.integers(3, 11))) for low, high in ((left, right), (top, bottom)))
    # the grid
    faint = _grey(rng.uniform(60, 110) if dark else rng.uniform(150, 235) if rng.random() < 0.8 else 255, rng)
    thin = smooth if rng.random() < 0.8 else 2 * smooth
    if rng.random() < 0.5:
        dash = smooth * rng.uniform(1, 5) if rng.random() < 0.35 else 0
        for x in columns if rng.random() < 0.7 else ():
            _stroke(canvas, (x, top), (x, bottom), dash, fill=faint, width=thin)
        for y in rows:
            _stroke(canvas, (left, y), (right, y), dash, fill=faint, width=thin)

    # the frame, and ticks inside it on all sides
    kind = rng.random()
    if kind < 0.45:
        canvas.rectangle(box, outline=ink, width=thin)
    elif kind < 0.8:
        canvas.line((left, top, left, bottom, right, bottom), fill=ink, width=thin)
    if kind < 0.45 and rng.random() < 0.3:
        tick = smooth * rng.uniform(3, 8)
        for x in columns:
            canvas.line((x, top, x, top + tick), fill=ink, width=thin)
            canvas.line((x, bottom - tick, x, bottom), fill=ink, width=thin)
        for y in rows:
            canvas.line((left, y, left + tick, y), fill=ink, width=thin)
            canvas.line((right - tick, y, right, y), fill=ink, width=thin)

    # numbers beside the axes
    font = ImageFont.load_default(smooth * rng.uniform(8, 18))
    if rng.random() < 0.7:
        upright = rng.random() < 0.2
        scale, offset, step = 10 ** rng.uniform(-2, 4), rng.normal() * 10 ** rng.uniform(-1, 4), rng.uniform(1, 50)
        for k, x in enumerate(columns):
            canvas.line((x, bottom, x, bottom + 3 * smooth), fill=ink, width=smooth)
            canvas.text((x, bottom + 4 * smooth), f"{k * step:.0f}", fill=ink, font=font, anchor="mt")
        for k, y in enumerate(rows):
            canvas.line((left - 3 * smooth, y, left, y), fill=ink, width=smooth)
            number = f"{offset - k * scale:.3g}"
            if upright:
                _upright(canvas, (left - 5 * smooth, y), number, "rm", fill=ink, font=font)
            else:
                canvas.text((left - 5 * smooth, y), number, fill=ink, font=font, anchor="rm")

    # names of the axes, and a title
    if rng.random() < 0.4:
        canvas.text(((left + right) / 2, canvas.im.size[1] - 1), rng.choice(WORDS), fill=ink, font=font, anchor="mb")
    if rng.random() < 0.4:
        _upright(canvas, (0, (top + bottom) / 2), str(rng.choice(WORDS)), "lm", fill=ink, font=font)
    if rng.random() < 0.4:
        title = " ".join(rng.choice(WORDS, int(rng.integers(1, 5))))
        canvas.text(((left + right) / 2, top - 2 * smooth), title, fill=ink, font=font, anchor="mb")


def _points(series, box, rng):
    """The series' points on the canvas, a list of (x, y): the axes may leave room at each side."""
    left, top, right, bottom = box
    series = np.asarray(series, dtype=float)
    low, high = series.min(), series.max()
    span = (high - low) or 1.0
    below, above = (0.0 if rng.random() < 0.1 else rng.uniform(0.0, 0.12) for _ in range(2))
    before, after = (0.0, 0.0) if rng.random() < 0.35 else rng.uniform(0.0, 0.06, 2)  # many programs start at the frame
    x = np.linspace(before, 1 - after, len(series))
    y = (series - low + below * span) / (span * (1 + below + above))
    return list(zip((left + x * (right - left)).tolist(), (bottom - y * (bottom - top)).tolist()))


def _stroke(canvas, start, end, dash, **look):
    """A straight line, in dashes of so many pixels, or whole where that is 0."""
    (x, y), (across, down) = start, (end[0] - start[0], end[1] - start[1])
    length = max(abs(across), abs(down), 1e-9)
    parts = np.arange(0, length, 2 * dash) / length if dash else [0.0]
    for part in parts:
        to = min(part + dash / length, 1.0) if dash else 1.0
        canvas.line((x + part * across, y + part * down, x + to * across, y + to * down), **look)


def _colour(dark, ink, rng):
    """The line's colour: bright, grey, or that of the axes."""
    kind = rng.random()
    if kind < 0.1:
        return ink
    if kind < 0.2:
        return _grey(rng.uniform(180, 255) if dark else rng.uniform(0, 60), rng, 1)
    bright = rng.uniform(130, 255, 3) if dark else rng.uniform(0, 175, 3)
    bright[rng.integers(3)] *= 0.9 if dark else 0.2
    return tuple(int(part) for part in bright)


def _upright(canvas, at, text, anchor, **look):
    """A text that runs upwards; `anchor` as Pillow's, of the text as it stands then: "lm" or "rm"."""
    from PIL import Image, ImageDraw

    left, top, right, bottom = look["font"].getbbox(text)
    mask = Image.new("L", (int(right) + 1, int(bottom) + 1))
    ImageDraw.Draw(mask).text((0, 0), text, fill=255, font=look["font"])
    mask = mask.crop((int(left), int(top), *mask.size)).transpose(Image.Transpose.ROTATE_90)
    x, y = at[0] - (mask.width if anchor == "rm" else 0), at[1] - mask.height / 2
    canvas.bitmap((int(x), int(y)), mask, fill=look["fill"])


def _line(canvas, points, colour, unit, rng):
    """The line, its markers, or both."""
    markers = rng.random() < 0.25
    if not markers or rng.random() < 0.85:
        canvas.line(points, fill=colour, width=max(1, round(unit * rng.uniform(0.8, 2.5))), joint="curve")
    if markers:
        radius = unit * rng.uniform(1, 3)
        shape = canvas.ellipse if rng.random() < 0.6 else canvas.rectangle
        filled = {"fill": colour} if rng.random() < 0.7 else {"outline": colour, "width": max(1, round(unit))}
        for x, y in points:
            shape((x - radius, y - radius, x + radius, y + radius), **filled)


def _legend(canvas, box, colour, ink, panel, smooth, rng):
    """The line's name beside a piece of line, inside the axes or above them."""
    from PIL import ImageFont

    left, top, right, bottom = box
    font = ImageFont.load_default(smooth * rng.uniform(8, 14))
    name, sample = str(rng.choice(WORDS)), smooth * rng.uniform(15, 40)
    wide, high = sample + 6 * smooth + font.getlength(name), smooth * 14
    x = rng.choice([left + 6 * smooth, right - wide - 6 * smooth])
    y = rng.choice([top + 4 * smooth, bottom - high - 4 * smooth, max(top - high, 0)])
    if rng.random() < 0.4:
        canvas.rectangle((x - 3 * smooth, y, x + wide + 3 * smooth, y + high), fill=panel, outline=ink, width=smooth)
    first = rng.random() < 0.5  # the name, or the piece of line
    at = x + font.getlength(name) + 6 * smooth if first else x
    canvas.line((at, y + high / 2, at + sample, y + high / 2), fill=colour, width=max(1, round(smooth * rng.uniform(0.8, 2.5))))
    if rng.random() < 0.3:
        middle, radius = at + sample / 2, smooth * rng.uniform(1.5, 3)
        canvas.ellipse((middle - radius, y + high / 2 - radius, middle + radius, y + high / 2 + radius), fill=colour)
    canvas.text((x if first else x + sample + 6 * smooth, y + high / 2), name, fill=ink, font=font, anchor="lm")
