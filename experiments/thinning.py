"""Ways to thin long series, compared by what the rules say of the thinned and
of the whole: no student is needed for that.

Reads: nothing, or the CSV files of a folder (--public), each column of each;
a student, where one is to be asked (--student).
Writes: nothing.
Run: python -m experiments.thinning --count 20

Simulated series of each process at each length; --public takes real ones, as
packages of PyPI carry them (statsmodels, sktime, vega_datasets): unpack their
wheels into a folder. Only rows whose truth is clear are counted, of a public
column only where it has more than 256 values.
"""

import glob
import os
from collections import Counter

import numpy as np

from llm_ts import cli
from llm_ts.desk import prepare
from llm_ts.question import STUDY
from llm_ts.scores.means import mean_of, percent
from llm_ts.series import PROCESSES, rows, thin
from llm_ts.series.scale import integers_of
from llm_ts.series.user import grid
from llm_ts.series.user.read import Options
from llm_ts.student import origin

LENGTHS = (600, 2000, 10000)
LONG = 256  # values of a public series, at least


def edges_of(n, points):
    return np.linspace(0, n, points + 1).round().astype(int)


def means(values, points):
    """The mean of each bin."""
    edges = edges_of(len(values), points)
    return np.add.reduceat(values, edges[:-1]) / np.diff(edges)


def every_kth(values, points):
    """One point of each bin, its middle one."""
    edges = edges_of(len(values), points)
    return values[(edges[:-1] + edges[1:] - 1) // 2]


def means_and_extremes(values, points):
    """The means; the bins that hold the maximum and the minimum of all show these."""
    return thin._with_extremes(means(values, points), values, edges_of(len(values), points))


def extremes_of_bins(values, points):
    """Least and greatest value of half as many bins, in their order."""
    out = []
    for part in np.array_split(values, points // 2):
        out += [part[k] for k in sorted((int(np.argmin(part)), int(np.argmax(part))))]
    return np.array(out)


def m4(values, points):
    """First, least, greatest and last value of a quarter as many bins, in their order (Jugel et al. 2014)."""
    out = []
    for part in np.array_split(values, points // 4):
        out += [part[k] for k in sorted((0, int(np.argmin(part)), int(np.argmax(part)), len(part) - 1))]
    return np.array(out)


def lttb(values, points):
    """Of each bin the point that spans the largest triangle with the one before and the next bin's mean (Steinarsson 2013)."""
    edges = np.concatenate([[0], edges_of(len(values) - 2, points - 2) + 1, [len(values)]])
    kept, at = [values[0]], 0
    for left, right, after in zip(edges[1:-2], edges[2:-1], edges[3:]):
        x = np.arange(left, right)
        far_x, far = (right + after - 1) / 2, values[right:after].mean()
        area = np.abs((at - far_x) * (values[left:right] - values[at]) - (at - x) * (far - values[at]))
        at = left + int(np.argmax(area))
        kept.append(values[at])
    return np.array([*kept, values[-1]])


WAYS = {
    "means": means, "every k-th": every_kth, "means, extremes": means_and_extremes, "extremes of bins": extremes_of_bins,
    "M4": m4, "LTTB": lttb, "thin.py": lambda values, points: thin.thin(values, points, STUDY),
}  # fmt: skip


def simulated(count, seed):
    """(name, values) of each process at each length."""
    for name, process in PROCESSES.items():
        for points in LENGTHS:
            for path in rows.make(seed, range(count), points, process=process)[1]:
                yield f"{name} {points}", path


def public(folder):
    """(name, values) of every column of numbers, long enough, in the CSV files of a folder."""
    for path in sorted(glob.glob(os.path.join(folder, "**", "*.csv"), recursive=True)):
        try:
            found = prepare.read_series(path, Options(all_columns=True))
        except cli.UserError:
            try:
                found = prepare.read_series(path, Options(all_columns=True, time="none"))
            except cli.UserError as error:
                print(f"left out: {os.path.relpath(path, folder)}: {str(error).replace(path, '')[:100]}")
                continue
        for series in found:
            try:
                values = grid.make_even(grid.fill(series)).values
            except cli.UserError:
                continue
            if len(values) > LONG:
                yield f"public {os.path.basename(path)} {series.column}", values


def ask(model, there, points, batch=16):
    """Ask a student about what is left; print after each batch how often its claims are right against the truth of the whole."""
    from llm_ts.student.student import Student

    fmt, student = origin.format_of(model, origin.of(model)), Student(model)
    right = {}
    for start in range(0, len(there), batch):
        some = there[start : start + batch]
        thinned = [integers_of(thin.thin(values, points, STUDY)) for _, values in some]
        for (name, values), text in zip(some, student.ask([STUDY.prompt_of(series, fmt) for series in thinned])):
            kind = name.partition(" ")[0] == "public"
            whole, read = STUDY.truth_of(integers_of(values)), STUDY.parse(text).read
            same = {claim: read[claim] == whole[claim] for claim in STUDY.claims if whole["clear"][claim]}
            for claim, agrees in same.items():
                right.setdefault((kind, claim), []).append(agrees)
            if len(same) == len(STUDY.claims):
                right.setdefault((kind, "all four"), []).append(all(same.values()))
        for kind, told in ((False, "simulated"), (True, "public")):
            cells = [f"{claim} {percent(mean_of(found))} n={len(found)}" for (k, claim), found in right.items() if k == kind]
            print(f"student, {start + len(some)} series, {told}: " + ", ".join(cells), flush=True)


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--count", type=cli.positive, default=20, help="Series of each process and length.")
    parser.add_argument("--seed", type=cli.count, default=7, help="Seed of the simulated series.")
    parser.add_argument("--points", type=cli.positive, default=thin.POINTS, help="Points that are left.")
    parser.add_argument("--public", metavar="FOLDER", help="Also the CSV files in this folder.")
    parser.add_argument("--student", metavar="MODEL", help="Also ask this student about what thin.py leaves.")
    parser.add_argument("--ask", type=cli.positive, metavar="N", help="Of so many of the series, drawn by chance; default: all.")
    args = parser.parse_args(argv)
    there = list(simulated(args.count, args.seed)) + (list(public(args.public)) if args.public else [])
    kinds = Counter("public" if name.startswith("public") else "simulated" for name, _ in there)
    right, wrong = {}, Counter()
    if args.student:
        chosen = np.random.default_rng(args.seed).permutation(len(there))[: args.ask]
        ask(args.student, [there[k] for k in chosen], args.points)
    for name, values in there:
        whole = STUDY.truth_of(integers_of(values))
        for way, thinned in WAYS.items():
            label = STUDY.truth_of(integers_of(thinned(values, args.points)))
            same = {claim: label[claim] == whole[claim] for claim in STUDY.claims if whole["clear"][claim]}
            for claim, agrees in same.items():
                right.setdefault((way, claim), []).append(agrees)
                wrong[name] += way == "thin.py" and not agrees
            if len(same) == len(STUDY.claims):
                right.setdefault((way, "all four"), []).append(all(same.values()))
    for kind, count in kinds.items():
        print(f"{kind}: {count}")
    print(f"{'way':<18}" + "".join(f"{claim:<22}" for claim in (*STUDY.claims, "all four")))
    for way in WAYS:
        cells = []
        for claim in (*STUDY.claims, "all four"):
            mean = mean_of(right[way, claim])
            cells.append(f"{100 * mean['mean']:.1f} [{100 * mean['low']:.0f}, {100 * mean['high']:.0f}] n={mean['n']}")
        print(f"{way:<18}" + "".join(f"{cell:<22}" for cell in cells))
    print("not kept by thin.py: " + (", ".join(name for name, count in wrong.items() if count) or "none"))


if __name__ == "__main__":
    cli.run(main)
