"""Which rows of a table belong to one series: those that the user chooses, and none of the totals, means and remarks."""

import re

import numpy as np

from llm_ts import cli
from llm_ts.series.user import time_shapes

TOTALS = re.compile(
    r"(?i)\W*(grand |sub|zwischen|gesamt|end)?-?\s?(total|totals|sum|summe|gesamt|insgesamt|suma|somme|totale|mean|average|avg|"
    r"mittel|mittelwert|moyenne|media|promedio|median|min|max|minimum|maximum|std|stdev|count|合計|平均|总计|M13|Q05|S03)\b.*"
)
FEW = 0.34  # share of distinct values, at most, in a column that says which series a row belongs to


def repeats(cells):
    """Whether a column has few different texts, each of them several times."""
    counts = cells[cells != ""].value_counts()
    return 2 <= len(counts) <= FEW * counts.sum() and counts.iloc[-1] > 1


def choose_rows(layout, frame, wheres):
    """The rows that fit all of --where name=text; UserError where none does. frame: a DataFrame of texts by place."""
    for where in wheres:
        name, sign, text = where.partition("=")
        if not sign:
            raise cli.UserError(f"--where {where!r}: give a column and its text, as station=north")
        place = layout.place(name.strip(), "--where")
        fits = frame[place].str.strip() == text.strip()
        if not fits.any():
            there = list(dict.fromkeys(frame[place]))
            raise cli.UserError(f"{layout.where}: no row has {name.strip()} = {text.strip()!r}: it has {some(there)}")
        frame = frame[fits]
    return frame


def some(texts):
    return ", ".join(texts[:8]) + (f" and {len(texts) - 8} more" if len(texts) > 8 else "")


def groups_of(layout, frame, used):
    """Places of the columns that may say which series a row belongs to."""
    return [
        place
        for place in range(len(layout.names))
        if place not in used and layout.kinds[place] in ("text", "number") and place in frame and repeats(frame[place])
    ]


def advice(layout, frame, groups):
    """ "--where station=north, one of north, south"."""
    if not groups:
        return "--where"
    name, there = layout.names[groups[0]], list(dict.fromkeys(frame[groups[0]]))
    return f"--where {name}={there[0]!r}, of {some(there)}" if " " in there[0] else f"--where {name}={there[0]}, of {some(there)}"


def drop_rows_without_time(layout, frame, at, places, values):
    """(rows to keep, notes): totals, means and remarks at the end are no part of the series. UserError for others without a time.

    at: the times, NaN where a text is none. places: of the time columns. values: places of the values.
    """
    place = places[0]
    bad = np.isnan(at)
    if not bad.any():
        return ~bad, []
    if bad.all():
        raise cli.UserError(f"{layout.where}: no text of {layout.names[place]} can be read as a time: give --time none")
    last = len(bad) - 1 - int(np.argmax(~bad[::-1]))
    notes = []
    for row in np.flatnonzero(bad):
        text, value = frame[place].iloc[row], " ".join(frame[values[0]].iloc[row : row + 1])
        total = any(TOTALS.fullmatch(frame[one].iloc[row]) for one in places)
        remark = row > last and not (value and time_shapes.fits(layout.shapes[place], text))  # 2024-02-30 with a value is none
        if remark or total or not (text or value):
            if text or value:
                notes.append(
                    f"line {layout.line(frame.index[row])} left out: {text!r} is no time as the others are"
                    + (f" (its value is {value})" if value else "")
                )
            continue
        raise cli.UserError(
            f"{layout.where}, line {layout.line(frame.index[row])}: {layout.names[place]} is {text!r}, no time as the others "
            "are: mend or drop it (--time none takes the rows as they stand)"
        )
    if len(notes) > 3:
        notes = [*notes[:2], f"{len(notes) - 2} more lines like these left out"]
    return ~bad, notes


def drop_totals(layout, frame, labels, values):
    """(rows to keep, notes) where no column holds times: last rows that are called Total, Mean and the like are no part."""
    keep, notes = np.ones(len(frame), dtype=bool), []
    if labels is not None and _count_down(labels):
        notes.append(f"the rows count down, {labels.iloc[0]} to {labels.iloc[-1]}: taken as they stand, the first one first")
    while labels is not None and keep.sum() > 2 and TOTALS.fullmatch(labels.iloc[int(keep.sum()) - 1]):
        row = int(keep.sum()) - 1
        keep[row] = False
        notes.append(
            f"line {layout.line(frame.index[row])} left out: {labels.iloc[row]!r} is no row of the series "
            f"(its value is {frame[values[0]].iloc[row]})"
        )
    return keep, notes


def _count_down(labels):
    """Whether names end in numbers that fall by one: t23, t22, ... t00."""
    found = labels.str.extract(r"^(?P<word>\D*)(?P<number>\d{1,9})$")
    if found.isna().any(axis=None) or found["word"].nunique() > 1:
        return False
    return bool((np.diff(found["number"].astype("int64")) == -1).all()) and len(labels) > 2
