"""What a program is to draw: a series in a user's unit, with words, times and a size, all drawn by chance."""

import hashlib
from typing import NamedTuple

import numpy as np

UNITS = {  # what was measured: its units
    "value": ("", "", "a.u."),
    "temperature": ("K", "deg C", ""),
    "pressure": ("hPa", "bar"),
    "price": ("EUR", "USD", ""),
    "flow": ("m3/s", "l/min"),
    "level": ("m", "cm", "dB"),
    "speed": ("m/s", "km/h"),
    "demand": ("MW", "kWh", ""),
    "rate": ("%", "1/s", ""),
    "signal": ("V", "mV", ""),
    "count": ("", "per day"),
    "load": ("kN", "%"),
}

X_NAMES = ("time", "t", "Time [s]", "step", "index", "Time step", "sample", "")
TITLES = ("Measurement", "Time series", "Sensor 3", "Station 12", "Run 7", "Daily data", "Results", "Overview", "Observed")
HOURS = (1, 24, 168, 730)  # of one step on an axis of dates: an hour, a day, a week, a month's length

DARK_LINES = ("#000000", "#0000cc", "#1f4e9c", "#b22222", "#d62728", "#006400", "#2ca02c", "#800080", "#cc5500", "#008080")
BRIGHT_LINES = ("#ffffff", "#ffff00", "#00ffff", "#7fff00", "#ff8c00", "#ff6ec7", "#87cefa")
LIGHT_GROUNDS = ("#fffff0", "#f5f5f5", "#eeeeee", "#faf0e6", "#f0f8ff", "#e5e5e5")
DARK_GROUNDS = ("#000000", "#1a1a1a", "#10203a", "#222222", "#2d2d30", "#003030")


class Plot(NamedTuple):
    """What a program is to draw, before its style is chosen."""

    x: np.ndarray  # n numbers, or n times (datetime64[s])
    y: np.ndarray  # n values in the user's unit
    title: str  # empty: none, as for the names of the axes
    x_name: str
    y_name: str
    width: int  # pixels
    height: int

    @property
    def dated(self):
        return self.x.dtype.kind == "M"

    @property
    def hours(self):
        """Length of a step of dates, in hours."""
        return int((self.x[1] - self.x[0]) / np.timedelta64(1, "h"))


def generator(program, row):
    """The numpy Generator of a row's plot by a program."""
    return np.random.default_rng(list(hashlib.sha256(f"{program} {row['id']}".encode()).digest()))


def pick(rng, values):
    return values[int(rng.integers(len(values)))]


def chance(rng, share):
    return bool(rng.random() < share)


def asked(row, rng):
    """Row with its series of n integers -> what is to be drawn: values and times in a user's units, words, size."""
    series = np.asarray(row["series"], dtype=float)
    scale, offset = 1.0, 0.0
    if chance(rng, 0.8):
        scale = 10 ** rng.uniform(-3, 3)
        offset = 99 * scale * (rng.uniform(-1, 1) if chance(rng, 0.6) else rng.uniform(-20, 20))
    what = pick(rng, list(UNITS))
    unit = pick(rng, UNITS[what])
    y_name = f"{what} [{unit}]" if unit else what
    x, x_name = _times(len(series), rng)
    width = int(rng.uniform(320, 1000))
    height = int(np.clip(width / rng.uniform(1.1, 2.6), 240, 760))
    return Plot(
        x=x,
        y=scale * series + offset,
        title=pick(rng, TITLES) + (f": {what}" if chance(rng, 0.5) else "") if chance(rng, 0.4) else "",
        x_name=x_name if chance(rng, 0.6) else "",
        y_name=y_name if chance(rng, 0.6) else "",
        width=width,
        height=height,
    )


def _times(count, rng):
    """(n equidistant numbers or dates, name of the axis)."""
    kind = rng.random()
    if kind < 0.3:
        start = np.datetime64("1990-01-01T00:00:00") + np.timedelta64(int(rng.integers(12000)), "D")
        return start + np.arange(count) * np.timedelta64(pick(rng, HOURS), "h"), pick(rng, ("date", "Date", ""))
    if kind < 0.4:
        return np.arange(count) + float(rng.integers(1850, 1990)), pick(rng, ("year", "Year"))
    if kind < 0.6:
        return np.arange(count) * pick(rng, (0.01, 0.1, 0.25, 0.5, 2.0, 10.0)), pick(rng, X_NAMES)
    return np.arange(count) + float(rng.integers(2)), pick(rng, X_NAMES)
