"""A picture of one line over time -> its series: a picture is one more file of numbers.

pictures/trace.py finds the line and the heights of its points. They go from 0 to 1, upwards, until the user says which
values the lowest and the highest have. Nobody looks at the axes.
"""

import re

import numpy as np

from llm_ts.base import cli
from llm_ts.claims import noise
from llm_ts.pictures import picture
from llm_ts.table import times as table_times
from llm_ts.table.read import Series

UNIT = "of the height"  # of values that nobody has given
STEP = 0.75  # strokes from point to point, at least, or they hide the noise (experiments/pictures.py --strokes)
SMOOTH = 0.7  # of the threshold of little noise
MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")  # PNG, JPEG, GIF, BMP, WebP, TIFF


def read(source, points=None, values=None, log=False, span=None, where=None):
    """A picture's path, or its bytes with `where`, their name -> the Series of its one line. UserError in one line.

    points: how many; None: as many as the line shows. values: "LOW,HIGH", of its lowest and its highest point; LOW above
    HIGH where the axis runs downwards. log: the axis is logarithmic. span: "FIRST,LAST", two times or two numbers.
    """
    from llm_ts.pictures import trace  # with scipy, which takes a quarter of a second

    where = where or source
    ends, (at, kind, label) = range_of(values, log), times_of(span)
    found, notes = picture.read(source, where)
    try:
        line, reduced = trace.find(found)
    except cli.UserError as error:
        raise cli.UserError(f"{where}: this picture shows no single line over time: {error}") from None
    heights, step, seen = trace.heights_of(line, points)
    n = len(heights)
    said = "as --points says" if points else "as many as its corners show" if seen else "as many as its strokes tell apart (--points)"
    notes = [*notes, f"read off a picture of {found.width} x {found.height} pixels: {n} points, {said}"]
    notes += [f"the picture was reduced {reduced} times"] if reduced > 1 else []
    if ends is None:
        notes.append("nobody looked at the axes: heights go from 0 to 1; --range LOW,HIGH gives values, HIGH,LOW an axis that runs downwards")
    else:
        notes.append("nobody looked at the axes: the values are those of --range" + ("" if log else ", on an axis that is not logarithmic"))
        low, high = np.log(ends) if log else ends
        heights = low + heights * (high - low)
        heights = np.exp(heights) if log else heights
    digits = 3 - int(np.floor(np.log10(np.ptp(heights))))  # of its range no more than a thousandth was read
    heights = np.round(heights, digits)
    hidden = why_hidden(line, heights, step, points or seen)
    notes += [f"the noise is not told: {hidden}"] if hidden else []
    series = Series(str(where), "line", "" if ends else UNIT, heights, notes=notes, picture=True, hidden=(noise.NAME,) if hidden else ())
    if at is None:
        series.labels = [f"{100 * k / (n - 1):.0f} % of the width" for k in range(n)]
    else:
        series.at, series.kind = np.linspace(*at, n), kind
        series.labels = [label(time) for time in series.at]
    return series


def points_of(points):
    """The number of points that a user gives. UserError for one that no series has."""
    if points:
        from llm_ts.pictures import trace

        if not trace.FEWEST <= points <= trace.MOST:
            raise cli.UserError(f"--points {points}: a picture is read as one of {trace.FEWEST} to {trace.MOST} points")
    return points


def why_hidden(line, heights, step, sure):
    """Why the picture hides how noisy the series is; "" where it does not. sure: whether the number of points is known."""
    # too dense a line seems rougher than it is, hardly ever smoother: what is smooth even so is smooth
    if step < STEP * line.stroke and noise.roughness_of(heights) > SMOOTH * noise.LOW:
        return f"its points lie {step:.1f} pixels apart, and the stroke is {line.stroke:.1f} wide"
    labels = {noise.measure(part)["noise"][0] for part in (heights, heights[::2], heights[1::2])}
    if not sure and len(labels) > 1:
        return "it depends on the number of points, which the picture does not show (--points)"
    return ""


def range_of(text, log):
    """ "104,622" -> (104.0, 622.0); None -> None."""
    if text is None:
        if log:
            raise cli.UserError("--log needs --range: the values at the lowest and the highest point of the line")
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise cli.UserError(f"--range {text!r}: give two numbers, LOW,HIGH") from None
    if not np.isfinite(high - low) or low == high or (log and min(low, high) <= 0):
        raise cli.UserError(f"--range {text!r}: give two different numbers" + (" above 0 with --log" if log else ""))
    return low, high


def times_of(text):
    """ "1949-01,1960-12" -> ((seconds of the first, of the last), "date", time -> label); None -> (None, None, None)."""
    if text is None:
        return None, None, None
    parts = [part.strip() for part in text.split(",")]
    try:
        if len(parts) != 2:
            raise ValueError
        if all(re.fullmatch(r"\d{4}(-\d\d(-\d\d.*)?)?", part) for part in parts):
            at = [sum(table_times.span_of(part)) / 2 for part in parts]
            letters = max(map(len, parts))
            return rising(at, text), "year" if letters == 4 else "date", lambda time: str(np.datetime64(int(time), "s"))[:letters].replace("T", " ")
        return rising([float(part) for part in parts], text), "number", "{:.6g}".format
    except ValueError:
        raise cli.UserError(f"--times {text!r}: give two times or two numbers, FIRST,LAST (1949-01,1960-12)") from None


def rising(ends, text):
    if not ends[0] < ends[1] < np.inf:
        raise cli.UserError(f"--times {text!r}: the last comes before the first")
    return ends
