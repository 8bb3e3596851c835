"""Rows of data.jsonl from a process: the same series for the same seed and number, alone or among a million."""

import hashlib

import numpy as np

from llm_ts.base import cli
from llm_ts.question import STUDY
from llm_ts.series import ou
from llm_ts.series.scale import rescale

BLOCK = 1024  # series whose random numbers are drawn together: series k is row k % BLOCK of block k // BLOCK
UNIFORM, NORMAL = 0, 1  # the two random streams of a block
SEEDS = 10**9  # seeds of data.jsonl lie below; fresh.py draws above, so that no test series is ever trained on
SHORTEST, LONGEST = 16, 1024  # points


def stream(process, seed, block, purpose):
    """The random generator of one block of a process; the name of the process keys it, never its place in a list."""
    words = [seed, block, purpose]
    if process is not ou:  # which came first, and has none
        words.append(int.from_bytes(hashlib.sha256(process.NAME.encode()).digest()[:4], "big"))
    return np.random.default_rng(words)


def _blockwise(numbers, width, draw):
    """Rows `numbers` of the endless table whose block b is draw(b), shape (BLOCK, width); only the needed blocks are drawn."""
    numbers = np.asarray(numbers, dtype=int)
    blocks = numbers // BLOCK
    out = np.empty((len(numbers), width))
    for block in np.unique(blocks):
        out[blocks == block] = draw(int(block))[numbers[blocks == block] % BLOCK]
    return out


def draw_parameters(seed, numbers, points, dt=1.0, process=ou):
    """Random parameters of series `numbers` (ints) of a process: {name: shape (len(numbers),)}."""

    def draw(block):
        u = stream(process, seed, block, UNIFORM).random((BLOCK, process.UNIFORM))
        drawn = process.draw(u, points, dt)
        return np.stack([drawn[name] for name in process.PARAMETERS], axis=1)

    return dict(zip(process.PARAMETERS, _blockwise(numbers, len(process.PARAMETERS), draw).T))


def draw_normals(seed, numbers, points, process=ou):
    """The standard normal numbers behind series `numbers`: shape (len(numbers), process.normals(points))."""
    shape = (BLOCK, process.normals(points))
    return _blockwise(numbers, shape[1], lambda block: stream(process, seed, block, NORMAL).standard_normal(shape))


def params(drawn, numbers, seed, points, dt=1.0, process=ou):
    """The `params` of the rows of these series, from what draw_parameters drew: a list of dicts."""
    columns = [drawn[parameter].tolist() for parameter in process.PARAMETERS]
    return [
        {
            "process": process.NAME,
            **dict(zip(process.PARAMETERS, values)),
            "dt": dt,
            "n": points,
            "seed": [seed, int(k)],
        }
        for k, *values in zip(numbers, *columns)
    ]


def make(seed, numbers, points, dt=1.0, process=ou, question=STUDY):
    """(rows for data.jsonl, paths of shape (len(numbers), points)) of these series of a seed."""
    drawn = draw_parameters(seed, numbers, points, dt, process)
    paths = process.paths(**drawn, dt=dt, noise=draw_normals(seed, numbers, points, process))
    if not np.isfinite(paths).all():
        raise cli.UserError(f"--dt {dt:g}: the paths are not finite: give a smaller one")
    series, low, high = rescale(paths)
    known = zip(params(drawn, numbers, seed, points, dt, process), series.tolist(), low.tolist(), high.tolist())
    rows = [
        {
            "id": f"{process.NAME}_{each['seed'][1]:06d}",
            "params": each,
            "series": values,
            "raw_min": least,
            "raw_max": most,
            "question": question.name,
            "truth": question.truth_of(values),
        }
        for each, values, least, most in known
    ]
    return rows, paths
