"""The trend: does the series rise or fall as a whole?

Rule, versions 1 and 2. Let k_0 .. k_{n-1} be the integers, R = max k - min k (99 for a rescaled series).
    rise = n-1 times the slope of the least-squares line through (i, k_i), divided by R
    increasing if rise > 1/3, decreasing if rise < -1/3, else flat; clear if |rise| is at least 0.08 away from 1/3
A straight line has rise 1 or -1, white noise near 0, a random walk any.
"""

import difflib
import itertools

import numpy as np

from llm_ts.claims.lexicon import SEPARATORS, clauses_of, marks_of, phrases, reader
from llm_ts.claims.places import ENDS, PART, PLACES, join_leads

NAME = "trend"
LABELS = {"trend": ("increasing", "decreasing", "flat")}
NUMBERS = ("rise",)
ASKED = "its trend (increasing, decreasing or flat)"
ASKED_OF_TEACHER = (
    "is it increasing, decreasing or flat? Judge the fitted straight line: it is flat if it rises or falls "
    "by less than a third of the range."
)
ERROR_RATE = 15 / 220  # of the original study's teacher
IF_WRONG = "verify"  # a human looks at what contradicts a clear truth

RISE, MARGIN = 1 / 3, 0.08
THRESHOLDS = {"rise": RISE}


def rise_of(series):
    """Fitted rise over the range, -1.5..1.5; 0 for a constant series. series: n >= 2 numbers."""
    k = np.asarray(series, dtype=float)
    span = k.max() - k.min()
    t = np.arange(len(k)) - (len(k) - 1) / 2
    return float((t @ k) / (t @ t) * (len(k) - 1) / span) if span else 0.0


def measure(series, rise=RISE):
    """Integers -> {claim: (label, whether it is clear, the number that it was read from)}; rise: the threshold."""
    found = rise_of(series)
    label = "increasing" if found > rise else "decreasing" if found < -rise else "flat"
    return {"trend": (label, abs(abs(found) - rise) >= MARGIN, round(found, 6))}


def say(labels):
    return f"The trend is {labels['trend']}."


SUBJECTS = ("The series", "The curve", "The path", "The signal", "Overall, the series", "Overall, the curve")
WORDINGS = {
    "increasing": (
        "shows an increasing trend over time", "shows a clear upward trend", "rises over the whole window",
        "climbs over the whole window", "increases over the observed time", "goes up over the window",
        "moves upward over the window", "trends upward over time", "drifts upwards over time", "grows as time goes on",
    ),
    "decreasing": (
        "shows a decreasing trend over time", "shows a clear downward trend", "falls over the whole window",
        "declines over the whole window", "decreases over the observed time", "goes down over the window",
        "moves downward over the window", "trends downward over time", "drifts downwards over time", "drops as time goes on",
    ),
    "flat": (
        "shows a flat trend over time", "shows no clear trend over time", "stays flat over the whole window",
        "remains level over the whole window", "stays at about the same level", "keeps a constant level over time",
        "has no overall trend in time", "moves sideways over the window", "hovers around a constant level",
        "neither rises nor falls over time",
    ),
}  # fmt: skip


def reword(labels, rng):
    """The same claim in other words, as the simulated teacher says it."""
    return f"{rng.choice(SUBJECTS)} {rng.choice(WORDINGS[labels['trend']])}."


MOVES = """\
    <go* / march* / ratchet* / bleed* / grind* / tick* / push* / mov* / trend* / head* / drift* / edg* / inch* / creep* / climb*
    / went>"""
GOES = "<go* / com* / slop* / mov* / trend* / head* / drift* / edg* / inch* / creep* / point* / tilt* / lean* / went / is / are>"
COURSE = "<trend / slope / drift / direction / gradient / trajectory / tendency>"
MORE = "<ever / increasingly / progressively / gradually / steadily>"
MOVEMENT = "<rise / fall / increase / decrease / decline / drop / climb / ascent / descent / growth / surge / jump / recovery>"
LOW, HIGH = "<lower / smaller / fewer>", "<higher / larger / greater / bigger>"
FORMS = "<trend* / drift* / slope* / growth* / increase* / decrease* / rise* / fall* / decline*>"
UP = f"""
    increas*, rise(s), rising, risen, rose, upward(s), grow, grows, grown, growing, growth, grew, climb*, ascen*, uptrend*, up
    trend, incline*, upslope*, uptick*, upturn*, upswing*, uphill, ramp* up, warm*, build* up, improv*, surg*, soar*,
    escalat*, mount(s), mounting, advanc*, swell*, strengthen*, expan*, accumulat*, rally, rallies, rallied, rallying,
    skyrocket*, gain(s), gaining, gained, picks up, ratchet* up, {GOES} [always / slowly / straight / gradually / continuously]
    up, {MOVES} [_ x2] {HIGH}, {COURSE} <is / was / appears> [significantly / clearly / slightly / consistently / strongly]
    positive,
    {HIGH} and {HIGH}, {MORE} {HIGH}, positive [_] {COURSE}, positively, <end(s) / finishes> [_ x3] higher, <toward / towards
    / to / reaching> {HIGH} <value* / level* / number* / reading*>, <get / gets / getting> {HIGH}"""
DOWN = f"""
    decreas*, fall, falls, falling, fallen, fell, downward(s), declin*, drop, drops, dropped, dropping, descen*, descent,
    downtrend*, down trend, downslope*, downtick*, downturn*, downswing*, downhill, head* south, tank*, cool*, deteriorat*,
    erosion, erod*, worsen*, plung*, plummet*, tumbl*, slump*, collaps*, crash*, recede*, receding, recession, give(s) back,
    gave back, giving back, wane*, waning, dwindl*, ebb(s), ebbing, subsid*, weaken*, taper*, slip(s), slipped, slipping,
    sag(s), sagging, lose, loses, losing, loss, losses, shed(s), shedding, contract(s), contracting, contraction, reduc*,
    decay*, shrink*, shrank, diminish*, sink(s), sank, sinking, retreat*, slide(s), slid, sliding, {GOES} [always / slowly /
    straight / gradually / continuously] down, {MOVES} [_ x2] {LOW},
    {COURSE} <is / was / appears> [significantly / clearly / slightly / consistently / strongly] negative, {LOW} and {LOW},
    {MORE} {LOW}, negative [_] {COURSE}, negatively, <end(s)
    / finishes> [_ x3] lower, <toward / towards / to / reaching> {LOW} <value* / level* / number* / reading*>, <get / gets
    / getting> {LOW}"""
AFTER = "<until / till / before / after / past / beyond / up to / following>"
STAGE = """
    middle / midpoint / mid point / halfway / half way / centre / center / peak / maximum / minimum / trough / top / bottom
    / highest / lowest / first / second / third / last / quarter / half / early / late / initial / short / brief / sudden
    / sharp / small / slight / long"""
LEXICON = {
    "": phrases("""
        <peak(s) / spike(s) / bump(s) / hump(s) / trough(s) / dip(s)> [_] <ris* / rose / fall* / fell / climb* / grow* / drop*>,
        <go / goes / going / went / moves> [_] <up and down / down and up>, but <steadily / surely / consistently / gradually
        / slowly / slightly / noticeably / constantly / smoothly>, <increas* / decreas* / rising / falling / growing
        / declining / diminishing / reduced> [_] <nois* / fluctuat* / volatil* / variab* / variation* / amplitude* / frequenc*
        / variance / spread / scatter>, <noise / fluctuations
        / volatility / variability> [level / intensity] [slightly / gradually / steadily] <increas* / decreas* / rises / falls
        / grows / declines / drops>, <increas* / decreas* / diminish* / declining / falling / rising> <rate / pace / speed>,
        <year / step / day / week / month / point / quarter> after <year / step / day / week / month / point / quarter>,
        [the] <rate / pace / speed / slope / gradient> [of _] [that / which] <does / did> not <change / vary>, the <rate / pace
        / speed
        / slope / gradient> [of _] <is / stays / remains> [_] <stable / steady / constant / consistent / uniform>, <stable /
        steady
        / constant / consistent / uniform> <rate / pace / speed>"""),
    "part": "|".join([
        phrases(f"""
            in [the / its] <earlier / later> <{PART}>, from the [_] <{STAGE}> [_] <on / onward / onwards / forward>, {MOVEMENT}
            <open(s) / opened / close(s) / closed
            / start(s) / started / begin(s) / began / stop(s) / stopped / end(s) / ended / set(s) in / appear(s) / arrive(s)>,
            {AFTER} [the / its / a / an / that / this / about / around x2] [very / initial / global / overall / first / second
            / last / local x2] <{STAGE}>, <most / largest / biggest / greatest / sharpest / steepest / strongest> [_ x3]
            {FORMS}, <most / largest / biggest / greatest / sharpest / steepest / strongest> [_ x3] <drop* / dip / jump
            / surge / climb / change / move / upward / downward / ascen* / descen* / incline* / upslope* / downslope*
            / slope*>, after [the / it / its / a] <start* / begin* / onset / outset / opening>, before [the / its] [very] <end
            / finish / close / middle>, <end(s) / ended / ending / begin(s) / start(s) / starting / open(s) / close(s)
            / finish* / conclude(s)> [up / off / out] <in / on / by>, <end(s) / ended / ending / begin(s) / start(s)
            / starting / finish* / conclude(s)> [up / off / out] with <a / an / some / one / high / low / little / small
            / slight / sharp / strong>, include* [_ x3] <downward / upward / dip / increas* / decreas* / ris* / fall*
            / declin* / drop* / climb*>, to <begin / start>, begini*, beginn*, beggin*, begnin*, the starting {{not: point
            / value / level / position / place / one}}, throughout the <middle / start / end / first / second / last / final
            / initial / early / latter>, for [almost / about / nearly / roughly / over / the / first / last x3] <two / one
            / three / first> <third(s) / quarter(s) / fifth(s) / sixth>, <first / last> <two / three> <third(s) / quarter(s)>,
            <1st / 2nd> half, <mostly / only / just / has / with> one [_ x2] <increase* / decrease* / rise* / fall* / decline*
            / drop* / climb*>, to [a / its / the] [_] <plateau* / flat*>, at [the / its / a] <peak / maximum / top / bottom
            / minimum>, endl, <left / right> half, <half / part / partly / most> of the <way / time / window / graph / chart
            / line>, for a [_] <while / bit / time / moment>, <back / front / rear / other> <half / third>, <start(s)
            / begin(s) / started / began> [out / off] [to / smooth / fairly / very / mostly / rather / and x3] <flat* / steady
            / level / stable / constant / rise / rising / increas* / decreas* / fall* / declin* / upward* / downward*>, in the
            ends, quarter [of the] way, {FORMS} <follows / occurs / happens / comes>, <a / one / two / three> <third(s)
            / quarter(s)> of the way, to <its / the / a> [global / overall] <maximum / peak / top / minimum / trough / bottom>
            <in / near / around / during> [the] <middle / centre / center / mid* / beginning / start / first>, from there,
            thereafter, afterward(s), on <monday / tuesday / wednesday / thursday / friday / saturday / sunday>, in <january
            / february / march / april / may / june / july / august / september / october / november / december>, this <week
            / month / year / quarter / morning / season>, yesterday, today, from here, briefly, occasional*, temporar*,
            local*, short term"""),
        *(PLACES[p] for p in ("b", "m", "e", "VAGUE")),
    ]),
    "up": phrases(UP),
    "down": phrases(DOWN),
    "flat": phrases("""
        flat*, stationary, <stay(s) / remain(s) / is / keeps / mostly / roughly / fairly / nearly / almost / about / quite>
        level, level {then: until / till / throughout}, neither [_ x2] up nor [_ x2] down, sideways, unchanged, horizontal
        {not: axis / axes / direction / panel}, <run(s) / move(s) / stay(s) / lies> horizontally, trendless, plateau*,
        hover(s), hovering, goes nowhere, <remain* / stay* / keep* / hold* / held / is / are / was / were> [nearly / almost
        / fairly / quite / roughly / very / more or less / largely / mostly / rather / relatively] <constant / stable / steady
        / unchanged> {not: rise / fall / increas* / decreas* / growth / declin* / up* / down* / and / at}, <stay* / remain*>
        [about / roughly / much / nearly] the same, <keep* / maintain* / hold*> [a / the / its] [_] <constant / stable
        / steady> <value / level>, no [real / systematic / meaningful / notable / lasting / significant / visible / overall /
        net / clear x2] change {not: of direction},
        <slope / trend / drift> [_ x5] <close to / near / nearly / almost / about / essentially> zero, zero <slope / trend
        / drift>, mean revert*, <same / constant / steady / stable> level, balanced, static, directionless, <fluctuat*
        / oscillat* / hover* / revert* / stay* / remain* / settle* / scatter* / move* / back> [_ x2] <around / about / near
        / to> [a / an / its / the] [_] <mean / average / level / value>"""),
    "even": r"\b(?:(?:stable|steady|constant|consistent|uniform)(?:,| and)? )?(?:stable|stability|steady|constant|consistent|uniform)\b",
    "blip": phrases("crater*, recover*, rebound*, bounc*, dip, dips, dipped, dipping, jump*, leap*, spike*, bump*, hump*, peak*, trough*, wave(s)"),
    "other": phrases("""
        noise, noises, increment(s), autocorrelation*, correlation*, error(s), height*, depth*, length*, duration, volume,
        amplitude*, frequency, frequencies, variance, spread, size,
        width, font, lag, uncertainty, scatter, volatil*, fluctuat*, jitter*"""),
    "blip too": phrases("up, down, higher, lower"),
    "void": phrases("fall season, revers*, turn(s) around, turned around, gives way, <is / was / are> short lived, only to"),
    "trend": phrases("trend(s), direction, directional <movement / change / tendency>, drift, tendency, slope"),
}
WHOLE = {
    "WHOLE": r"\b(?:(?:from|since) (?:[\w.]+ ){0,6}?(?:start|begin|beginning|left|first \w+|outset)"
    r"(?! (?:[\w.]+ ){0,3}?(?:to|till|until) (?:[\w.]+ ){0,3}?(?:mid\w*|half\w*|cent\w+|peak|max\w*|min\w*|\w+ third))"
    r"(?: (?:[\w.]+ ){0,4}?to (?:[\w.]+ ){0,5}?"
    r"(?:end|finish|right|last))?|start to finish|beginning to end|all the way"
    r"|between (?:the )?(?:first|start|beginning|opening) and (?:the )?(?:last|end|finish|closing)|the whole time)\b"
}
DENIED = {
    "flat": phrases("""
        <do / does / did / has / have / is / are> not <change / changed / changing / vary / varied / move>, <hardly / barely
        / scarcely> <change* / move* / vary / varies>, in general not change*"""),
    "UNSEEN": phrases("<is / are / was / remain(s) / seem(s) / appears> [_] <negligible / insignificant / minimal>"),
    "NOT_": phrases(f"<little / negligible / minimal / scant> {{then: [_] {FORMS}}}"),
    "CONCEDE": phrases("such as"),
}
SUBJECT = ("up", "down", "flat", "trend", "")
READER = reader(WHOLE, DENIED, {"": LEXICON[""], "part": LEXICON["part"]}, SEPARATORS, LEXICON)
VALUES = {"up": "increasing", "down": "decreasing", "flat": "flat"}


def read(sentence):
    """A sentence -> {"trend": its label, or None where it makes no single claim}."""
    marks = _placed(marks_of(READER, sentence))
    tags = [tag for tag, _ in marks if tag not in ("~", "")]
    if {"DOUBT", "void"} & set(tags):
        return {"trend": None}
    label = _read(tags)
    if label is None and tags[:1] in (["WHILE"], ["CONCEDE"]) and not {"up", "down", "flat", "even"} & set(_rest(tags)):
        label = _read(tags[1:])  # "While it rises, there is some noise": what is conceded is all that is said
    return {"trend": label}


SPELT = ("beginning", "beginnings", "middle", "start", "midpoint", "halfway", "center", "quarter", "ending", "first", "second", "initially")
MOSTLY = ("mostly", "mainly", "largely", "predominantly", "essentially", "generally")


def _is_a_place(word):
    """Whether an unknown word is one of SPELT with a typing error."""
    return bool(difflib.get_close_matches(word, SPELT, cutoff=0.8))


def _placed(marks):
    """Marks with some readings corrected: "in the begining" is a place, and "mostly flat in the middle" speaks not of most."""
    found = [("part", word) if tag == "UNKNOWN" and _is_a_place(word) else (tag, word) for tag, word in marks]
    found = join_leads(found)
    for i in [i for i, (tag, _) in enumerate(found) if tag == "AND"]:  # "flat and straight at the end"
        after = {tag for tag, _ in itertools.takewhile(lambda mark: mark[0] not in (*ENDS, "AND"), found[i + 1 :])}
        if after in ({"part"}, {"part", "~"}):
            found[i] = ("~", "and")
    for i, (tag, word) in enumerate(found):
        clause = list(itertools.takewhile(lambda mark: mark[0] not in ENDS, found[i:]))
        if tag == "OVERALL" and word in MOSTLY and "part" in [tag for tag, _ in clause]:
            found[i] = ("~", word)
    return found


def _rest(tags):
    """The tags after the first comma."""
    return tags[tags.index("COMMA") :] if "COMMA" in tags else []


def _unexplained(tags):
    """Whether what comes after "then" or "but" is a word that nobody knows: it may be another movement."""
    for i, tag in enumerate(tags):
        if tag in ("THEN", "BUT"):
            clause = list(itertools.takewhile(lambda t: t not in ("STOP", "COMMA", "BUT", "THEN", "WHILE"), tags[i + 1 :]))
            if {"UNKNOWN", "blip", "blip too"} & set(clause) and not {"up", "down", "flat", "even"} & set(clause):
                return True
    return False


def _read(tags):
    claims, trendless = [], False  # (value, weight)
    if _unexplained(tags) or {"THEN", "blip"} <= set(tags) and not {"WHOLE", "OVERALL"} & set(tags):
        return None  # "dips before it rises": two movements
    whole = "WHOLE" in tags
    for said, denied, overall in clauses_of([tag for tag in tags if tag != "WHOLE"]):
        moves = [i for i, tag in enumerate(said) if tag in ("up", "down", "flat")]
        values = {said[i] for i in moves if "other" not in said[:i]}  # "the noise goes down"
        if not values and "even" in said and not {"other", "blip"} & set(said) and "UNKNOWN" not in tags:
            values = {"flat"}
        refused = {tag for tag in denied if tag in ("up", "down")}
        if refused == {"up", "down"} or ("trend" in denied and not refused and not {"flat", "even"} & set(denied)):
            values.add("flat")
            trendless = True
        part = "part" in said and not whole and not overall
        claims += [(value, 3 if overall else 1 if part else 2) for value in values]
    decisive = [value for value, weight in claims if weight == 3] or [value for value, weight in claims if weight]
    if trendless and {"up", "down"} <= set(decisive):  # "rises and falls without a clear trend"
        decisive = ["flat"]
    if len(set(decisive)) != 1 or max(weight for _, weight in claims) < 2:
        return None
    if claims[0][1] == 1 and max(weight for _, weight in claims) < 3:  # "it declines at the end, a moderate decrease"
        return None
    return VALUES[decisive[0]]
