"""The line in other people's plots: taught, found, drawn again as ours, and refused where there is none.

Needs: nothing; the finder is trained/SmolLM2-135M-Sees's, the plots are drawn here with pyplot.
"""

import json
import os
import shutil
import signal

import numpy as np
import pytest
import torch
from conftest import EMBEDDER, run_script, start, wait_for
from PIL import Image

from experiments import pretrain_finder
from llm_ts.base import cli, disk, paths
from llm_ts.data import pair
from llm_ts.pairs import fresh
from llm_ts.pictures import plot, styles
from llm_ts.sight import finder
from llm_ts.student import load


@pytest.fixture(scope="module")
def shipped():
    return finder.of(paths.SHIPPED_SEES)


def series_of(image):
    """What a plot of ours shows, read off its blue pixels: the mean height of the line in each column, from 0 to 99."""
    _, (left, top, right, bottom), _ = plot.plotter(128).empty()
    pixels = np.asarray(image).astype(float)
    blue = np.clip(pixels[..., 2] - pixels[..., 0], 0, None)[:, round(left) : round(right) + 1]
    blue[blue < 25] = 0
    there = blue.sum(axis=0) > 0
    heights = (blue * np.arange(len(pixels))[:, None]).sum(axis=0)[there] / blue.sum(axis=0)[there]
    return np.flatnonzero(there) / (blue.shape[1] - 1), 99 * (bottom - heights) / (bottom - top)


def off(image, series):
    """How far what a picture shows lies from a series, in 99ths of its range, at the middle and the worst column but a tenth."""
    at, heights = series_of(image)
    assert len(at) > 200, "half of the line is missing"
    wanted = np.interp(at, np.linspace(0, 1, len(series)), series)
    return np.quantile(np.abs(heights - wanted), [0.5, 0.9])


def smooth(seed=3):
    """A series that a column shows by one height: no jumps."""
    steps = np.linspace(0, 1, 128)
    rng = np.random.default_rng(seed)
    values = sum(rng.normal() / k * np.sin(2 * np.pi * k * steps + rng.uniform(0, 6)) for k in (0.5, 1, 2, 3))
    return 99 * (values - values.min()) / np.ptp(values)


def test_the_line_through_the_points_drawn_again_is_the_plot_of_the_series():
    """No network here: where the points are known, a plot of any style becomes ours."""
    for number in range(40):
        series = smooth(number)
        _, points = styles.draw_with_points(series, np.random.default_rng(number))
        assert off(finder.redraw(finder.line_of(points)), series)[1] < 3


LOOKS = {  # pyplot, as users have it: {name: (style, how the line is drawn, the rest)}
    "plain": ("default", {}, {"title": "Daily data", "xlabel": "day"}),
    "dark": ("dark_background", {"color": "yellow"}, {}),
    "ggplot": ("ggplot", {"linewidth": 2.5}, {"ylabel": "flow [m3/s]"}),
    "black": ("grayscale", {"linewidth": 1}, {"title": "Run 7", "xlabel": "t", "ylabel": "x"}),
    "markers": ("default", {"marker": "o", "markersize": 3, "label": "measured"}, {}),
}


def pyplot(path, draw, name="default"):
    """What draw(axes) draws, as a picture that pyplot would save."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(name):
        figure = Figure(figsize=(6, 4), dpi=110)
        draw(figure.add_subplot())
        FigureCanvasAgg(figure).print_png(path)
    return Image.open(path).convert("RGB")


def drawn(look, series, path):
    name, how, more = LOOKS[look]

    def draw(axes):
        axes.plot(1990 + np.arange(len(series)), -20 + 0.3 * np.asarray(series), **how)
        axes.set(**more)
        if "label" in how:
            axes.legend()

    return pyplot(path, draw, name)


@pytest.mark.parametrize("look", LOOKS)
def test_plots_by_another_program_are_drawn_again(shipped, look, tmp_path):
    """And with as much ink as ours: the student reads noise off how dark a plot is, whatever the width of the line was."""
    ground = np.asarray(plot.plotter(128).empty()[0]).astype(float)
    far, inks = [], []
    for seed in range(10):
        again, ours = finder.redraw(shipped.find([drawn(look, smooth(seed), tmp_path / "plot.png")])[0]), plot.picture(smooth(seed))
        far.append(off(again, smooth(seed)))
        inks.append([np.abs(np.asarray(picture) - ground).sum() for picture in (again, ours)])
    assert (np.median(far, axis=0) < (2, 8)).all(), far  # now and then an end of the line is lost
    assert abs(np.median([again / ours for again, ours in inks]) - 1) < 0.06


def test_upright_text_runs_upwards_beside_its_place():
    from PIL import ImageDraw, ImageFont

    image = Image.new("L", (100, 100))
    styles._upright(ImageDraw.Draw(image), (60, 50), "W...", "rm", fill=255, font=ImageFont.load_default(20))
    rows, columns = np.nonzero(np.asarray(image) > 128)
    assert np.ptp(rows) > np.ptp(columns) and 50 <= columns.max() < 60 and abs((rows.min() + rows.max()) / 2 - 50) < 4
    assert (rows > 50).sum() > 3 * (rows < 50).sum()  # it begins, with its W, at the bottom


def test_plots_of_ours_are_known_and_left_as_they_are(shipped, tmp_path):
    """Of all lengths, as dataset/ holds them; another program's picture of the same size is none."""
    for points in (8, 16, 33, 128, 512, 2000):
        plot.Plotter(points).save(np.resize(smooth(), points).round(), tmp_path / "ours.png")
        image = Image.open(tmp_path / "ours.png").convert("RGB")
        assert plot.is_ours(image) and finder.as_ours(shipped, image, points) is image
    other = drawn("plain", smooth(), tmp_path / "other.png").resize((640, 360))
    assert not plot.is_ours(other) and not plot.is_ours(Image.new("RGB", (640, 360), "white"))


def test_where_no_line_is_none_is_drawn(shipped, tmp_path):
    rng = np.random.default_rng(0)
    empty = {
        "white": Image.new("RGB", (640, 360), "white"),
        "axes": plot.picture([None] * 128).resize((600, 400)),
        "noise": Image.fromarray(rng.integers(0, 255, (300, 500, 3), dtype=np.uint8)),
    }
    for name, image in empty.items():
        assert finder.redraw(shipped.find([image])[0]) is None, name
        image.save(tmp_path / f"{name}.png")
    assert finder.redrawer(paths.SHIPPED_SEES)(empty["axes"], 128) is empty["axes"]  # examine.py asks about it as it is
    if os.path.isdir(os.path.join(paths.ROOT, "models", "SmolLM2-135M-Sees")):
        said = run_script("describe.py", "--image", "white.png", cwd=tmp_path, code=2).stderr
        assert "white.png: this picture shows no single line of a plot" in said and said.count("\n") == 1


def test_what_is_no_plot_of_one_line_is_mostly_known(shipped, tmp_path):
    """Two lines far apart, a pie, points without order; not all such pictures, but most, and hardly one of a single line."""
    rng = np.random.default_rng(0)
    kinds = {
        "two lines": lambda axes: axes.plot(np.transpose([smooth(rng.integers(99)), 120 + smooth(rng.integers(99))])),
        "pie": lambda axes: axes.pie(rng.uniform(1, 9, 5)),
        "points": lambda axes: axes.scatter(*rng.normal(size=(2, 80))),
    }
    for name, draw in kinds.items():
        found = shipped.find([pyplot(tmp_path / "x.png", draw) for _ in range(10)])
        assert sum(finder.redraw(line) is None for line in found) >= 8, name
    noisy = rng.normal(50, 15, (10, 128)).clip(0, 99)
    found = shipped.find([drawn("plain", series, tmp_path / "x.png") for series in noisy])
    assert sum(finder.redraw(line) is None for line in found) <= 1


def test_only_pictures_that_are_files_are_drawn_again(tmp_path):
    row = pair.show(fresh.pairs("train", [(24, 24, 1)], "thirds")[0], "image")
    plot.Plotter(24).save(row["series"], tmp_path / "x.png")
    mark = Image.new("RGB", (5, 5))
    for shown, wanted in ((row, None), ({**row, "image": str(tmp_path / "x.png")}, mark)):
        got = pair.asked_with(shown, lambda image, points: mark if (image.size, points) == ((640, 360), 24) else None).picture()
        assert (got is mark) == (wanted is mark)


def test_a_finder_lies_beside_the_weights_or_in_the_runs_folder(tmp_path):
    (tmp_path / "final").mkdir()
    assert load.finder_of(str(tmp_path)) is None and finder.redrawer(str(tmp_path)) is None
    for folder in (tmp_path / "final", tmp_path):
        (folder / load.FINDER).write_bytes(b"")
        assert load.finder_of(str(tmp_path)) == str(folder / load.FINDER)


def test_examine_draws_the_plots_of_a_folder_again(tiny_eyes, tmp_path):
    """about.json says by which finder; a file that is none is refused, so that it is looked at at all."""
    shutil.copytree(tiny_eyes, tmp_path / "Sees")
    (tmp_path / "plots").mkdir()
    for row in fresh.pairs("test", [(24, 24, 4)], "thirds"):
        drawn("dark", row["series"], tmp_path / "plots" / f"{row['id']}.png")
    flags = "--format thirds --see image --suite unseen --count 4 --points 24 --max-new-tokens 8 --dataset plots --nli none".split()

    def run(out, code=0):
        command = ["--model", "Sees", *flags, "--embedder", EMBEDDER, "--out", out]
        return run_script("examine.py", *command, cwd=tmp_path, code=code)

    run("without")
    drawn("black", smooth(), next((tmp_path / "plots").iterdir()))  # another plot of that name: asked again, alone
    assert "answered: 3\nmine_to_ask: 1\n" in run("without").stdout and "mine_to_ask: 0\n" in run("without").stdout
    shutil.copy(os.path.join(paths.SHIPPED_SEES, load.FINDER), tmp_path / "Sees")
    run("with")
    digest = disk.digest(os.path.join(paths.SHIPPED_SEES, load.FINDER))
    kept = [json.loads((tmp_path / out / "about.json").read_text()).get("finder_sha256") for out in ("without", "with")]
    assert kept == [None, digest] and "other finder_sha256" in run("without", code=2).stderr
    (tmp_path / "Sees" / load.FINDER).write_text("no weights")
    assert "no file of weights" in run("broken", code=2).stderr


@pytest.mark.slow
def test_a_finder_goes_on_after_a_stop_and_ends_the_same(tmp_path):
    flags = ["--fresh", "24x96", "--save-steps", "2", "--validation", "16", "--out"]

    def run(out, *more, code=0):
        return run_script("experiments.pretrain_finder", *flags, out, *more, cwd=tmp_path, code=code)

    run("whole")
    process = start("experiments.pretrain_finder", *flags, "cut", cwd=tmp_path)
    wait_for(process, "step 2,")
    process.send_signal(signal.SIGTERM)
    assert "saving at the next step" in process.stdout.read() and process.wait() == cli.REQUEUE
    assert "going on from" in run("cut").stdout and "nothing to do" in run("cut").stdout
    made = [(tmp_path / out / load.FINDER).read_bytes() for out in ("whole", "cut")]
    assert made[0] == made[1]
    about = json.loads((tmp_path / "cut" / "finder.json").read_text())
    assert [kept["step"] for kept in about["evaluations"]] == [2, 4, 6] and about["evaluations"][0]["shares"]["box"]["n"] == 16
    assert "other seed" in run("cut", "--seed", "7", code=2).stderr


def test_a_finder_learns_on_from_another(shipped, tmp_path):
    """A step at no rate to speak of leaves the weights that it began from."""
    start = os.path.join(paths.SHIPPED_SEES, load.FINDER)
    flags = ["--fresh", "24x16", "--validation", "16", "--learning-rate", "1e-9", "--out"]
    run_script("experiments.pretrain_finder", "--start", start, *flags, "on", cwd=tmp_path)
    learnt = finder.read(str(tmp_path / "on" / load.FINDER))
    assert all(torch.allclose(*pair, atol=1e-6) for pair in zip(learnt.parameters(), shipped.parameters(), strict=True))
    assert json.loads((tmp_path / "on" / "finder.json").read_text())["start_sha256"] == disk.digest(start)
    (tmp_path / "text").write_text("no weights")
    for bad, said in (("text", "no file of weights"), ("none", "no file none here"), ("tower", "no finder of lines")):
        path = os.path.join(paths.SHIPPED_SEES, load.TOWER) if bad == "tower" else bad
        assert said in run_script("experiments.pretrain_finder", "--start", path, *flags, "x", cwd=tmp_path, code=2).stderr
    assert not (tmp_path / "x").exists()
    assert "other start_sha256" in run_script("experiments.pretrain_finder", *flags, "on", cwd=tmp_path, code=2).stderr


def test_a_plot_without_line_has_no_points_to_find():
    """One plot of twenty; what finds no line in it has found what there is."""
    plots = finder.Plots([{"series": smooth().tolist()}] * 100, seed=2)
    empty = [number for number in range(100) if not len(plots.drawn(number)[1])]
    assert 1 <= len(empty) <= 12 and all(not plots[number]["labels"].any() for number in empty)
    blind, sure = (finder.Finder() for _ in range(2))
    for one, bias in ((blind, -20.0), (sure, 20.0)):
        torch.nn.init.zeros_(one.last.weight)
        torch.nn.init.constant_(one.last.bias, bias)
    for one, right in ((blind, len(empty)), (sure, 0)):
        shares = pretrain_finder.found(one, plots, 16)
        assert sum(shares["box"]) == right and len(shares["box"]) == 100 and len(shares["line"]) == 100 - len(empty)


def test_the_loss_is_least_where_the_line_is():
    """The network is told the truth of each pixel: trained on one plot, it finds that line and not its mirror image."""
    torch.manual_seed(0)
    image, points = styles.draw_with_points(smooth(), np.random.default_rng(1))
    learner, pixels = finder.Finder(), finder.pixels_of(image)[None]
    line = torch.from_numpy(finder.line_of(points))[None]
    steps = torch.optim.Adam(learner.parameters(), lr=1e-2)
    for _ in range(40):
        steps.zero_grad()
        loss = learner(pixels, line)["loss"]
        loss.backward()
        steps.step()
    assert learner(pixels, line)["loss"] < 0.05 and learner(pixels, line.flip(-1))["loss"] > 1.3 * learner(pixels, line)["loss"]
