"""What a sentence about a series claims, in the words of truth.py.

Reads: one sentence in memory. Writes: nothing.
Run: no command of its own; `read_claim("trend", "It climbs.")` is what other scripts import.

Limits first. English only. It knows words, not grammar: a sentence outside the lexicons below, or one whose claims
disagree, reads as None. It measures models, so that a wrong reading costs more than none: what speaks of a part of
the series only ("rises at the end"), a question, or a double negation is None. It believes the wording, never
numbers ("from 10 to 90" without a verb is None), and "some noise" or "modest noise" is no level.

How. Words become items, longest phrase first, each with a concept (up, low, max ...). Then, for trend and noise:
    concession  what "despite", "although", "while", "with a slight ..." introduce is dropped up to the next comma
    negation    reaches from its word to "but", to a full stop, to a comma, "and" or new subject once it has met
                a claim; before "seen" words it reaches back ("an increase is not visible")
    weight      3 "overall", 2 plain, 1 part of the series only, 0 brief, or slight and in a part; weight 3 decides
                alone, else all of weight 1 and more must agree and one of them must have 2
    denial      neither up nor down, or no trend at all, is flat; no noise is low; neither low nor high is medium
For extrema, clauses are cut at commas and conjunctions, and each maximum or minimum is bound to the place in its own.
"""

import itertools
import re
import unicodedata
from dataclasses import dataclass

# A lexicon maps a concept to its words: `_` joins a phrase, `ris/e/es` is short for `rise rises`.
COMMON = {
    ";": "; . !",
    ",": ", : ( )",
    "but": "but however instead yet nevertheless nonetheless",
    "and": "and as_well_as plus",
    "with": "with showing featuring exhibiting",
    "then": "then before until till afterward/s subsequently later followed_by after_which thereafter eventually "
    "only_at only_in only_near only_toward/s only_during",
    "concede": "despite in_spite_of notwithstanding regardless_of aside_from apart_from except although though albeit "
    "while whilst whereas even_though even_if especially particularly notably punctuated_by interrupted_by ignoring",
    "not": "not no never without neither nor none nothing cannot lack/s/ing lack_of absence_of fail/s/ing_to rather_than "
    "instead_of as_opposed_to far_from free_of free_from devoid_of hardly barely scarcely little absent nonexistent "
    "non_existent missing",
    "": "not_only not_just nothing_but no_doubt without_doubt without_a_doubt by_the_end",  # no claim, no negation
    "doubt": "? whether if_not unclear_if hard_to_say hard_to_tell hard_to_determine difficult_to_say impossible_to_say "
    "difficult_to_determine difficult_to_tell cannot_be_determined false wrong incorrect untrue",
    "overall": "overall global/ly absolute general/ly in_general mostly mainly largely broadly predominantly primarily "
    "essentially basically on_the_whole on_average on_balance as_a_whole net long_term long_run in_the_long_run main "
    "dominant underlying for_the_most_part in_total throughout",
    "brief": "brief/ly temporar/y/ily occasional/ly momentar/y/ily intermittent/ly short short_lived isolated sporadic "
    "rare local localized localised initial early late transient sometimes",
    "some": "some few several",
    "subject": "it there the_series the_trend the_overall_trend the_data the_values the_time_series the_general_trend "
    "the_noise the_signal the_curve the_line",
    "from": "from",
    "seen": "visible noticeable apparent evident seen observed observable found discernible detectable present clear "
    "perceptible obvious identifiable recognizable recognisable",
}
FIRST = "first 1st initial opening beginning starting early earliest".split()
MID = "middle central center centre mid".split()
LAST = "last final closing concluding ending end late latest".split()
PARTS = "third part section segment portion phase stage stretch point points value values".split()
PLACES = {
    "?": "half halves quarter quarters thirds one_third a_third both_ends either_end opposite_ends the_ends "
    "halfway_between midway_between "
    + " ".join(f"{when}_the_{place}" for when in ("after", "before", "past", "beyond") for place in MID + ["end"])
    + " after_the_beginning after_the_start",
    "b": "beginning start starting_point outset onset opening early early_on initially at_first first_few "
    + " ".join(f"{o}_{part}" for o in FIRST for part in PARTS + ["quarter"])
    + " "
    + " ".join(f"{just}_after_the_{place}" for just in ("just", "shortly", "soon", "right") for place in ("beginning", "start")),
    "m": "middle midway halfway half_way midpoint mid_point center centre mid central mid_series midst "
    + " ".join(f"{o}_{part}" for o in MID for part in PARTS)
    + " second_third 2nd_third "
    + " ".join(f"{j}_{when}_the_{place}" for j in ("just", "shortly", "slightly", "right") for when in ("after", "before", "past") for place in MID),
    "e": "end ending finish close conclusion late tail tail_end final_few last_few latter_part later_part "
    + " ".join(f"{o}_{part}" for o in LAST for part in PARTS + ["quarter"])
    + " third_third third_part third_section third_segment third_portion 3rd_third "
    + " ".join(f"{just}_before_the_end" for just in ("just", "shortly", "right", "immediately")),
}
MOVES = "go goes going went move moves moving trend trends trending head heads heading drift drifts drifting creeps " \
    "creeping slope slopes sloping tilts points pointing get gets getting become becomes becoming end ends ending".split()
EVEN = "constant stable steady consistent".split()
KIN = "gradual slow clear continuous persistent linear strong sustained smooth gentle".split()  # of a steady rise
TREND = {
    "up": "increas/e/es/ed/ing/ingly ris/e/es/ing/en rose climb//s/ed/ing grow//s/ing/n/th grew upward/s/ly uptrend ascen/d/ds/ding/t "
    "gain//s/ed/ing soar/s/ing positive_trend positive_slope positive_drift positive_direction starts_low_and_ends_high "
    + " ".join(f"{move}_{way}" for move in MOVES for way in ("up", "higher", "larger")),
    "down": "decreas/e/es/ed/ing/ingly declin/e/es/ed/ing fall//s/ing/en fell drop//s/ped/ping descen/d/ds/ding/t downward/s/ly "
    "downtrend sink/s/ing sank diminish/es/ing shrink/s/ing wan/es/ing reduc/es/ing/tion slid/es/ing decay/s/ing "
    "negative_trend negative_slope negative_drift negative_direction starts_high_and_ends_low "
    + " ".join(f"{move}_{way}" for move in MOVES for way in ("down", "lower", "smaller")),
    "flat": "flat/ness flatlin/e/es/ed/ing flatten/s/ed/ing plateau//s/ed/ing stationary trendless directionless unchanged "
    "unchanging sideways horizontal/ly range_bound level/s_off level/s_out levels_off levels_out neutral static "
    "remains_level stays_level is_level zero_slope zero_trend slope_near_zero",
    "even": "stabil/ity/izes/ises/izing/ising hover/s/ed/ing fluctuat/es/ing_around fluctuates_around fluctuates_about "
    "oscillates_around oscillates_about oscillating_around varies_around varying_around centered_around centred_around "
    "remains_around stays_around remains_near stays_near remains_close_to stays_close_to remains_within stays_within "
    "same_level same_value similar_level mean_reverting around_a_mean around_its_mean around_the_mean "
    + " ".join(EVEN + [f"{a}_{j}{b}" for a in EVEN + KIN for b in EVEN + KIN for j in ("and_", ",_", "") if {a, b} & set(EVEN)]),
    "topic": "trend/s/ing direction/al drift/s/ing chang/e/es/ed/ing tendency slope movement",
    "other": "noise varia/nce/bility/tion/tions volatility fluctuation/s amplitude oscillation/s swing/s spread frequency rate "
    "pace speed scatter randomness deviation/s jitter",
    "aside": "noisy dip/s/ped/ping peak/s/ing trough/s spike/s jump/s bump/s maximum minimum max min outlier/s level/s smooth/ly "
    "erratic fluctuat/es/ing oscillat/es/ing pullback/s setback/s reversal/s uptick/s downtick/s upswing/s downswing/s "
    "up_and_down ups_and_downs highest lowest change_in_direction changes_in_direction changing_direction",
    "slight": "slight/ly small minor mild/ly modest/ly subtle subtly gentle gently a_bit a_little",
}
NOISE = {
    "low": "low slight/ly small minor minimal/ly mild/ly weak/ly faint/ly tiny negligible negligibly subtle limited light/ly a_little "
    "little_to_no little_or_no minimal_to_no low_to_no",
    "medium": "medium moderate/ly intermediate middling mid_level medium_level somewhat",
    "high": "high/ly strong/ly heav/y/ily intense/ly extreme/ly excessive/ly great/ly large big severe/ly elevated sizable sizeable wild/ly "
    "dramatic/ally violent/ly sharp/ly sudden/ly abrupt/ly erratic/ally jagged volatile chaotic/ally choppy jittery turbulent rough messy "
    "noise_dominates dominated_by_noise",
    "smooth": "smooth/ly/ness clean/ly noise_free noiseless quiet calm",
    "noisy": "noisy",
    "marked": "significant/ly substantial/ly considerabl/e/y pronounced marked/ly much_noise a_lot_of lots_of plenty_of "
    "a_great_deal_of a_good_deal_of",
    "topic": "noise noisiness fluctuation/s volatility variability jitter randomness variation/s scatter disturbance/s "
    "oscillation/s swing/s deviation/s",
    "other": "trend/s upward/s downward/s increas/e/es/ed/ing decreas/e/es/ed/ing ris/e/es/ing climb/s/ing declin/e/es/ing fall/s/ing "
    "growth drop/s slope value/s peak/s frequency outlier/s jump/s flat direction change/s",
    "doubt": "signal_to_noise at_most at_least more_than less_than up_to",
}
VALUES = dict(up="increasing", down="decreasing", flat="flat", even="flat", low="low", smooth="low", medium="medium",
              high="high", noisy="high", marked="high", b="beginning", m="middle", e="end")
EXTREMA = {
    "max": "max maximum maxima maximal peak crest summit zenith highest largest_value largest_values greatest_value biggest_value top "
    "high_point its_high global_high overall_high highest_point",
    "min": "min minimum minima minimal trough valley nadir lowest smallest_value smallest_values least_value bottom low_point its_low "
    "global_low overall_low",
    "max!": "peak/s/ed/ing top/s_out tops_out",  # verbs: never joined to a noun by "and"
    "min!": "bottom/s_out bottoms bottomed_out bottoming_out",
    "both": "both extrema extremes extreme_values",
    "same": "same_third same_part same_section same_segment same_place same_region there_too there_as_well also_there",
    "former": "the_former", "latter": "the_latter", "respectively": "respectively",
    "minor": "local secondary second smaller another minor several multiple two other small",
    "b": " ".join(f"{v}_{p}" for v in "starts start starting begins begin opens opening".split() for p in "at with from on".split()),
    "e": " ".join(f"{v}_{p}" for v in "ends end ending finishes finish finishing closes concludes".split() for p in "at with on in".split()),
}
