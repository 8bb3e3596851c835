"""Tokens and money: the estimate by the answers that are there, the sum after."""

import re

import pytest
from asking import ask, run
from described import rows_of
from mistral_server import MistralServer

PRICE = ("--price", "100,1000")  # the server's answers take 900 and 60 tokens: 0.15 each
EACH = 0.15


def printed(out, name):
    return float(re.search(rf"^{name}: ([\d.]+)", out, re.MULTILINE)[1])


@pytest.mark.parametrize("text", ["cheap", "0.4", "0.4,", "0,4,2", "-1,2", "nan,1", "inf,1", "1;2", "", "1,2€"])
def test_a_price_that_is_none_is_refused(folder, text):
    before = (folder / "data.jsonl").read_bytes()
    assert "IN,OUT, such as 0.4,2" in run(folder, f"--price={text}", code=2)[1]
    assert (folder / "data.jsonl").read_bytes() == before


def test_estimate_before_and_sum_after(folder):
    with MistralServer(rows_of(folder)) as server:
        out = ask(folder, server, *PRICE, "--rows", "2")[0]
        assert (printed(out, "spent_before"), printed(out, "cost")) == (0, 2 * EACH)
        assert "estimate" not in out
        out = ask(folder, server, *PRICE)[0]
        assert printed(out, "estimate") == pytest.approx(10 * EACH)
        assert "(10 questions, by the 2 answers here)" in out
        assert out.index("estimate: ") < out.index("answered")
        assert (printed(out, "spent_before"), printed(out, "cost")) == (2 * EACH, 10 * EACH)


def test_a_failure_that_is_asked_again_keeps_what_it_cost(folder):
    with MistralServer(rows_of(folder), ["bad json"] * 3) as server:
        ask(folder, server, "--rows", "1")
        ask(folder, server, "--rows", "1", "--retry-failed")
    assert rows_of(folder)[0]["teacher"]["tokens"] == {"prompt": 3600, "completion": 240}


def test_a_dry_run_costs_nothing(folder):
    assert printed(run(folder, "--dryrun", *PRICE, key=None)[0], "cost") == 0
