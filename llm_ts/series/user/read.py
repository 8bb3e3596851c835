"""A user's file -> its series: (times, values, unit, name), whatever program wrote it. The one owner of that way.

    read("flow.csv", Options())[0]  ->  Series(column="flow", unit="m3/s", values=..., at=..., labels=..., notes=[...])

source.py opens the file as texts, layout.py finds header and rows, columns.py chooses, numbers.py and times.py read the cells.
Each repair is a note; what can be read in two ways is a UserError that shows both and the flag that decides.
"""

from dataclasses import dataclass, field

import numpy as np

from llm_ts import cli
from llm_ts.series.user import columns, kept_rows, layout, numbers, source, time_shapes, times

WIDE = 5  # columns of numbers, at least, whose names count up or are times: the series stand in rows


@dataclass(frozen=True)
class Options:
    """What a user may say about his file; each is the flag of describe.py of the same name."""

    columns: tuple = ()
    all_columns: bool = False
    time: str | None = None
    where: tuple = ()
    rows: tuple = ()
    sheet: str | None = None
    separator: str | None = None
    decimal: str | None = None
    missing: tuple = ()
    skip: int = 0
    dates: str | None = None


@dataclass
class Series:
    """One series of a file, as it stands there. n rows.

    values: (n,) floats, NaN where missing; zero: a whole number to be added to each (counters beyond 2^53). at: (n,) floats,
    rising or falling, in seconds since 1970 + start ("date"), years ("year") or the file's own unit ("number"); None without
    times. labels: n texts that name the rows, or None.
    """

    source: str
    column: str
    unit: str
    values: np.ndarray
    at: np.ndarray | None = None
    kind: str | None = None
    labels: object = None
    zero: int = 0
    start: int = 0
    notes: list = field(default_factory=list)


def read(path, options=Options()):
    """A file ("-": stdin) -> the list of its series that the options choose. UserError in one line where it cannot be decided."""
    with source.open_table(path, options.separator, options.skip, options.sheet) as table:
        found = layout.read(table)
        wide = _times_in_header(found)
        if options.rows or (wide or _lies_down(found)) and not (options.columns or options.all_columns):
            return _series_in_rows(found, wide, options)
        return _series_in_columns(found, options)


def _series_in_columns(found, options):
    named = [found.place(name) for name in options.columns]
    time, note = columns.time_column(found, options.time, named)
    values, notes = columns.value_columns(found, options.columns, options.all_columns, time)
    if note:
        notes = [note, *notes]
    labels = None if time else _label_column(found, values)
    wheres = [found.place(where.partition("=")[0].strip(), "--where") for where in options.where if "=" in where]
    used = {*time, *values, *wheres, *([] if labels is None else [labels])}
    texts = [place for place, kind in enumerate(found.kinds) if kind == "text" or columns.MAYBE_ID.search(found.names[place])]
    groups = kept_rows.groups_of(found, found.head, used)
    frame = kept_rows.choose_rows(found, found.body([*used, *(place for place in texts if place in groups)]), options.where)
    if time:
        read, more = columns.read_times(found, frame, time, options.dates, options.decimal)
        keep, left = kept_rows.drop_rows_without_time(found, frame, read.at, time, values)
        notes, at, kind, start = [*notes, *more, *left], read.at[keep], read.kind, read.start
        names = (
            frame[time[0]]
            if len(time) == 1
            else frame[list(time)].agg((" " if found.shapes[time[0]] in time_shapes.DAILY else "-").join, axis=1)
        )
    else:
        _refuse_unread_times(found, {found.names[place]: found.head[place] for place in texts if place not in values}, options)
        names = None if labels is None else frame[labels]
        if (
            labels is not None
            and options.time != "none"
            and not options.where
            and kept_rows.repeats(names)
            and not found.row_names
        ):
            raise cli.UserError(
                f"{found.where}: {found.names[labels]} repeats itself: several series below each other? "
                f"Give {kept_rows.advice(found, frame, [labels])}; or --time none takes all rows as one series"
            )
        keep, left = kept_rows.drop_totals(found, frame, names, values)
        notes, at, kind, start = [*notes, *left], None, None, 0
    frame, names = frame[keep], None if names is None else names[keep]
    groups = [place for place in groups if place not in used and place in frame and kept_rows.repeats(frame[place])]
    if at is not None and len(np.unique(at)) < len(at):
        at, frame, names = _without_doubles(found, frame, at, names, values, groups, notes)
    elif groups and not options.where and at is not None:
        name, there = found.names[groups[0]], list(dict.fromkeys(frame[groups[0]]))
        notes.append(
            f"{name} is {kept_rows.some(there)}: all rows are taken as one series "
            f"(else {kept_rows.advice(found, frame, groups[:1]).split(',')[0]})"
        )
    out = []
    for value in values:
        column = _numbers(found, frame[value], value, options)
        unit = column.unit or found.units[value]
        name = found.names[value]
        out.append(
            Series(
                found.where, name, unit, column.values, at, kind, names, column.zero, start, [*found.notes, *notes, *column.notes]
            )
        )
    return out


def _refuse_unread_times(found, columns, options):
    """UserError where texts look like times and could not be read: the rows may stand backwards. columns: {name: texts}."""
    for name, there in columns.items():
        if options.time != "none" and time_shapes.like_times(there := [*filter(None, there)]):
            first, last = there[0], there[-1]
            raise cli.UserError(
                f"{found.where}: {name} holds texts like times, {first!r} to {last!r}, that cannot be read as such: write them "
                "as 2024-03-31, or --time none takes the rows in the order in which they stand"
            )


def _label_column(found, values):
    """The place of the texts that name the rows: the first column of texts, or R's row names; None without."""
    if found.row_names:
        return 0
    return next((place for place, kind in enumerate(found.kinds) if kind in ("text", "time") and place not in values), None)


def _numbers(found, texts, place, options, line=None):
    """The numbers of a column; errors say the file, the line and the column."""
    words, codes = numbers.missing_words(options.missing)
    default = "." if found.separator not in (";", "\t") else None
    name = found.names[place] if line is None else line
    known = _known_mark(found, place) if options.decimal is None else None
    try:
        return numbers.read(texts, words, options.decimal, codes, default, known)
    except numbers.NoNumber as error:
        row = f"line {found.line(texts.index[error.row])}: " if line is None else ""
        raise cli.UserError(
            f"{found.where}, {row}{name} is {error.text!r}, {error.why}: mend it, or take it as missing: --missing {error.text!r}"
        ) from None
    except cli.UserError as error:
        raise cli.UserError(f"{found.where}: {name}: {error}") from None


def _known_mark(found, place):
    """The decimal mark that the other columns of numbers show for sure, where they agree; else None."""
    if not found.marks:
        for other, kind in enumerate(found.kinds):
            cells = found.head[other].head(layout.SAMPLE).tolist() if kind == "number" and not found.shapes[other] else ()
            ways = [numbers.readings(match["body"]) for cell in cells if (match := numbers.match(cell))]
            found.marks.append({next(iter(way)) for way in ways if len(way) == 1})
    marks = set().union(*(marks for other, marks in enumerate(found.marks) if other != place))
    return marks.pop() if len(marks) == 1 else None


def _without_doubles(found, frame, at, names, values, groups, notes):
    """Rows that say the same twice are dropped; UserError where times are double for another reason."""
    _, first, counts = np.unique(at, return_index=True, return_counts=True)
    alike = frame[values].assign(at=at).drop_duplicates()
    if len(alike) == len(first):
        notes.append(f"{len(at) - len(first)} rows stand twice: taken once")
        kept = np.sort(first)
        return at[kept], frame.iloc[kept], names.iloc[kept]
    often = int(counts.max())
    who = names.iloc[first[int(np.argmax(counts))]]
    what = f"every time stands {often} times" if (counts == often).all() else f"{who!r} stands {often} times, as a time"
    there = kept_rows.advice(found, frame, groups) if groups else "--where COLUMN=TEXT"
    raise cli.UserError(
        f"{found.where}: {what}: several series below each other? Give {there}; or --time none takes all rows as one series"
    )


# series in rows


def _times_in_header(found):
    """Places of the columns of numbers whose names are times, or count up; () where they are names of things."""
    places = [place for place, kind in enumerate(found.kinds) if kind in ("number", "empty")]
    for fits in (lambda names: time_shapes.shape_of(names), layout.counts_up):
        there = [place for place in places if time_shapes.shape_of([found.names[place]] * 3) or found.names[place].isdigit()]
        names = [found.names[place] for place in there]
        if len(there) >= WIDE and fits(names):
            return tuple(there)
    return ()


def _lies_down(found):
    """Whether a table without times is much wider than high, as one or two series in rows are."""
    wide = found.kinds.count("number")
    return wide >= max(WIDE, 2 * len(found.head)) and not any(shape and shape not in time_shapes.WEAK for shape in found.shapes)


def _series_in_rows(found, wide, options):
    frame = found.body()
    places = list(wide) or [place for place, kind in enumerate(found.kinds) if kind == "number"]
    if options.rows and not wide and not any(kind in ("text", "time") for kind in found.kinds):
        places.remove(0)  # the rows are named by numbers: years, with a column for each month
    texts = [place for place in range(len(found.names)) if place not in places] or [0]
    there = [" ".join(filter(None, row)) for row in frame[texts].to_numpy().tolist()]
    if set(texts) <= set(places):  # no column names the rows
        there = [f"row {row + 1}" for row in range(len(frame))]
    if not options.rows and len(frame) > 1:
        first = there if there[0] == "row 1" else [row[0] for row in frame[texts].to_numpy().tolist()]
        what = (
            f"the columns are times, {found.names[places[0]]} to {found.names[places[-1]]}"
            if wide
            else f"{len(places)} columns and {len(frame)} rows"
        )
        raise cli.UserError(
            f"{found.where}: {what}: do the series stand in rows? Give --row, one of {kept_rows.some(first)}; "
            "or --column for one column over all rows"
        )
    out = []
    for wanted in options.rows or (there[0],):
        fits = [row for row in range(len(frame)) if wanted == there[row] or wanted in [frame[place].iloc[row] for place in texts]]
        if len(fits) != 1:
            what = f"{len(fits)} rows are" if fits else "no row is"
            raise cli.UserError(f"{found.where}: {what} called {wanted!r}: it has {kept_rows.some(there)}")
        cells = frame[places].iloc[fits[0]].reset_index(drop=True).astype("str")
        column = _numbers(found, cells, places[0], options, f"row {wanted}")
        names = [found.names[place] for place in places]
        series = Series(found.where, wanted, column.unit, column.values, zero=column.zero, notes=[*found.notes, *column.notes])
        series.notes.append(f"the series stands in a row, {len(places)} cells")
        if wide and options.time != "none":
            _put_times(series, names, options)
        else:
            _refuse_unread_times(found, {"the header": names}, options)
        out.append(series)
    return out


def _put_times(series, names, options):
    """The header's cells as the times of a series."""
    import pandas as pd

    texts = pd.Series(names, dtype="str")
    shape = time_shapes.shape_of(names)
    try:
        read = times.read(texts, shape, options.dates) if shape else times.read_numbers(texts.astype(float).to_numpy(), "header")
    except times.TwoReadings as error:
        raise cli.UserError(f"{series.source}: its header: {error}") from None
    series.labels = texts
    if not np.isnan(read.at).any() and len(np.unique(read.at)) == len(read.at):
        series.at, series.kind = read.at, read.kind
