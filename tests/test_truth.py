"""The published rule on shapes whose answer is known without it.

Needs: nothing beyond requirements.txt. Run: python -m pytest -q tests/test_truth.py
"""

import numpy as np
import pytest

import ou_process
import truth


def ints(values):
    return ou_process.rescale(np.asarray([values], dtype=float))[0][0].tolist()


def labels(values):
    found = truth.labels_of(ints(values))
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
        (T + 0.12 * np.tile([0.0, 1.0], 64), ("increasing", "medium", "end", "beginning")),
    ],
)
def test_shapes(values, expected):
    assert labels(values) == expected


def test_white_noise_is_flat_and_high():
    for _ in range(20):
        trend, noise, _, _ = labels(RNG.standard_normal(128))
        assert (trend, noise) == ("flat", "high")


def test_reversal_and_negation_flip_what_they_must():
    """Reversing swaps the ends of time, negating swaps the ends of value; noise is untouched by both."""
    rows, _ = ou_process.make_rows(4, range(300), 48)
    flip_trend = {"increasing": "decreasing", "decreasing": "increasing", "flat": "flat"}
    flip_third = {"beginning": "end", "middle": "middle", "end": "beginning"}
    compared = 0
    for row in rows:
        k = row["series"]
        now, back, negated = (truth.labels_of(s) for s in (k, k[::-1], [99 - v for v in k]))
        assert back["trend"] == negated["trend"] == flip_trend[now["trend"]]
        assert back["noise"] == negated["noise"] == now["noise"]
        assert (negated["max"], negated["min"]) == (now["min"], now["max"])
        if now["clear"]["max"]:  # a tie in another third may be met first from the other side
            assert back["max"] == flip_third[now["max"]]
            compared += 1
    assert compared > 200


def test_the_fitted_rise_is_that_of_polyfit():
    for _ in range(50):
        k = RNG.integers(0, 100, size=int(RNG.integers(16, 200)))
        slope = np.polyfit(np.arange(len(k)), k, 1)[0]
        assert truth.rise_of(k) == pytest.approx(slope * (len(k) - 1) / (k.max() - k.min()))


def test_roughness_by_hand():
    """Increments 2, 0, 4: mean 2, deviations 0, 2, 2, mean 4/3, range 6."""
    assert truth.roughness_of([0, 2, 2, 6]) == pytest.approx(4 / 3 / 6)


def test_thresholds_are_where_the_docstring_puts_them():
    assert truth.trend_of(0.3334) == "increasing" and truth.trend_of(0.3333) == "flat"
    assert truth.trend_of(-0.3334) == "decreasing"
    assert [truth.noise_of(r) for r in (0.0399, 0.04, 0.1199, 0.12)] == ["low", "medium", "medium", "high"]


def test_a_constant_series_is_flat_low_and_unclear_about_extrema():
    found = truth.labels_of([5] * 30)
    assert (found["trend"], found["noise"]) == ("flat", "low")
    assert not found["clear"]["max"] and not found["clear"]["min"]


@pytest.mark.parametrize("n", [16, 48, 100, 128, 511])
def test_thirds_cover_and_differ_by_at_most_one(n):
    found = [truth.third(i, n) for i in range(n)]
    counts = [found.count(name) for name in truth.THIRDS]
    assert sum(counts) == n and max(counts) - min(counts) <= 1
    assert found == sorted(found, key=truth.THIRDS.index)


def test_clear_flags():
    ramp = list(range(48))
    assert all(truth.labels_of(ramp)["clear"].values())
    tie = [50] * 48
    tie[3] = tie[40] = 99
    tie[20] = 0
    assert not truth.labels_of(tie)["clear"]["max"] and truth.labels_of(tie)["clear"]["min"]
    same_third = [50] * 48
    same_third[3] = same_third[5] = 99
    assert truth.labels_of(same_third)["clear"]["max"]
    border = [50] * 48
    border[16] = 99  # the first point of the middle third
    assert not truth.labels_of(border)["clear"]["max"]
    border[16], border[18] = 50, 99
    assert truth.labels_of(border)["clear"]["max"]


def test_too_short_is_an_error():
    with pytest.raises(ValueError):
        truth.labels_of([1])
