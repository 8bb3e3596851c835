"""The self-contained HTML page about one evaluation: a summary, the curves, a card for each test sample.

Every text of a model is escaped. The page holds its pictures and loads nothing. Its policy allows
one script, by its digest: its own (page.html), which chooses the cards.
"""

import base64
import hashlib
import html
import json
import os

from llm_ts import question
from llm_ts.scores import marked, tables
from llm_ts.scores.score import OUTCOMES

SIGNS = {"right": "&#10003;", "wrong": "&#10007;", "ambiguous": "?", "unread": "&ndash;"}
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.html")


def embed(png):
    """Bytes of a PNG -> an <img> that carries them."""
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def _said(name, text):
    return f'<div class="said"><b>{name}</b> <span>{html.escape(text)}</span></div>'


def _chips(sample):
    chips = []
    for claim in sample["outcome"]:
        outcome = sample["outcome"][claim]
        read = html.escape(sample["read"][claim] or "no claim")
        chips.append(f'<span class="chip {outcome}">{SIGNS[outcome]} {claim}: {read} ({outcome})</span>')
    nli = ", ".join(f"{name} {value:g}" for name, value in sample["nli"].items())
    return f'{"".join(chips)}<div class="numbers">cosine {sample["cosine"]:.3f}; nli: {nli}; JSON {html.escape(str(sample["parse"]))}</div>'


def truth_line(asked, labels):
    """ "trend flat, noise low (unclear), max end, min beginning": the truth of a row in one line."""
    return ", ".join(f"{claim} {labels[claim]}{'' if labels['clear'][claim] else ' (unclear)'}" for claim in asked.claims)


def gold_line(asked, row):
    """The teacher's sentences in one line, or "none"."""
    return " ".join(row["gold"][name] for name in asked.topics) if row.get("gold") else "none"


def card(row, before, after):
    """One test sample: picture with its claims marked, truth, gold, the answers before and after with their outcomes."""
    asked, labels = question.of(row, row["id"]), row["truth"]
    numbers = ", ".join(f"{name} {value:g}" for name, value in labels["numbers"].items())
    body = (
        _said("truth", truth_line(asked, labels))
        + f'<div class="numbers">{html.escape(numbers)}</div>'
        + _said("gold", gold_line(asked, row))
    )
    if before:
        body += _said("before", before["answer"]) + _chips(before)
    body += _said("after", after["answer"]) + _chips(after)
    drawn = marked.picture(row["series"], after["outcome"], labels, "value (rescaled to 0..99)", width=380, height=250)
    outcome = html.escape(json.dumps(after["outcome"]), quote=True)
    return (
        f'<div class="card" data-outcome="{outcome}"><div>{drawn}</div>'
        f"<div><h3>{html.escape(row['id'])}</h3>{body}</div></div>"
    )


def _tools(claims):
    """The choices above the cards."""

    def options(names):
        return "".join(f'<option value="{"" if name == "any" else name}">{name}</option>' for name in names)

    colours = ", ".join(f'<span class="{outcome}">{outcome}</span>' for outcome in OUTCOMES)
    return (
        f'<div class="tools"><label>claim <select id="claim">{options(["any", *claims])}</select></label>'
        f'<label>outcome <select id="outcome">{options(["any", "not right", *OUTCOMES])}</select></label>'
        f'<span id="shown"></span><span class="numbers">In each picture: fitted line, '
        f"band of the noise, maximum, minimum as they are; the colour is the claim's outcome: {colours}</span></div>"
    )


def page_of(title, about, evaluations, curves, cards):
    """The whole page. curves: bytes of training.png or None; cards: texts of card()."""
    parts = [f"<h1>{html.escape(title)}</h1>", f'<p class="about">{html.escape(about)}</p>']
    for rows in ("all", "clear"):
        table = "\n".join(tables.for_terminal(evaluations, rows))
        parts.append(f"<pre>{html.escape(table)}</pre>")
    if curves:
        parts.append("<h2>Training</h2>" + embed(curves))
    parts.append("<h2>Test samples</h2>" + _tools(tables.question_of(evaluations).claims) + "".join(cards))
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    script = page.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = page.replace("{title}", html.escape(title)).replace("{digest}", digest)
    return page.replace("{body}", "".join(parts))
