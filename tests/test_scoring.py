"""Scores: Wilson's interval against published values, outcomes, and that an unreadable answer is wrong.

Needs: nothing beyond requirements.txt; the embedder here is a stand-in that counts common words.
"""

import itertools
import json

import pytest

from llm_ts import question
from llm_ts.data import pair
from llm_ts.pairs import fresh
from llm_ts.question import STUDY
from llm_ts.scores import evaluation, lineup, score, tables
from llm_ts.scores.means import wilson
from llm_ts.scores.similarity import Scorer, claims_score
from llm_ts.series.rows import make


class WordScorer(Scorer):
    """Not a real embedder: the share of common words, so that no model is needed here."""

    def __init__(self):
        self.embedder_name, self.nli_name, self._nli = "words", "claims (as asked)", None

    def cosine(self, pairs):
        return [len({*a.split()} & {*b.split()}) / max(len({*a.split()} | {*b.split()}), 1) for a, b in pairs]


@pytest.mark.parametrize(
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81/263, 15/148, 0/20, 1/29
    "right, n, low, high", [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
)
def test_wilson_intervals_are_newcombes(right, n, low, high):
    found = wilson(right / n, n)
    assert found == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


def rows(count=30):
    made, _ = make(33, range(count), 48)
    return [{**row, "sentences": row["truth"]["sentences"]} for row in made]


def test_perfect_answers_are_right_everywhere():
    some = rows()
    means = score.summarise(STUDY, some, score.score_answers(STUDY, some, [STUDY.answer_of(row["sentences"]) for row in some], WordScorer()))
    for name in ("valid_json", "readable", "cosine", "nli_trend", "nli_noise", "nli_extrema"):
        assert means[name]["mean"] == 1.0
    for claim in (*STUDY.claims, "all_four"):
        assert means["claims"]["all"][claim]["mean"] == 1.0
    for claim in STUDY.claims:
        clear = sum(row["truth"]["clear"][claim] for row in some)
        assert means["claims"]["clear"][claim]["n"] == clear < len(some)


def test_unreadable_ambiguous_and_wrong_are_told_apart_and_none_is_right():
    some = rows(4)
    some[0]["truth"]["noise"] = some[1]["truth"]["noise"] = some[2]["truth"]["noise"] = "low"
    sentences = some[0]["truth"]["sentences"]
    answers = [
        "I cannot say.",
        json.dumps({**sentences, "noise": "The noise is low to medium."}),
        json.dumps({**sentences, "noise": "The noise is high."}),
        "```json\n" + STUDY.answer_of(some[3]["sentences"]) + "\n```",
    ]
    samples = score.score_answers(STUDY, some, answers, WordScorer())
    assert [s["outcome"]["noise"] for s in samples] == ["unread", "ambiguous", "wrong", "right"]
    assert [s["parse"] for s in samples] == ["unreadable", "strict", "strict", "repaired"]
    assert samples[0]["cosine"] == 0 and set(samples[0]["nli"].values()) == {0.0}
    means = score.summarise(STUDY, some, samples)
    assert means["claims"]["outcomes"]["noise"] == {"right": 1, "wrong": 1, "ambiguous": 1, "unread": 1}
    assert means["claims"]["all"]["noise"]["mean"] == 0.25
    assert (means["valid_json"]["mean"], means["readable"]["mean"]) == (0.5, 0.75)


@pytest.mark.parametrize(
    "kind, first, second, expected",
    [
        ("noise", "The noise is low.", "There is hardly any noise.", 1.0),
        ("noise", "The noise is low.", "The noise is high.", 0.0),
        ("noise", "The noise is low.", "The noise is Gaussian.", 0.5),
        ("extrema", "Both extrema lie at the end.", "The maximum lies at the end.", 0.5),
        ("extrema", "Both extrema lie at the end.", "The maximum lies in the middle.", 0.0),
    ],
)
def test_the_claims_score_stands_in_for_nli(kind, first, second, expected):
    assert claims_score(kind, first, second) == expected


def test_no_constant_answer_is_right_more_often_than_ours():
    some = rows(200)
    read = {name: STUDY.read(json.loads(constant(STUDY, some))) for name, constant in score.CONSTANTS.items()}
    for claim in STUDY.claims:
        labels = [row["truth"][claim] for row in some]
        assert labels.count(read["majority"][claim]) == max(labels.count(label) for label in STUDY.labels[claim])

    def all_right(labels):
        return sum(all(row["truth"][claim] == labels[claim] for claim in STUDY.claims) for row in some)

    every = [dict(zip(STUDY.claims, labels)) for labels in itertools.product(*STUDY.labels.values())]
    assert len(every) == 81 and all_right(read["commonest"]) == max(map(all_right, every))
    assert all_right(read["commonest"]) > all_right(read["majority"])  # why there are two


def test_what_is_guessed_knows_the_claims_before_it_and_nothing_else():
    """Trend and maximum fixed to one another, the minimum free: the guess is right on the one, at chance on the other."""
    rows = []
    for number, (trend, low) in enumerate(itertools.product(["increasing", "decreasing"], ["beginning", "middle", "end"] * 20)):
        labels = {"trend": trend, "noise": "low", "max": "end" if trend == "increasing" else "beginning", "min": low}
        rows.append({"id": str(number), "truth": labels})
    read = [STUDY.read(json.loads(text)) for text in score.guessed_answers(STUDY, rows[::2], rows[1::2])]
    right = {claim: sum(r[claim] == row["truth"][claim] for r, row in zip(read, rows[1::2])) / len(read) for claim in STUDY.claims}
    assert right["noise"] == right["max"] == 1.0 and right["trend"] == 0.5 and right["min"] == pytest.approx(1 / 3, abs=0.02)


def test_variety_is_counted():
    assert score.variety([["It rises.", "Low noise."], ["It climbs.", "Low noise."], []]) == 3
    assert score.variety([[f"{number % 7} a", "b"] for number in range(250)]) == 8
    assert score.variety([[str(number)] for number in range(150)] + [["same"]] * 50) == 75.5  # of two hundreds


def test_a_sentence_counts_once_and_only_where_it_is_right():
    some = rows(4)
    for row in some:
        row["truth"].update(trend="flat", noise="low")
    extrema = [row["truth"]["sentences"]["extrema"] for row in some]
    said = [("The series is flat.", "The noise is low."), ("There is no trend.", "The noise is high."), ("The series is flat.", "Smokes.")]
    answers = [json.dumps({"trend": trend, "noise": noise, "extrema": end}) for (trend, noise), end in zip(said, extrema)]
    means = score.summarise(STUDY, some, score.score_answers(STUDY, some, [*answers, "?"], WordScorer()))
    assert means["sentences"] == {"mean": 3 + len(set(extrema[:3])), "n": 4}


def test_the_table_counts_sentences_where_they_were_counted():
    some = [{**row, "format": "thirds", "see": "numbers", "process": "ou"} for row in rows(3)]
    now, before = (evaluation.make(name, some, [STUDY.answer_of(row["sentences"]) for row in some], WordScorer()) for name in ("now", "before"))
    number = f"{now['means']['sentences']['mean']:.0f}"
    del before["means"]["sentences"]
    heads, _, *lines = tables.for_markdown([before, now], "all")
    place = heads.split(" | ").index("sentences")
    assert [line.split(" | ")[place] for line in lines] == ["-", number]
    assert "sentences" not in tables.for_markdown([before], "all")[0] and "sentences" not in tables.for_markdown([now], "clear")[0]
    shown = tables.for_terminal([before, now])
    assert [line.split()[6] for line in shown[1:3]] == ["-", number] and "sentences" in shown[0]


def lineup_rows(lasts):
    """Rows that look the same in mean and spread: the same values, of which the first and last differ in their order."""
    return [
        {"series": series, "truth": question.named("levels").truth_of(series)}
        for series in ([0, *[50] * 6, 99] if last else [99, *[50] * 6, 0] for last in lasts)
    ]


def test_a_description_picks_out_its_series_by_what_is_true_of_it_alone():
    rows = lineup_rows([True, False, False, False])
    right = [{claim: row["truth"][claim] for claim in ("start", "end")} for row in rows]
    assert lineup.picks(rows, right, 4) == [1.0, 1 / 3, 1 / 3, 1 / 3]
    assert lineup.picks(rows, [{"start": None, "end": None}] * 4, 4) == [0.25] * 4  # nothing said: chance
    assert lineup.picks(rows, [right[1], *right[1:]], 4)[0] == 0.0  # a wrong claim
    assert lineup.picks(rows, right, 2)[0] == 1.0 and lineup.picks(rows, right, 16) == lineup.picks(rows, right, 4)
    far = [{"series": [0] * 7 + [99], "truth": rows[0]["truth"]}]  # looks otherwise: no candidate
    assert lineup.picks(rows[:2] + far, [{}] * 3, 2)[0] == 0.5 and lineup.picks(rows[:1] + rows[:1] + far, right[:1] * 3, 2)[0] == 0.5


def test_of_many_topics_a_part_is_asked_in_training():
    rows = fresh.pairs("train", [(24, 24, 320)], "tenths", question=question.QUESTIONS["full"], processes=("events",))
    made = fresh.in_other_orders(rows, 0.5)
    orders = [row["order"] for row in made if "order" in row]
    assert 60 < len(orders) < 260 and {len(order) for order in orders} <= set(range(1, 9)) and len({*map(len, orders)}) > 2
    for row in made:
        asked = pair.asked_by(row)
        assert asked.parse(pair.answer_of(row)).parse == "strict" and pair.prompt_of(row).startswith(asked.instruction)
