"""More small files as people have them: times of many programs and languages, dressed numbers, tables that were printed.

Of a falling axis the rows are turned round: only a reader that understands the times can do that.
"""

from user_files import BIG, COMMA, DAYS, ISO, MONTHS, PLAIN, SOUTH, N, V, lines, put

DOWN = range(N - 1, -1, -1)
TURNED = ["turned round"]
NAMES = "January February March April May June July August September October November December".split()
RUSSIAN = "янв фев мар апр май июн июл авг сен окт ноя дек".split()


def falling(time, header="when,x", count=N):
    """A file whose newest row stands first, and what is right: V, turned round. time: a function of a row's number."""
    texts = [time(i) for i in range(count)]
    return lines(texts[::-1], V[:count][::-1], header=header), [], V[:count], TURNED


def in_script(zero, point):
    """V in the digits of another script."""
    return ["".join(point if sign == "." else chr(ord(zero) + int(sign)) for sign in str(v)) for v in V]


READ = {
    "fiscal years": falling(lambda i: f"{2000 + i}/{(i + 1) % 100:02d}"),
    "fiscal years in full": falling(lambda i: f"{2000 + i}-{2001 + i}"),
    "FY 2001": falling(lambda i: f"FY{2000 + i}"),
    "fiscal years that may be months": falling(lambda i: f"{2001 + i}/{i + 2:02d}", count=10),
    "weeks before years": falling(lambda i: f"KW {i + 20}/2022"),
    "quarters of short years": falling(lambda i: f"Q{i % 4 + 1}-{18 + i // 4}"),
    "3Q21": falling(lambda i: f"{i % 4 + 1}Q{18 + i // 4}"),
    "quarters in words": falling(lambda i: f"{i % 4 + 1}. Quartal {2018 + i // 4}"),
    "Roman quarters": falling(lambda i: f"{('I', 'II', 'III', 'IV')[i % 4]}/{2018 + i // 4}"),
    "Japanese months": falling(lambda i: f"{2021 + i // 12}年{i % 12 + 1}月"),
    "Japanese days": falling(lambda i: f"2023年1月{i + 1}日"),
    "Russian months": falling(lambda i: f"{RUSSIAN[i % 12]} {2021 + i // 12}"),
    "days of the year": falling(lambda i: f"2023-{i + 100}"),
    "weekdays of two letters": falling(lambda i: f'"{("So", "Mo", "Di", "Mi", "Do", "Fr", "Sa")[i % 7]}, {i + 1:02d}.01.2023"'),
    "as C prints times": falling(lambda i: DAYS[i].strftime("%a %b %d 09:30:00 %Y")),
    "as web servers log times": falling(lambda i: DAYS[i].strftime("%d/%b/%Y:10:00:00 +0000")),
    "as SAS writes times": falling(lambda i: DAYS[i].strftime("%d%b%Y:10:00:00").upper()),
    "as browsers write times": falling(lambda i: f'"1/{i + 1}/2023, 10:00:00 PM"'),
    "compact times in UTC": falling(lambda i: f"20230101T{i:02d}0000Z"),
    "days without years": falling(lambda i: f"{i + 1}-Jan"),
    "German days without years": falling(lambda i: f"{i + 1:02d}.01."),
    "days without years, over a month's end": (
        lines(
            [f"{m} {d:02d}" for m, d in [*(("Jan", d) for d in range(20, 32)), *(("Feb", d) for d in range(1, 13))]],
            V,
            header="day,x",
        ),
        [],
        V,
        [],
    ),
    "names with numbers are no days and no quarters": (
        lines([f"{word}{i}" for word in ("led ", "t", "product ", "list ") for i in (3, 1, 112, 101, 9, 203)], V, header="at,x"),
        [],
        V,
        [],
    ),
    "years before Christ": (lines([f"{1200 - 50 * i} BC" for i in range(N)], V, header="year,x"), [], V, []),
    "years of two digits": (lines([f"{(90 + i) % 100:02d}" for i in range(N)], V, header="yr,x"), [], V, ["two digits"]),
    "years with footnotes": falling(lambda i: f"{1990 + i}{'*' if i == 20 else ''}", "year,x"),
    "times in quotes of one stroke": falling(lambda i: f"'{ISO[i]}'", "'when','x'"),
    "times before colons": (lines([f"{day}:" for day in ISO[::-1]], V[::-1], sep=" "), [], V, TURNED),
    "clocks set back, by zone": (
        lines(
            [
                f"2024-10-27 {t}"
                for t in (
                    "00:00 CEST",
                    "01:00 CEST",
                    "02:00 CEST",
                    "02:00 CET",
                    "03:00 CET",
                    "04:00 CET",
                    "05:00 CET",
                    "06:00 CET",
                    "07:00 CET",
                )
            ],
            V[:9],
            header="time,x",
        ),
        [],
        V[:9],
        [],
    ),
    "a timetable behind midnight": (
        lines(["2024-03-01"] * N, [f"{20 + i // 2}:{30 * (i % 2):02d}:00" for i in range(N)], V, header="date,time,x"),
        [],
        V,
        ["one time together"],
    ),
    "years and names of months apart": (
        lines([NAMES[i % 12] for i in DOWN], [2022 + i // 12 for i in DOWN], V[::-1], header="Month,Year,x"),
        [],
        V,
        TURNED,
    ),
    "years and Q1 apart": (
        lines([2018 + i // 4 for i in DOWN], [f"Q{i % 4 + 1}" for i in DOWN], V[::-1], header="Year,Quarter,x"),
        [],
        V,
        TURNED,
    ),
    "years and M01 apart, a mean as M13": (
        lines(["S7"] * 13, [2023] * 13, [f"M{i + 1:02d}" for i in range(13)], V[:13], header="series,year,period,value"),
        [],
        V[:12],
        ["left out"],
    ),
    "years and days of the year apart": (
        lines([2022] * 12 + [2023] * 12, [*range(354, 366), *range(1, 13)], V, header="year,doy,x"),
        [],
        V,
        ["one time together"],
    ),
    "days and 0930 apart": (
        lines(["20240301"] * N, [f"{i}30" for i in DOWN], V[::-1], header="date,time,x"),
        [],
        V,
        TURNED,
    ),
    "Arabic digits": (lines(ISO, in_script("٠", "٫"), header="day,x"), [], V, []),
    "wide digits": (lines(ISO, in_script("０", "．"), header="day,x"), [], V, []),
    "Indian digits": (lines(ISO, in_script("०", "."), header="day,x"), [], V, []),
    "a dash as long as a digit": (lines(ISO, [f"‒{v}" for v in V], header="day,x"), [], [-v for v in V], []),
    "protected from spreadsheets": (lines(ISO, [f'="{v}"' for v in V], header="day,x"), [], V, []),
    "exponents of Fortran": (lines(ISO, [f"{v:.3E}".replace("E", "D") for v in V], header="day,x"), [], V, []),
    "a currency before, between commas": (
        lines(ISO[::-1], [f"EUR {v}" for v in V[::-1]], header="day,x"),
        [],
        V,
        ["unit EUR", *TURNED],
    ),
    "Swiss thousands of the other stroke": (
        lines(ISO, [f"{v:,}".replace(",", "’") for v in BIG], header="day;x", sep=";"),
        [],
        BIG,
        [],
    ),
    "thin spaces": (lines(ISO, [f"{v:,}".replace(",", "\u2009") for v in BIG], header="day;x", sep=";"), [], BIG, []),
    "citations": (lines(ISO, [f"{v}[{i + 1}]" for i, v in enumerate(V)], header="day\tx", sep="\t"), [], V, ["and 21 more"]),
    "marks between two files": ("\ufeff" + PLAIN + "\ufeff" + lines(["2024-03-25"], [19]), [], [*V, 19], []),
    "Markdown": ("| day | x |\n|---|--:|\n" + "".join(f"| {d} | {v} |\n" for d, v in zip(ISO, V)), ["--column", "x"], V, []),
    "a printed table": (
        "+-----+---+\n| day | x |\n+-----+---+\n" + "".join(f"| {d} | {v} |\n" for d, v in zip(ISO, V)) + "+-----+---+\n",
        ["--column", "x"],
        V,
        [],
    ),
    "a bank of the world": (
        '"Data Source","Bank",\n\n"Last Updated","2024-01-01",\n\n"Country","Code",'
        + ",".join(f'"{y}"' for y in range(1990, 1990 + N))
        + ',\n"Peru","PER",'
        + ",".join(f'"{v}"' for v in V)
        + ',\n"Chile","CHL",'
        + ",".join(f'"{v}"' for v in SOUTH)
        + ",\n",
        ["--row", "Peru"],
        V,
        ["in a row"],
    ),
    "remarks with commas below": (PLAIN + "\nSource: gauge 7, table 3, of 2024, p. 5\n", [], V, ["line 27 left out"]),
    "R's row names that are words, two columns": (
        '"a","b"\n' + lines([f'"town {chr(65 + i)}"' for i in range(N)], V, SOUTH),
        ["--column", "a"],
        V,
        ["names of the rows"],
    ),
    "notes of several lines": (
        lines(ISO, V, ['"a\nb, c"'] * N, header="day,flow,note"),
        ["--column", "flow"],
        V,
        ["24 lines stand"],
    ),
    "a unit behind each number of a column": ("x\n" + "\n".join(f"{c} kg" for c in COMMA), [], V, ["unit kg"]),
    "one column that counts": ("x\n" + "\n".join(map(str, range(N))), [], range(N), ["counts up by one"]),
    "a counter, chosen": (lines(range(N), [f"3_{i}" for i in range(N)], header="t,v"), ["--column", "t"], range(N), []),
}

REFUSED = {
    "a counter beside cells that are no numbers": (
        lines(range(1, N + 1), [f"3_{i}" for i in range(N)], header="t,v"),
        [],
        ["only t holds numbers", "v holds '3_0'", "--column t"],
    ),
    "an axis in steps beside words": (
        lines([f"{0.5 * i:.1f}" for i in range(N)], ["calm", "rough"] * 12, header="at (s),sea"),
        [],
        ["sea holds 'calm'", "--column 'at (s)'"],
    ),
    "a falling counter beside bounds": (lines(DOWN, ["<0.5"] * N, header="n,x"), [], ["x holds '<0.5'", "--column n"]),
    "equal names, which": (lines(ISO, V, SOUTH, header="day,x,x"), [], ["x (#2), x (#3)"]),
    "no numbers, and what is there": (lines(ISO, [hex(v) for v in BIG], header="day,x"), [], ["x holds '0x3db'"]),
    "two forms of dates": (
        lines([d.strftime("%d/%m/%Y") if d.day > 12 else d.isoformat() for d in DAYS], V, header="day,x"),
        [],
        ["'2024-03-01' to '24/03/2024'", "--time none"],
    ),
    "months and days without years": (lines([f"{d:%m-%d}" for d in DAYS], V, header="day,x"), [], ["like times", "--time none"]),
    "such days in a header": (
        "day," + ",".join(f"{d:%m-%d}" for d in DAYS) + "\nx," + ",".join(map(str, V)),
        [],
        ["the header holds"],
    ),
    "no day of the calendar, at the end": (
        lines([f"2024-02-{d:02d}" for d in range(16, 31)], V[:15], header="day,x"),
        [],
        ["line 16", "'2024-02-30'"],
    ),
    "years with thousands": (lines([f'"{1990 + i:,}"' for i in range(N)], V, header="year,x"), [], ["--decimal ."]),
    "a list of Python": (f"x = {V}\n", [], ["list"]),
    "a list in JSON": (f"{V}\n", [], ["list"]),
    "a vector of R": ("x <- c(" + ", ".join(map(str, V)) + ")\n", [], ["list"]),
    "a list with dashes": ("\n".join(f"- {v}" for v in V), [], ["may be below 0"]),
    "as R prints": ("\n".join(f" [{i + 1}]  " + "  ".join(map(str, V[i : i + 8])) for i in (0, 8, 16)), [], ["list"]),
    "a piece of a web page": ("<tr><td>2023</td><td>5</td></tr>\n" * 10, [], ["web page"]),
    "zeros behind the end": (PLAIN.encode() + b"\0" * 300, [], ["ends in bytes of zero"]),
    "a quotation mark not closed": (
        lines(ISO, V, ["ok"] * N, header="day,x,note").replace("5.3,ok", '5.3,"ok'),
        [],
        ["line 6", "not closed"],
    ),
    "two quotation marks not closed": (
        lines(ISO, V, ["ok"] * N, header="day,x,note").replace("5.3,ok", '5.3,"ok').replace("9.7,ok", '9.7,"ok'),
        [],
        ["line 6", "8 lines"],
    ),
    "lines in quotation marks": ('"day,x"\n' + "".join(f'"{d},{v}"\n' for d, v in zip(ISO, V)), [], ["holds '2024-03-01,2.5'"]),
    "some estimated": (lines(MONTHS, put(V, 5, "4.8e"), header="month,x"), [], ["'4.8e'", "--missing '4.8e'"]),
    "decimal commas and points": (
        lines(ISO, [c if i % 2 else v for i, (c, v) in enumerate(zip(COMMA, V))], header="day;x", sep=";"),
        [],
        ["two decimal marks"],
    ),
}
