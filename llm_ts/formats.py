"""How a series is written in a prompt: named formats, kept with every pair, adapter and GGUF.

To add a format: one line in FORMATS. A changed one changes what trained students are asked: add another instead.
"""

import re

from llm_ts.claims.places import THIRDS, third


def _joined(series, separator):
    return separator.join(f"{k:02d}" for k in series)


def _thirds(series, separator):
    by_third = {name: [] for name in THIRDS}
    for i, k in enumerate(series):
        by_third[third(i, len(series))].append(k)
    return "".join(f"\n{name}: {_joined(values, separator)}" for name, values in by_third.items())


FORMATS = {
    "study": lambda series: f" [{_joined(series, ', ')}]",
    "space": lambda series: f" {_joined(series, ' ')}",
    "compact": lambda series: f" {_joined(series, '')}",
    "thirds": lambda series: _thirds(series, " "),
    "thirds-comma": lambda series: _thirds(series, ", "),
    "thirds-compact": lambda series: _thirds(series, ""),
}


def series_to_text(series, fmt):
    """[0, 5, 99] in "study" -> " [00, 05, 99]"; in "thirds" -> "\\nbeginning: 00\\nmiddle: 05\\nend: 99"."""
    return FORMATS[fmt](series)


def text_to_series(text):
    """The inverse of series_to_text for every format: two-digit numbers in order."""
    return [int(k) for k in re.findall(r"\d\d", text)]
