"""The self-contained HTML page about one evaluation: a summary, the curves, a card for each test sample.

Pictures are embedded as data: URIs, and every text that a model wrote is escaped: the page loads and runs nothing.
"""

import base64
import html

from llm_ts import question
from llm_ts.scores import tables

SIGNS = {"right": "&#10003;", "wrong": "&#10007;", "ambiguous": "?", "unread": "&ndash;"}
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --right: #18794e; --wrong: #c2261d; --grey: #777; }
@media (prefers-color-scheme: dark) { :root { --right: #4cc38a; --wrong: #ff7b72; --grey: #999; } }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1080px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; margin: .2rem 0; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .5rem; }
p.about { color: var(--grey); margin: 0 0 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td small { color: var(--grey); }
img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: .8rem; margin: .8rem 0; display: grid;
  grid-template-columns: minmax(260px, 380px) 1fr; gap: 1rem; }
@media (max-width: 720px) { .card { grid-template-columns: 1fr; } }
.card h3 { margin: 0 0 .3rem; font-size: 1rem; }
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


def card(row, before, after, png):
    """One test sample: picture, truth, gold, the answers before and after with their outcomes."""
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
    return f'<div class="card"><div>{embed(png)}</div><div><h3>{html.escape(row["id"])}</h3>{body}</div></div>'


def page_of(title, about, evaluations, curves, cards):
    """The whole page. curves: bytes of training.png or None; cards: texts of card()."""
    parts = [f"<h1>{html.escape(title)}</h1>", f'<p class="about">{html.escape(about)}</p>', tables.for_html(evaluations)]
    if curves:
        parts.append("<h2>Training</h2>" + embed(curves))
    parts.append(f"<h2>Test samples ({len(cards)} shown)</h2>" + "".join(cards))
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>'
    head += f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'
