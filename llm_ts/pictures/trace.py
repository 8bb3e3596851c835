"""The line in a picture of a plot -> the heights of its points: a picture is digitised, and is then a series of numbers.

1. Each colour that differs from the ground makes a mask: a pixel belongs to it if it is at least half of that colour.
2. Straight rows and columns from end to end (frame, grid) are taken out of it if it is no line with them.
3. What hangs together is a line if it is wide, thin, and in nearly every column there once.
4. The middle of its stroke in each column is its height; where points lie closer than NEAR pixels a column shows two
   heights, between which the line runs there (heights_of).
Nobody looks at the axes: heights go from 0 to 1, from the lowest to the highest point of the line.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, ndimage

from llm_ts.base import cli

WIDEST = 2400  # pixels: a wider picture is reduced first
INK = 36  # of 255: how far a pixel lies from the ground in one of its three colours, to be ink
FITS = 12  # of 255: by so much another colour may fit a pixel better
COLOURS = 8  # that are looked at, most frequent first
MANY = 6  # wide parts of one colour: with more of them it is no line
LEAST = 0.3  # of the picture's width, that a line takes at least
PART = 0.35  # of a pixel, that the line covers at least: thin lines are pale
GAP = 4  # pixels: a line as thin as this may break in a column
GREY = 40  # of 255: what lies no further from grey may be the colour of frame and text
FLAT = 0.04  # of the picture's height, or of the columns: what differs by no more is a rule or a row of text
STRAIGHT = 0.6  # of the width of all ink: a row so full is a rule of the frame or the grid
BROKEN = 0.03  # of the columns, after which the ink goes on at another height
DASHES = 2.0  # of them one above another in a column, at most
TWICE = 0.15  # of the columns in which a line may be at two heights
NEAR = 6  # pixels from point to point: closer ones are found by the stroke's edges
SEEN = 4  # pixels from point to point: of closer ones nobody sees how many there are
FEWEST, MOST = 8, 1024  # points that are looked for
OFF = 0.6  # pixels that the line through the fewest points may lie off the stroke's middle, at 9 columns of 10
WORDS = "it shows single points or words"


@dataclass
class Line:
    """A line of a picture. first, last: the columns of its ends. top, bottom: (columns,) where its ink begins and ends
    in each, in pixels downwards, NaN where there is none; stroke: its width; height: the picture's, all in pixels."""

    first: int
    last: int
    top: np.ndarray
    bottom: np.ndarray
    stroke: float
    height: int
    grey: bool  # its colour, as that of frames and text
    why: str = ""  # it is none

    @property
    def middle(self):
        """The middle of the stroke in each column."""
        return (self.top + self.bottom) / 2

    @property
    def is_level(self):
        """Whether it is a rule, perhaps with a few columns of another at its end, or a row of text."""
        middle = self.middle[np.isfinite(self.middle)]
        off = np.abs(middle - np.median(middle)) > max(3, 2 * self.stroke)
        return np.ptp(middle) < FLAT * self.height or off.mean() < FLAT


def holes_of(part, long):
    """A mask (H, W) -> in which columns it has a hole, ink above and below, that goes on for so many columns: (W,).

    Between two lines holes are long; between a marker and the steep line beside it they are short.
    """
    filled = closed(part, GAP, 0)
    between = np.logical_or.accumulate(filled) & np.logical_or.accumulate(filled[::-1])[::-1] & ~filled
    labels, _ = ndimage.label(between)
    out = np.zeros(part.shape[1], dtype=bool)
    for _, columns in ndimage.find_objects(labels):
        out[columns] |= columns.stop - columns.start > long
    return out


def ground_of(pixels):
    """(H, W, 3) -> the commonest colour within the middle of the picture: (3,) floats."""
    height, width = pixels.shape[:2]
    middle = pixels[height // 8 : -height // 8, width // 8 : -width // 8].reshape(-1, 3)
    codes = (middle >> 4).astype(np.int32) @ (256, 16, 1)
    return np.median(middle[codes == np.bincount(codes).argmax()], axis=0)


def colours_of(pixels, ink, ground):
    """(H, W, 3), (H, W) -> the commonest colours of the ink, each some way from the others: [(3,) floats, ...].

    A paler shade of a colour that is no grey is its edge, or an area below it, and is left out.
    """
    inked = pixels[ink]
    codes = (inked >> 4).astype(np.int32) @ (256, 16, 1)
    counts, found = np.bincount(codes, minlength=4096), []
    for code in np.argsort(-counts):
        if counts[code] < max(20, 2e-5 * ink.size) or len(found) == COLOURS:
            break
        colour = np.array([code >> 8, code >> 4 & 15, code & 15]) * 16.0 + 8
        if all(np.abs(colour - other).max() > 40 and not _is_shade(colour - ground, other - ground) for other in found):
            found.append(colour)
    aways = [colour - ground for colour in found]
    return [colour for colour, away in zip(found, aways) if not any(_is_shade(away, other) for other in aways)]


def _is_shade(away, other):
    """Whether a colour is a paler one of another that is no grey; both as they differ from the ground. JPEG makes pale ones greyer."""
    length, its = np.linalg.norm(away), np.linalg.norm(other)
    alike = away @ other / (length * its)
    return np.ptp(other) >= GREY and length < its and alike > (0.75 if length < 0.4 * its else 0.97)


def coverage_of(pixels, ground, colours):
    """(H, W, 3), colours -> how much of each pixel each of them covers, from 0 to 1; 0 where another fits better: (colours, H, W)."""
    away = pixels - ground.astype(np.float32)
    shares, others = [], []
    for colour in colours:
        whole = (colour - ground).astype(np.float32)
        share = away @ (whole / (whole @ whole))
        others.append(np.abs(away - share[..., None] * whole).max(axis=2))
        share[others[-1] > 30 + 0.2 * np.abs(whole).max()] = 0
        shares.append(np.clip(share, 0, 1, out=share))
    least = np.minimum.reduce(others) + FITS
    return [np.where(other <= least, share, 0) for share, other in zip(shares, others)]


def without_rules(mask):
    """A mask without the rows and columns that are straight from end to end: frame and grid."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    wide, high = np.ptp(columns) + 1, np.ptp(rows) + 1
    out = mask.copy()
    out[mask.sum(axis=1) > STRAIGHT * wide] = False
    out[:, mask.sum(axis=0) > STRAIGHT * high] = False
    return out


def closed(mask, gap, axis):
    """A mask with gaps of fewer than so many pixels along an axis filled."""
    size = 2 * (gap // 2) + 1
    filled = ndimage.maximum_filter1d(np.pad(mask, gap).view(np.uint8), size, axis)
    filled = ndimage.minimum_filter1d(filled, size, axis).astype(bool)
    return filled[(slice(gap, -gap),) * mask.ndim]


def parts_of(mask, gap, least):
    """What hangs together in a mask, over gaps of so many pixels, and is wide: [masks], from the left.

    least: of the width, that each piece has.
    """
    near = closed(closed(mask, gap, 0), gap, 1)
    labels, _ = ndimage.label(near, np.ones((3, 3)))
    boxes = [(across.start, across.stop, down.start, down.stop) for down, across in ndimage.find_objects(labels)]
    width, chains = mask.shape[1], []  # of parts that go on where another ends: points are missing, or another line runs over it
    for part in sorted((*box, k) for k, box in enumerate(boxes, 1) if box[1] - box[0] > least * width):
        start, _, high, low, _ = part
        ends = (chain for chain in chains if -4 < start - chain[-1][1] < width / 12)
        chain = next((chain for chain in ends if high < chain[-1][3] + width / 60 and low > chain[-1][2] - width / 60), None)
        chain.append(part) if chain else chains.append([part])
    chains = [chain for chain in chains if chain[-1][1] - chain[0][0] > LEAST / 4 * width]
    return [mask & np.isin(labels, [k for *_, k in chain]) for chain in chains] if len(chains) <= MANY else []


def stroke_of(part):
    """The width of a line's stroke: from its usual runs down and across, as those of a slope have them."""
    lengths = []
    for turned in (part, part.T):
        starts = turned & ~np.pad(turned, ((1, 0), (0, 0)))[:-1]
        lengths.append(turned.sum() / max(starts.sum(), 1))
    return 1 / np.hypot(1 / lengths[0], 1 / lengths[1])


def line_of(part, share, gap, grey):
    """A part of a mask -> its Line, which says why it is none where it is none. share: see coverage_of."""
    columns = np.flatnonzero(part.any(axis=0))
    first, last = columns[0], columns[-1]
    wide, height = part.shape[1], len(part)
    part, share = part[:, first : last + 1], share[:, first : last + 1]
    there = part.any(axis=0)
    top = np.where(there, part.argmax(axis=0), np.nan)
    bottom = np.where(there, height - part[::-1].argmax(axis=0), np.nan)
    line = Line(int(first), int(last), top, bottom, stroke_of(part), height, grey)
    line.why = why_none(line, part, there, gap, wide)
    # the outermost pixels are covered in part: the ink ends within them
    at = np.arange(len(there))[there]
    for edge, side in ((top, 1), (bottom, -1)):
        rows = edge[there].astype(int) - (side < 0)
        own, next_ = (share[np.clip(rows - step, 0, height - 1), at] for step in (0, side))
        edge[there] += side * (1 - own - np.where(next_ < PART, next_, 0))
    return line


def why_none(line, part, there, gap, wide):
    """Why a Line, with its part of the mask, is none; "" where it is one. wide: the picture's width."""
    if closed(there, gap, 0).mean() < 0.88:
        return "its line has wide gaps"
    if holes_of(part, max(9, wide // 45)).mean() > TWICE:
        return "it shows several lines, or a line that turns back"
    ends = np.stack([line.top, line.bottom])[:, there]
    jumps = np.maximum(ends[0, 1:] - ends[1, :-1], ends[0, :-1] - ends[1, 1:])  # from one column's ink to the next's
    if (jumps > gap).mean() > BROKEN:
        return WORDS
    labels, _ = ndimage.label(closed(closed(part, GAP, 0), GAP, 1), np.ones((3, 3)))
    longest = max(box[1].stop - box[1].start for box in ndimage.find_objects(labels))
    runs = (np.diff(np.pad(part, ((1, 0), (0, 0))).astype(np.int8), axis=0) > 0).sum()
    if longest < 0.4 * len(there) and runs > DASHES * there.sum():
        return WORDS  # the dashes of a line lie beside one another, never above
    if line.stroke > max(9, wide / 45):
        return "it shows filled shapes"
    tall = np.nanmedian(line.bottom - line.top)
    for edge in ends:
        if tall > 3 * line.stroke + 4 and np.bincount(edge.astype(int)).max() > 0.5 * there.sum():
            return "it shows bars or an area"
    return ""


def same(one, other):
    """Whether two Lines run along one another: the same line, found by two of its shades."""
    low, high = max(one.first, other.first), min(one.last, other.last)
    if high - low < 0.5 * min(one.last - one.first, other.last - other.first):
        return False
    tops, bottoms = ([getattr(line, edge)[low - line.first : high + 1 - line.first] for line in (one, other)] for edge in ("top", "bottom"))
    near = (np.abs(np.subtract(*tops)) < 4) | (np.abs(np.subtract(*bottoms)) < 4)
    there = np.isfinite(np.subtract(*tops))
    return bool(there.any()) and near[there].mean() > 0.7


def panels_of(ink):
    """How many panels stand side by side, by the straight lines of their frames, grids and grounds: 1 or more."""
    width = ink.shape[1]
    longest, most = 0, 1
    for row in ink[ink.mean(axis=1) > 0.2]:
        edges = np.flatnonzero(np.diff(np.pad(row.astype(np.int8), 1)))
        starts, ends = edges[::2], edges[1::2]
        lengths = ends - starts
        longest = max(longest, lengths.max())
        long = lengths > 0.15 * width
        if long.sum() > 1 and (starts[long][1:] - ends[long][:-1]).min() > 0.02 * width:
            most = max(most, int(long.sum()))
    columns = np.flatnonzero(ink.any(axis=0))
    return most if longest < 0.55 * np.ptp(columns) else 1


def find(image):
    """A PIL image in RGB -> (its one Line, how many times the picture was reduced before). UserError says why there is none."""
    times = -(-image.width // WIDEST)
    pixels = np.asarray(image.reduce(times) if times > 1 else image)
    height, width = pixels.shape[:2]
    ground = ground_of(pixels)
    ink = (np.abs(pixels.astype(np.int16) - ground.astype(np.int16)) > INK).any(axis=2)
    border = np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]), axis=0)
    if np.abs(border - ground).max() > 8:  # a panel on another ground
        margin = (np.abs(pixels - border) < 8).all(axis=2)
        labels, _ = ndimage.label(np.pad(margin, 1, constant_values=True))
        margin = (labels == labels[0, 0])[1:-1, 1:-1]
        ink &= ~margin
        for axis in (0, 1):
            wide = closed(margin.mean(axis=axis) < 0.6, margin.shape[1 - axis] // 40, 0)  # over white lines of a grid
            blocks = np.diff(np.flatnonzero(np.diff(np.pad(wide.astype(np.int8), 1))))[::2]
            if (blocks > 0.15 * margin.shape[1 - axis]).sum() > 1:
                raise cli.UserError("it shows two panels or more: cut one out")
    if not ink.any():
        raise cli.UserError("it is empty")
    if panels_of(ink) > 1 or panels_of(ink.T) > 1:
        raise cli.UserError("it shows two panels or more: cut one out")
    lines, colours = [], colours_of(pixels, ink, ground)
    for colour, share in zip(colours, coverage_of(pixels, ground, colours) if colours else ()):
        found = lines_of(share, bool(min(np.ptp(colour - ground), np.ptp(colour)) < GREY))
        lines += [line for line in found if not any(same(line, other) and line.why == other.why for other in lines)]
    wide = [line for line in lines if line.last - line.first > LEAST * width and not line.is_level]
    good = [line for line in wide if not line.why]
    whys = [line.why for line in lines if line.why and not (line.grey and good)]
    if not good:
        raise cli.UserError(next((why for why in whys if why != WORDS), "no single line runs through it"))
    if any(not line.grey or not line.why for line in wide if not same(line, good[0])):
        raise cli.UserError("it shows several lines, or a line and something else")
    bright = ink & (np.ptp(pixels - ground.astype(np.int16), axis=2) > 1.5 * GREY)
    if good[0].grey and bright.sum() > 1.5 * np.nansum(good[0].bottom - good[0].top):
        raise cli.UserError(whys[0] if whys else "its colours show something else than a line")
    return good[0], times


def lines_of(share, grey):
    """How much of each pixel a colour covers (H, W) -> its wide parts, Lines. grey: frame and text may be of that colour."""
    mask, found, width = share > PART, [], share.shape[1]
    for rules in (False, True)[grey:]:
        mask = without_rules(mask) if rules else mask
        for gap in (3, max(5, width // 60), max(7, width // 32)) if mask.any() else ():
            found = [line_of(part, share, max(gap, width // 60), grey) for part in parts_of(mask, gap, LEAST / 4 if grey else 1 / 30)]
            if found and all(not line.why or (grey and line.why == WORDS) for line in found):
                return found
    return found


def fit(line, points, begin, end):
    """The heights of so many points from column `begin` to `end`, by least squares through the stroke's middle.

    -> (heights (points,) in pixels downwards, how far the middle lies off at 9 columns of 10). Columns at the points
    themselves count little: there the corner of the stroke is wider on one side.
    """
    middle = line.middle
    x = np.flatnonzero(np.isfinite(middle))
    at = np.clip((x - begin) / (end - begin), 0, 1) * (points - 1)
    left = np.minimum(at.astype(int), points - 2)
    right = at - left
    away = np.minimum(right, 1 - right) * (end - begin) / (points - 1)
    weight = np.where(away > line.stroke / 2 + 0.5, 1.0, 0.1)
    bands, sums = np.zeros((2, points)), np.zeros(points)
    for step, share in ((0, 1 - right), (1, right)):
        np.add.at(bands[1], left + step, weight * share**2)
        np.add.at(sums, left + step, weight * share * middle[x])
    np.add.at(bands[0], left + 1, weight * right * (1 - right))
    bands[1] += 2e-3  # where no column tells a point from its neighbours, it lies between them
    bands[1, [0, -1]] -= 1e-3
    bands[0, 1:] -= 1e-3
    bands[1] += 1e-9
    heights = linalg.solveh_banded(bands, sums)
    slope = (heights[left + 1] - heights[left]) * (points - 1) / (end - begin)
    off = np.abs((1 - right) * heights[left] + right * heights[left + 1] - middle[x]) / np.hypot(1, slope)
    return heights, float(np.quantile(off[weight == 1], 0.9)) if (weight == 1).any() else np.inf


def turns(line, points, begin, end):
    """As fit, where points lie close: the ink of the columns between two points says between which heights the line runs.

    Which of the two comes first is chosen so that neighbouring pieces meet (Viterbi), with the slope where it shows.
    """
    step, last = (end - begin) / (points - 1), len(line.top) - 1
    known = np.flatnonzero(np.isfinite(line.top))
    top, bottom = (np.interp(np.arange(last + 1), known, edge[known]) for edge in (line.top, line.bottom))
    pieces = np.zeros((points - 1, 2))
    for k in range(points - 1):
        low, high = begin + k * step + 0.5, begin + (k + 1) * step + 0.5  # in pixels' edges
        columns = slice(int(np.clip(round(low), 0, last)), int(np.clip(max(round(high), round(low) + 1), 1, last + 1)))
        pieces[k] = top[columns].min() + line.stroke / 2, bottom[columns].max() - line.stroke / 2
        if pieces[k, 0] > pieces[k, 1]:
            pieces[k] = pieces[k].mean()
        pieces[k] = pieces[k] if (top[columns] + bottom[columns])[-1] >= (top[columns] + bottom[columns])[0] else pieces[k][::-1]
    cost, back = np.zeros((points - 1, 2)), np.zeros((points - 1, 2), dtype=int)
    turned = np.stack([pieces, pieces[:, ::-1]], axis=1)  # (pieces, as it slopes or turned, begin and end)
    height = np.abs(np.diff(pieces))[:, 0]
    cost[:, 1] = 0.1 * height * (step > 2)
    for k in range(1, points - 1):
        meets = cost[k - 1][:, None] + np.abs(turned[k - 1, :, 1][:, None] - turned[k, :, 0][None])
        back[k] = meets.argmin(axis=0)
        cost[k] += meets.min(axis=0)
    way = [int(cost[-1].argmin())]
    for k in range(points - 2, 0, -1):
        way.append(back[k, way[-1]])
    pieces = turned[np.arange(points - 1), way[::-1]]
    return np.concatenate([pieces[:1, 0], (pieces[:-1, 1] + pieces[1:, 0]) / 2, pieces[-1:, 1]])


def heights_of(line, points=None):
    """A Line -> (its points' heights from 0 to 1, upwards: (n,); pixels from one to the next; whether n was seen).

    points: n; None: the fewest points, evenly spaced, through which the line that is drawn runs; where there are too many
    to be told apart, as many as its strokes are wide.
    """
    span, half = line.last - line.first, line.stroke / 2
    insets, seen = (half - 0.5, half, half + 1, half + 2.5), True
    if points is None:
        most = min(MOST, int(span / SEEN) + 1)
        found = ((n, inset) for n in range(FEWEST, most + 1) for inset in insets if fit(line, n, inset, span - inset)[1] < OFF)
        points, _ = next(found, (None, 0))
        seen = points is not None
        points = points or int(np.clip(span / max(2.5, line.stroke), FEWEST, MOST))
    step = span / (points - 1)
    if step < max(NEAR, line.stroke + 1):
        heights = turns(line, points, half - 0.5, span - half + 0.5)
    else:
        sides = np.arange(-0.5, min(half + 4, step / 2), 0.5)
        off, begin, end = min((fit(line, points, a, span - b)[1], a, span - b) for a in sides for b in sides)
        heights = fit(line, points, begin, end)[0]
    low, high = heights.min(), heights.max()
    return (high - heights) / (high - low), step, seen
