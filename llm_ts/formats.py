"""How a series is shown to a student: its numbers in a named format, or its plot; kept with every pair, adapter and GGUF.

To add a format: one line in FORMATS. A changed one changes what trained students are asked: add another instead.
"""

from llm_ts.claims import percent
from llm_ts.claims.places import THIRDS, third


def _study(series):
    return f" [{', '.join(f'{k:02d}' for k in series)}]"


def _thirds(series):
    by_third = {name: [] for name in THIRDS}
    for i, k in enumerate(series):
        by_third[third(i, len(series))].append(f"{k:02d}")
    return "".join(f"\n{name}: {' '.join(values)}" for name, values in by_third.items())


def _tenths(series):
    by_tenth = [[] for _ in percent.TENTHS]
    for i, k in enumerate(series):
        by_tenth[percent.tenth(i, len(series))].append(f"{k:02d}")
    return "".join(f"\n{name}: {' '.join(values)}" for name, values in zip(percent.TENTHS, by_tenth) if values)


FORMATS = {"study": _study, "thirds": _thirds, "tenths": _tenths}
SEE = ("numbers", "image")  # what a student is shown


def shown(series, fmt, see="numbers"):
    """What a prompt says of a series: its numbers, or that a plot stands beside it, and of how many points.

    [0, 5, 99] as "image" -> " a plot of 3 points."
    """
    if see == "image":  # noise is a matter of the single step, which a plot alone does not show
        return f" a plot of {len(series)} points."
    return series_to_text(series, fmt)


def series_to_text(series, fmt):
    """[0, 5, 99] in "study" -> " [00, 05, 99]"; in "thirds" -> "\\nbeginning: 00\\nmiddle: 05\\nend: 99"."""
    return FORMATS[fmt](series)
