"""Files as people have them, each with the truth that we know: read rightly, read with a note, or refused with what decides.

No model is needed. Run: python -m pytest -q tests/test_user_files.py
"""

import datetime
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, run_script

import describe
from llm_ts import cli
from llm_ts.desk import prepare
from llm_ts.question import STUDY
from llm_ts.student import origin

# 24 values that rise, low at the start, high at the end; none of them is a round number of thousands
V = [2.5, 3.1, 2.9, 4.2, 5.3, 4.8, 6.4, 7.7, 7.2, 8.9, 9.6, 10.1, 9.7, 11.4, 12.3, 12.8, 13.6, 13.1, 14.9, 15.2, 15.8, 16.5, 17.3, 18.4]
BIG = [987, 1012, 1043, 1001, 1125, 1210, 1187, 1254, 1302, 1298, 1344, 1410, 1388, 1465, 1502, 1533, 1560, 1541, 1620, 1688, 1702, 1731, 1790, 1844]
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
STATIONS = lines([d for d in ISO for _ in "ab"], ["north", "south"] * N, [x for pair in zip(NORTH, SOUTH) for x in pair], header="date,station,temp")
STACKED = lines(ISO * 2, ["north"] * N + ["south"] * N, NORTH + SOUTH, header="date,station,temp")

READ = {  # name: (content, flags, values, what a note or the unit must say)
    "plain": (PLAIN, [], V, []),
    "a column alone": ("flow\n" + "\n".join(map(str, V)), [], V, []),
    "no header": (lines(ISO, V), [], V, ["no header"]),
    "no header, one column": ("\n".join(map(str, V)), [], V, []),
    "steps and values, blanks": (lines(range(N), V, sep=" "), [], V, ["axis of time"]),
    "blanks before and between": (lines([f"  {i:4d}" for i in range(N)], [f"{v:9.3f}" for v in V], sep="   "), [], V, []),
    "tabs": (lines(ISO, V, header="day\tflow", sep="\t"), [], V, []),
    "bars": (lines(ISO, V, header="day|flow", sep="|"), [], V, []),
    "decimal commas": (lines(ISO, COMMA, header="Tag;Wert", sep=";"), [], V, []),
    "decimal commas, a comma in the header": (lines(ISO, COMMA, header="day;flow, m3/s", sep=";"), [], V, ["unit m3/s"]),
    "decimal commas, tabs": (lines(ISO, COMMA, header="Tag\tWert", sep="\t"), [], V, []),
    "quoted decimal commas between commas": (lines(ISO, [f'"{c}"' for c in COMMA], header="day,flow"), [], V, []),
    "every cell quoted": (lines([f'"{d}"' for d in ISO], [f'"{v}"' for v in V], header='"day","flow"'), [], V, []),
    "dotted thousands and decimal commas": (lines(ISO, [f"{d},5" for d in DOTTED], header="day;sum", sep=";"), [], [v + 0.5 for v in BIG], []),
    "dotted thousands beside decimal commas": (lines(ISO, DOTTED, COMMA, header="day;sum;x", sep=";"), ["--column", "sum"], BIG, []),
    "dotted thousands, told": (lines(ISO, DOTTED, header="day;sum", sep=";"), ["--decimal", ","], BIG, []),
    "millions with dots": (lines(ISO, [f"{1000 * v + 7:,}".replace(",", ".") for v in BIG], header="day;sum", sep=";"), [], [1000 * v + 7 for v in BIG], []),
    "spaced thousands": (lines(ISO, SPACED, header="day;sum", sep=";"), [], BIG, []),
    "narrow spaces, decimal commas": (lines(ISO, [f"{s},5".replace(" ", "\u202f") for s in SPACED], header="day;sum", sep=";"), [], [v + 0.5 for v in BIG], []),
    "Swiss thousands": (lines(ISO, [f"{v:,}.25".replace(",", "'") for v in BIG], header="day,sum"), [], [v + 0.25 for v in BIG], []),
    "American thousands": (lines(ISO, [f'"{v:,}.50"' for v in BIG], header="day,sum"), [], [v + 0.5 for v in BIG], []),
    "dollars": (lines(ISO, [f'"${v:,}.50"' for v in BIG], header="day,sum"), [], [v + 0.5 for v in BIG], ["unit $"]),
    "euros behind": (lines(ISO, [f"{c} €" for c in COMMA], header="Tag;Preis", sep=";"), [], V, ["unit €"]),
    "percent": (lines(ISO, [f"{v}%" for v in V], header="day,share"), [], V, ["unit %"]),
    "kilograms in the cells": (lines(ISO, [f"{v} kg" for v in V], header="day,mass"), [], V, ["unit kg"]),
    "a minus behind": (lines(ISO, [f"{v}-" for v in V], header="day,flow"), [], [-v for v in V], ["below 0"]),
    "brackets are below 0": (lines(ISO, put(V, 0, "(2.50)"), header="day,flow"), [], put(V, 0, -2.5), ["below 0"]),
    "a real minus sign": (lines(ISO, [f"−{v}" for v in V], header="day,flow"), [], [-v for v in V], []),
    "footnote marks": (lines(ISO, put(put(V, 3, "4.2*"), 9, "8.9 p"), header="day,flow"), [], V, ["2 values have marks (*, p)"]),
    "exponents": (lines(ISO, [f"{v:.2e}" for v in V], header="day,flow"), [], V, []),
    "three decimals, a leading zero": (lines(ISO, [f"{v / 10:.3f}" for v in V], header="day;flow", sep=";"), [], [v / 10 for v in V], []),
    "three decimals between commas": (lines(ISO, [f"{v:.3f}" for v in V], header="day,flow"), [], V, ["not as 2500"]),
    "-9999": (lines(ISO, put(V, 5, -9999), header="day,flow"), [], put(V, 5, 5.85), ["1 value is -9999", "1 of 24 values missing: interpolated"]),
    "-99.9": (lines(ISO, put(V, 5, -99.9), header="day,flow"), [], put(V, 5, 5.85), ["-99.9"]),
    "-9999 is a value": (lines(ISO, put(V, 5, -9999), header="day,flow"), ["--missing", "none"], put(V, 5, -9999), []),
    "codes of missing, told": (lines(ISO, put(put(V, 5, -7), 8, "bad"), header="day,flow"), ["--missing", "-7,bad"], put(put(V, 5, 5.85), 8, 8.3), ["2 of 24"]),
    "NA and blanks": (lines(ISO, put(put(V, 5, "NA"), 8, ""), header="day,flow"), [], put(put(V, 5, 5.85), 8, 8.3), ["2 of 24"]),
    "missing at the ends": (lines(ISO, ["", "", *V[2:-1], "NA"], header="day,flow"), [], V[2:-1], ["3 of 24 values missing at the ends"]),
    "many missing, no times": (lines(["" if i % 4 == 1 else v for i, v in enumerate(V)], [f"a{i}" for i in range(N)], header="flow,name"), [], [v for i, v in enumerate(V) if i % 4 != 1], ["6 dropped"]),
    "newest first": (lines(ISO[::-1], V[::-1], header="day,flow"), [], V, ["turned round"]),
    "newest first, years": (lines(range(2023, 1999, -1), V[::-1], header="year,flow"), [], V, ["turned round"]),
    "shuffled": (lines(ISO[1::2] + ISO[::2], V[1::2] + V[::2], header="day,flow"), [], V, ["sorted"]),
    "a total below": (PLAIN + f"Total,{sum(V):.1f}\n", [], V, ["'Total'"]),
    "a total below names": (lines([f"w{i}" for i in range(N)], V, header="week,flow") + f"Sum,{sum(V):.1f}\n", [], V, ["'Sum'"]),
    "a mean and a remark below": (PLAIN + f"Mean,{sum(V) / N:.1f}\nSource: gauge 7,\n", [], V, ["'Mean'"]),
    "subtotals between": (lines(MONTHS[:12], V[:12], header="month,sum") + "Total 2022,99\n" + lines(MONTHS[12:], V[12:]), [], V, ["'Total 2022'"]),
    "a header again": (PLAIN[: PLAIN.index("2024-03-13")] + "day,flow\n" + PLAIN[PLAIN.index("2024-03-13") :], [], V, ["comes again"]),
    "two stations, one chosen": (STATIONS, ["--where", "station=south"], SOUTH, []),
    "two stations stacked, one chosen": (STACKED, ["--where", "station=north"], NORTH, []),
    "sep line": ("sep=;\n" + lines(ISO, V, header="day;flow", sep=";"), ["--column", "flow"], V, []),
    "comments": ("# gauge 7\n# clock: UTC\n" + PLAIN, ["--column", "flow"], V, ["2 comment lines"]),
    "the header is a comment": ("# day flow\n" + lines(ISO, V, sep=" "), ["--column", "flow"], V, []),
    "titles above": ("Gauge 7\n\nmade by hand\n" + PLAIN, [], V, ["Gauge 7"]),
    "a title alone above": ("Flow of the weir in spring\n\n" + lines(ISO, V, COMMA, header="day;flow;x", sep=";"), ["--column", "flow"], V, []),
    "blank first line": ("\n" + PLAIN, [], V, []),
    "lines to skip": ("x,y\n1,2\n" + PLAIN, ["--skip", 2], V, []),
    "units row": ("day,flow\nyyyy-mm-dd,m3/s\n" + lines(ISO, V), [], V, ["unit m3/s", "units taken"]),
    "a name of two lines": ('day,"Flow\n(m3/s)"\n' + lines(ISO, V), ["--column", "Flow (m3/s)"], V, ["unit m3/s"]),
    "a header of two lines": ("day,flow,flow\n,north,south\n" + lines(ISO, NORTH, SOUTH), ["--column", "flow south"], SOUTH, ["two lines"]),
    "R's row names": ('"flow"\n' + lines([f'"{i}"' for i in range(1, N + 1)], V), [], V, ["names of the rows"]),
    "R's row names, two columns": ('"day","flow"\n' + lines([f'"{i}"' for i in range(1, N + 1)], [f'"{d}"' for d in ISO], V), [], V, []),
    "R's row names, named": ('"","flow"\n' + lines([f'"{i}"' for i in range(1, N + 1)], V), [], V, []),
    "UTF-16": (lines(ISO, V, header="day\tflow", sep="\t").encode("utf-16"), [], V, []),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), [], V, ["UTF-16"]),
    "UTF-8 with a mark": (PLAIN.encode("utf-8-sig"), ["--column", "flow"], V, []),
    "Windows-1252": (lines(ISO, COMMA, header="Tag;Höhe (µm)", sep=";").encode("cp1252"), ["--column", "Höhe (µm)"], V, ["unit µm", "Windows-1252"]),
    "Windows line ends": (PLAIN.replace("\n", "\r\n").encode(), [], V, []),
    "old Mac line ends": (PLAIN.replace("\n", "\r").encode(), [], V, []),
    "blanks after commas": (lines(ISO, [f"  {v}" for v in V], header="day,  flow"), ["--column", "flow"], V, []),
    "commas at the ends": (lines(ISO, V, [""] * N, header="day,flow,"), [], V, []),
    "dates of Germany": (lines([d.strftime("%d.%m.%Y") for d in DAYS], COMMA, header="Datum;Wert", sep=";"), [], V, []),
    "dates of America": (lines([d.strftime("%m/%d/%Y") for d in DAYS], V, header="date,x"), [], V, []),
    "dates of Britain, newest first": (lines([d.strftime("%d/%m/%y") for d in DAYS][::-1], V[::-1], header="date,x"), [], V, ["turned round"]),
    "dates in words": (lines([d.strftime("%d-%b-%Y") for d in DAYS], V, header="date,x"), [], V, []),
    "dates in words, weekday first": (lines([d.strftime('"%a, %b %d, %Y"') for d in DAYS][::-1], V[::-1], header="date,x"), [], V, ["turned round"]),
    "months in German": (lines([f"{m} {y}" for y in (2022, 2023) for m in "Jan Feb März Apr Mai Juni Juli Aug Sept Okt Nov Dez".split()][::-1], V[::-1], header="Monat;x", sep=";"), [], V, ["turned round"]),
    "times with zones": (lines([f"2024-03-01T{i:02d}:00:00+02:00" for i in range(N)][::-1], V[::-1], header="time,x"), [], V, ["turned round"]),
    "compact dates": (lines([d.strftime("%Y%m%d") for d in DAYS][::-1], V[::-1], header="date,x"), [], V, ["turned round"]),
    "quarters": (lines([f"Q{i % 4 + 1} {2018 + i // 4}" for i in range(N)][::-1], V[::-1], header="q,x"), [], V, ["turned round"]),
    "ISO weeks": (lines([f"2024-W{i + 5:02d}" for i in range(N)][::-1], V[::-1], header="week,x"), [], V, ["turned round"]),
    "Unix seconds": (lines([1709251200 + 3600 * i for i in range(N)][::-1], V[::-1], header="ts,x"), [], V, ["turned round", "in seconds"]),
    "Unix milliseconds": (lines([1709251200123 + 3600000 * i for i in range(N)][::-1], V[::-1], header="ts,x"), [], V, ["milliseconds"]),
    "Unix nanoseconds": (lines([1709251200000000007 + 9 * i for i in range(N)][::-1], V[::-1], header="time,x"), [], V, ["nanoseconds", "turned round"]),
    "year, month, day apart": (lines([d.year for d in DAYS], [d.month for d in DAYS], [d.day for d in DAYS], V, header="year,month,day,x")[:-1], [], V, ["one time together"]),
    "years and ids": (lines(range(1000, 1000 + N), range(2000, 2000 + N), V, header="id,year,x"), [], V, []),
    "decimal years": (lines([f"{2000 + i / 12:.3f}" for i in range(N)][::-1], V[::-1], header="decimal year,x"), [], V, ["turned round"]),
    "clock over midnight": (lines([f"{(i + 12) % 24:02d}:00" for i in range(N)], V, header="time,x"), [], V, ["midnight"]),
    "counters beyond 2^53": (lines([f"a{i}" for i in range(N)], [9007199254740993 + 2 * i for i in range(N)], header="at,count"), [], [2.0 * i for i in range(N)], []),
    "series in rows": ("country," + ",".join(map(str, range(2000, 2000 + N))) + "\n" + "\n".join(f"{n}," + ",".join(map(str, v)) for n, v in (("Norway", NORTH), ("Chile", SOUTH))), ["--row", "Chile"], SOUTH, []),
    "one series in a row": ("name;" + ";".join(map(str, range(2000, 2000 + N))) + "\nx;" + ";".join(COMMA), [], V, ["in a row"]),
    "the same row twice": (PLAIN + f"{ISO[-1]},{V[-1]}\n", [], V, ["stand twice"]),
    "equal names, by place": (lines(ISO, NORTH, SOUTH, header="day,flow,flow"), ["--column", "#3"], SOUTH, []),
    "a name in other letters": (lines(ISO, V, header="Day,Flow (m3/s)"), ["--column", "flow"], V, ["unit m3/s"]),
    "the last rows": (PLAIN, ["--last", 10], V[-10:], ["10 of 24"]),
    "from and to": (PLAIN, ["--from", "2024-03-05", "--to", "2024-03-20"], V[4:20], []),
    "a month of days": (lines([f"2024-{m}-{d:02d}" for m in ("03", "04") for d in range(1, 13)], V, header="day,x"), ["--to", "2024-03", "--from", "2024"], V[:12], []),
    "from a year to a year": (lines(range(1990, 1990 + N), V, header="year,x"), ["--from", 1995, "--to", "2004"], V[5:15], []),
    "rows by number": ("flow\n" + "\n".join(map(str, V)), ["--from", 3, "--to", 15], V[2:15], []),
    "eight values": (lines(ISO[:8], V[:8], header="day,flow"), [], V[:8], []),
    "spreadsheet errors": (lines(ISO, put(V, 5, "#DIV/0!"), header="day,flow"), [], put(V, 5, 5.85), ["1 of 24"]),
    "a column of remarks": (lines(ISO, V, put([""] * N, 4, "ice"), header="day,flow,remark"), [], V, []),
    "a year in a row, a column for each month": ("year,Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec\n" + lines(range(1990, 1999), *[[v + k for k in range(9)] for v in V[:12]]), ["--row", "1994"], [v + 4 for v in V[:12]], ["in a row"]),
    "dates and clock times apart": (lines(["2024-03-01"] * N, [f"{i:02d}:00" for i in range(N)][::-1], V[::-1], header="date,time,x"), [], V, ["turned round", "one time together"]),
    "dates and hours apart": (lines(["01.03.2024"] * N, range(N), COMMA, header="Tag;hour;x", sep=";"), [], V, ["one time together"]),
    "years and quarters apart": (lines([2018 + i // 4 for i in range(N)], [i % 4 + 1 for i in range(N)], V, header="year,quarter,value"), [], V, ["one time together"]),
    "blanks between, decimal commas": (lines(range(N), COMMA, header="t x", sep=" "), [], V, []),
    "months, the newest first": (lines("Dec Nov Oct Sep Aug Jul Jun May Apr Mar Feb Jan".split(), V[:12][::-1], header="month,x"), [], V[:12], ["turned round"]),
    "months from April on": (lines("Apr May Jun Jul Aug Sep Oct Nov Dec Jan Feb Mar".split(), V[:12], header="month,x"), [], V[:12], []),
    "names that count down": (lines([f"t{i:02d}" for i in range(N)][::-1], V, header="at,x"), [], V, ["count down, t23 to t00"]),
    "an index without a name": (lines(range(N), ISO[::-1], V[::-1], header=",date,flow"), [], V, ["turned round"]),
    "spreadsheet days": (lines(range(45352 + N, 45352, -1), V[::-1], header="Date,x"), [], V, ["turned round", "day numbers"]),
    "a column named 2023": (lines(ISO, V, header="date,2023"), [], V, []),
    "lines about the station": ("Station;Kiel\nSensor;T1\nUnit;mm\ndate;temp\n" + lines(ISO, COMMA, sep=";"), ["--column", "temp"], V, ["3 lines above"]),
    "all in one line": (",".join(map(str, V)), [], V, ["in a row"]),
    "two lines": ("north," + ",".join(map(str, NORTH)) + "\nsouth," + ",".join(map(str, SOUTH)), ["--row", "south"], SOUTH, []),
    "durations with uncertainties": (lines(ISO, [f"{v}(4)" for v in V], header="d,x"), [], V, ["marks"]),
    "a total without a name": (PLAIN + f",{sum(V):.1f}\n", [], V, ["line 26 left out"]),
    "a category is said": (lines(ISO, V, ["good", "bad", "good"] * 8, header="day,flow,quality"), [], V, ["quality is good, bad"]),
}  # fmt: skip

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
    "two stations without times": (lines(["north", "south"] * N, [x for pair in zip(NORTH, SOUTH) for x in pair], header="station,temp"), [], ["--where station=north"]),
    "stations by number": (lines([d for d in ISO for _ in "ab"], [7, 9] * N, [x for pair in zip(NORTH, SOUTH) for x in pair], header="date,station,temp"), [], ["--where station=7"]),
    "no such station": (STATIONS, ["--where", "station=west"], ["north, south"]),
    "sample ids alone": (lines([10400 + 7 * i for i in range(N)], ["good", "poor"] * 12, header="sample_id,grade"), [], ["sample_id", "--column"]),
    "zeros in front": (lines([f"{7 * i + 3:05d}" for i in range(N)], ["x", "y"] * 12, header="parcel,grade"), [], ["parcel"]),
    "01/02/2024": (lines([f"{i + 1:02d}/{2:02d}/2024" for i in range(12)], V[:12], header="date,x"), [], ["2024-02-01 (--dates day-first)", "2024-01-02 (--dates month-first)"]),
    "a sum below, unnamed": ("visits\n" + "\n".join(map(str, [*BIG, sum(BIG)])), [], ["sum of the others", "--to 24", "--to 25"]),
    "a strange time": (lines(put(ISO, 7, "soon"), V, header="day,flow"), [], ["line 9", "'soon'"]),
    "which column": (lines(ISO, NORTH, SOUTH, header="day,a,b"), [], ["--column", "a, b", "--all-columns"]),
    "equal names": (lines(ISO, NORTH, SOUTH, header="day,flow,flow"), ["--column", "flow"], ["2 columns named 'flow'", "#2"]),
    "no such column": (PLAIN, ["--column", "x"], ["it has day, flow"]),
    "series in rows, which": ("country," + ",".join(map(str, range(2000, 2000 + N))) + "\n" + "\n".join(f"{n}," + ",".join(map(str, v)) for n, v in (("Norway", NORTH), ("Chile", SOUTH))), [], ["--row", "Norway, Chile"]),
    "no such row": ("country," + ",".join(map(str, range(2000, 2000 + N))) + "\nNorway," + ",".join(map(str, NORTH)), ["--row", "Peru"], ["Norway"]),
    "text": (lines(ISO, ["calm"] * N, header="day,sea"), [], ["no column of numbers"]),
    "text, chosen": (lines(ISO, V, ["calm"] * N, header="day,x,sea"), ["--column", "sea"], ["line 2", "'calm'"]),
    "constant": (lines(ISO, [7.5] * N, header="day,flow"), [], ["constant (7.5)"]),
    "too far": (lines(ISO, [1e308, -1e308] * 12, header="day,flow"), [], ["too far"]),
    "too large": (lines(ISO, put(V, 3, "1e999"), header="day,flow"), [], ["too large"]),
    "seven values": (lines(ISO[:7], V[:7], header="day,flow"), [], ["7 values", "8 are the fewest"]),
    "mostly missing": (lines(ISO, [v if i % 3 == 0 or i == 23 else "" for i, v in enumerate(V)], header="day,flow"), [], ["more than half"]),
    "more digits than a float": (lines([f"a{i}" for i in range(N)], [f"123456789012345678901.{i:02d}" for i in range(N)], header="at,x"), [], ["digits"]),
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
    "laps and durations": (lines(range(1, N + 1), [f"1:{30 + i * 7 % 20}" for i in range(N)], header="lap,time"), [], ["lap counts the rows"]),
    "days of a month that begin again": (lines([20 + i if i < 12 else i - 11 for i in range(N)], V, header="day,x"), [], ["back and forth", "--time none"]),
    "a year in a row, which": ("year,Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec\n" + lines(range(1990, 1999), *[[v + k for k in range(9)] for v in V[:12]]), [], ["--row", "1990, 1991"]),
    "two lines, which": ("north," + ",".join(map(str, NORTH)) + "\nsouth," + ",".join(map(str, SOUTH)), [], ["--row", "north, south"]),
    "no day of the calendar": (lines(put(ISO, 7, "2024-02-30"), V, header="d,x"), [], ["line 9", "'2024-02-30'"]),
    "days first and months first": (lines(["13/01/2024", "01/14/2024"] + [f"{i}/01/2024" for i in range(15, 31)], V[:18], header="d,x"), [], ["--time none"]),
    "an hour that comes twice": (lines([f"2024-10-27 0{h}:00" for h in (0, 1, 2, 2, 3, 4, 5, 6, 7)], V[:9], header="time,x"), [], ["'2024-10-27 02:00' stands 2 times"]),
    "a second table below": (PLAIN + "\nday,temp\n" + lines(ISO, SOUTH), [], ["line 27", "'day'"]),
    "two units": (lines(ISO, [f"{v} mm" if i % 2 else f"{v} cm" for i, v in enumerate(V)], header="d,x"), [], ["'3.1 mm'"]),
    "measured twice, said as 2.5±0.1": (lines(ISO, [f"{v}±0.1" for v in V], header="d,x"), [], ["no column of numbers"]),
    "spaced thousands with decimal commas, no separator": ("sum\n" + "\n".join(f"{s},5" for s in SPACED), [], ["spaced thousands", "--separator"]),
    "spaced thousands, no separator": ("sum\n" + "\n".join(SPACED[1:]), [], ["spaced thousands", "--separator"]),
    "too many windows": (PLAIN, ["--windows", 5], ["8 in each"]),
    "an empty window": (PLAIN, ["--from", "2025"], ["no row lies between"]),
    "a time that is none": (PLAIN, ["--from", "soon"], ["--from 'soon'"]),
    "a where without a text": (STATIONS, ["--where", "station"], ["station=north"]),
    "too many lines skipped": (PLAIN, ["--skip", 99], ["--skip 99"]),
}  # fmt: skip


def described(path, flags=()):
    """[(series as it was read, Asked)] of a file; UserError as describe.py would say it."""
    args = describe.parser().parse_args([str(path), *map(str, flags)] if "--missing" not in flags else joined(path, flags))
    out = []
    for _, series in describe.read_files(args):
        if isinstance(series, cli.UserError):
            raise series
        out.append(prepare.prepare(series, origin.UNKNOWN, STUDY, windowed=bool(args.last or args.begin or args.end)))
    return out


def joined(path, flags):
    return [str(path), f"{flags[0]}={flags[1]}"]


def written(folder, content, name="a.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", READ)
def test_is_read(name, tmp_path):
    content, flags, values, said = READ[name]
    (one,) = described(written(tmp_path, content), flags)
    if values is not None:
        np.testing.assert_allclose(one.series.values, values, rtol=1e-9)
        assert one.truth == STUDY.truth_of(one.shown) and len(one.shown) == len(values)
    notes = " | ".join([*one.notes, f"unit {one.series.unit}"])
    for text in said:
        assert text in notes, notes


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(name, tmp_path):
    content, flags, said = REFUSED[name]
    with pytest.raises(cli.UserError) as error:
        described(written(tmp_path, content), flags)
    for text in said:
        assert text in str(error.value), str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 600


def test_every_reading_that_says_nothing_is_one_without_doubt(tmp_path):
    """The notes of a plain file are none: what is said elsewhere means something."""
    (one,) = described(written(tmp_path, PLAIN))
    assert one.notes == []


def workbook(path, sheets):
    """An .xlsx file with rows of cells in each sheet; the function gives them to the caller's hands before it is saved."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_spreadsheet_with_dates_titles_and_numbers_of_three_decimals(tmp_path):
    rows = [["Gauge 7"], [], ["day", "flow (m3/s)"], *([day, 1 + v / 1000] for day, v in zip(DAYS, BIG))]
    (one,) = described(workbook(tmp_path / "a.xlsx", {"data": rows}))
    np.testing.assert_allclose(one.series.values, [1 + v / 1000 for v in BIG])
    assert one.series.unit == "m3/s" and one.facts["lowest"] == {"value": 1.987, "time": "2024-03-01"}


def test_sheets_are_chosen_and_empty_ones_are_said(tmp_path):
    table = [["day", "flow"], *map(list, zip(DAYS, V))]
    path = workbook(tmp_path / "a.xlsx", {"one": table, "two": table[:1] + [[day, -v] for day, v in zip(DAYS, V)], "none": []})
    with pytest.raises(cli.UserError, match="2 sheets: give --sheet, one of one, two"):
        described(path)
    (one,) = described(path, ["--sheet", "two"])
    assert one.series.values.tolist() == [-v for v in V]
    for flags, why in ((["--sheet", "none"], "one, two"), (["--sheet", "x"], "no sheet 'x'")):
        with pytest.raises(cli.UserError, match=why):
            described(path, flags)
    with pytest.raises(cli.UserError, match="empty: no sheet has a cell"):
        described(workbook(tmp_path / "b.xlsx", {"data": []}))


def test_merged_cells_above_two_columns(tmp_path):
    import openpyxl

    path = workbook(tmp_path / "a.xlsx", {"data": [["", "flow", ""], ["day", "north", "south"], *map(list, zip(DAYS, NORTH, SOUTH))]})
    book = openpyxl.load_workbook(path)
    book["data"].merge_cells("B1:C1")
    book.save(path)
    (one,) = described(path, ["--column", "south"])
    np.testing.assert_allclose(one.series.values, SOUTH)
    assert one.series.column == "flow south"


def test_parquet_by_its_index_and_by_its_columns(tmp_path):
    frame = pd.DataFrame({"flow": put(V, 5, None), "name": ["a"] * N}, index=pd.to_datetime(ISO).rename("day"))
    frame.iloc[::-1].to_parquet(tmp_path / "a.parquet")
    (one,) = described(tmp_path / "a.parquet")
    np.testing.assert_allclose(one.series.values, put(V, 5, 5.85))
    assert one.series.kind == "date" and "turned round" in " ".join(one.notes) and one.facts["first"]["time"] == "2024-03-01"
    pd.DataFrame({"t": range(N), "count": [9007199254740993 + 2 * i for i in range(N)]}).to_parquet(tmp_path / "b.parquet")
    (one,) = described(tmp_path / "b.parquet")
    assert one.facts["first"]["value"] == 9007199254740993 and one.facts["last"]["value"] == 9007199254740993 + 2 * 23


def test_gaps_in_time_are_bridged_and_the_facts_stay_those_of_the_file(tmp_path):
    """A month of days, then months: by rows the minimum lies in the middle, by time at the very beginning."""
    days = [f"2024-01-{d:02d}" for d in range(1, 21)] + [f"2024-{m:02d}-20" for m in range(2, 13)]
    values = [30 - 0.5 * i for i in range(20)] + [22 + 3.5 * i for i in range(11)]
    (one,) = described(written(tmp_path, lines(days, values, header="date,price")))
    assert one.truth["min"] == "beginning" and one.truth["trend"] == "increasing" and one.n == 31
    assert one.facts["lowest"] == {"value": 20.5, "time": "2024-01-20"} and "even grid" in one.notes[0]
    (rows,) = described(tmp_path / "a.csv", ["--time", "none"])
    assert rows.truth["min"] == "middle"


def test_business_days_and_leap_days_are_even_enough_or_said(tmp_path):
    days = [day.date().isoformat() for day in pd.bdate_range("2024-02-01", periods=N)]
    (one,) = described(written(tmp_path, lines(days, V, header="date,price")))
    assert "1 day to 3 days" in one.notes[0] and one.series.values.max() == V[-1]
    months = [f"2024-{m:02d}-01" for m in range(1, 13)]
    (one,) = described(written(tmp_path, lines(months, V[:12], header="date,price")))
    assert one.notes == []


def test_windows_are_described_one_after_another(tmp_path):
    parts = described(written(tmp_path, PLAIN), ["--windows", 3])
    assert [part.series.values.tolist() for part in parts] == [V[:8], V[8:16], V[16:]]
    assert parts[1].facts["first"] == {"value": V[8], "time": ISO[8]} and "window 2 of 3: 2024-03-09 to 2024-03-16" in parts[1].notes[0]


def test_all_columns_and_what_cannot_be_described_among_them(tmp_path):
    path = written(tmp_path, lines(ISO, range(100, 100 + N), NORTH, [3] * N, SOUTH, header="day,id,north,fixed,south"))
    args = describe.parser().parse_args([str(path), "--all-columns"])
    found = [one for _, one in describe.prepare_all(args, describe.read_files(args), origin.UNKNOWN, STUDY)]
    assert [one.series.column for one in found if isinstance(one, prepare.Asked)] == ["north", "south"]
    assert [str(one) for one in found if isinstance(one, cli.UserError)] == [f"{path}: fixed is constant (3): there is nothing to describe"]


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_what_comes_through_a_pipe_is_read(tmp_path, name):
    command = f"cat {written(tmp_path, PLAIN)} | {sys.executable} {ROOT}/describe.py {name} --prompt"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and STUDY.prompt_of(described(tmp_path / "a.csv")[0].shown, "thirds") in done.stdout, done.stderr


def test_a_folder_and_a_missing_file_are_one_line(tmp_path):
    assert "is a folder" in run_script("describe.py", tmp_path, cwd=tmp_path, code=2).stderr
    assert "no nowhere.csv here" in run_script("describe.py", "nowhere.csv", cwd=tmp_path, code=2).stderr
    assert "--plot x.bmp" in run_script("describe.py", "nowhere.csv", "--plot", "x.bmp", cwd=tmp_path, code=2).stderr


def test_three_million_rows_are_read_in_little_memory(tmp_path):
    """Ten megabytes of text a second or so; the limit is on addresses, of which the libraries alone take half."""
    block = "".join(f"{{0}}{i:05d},{(i % 97) / 8}\n" for i in range(100_000))
    with open(tmp_path / "long.csv", "w") as file:
        file.write("step,level\n")
        for million in range(30):
            file.write(block.format(million or ""))
    limit = f"ulimit -v 1500000; exec {sys.executable} {ROOT}/describe.py long.csv --prompt"
    done = subprocess.run(["bash", "-c", limit], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "Series:" in done.stdout, done.stderr[-2000:]


def test_describing_needs_no_locks_of_unix():
    """Where fcntl cannot be had, as on Windows, a series can be described."""
    code = "import sys; sys.modules['fcntl'] = None; import describe; print(len(list(describe.read_files(describe.parser().parse_args(['examples/nile.csv'])))))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "1", done.stderr


@pytest.mark.parametrize("name", sorted(os.listdir(os.path.join(ROOT, "examples"))))
def test_the_examples_are_read_without_a_note(name):
    if name.endswith(".csv"):
        (one,) = described(os.path.join(ROOT, "examples", name))
        frame = pd.read_csv(os.path.join(ROOT, "examples", name))
        np.testing.assert_allclose(one.series.values, frame.iloc[:, 1])
        assert [note for note in one.notes if "points that stand for" not in note] == [] and one.series.kind in ("date", "year")
