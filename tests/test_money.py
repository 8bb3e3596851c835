"""Tokens and money: the estimate before, a cap that no run and no restart passes, the sum after.

Needs: mistralai; no network, no key. Run: python -m pytest -q tests/test_money.py
"""

import re

import pytest
from asking import COUNT, ask, rows_of, run
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


def test_a_cap_needs_a_price(folder):
    assert "--max-cost needs --price" in run(folder, "--max-cost", "1", code=2)[1]
    for text in ("0", "-1", "much", "nan"):
        assert "is not a number above 0" in run(folder, *PRICE, f"--max-cost={text}", code=2)[1]


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
        assert f"of all answers here: {COUNT * EACH:.4f}" in out


def test_the_estimate_counts_digits_and_pictures(folder):
    """A digit is a token, and so is a mark; 640 x 360 pixels in squares of 16."""
    row = rows_of(folder)[0]
    bare = money.estimate(row, Settings("any", str(folder / "dataset"), image=False))
    more = money.estimate({**row, "series": row["series"] + [10] * 100}, Settings("any", "", image=False))
    assert more["prompt"] - bare["prompt"] == pytest.approx(100 * 4 * 1.1, abs=3)  # "1", "0", ",", " "
    plotted = money.estimate(row, Settings("any", str(folder / "dataset")))
    assert plotted["prompt"] - bare["prompt"] == pytest.approx(41 * 23, abs=20)
    assert plotted["completion"] == bare["completion"] == 45 * len(STUDY.topics)


@pytest.mark.parametrize("workers", ["1", "8"])
def test_a_cap_is_not_passed_by_runs_and_restarts_together(folder, workers):
    """Every third answer is unreadable, so that some rows cost twice; a higher cap goes on from where the lower one ended."""
    with MistralServer(rows_of(folder), ["good", "good", "bad json"] * 20, pause=0.02) as server:
        cap = ("--concurrency", workers, "--max-tokens", "100")
        for limit in (0.1, 0.9, 0.9, 1.3):
            out, err, counts = ask(folder, server, *PRICE, "--max-cost", str(limit), *cap, code=2)
            failed = [row["teacher"]["failed"] for row in rows_of(folder) if "failed" in row.get("teacher", ())]
            assert all("no money was left to ask again" in reason for reason in failed)
            assert "rows are left" in err and int(counts["left"]) == sum("teacher" not in row for row in rows_of(folder))
            assert len(server.asked) * EACH <= limit
        assert len(server.asked) * EACH > 0.9
        assert said(out, "spent_before") + said(out, "cost") == pytest.approx(len(server.asked) * EACH)
        assert ask(folder, server, *PRICE, "--max-cost", "9", *cap, "--retry-failed")[2]["left"] == "0"
    assert sum(row["teacher"]["tokens"]["prompt"] for row in rows_of(folder)) == 900 * len(server.asked)


def test_a_failure_that_is_asked_again_keeps_what_it_cost(folder):
    with MistralServer(rows_of(folder), ["bad json"] * 3) as server:
        ask(folder, server, "--rows", "1")
        ask(folder, server, "--rows", "1", "--retry-failed")
    assert rows_of(folder)[0]["teacher"]["tokens"] == {"prompt": 3600, "completion": 240}


def test_a_server_that_counts_no_tokens_has_no_cap(folder):
    with MistralServer(rows_of(folder), then="no usage") as server:
        assert "reports no tokens" in ask(folder, server, *PRICE, "--max-cost", "9", code=2)[1]
        assert len(server.asked) == 1 and "gold" in rows_of(folder)[0]  # the answer that came is kept


def test_a_dry_run_costs_nothing(folder):
    out = run(folder, "--dryrun", *PRICE, "--max-cost", "1", key=None)[0]
    assert said(out, "cost") == 0
