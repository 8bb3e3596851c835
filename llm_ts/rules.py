"""Which rules a truth was made by: their version, and their thresholds where these are not the published ones.

Rules are a named property of rows, students and results, as question and format are. A row keeps them in its truth
(`version`, and `rules` where thresholds were fitted), any other record (training.json, evaluation, about.json) under `rules`;
a record without them is of version 1, which came before this was kept. Only today's version can be computed: what is kept
under another is read and shown, never mixed with what is new.
"""

from dataclasses import dataclass

from llm_ts import claims, cli


@dataclass(frozen=True)
class Rules:
    """version: of the topics' formulas. name: of fitted thresholds, "" for the published ones. thresholds: pairs of name and
    number."""

    version: int = claims.VERSION
    name: str = ""
    thresholds: tuple = ()

    @property
    def tag(self):
        """What a record without a truth carries: {"rules": {"version": 2}}; nothing for version 1."""
        if self.version == 1:
            return {}
        return {"rules": {"version": self.version, **self.fitted_tag.get("rules", {})}}

    @property
    def fitted_tag(self):
        """What a truth carries beside its version: {"rules": {"name", "thresholds"}}; nothing for the published thresholds."""
        return {"rules": {"name": self.name, "thresholds": dict(self.thresholds)}} if self.name else {}

    @property
    def words(self):
        """ "version 2", or "version 2 with the thresholds 'mistral'"."""
        return f"version {self.version}" + (f" with the thresholds {self.name!r}" if self.name else "")

    def truth_of(self, series, topics):
        """n >= 2 integers -> the labels by these rules (claims.labels_of), with what tells whose rules they are."""
        if self.version != claims.VERSION:
            raise cli.UserError(f"no truth by version {self.version} of the rules can be computed: today's is {claims.VERSION}")
        return {**claims.labels_of(series, topics, dict(self.thresholds)), **self.fitted_tag}


PUBLISHED = Rules()


def fitted(name, thresholds):
    """Rules with a name and thresholds of their own, {name: number}; only what differs from the published ones is kept.

    PUBLISHED where nothing differs.
    """
    known = claims.thresholds_of(claims.TOPICS.values())
    other = tuple((key, value) for key, value in sorted(thresholds.items()) if value != known[key])
    return Rules(name=name, thresholds=other) if other else PUBLISHED


def of(record, where):
    """The rules of a row or pair (by its truth), or of any other record (by its `rules`); UserError where they are garbled.

    A row without a whole truth has today's published ones: who needs the truth refuses it (records.require).
    """
    if "truth" in record or isinstance(record.get("series"), list):  # in training.json, `series` is a number
        truth = record.get("truth")
        if not isinstance(truth, dict) or not isinstance(truth.get("version"), int):
            return PUBLISHED
        return _read({"version": truth["version"], **(truth.get("rules") or {})}, where)
    return _read(record.get("rules", {"version": 1}), where)


def _read(about, where):
    try:
        version, name, thresholds = about["version"], about.get("name", ""), about.get("thresholds", {})
        known = claims.thresholds_of(claims.TOPICS.values()) if thresholds else {}  # a million rows ask
        whole = isinstance(version, int) and isinstance(name, str) and bool(name) == bool(thresholds)
        if whole and all(key in known and isinstance(value, float) for key, value in thresholds.items()):
            return Rules(version, name, tuple(sorted(thresholds.items())))
    except (TypeError, KeyError, AttributeError):
        pass
    raise cli.UserError(f"{where}: its rules are {about!r}, not a version with named thresholds of these rules")
