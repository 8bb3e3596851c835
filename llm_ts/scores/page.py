"""The self-contained HTML page about one evaluation: a summary, the curves, a card for each test sample.

Every text that a model wrote is escaped, and pictures are in the page: it loads nothing. It runs its own script alone, which
chooses the cards to be shown; its policy names this script by its digest.
"""

import base64
import hashlib
import html
import json

from llm_ts import question
from llm_ts.scores import marked, tables
from llm_ts.scores.score import OUTCOMES

SIGNS = {"right": "&#10003;", "wrong": "&#10007;", "ambiguous": "?", "unread": "&ndash;"}
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
SCRIPT = """
"use strict";
const $ = id => document.getElementById(id), cards = [...document.querySelectorAll(".card")];
function fits(card) {
  const outcome = JSON.parse(card.dataset.outcome), claim = $("claim").value, wanted = $("outcome").value;
  const outcomes = claim ? [outcome[claim]] : Object.values(outcome);
  if (wanted === "not right") return outcomes.some(one => one !== "right");
  if (wanted === "right") return outcomes.every(one => one === "right");
  return !wanted || outcomes.includes(wanted);
}
function choose() {
  for (const card of cards) card.hidden = !fits(card);
  $("shown").textContent = `${cards.filter(card => !card.hidden).length} of ${cards.length} shown`;
}
for (const id of ["claim", "outcome"]) $(id).addEventListener("change", choose);
choose();
"""
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --right: #18794e; --wrong: #c2261d; --grey: #777; }
@media (prefers-color-scheme: dark) { :root { --right: #4cc38a; --wrong: #ff7b72; --grey: #999; } }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1180px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; margin: .2rem 0; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .5rem; }
p.about { color: var(--grey); margin: 0 0 1rem; }
.scroll { overflow-x: auto; background: /* shaded at the right where more is to come */
  linear-gradient(to left, Canvas 1rem, transparent 2rem) local, linear-gradient(to left, var(--line), transparent 1rem) scroll; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .5rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: Canvas; }
img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: .8rem; margin: .8rem 0; display: grid;
  grid-template-columns: minmax(260px, 380px) minmax(0, 1fr); gap: 1rem; }
@media (max-width: 720px) { .card { grid-template-columns: minmax(0, 1fr); } }
.card h3 { margin: 0 0 .3rem; font-size: 1rem; }
.card[hidden] { display: none; }
.tools { position: sticky; top: 0; z-index: 1; background: Canvas; padding: .4rem 0;
  display: flex; flex-wrap: wrap; gap: .4rem .9rem; }
select { font: inherit; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--grey); font-size: 12px; paint-order: stroke; stroke: Canvas; stroke-width: 3px; }
svg .grid { stroke: var(--line); stroke-width: .5; } svg .third { stroke: var(--line); stroke-dasharray: 4 4; }
svg .part { font-size: 11px; } svg .path { fill: none; stroke: #1f77b4; stroke-width: 1.4; }
svg .fit { stroke: currentColor; stroke-width: 2; stroke-dasharray: 8 4; }
svg .band { fill: currentColor; opacity: .22; } svg circle { fill: none; stroke: currentColor; stroke-width: 2.5; }
svg text.right, svg text.wrong, svg text.ambiguous, svg text.unread { fill: currentColor; font-weight: 600; }
.said { margin: .3rem 0; } .said b { display: inline-block; min-width: 4.2rem; }
.said span { overflow-wrap: anywhere; white-space: pre-wrap; }
.chip { display: inline-block; padding: 0 .5rem; margin: .1rem .2rem .1rem 0; border-radius: 1rem; border: 1px solid; }
.right { color: var(--right); } .wrong { color: var(--wrong); } .ambiguous, .unread { color: var(--grey); }
.numbers { color: var(--grey); font-size: .85rem; }
"""


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
    true = {claim: labels[claim] for claim in asked.claims}
    drawn = marked.picture(row["series"], after["outcome"], true, "value (rescaled to 0..99)", width=380, height=250)
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
    parts = [f"<h1>{html.escape(title)}</h1>", f'<p class="about">{html.escape(about)}</p>', tables.for_html(evaluations)]
    if curves:
        parts.append("<h2>Training</h2>" + embed(curves))
    parts.append("<h2>Test samples</h2>" + _tools(tables.question_of(evaluations).claims) + "".join(cards))
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{html.escape(title)}</title>'
    head += f'<meta http-equiv="Content-Security-Policy" content="{POLICY.format(digest=digest)}"><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}<script>{SCRIPT}</script></body></html>\n'
