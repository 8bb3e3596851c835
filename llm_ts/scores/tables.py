"""Tables of evaluations: the columns are chosen once, by the question; writers for terminal, Markdown and HTML."""

import html
from dataclasses import dataclass

from llm_ts import question
from llm_ts.scores.means import percent
from llm_ts.scores.score import scored


@dataclass(frozen=True)
class Column:
    """One column: its head, where its mean stands in an evaluation's means, and how many digits it shows (None: interval)."""

    head: str
    path: tuple
    scale: int = 1
    digits: int | None = None

    @property
    def plain(self):
        """Whether it is a plain mean, not a claim's share with its interval."""
        return self.digits is not None

    def mean(self, means):
        """The mean of this column; None where another question was asked."""
        for key in self.path:
            means = means.get(key) if means else None
        return means

    def cell(self, means, digits=None):
        found = self.mean(means)
        if found is None:
            return "-"
        return f"{self.scale * found['mean']:.{self.digits if digits is None else digits}f}" if self.plain else percent(found)


JSON = Column("JSON %", ("valid_json",), 100, 0)
COSINE = Column("cosine", ("cosine",), 1, 2)
SENTENCES = Column("sentences", ("sentences",), 1, 0)  # different right ones in a hundred answers


def nli_columns(asked):
    heads = [("NLI " if number == 0 else "") + name for number, name in enumerate(asked.topics)]
    return [Column(head, (f"nli_{name}",), 1, 2) for head, name in zip(heads, asked.topics)]


def claim_columns(asked, rows):
    """rows: "all", or "clear" for those rows alone whose claim is clear."""
    return [Column(claim, ("claims", rows, claim)) for claim in scored(asked)]


def columns_of(contents, rows):
    """All columns of a table: on all rows the plain means, which know of no claims, then the claims.

    Sentences are counted where any of the evaluations did: those of before did not.
    """
    asked = question_of(contents)
    counted = [SENTENCES] if any(SENTENCES.mean(content["means"]) for content in contents) else []
    plain = [JSON, COSINE, *nli_columns(asked), *counted] if rows == "all" else []
    return [*plain, *claim_columns(asked, rows)]


def question_of(contents):
    """The question whose columns a table has: the first evaluation's."""
    return question.of(contents[0], contents[0]["name"])


def words(claim):
    """ "all_four" -> "all four"."""
    return claim.replace("_", " ")


def for_terminal(contents, rows="all"):
    """Evaluations -> lines of a table, one for each evaluation: right answers of each claim in % [95 % interval]."""
    claims = claim_columns(question_of(contents), rows)
    width = max(17, *(len(column.head) + 2 for column in claims))
    heads = "".join(f"{column.head:>{width}}" for column in claims)
    lines = [f"{'on ' + rows + ' rows':<18}" + (f"{'JSON':>6}{'cosine':>8}{'sentences':>11}" if rows == "all" else "") + heads]
    of_count = {}  # the n of each claim -> the evaluations that have it
    for content in contents:
        means = content["means"]
        there = [column for column in claims if column.mean(means)]
        counts = ", ".join(f"{column.head} {column.mean(means)['n']}" for column in there)
        of_count.setdefault(counts, []).append(content["name"].strip())
        plain = f"{JSON.cell(means):>6}{COSINE.cell(means, 3):>8}{SENTENCES.cell(means):>11}" if rows == "all" else ""
        lines.append(f"{content['name']:<18}" + plain + "".join(f"{column.cell(means):>{width}}" for column in claims))
    n = [f"  {counts}" + (f" ({', '.join(names)})" if len(of_count) > 1 else "") for counts, names in of_count.items()]
    lines.append("% right [95 % Wilson interval], n:" + (n[0][1:] if len(n) == 1 else "\n" + "\n".join(n)))
    return lines if rows == "clear" else [*lines, "sentences: different right ones in a hundred answers (fewer rows: in all)"]


def markdown(heads, lines):
    """Heads and lines of cells -> lines of a Markdown table."""
    return ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", *("| " + " | ".join(cells) + " |" for cells in lines)]


def for_markdown(contents, rows):
    """Evaluations of one run -> a Markdown table; the n of each claim stands in its head."""
    columns = columns_of(contents, rows)
    heads = [c.head if c.plain else f"{words(c.head)}, n = {c.mean(contents[0]['means'])['n']}" for c in columns]
    lines = [[content["name"], *(column.cell(content["means"]) for column in columns)] for content in contents]
    return markdown([f"{rows} rows", *heads], lines)


def for_html(contents):
    """Evaluations -> two HTML tables: all rows with every column, and clear rows."""
    parts = []
    for rows in ("all", "clear"):
        columns = columns_of(contents, rows)
        head = "".join(f"<th>{html.escape(words(column.head))}</th>" for column in columns)
        lines = []
        for content in contents:
            cells = "".join(f"<td>{_small(column.cell(content['means']))}</td>" for column in columns)
            lines.append(f"<tr><td>{html.escape(content['name'])}</td>{cells}</tr>")
        counts = ", ".join(f"{words(c.head)} {c.mean(contents[0]['means'])['n']}" for c in columns if not c.plain)
        table = f"<table><tr><th>{rows} rows</th>{head}</tr>{''.join(lines)}</table>"
        note = f"claims: % right with 95 % Wilson intervals, n: {counts}"
        parts.append(f'<div class="scroll">{table}</div><p class="about">{note}</p>')
    return "".join(parts)


def _small(cell):
    """ "85 [73, 93]" -> "85 <small>[73, 93]</small>"."""
    share, _, interval = cell.partition(" ")
    return f"{share} <small>{interval}</small>" if interval else share
