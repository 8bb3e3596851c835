"""Files as people have them, each with the truth that we know: read rightly, or refused with what decides.

One table of small files, and random tables in the dialects of CSV. Needs no model.
"""

import datetime
import os
import random
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, run_script

import describe
from llm_ts.base import cli
from llm_ts.desk import prepare, tell
from llm_ts.question import STUDY
from llm_ts.table import read
from llm_ts.task import Task

# 24 values that rise, low at the start, high at the end; none of them is a round number of thousands
V = [2.5, 3.1, 2.9, 4.2, 5.3, 4.8, 6.4, 7.7, 7.2, 8.9, 9.6, 10.1, 9.7, 11.4, 12.3, 12.8, 13.6, 13.1]
V += [14.9, 15.2, 15.8, 16.5, 17.3, 18.4]
N, SOUTH, BIG = len(V), [30 - v for v in V], [round(900 + 60 * v) for v in V]
DAYS = [datetime.date(2024, 3, 1) + datetime.timedelta(days=i) for i in range(N)]
ISO, MONTHS = [day.isoformat() for day in DAYS], [f"{2022 + i // 12}-{i % 12 + 1:02d}" for i in range(N)]
COMMA, DOTTED = [str(v).replace(".", ",") for v in V], [f"{v:,}".replace(",", ".") for v in BIG]
JAN = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
GAP, TURNED = 5.85, "turned round"  # between the neighbours of V[5]


def lines(header, *columns, sep=","):
    """A header ("" for none) and columns -> the text of a file."""
    return "\n".join([*([header] if header else []), *(sep.join(map(str, row)) for row in zip(*columns))]) + "\n"


def put(values, place, value):
    return [*values[:place], value, *values[place + 1 :]]


def numbers(*texts, place=3):
    """A file of days, in which a cell, and those behind it, say something else."""
    values = list(V)
    values[place : place + len(texts)] = texts
    return lines("day,x", ISO, values)


def falling(time, header="when,x", count=N):
    """A file whose newest row stands first: only who understands the times turns it round."""
    return lines(header, [time(i) for i in range(count)][::-1], V[:count][::-1]), "", V[:count], TURNED


PLAIN = lines("day,flow", ISO, V)
STATIONS = lines("date,station,temp", [d for d in ISO for _ in "ab"], ["north", "south"] * N, [x for p in zip(V, SOUTH) for x in p])
STACKED = lines("date,station,temp", ISO * 2, ["north"] * N + ["south"] * N, V + SOUTH)
YEARS = ",".join(map(str, range(2000, 2000 + N)))
ROW, DOWN = ",".join(map(str, V)), range(N - 1, -1, -1)
GRID = "year," + ",".join(JAN) + "\n" + lines("", range(1990, 1999), *[[v + k for k in range(9)] for v in V[:12]])
MONTH = lines("month,x", JAN, V[:12])
CLOCK = [f"2024-10-27 {h}:{m}" for h in ("00", "01", "02", "03") for m in ("00", "30")]

READ = {  # name: (content, flags, values, what the notes or the unit must say)
    # how cells are parted
    "plain": (PLAIN,),
    "a column alone": ("flow\n" + "\n".join(map(str, V)),),
    "no header": (lines("", ISO, V), "", V, "no header"),
    "no header, one column": ("\n".join(map(str, V)),),
    "blanks": (lines("", range(N), V, sep=" "), "", V, "axis of time"),
    "blanks before and between": (lines("", [f"  {i:4d}" for i in range(N)], [f"{v:9.3f}" for v in V], sep="   "),),
    "blanks, decimal commas": (lines("t x", range(N), COMMA, sep=" "),),
    "blanks, quoted": ("day x\n" + "".join(f'"{d:%b %d, %Y}" {v}\n' for d, v in zip(DAYS, V)),),
    "tabs, no header, blanks in the times": (lines("", [f"{d} 10:00" for d in ISO], V, V, sep="\t"), "--column #2"),
    "semicolons, decimal commas": (lines("Tag;Wert", ISO, COMMA, sep=";"),),
    "a comma in the header": (lines("day;flow, m3/s", ISO, COMMA, sep=";"), "", V, "unit m3/s"),
    "semicolons within a cell": (lines("day,x,flags", ISO, V, ["1;2"] * N), "--column x"),
    "sep line": ("sep=;\n" + lines("day;flow", ISO, V, sep=";"),),
    "commas at the ends": (lines("day,flow,", ISO, V, [""] * N),),
    "separator, told": (lines("", [f"{v:.0f}" for v in V], BIG), "--separator , --column #2", BIG),
    # how texts are coded
    "UTF-16": (lines("day\tflow", ISO, V, sep="\t").encode("utf-16"),),
    "UTF-8 with a mark": (PLAIN.encode("utf-8-sig"), "--column flow"),
    "Windows-1252": (lines("Tag;Höhe (µm)", ISO, COMMA, sep=";").encode("cp1252"), "--column 'Höhe (µm)'", V, "unit µm"),
    "old Mac line ends": (PLAIN.replace("\n", "\r").encode(),),
    # numbers
    "dotted thousands, decimal commas": (lines("d;x", ISO, [f"{t},5" for t in DOTTED], sep=";"), "", [v + 0.5 for v in BIG]),
    "decimal mark, told": (lines("d;x", ISO, DOTTED, sep=";"), "--decimal ,", BIG),
    "spaced thousands": (lines("d;x", ISO, [f"{v:,}".replace(",", "\u202f") for v in BIG], sep=";"), "", BIG),
    "Swiss thousands": (lines("d,x", ISO, [f"{v:,}.25".replace(",", "’") for v in BIG]), "", [v + 0.25 for v in BIG]),
    "American thousands": (lines("d,x", ISO, [f'"${v:,}.50"' for v in BIG]), "", [v + 0.5 for v in BIG], "unit $"),
    "a unit in the cells": (lines("d,x", ISO, [f"{v} kg" for v in V]), "", V, "unit kg"),
    "percent": (lines("d,x", ISO, [f"{v}%" for v in V]), "", V, "unit %"),
    "a real minus sign": (lines("d,x", ISO, [f"−{v}" for v in V]), "", [-v for v in V]),
    "three decimals between commas": (lines("d,x", ISO, [f"{v:.3f}" for v in V]), "", V, "not as 2500"),
    "a leading zero": (lines("d;x", ISO, [f"{v / 10:.3f}" for v in V], sep=";"), "", [v / 10 for v in V]),
    # missing values
    "-9999 is a value": (numbers(-9999, place=5), "--missing none", put(V, 5, -9999)),
    "missing, told": (numbers("-", "-", place=5), "--missing -", [*V[:5], 5.3 + 2.4 / 3, 5.3 + 4.8 / 3, *V[7:]], "2 of 24"),
    "NA and blanks": (numbers("NA", place=5), "", put(V, 5, GAP), "1 of 24"),
    "missing at the ends": (lines("d,x", ISO, ["", *V[1:-1], "n/a"]), "", V[1:-1], "2 of 24 values missing: dropped at the ends"),
    "many missing": (lines("x,name", ["" if i % 4 == 1 else v for i, v in enumerate(V)], [f"a{i}" for i in range(N)]), "",
                     [v for i, v in enumerate(V) if i % 4 != 1], "6 of 24 values missing: dropped"),
    "zeros are counted": (numbers(0, 0), "", put(put(V, 3, 0), 4, 0), "2 of them zero"),
    # header and what stands above, between and below
    "comments": ("# gauge 7\n# clock: UTC\n" + PLAIN, "", V, "2 comment lines"),
    "lines to skip": ("x,y\n1,2\n" + PLAIN, "--skip 2"),
    "units row": ("day,flow\nyyyy-mm-dd,m3/s\n" + lines("", ISO, V), "", V, "unit m3/s"),
    "a name of two lines": ('day,"Flow\n(m3/s)"\n' + lines("", ISO, V), "--column 'Flow (m3/s)'", V, "unit m3/s"),
    "R's row names": (lines('"flow"', [f'"{i}"' for i in range(1, N + 1)], V), "", V, "rises evenly"),
    "R prints": (lines("flow temp", range(1, N + 1), V, SOUTH, sep=" "), "--column flow", V, "rises evenly"),
    "pandas' names": (lines(",0,1", range(N), V, SOUTH), "--column 1", SOUTH),
    "a column named 2023": (lines("date,2023", ISO, V),),
    "equal names, by number": (lines("day,flow,flow", ISO, V, SOUTH), "--column #3", SOUTH),
    "a name in other letters": (lines("Day,Flow (m3/s)", ISO, V), "--column flow", V, "unit m3/s"),
    "ids": (lines("id,year,x", range(1000, 1000 + N), range(2000, 2000 + N), V),),
    "one column that counts": ("x\n" + "\n".join(map(str, range(N))), "", list(range(N))),
    "a category is said": (lines("d,x,quality", ISO, V, ["good", "bad", "good"] * 8), "", V, "else --where quality=good|bad"),
    # times: each of these is understood, for it is turned round
    "newest first": falling(lambda i: ISO[i]),
    "years": falling(lambda i: 2000 + i, "year,x"),
    "dates of Germany": falling(lambda i: f"{DAYS[i]:%d.%m.%Y}"),
    "dates of America": falling(lambda i: f"{DAYS[i]:%m/%d/%Y}"),
    "dates of Britain, short": falling(lambda i: f"{DAYS[i]:%d/%m/%y}"),
    "dates, told": (falling(lambda i: f"{i + 1:02d}/02/2024", count=12)[0], "--dates month-first", V[:12], TURNED),
    "months in German": falling(lambda i: f"{'Jan Feb März Apr Mai Juni Juli Aug Sept Okt Nov Dez'.split()[i % 12]} {2022 + i // 12}"),
    "zones": falling(lambda i: f"2024-03-01T{i:02d}:00:00+02:00"),
    "compact": falling(lambda i: f"{DAYS[i]:%Y%m%d}", "date,x"),
    "browsers": falling(lambda i: f'"1/{i + 1}/2023, 10:00:00 PM"'),
    "ISO weeks over new year": falling(lambda i: f"202{i // 12 + 3}-W{i % 12 + 1 + 41 * (i < 12) - (i < 12):02d}"),
    "names of months": (lines("month,x", JAN[::-1], V[:12][::-1]), "", V[:12], TURNED),
    "year, month, day": (lines("year,month,day,x", [2024] * N, [3] * N, list(range(1, 25)), V), "", V, "one time together"),
    "years and names of months": (lines("Month,Year,x", [JAN[i % 12] for i in DOWN], [2022 + i // 12 for i in DOWN], V[::-1]), "", V, TURNED),
    "hours and minutes": (lines("YY MM DD hh mn x", [24] * N, ["03"] * N, ["01"] * N, [i // 2 for i in range(N)], [30 * (i % 2) for i in range(N)], V, sep=" "),),
    "dates and hours": (lines("Tag;hour;x", ["01.03.2024"] * N, range(N), COMMA, sep=";"), "", V, "one time together"),
    "of two columns of times, told": (lines("modified,seen,x", ISO[::-1], ISO, V), "--time seen"),
    "newest first, as they stand": (falling(lambda i: ISO[i])[0], "--time none", V[::-1], "rows as they stand, 2024-03-24 to 2024-03-01"),
    "a day missing": (lines("d,x", ISO[:9] + ISO[10:], V[:9] + V[10:]), "", V[:9] + V[10:]),
    # which rows
    "one station": (STATIONS, "--where station=south", SOUTH),
    "one stacked station": (STACKED, "--where station=north"),
    "the last rows": (PLAIN, "--last 10", V[-10:], "10 of 24"),
    "from and to": (PLAIN, "--from 2024-03-05 --to 2024-03-20", V[4:20]),
    "from a year to a month": (lines("m,x", MONTHS, V), "--from 2022 --to 2023-02", V[:14]),
    "rows by number": ("x\n" + "\n".join(map(str, V)), "--from 3 --to 15", V[2:15]),
    "clocks, from": (lines("time,x", [f"{i:02d}:00" for i in range(N)], V), "--from 05:00", V[5:]),
    # series in rows
    "a row": (f"country,{YEARS}\nNorway,{ROW}\nChile,{','.join(map(str, SOUTH))}\n", "--row Chile", SOUTH, "in a row"),
    "a row of quarters": ("name;code;" + ";".join(f"Q{i % 4 + 1} {2018 + i // 4}" for i in DOWN) + "\nA;a;" + ";".join(COMMA[::-1]) + "\nB;b" + ";1" * N,
                          "--row A", V, TURNED),
    "a year of months": (GRID, "--row 1994", [v + 4 for v in V[:12]]),
    "all in one line": (ROW,),
    "exponents": (lines("d,x", ISO, [f"{v:.3E}" for v in V]),),
    "a header of two lines, told": ("day,flow,flow\n,north,south\n" + lines("", ISO, V, SOUTH), "--skip 1 --column south", SOUTH),
    "decimal years": (lines("decimal year,x", [f"{2000 + i / 12:.3f}" for i in range(N)], V),),
    "dates in words": falling(lambda i: f'"{DAYS[i]:%b %d, %Y}"'),
    "days first, in words": falling(lambda i: f"{DAYS[i]:%d %B %Y}"),
    "quarters": falling(lambda i: f"Q{i % 4 + 1} {2018 + i // 4}"),
    "months, the year behind": falling(lambda i: f"{i % 12 + 1:02d}/{2022 + i // 12}"),
    "compact hours of a day": (lines("time,x", [f"20240301{i:02d}" for i in range(N)], V),),
    "Unix seconds": (lines("ts,x", [1709251200 + 3600 * i for i in range(N)], V), "", V, "at 1709251200"),
    "Unix seconds, newest first, told": (falling(lambda i: 1709251200 + 3600 * i, "ts,x")[0], "--time ts", V, TURNED),
    "spreadsheet days": (lines("Date,x", range(45352, 45352 + N), V),),
    "dates and clocks": (lines("date,time,x", ["2024-03-01"] * N, [f"{i}:30" for i in DOWN], V[::-1]), "", V, TURNED),
    "names that rise": (lines("p,x", [f"FY{19 + i // 4} Q{i % 4 + 1}" for i in range(N)], V), "", V, "at FY19 Q1"),
    "two forms of dates, as names": (lines("d,x", [f"{d:%d.%m.%Y}" for d in DAYS[:12]] + ISO[12:], V), "", V, "at 01.03.2024"),
    "a row, newest first": ("EUR m," + ",".join(YEARS.split(",")[::-1]) + "\nA," + ",".join(ROW.split(",")[::-1]) + "\nB" + ",1" * N, "--row A", V, TURNED),
}  # fmt: skip

REFUSED = {  # name: (content, flags, what the line must say)
    "dotted thousands": (lines("d;x", ISO, DOTTED, sep=";"), "", "1.050 (--decimal .)|1050 (--decimal ,)"),
    "three decimals in one column": ("x\n" + "\n".join(f"{v:.3f}" for v in V), "", "--decimal"),
    "bare decimal commas": (lines("day,flow", ISO, COMMA), "", "decimal commas"),
    "bare decimal commas, alone": ("x\n" + "\n".join(COMMA), "", "--separator ;"),
    "thousands, alone": ("\n".join(f"{v + 9000:,}.5" for v in BIG), "", "--separator ;"),
    "spaced thousands, alone": ("x\n" + "\n".join(f"{v + 9000:,}".replace(",", " ") for v in BIG), "", "--separator"),
    "two decimal marks": (lines("d;x", ISO, put(V, 3, "4,2"), sep=";"), "", "two decimal marks"),
    "a lone thousand": (numbers('"1,234"'), "", "1234 (--decimal .)|1.234 (--decimal ,)"),
    "an underscore": (numbers("4_2"), "", "line 5|'4_2'|--missing"),
    "infinite": (numbers("inf"), "", "'inf'"),
    "a dash": (numbers('" -   "'), "", "'-' is 0, or no value|--missing '-'"),
    "a unit here and there": (numbers("4.2%"), "", "'4.2%'"),
    "two units": (lines("d,x", ISO, [f"{v} {'mm' if i % 2 else 'cm'}" for i, v in enumerate(V)]), "", "x holds"),
    "999": (numbers(999), "", "--missing 999|--missing none"),
    "99.00 twice": (numbers("99.00", "99.00"), "", "2 values are 99"),
    "-127 twice": (numbers(-127, 7, -127), "", "--missing -127"),
    "85 twice": (numbers(85, 7, 85), "", "--missing 85"),
    "-1 twice": (numbers(-1, 7, -1), "", "--missing -1"),
    "too large": (numbers("1e999"), "", "too large"),
    "too far": (lines("d,x", ISO, [1e308, -1e308] * 12), "", "too far"),
    "more digits than a float": (lines("at,x", [f"a{i}" for i in range(N)], [f"123456789012345678901.{i:02d}" for i in range(N)]), "", "digits"),
    "constant": (lines("d,x", ISO, [7.5] * N), "", "constant (7.5)"),
    "seven values": (lines("d,x", ISO[:7], V[:7]), "", "7 of 7 values|at least 8"),
    "mostly missing": (lines("d,x", ISO, [v if i % 3 == 0 else "" for i, v in enumerate(V)]), "", "8 of 24 values|half of all"),
    # tables
    "a cell less": (PLAIN.replace("2024-03-05,", ""), "", "line 6|1 cells|the others 2"),
    "fixed width": ("day x y\n" + "".join(f"{d} {'' if i == 5 else v:6} {v:6}\n" for i, (d, v) in enumerate(zip(ISO, V))), "--column x", "line 7"),
    "a name of two words": ("day air flow temp\n" + lines("", ISO, V, SOUTH, sep=" "), "--column flow", "the header names 4"),
    "years that may be names": ("2001,2002\n" + lines("", V, SOUTH), "--column #1", "--skip 1"),
    "a second table below": (PLAIN + "\nday,temp\n" + lines("", ISO, SOUTH), "", "line 27|--skip 26"),
    "a second table below, no times": ("x\n" + "\n".join(map(str, V)) + "\n\n" + "\n".join(map(str, SOUTH)), "", "line 27|--skip 26"),
    "the same table below": (PLAIN + lines("", ISO, SOUTH), "", "every time stands 2 times"),
    "tables side by side": (lines("Date,A,,Date,B", ISO[::-1], V[::-1], [""] * N, ISO, SOUTH), "--column B", "--time"),
    "an open quotation mark": (lines("d,x,n", ISO, V, ["ok"] * N).replace("5.3,ok", '5.3,"ok'), "", "line 6|not closed"),
    "two open quotation marks": (lines("d,x,n", ISO, V, ["ok"] * N).replace("5.3,ok", '5.3,"ok').replace("9.7,ok", '9.7,ok"'), "", "line 6|quotation mark"),
    "sums in blocks": ("item,x\n" + "".join(f"group {g},{4 * k + 6}\n" + "".join(f"{g}{i},{k + i}\n" for i in range(4)) for k, g in enumerate("abc")), "", "do not rise"),
    "a sum below, unnamed": ("x\n" + "\n".join(map(str, [*BIG, sum(BIG)])), "", "sums of those beside|--time none"),
    "quarters between months": ("m,x\n" + "".join(f"{m},{v}\n" + (f"Q{i // 3 + 1},{sum(V[i - 2 : i + 1]):.1f}\n" if i % 3 == 2 else "") for i, (m, v) in enumerate(zip(MONTHS, V[:12]))), "", "line 5|'Q1'"),
    "years between months": ("m,x\n" + "".join((f"{m[:4]},9\n" if i % 12 == 0 else "") + f"{m},{v}\n" for i, (m, v) in enumerate(zip(MONTHS, V))), "", "line 2|'2022'"),
    "a row without a time": (lines("d,x", put(ISO, 7, ""), V), "", "line 9|''"),
    # columns
    "which column": (lines("day,a,b", ISO, V, SOUTH), "", "--column|a, b|--all-columns"),
    "equal names, which": (lines("day,x,x", ISO, V, SOUTH), "--column x", "2 columns|--column '#2'"),
    "no such column": (PLAIN, "--column x", "it has day, flow"),
    "text, chosen": (lines("d,x,sea", ISO, V, ["calm"] * N), "--column sea", "line 2|'calm'"),
    "text": (lines("day,sea", ISO, ["calm"] * N), "", "no column of numbers"),
    "ids alone": (lines("sample_id,grade", [10400 + 7 * i for i in range(N)], ["good", "poor"] * 12), "", "sample_id|--column"),
    "a counter beside no numbers": (lines("t,v", range(1, N + 1), [f"3_{i}" for i in range(N)]), "", "only t|v holds"),
    "laps and durations": (lines("lap,time", range(1, N + 1), [f"1:{30 + i * 7 % 20}" for i in range(N)]), "", "'1:30' stands 2 times"),
    "a time that is the column": (PLAIN, "--time flow --column flow", "back and forth"),
    # times
    "01/02/2024": (lines("d,x", [f"{i + 1:02d}/02/2024" for i in range(12)], V[:12]), "", "2024-02-01 (--dates day-first)|--dates month-first"),
    "a strange time": (lines("d,x", put(ISO, 7, "soon"), V), "", "line 9|'soon'"),
    "no day of the calendar": (lines("d,x", put(ISO, 7, "2024-02-30"), V), "", "line 9|'2024-02-30'"),
    "a form that changes": (lines("d,x", ISO[:20] + [f"{d:%d.%m.%Y}" for d in DAYS[20:]], V), "", "line 22|'21.03.2024'"),
    "periods nobody knows": (lines("p,x", [f"P{i % 12 + 1:02d} FY{22 + i // 12}" for i in DOWN], V[::-1]), "", "times?|--time none"),
    "weeks that count down": (lines("p,x", [f"Week {i + 1}" for i in DOWN], V[::-1]), "", "times?|--time none"),
    "ages": (lines("age,x", range(0, 100 * N, 100), V), "", "backwards|--time none"),
    "depths": (lines("depth_m,x", DOWN, V), "--column x", "backwards|--time none"),
    "a column that falls": (lines("a,b,x", [3 * i * i for i in DOWN], V, V), "--column x", "falls|--time '#1'"),
    "two columns of times": (lines("last_modified,observed,x", ISO[::-1], ISO, V), "", "last_modified, observed|--time"),
    "a clock that is set back": (lines("t,x", [*CLOCK[:6], *CLOCK[4:]], V[:10]), "", "'2024-10-27 02:00' stands 2 times"),
    "a clock that is set back a little": (lines("t,x", [*CLOCK[:6], "2024-10-27 02:10", *CLOCK[6:]], V[:9]), "", "back and forth|--time"),
    "a clock that was set": (lines("t,x", ["2000-01-01", "2000-01-02", *ISO[2:]], V), "", "24.2 years|--from"),
    "some zones": (lines("t,x", [f"{d} 10:00{'Z' if i < 9 else ''}" for i, d in enumerate(ISO)], V), "", "zone"),
    "two stations": (STATIONS, "", "every time stands 2 times|--where station=north"),
    "two stations, no times": (lines("station,temp", ["north", "south"] * N, V + SOUTH), "", "--where station=north"),
    "a name for several rows": (lines("station,day,x", ["a"] + [""] * 11 + ["b"] + [""] * 11, ISO, V), "--where station=a", "empty in 22 rows"),
    "no such station": (STATIONS, "--where station=west", "north, south"),
    "a where without a text": (STATIONS, "--where station", "station=north"),
    "too many windows": (PLAIN, "--windows 5", "each needs at least 8"),
    "an empty window": (PLAIN, "--from 2025", "no row lies between"),
    "a time that is none": (PLAIN, "--from soon", "--from 'soon'"),
    # series in rows
    "which row": (f"country,{YEARS}\nNorway,{ROW}\nChile,{ROW}\n", "", "--row|Norway, Chile"),
    "which year": (GRID, "", "--row|1990, 1991"),
    "no such row": (f"country,{YEARS}\nNorway,{ROW}\n", "--row Peru", "Norway"),
    # no tables
    "a web page": ("<!DOCTYPE html>\n<html><table><tr><td>1</td></tr></table></html>", "", "web page"),
    "JSON": ('[{"day": 1, "flow": 2.5}]', "", "JSON"),
    "a list": (f"x = {V}\n", "", "'18.4]'|--missing"),
    "binary": (bytes(range(256)) * 4, "", "binary"),
    "bytes of zero": (PLAIN.encode()[:200] + b"\0" * 99 + PLAIN.encode()[200:], "", "line 14|bytes of zero"),
    "Shift-JIS": (lines("日付,気温", ISO, V).encode("shift-jis"), "", "UTF-8"),
    "empty": ("", "", "is empty"),
    "comments alone": ("# a\n# b\n", "", "no rows"),
    "a header alone": ("day,flow\n", "", "no rows"),
    "too many lines skipped": (PLAIN, "--skip 99", "--skip 99"),
    "an old spreadsheet": (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "", ".xls"),
    "a broken spreadsheet": (b"PK\x03\x04" + b"\0" * 99, "", ".xlsx"),
    "a broken parquet file": (b"PAR1" + b"\0" * 99, "", "parquet"),
    # of these a person can tell what is meant, or some other reader could
    "cells of several lines": (lines("day,flow,note", ISO, V, ['"a\nb, ""c"""'] * N), "--column flow", "line 2|quotation mark"),
    "Markdown": ("| day | x |\n|---|--:|\n" + "".join(f"| {d} | {v} |\n" for d, v in zip(ISO, V)), "--column x", "lines 1 to 2|--skip 1"),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), "", "line 1|UTF-8"),
    "marks between two files": ("\ufeff" + PLAIN + "\ufeff2024-03-25,19\n", "", "line 26|--time none"),
    "the other column shows the mark": (lines("d;x;y", ISO, DOTTED, COMMA, sep=";"), "--column x", "1.050 (--decimal .)|1050 (--decimal ,)"),
    "a minus behind, brackets": (numbers("4.2-", "(5.3)"), "", "line 5|'4.2-'|--missing"),
    "exponents of Fortran": (lines("d,x", ISO, [f"{v:.3E}".replace("E", "D") for v in V]), "", "x holds '2.500D+00'"),
    "protected from spreadsheets": (lines("d,x", ISO, [f'="{v}"' for v in V]), "", "x holds"),
    "digits of another script": (lines("d,x", ISO, [str(v).translate(str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")) for v in V]), "", "x holds"),
    "counters beyond 2^53": (lines("at,n", [f"a{i}" for i in range(N)], [2**53 + 1 + 2 * i + i % 3 for i in range(N)]), "", "more digits"),
    "-9999": (numbers(-9999, place=5), "", "1 value is -9999|--missing -9999|--missing none"),
    "the header is a comment": ("# day flow\n" + lines("", ISO, V, sep=" "), "--column flow", "it has column 1, column 2"),
    "titles above": ("Gauge 7\n\nmade by hand\n" + PLAIN, "", "line 3|--skip 2"),
    "a header of two lines": ("day,flow,flow\n,north,south\n" + lines("", ISO, V, SOUTH), "--column 'flow south'", "lines 1 to 2|--skip 1"),
    "a header again": (lines("day,x", ISO[:9], V[:9]) + lines("day,x", ISO[9:], V[9:]), "", "line 11|'day'"),
    "a blank line between": (PLAIN.replace("2024-03-05", "\n#,\n2024-03-05"), "", "line 8|blank"),
    "a total, a mean, a remark": (PLAIN + f"Total,{sum(V)}\nMean,9\nSource: gauge 7,\n", "", "line 26|'Total'"),
    "a total below names": (lines("w,x", [f"w{i}" for i in range(N)], V) + f"Sum,{sum(V)}\n", "", "line 26|'Sum'|--time none"),
    "subtotals between": (lines("m,x", MONTHS[:12], V[:12]) + "Total 2022,99\n" + lines("", MONTHS[12:], V[12:]), "", "line 14|'Total 2022'"),
    "remarks with commas below": (PLAIN + "\nSource: gauge 7, table 3, of 2024, p. 5\n", "", "line 27|blank"),
    "the same row twice": (PLAIN + f"{ISO[-1]},{V[-1]}\n", "", "'2024-03-24' stands 2 times"),
    "a constant year beside dates": (lines("year,date,x", [2024] * N, ISO, V), "", "year, x"),
    "years with footnotes": (falling(lambda i: f"{1990 + i}{'*' if i == 20 else ''}", "year,x")[0], "", "'2010*'"),
    "decimal years, newest first": (falling(lambda i: f"{2000 + i / 12:.3f}", "decimal year,x")[0], "", "falls|--time '#1'"),
    "years of two digits": (lines("yr,x", [f"{(90 + i) % 100:02d}" for i in range(N)], V), "", "--missing 99"),
    "years before Christ": (lines("year,x", [f"{1200 - 50 * i} BC" for i in range(N)], V), "", "no times|--time none"),
    "dates with their weekdays": (falling(lambda i: f'"{DAYS[i]:%a, %b %d, %Y}"')[0], "", "times?|--time none"),
    "compact hours, newest first": (falling(lambda i: f"20240301{i:02d}", "time,x")[0], "", "falls|--time '#1'"),
    "C": (falling(lambda i: f"{DAYS[i]:%a %b %d 09:30:00 %Y}")[0], "", "times?|--time none"),
    "fiscal years": (falling(lambda i: f"{2000 + i}/{(i + 1) % 100:02d}")[0], "", "times?|--time none"),
    "yyyyww over new year": (falling(lambda i: 202341 + i + (48 if i > 11 else 0), "week,x")[0], "", "202412 may be a date|2024-W09"),
    "yyyyddd over new year": (falling(lambda i: 2023354 + i + (635 if i > 11 else 0), "date,x")[0], "", "may be a date"),
    "yyyyq": (falling(lambda i: f"{2018 + i // 4}{i % 4 + 1}", "quarter,x")[0], "", "may be a date"),
    "Unix seconds, newest first": (falling(lambda i: 1709251200 + 3600 * i, "ts,x")[0], "", "falls|--time '#1'"),
    "nanoseconds apart": (falling(lambda i: 1709251200000000007 + 9 * i, "time,x")[0], "", "more digits"),
    "spreadsheet days, newest first": (falling(lambda i: 45352 + i, "Date,x")[0], "", "falls|--time '#1'"),
    "months from April on": (lines("month,x", JAN[3:] + JAN[:3], V[:12]), "", "'Jan' follows 'Dec'"),
    "days without years": (falling(lambda i: f"{i + 1}-Jan")[0], "", "times?"),
    "a clock over midnight": (lines("time,x", [f"{(i + 12) % 24:02d}:00" for i in range(N)], V), "", "'00:00' follows '23:00'"),
    "a clock that is set back, with zones": (lines("time,x", [f"2024-10-27 0{h}:00 CE{s}T" for h, s in zip((0, 1, 2, 2, 3, 4, 5, 6, 7), ("S", "S", "S", *[""] * 6))], V[:9]), "", "times?"),
    "years and days of the year": (lines("year,doy,x", [2022] * 12 + [2023] * 12, [*range(354, 366), *range(1, 13)], V), "", "doy, x"),
    "dates and clocks without a colon": (lines("date,time,x", ["2024-03-01"] * N, [f"{i}30" for i in DOWN], V[::-1]), "", "every time stands 24 times"),
    "two columns of times that agree": (lines("start,end,x", ISO, [f"{d}T09:00" for d in ISO], V), "", "start, end|--time"),
    "ages, told": (lines("Age [cal yr BP],x", range(0, 100 * N, 100), V), "--time #1", "backwards"),
    "shuffled days": (lines("d,x", ISO[1::2] + ISO[::2], V[1::2] + V[::2]), "", "back and forth|--time none"),
    "a row with a total": ("EUR m,Total," + ",".join(YEARS.split(",")[::-1]) + "\nA,99," + ",".join(ROW.split(",")[::-1]) + "\nB" + ",1" * (N + 1), "--row A", "--missing 99"),
}  # fmt: skip


def described(path, flags=""):
    """[Asked] of a file; UserError as describe.py would say it."""
    args = describe.parse_flags([str(path), *(shlex.split(flags) if isinstance(flags, str) else map(str, flags))])
    out = []
    for _, series in describe.read_files(args):
        if isinstance(series, cli.UserError):
            raise series
        out.append(prepare.prepare(series, None, Task()))
    return out


def written(folder, content, name="a.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", READ)
def test_is_read(name, tmp_path):
    content, flags, values, said = (*READ[name], *("", V, "")[len(READ[name]) - 1 :])
    (one,) = described(written(tmp_path, content), flags)
    np.testing.assert_allclose(one.series.values, values, rtol=1e-9)
    assert one.truth == STUDY.truth_of(one.shown) and len(one.shown) == len(values)
    assert said in f"{tell.about(one)} | unit {one.series.unit}"


def check_refused(path, flags, said):
    """The one line of the refusal holds each text of `said`, between which bars stand."""
    with pytest.raises(cli.UserError) as error:
        described(path, flags)
    for text in said.split("|"):
        assert text in str(error.value), str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(name, tmp_path):
    content, flags, said = REFUSED[name]
    check_refused(written(tmp_path, content), flags, said)


def test_what_was_read_is_said_in_one_line(tmp_path):
    (one,) = described(written(tmp_path, PLAIN))
    assert tell.about(one) == f"series: flow of {tmp_path}/a.csv, 24 points, 2.5 on 2024-03-01 to 18.4 on 2024-03-24"
    (one,) = described(written(tmp_path, READ["newest first"][0]))
    assert tell.about(one).endswith("to 18.4 on 2024-03-24; the times fall (newest first): turned round")
    said = run_script("describe.py", "a.csv", "--prompt", cwd=tmp_path)
    assert said.stderr.startswith("series: x of a.csv, 24 points, 2.5 on 2024-03-01 to 18.4") and "Series:" in said.stdout


# random tables, in the dialects of CSV

FORMS = ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%b-%Y", "%Y%m%d", "%Y-%m-%d %H:%M", "%d/%m/%y", "%b %d, %Y", None]


def dialect(seed):
    """A seed -> (bytes of a file, the column to read, its values, its times or None); None where the dialect cannot say it."""
    rng = random.Random(seed)
    n, form, decimals, scale = rng.randint(8, 60), rng.choice(FORMS), rng.randint(0, 4), 10 ** rng.randint(-1, 5)
    step = datetime.timedelta(days=rng.choice([1, 7, 31])) if "%H" not in (form or "") else datetime.timedelta(hours=1)
    begin = datetime.datetime(rng.randint(1990, 2030), rng.randint(1, 12), rng.randint(1, 28))
    times = [begin + i * step for i in range(n)]
    walks = [np.cumsum([rng.gauss(0, 1) for _ in range(n)]) + rng.choice([0, 5, -3]) for _ in range(rng.randint(1, 3))]
    columns = [[round(float(x) * scale, decimals) for x in walk] for walk in walks]
    sep, mark, group = rng.choice(",;\t| "), rng.choice(".,"), rng.choice(["", "", "", ",", ".", " ", "'"])
    quote, header, newest_first = rng.choice(["none", "all", "need"]), rng.random() < 0.8, rng.random() < 0.3
    spell = str.maketrans({",": group if group != mark else "", ".": mark})
    rows = [
        [*([time.strftime(form)] if form else []), *(f"{value:,.{decimals}f}".translate(spell) for value in values)]
        for time, *values in zip(times, *columns)
    ]
    if quote == "none" and (sep == " " or not header) and any(sep in cell for row in rows for cell in row):
        return None  # nobody can tell
    rows = rows[::-1] if newest_first and form else rows
    rows = [[*(["date"] if form else []), *(f"v{k}" for k in range(len(columns)))]] * header + rows
    quoted = [[f'"{c}"' if quote == "all" or quote == "need" and sep in c else c for c in row] for row in rows]
    text = rng.choice(["\n", "\r\n"]).join(map(sep.join, quoted))
    place = rng.randrange(len(columns))
    name = f"v{place}" if header else f"#{place + 1 + bool(form)}"
    seconds = [(datetime.datetime.strptime(t.strftime(form), form) - datetime.datetime(1970, 1, 1)).total_seconds() for t in times] if form else None
    return text.encode(rng.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252"])), name, columns[place], seconds


def outcome(seed):
    """ "right", "refused", "said" for a reading that was said with its other one, or "wrong"; None for no table."""
    case = dialect(seed)
    if case is None:
        return None
    data, name, values, seconds = case
    try:
        (series,) = read.open_table(data, read.Options(columns=(name,)), "a.csv").series()
    except cli.UserError:
        return "refused"
    if any("not as" in note for note in series.notes):
        return "said"
    same = len(series.values) == len(values) and np.allclose(series.values, values, rtol=1e-9)
    timed = seconds is None or series.kind == "date" and len(seconds) == len(series.at) and np.allclose(series.at, seconds)
    return "right" if same and timed else "wrong"


def outcomes(seeds):
    found = [(seed, outcome(seed)) for seed in seeds]
    return {what: [seed for seed, one in found if one == what] for what in ("right", "refused", "said", "wrong")}


def test_random_tables_are_read_rightly_or_refused():
    found = outcomes(range(400))
    assert not found["wrong"], found["wrong"]
    assert len(found["right"]) > 320 and len(found["said"]) < 10


ORDERED = read.times._ordered


@pytest.mark.parametrize("room, name, broken", [
    (read.times, "_ordered", lambda parts, _, *more: ORDERED(parts, "day-first", *more)),  # 03/04 is in April
    (read.numbers, "_decimal_mark", lambda *_: "."),  # 1,234 is a thousand
    (read.times, "one_way", lambda at: 1),  # the first row is the oldest
])  # fmt: skip
def test_a_reader_that_guesses_is_found_out(room, name, broken, monkeypatch):
    """The check above can fail: without one of the doubts, some table is read wrongly."""
    monkeypatch.setattr(room, name, broken)
    assert any(outcome(seed) == "wrong" for seed in range(1200))


# files whose cells have types


def workbook(path, sheets, change=lambda book: None):
    """An .xlsx file with rows of cells in each sheet; change: what else is done to the workbook."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    change(book)
    book.save(path)
    return path


TABLE = [["day", "flow (m3/s)"], *map(list, zip(DAYS, V))]
TWO = [["station", "day", "x"], *([s, d, x] for s, values in (("north", V), ("south", SOUTH)) for d, x in zip(DAYS, values))]


def hide(book):
    for row in range(26, 50):
        book["a"].row_dimensions[row].hidden = True


def merge(book):
    for first, last in ((2, 25), (26, 49)):
        for row in range(first + 1, last + 1):
            book["a"].cell(row, 1).value = None
        book["a"].merge_cells(f"A{first}:A{last}")


def hide_sheet(book):
    book["b"].sheet_state = "hidden"


@pytest.mark.parametrize("sheets, change, flags, right", [
    ({"a": [["Gauge 7"], [], *TABLE]}, None, "--skip 2", V),
    ({"a": [["Gauge 7"], [], *TABLE]}, None, "", "row 3|--skip 2"),
    ({"a": [["", "flow", ""], ["day", "north", "south"], *map(list, zip(DAYS, V, SOUTH))]},
     lambda book: book["a"].merge_cells("B1:C1"), "--skip 1 --column south", SOUTH),
    ({"a": [["day", "x"], *([d, 1 + v / 1000] for d, v in zip(DAYS, BIG))]}, None, "", [1 + v / 1000 for v in BIG]),
    ({"a": TABLE, "b": [["day", "x"], *([d, -v] for d, v in zip(DAYS, V))], "none": []}, None, "--sheet b", [-v for v in V]),
    ({"a": TABLE, "b": TABLE}, None, "", "2 sheets|--sheet, one of a, b"),
    ({"a": TABLE, "b": TABLE}, hide_sheet, "", V),
    ({"a": TABLE}, None, "--sheet x", "no sheet 'x'"),
    ({"a": []}, None, "", "empty"),
    ({"a": TWO}, hide, "", V),
    ({"a": TWO}, merge, "--where station=south", "one merged cell over several rows"),
    ({"a": [["day", "n", "use"], *([d, 1000 + i * i, f"=B{i + 3}-B{i + 2}"] for i, d in enumerate(DAYS))]}, None, "", "C2|formula"),
    ({"a": [["Row Labels", "Sum"], *([label, v] for y in (2020, 2021, 2022) for label, v in ((y, 10), ("Q1", 1), ("Q2", 2), ("Q3", 3), ("Q4", 4)))]},
     None, "", "repeat themselves"),
    ({"a": [["d", "x"], *([d if d.day > 12 else f"{d:%d/%m/%Y}", v] for d, v in zip(DAYS, V))]}, None, "", "--time none"),
    ({"a": [["d", "x"], *([d, str(v) if i == 4 else v] for i, (d, v) in enumerate(zip(DAYS, V)))]}, None, "", "row 6|'5.3'"),
])  # fmt: skip
def test_spreadsheets(sheets, change, flags, right, tmp_path):
    path = workbook(tmp_path / "a.xlsx", sheets, change or (lambda book: None))
    if isinstance(right, str):
        return check_refused(path, flags, right)
    (one,) = described(path, flags)
    np.testing.assert_allclose(one.series.values, right)
    assert one.facts["first"]["time"] == "2024-03-01" and ("hidden" in tell.about(one)) == (change is hide)


def test_parquet_keeps_its_types(tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"flow": put(V, 5, None), "name": ["a"] * N}, index=pd.to_datetime(ISO).rename("day"))
    frame.iloc[::-1].to_parquet(tmp_path / "a.parquet")
    (one,) = described(tmp_path / "a.parquet")
    np.testing.assert_allclose(one.series.values, put(V, 5, GAP))
    assert one.series.kind == "date" and TURNED in tell.about(one) and one.facts["first"]["time"] == "2024-03-01"
    big = pd.DataFrame({"day": pd.to_datetime(ISO).tz_localize("UTC"), "n": [10**12 + 1 + 2 * i for i in range(N)]})
    big["n"] = big["n"].astype("Int64")
    big.loc[5, "n"] = pd.NA
    big.to_parquet(tmp_path / "b.parquet")
    (one,) = described(tmp_path / "b.parquet")
    assert one.facts["first"]["value"] == 10**12 + 1 and "1 of 24 values missing" in tell.about(one)


# what is done with a series


def test_gaps_in_time_are_bridged_and_the_facts_stay_those_of_the_file(tmp_path):
    """A month of days, then months: by rows the minimum lies in the middle, by time at the very beginning."""
    days = [f"2024-01-{d:02d}" for d in range(1, 21)] + [f"2024-{m:02d}-20" for m in range(2, 13)]
    values = [30 - 0.5 * i for i in range(20)] + [22 + 3.5 * i for i in range(11)]
    (one,) = described(written(tmp_path, lines("date,price", days, values)))
    assert one.truth["min"] == "beginning" and one.truth["trend"] == "increasing" and one.n == 31
    assert one.facts["lowest"] == {"value": 20.5, "time": "2024-01-20"} and "even grid" in one.notes[0]
    (rows,) = described(tmp_path / "a.csv", "--time none")
    assert rows.truth["min"] == "middle"


def test_windows_are_described_one_after_another(tmp_path):
    parts = described(written(tmp_path, PLAIN), "--windows 3")
    assert [part.series.values.tolist() for part in parts] == [V[:8], V[8:16], V[16:]]
    assert parts[1].facts["first"] == {"value": V[8], "time": ISO[8]}
    assert "window 2 of 3: 2024-03-09 to 2024-03-16" in parts[1].notes[0]


def test_all_columns_and_what_cannot_be_described_among_them(tmp_path):
    path = written(tmp_path, lines("day,id,north,fixed,south", ISO, range(100, 100 + N), V, [3] * N, SOUTH))
    args = describe.parse_flags([str(path), "--all-columns"])
    found = [one for _, one in describe.prepare_all(args, describe.read_files(args), None, Task())]
    assert [one.series.column for one in found if isinstance(one, prepare.Asked)] == ["north", "south"]
    assert [str(one) for one in found if isinstance(one, cli.UserError)] == [f"{path}: fixed is constant (3): there is nothing to describe"]


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_what_comes_through_a_pipe_is_read(tmp_path, name):
    command = f"cat {written(tmp_path, PLAIN)} | {sys.executable} {ROOT}/describe.py {name} --prompt"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    shown = described(tmp_path / "a.csv")[0].shown
    assert done.returncode == 0 and STUDY.prompt_of(shown, "thirds") in done.stdout, done.stderr


def test_a_folder_and_a_missing_file_are_one_line(tmp_path):
    assert "Is a directory" in run_script("describe.py", tmp_path, cwd=tmp_path, code=2).stderr
    assert "no nowhere.csv here" in run_script("describe.py", "nowhere.csv", cwd=tmp_path, code=2).stderr
    assert "--plot x.bmp" in run_script("describe.py", "nowhere.csv", "--plot", "x.bmp", cwd=tmp_path, code=2).stderr


@pytest.mark.slow
def test_three_million_rows_are_read_in_little_memory(tmp_path):
    """The limit is on addresses, of which the libraries alone take half."""
    block = "".join(f"{{0}}{i:05d},{(i % 97) / 8}\n" for i in range(100_000))
    with open(tmp_path / "long.csv", "w") as file:
        file.write("step,level\n")
        for million in range(30):
            file.write(block.format(million or ""))
    limit = f"ulimit -v 1500000; exec {sys.executable} {ROOT}/describe.py long.csv --prompt"
    done = subprocess.run(["bash", "-c", limit], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "Series:" in done.stdout, done.stderr[-2000:]


def test_describing_needs_neither_locks_of_unix_nor_pandas():
    """Where fcntl cannot be had, as on Windows, a series can be described; pandas takes half a second to start."""
    code = (
        "import sys; sys.modules['fcntl'] = None; import describe; "
        "print(len(list(describe.read_files(describe.parse_flags(['examples/nile.csv'])))), 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "1 False", done.stderr


@pytest.mark.parametrize("name", sorted(name for name in os.listdir(os.path.join(ROOT, "examples")) if name.endswith(".csv")))
def test_the_examples_are_read_without_a_note(name):
    (one,) = described(os.path.join(ROOT, "examples", name))
    rows = [re.split(",", line) for line in open(os.path.join(ROOT, "examples", name), encoding="utf-8").read().split()[1:]]
    np.testing.assert_allclose(one.series.values, [float(value) for _, value in rows])
    assert not one.series.notes and one.series.kind in ("date", "year")
