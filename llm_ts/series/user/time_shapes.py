"""What texts of times look like: the shapes, and which of them the texts of a column have. times.py reads them.

"2024-03-01" "day", "2024-W09" "week", "1. Quartal 2021" "quarter", "1999/2000" "span", "1. März" "day-alone"
"""

import re

HINT = re.compile(
    r"(?i)(^|[^a-z])(date|dates|datum|datetime|date_?time|time|times|timestamp|ts|epoch|unix|zeit|zeitpunkt|zeitstempel|fecha|hora|jahr|year|years|yr|"
    r"ann[eé]e|a[nñ]o|anno|month|months|monat|mois|mes|day|days|tag|jour|d[ií]a|week|weeks|woche|semaine|quarter|quartal|trimestre|hour|hours|"
    r"stunde|heure|minute|minutes|second|seconds|sec|period|t|utc|when)([^a-z]|$)|(date|time|zeit|datum|stamp)$|日期|时间|時間|日時|年|月|дата|время|год"
)
MONTHS = """
    january januar jänner janvier enero gennaio janeiro januari январь января styczeń stycznia leden ledna
    february februar feber février fevrier febrero febbraio fevereiro februari февраль февраля luty lutego únor února
    march märz maerz mrz marz mars marzo março maart mrt март марта marzec marca březen března
    april avril abril aprile апрель апреля kwiecień kwietnia duben dubna
    may mai mayo maggio maio mei maj май мая maja květen května
    june juni juin junio giugno junho июнь июня czerwiec czerwca červen června čvn
    july juli juillet julio luglio julho июль июля lipiec lipca červenec července čvc
    august août aout agosto augustus augusti август августа sierpień sierpnia srpen srpna
    september septembre septiembre settembre setembro сентябрь сентября wrzesień września září
    october oktober octobre octubre ottobre outubro октябрь октября październik października říjen října
    november novembre noviembre novembro ноябрь ноября listopad listopada
    december dezember décembre decembre diciembre dicembre dezembro desember декабрь декабря grudzień grudnia prosinec prosince
"""  # a dozen languages; any beginning of three letters stands for a month too
MONTH_OF = {name: number for number, line in enumerate(MONTHS.split("\n")) for name in line.split()}
OTHER_WORDS = {
    "set",
    "out",
    "led",
    "gen",
    "mag",
    "lip",
    "lis",
    "list",
    "pro",
}  # with a number behind they are names: led 1, led 2
FOOTNOTE = re.compile(r"\s*([*†‡§:;,]+|[¹²³]|\[\w{1,2}\]|\([a-z0-9]\))$")
WORD = r"[^\W\d_]{3,12}\.?"
DAY_NAME = r"(?:[^\W\d_]{2,10}\.?,?\s+)?"
CLOCK = r"(?:(?:[T ]+|,\s*|:)(?P<clock>\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:\s?[AaPp]\.?[Mm]\.?)?|\d{1,2}h\d\d)" + (
    r"(?:\s?(?P<zone>Z|[A-Z]{3,4}|[+-]\d\d:?\d\d))?)?"
)
ZONES = {  # hours from UTC, for clocks that are set back; another zone's name is no time that can be read
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "BST": 1, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3,
    "MSK": 3, "JST": 9, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
Q = r"(?:[QqTKk]|Quart(?:er|al|ale)|[Tt]rim(?:estre|\.)?|кв\.?)"
SHAPES = {  # kind: what its texts look like
    "day": rf"(?P<y>\d{{4}})(?P<s>[-/.])(?P<m>\d{{1,2}})(?P=s)(?P<d>\d{{1,2}}){CLOCK}",
    "compact": r"(?P<y>[12]\d{3})(?P<m>0[1-9]|1[0-2])(?P<d>[0-3]\d)(?:T?(?P<hms>\d{4}|\d{6})Z?)?",
    "numeric": rf"{DAY_NAME}(?P<a>\d{{1,2}})(?P<s>[-/. ])(?P<b>\d{{1,2}})(?P=s)(?P<c>\d{{4}}|\d{{2}}){CLOCK}",
    "named": rf"(?:{WORD},?\s+)?(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?[-/ ]*(?P<w>{WORD})[-/, ]*(?P<y>\d{{4}}|\d{{2}}){CLOCK}",
    "named-first": rf"(?:{WORD},?\s+)??(?P<w>{WORD})[-/ ]*(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[-/, ]+(?P<y>\d{{4}}){CLOCK}",
    "ctime": rf"{WORD}\s+(?P<w>{WORD})\s+(?P<d>\d{{1,2}})\s+(?P<clock>\d\d:\d\d:\d\d)\s+"
    r"(?:(?P<zone>[A-Z]{3,4})\s+)?(?P<y>\d{4})",
    "east": rf"(?P<y>\d{{4}})\s?[年년]\s?(?P<m>\d{{1,2}})\s?[月월]\s?(?P<d>\d{{1,2}})\s?[日일]{CLOCK}",
    "east-month": r"(?P<y>\d{4})\s?[年년]\s?(?P<m>\d{1,2})\s?[月월]",
    "ordinal": r"(?P<y>[12]\d{3})[-.](?P<n>[0-3]\d\d)",
    "year-named": rf"(?P<y>\d{{4}})[-/ ](?P<w>{WORD})(?:[-/ ](?P<d>\d{{1,2}}))?{CLOCK}",
    "span": r"(?:FY\s?)?(?P<y>[12]\d{3})\s?[-/–]\s?(?P<next>\d{4}|\d\d)|FY\s?(?P<y2>[12]\d{3}|\d\d)",
    "month": r"(?P<y>[12]\d{3})(?:\s?[-/:]\s?M?|\s?[Mm])(?P<m>0?[1-9]|1[0-2])",
    "month-first": r"(?P<m>0?[1-9]|1[0-2])[-/.](?P<y>[12]\d{3})",
    "month-named": rf"(?P<w>{WORD})[-/, ']+(?P<y>[12]\d{{3}}|\d{{2}})",
    "quarter": rf"(?P<y>[12]\d{{3}})[-/:., ]*{Q}\s?(?P<q>[1-4])|"
    rf"{Q}\s?(?P<q2>[1-4])(?:[-/:., ']*(?P<y2>[12]\d{{3}})|[-/:., ']+(?P<y6>\d\d))|"
    rf"(?P<q3>[1-4])\.?\s?{Q}[-/., ']*(?P<y3>[12]\d{{3}})|(?P<q7>[1-4])[Qq][-/., ']*(?P<y7>\d\d)|"
    r"(?P<y4>[12]\d{3})[-/. ]+(?:Q\s?)?(?P<q4>IV|I{1,3})|(?:Q\s?)?(?P<q5>IV|I{1,3})[-/. ]+(?P<y5>[12]\d{3})",
    "half": r"(?P<y>[12]\d{3})[-/: ]?[HS](?P<h>[12])",
    "week": r"(?P<y>[12]\d{3})[-/: ]?(?:[WwKk][Ww]?)(?P<w>\d{1,2})(?:-?(?P<d>[1-7]))?|"
    r"(?:[WwKk][Ww]?|[Ww]eek|[Ww]oche|[Ss]emaine)\s?(?P<w2>\d{1,2})[-/,. ]+(?P<y2>[12]\d{3})",
    "day-alone": rf"(?P<d>\d{{1,2}})[-/. ]*(?P<w>{WORD})|(?P<w2>{WORD})[-/. ]*(?P<d2>\d{{1,2}})|"
    r"(?P<d3>\d{1,2})\.(?P<m3>\d{1,2})\.",
    "month-alone": rf"(?P<w>{WORD})",
    "clock": r"(?P<clock>\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:\s?[AaPp]\.?[Mm]\.?)?)",
    "yyyymm": r"(?P<y>[12]\d{3})\.?(?P<m>0[1-9]|1[0-2])",
    "year": r"(?P<y>[12]\d{3})(?:\.0+|\s?[年년])?",
}  # fmt: skip
# shapes that ids, values and names may have too
WEAK = ("compact", "yyyymm", "year", "clock", "month-named", "month-alone", "day-alone")
# shapes of dates, to which clock times may belong
DAILY = ("day", "compact", "numeric", "named", "named-first", "year-named", "east", "ordinal")
# told in years: months are equal then
YEARLY = ("year", "span", "quarter", "half", "month", "east-month", "month-first", "month-named", "yyyymm")


def shape_of(texts):
    """The name of the shape that nearly all texts have (a few, such as a total's, may have none), or None. texts: a list."""
    texts = [text for text in texts if text]
    if len(texts) < 3:
        return None
    some = texts[:: max(1, len(texts) // 8)]
    for name in SHAPES:
        if sum(bool(match(name, text)) for text in some) < 0.4 * len(some):
            continue
        fits = sum(bool(match(name, text)) for text in texts)
        if fits >= max(3, 0.8 * len(texts)) and fits >= len(texts) - max(1, 0.2 * len(texts)):
            return name
    return None


def match(name, text):
    """The match of a shape with a text, without quotes and footnotes around it; None where it does not fit, or names no month."""
    found = re.fullmatch(SHAPES[name], FOOTNOTE.sub("", text.strip(" '=\"")))
    word = (
        found and name != "week" and next((part for key, part in found.groupdict().items() if key in ("w", "w2") and part), None)
    )
    if not found or word and not month_of(word):
        return None
    if name == "day-alone" and word and word.lower().rstrip(".") in OTHER_WORDS:
        return None
    if name == "span" and found["next"] and (int(found["y"]) + 1) % 10 ** len(found["next"]) != int(found["next"]):
        return None  # 2001-07 is a month, 2001-02 may be a year
    return found


def month_of(word):
    """ "März", "Sept." -> 3, 9; None for no month: "market" is none."""
    word = word.lower().rstrip(".")
    if word in MONTH_OF or len(word) < 3:
        return MONTH_OF.get(word)
    return next((number for name, number in MONTH_OF.items() if name.startswith(word)), None)


def like_times(texts):
    """Whether most texts look like times of whatever shape: by a year, a month's name, or two numbers with a sign between."""
    texts = [text for text in texts if text][:400]
    like = [
        re.search(r"(?<!\d)(1[5-9]|20)\d\d(?!\d)|(?<![\d.])\d{1,2}[-/.:]\d{1,2}(?![\d.]{2})|[年月日]", text)
        or re.search(r"\d", text)
        and any(map(month_of, re.findall(WORD, text)))
        for text in texts
    ]
    return len(texts) > 2 and sum(map(bool, like)) >= 0.8 * len(texts)


def fits(shape, text):
    """Whether a text has a shape, be it a time or, as 2024-02-30, none."""
    return bool(shape and match(shape, text))
