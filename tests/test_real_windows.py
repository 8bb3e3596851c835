"""experiments.real_windows on a package of the test's own: values, windows, mistakes. Real pip fetches it where that counts.

Needs: pip and pandas; no network.
"""

import hashlib
import io
import os
import shutil
import tarfile
import zipfile
from operator import itemgetter

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from experiments import real_windows
from llm_ts.base import cli, pypi
from llm_ts.data import records
from llm_ts.question import STUDY

HEAD = "series,package,file,column,rows,about,licence\n"
INNER = "tiny/more.tar.gz/inner/short.csv"
LINES = {
    "walk": "walk,tiny,tiny/long.csv.gz,walk,,a random walk,free",
    "two": "two,tiny,tiny/tall.json,value,name=B,every other row,free",
    "holes": "holes,tiny,tiny/long.csv.gz,holes,,with missing values,free",
    "short": f"short,tiny,{INNER},y,,inside an archive,free",
}
RNG = np.random.default_rng(3)
WALK = RNG.standard_normal(900).cumsum()
HOLES = RNG.standard_normal(900)
HOLES[[100, 101, 350, 420, 899]] = np.nan  # the longest run: 421 to 898
TWO = RNG.standard_normal(40)
SHORT = np.arange(20.0) ** 2


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """(folder of a wheel, its SHA-256)."""
    folder = tmp_path_factory.mktemp("wheels")
    inner, text = io.BytesIO(), pd.DataFrame({"y": SHORT}).to_csv(index=False).encode()
    with tarfile.open(fileobj=inner, mode="w:gz") as tar:
        member = tarfile.TarInfo("inner/short.csv")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    columns = {"walk": WALK, "holes": HOLES, "again": 7 - 3 * WALK, "still": 0 * WALK, "twin": 2 * WALK + 5, "words": ["-"] * 900}
    table, gz = pd.DataFrame(columns), io.BytesIO()
    table.to_csv(gz, index=False, compression="gzip")
    tall = pd.DataFrame({"name": ["A", "B"] * 40, "value": np.repeat(TWO, 2) * np.tile([0, 1], 40)})
    nile = pd.read_csv(os.path.join(ROOT, "examples", "nile.csv")).iloc[20:90, -1:].to_csv(index=False)
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny/long.csv.gz", gz.getvalue())
        wheel.writestr("tiny/tall.json", tall.to_json(orient="records", double_precision=15))
        wheel.writestr("tiny/more.tar.gz", inner.getvalue())
        wheel.writestr("tiny/river.csv", nile)
        wheel.writestr("tiny/torn.csv", b"y\n\xff\xfe\n")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    return folder, hashlib.sha256((folder / "tiny-1.0-py3-none-any.whl").read_bytes()).hexdigest()


@pytest.fixture
def listed(package, tmp_path, monkeypatch):
    """A function that writes a list of lines, runs real_windows on it, and gives the rows. by_pip: else a copy is taken."""
    folder, sha256 = package
    fetch = pypi.download
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))

    def copy(requirements, into, more):
        return [shutil.copy(folder / "tiny-1.0-py3-none-any.whl", into)]

    def run(lines, *more, sha256=sha256, version="1.0", head=HEAD, by_pip=False):
        monkeypatch.setattr(pypi, "download", fetch if by_pip else copy)
        (tmp_path / "series.csv").write_text(head + "".join(line + "\n" for line in lines))
        (tmp_path / "requirements.txt").write_text(f"# one package\ntiny=={version} --hash=sha256:{sha256}\n")
        out = tmp_path / "w.jsonl"
        real_windows.main(["--out", str(out), "--list", str(tmp_path), *more])
        return records.read(str(out))

    return run


def by_series(rows):
    return {name: [row for row in rows if row["source"]["series"] == name] for name in {row["source"]["series"] for row in rows}}


def test_windows_are_the_values_of_the_package(listed):
    rows = listed(LINES.values(), by_pip=True)
    of = by_series(rows)
    run = HOLES[421:899]
    for name, values in (("walk", WALK), ("two", TWO), ("holes", run), ("short", SHORT)):
        assert 1 <= len(of[name]) <= real_windows.MOST
        for row in of[name]:
            start, n = row["source"]["start"], len(row["series"])
            part = values[start : start + n]
            assert 16 <= n <= 512 and len(part) == n
            expected = (part - part.min()) / (part.max() - part.min()) * 99
            assert np.abs(np.array(row["series"]) - expected).max() <= 0.5 + 1e-9
            assert row["source"]["package"] == "tiny==1.0" and row["split"] == "test"
    assert [len(of[name]) for name in ("walk", "two", "holes", "short")] == [5, 1, 5, 1]
    for name, points in (("two", 40), ("holes", len(run)), ("short", 20)):  # the whole series is one of them
        assert points in [len(row["series"]) for row in of[name]]
    assert len({row["id"] for row in rows}) == len(rows) == 12
    short = of["short"][0]["truth"]
    assert (short["trend"], short["max"], short["min"], short["noise"]) == ("increasing", "end", "beginning", "low")
    assert all(row["truth"] == STUDY.truth_of(row["series"]) for row in rows)


def test_windows_stay_when_the_list_grows_and_move_with_the_seed(listed):
    few, many = (by_series(listed(lines)) for lines in (list(LINES.values())[:1], LINES.values()))
    assert sorted(few["walk"], key=itemgetter("id")) == sorted(many["walk"], key=itemgetter("id"))
    assert listed(LINES.values()) == listed(LINES.values())
    other = by_series(listed(LINES.values(), "--seed", "1"))
    assert {row["id"] for row in other["walk"]} != {row["id"] for row in many["walk"]}


def test_lengths_are_log_uniform():
    lengths = []
    for seed in range(400):
        windows = real_windows.draw_windows(WALK, np.random.default_rng(seed))
        assert len(set(windows)) == 5
        lengths += [length for _, length in windows]
    shares = np.histogram(lengths, [16, 32, 64, 128, 256, 513])[0] / len(lengths)
    assert np.abs(shares - 0.2).max() < 0.04


def test_what_is_listed_twice_or_an_example_counts_once(listed, capsys):
    twin = "twin,tiny,tiny/long.csv.gz,twin,,the walk in another unit,free"
    river = "river,tiny,tiny/river.csv,flow,,the Nile,free"
    rows = listed([LINES["walk"], twin, river, LINES["short"]])
    assert set(by_series(rows)) == {"walk", "short"}
    said = capsys.readouterr().out
    assert "left out: twin is walk" in said and "left out: river is examples/nile.csv" in said and "series: 2\n" in said


@pytest.mark.parametrize(
    ("line", "settings", "why"),
    [
        ("a,tiny,tiny/gone.csv,y,,x,x", {}, "a: tiny has no tiny/gone.csv any more"),
        ("a,tiny,tiny/more.tar.gz/inner/gone.csv,y,,x,x", {}, "inner/gone.csv any more"),
        ("a,tiny,tiny/long.csv.gz,gone,,x,x", {}, "column 'gone'"),
        ("a,tiny,tiny/tall.json,value,who=B,x,x", {}, "column 'who'"),
        ("a,tiny,tiny/tall.json,value,name=C,x,x", {}, "0 values"),
        ("a,tiny,tiny/long.csv.gz,words,,x,x", {}, "0 values"),
        ("a,tiny,tiny/long.csv.gz,still,,x,x", {}, "always the same value"),
        ("a,tiny,tiny/torn.csv,y,,x,x", {}, "no table"),
        (LINES["walk"], {"sha256": "0" * 64, "by_pip": True}, "could not fetch tiny==1.0"),
        (LINES["walk"], {"version": "2.0", "by_pip": True}, "could not fetch tiny==2.0"),
        ("a,other,tiny/long.csv.gz,walk,,x,x", {}, "'other' is not in requirements.txt"),
        ("a/b,tiny,tiny/long.csv.gz,walk,,x,x", {}, "'a/b' is no name"),
        (LINES["walk"] + "\n" + LINES["walk"], {}, "2 series"),
        (LINES["walk"], {"head": "series,package\n"}, "give it the columns"),
    ],
)
def test_mistakes(listed, tmp_path, line, settings, why):
    with pytest.raises(cli.UserError, match=why) as error:
        listed([line], **settings)
    assert len(str(error.value).splitlines()) == 1 and not [*tmp_path.glob("w.jsonl*")]


def test_the_published_list_is_whole():
    entries, packages = real_windows.read_list(real_windows.LIST)
    assert len(entries) >= 80 and {entry["package"] for entry in entries} == set(packages)
    for entry in entries:
        assert all(entry[name] for name in ("file", "column", "about", "licence")), entry
    assert len({(entry["package"], entry["file"], entry["column"], entry["rows"]) for entry in entries}) == len(entries)
