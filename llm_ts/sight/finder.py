"""Find the line in a picture of a plot, whoever drew it: a small U-Net that says of each pixel whether the line runs there.

What it finds is drawn again as dataset/ draws (redraw), so that a student that learnt our own plots reads those of others.
experiments/pretrain_finder.py teaches it on plots in random styles (styles.py), where it is known where the points stand.
Architecture: Ronneberger et al. 2015 (U-Net), with some 400,000 weights.
"""

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.utils.data import Dataset

from llm_ts.base import cli
from llm_ts.pictures import plot, styles
from llm_ts.student import load

WIDTH, HEIGHT = 256, 160  # pixels that a picture is squeezed to
CHANNELS = (16, 32, 48, 64, 64)  # each half as wide and high as the one before
PAPER, INK = 0.8, 0.3  # about the mean and spread of a plot's pixels, from 0 to 1
SURE = 0.3  # a pixel counts as line from this probability on
GAP = 5  # pixels: parts of the line that lie closer, twice over, are one
PART = 0.05  # of the ink of the greatest part, which another must have to belong to the line
UNSURE = 1.06  # times the ink that was found: what the finder is unsure of stays away (results/LOG.md)
EMPTY = 0.05  # of the plots to learn from, that have axes and no line
LEAST = 0.25  # of the picture's width, that a line takes at least
TWICE = 0.25  # of the columns, in which the line may run at two heights, more than GAP apart
WHOLE = 0.72  # of the columns between its ends, where it is found: 149 of 150 plots in random styles have more, empty axes less


def _block(given, made):
    """Two convolutions of 3 x 3."""
    layers = []
    for channels in (given, made):
        layers += [nn.Conv2d(channels, made, 3, padding=1, bias=False), nn.BatchNorm2d(made), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class Finder(nn.Module):
    """Where the line runs in pictures of WIDTH x HEIGHT pixels."""

    def __init__(self):
        super().__init__()
        self.apart, self.together = nn.PixelUnshuffle(2), nn.PixelShuffle(2)
        self.down = nn.ModuleList(_block(given, made) for given, made in zip((12, *CHANNELS), CHANNELS))
        self.up = nn.ModuleList(_block(fine + coarse, fine) for fine, coarse in zip(CHANNELS, CHANNELS[1:]))
        self.last = nn.Conv2d(CHANNELS[0], 4, 1)

    def forward(self, pixel_values, labels=None):
        """pixel_values: (plots, 3, HEIGHT, WIDTH); labels: (plots, HEIGHT, WIDTH), the line from 0 to 1 -> loss and logits.

        logits: (plots, HEIGHT, WIDTH).
        """
        now, kept = self.apart(pixel_values).contiguous(memory_format=torch.channels_last), []
        for level, block in enumerate(self.down):
            now = block(nn.functional.max_pool2d(now, 2) if level else now)
            kept.append(now)
        for block, fine in zip(reversed(self.up), reversed(kept[:-1])):
            now = block(torch.cat([fine, nn.functional.interpolate(now, scale_factor=2)], dim=1))
        logits = self.together(self.last(now))[:, 0]
        out = {"logits": logits}
        if labels is not None:
            out["loss"] = nn.functional.binary_cross_entropy_with_logits(logits, labels)
        return out

    def find(self, images):
        """PIL images in RGB -> where the line runs in each: probabilities, array (images, HEIGHT, WIDTH)."""
        self.eval()
        with torch.inference_mode():
            pixels = torch.stack([pixels_of(image) for image in images]).to(self.last.weight.device)
            return self(pixels)["logits"].sigmoid().float().cpu().numpy()


def pixels_of(image):
    """A PIL image in RGB -> what the finder takes: (3, HEIGHT, WIDTH)."""
    from PIL import Image

    filter_ = Image.Resampling.BOX if image.width > WIDTH else Image.Resampling.BILINEAR
    values = np.asarray(image.resize((WIDTH, HEIGHT), filter_), dtype=np.float32) / 255
    return torch.from_numpy((values - PAPER) / INK).permute(2, 0, 1).contiguous()


def line_of(points):
    """Points, (n, 2) from 0 to 1 -> the thin line through them that the finder is to draw: (HEIGHT, WIDTH), from 0 to 1."""
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (2 * WIDTH, 2 * HEIGHT))
    ImageDraw.Draw(canvas).line([(2 * WIDTH * x, 2 * HEIGHT * y) for x, y in points], fill=255, width=2, joint="curve")
    return np.asarray(canvas.reduce(2), dtype=np.float32) / 255


class Plots(Dataset):
    """Rows (fresh.Rows, or a list), each drawn in a random style of its own, as what a Finder takes; some without their line."""

    def __init__(self, rows, seed):
        self.rows, self.seed = rows, seed

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, number):
        image, points = self.drawn(number)
        return {"pixel_values": pixels_of(image), "labels": torch.from_numpy(line_of(points))}

    def drawn(self, number):
        """The plot of a row, and where its points stand in it: nowhere in a share EMPTY of the plots."""
        rng = np.random.default_rng([self.seed, number])
        return styles.draw_with_points([] if rng.random() < EMPTY else self.rows[number]["series"], rng)


def box_of(line):
    """Where the line runs (HEIGHT, WIDTH) -> (the same without what lies apart, its left, top, right, bottom).

    None: there is no line, or more than one.
    """
    on = line > SURE
    parts, count = ndimage.label(ndimage.binary_dilation(on, np.ones((2 * GAP + 1, 2 * GAP + 1))))
    if not count:
        return None
    ink = ndimage.sum_labels(line * on, parts, range(1, count + 1))
    on &= np.isin(parts, 1 + np.flatnonzero(ink >= PART * ink.max()))
    rows, columns = np.nonzero(on)
    box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    heights = [np.flatnonzero(column) for column in on.T if column.any()]
    twice = np.mean([np.diff(rows).max(initial=0) > GAP for rows in heights])
    if box[2] - box[0] < LEAST * WIDTH or len(heights) < WHOLE * (box[2] - box[0]) or twice > TWICE:
        return None
    return np.where(ndimage.binary_dilation(on, np.ones((3, 3))), line, 0), box


def redraw(line, points=128):
    """Where the line runs (HEIGHT, WIDTH) -> its plot as dataset/ draws them, a PIL image; None where box_of has none.

    points: of the series, as the time axis shows them.
    """
    from PIL import Image

    found = box_of(line)
    if found is None:
        return None
    line, (left, top, right, bottom) = found
    ground, axes, stroke = plot.plotter(points).empty()
    # how many pixels of the line make one of the plot: from the middle of its first pixel to the middle of its last
    across, down = (right - left - 1) / (axes[2] - axes[0]), max(bottom - top - 1, 1) / (axes[3] - axes[1])
    grid = (across, 0, left + 0.5 - across * axes[0], 0, down, top + 0.5 - down * axes[1])
    # a line one pixel wide becomes a wide one: the paler, so that there is as much ink as in a plot of ours
    ink = 255 * min(stroke * (across * down) ** 0.5, 1.0)
    mask = Image.fromarray((ink * np.minimum(UNSURE * line, 1)).astype(np.uint8)).transform(
        ground.size, Image.Transform.AFFINE, grid, Image.Resampling.BILINEAR
    )
    return Image.composite(Image.new("RGB", ground.size, plot.BLUE), ground, mask)


def read(path):
    """A finder.safetensors -> the Finder. UserError where it is none."""
    state, made = load.read_tensors(path), Finder()
    try:
        made.load_state_dict({name: weight.float() for name, weight in state.items()}, strict=True)
    except RuntimeError as error:
        raise cli.UserError(f"{path} is no finder of lines: {' '.join(str(error).split())[:150]}") from None
    return made.eval()


def of(model):
    """The Finder that belongs to a student, a folder with load.FINDER in it; None for others."""
    path = load.finder_of(model)
    return path and read(path)


def redrawer(model):
    """(picture, points) -> the picture that a student is shown of one that is a file; None for a student without finder.

    That is the line that was found in it, drawn as ours; the picture itself where it is ours, or no single line is found in it.
    """
    finder = of(model)
    return finder and (lambda picture, points: as_ours(finder, picture, points) or picture)


def as_ours(finder, picture, points):
    """A picture, a PIL image, drawn as ours, or itself where it is ours; None where no single line is found in it."""
    if plot.is_ours(picture):
        return picture
    return redraw(finder.find([picture])[0], points)
