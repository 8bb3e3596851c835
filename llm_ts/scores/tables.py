"""Tables of evaluations, as plain text or in Markdown: the question chooses the columns."""

from dataclasses import dataclass

from llm_ts import task
from llm_ts.scores import lineup
from llm_ts.scores.means import percent
from llm_ts.scores.score import scored

PICKS = "1 of 4, of 16: how often what is said picks out its series among so many look-alikes, in % (scores/lineup.py)"


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
LINEUPS = [Column(f"1 of {size}", (f"lineup_{size}",), 100, 0) for size in lineup.SIZES]


def nli_columns(asked):
    heads = [("NLI " if number == 0 else "") + name for number, name in enumerate(asked.topics)]
    return [Column(head, (f"nli_{name}",), 1, 2) for head, name in zip(heads, asked.topics)]


def claim_columns(asked, rows):
    """rows: "all", or "clear" for those rows alone whose claim is clear."""
    return [Column(claim, ("claims", rows, claim)) for claim in scored(asked)]


def columns_of(contents, rows):
    """All columns of a table: on all rows the plain means, which know of no claims, then the claims.
    """
    asked = question_of(contents)
    later = [SENTENCES, *LINEUPS]  # evaluations of before did not count them
    counted = [column for column in later if any(column.mean(content["means"]) for content in contents)]
    plain = [JSON, COSINE, *nli_columns(asked), *counted] if rows == "all" else []
    return [*plain, *claim_columns(asked, rows)]


def question_of(contents):
    """The question whose columns a table has: the first evaluation's."""
    return task.of(contents[0], contents[0]["name"]).question


def words(claim):
    """ "all_four" -> "all four"."""
    return claim.replace("_", " ")


def lines_of(contents, columns):
    """A line of cells for each evaluation, its name first."""
    return [[one["name"], *(column.cell(one["means"]) for column in columns)] for one in contents]


def n_of(contents, columns):
    """The n of each claim, as texts: one, or one for each group of evaluations that shares it."""
    names = {}
    for content in contents:
        claims = [column for column in columns if not column.plain]
        means = [(words(column.head), column.mean(content["means"])) for column in claims]
        counts = ", ".join(f"{head} {mean['n']}" for head, mean in means if mean)
        names.setdefault(counts, []).append(content["name"].strip())
    if len(names) == 1:
        return list(names)
    return [f"{counts} ({', '.join(which)})" for counts, which in names.items()]


def for_terminal(contents, rows="all"):
    """Evaluations -> lines of a table, one for each evaluation."""
    columns = columns_of(contents, rows)
    lines = [[f"on {rows} rows", *(column.head for column in columns)], *lines_of(contents, columns)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    shown = [
        "  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])])
        for name, *cells in lines
    ]
    shown += ["% right [95 % Wilson interval], n:", *(f"  {n}" for n in n_of(contents, columns))]
    if rows == "clear":
        return shown
    shown.append("sentences: different right ones in a hundred answers (fewer rows: in all)")
    return [*shown, PICKS] if LINEUPS[0] in columns else shown


def markdown(heads, lines):
    """Heads and lines of cells -> lines of a Markdown table."""
    rows = [heads, *lines]
    shown = ["| " + " | ".join(cells) + " |" for cells in rows]
    return [shown[0], "|---" * len(heads) + "|", *shown[1:]]


def for_markdown(contents, rows):
    """Evaluations of one run -> a Markdown table; the n of each claim stands in its head."""
    columns, means = columns_of(contents, rows), contents[0]["means"]
    heads = [c.head if c.plain else f"{words(c.head)}, n = {c.mean(means)['n']}" for c in columns]
    return markdown([f"{rows} rows", *heads], lines_of(contents, columns))
