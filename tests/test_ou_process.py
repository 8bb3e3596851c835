"""The simulator against the Ornstein-Uhlenbeck process in closed form, and the rows that it writes."""

import hashlib
import json

import numpy as np
import pytest

from llm_ts.data import records
from llm_ts.question import STUDY
from llm_ts.series import PROCESSES, ou, rows
from llm_ts.series.rows import make
from llm_ts.series.scale import rescale

PATHS = 40_000
THETA, MU, SIGMA, X0, DT, N = 0.3, 2.0, 0.7, -1.5, 0.5, 24


def paths(theta=THETA, mu=MU, sigma=SIGMA, x0=X0, dt=DT, n=N, count=PATHS, seed=7):
    noise = np.random.default_rng(seed).standard_normal((count, n - 1))
    one = np.ones(count)
    return ou.paths(theta * one, mu * one, sigma * one, x0 * one, dt, noise)


def test_mean_and_variance_over_time_are_the_closed_form():
    """Uhlenbeck and Ornstein 1930: mean mu + (x0 - mu) e^(-theta t), variance sigma^2 (1 - e^(-2 theta t)) / 2 theta."""
    x = paths()
    t = np.arange(N) * DT
    mean = MU + (X0 - MU) * np.exp(-THETA * t)
    variance = SIGMA**2 / (2 * THETA) * (1 - np.exp(-2 * THETA * t))
    assert np.all(np.abs(x.mean(axis=0) - mean) <= 4.5 * np.sqrt(variance / PATHS) + 1e-12)
    # the variance of a normal sample's variance is 2 s^4 / (n - 1)
    assert np.all(np.abs(x.var(axis=0, ddof=1) - variance) <= 4.5 * variance * np.sqrt(2 / PATHS) + 1e-12)


def test_autocorrelation_at_equilibrium_is_exponential():
    """A path that starts from the stationary law has correlation e^(-theta |t - s|)."""
    rng = np.random.default_rng(3)
    start = MU + SIGMA / np.sqrt(2 * THETA) * rng.standard_normal(PATHS)
    one = np.ones(PATHS)
    noise = rng.standard_normal((PATHS, N - 1))
    x = ou.paths(THETA * one, MU * one, SIGMA * one, start, DT, noise)
    for lag in (1, 3, 8):
        expected = np.exp(-THETA * lag * DT)
        found = np.corrcoef(x[:, 5], x[:, 5 + lag])[0, 1]
        assert abs(found - expected) < 4.5 * (1 - expected**2) / np.sqrt(PATHS)


def test_two_half_steps_equal_one_step_in_law():
    """The transition is exact, not Euler's: the law after 2 steps of dt/2 is that after one of dt, for a coarse dt."""
    one = paths(theta=1.5, dt=2.0, n=2, seed=1)[:, -1]
    two = paths(theta=1.5, dt=1.0, n=3, seed=2)[:, -1]
    spread = one.std()
    assert abs(one.mean() - two.mean()) < 4.5 * spread * np.sqrt(2 / PATHS)
    assert abs(one.var() / two.var() - 1) < 4.5 * np.sqrt(4 / PATHS)
    gaps = np.searchsorted(np.sort(one), np.sort(two)) / PATHS - np.arange(PATHS) / PATHS
    assert np.abs(gaps).max() < 1.95 * np.sqrt(2 / PATHS)  # the distance of Kolmogorov and Smirnov


def test_noiseless_limit_is_the_exponential():
    x = paths(sigma=0.0, count=3)
    expected = MU + (X0 - MU) * np.exp(-THETA * DT * np.arange(N))
    np.testing.assert_allclose(x, np.tile(expected, (3, 1)), rtol=0, atol=1e-12)


def test_theta_zero_is_brownian_motion():
    x = paths(theta=0.0)
    assert abs(x[:, -1].var() / (SIGMA**2 * DT * (N - 1)) - 1) < 4.5 * np.sqrt(2 / PATHS)
    small = paths(theta=1e-9)
    np.testing.assert_allclose(small, x, atol=1e-6)


def test_series_k_is_the_same_alone_and_among_many():
    """Bit for bit, across a border between blocks of random numbers."""
    many, _ = make(5, range(1000, 1100), 48)
    for number in (1000, 1023, 1024, 1099):
        alone, _ = make(5, [number], 48)
        assert alone[0] == many[number - 1000]


def test_a_seeds_series_are_what_they_always_were():
    """On both sides of a border between blocks: kept suites and adapters rest on it."""
    for points, dt, expected in ((48, 1.0, "eeca80eb46b6d164"), (128, 0.25, "5be3984091d5f091")):
        rows, _ = make(5, [0, 1, 1023, 1024], points, dt)
        assert [row["id"] for row in rows] == ["ou_000000", "ou_000001", "ou_001023", "ou_001024"]
        assert hashlib.sha256(json.dumps([row["series"] for row in rows]).encode()).hexdigest()[:16] == expected


def test_rescaling_returns_to_the_original_unit():
    _, drawn = make(3, range(200), 64)
    series, low, high = rescale(drawn)
    assert series.min(axis=1).tolist() == [0] * 200 and series.max(axis=1).tolist() == [99] * 200
    back = low[:, None] + series / 99 * (high - low)[:, None]
    assert np.all(np.abs(back - drawn) <= (0.5 + 1e-9) / 99 * (high - low)[:, None])


@pytest.mark.parametrize("points", [48, 128])
def test_no_label_holds_much_more_than_half(points):
    rows, _ = make(0, range(4096), points)
    for claim in STUDY.claims:
        labels = [row["truth"][claim] for row in rows]
        shares = {label: labels.count(label) / len(labels) for label in STUDY.labels[claim]}
        assert max(shares.values()) <= 0.52, (claim, shares)
        assert min(shares.values()) >= 0.1, (claim, shares)


def path_of(process, params):
    """The path that a row's params describe."""
    drawn = {name: np.array([params[name]]) for name in process.PARAMETERS}
    seed, number = params["seed"]
    noise = rows.draw_normals(seed, [number], params["n"], process)
    return process.paths(**drawn, dt=params["dt"], noise=noise)[0]


@pytest.mark.parametrize("process", PROCESSES.values(), ids=lambda process: process.NAME)
def test_a_process_is_whole_and_can_be_made_again(process):
    """What the list in llm_ts/series promises, and a path from its params, bit for bit, whatever it was drawn among."""
    u = np.random.default_rng(1).random((4, process.UNIFORM))
    drawn = process.draw(u, 64, 1.0)
    assert tuple(drawn) == tuple(process.PARAMETERS) and all(values.shape == (4,) for values in drawn.values())
    assert not {"process", "dt", "n", "seed", "noise"} & set(process.PARAMETERS)  # names that params, or paths(), have already
    for points in (16, 128):
        made, paths = rows.make(7, range(1020, 1030), points, process=process)
        assert paths.shape == (10, points) and len({tuple(row["series"]) for row in made}) == 10
        for row, path in zip(made, paths):
            stored = json.loads(records.encode(row))
            again = path_of(process, stored["params"])
            assert (again == path).all() and (again.min(), again.max()) == (stored["raw_min"], stored["raw_max"])
            assert rescale(again[None])[0][0].tolist() == stored["series"]
