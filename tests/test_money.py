"""Tokens and money: the estimate before, the sum after.

Needs: httpx2; no network, no key. Run: python -m pytest -q tests/test_money.py
"""

import re

import pytest
from asking import ask, rows_of, run
from mistral_server import MistralServer

from llm_ts.question import STUDY
from llm_ts.teacher import money
from llm_ts.teacher.exchange import Settings

PRICE = ("--price", "100,1000")  # the server's answers take 900 and 60 tokens: 0.15 each
EACH = 0.15


def said(out, name):
    return float(re.search(rf"^{name}: ([\d.]+)", out, re.MULTILINE)[1])


@pytest.mark.parametrize("text", ["cheap", "0.4", "0.4,", "0,4,2", "-1,2", "nan,1", "inf,1", "1;2", "", "1,2€"])
def test_a_price_that_is_none_is_refused(folder, text):
    before = (folder / "data.jsonl").read_bytes()
    assert "IN,OUT, such as 0.4,2" in run(folder, f"--price={text}", code=2)[1]
    assert (folder / "data.jsonl").read_bytes() == before


def test_a_decimal_comma_is_refused_with_both_readings(folder):
    err = run(folder, "--price", "0,4", code=2)[1]
    assert "'0,4' is 0 and 4, or one price of 0.4? Write 0.0,4 or 0.4,0.4" in err
    assert money.price("0.0,4") == money.Price(0, 4) and money.price("0,0") == money.Price()


def test_estimate_before_and_sum_after(folder):
    """A first estimate knows nothing of the model; the next goes by the answers that are there."""
    with MistralServer(rows_of(folder)) as server:
        out = ask(folder, server, *PRICE, "--rows", "2")[0]
        assert (said(out, "spent_before"), said(out, "cost")) == (0, 2 * EACH)
        assert "(2 questions, " in out and "without a tokenizer" in out
        assert out.index("estimate: ") < out.index("answered")
        out = ask(folder, server, *PRICE)[0]
        assert said(out, "estimate") == pytest.approx(10 * EACH)
        assert "(10 questions, 9000 and 600 tokens, by the 2 answers here)" in out
        assert (said(out, "spent_before"), said(out, "cost")) == (2 * EACH, 10 * EACH)


def test_the_estimate_counts_digits_and_pictures(folder):
    """A digit is a token, and so is a mark; 640 x 360 pixels in squares of 16."""
    row = rows_of(folder)[0]
    bare = money.estimate(row, Settings("any", str(folder / "dataset"), image=False))
    more = money.estimate({**row, "series": row["series"] + [10] * 100}, Settings("any", "", image=False))
    assert more["prompt"] - bare["prompt"] == pytest.approx(100 * 4 * 1.1, abs=3)  # "1", "0", ",", " "
    plotted = money.estimate(row, Settings("any", str(folder / "dataset")))
    assert plotted["prompt"] - bare["prompt"] == pytest.approx(41 * 23, abs=20)
    assert plotted["completion"] == bare["completion"] == 45 * len(STUDY.topics)


def test_a_failure_that_is_asked_again_keeps_what_it_cost(folder):
    with MistralServer(rows_of(folder), ["bad json"] * 3) as server:
        ask(folder, server, "--rows", "1")
        ask(folder, server, "--rows", "1", "--retry-failed")
    assert rows_of(folder)[0]["teacher"]["tokens"] == {"prompt": 3600, "completion": 240}


def test_a_dry_run_costs_nothing(folder):
    out = run(folder, "--dryrun", *PRICE, key=None)[0]
    assert said(out, "cost") == 0
