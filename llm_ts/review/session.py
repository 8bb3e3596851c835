"""The sentences for a human, in order of doubt; each decision is saved before the next sentence comes.

It knows no page and no server: server.py shows it, and a test can call it.
"""

from llm_ts import claims, question
from llm_ts.review import verify_csv
from llm_ts.scores.agreement import relation_of


def teachers_disagree(row, name):
    """Whether a second teacher was asked, and its sentence on a topic claims something else than gold's."""
    second = verify_csv.second_of(row, name)
    return bool(second) and relation_of(name, row["gold"][name], second) == "other"


def order_of_doubt(rows, bases):
    """[(row, topic), ...]: the sentences to verify, rows first where the two teachers disagree.

    bases: {id: `curated` without decisions}: so the order stays as it is while a person decides.
    """
    order = []
    for row in rows:
        base = bases[row["id"]]
        marked = [name for name in base if base[name]["status"] == "verify"]
        disagree = sum(teachers_disagree(row, name) for name in marked)
        order.append(((-disagree, -len(marked)), row, marked))
    order.sort(key=lambda entry: entry[0])  # equal ones stay as the rows are
    return [(row, name) for _, row, marked in order for name in marked]


class Review:
    """The sentences to look at, `items`, and the decisions on them.

    save(row): called after each decision, to keep it. If it raises, the decision is taken back.
    """

    def __init__(self, rows, bases, decisions, save):
        self.bases, self.decisions, self.save = bases, decisions, save
        self.items = order_of_doubt(rows, bases)

    def item(self, number):
        """One sentence to look at, as the page gets it."""
        row, name = self.items[number]
        decided = self.decisions.get(verify_csv.key_of(row, name), {})
        own = decided.get("own", "")
        return {
            "number": number,
            "id": row["id"],
            "topic": name,
            "reason": self.bases[row["id"]][name]["reason"],
            "disagree": teachers_disagree(row, name),
            "decision": decided.get("decision", ""),
            "own": own,
            "own_read": self.read(name, own) if own else {},
        }

    def rows(self):
        """{id: series, range in its own unit (or None), truth, and all sentences with what is read in them}."""
        return {row["id"]: self._show_row(row) for row, _ in self.items}

    def _show_row(self, row):
        asked, truth = question.of(row, row["id"]), row["truth"]
        ends = [row.get("raw_min"), row.get("raw_max")]
        sentences = {}
        for name in asked.topics:
            texts = {"gold": row["gold"][name], "truth": truth["sentences"][name], "second": verify_csv.second_of(row, name)}
            sentences[name] = {who: {"text": text, "read": self.read(name, text)} for who, text in texts.items() if text}
        return {
            "series": row["series"],
            "range": ends if all(isinstance(end, (int, float)) for end in ends) else None,
            "truth": {claim: truth[claim] for claim in asked.claims},
            "clear": {claim: truth["clear"][claim] for claim in asked.claims},
            "numbers": truth["numbers"],
            "sentences": sentences,
        }

    @staticmethod
    def read(topic, text):
        """A sentence on a topic -> {claim: label, or None where it makes no single claim}."""
        return claims.TOPICS[topic].read(text)

    def decide(self, number, decision, own=""):
        """Decide on an item: `gold`, `truth`, `own` with a sentence, or "" for not decided.

        Returns the item. UserError if the sentence or the decision cannot be kept.
        """
        row, name = self.items[number]
        own = verify_csv.own_sentence(own) if decision == "own" else ""
        key, reason = verify_csv.key_of(row, name), self.bases[row["id"]][name]["reason"]
        before = self.decisions.get(key)
        self._put(key, verify_csv.line_of(row, name, reason, decision, own) if decision else None)
        try:
            self.save(row)
        except BaseException:
            self._put(key, before)
            raise
        return self.item(number)

    def _put(self, key, line):
        if line:
            self.decisions[key] = line
        else:
            self.decisions.pop(key, None)
