"""The published rules of the study's topics on shapes whose answer is known without it."""

import hashlib
import json
import random

import numpy as np
import pytest

from llm_ts.claims import measure_all, noise, trend
from llm_ts.question import STUDY
from llm_ts.series.scale import rescale

TOPICS = list(STUDY)


def ints(values):
    return rescale(np.asarray([values], dtype=float))[0][0].tolist()


def labels(values):
    found = measure_all(ints(values), TOPICS)
    return found["trend"], found["noise"], found["max"], found["min"]


T = np.linspace(0, 1, 128)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "values, expected",
    [
        (T, ("increasing", "low", "end", "beginning")),
        (-T, ("decreasing", "low", "beginning", "end")),
        (1 - np.exp(-3 * T), ("increasing", "low", "end", "beginning")),
        (np.where(T < 0.5, 0.0, 1.0) + T * 0.2, ("increasing", "low", "end", "beginning")),
        (np.sin(np.pi * T), ("flat", "low", "middle", "beginning")),
        (-np.sin(np.pi * T), ("flat", "low", "beginning", "middle")),
        (np.tile([0.0, 1.0], 64), ("flat", "high", "beginning", "beginning")),
        (T + 0.05 * np.tile([0.0, 1.0], 64), ("increasing", "medium", "end", "beginning")),
    ],
)
def test_shapes(values, expected):
    assert labels(values) == expected


def test_white_noise_is_flat_and_high():
    for _ in range(20):
        assert labels(RNG.standard_normal(128))[:2] == ("flat", "high")


def test_the_fitted_rise_is_that_of_polyfit():
    for _ in range(50):
        k = RNG.integers(0, 100, size=int(RNG.integers(16, 200)))
        slope = np.polyfit(np.arange(len(k)), k, 1)[0]
        assert trend.rise_of(k) == pytest.approx(slope * (len(k) - 1) / (k.max() - k.min()))


def test_roughness_by_hand():
    """Third differences 6 - 6 + 6 - 0 = 6 and 1 - 18 + 6 - 2 = -13: mean 19/2, range 6."""
    assert noise.roughness_of([0, 2, 2, 6]) == pytest.approx(6 / 6 / 6**0.5)
    assert noise.roughness_of([0, 2, 2, 6, 1]) == pytest.approx(19 / 2 / 6 / 6**0.5)
    assert noise.roughness_of([0, 9, 0]) == 0  # too few to take a course out


def test_noise_is_what_is_left_without_the_smooth_course():
    """A clean wave, a parabola and a line have none; added white noise of deviation s has s sqrt(20/6) sqrt(2/pi) / R in the mean."""
    t, rng = np.arange(4000), np.random.default_rng(3)
    for points in (12, 16, 24, 64):
        assert measure_all(ints(np.sin(2 * np.pi * t[:240] / points)), [noise])["noise"] == "low"
    assert noise.roughness_of(t**2) < 1e-6 and noise.roughness_of(3 * t + 5) < 1e-9
    for course in (np.sin(2 * np.pi * t / 40), t / 2000, 0 * t):
        values = 10 * course + rng.standard_normal(4000)
        expected = np.sqrt(20 / 6 * 2 / np.pi) / (values.max() - values.min())
        assert noise.roughness_of(values) == pytest.approx(expected, rel=0.05)
    walk = rng.standard_normal(4000).cumsum()
    assert noise.roughness_of(walk) == pytest.approx(np.sqrt(2 / np.pi) / (walk.max() - walk.min()), rel=0.05)


def test_thresholds_are_where_the_docstring_puts_them():
    """Three points: from 0 over R to d the fitted rise is d / R. Four points from 0 over a and b to R: the roughness is
    |R - 3 b + 3 a| / sqrt(6) / R."""

    def trend_of(rise):
        label, clear, number = trend.measure([0, 10_000, rise] if rise > 0 else [-rise, 10_000, 0])["trend"]
        assert number == rise / 10_000
        return label, clear

    def noise_of(rough):
        label, clear, number = noise.measure([0, 10_000 / 3, (20_000 - rough * 6**0.5) / 3, 10_000])["noise"]
        assert number == pytest.approx(rough / 10_000, abs=1e-6)
        return label, clear

    assert trend_of(3334) == ("increasing", False) and trend_of(3333) == ("flat", False)
    assert trend_of(-3334) == ("decreasing", False) and trend_of(-3333) == ("flat", False)
    assert [noise_of(r)[0] for r in (399, 401, 1199, 1201)] == ["low", "medium", "medium", "high"]
    # clear: 0.08 away from 1/3, a factor of 1.15 away from 0.04 and 0.12
    assert [trend_of(r)[1] for r in (2533, 2534, 4133, 4134)] == [True, False, False, True]
    assert [noise_of(r)[1] for r in (347, 348, 459, 461, 1043, 1044, 1379, 1381)] == [True, False, False, True] * 2


def test_a_constant_series_is_flat_low_and_unclear_about_extrema():
    found = measure_all([5] * 30, TOPICS)
    assert (found["trend"], found["noise"]) == ("flat", "low")
    assert not found["clear"]["max"] and not found["clear"]["min"]


def test_clear_flags():
    ramp = list(range(48))
    assert all(measure_all(ramp, TOPICS)["clear"].values())
    tie = [50] * 48
    tie[3] = tie[40] = 99
    tie[20] = 0
    assert not measure_all(tie, TOPICS)["clear"]["max"] and measure_all(tie, TOPICS)["clear"]["min"]
    same_third = [50] * 48
    same_third[3] = same_third[5] = 99
    assert measure_all(same_third, TOPICS)["clear"]["max"]
    border = [50] * 48
    border[16] = 99  # the first point of the middle third
    assert not measure_all(border, TOPICS)["clear"]["max"]
    border[16], border[18] = 50, 99
    assert measure_all(border, TOPICS)["clear"]["max"]


def walk(seed):
    """A walk of integers: rough or smooth, with a drift or without, 16 to 135 points."""
    rng = random.Random(seed)
    size, drift = rng.choice((1, 3, 9)), rng.choice((-1, 0, 0, 1))
    k = [0]
    for _ in range(15 + rng.randrange(120)):
        k.append(k[-1] + drift + rng.randint(-size, size))
    return k


def test_version_2_says_what_it_always_said():
    """Labels, flags and numbers as kept data files hold them; a changed rule raises VERSION."""
    assert measure_all([k * 37 % 100 for k in range(48)], TOPICS) == {
        "version": 2,
        "trend": "flat", "noise": "high", "max": "middle", "min": "beginning",
        "clear": {"trend": True, "noise": True, "max": True, "min": True},
        "numbers": {"rise": 0.022882, "rough": 0.613976, "max_at": 27, "min_at": 0},
    }  # fmt: skip
    found = [measure_all(walk(seed), TOPICS) for seed in range(500)]  # every label, clear and not
    assert hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16] == "7f05a7977069d026"


def test_too_short_is_an_error():
    with pytest.raises(ValueError):
        measure_all([1], TOPICS)
