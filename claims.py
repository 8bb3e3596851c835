"""What a sentence about a series claims, in the labels of truth.py.

Reads: one sentence in memory. Writes: nothing.
Run: no command of its own; `claims.read_claim("trend", "It climbs.")` -> "increasing".

Limits first. English only, and words rather than grammar: a sentence outside the lexicons below, or one whose claims
disagree, reads as None. It measures models, so that a wrong reading costs more than none. It believes words, never
numbers ("from 10 to 90" claims nothing). "Some noise" is no level.

How. Each lexicon names tags and the words that carry them; a sentence becomes a list of tags in its order, and only
tags are looked at from there on.
    negation    NOT denies the claims after it, up to `but`, a comma or a full stop, or a comma list's end
    concession  what `despite`, `although`, `while`, `with some ...` introduce is dropped up to the next comma or stop
    overall     clauses with `overall`, `in general`, `mostly` decide over those without
    part        a trend said of a part of the series only ("rises at the end") is no claim about all of it
    denial      neither up nor down, or no trend, is flat; no noise is low; neither low nor high is medium
For extrema, each clause binds its maximum and minimum to the place named in it.
"""

import re

SEEN = r"(?:visible|noticeable|apparent|evident|seen|present|observed|found|discernible|detectable|significant|clear)"
SEPARATORS = {
    # a question, or a claim that is only talked about: no claim
    "DOUBT": r"whether|unclear if|(?:hard|difficult|impossible) to (?:say|tell)|wrong|false|incorrect"
    r"|(?:at (?:least|most)|(?:less|more) than) (?:low|moderate|medium|high)|(?:a bit|somewhat|fairly) noisy",
    "UNSEEN": rf"(?:not|hardly|barely|scarcely) (?:be )?{SEEN}|absent|nonexistent|missing",  # denies what stands before it
    "STOP": r"[.!;?]|\n",
    "COMMA": r"[,:()]",
    "BUT": r"but|however|yet|instead(?! of)|rather(?! than)|nevertheless|nonetheless",
    "AND": r"and|as well as|plus",
    "WHILE": r"while|whilst|whereas",
    "THEN": r"(?:and )?then|before|after(?! (?:all|the (?:start|beginning|middle)))|until|till|followed by"
    r"|to (?:its|the|a) (?=(?:global |overall )?(?:max|min|peak|trough|highest|lowest))",
    "CONCEDE": r"(?:despite|in spite of|notwithstanding|regardless of|apart from|aside from|except|although|though"
    r"|even though|even if|albeit|ignoring)"
    r"|with (?:an? |some |only |the |several |many |a few )*(?:slight|small|minor|brief|occasional|temporary|short|tiny"
    r"|local|random|moderate|strong|large|noticeable|frequent|significant|considerable|intermittent)"
    r"|with (?:some|several|occasional|many|frequent|intermittent|fluctuations|dips|noise)",
    "NOT": r"not only|nothing but",  # told apart below: these two deny nothing
    "NOT_": r"not|no longer|no|never|without|neither|nor|none|cannot|lacks?|lacking|absence of|lack of|fails? to"
    r"|rather than|instead of|as opposed to|far from|free (?:of|from)|devoid of|nowhere|hardly|barely|scarcely|rarely|seldom|anything but|stop(?:s|ped)?|ceases?|ceased",
    "OVERALL": r"overall|in general|generally|mostly|mainly|largely|predominantly|on the whole|on average|as a whole"
    r"|essentially|broadly|in total|net|globally|by and large|for the most part|long term|throughout|across the"
    r"|over the (?:whole|entire|full|course)|in the long run|progressively",
}
PLACE = {
    "VAGUE": r"(?:first|second|other|latter|later|last) half|halves|between|quarters?(?! of)"
    r"|(?:one|two|a) thirds? (?:of the way|in|into|through)"
    r"|(?:before|after|past) (?:the )?(?:exact |very )?(?:middle|mid ?point|cent(?:re|er)|halfway|half way|midway)",
    "b": r"(?:start|beginning|end|middle|centre|center|close) of (?:the |its )?(?:first|initial|opening|early)"
    r" (?:third|part|section|segment|portion|phase)"
    r"|(?:first|initial|opening|beginning|early|earliest|starting) (?:third|part|parts|section|segment|portion|phase|stage"
    r"|stages|points?|values?|steps?|quarter|few \w+)|(?:starts?|begins?|opens?|starting|beginning|opening) (?:at|with|from|on|off)"
    r"|first(?= (?:and|or) )|beginning|starts?|outset|onset|opening|early|initially|at first|initial|left",
    "m": r"(?:start|beginning|end|middle|centre|center|close) of (?:the |its )?(?:second|middle|central|mid)"
    r" (?:third|part|section|segment|portion|phase)"
    r"|(?:middle|central|second|mid) (?:third|part|section|segment|portion|phase|stage|points?|region)"
    r"|(?:mid|middle|central) (?:series|way)|middle|midway|midpoint|mid point|halfway|half way|cent(?:re|er)|central|mid"
    r"|midst",
    "e": r"(?:start|beginning|end|middle|centre|center|close) of (?:the |its )?(?:third|last|final|closing|late)"
    r" (?:third|part|section|segment|portion|phase)?"
    r"|(?:last|final|third|closing|ending|late|latter|concluding|latest) (?:third|part|parts|section|segment|portion|phase|stage"
    r"|stages|points?|values?|steps?|quarter|few \w+)|(?:ends?|finishes|closes|concludes|ending|finishing|closing) (?:at|with|on|near)"
    r"|end|ending|finish|close|late|last|final|conclusion|tail|right",
}
TREND = {
    "WHOLE": r"from (?:[\w.]+ ){0,6}?(?:start|beginning|left|first \w+|outset)(?: (?:[\w.]+ ){0,4}?to (?:[\w.]+ ){0,5}?(?:end|finish|right|last))?|start to finish|beginning to end",
    "up": r"increas\w*|ris(?:es?|ing|en)|rose|upwards?|grow(?:s|n|ing|th)?|grew|climb\w*|ascen\w+|uptrend\w*|up trend"
    r"|(?:go\w*|mov\w+|trend\w*|head\w*|drift\w*|went|is|are) (?:up|higher)|(?:trend|slope|drift|direction) (?:is|was|appears) positive"
    r"|(?:higher|larger|greater) and (?:higher|larger|greater)|(?:ever|increasingly|progressively|gradually|steadily) (?:higher|larger)|positive (?:\w+ )?(?:trend|slope|drift|direction)|upswing"
    r"|gains?|gaining|(?:ends?|finishes) (?:\w+ ){0,3}higher|positively",
    "down": r"decreas\w*|fall(?:s|ing|en)?|fell|downwards?|declin\w*|drop(?:s|ped|ping)?|descen\w+|downtrend\w*|down trend"
    r"|(?:go\w*|mov\w+|trend\w*|head\w*|drift\w*|went|is|are) (?:down|lower)|(?:trend|slope|drift|direction) (?:is|was|appears) negative"
    r"|(?:lower|smaller) and (?:lower|smaller)|(?:ever|increasingly|progressively|gradually|steadily) (?:lower|smaller)|decay\w*|negative (?:\w+ )?(?:trend|slope|drift|direction)"
    r"|shrink\w*|diminish\w*|sinks?|sinking|(?:ends?|finishes) (?:\w+ ){0,3}lower|negatively|downhill|slides?|sliding",
    "flat": r"flat\w*|stationary|(?:stays?|remains?|is|keeps|roughly|fairly|nearly|almost|about|quite) level|sideways|unchanged|horizontal\w*|trendless|plateau\w*|hovers?|hovering"
    r"|(?:slope|trend|drift) (?:\w+ ){0,5}(?:close to|near|nearly|almost|about|essentially) zero|zero (?:slope|trend|drift)"
    r"|mean revert\w*|same level|balanced|static|directionless|(?:around|about|near) (?:a |an |its |the )?(?:\w+ )?"
    r"(?:mean|average|level|value)",
    "even": r"(?:(?:stable|steady|constant|consistent|uniform)(?:,| and)? )?(?:stable|stability|steady|constant|consistent|uniform)",
    "trend": r"trends?|direction|drift|tendency|slope",
    "part": r"briefly|occasional\w*|temporar\w*|local\w*|short term|" + "|".join(PLACE[p] for p in "bme") + "|" + PLACE["VAGUE"],
}
NOISE = {
    "DOUBT": r"only (?:at|in|near|towards?)",
    "": r"from (?:the|a|an) (?:\w+ )?smooth \w+|from (?:low|high) to (?:low|high)|(?:high|low) frequency|highly visible|high points?|at (?:the )?low\w*|large scale|"
    r"(?:increas|decreas|ris|fall|declin)\w*|upwards?|downwards?|(?:strong|clear|significant|pronounced|marked|steep|sharp) "
    r"(?:\w+ )?(?:trend|slope|drift|rise|fall|growth|decline|increase|decrease)",
    "SNR": r"signal to noise",
    "low": r"low\w*|weak\w*|small\w*|little|minimal\w*|slight\w*|mild\w*|minor|negligibl\w*|faint\w*|tiny|limited|light"
    r"|subtle|minute|insignificant|very few|smooth\w*|clean\w*|noise free|noiseless|quiet|calm|subdued|imperceptible"
    r"|almost no|nearly no|virtually no|practically no|hardly any|barely any|next to no|scarcely any",
    "medium": r"medium|moderate\w*|intermediate|middling|mid (?:level|range)|average|mid",
    "high": r"high\w*|strong\w*|heav(?:y|ily)|large|intens(?:e|ely)|severe\w*|extreme(?! ?ly)|great(?! deal)|big"
    r"|volatile|erratic\w*|jagged|chaotic\w*|wild\w*|choppy|turbulent|rough\w*|excessive\w*|elevated|dominates?|dominated",
    "marked": r"significant\w*|substantial\w*|considerabl\w*|pronounced|marked\w*|much|a lot of|lots of|a great deal of"
    r"|plenty of|strikingly|notable|notably",
    "noisy": r"noisy|noisily",
    "noise": r"nois\w*|fluctuat\w*|volatility|variability|jitter\w*|variations?|scatter|disturbances?|randomness",
}
EXTREMA = {
    "": r"(?:local|secondary|smaller|minor|second|another) (?:\w+ )?(?:max\w*|min\w*|peaks?|troughs?|dips?)|right (?:at|after|before|in)"
    r"|close to|closer? (?:at|in)|(?:at|in|near) the same time|left with|starting value of",
    "max": r"max\w*|peak\w*|highest|largest|greatest|crest\w*|summit|top\w*|high point|biggest|(?:the|its|global|overall) high",
    "min": r"min\w*|lowest|smallest|least|trough\w*|bottom\w*|valley|nadir|low point|(?:the|its|global|overall) low",
    "both": r"both|extrema|extremes|extreme values",
    "same": r"so (?:is|does|are)|as (?:is|does|are) (?:its |the )?",
    "?": r"is \d+ and (?=the|its)",  # "the maximum is 99 and the minimum ...": a value, no place
}
TREND_DENIED = {
    "UNSEEN": r"(?:is|are|was|remains?|seems?|appears) (?:\w+ )?(?:negligible|insignificant|minimal)",
    "NOT_": r"(?:little|negligible|minimal|scant)(?= (?:\w+ )?(?:trend|drift|slope|growth|increase|decrease|rise|fall|decline))",
}
VALUES = {"up": "increasing", "down": "decreasing", "flat": "flat", "b": "beginning", "m": "middle", "e": "end"}


def _compile(*lexicons):
    tags = [(tag, words) for lexicon in lexicons for tag, words in lexicon.items()]
    parts = (f"(?P<t{i}>{words})" if tag in ("STOP", "COMMA") else rf"\b(?P<t{i}>(?:{words}))\b" for i, (tag, words) in enumerate(tags))
    return re.compile("|".join(parts)), [tag for tag, _ in tags]


# the order decides where two lexicons know the same word
READERS = {
    "trend": _compile({"WHOLE": TREND["WHOLE"]}, TREND_DENIED, SEPARATORS, TREND),
    "noise": _compile(
        {"": NOISE[""], "DOUBT": r"no (?:lack|shortage|absence) of"},
        {"low": r"(?:almost|nearly|virtually|practically|next to) no|(?:hardly|barely|scarcely) any"},
        {"low": r"noise free|free (?:of|from) noise"},
        SEPARATORS,
        NOISE,
    ),
    "extrema": _compile(EXTREMA, {"VAGUE": PLACE["VAGUE"]}, {p: PLACE[p] for p in "bme"}, SEPARATORS),
}


def _tags(kind, sentence):
    """A sentence -> its tags in order: "It does not rise, it falls." -> ["NOT", "up", "COMMA", "down", "STOP"]."""
    text = sentence[:2000].lower().replace("’", "'").replace("n't", " not").replace("cannot", "can not")
    text = re.sub(r"(?<=\d)[.,](?=\d)", "", text)  # 1,000 and 0.5 hold no separators
    text = re.sub(r"[-‐-―/*_`\"“”]+", " ", text)
    text = re.sub(r"\s+", " ", text)
    pattern, names = READERS[kind]
    found = []
    for match in pattern.finditer(text):
        tag = names[int(match.lastgroup[1:])]
        if tag == "NOT":  # "not only": no denial
            continue
        if match[0] == "?":
            tag = "DOUBT"
        if tag:
            found.append("NOT" if tag == "NOT_" else tag)
    return found


def _clauses(tags):
    """Tags -> clauses [(said, denied, overall), ...]: sets of claim tags; conceded clauses are left out."""
    clauses, said, denied = [], [], []
    negated = conceded = overall = False

    def close():
        nonlocal said, denied, overall
        if said or denied:
            clauses.append((said, denied, overall))
        said, denied, overall = [], [], False

    for place, tag in enumerate(tags):
        if tag == "UNSEEN":
            said, denied = [], denied + said
        elif tag in ("STOP", "COMMA", "BUT", "CONCEDE", "WHILE", "THEN"):
            before = overall and tag == "THEN"  # "generally rises, then falls": both are general
            close()
            overall = before
            negated = False
            conceded = tag == "CONCEDE" or (tag == "WHILE" and (conceded or place == 0 or tags[place - 1] == "STOP"))
        elif tag == "NOT":
            negated = True
        elif tag == "OVERALL":
            overall = True
        elif tag == "AND":
            if not negated and not conceded and said:
                before = overall
                close()
                overall = before
        elif not conceded:
            (denied if negated else said).append(tag)
    close()
    return clauses


def _read_trend(tags):
    claims, trendless = [], False  # (value, weight)
    for said, denied, overall in _clauses([tag for tag in tags if tag != "WHOLE"]):
        whole = "WHOLE" in tags
        values = {tag for tag in said if tag in ("up", "down", "flat")}
        if not values and "even" in said:
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
    return VALUES[decisive[0]]


def _read_noise(tags):
    if "SNR" in tags:
        return None
    claims, refused = [], set()
    for said, denied, overall in _clauses(tags):
        levels = {tag for tag in said if tag in ("low", "medium", "high")}
        if "marked" in said and "low" not in levels:
            levels.add("high")
        if not levels and "noisy" in said:
            levels.add("high")
        refused |= {tag for tag in denied if tag in ("low", "medium", "high")}
        bare = {"marked", "noisy", "noise"} & set(denied) and not {"low", "medium", "high"} & set(denied)
        if bare and not levels:
            levels.add("low")
        claims += [(level, overall) for level in levels]
    decisive = {level for level, overall in claims if overall} or {level for level, _ in claims}
    if not decisive and refused == {"low", "high"}:
        return "medium"
    return decisive.pop() if len(decisive) == 1 and not decisive & refused else None


def _groups(tags):
    """Tags -> groups of extrema and places that belong together, cut at conjunctions where both sides are whole."""
    chunks, chunk, negated = [], [], False
    for tag in tags:
        if tag == "UNSEEN":
            chunk = ["~" if each in ("b", "m", "e", "?") else each for each in chunk]
        elif tag in ("STOP", "COMMA", "BUT", "AND", "WHILE", "CONCEDE", "THEN"):
            negated = False
            if tag != "BUT":
                chunks.append(chunk)
                chunk = ["THEN"] if tag == "THEN" else []
        elif tag == "NOT":
            negated = True
        elif tag in ("max", "min", "both", "same", "?"):
            chunk.append(tag)
        else:
            chunk.append("~" if negated else "?" if tag == "VAGUE" else tag)
    chunks = [chunk for chunk in [*chunks, chunk] if chunk]
    groups = [[]]
    for chunk, after in zip(chunks, [*chunks[1:], []]):
        whole = _extrema(groups[-1]) and _places(groups[-1])
        leads = not _extrema(chunk) and _extrema(after) and not _places(after)  # "in the middle, the minimum"
        apart = chunk[0] == "THEN" and _extrema(groups[-1]) and _extrema(chunk)  # "reaches its maximum, then ..."
        if apart or whole and "same" not in chunk and (_extrema(chunk) or leads):
            groups.append([])
        groups[-1] = groups[-1] + chunk
    return groups


def _extrema(group):
    return [tag for tag in group if tag in ("max", "min")]


def _places(group):
    return [tag for tag in group if tag in ("b", "m", "e", "?", "~")]  # ?: vague; ~: denied


def _bind(group):
    """One group -> [(extremum, place or "?"), ...]."""
    names = list(dict.fromkeys(_extrema(group)))
    places = [place for place in _places(group) if place != "~"]
    if not names and "both" in group:
        names = ["max", "min"]
    if "?" in places:
        return [(name, "?") for name in names]
    if len(set(places)) == 1:
        return [(name, places[0]) for name in names]
    if len(names) == len(places) == 2:
        return list(zip(names, places))
    return [(name, "?") for name in names] if _places(group) else []


def _read_extrema(tags):
    places = {"max": set(), "min": set()}
    for group in _groups(tags):
        for name, place in _bind(group):
            places[name].add(place)
    return tuple(VALUES.get(next(iter(found))) if len(found) == 1 else None for found in places.values())


def read_claim(kind, sentence):
    """The claim of a sentence: a label of truth.py, or None where it makes no single one.

    kind "trend" -> increasing, decreasing, flat or None; "noise" -> low, medium, high or None; "extrema" -> always a
    pair (max, min), each beginning, middle, end or None. ValueError for another kind. Any text is taken, of which
    the first 2,000 characters are read.

    read_claim("trend", "It does not show an increasing trend but a decreasing one.") -> "decreasing"
    read_claim("extrema", "It peaks at the end; the minimum is early.") -> ("end", "beginning")
    """
    if kind not in READERS:
        raise ValueError(f"no kind of claim: {kind!r}")
    tags = _tags(kind, sentence)
    if "DOUBT" in tags:
        return (None, None) if kind == "extrema" else None
    return {"trend": _read_trend, "noise": _read_noise, "extrema": _read_extrema}[kind](tags)
