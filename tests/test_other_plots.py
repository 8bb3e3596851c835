"""Plots by programs that are not ours: whole, varied, the same again, and the right way up.

Needs: for each program what experiments/other_plots.py names; else its tests are skipped.
"""

import os

import numpy as np
import pytest
from conftest import run_script
from PIL import Image

from experiments import other_plots
from llm_ts.pairs import suites


@pytest.fixture(params=other_plots.PROGRAMS)
def program(request):
    lacks = other_plots.PROGRAMS[request.param].missing()
    if lacks:
        pytest.skip(lacks)
    return request.param


def pixels_of(path):
    """The pixels of a PNG: integers of shape (height, width, 3)."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def ink_of(pixels, other):
    """Where the line of one plot is (height, width), given another plot that differs from it in its line alone."""
    differs = (pixels != other).any(axis=2)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    panel = np.zeros_like(differs)
    panel[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    colours, counts = np.unique(pixels[panel & ~differs], axis=0, return_counts=True)
    ground = colours[counts.argmax()]
    return differs & (abs(pixels - ground).sum(axis=2) > abs(other - ground).sum(axis=2))


def rise_of(ink):
    """How far the ink of the right third lies above that of the left third, as a share of the height of all ink.

    Two thirds for a ramp, less where a legend has moved with the line.
    """
    rows, columns = np.nonzero(ink)
    third = (columns.max() - columns.min()) / 3
    left, right = rows[columns < columns.min() + third], rows[columns > columns.max() - third]
    return (left.mean() - right.mean()) / np.ptp(rows)


@pytest.mark.slow
def test_plots_are_whole_varied_and_the_same_again(program, tmp_path):
    flags = ("--program", program, "--count", 3, "--points", 32)
    said = run_script("experiments.other_plots", *flags, "--out", "a", cwd=tmp_path).stdout
    assert "rows: 3\ndrawn: 3\n" in said and f"program: {program}" in said
    names = sorted(os.listdir(tmp_path / "a"))
    assert names == sorted(f"{row['id']}.png" for row in suites.rows("unseen", 3, 32, "thirds"))
    pictures = [pixels_of(tmp_path / "a" / name) for name in names]
    for picture in pictures:
        height, width, _ = picture.shape
        assert 150 <= height <= 900 and 250 <= width <= 1200
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 5
        ground = np.median(picture.reshape(-1, 3), axis=0)
        assert (abs(picture - ground).sum(axis=2) > 60).sum() > 500
    assert len({picture.tobytes() for picture in pictures}) == 3

    before = [os.stat(tmp_path / "a" / name).st_mtime_ns for name in names]
    assert "drawn: 0\n" in run_script("experiments.other_plots", *flags, "--out", "a", cwd=tmp_path).stdout
    assert [os.stat(tmp_path / "a" / name).st_mtime_ns for name in names] == before

    # another folder, and another place in the batch
    rows = suites.rows("unseen", 3, 32, "thirds")
    assert other_plots.draw(program, rows[::-1], tmp_path / "b") == 3
    for name, picture in zip(names, pictures):
        assert np.array_equal(pixels_of(tmp_path / "b" / name), picture), name


@pytest.mark.slow
def test_a_rising_ramp_rises(program, tmp_path):
    ramp = [round(99 * k / 31) for k in range(32)]
    names = [f"style_{number}" for number in range(6)]
    for folder, series in (("up", ramp), ("down", ramp[::-1])):
        other_plots.draw(program, [{"id": name, "series": series} for name in names], tmp_path / folder)
    for name in names:
        up, down = (pixels_of(tmp_path / folder / f"{name}.png") for folder in ("up", "down"))
        assert rise_of(ink_of(up, down)) > 0.25, name
        assert rise_of(ink_of(down, up)) < -0.25, name


def test_values_keep_their_order_and_times_their_distance():
    series = [3, 99, 0, 50, 51, 7]
    kinds = set()
    for number in range(50):
        plot = other_plots.asked({"id": "x", "series": series}, np.random.default_rng(number))
        assert np.allclose((plot.y - plot.y.min()) / np.ptp(plot.y) * 99, series)
        steps = np.diff(plot.x)
        assert (steps > 0 * steps).all() and np.allclose(steps / steps[0], 1)
        kinds.add(plot.dated)
    assert kinds == {True, False}


def test_what_is_not_installed_is_named(tmp_path):
    for program, package in (("gnuplot", "gnuplot-nox"), ("r", "r-base-core")):
        flags = ("--program", program, "--count", 1, "--points", 32, "--out", "plots")
        said = run_script("experiments.other_plots", *flags, cwd=tmp_path, env={"PATH": str(tmp_path)}, code=2).stderr
        assert f"apt-get install {package}" in said
    assert not os.path.exists(tmp_path / "plots")
