"""What a person is asked to look at, in order of doubt; each decision is saved before the next one is asked for.

Knows of no page and no server: server.py shows it, a test may as well call it.
"""

from llm_ts import claims, cli, question
from llm_ts.review import verify_csv
from llm_ts.scores.agreement import relation_of


def teachers_disagree(row, name):
    """Whether a second teacher was asked, and its sentence on a topic claims something else than gold's."""
    second = verify_csv.second_of(row, name)
    return bool(second) and relation_of(name, row["gold"][name], second) == "other"


def order_of_doubt(rows, bases, audited):
    """[(row, topic), ...]: the sentences to verify, rows first where the two teachers disagree, then the audit's.

    bases: {id: `curated` without decisions}: so the order stays as it is while a person decides.
    """
    found = []
    for row in rows:
        base = bases[row["id"]]
        marked = [name for name in base if row["id"] in audited or base[name]["status"] == "verify"]
        to_verify = sum(sentence["status"] == "verify" for sentence in base.values())
        disagree = sum(teachers_disagree(row, name) for name in marked)
        found.append(((to_verify == 0, -disagree, -to_verify), row, marked))
    found.sort(key=lambda entry: entry[0])  # equal ones stay as the rows are
    return [(row, name) for _, row, marked in found for name in marked]


class Review:
    """The sentences to look at, `items`, and the decisions on them.

    save(row): called after each decision, to keep it; where it raises, the decision is taken back, and raised on.
    """

    def __init__(self, rows, bases, decisions, audited, save):
        self.bases, self.decisions, self.audited, self.save = bases, decisions, audited, save
        self.items = order_of_doubt(rows, bases, audited)
        self.past = []  # (number, the line before): what undo brings back

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
            "audit": self.bases[row["id"]][name]["status"] != "verify",
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
        """Decide on an item: `gold`, `truth`, `own` with a sentence, or "" for not decided; returns the item.

        UserError for a sentence that cannot be kept, or where the decision could not be saved.
        """
        row, name = self.items[number]
        own = verify_csv.own_sentence(own) if decision == "own" else ""
        line = verify_csv.line_of(row, name, self.bases[row["id"]][name]["reason"], decision, own) if decision else None
        before = self.decisions.get(verify_csv.key_of(row, name))
        self._keep(number, line, before)
        self.past.append((number, before))
        return self.item(number)

    def undo(self):
        """Take the last decision of this session back; returns its item. UserError where there is none."""
        if not self.past:
            raise cli.UserError("nothing to undo: earlier decisions can be changed where they stand")
        number, before = self.past[-1]
        row, name = self.items[number]
        self._keep(number, before, self.decisions.get(verify_csv.key_of(row, name)))
        self.past.pop()
        return self.item(number)

    def _keep(self, number, line, before):
        row, name = self.items[number]
        self._put(verify_csv.key_of(row, name), line)
        try:
            self.save(row)
        except BaseException:
            self._put(verify_csv.key_of(row, name), before)
            raise

    def _put(self, key, line):
        if line:
            self.decisions[key] = line
        else:
            self.decisions.pop(key, None)
