"""Which columns of a table are the values, and which the times.

The user names them, or there is only one way to choose. Else: UserError with what is there and the flag that decides.
"""

import re

import numpy as np

from llm_ts import cli
from llm_ts.series.user import kept_rows, numbers, time_shapes, times

SURE_ID = re.compile(
    r"(?i)(^|[^a-z])(id|ids|uuid|sample|samples|serial|key|zip|plz|postcode|phone)([^a-z]|$)|[a-z](ID|Id|Nr|No)$"
)
MAYBE_ID = re.compile(
    r"(?i)(^|[^a-z])(nr|no|num|number|index|idx|row|code|station|site|sensor|gauge|unnamed|#|column 1)([^a-z]|$)|^$|^#$"
)
SURE_TIME = re.compile(
    r"(?i)(^|[^a-z])(year|years|date|datum|datetime|timestamp|time|epoch|jahr|zeit|fecha|ann[eé]e)([^a-z]|$)|(date|time)$|日期|时间|年"
)
PARTS = {  # columns that are one time together
    "year": r"(?i)years?|yr|yyyy|jahr|ann[eé]e|a[nñ]o|年", 
    "month": r"(?i)months?|mon|mo|mm|monat|mois|mes|m[eê]s|period|月", "quarter": r"(?i)quarters?|qtr|q|quartal|trimestre",
    "yday": r"(?i)doy|yday|jday|day ?of ?year|julian ?day", "week": r"(?i)weeks?|wk|kw|woche|semaine|semana",
    "day": r"(?i)days?|dd|dy|tag|jour|d[ií]a|日", "hour": r"(?i)hours?|hh|hr|stunde|heure|hora|hhmm",
}  # fmt: skip


MOST = {"month": 12, "quarter": 4, "yday": 366, "week": 53}  # of a year


def time_column(layout, wanted, values=()):
    """(places of the time columns, note or None): (), one, or year, month, day ... that are one time together.

    wanted: --time: a name, "none", or None. values: places of columns that the user wants as values.
    """
    if wanted == "none":
        return (), None
    if wanted:
        return (layout.place(wanted, "--time"),), None
    free = [place for place in range(len(layout.names)) if place not in values]
    found = {part: place for place in reversed(free) for part, name in PARTS.items() if re.fullmatch(name, layout.names[place])}
    parts = [part for part in MOST if part in found and _all_parts(layout.head[found[part]], MOST[part])]
    if "year" in found and layout.shapes[found["year"]] == "year" and parts:
        used = [found["year"], found[parts[0]]]
        if parts[0] == "month":
            used += [found[part] for part in ("day", "hour") if part in found and layout.kinds[found[part]] == "number"]
        return tuple(used), f"{' and '.join(layout.names[place] for place in used)} are one time together"
    strong = [
        place
        for place in free
        if layout.kinds[place] == "time"
        and layout.shapes[place] not in time_shapes.WEAK
        or layout.shapes[place] == "compact"
        and SURE_TIME.search(layout.names[place])
    ]
    clocks = [place for place in free if layout.shapes[place] == "clock"]
    if strong:
        first = next((place for place in strong if time_shapes.HINT.search(layout.names[place])), strong[0])
        hours = [place for place in free if place != first and _holds_hours(layout, place)]
        more = next(iter([*clocks, *hours]), None)
        if more is not None and layout.shapes[first] in time_shapes.DAILY and not _holds_clock(layout.head[first]):
            return (first, more), f"{layout.names[first]} and {layout.names[more]} are one time together"
        note = f"times are those of {layout.names[first]} (--time)" if len(strong) > 1 else None
        return (first,), note
    weak = [
        place
        for place in free
        if layout.kinds[place] == "time" and (layout.shapes[place] != "clock" or _clock_goes_on(layout, place))
    ]
    if weak:
        return (weak[0],), None
    digits = [place for place in free if layout.kinds[place] == "number" and not (layout.row_names and place == 0)]
    if len(digits) < (1 if values else 2):
        return (), None
    for place in digits:
        if SURE_TIME.search(layout.names[place]) and (layout.shapes[place] or _rises(layout, place)):
            return (place,), None
    place = digits[0]
    if time_shapes.HINT.search(layout.names[place]) or layout.shapes[place] and _rises(layout, place):
        return (place,), None
    if _rises(layout, place, even=True):
        return (place,), f"{layout.names[place]} rises evenly: taken as the axis of time (else --time none)"
    return (), None


def _all_parts(texts, most):
    """Whether nearly all texts are numbers of months, quarters ... (M13, a year's mean, is none)."""
    there = [times.part_of(text, most) for text in texts if text]
    return len(there) > 0 and np.isnan(there).mean() <= 0.2


def _holds_hours(layout, place):
    """Whether a column beside one of dates holds hours, 0 to 24, or 0000 to 2400."""
    if not re.fullmatch(f"{PARTS['hour']}|time|zeit|uhrzeit|utc", layout.names[place], re.I):
        return False
    there = [text for text in layout.head[place] if text]
    if not all(re.fullmatch(r"\d{1,4}", text) for text in there):
        return False
    return all(int(text) <= 24 for text in there) or all(int(text) <= 2400 and int(text) % 100 < 60 for text in there)


def _holds_clock(texts):
    return bool(texts.str.contains(":", regex=False).mean() > 0.5)


def _clock_goes_on(layout, place):
    """Whether clock times follow one another; else they are durations, of races for example."""
    steps = np.diff(times.read(layout.head[place], "clock").at)
    return bool((steps > 0).all() or (steps < 0).all())


def _rises(layout, place, even=False):
    """Whether the numbers of a column only rise, or only fall; even: in equal steps."""
    try:
        steps = np.diff(numbers.read(layout.head[place], default=".", codes=False).values)
    except cli.UserError:
        return False
    steps = steps[: len(steps) - 1] if np.isnan(steps[-1:]).any() else steps
    one_way = len(steps) > 1 and bool((steps > 0).all() or (steps < 0).all())
    return one_way and (not even or bool(np.allclose(steps, np.median(steps), rtol=1e-3)))


def value_columns(layout, named, every, time):
    """Places of the columns to describe. named: those that the user named; every: --all-columns; time: places of the times."""
    if named:
        return [layout.place(name) for name in named], []
    digits = [
        place
        for place, kind in enumerate(layout.kinds)
        if kind == "number" and place not in time and not (layout.row_names and place == 0)
    ]
    ids = [place for place in digits if is_id(layout, place)]
    chosen = [place for place in digits if place not in ids]
    if len(chosen) > 1 and not every:  # a number that says which series a row belongs to is no measurement
        groups = [place for place in chosen if MAYBE_ID.search(layout.names[place]) and kept_rows.repeats(layout.head[place])]
        chosen = [place for place in chosen if place not in groups]
    if not chosen and ids:
        shown = layout.listed(ids)
        raise cli.UserError(
            f"{layout.where}: {shown} counts or names things, and no other column holds numbers: "
            "give --column if it is to be described"
        )
    if not chosen:
        others = [place for place in range(len(layout.names)) if place not in time] or list(time)
        why = " (--time none?)" if any(layout.kinds[place] == "number" for place in time) else ""
        raise cli.UserError(f"{layout.where} has no column of numbers: {layout.seen(others)}{why}")
    if len(chosen) > 1 and not every:
        raise cli.UserError(f"{layout.where}: which column? Give --column, one of {layout.listed(chosen)}, or --all-columns")
    notes = []
    clocks = [place for place, shape in enumerate(layout.shapes) if shape == "clock" and place not in time]
    if len(chosen) == 1 and clocks and _counts_up(layout, chosen[0]):
        raise cli.UserError(
            f"{layout.where}: {layout.names[chosen[0]]} counts the rows, and {layout.names[clocks[0]]} holds times of a "
            "clock, or durations: write these as plain numbers (seconds)"
        )
    if len(chosen) == 1 and not time and not layout.row_names and _rises(layout, chosen[0], even=True):
        others = [place for place, kind in enumerate(layout.kinds) if kind in ("text", "time") and place != chosen[0]]
        if others and not every:
            name = layout.names[chosen[0]]
            raise cli.UserError(
                f"{layout.where}: only {name} holds numbers, and it counts evenly, as an axis does; {layout.seen(others)}: "
                f"mend these, or give --column {_quoted(name)} if that is to be described"
            )
        if _counts_up(layout, chosen[0]):
            notes.append(f"{layout.names[chosen[0]]} counts up by one, as the numbers of rows do: is it a measurement?")
    return chosen, notes


def _quoted(name):
    return f"'{name}'" if re.search(r"[^\w.-]", name) else name


def is_id(layout, place):
    """Whether a column of whole numbers names things: by its name, or by zeros in front."""
    cells = [cell for cell in layout.head[place].tolist() if cell]
    if not all(re.fullmatch("[0-9]+", cell) for cell in cells):
        return False
    if all(len(cell) == len(cells[0]) > 1 for cell in cells) and any(cell[0] == "0" for cell in cells):
        return True
    name = layout.names[place]
    return bool(SURE_ID.search(name)) or bool(MAYBE_ID.search(name)) and len(set(cells)) == len(cells) and _rises(layout, place)


def _counts_up(layout, place):
    steps = np.diff([int(cell) for cell in layout.head[place].tolist() if re.fullmatch("[0-9]{1,15}", cell)])
    return len(steps) > 6 and bool((steps == 1).all())


def read_times(layout, frame, places, dates, decimal=None):
    """(Times of the rows or None, notes). UserError for dates that may be read in two ways."""
    texts, name = frame[places[0]], layout.names[places[0]]
    if len(places) > 1:
        return _together(layout, frame, places, dates), []
    shape = layout.shapes[places[0]]
    if (
        shape is None
        and layout.kinds[places[0]] == "number"
        or shape == "year"
        and layout.kinds[places[0]] == "number"
        and not _whole_years(texts)
    ):
        try:
            found = numbers.read(_blanked(texts), decimal=decimal, default=".", codes=False)
        except cli.UserError as error:
            raise cli.UserError(f"{layout.where}: the times in {name}: {error} (or --time none)") from None
        read = times.read_numbers(found.values, name, found.zero, found.unit)
        return read, [read.note] if read.note else []
    if shape is None:
        raise cli.UserError(
            f"{layout.where}: {name} holds no times that can be read: give another column to --time, or --time none"
        )
    read = _dated(layout, texts, shape, dates, name)
    return read, [read.note] if read.note else []


def _dated(layout, texts, shape, dates, name):
    try:
        return times.read(texts, shape, dates)
    except times.TwoReadings as error:
        raise cli.UserError(f"{layout.where}: {name}: {error}") from None


def _whole_years(texts):
    return bool(texts[texts != ""].str.fullmatch(r"[12][0-9]{3}(\.0+)?").mean() > 0.8)


def _blanked(texts):
    """The texts of a column of numbers, with those that are none, a total's name, left empty."""
    rest = texts[~texts.str.fullmatch(numbers.SIMPLE["."][0])]
    bad = [text for text in rest.unique() if not numbers.is_number(text)]
    return texts.where(~texts.isin(bad), "") if bad and len(bad) <= 5 else texts


def _together(layout, frame, places, dates):
    """Years, months, days and hours in columns of their own, or days and clock times -> Times."""
    first = layout.shapes[places[0]]
    if first in time_shapes.DAILY:
        days = _dated(layout, frame[places[0]], first, dates, layout.names[places[0]]).at
        return times.Times(days + times.read_clock(frame[places[1]]), "date", first)
    part = next(part for part in MOST if re.fullmatch(PARTS[part], layout.names[places[1]]))
    years = numbers.read(_blanked(frame[places[0]])).values
    parts = [years, np.array([times.part_of(text, MOST[part]) for text in frame[places[1]]])]
    if len(places) == 2 and part in ("month", "quarter"):
        return times.Times(years + (parts[1] - 1) / MOST[part], "year", "month")
    if part in ("yday", "week"):
        shown = [
            f"{year:.0f}-{'W' if part == 'week' else ''}{number:0{2 if part == 'week' else 3}.0f}" for year, number in zip(*parts)
        ]
        return times.Times(
            np.array([times.time_of("week" if part == "week" else "ordinal", text) for text in shown]), "date", "day"
        )
    parts += [numbers.read(_blanked(frame[place])).values for place in places[2:]]
    rows = zip(*(part.tolist() for part in parts))
    stamps = [
        np.nan if any(x != x for x in row) else times.seconds_of(*map(int, row[:3])) + (row[3] * 3600 if len(row) > 3 else 0)
        for row in rows
    ]
    return times.Times(np.array(stamps), "date", "day")
