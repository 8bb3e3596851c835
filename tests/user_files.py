"""Small files as people have them that can be read in two ways, or not at all; what both tables of files are made of."""

import datetime

# 24 values that rise, low at the start, high at the end; none of them is a round number of thousands
V = [2.5, 3.1, 2.9, 4.2, 5.3, 4.8, 6.4, 7.7, 7.2, 8.9, 9.6, 10.1]
V += [9.7, 11.4, 12.3, 12.8, 13.6, 13.1, 14.9, 15.2, 15.8, 16.5, 17.3, 18.4]
BIG = [987, 1012, 1043, 1001, 1125, 1210, 1187, 1254, 1302, 1298, 1344, 1410]
BIG += [1388, 1465, 1502, 1533, 1560, 1541, 1620, 1688, 1702, 1731, 1790, 1844]
N = len(V)
DAYS = [(datetime.date(2024, 3, 1) + datetime.timedelta(days=i)) for i in range(N)]
ISO = [day.isoformat() for day in DAYS]
MONTHS = [f"{2022 + i // 12}-{i % 12 + 1:02d}" for i in range(N)]
COMMA = [f"{v}".replace(".", ",") for v in V]
DOTTED = [f"{v:,}".replace(",", ".") for v in BIG]
SPACED = [f"{v:,}".replace(",", " ") for v in BIG]


def lines(*columns, header=None, sep=","):
    """Columns of texts -> the text of a file."""
    rows = [sep.join(map(str, row)) for row in zip(*columns)]
    return "\n".join([*([header] if header else []), *rows]) + "\n"


def put(values, place, value):
    """The list with another value at a place."""
    return [*values[:place], value, *values[place + 1 :]]


PLAIN = lines(ISO, V, header="day,flow")
ROUGH = [20.0, 3, 17, 1, 19, 4, 16, 2, 18, 5, 15, 3, 17, 4, 16, 5, 14, 6, 15, 3, 16, 5, 13, 7]
NORTH, SOUTH = V, [30 - v for v in V]
STATIONS = lines(
    [d for d in ISO for _ in "ab"],
    ["north", "south"] * N,
    [x for pair in zip(NORTH, SOUTH) for x in pair],
    header="date,station,temp",
)
STACKED = lines(ISO * 2, ["north"] * N + ["south"] * N, NORTH + SOUTH, header="date,station,temp")

REFUSED = {  # name: (content, flags, what the line must say)
    "dotted thousands": (lines(ISO, DOTTED, header="day;sum", sep=";"), [], ["1.012 (--decimal .)", "1012 (--decimal ,)"]),
    "dotted thousands between commas": (lines(ISO, DOTTED, header="day,sum"), [], ["--decimal"]),
    "quoted comma thousands": (lines(ISO, [f'"{v:,}"' for v in BIG[1:]] + ['"2,001"'], header="day,sum"), [], ["--decimal ."]),
    "bare decimal commas": ("flow\n" + "\n".join(COMMA), [], ["decimal commas"]),
    "bare decimal commas beside days": (lines(ISO, COMMA, header="day,flow"), [], ["decimal commas"]),
    "bare decimal commas, some whole": (lines(ISO, put(put(COMMA, 3, "4"), 9, "9"), header="day,flow"), [], ["decimal commas"]),
    "two decimal marks": (lines(ISO, put(V, 3, "4,2"), header="day;flow", sep=";"), [], ["'4,2'", "two decimal marks"]),
    "a lone thousand": (lines(ISO, put(V, 3, '"1,234"'), header="day,flow"), [], ["1234 (--decimal .)", "1.234 (--decimal ,)"]),
    "an underscore": (lines(ISO, put(V, 3, "4_2"), header="day,flow"), [], ["line 5", "'4_2'"]),
    "a letter O": (lines(ISO, put(V, 3, "1O.5"), header="day,flow"), [], ["1O.5"]),
    "below a limit": (lines(ISO, put(V, 3, "<0.5"), header="day,flow"), [], ["line 5", "'<0.5'", "bound"]),
    "infinite": (lines(ISO, put(V, 3, "inf"), header="day,flow"), [], ["not a finite number"]),
    "percent here and there": (lines(ISO, put(V, 3, "4.2%"), header="day,flow"), [], ["'4.2%'"]),
    "thousands as k": (lines(ISO, put(V, 3, "1.2k"), header="day,flow"), [], ["1.2k"]),
    "999 far above": (lines(ISO, put(V, 3, 999), header="day,flow"), [], ["--missing 999", "--missing none"]),
    "two stations": (STATIONS, [], ["every time stands 2 times", "--where station=north"]),
    "two stations stacked": (STACKED, [], ["--where station=north", "south"]),
    "two stations without times": (
        lines(["north", "south"] * N, [x for pair in zip(NORTH, SOUTH) for x in pair], header="station,temp"),
        [],
        ["--where station=north"],
    ),
    "stations by number": (
        lines(
            [d for d in ISO for _ in "ab"],
            [7, 9] * N,
            [x for pair in zip(NORTH, SOUTH) for x in pair],
            header="date,station,temp",
        ),
        [],
        ["--where station=7"],
    ),
    "no such station": (STATIONS, ["--where", "station=west"], ["north, south"]),
    "sample ids alone": (
        lines([10400 + 7 * i for i in range(N)], ["good", "poor"] * 12, header="sample_id,grade"),
        [],
        ["sample_id", "--column"],
    ),
    "zeros in front": (lines([f"{7 * i + 3:05d}" for i in range(N)], ["x", "y"] * 12, header="parcel,grade"), [], ["parcel"]),
    "01/02/2024": (
        lines([f"{i + 1:02d}/{2:02d}/2024" for i in range(12)], V[:12], header="date,x"),
        [],
        ["2024-02-01 (--dates day-first)", "2024-01-02 (--dates month-first)"],
    ),
    "a sum below, unnamed": ("visits\n" + "\n".join(map(str, [*BIG, sum(BIG)])), [], ["sum of the others", "--to 24", "--to 25"]),
    "a strange time": (lines(put(ISO, 7, "soon"), V, header="day,flow"), [], ["line 9", "'soon'"]),
    "which column": (lines(ISO, NORTH, SOUTH, header="day,a,b"), [], ["--column", "a, b", "--all-columns"]),
    "equal names": (lines(ISO, NORTH, SOUTH, header="day,flow,flow"), ["--column", "flow"], ["2 columns named 'flow'", "#2"]),
    "no such column": (PLAIN, ["--column", "x"], ["it has day, flow"]),
    "series in rows, which": (
        "country,"
        + ",".join(map(str, range(2000, 2000 + N)))
        + "\n"
        + "\n".join(f"{n}," + ",".join(map(str, v)) for n, v in (("Norway", NORTH), ("Chile", SOUTH))),
        [],
        ["--row", "Norway, Chile"],
    ),
    "no such row": (
        "country," + ",".join(map(str, range(2000, 2000 + N))) + "\nNorway," + ",".join(map(str, NORTH)),
        ["--row", "Peru"],
        ["Norway"],
    ),
    "text": (lines(ISO, ["calm"] * N, header="day,sea"), [], ["no column of numbers"]),
    "text, chosen": (lines(ISO, V, ["calm"] * N, header="day,x,sea"), ["--column", "sea"], ["line 2", "'calm'"]),
    "constant": (lines(ISO, [7.5] * N, header="day,flow"), [], ["constant (7.5)"]),
    "too far": (lines(ISO, [1e308, -1e308] * 12, header="day,flow"), [], ["too far"]),
    "too large": (lines(ISO, put(V, 3, "1e999"), header="day,flow"), [], ["too large"]),
    "seven values": (lines(ISO[:7], V[:7], header="day,flow"), [], ["7 values", "8 are the fewest"]),
    "mostly missing": (
        lines(ISO, [v if i % 3 == 0 or i == 23 else "" for i, v in enumerate(V)], header="day,flow"),
        [],
        ["more than half"],
    ),
    "more digits than a float": (
        lines([f"a{i}" for i in range(N)], [f"123456789012345678901.{i:02d}" for i in range(N)], header="at,x"),
        [],
        ["digits"],
    ),
    "a web page": ("<!DOCTYPE html>\n<html><table><tr><td>1</td></tr></table></html>", [], ["web page"]),
    "JSON": ('[{"day": 1, "flow": 2.5}]', [], ["JSON"]),
    "binary": (bytes(range(256)) * 4, [], ["binary"]),
    "gzip": (b"\x1f\x8b\x08\x00abc", [], ["compressed"]),
    "empty": ("", [], ["is empty"]),
    "blank": ("\n \n\n", [], ["empty"]),
    "comments alone": ("# a\n# b\n", [], ["no rows"]),
    "a header alone": ("day,flow\n", [], ["no rows"]),
    "an old spreadsheet": (b"\xd0\xcf\x11\xe0" + b"\0" * 600, [], [".xls"]),
    "a password": (b"\xd0\xcf\x11\xe0" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"), [], ["password"]),
    "a broken spreadsheet": (b"PK\x03\x04" + b"\0" * 99, [], [".xlsx"]),
    "a broken parquet file": (b"PAR1" + b"\0" * 99, [], ["parquet"]),
    "laps and durations": (
        lines(range(1, N + 1), [f"1:{30 + i * 7 % 20}" for i in range(N)], header="lap,time"),
        [],
        ["lap counts the rows"],
    ),
    "days of a month that begin again": (
        lines([20 + i if i < 12 else i - 11 for i in range(N)], V, header="day,x"),
        [],
        ["back and forth", "--time none"],
    ),
    "a year in a row, which": (
        "year,Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec\n"
        + lines(range(1990, 1999), *[[v + k for k in range(9)] for v in V[:12]]),
        [],
        ["--row", "1990, 1991"],
    ),
    "two lines, which": (
        "north," + ",".join(map(str, NORTH)) + "\nsouth," + ",".join(map(str, SOUTH)),
        [],
        ["--row", "north, south"],
    ),
    "no day of the calendar": (lines(put(ISO, 7, "2024-02-30"), V, header="d,x"), [], ["line 9", "'2024-02-30'"]),
    "days first and months first": (
        lines(["13/01/2024", "01/14/2024"] + [f"{i}/01/2024" for i in range(15, 31)], V[:18], header="d,x"),
        [],
        ["--time none"],
    ),
    "an hour that comes twice": (
        lines([f"2024-10-27 0{h}:00" for h in (0, 1, 2, 2, 3, 4, 5, 6, 7)], V[:9], header="time,x"),
        [],
        ["'2024-10-27 02:00' stands 2 times"],
    ),
    "a second table below": (PLAIN + "\nday,temp\n" + lines(ISO, SOUTH), [], ["line 27", "'day'"]),
    "two units": (lines(ISO, [f"{v} mm" if i % 2 else f"{v} cm" for i, v in enumerate(V)], header="d,x"), [], ["'3.1 mm'"]),
    "measured twice, said as 2.5±0.1": (lines(ISO, [f"{v}±0.1" for v in V], header="d,x"), [], ["no column of numbers"]),
    "spaced thousands with decimal commas, no separator": (
        "sum\n" + "\n".join(f"{s},5" for s in SPACED),
        [],
        ["spaced thousands", "--separator"],
    ),
    "spaced thousands, no separator": ("sum\n" + "\n".join(SPACED[1:]), [], ["spaced thousands", "--separator"]),
    "too many windows": (PLAIN, ["--windows", 5], ["8 in each"]),
    "an empty window": (PLAIN, ["--from", "2025"], ["no row lies between"]),
    "a time that is none": (PLAIN, ["--from", "soon"], ["--from 'soon'"]),
    "a where without a text": (STATIONS, ["--where", "station"], ["station=north"]),
    "too many lines skipped": (PLAIN, ["--skip", 99], ["--skip 99"]),
}
