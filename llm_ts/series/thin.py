"""A long series -> a short one with the same labels, for a student that reads fewer points.

Bins of equal width. Their means keep the trend; the bins with the maximum and the minimum show these. The noise is a matter
of the single step, which no bin keeps: means show too little of it, single points too much. So each bin shows its mean, made
smoother or rougher until its labels are those of the whole series, and its numbers nearly those. Usual ways (every k-th
point, means, M4, LTTB) lose the noise of a third of the series and more (results/LOG.md).
"""

import numpy as np

from llm_ts.series.scale import integers_of

POINTS = 128  # points of a thinned series, if the student learnt this length: there it reads best
SMOOTH = (16, 8, 5, 3, 2, 1.4, 1, 0.7, 0.5)  # widths of the smoothing, in bins
# shares of what a point is off its bin's mean
ROUGH = (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3)


def thin(values, points, question):
    """n values -> `points` of them that answer a question as all do; n > points. question: a question.Question."""
    values = np.asarray(values, dtype=float)
    whole = question.truth_of(integers_of(values))
    candidates = list(_candidates(values, points))
    off = [_distance(question.truth_of(integers_of(candidate)), whole, question) for candidate in candidates]
    return candidates[off.index(min(off))]


def shown(values, points, question):
    """What a student is shown of n values: `points` integers 0..99 that answer a question as all do."""
    return integers_of(thin(values, points, question))


def _candidates(values, points):
    """Thinned series, from the smoothest to the roughest."""
    edges = np.linspace(0, len(values), points + 1).round().astype(int)
    means = np.add.reduceat(values, edges[:-1]) / np.diff(edges)
    golden = (np.arange(points) * 0.6180339887) % 1  # a point of each bin, at no fixed place: no wave of the bins' length appears
    single = values[edges[:-1] + (golden * np.diff(edges)).astype(int)]
    for width in SMOOTH:
        yield _with_extremes(_smoothed(means, width), values, edges)
    for share in ROUGH:
        yield _with_extremes(means + share * (single - means), values, edges)


def _smoothed(means, width):
    """Means under a bell of so many bins; at the ends the line goes on as it came (reflected through its last point)."""
    reach = min(int(4 * width) + 1, len(means) - 1)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    before, after = 2 * means[0] - means[reach:0:-1], 2 * means[-1] - means[-2 : -reach - 2 : -1]
    return np.convolve(np.concatenate([before, means, after]), bell / bell.sum(), mode="valid")


def _with_extremes(shown, values, edges):
    """The maximum and the minimum of the whole in their bins, all else within."""
    shown = np.clip(shown, values.min(), values.max())
    for place in (int(np.argmax(values)), int(np.argmin(values))):
        shown[np.searchsorted(edges, place, side="right") - 1] = values[place]
    return shown


def _distance(truth, whole, question):
    """How far the truth of a candidate is off: (labels that differ, relative distance of the numbers that they are read from)."""
    pairs = [(truth["numbers"][name], number) for name, number in whole["numbers"].items()]
    differ = sum(truth[claim] != whole[claim] for claim in question.claims)
    return differ, sum(abs(a - b) / (abs(a) + abs(b) + 0.02) for a, b in pairs)
