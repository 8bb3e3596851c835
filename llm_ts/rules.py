"""Which rules a truth was made by: their version, and their thresholds where these are fitted.

A row keeps them in its truth (`version`, and `rules` with a name and thresholds), a student in its
task (task.py). Only today's version can be computed: what is kept under another is read and shown,
never mixed with what is new.
"""

from dataclasses import dataclass

from llm_ts import claims
from llm_ts.base import cli


@dataclass(frozen=True)
class Rules:
    """version: of the topics' formulas. name: of fitted thresholds, "" for the published ones.
    thresholds: pairs of name and number."""

    version: int = claims.VERSION
    name: str = ""
    thresholds: tuple = ()

    def to_json(self):
        """{"version": 2, "name": "", "thresholds": {}}."""
        return {"version": self.version, "name": self.name, "thresholds": dict(self.thresholds)}

    @property
    def words(self):
        """ "version 2", or "version 2 with the thresholds 'mistral'"."""
        return f"version {self.version}" + f" with the thresholds {self.name!r}" * bool(self.name)

    def truth_of(self, series, topics):
        """n >= 2 integers -> the labels by these rules (claims.measure_all), and their rules."""
        if self.version != claims.VERSION:
            now = f"today's is {claims.VERSION}"
            raise cli.UserError(f"no truth by version {self.version} of the rules can be computed: {now}")
        labels = claims.measure_all(series, topics, dict(self.thresholds))
        return {**labels, "rules": {"name": self.name, "thresholds": dict(self.thresholds)}}


PUBLISHED = Rules()


def fitted(name, thresholds):
    """Rules with a name and thresholds of their own, {name: number}.

    Only what differs from the published ones is kept; PUBLISHED if nothing differs.
    """
    known = claims.thresholds_of(claims.TOPICS.values())
    items = sorted(thresholds.items())
    other = tuple((key, value) for key, value in items if value != known[key])
    return Rules(name=name, thresholds=other) if other else PUBLISHED


def of(row, where):
    """The rules of a row or pair, by its truth; UserError if they are garbled, or not written.

    A row without a truth has today's published ones: who needs one refuses it (records.require).
    """
    truth = row.get("truth")
    if not isinstance(truth, dict) or "version" not in truth:
        return PUBLISHED
    if not isinstance(truth.get("rules"), dict):
        raise cli.older(where, "by which rules its truth was made")
    return from_json({"version": truth["version"], **truth["rules"]}, where)


def from_json(about, where):
    """The inverse of Rules.to_json; UserError if it is garbled."""
    try:
        version, name, thresholds = about["version"], about["name"], about["thresholds"]
        whole = version == int(version) and isinstance(name, str)
        whole = whole and bool(name) == bool(thresholds)
        known = claims.thresholds_of(claims.TOPICS.values()) if thresholds else {}
        items = sorted(thresholds.items())
        if whole and all(key in known and type(value) in (int, float) for key, value in items):
            return Rules(int(version), name, tuple((key, float(value)) for key, value in items))
    except (TypeError, KeyError, AttributeError, ValueError):
        pass
    raise cli.UserError(f"{where}: its rules are {about!r}, not a version with a name and thresholds of these rules")
