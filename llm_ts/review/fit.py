"""Thresholds fitted to a teacher: for other thresholds, how many rows would go to a human, and how many sentences agree.

curate.py decides which sentences go to a human; this file counts the same for other thresholds, and a test compares both.
Every threshold is tried at the multiples STEPS of its published value. Topics that go to a human are tried together, because
a row counts once; where these are too many settings, one topic after another, until none moves any more.
"""

import itertools
import math

import numpy as np

from llm_ts import claims, rules
from llm_ts.base import cli
from llm_ts.scores import curves
from llm_ts.scores.means import mean_of, percent
from llm_ts.scores.score import outcome_of

FEW = 5  # labels of a claim that are kinds; a place or a number has more
TOGETHER = 10_000  # choices of settings that are tried one by one
STEPS = tuple(2 ** (k / 8) for k in range(-8, 9))  # half of the published value to twice it


def settings_of(topic):
    """All thresholds of a topic to try: dicts, the published ones first. Several of one topic must stay in their order."""
    published = getattr(topic, "THRESHOLDS", {})
    names, order = list(published), sorted(published, key=published.get)
    grid = []
    for factors in itertools.product(STEPS, repeat=len(names)):
        setting = {name: published[name] if factor == 1 else round(published[name] * factor, 6) for name, factor in zip(names, factors)}
        if all(setting[a] < setting[b] for a, b in itertools.pairwise(order)):
            grid.append(setting)
    return sorted(grid, key=lambda setting: distance(setting, published))


def distance(setting, published):
    """How far thresholds lie from the published ones: 0 for themselves, 1 for each factor of two."""
    return sum(abs(np.log2(value / published[name])) for name, value in setting.items())


def _missing(claim, known, found):
    """What no row is, "trend flat", or None. Of a place or a number not every label must come, but more than one."""
    if len(known) <= FEW:
        return next((f"{claim} {label}" for label in known if label not in found), None)
    return f"{claim} other than {found[0]}" if len(set(found)) == 1 else None


class Try:
    """A topic under one setting. to_verify: of each row, shape (rows,). moved: how many labels are not the published ones. agree:
    the share of what was said that says its label, for each claim. empty: a label that no row has.

    said: for each row {claim: label or None}; doubted: shape (rows,), where sentence and label disagree.
    """

    def __init__(self, topic, setting, series, said, doubted, published):
        truth = [topic.measure(values, **setting) for values in series]
        labels = {claim: [verdict[claim][0] for verdict in truth] for claim in topic.LABELS}
        wrong = np.zeros(len(series), bool)
        clear = np.zeros(len(series), bool)
        self.agree = {}
        for claim in topic.LABELS:
            numbers = [verdict[claim][2] for verdict in truth]
            outcomes = [outcome_of(claim, one[claim], *true) for one, true in zip(said, zip(labels[claim], numbers))]
            wrongs = np.array([outcome == "wrong" for outcome in outcomes])
            wrong |= wrongs
            clear |= wrongs & np.array([verdict[claim][1] for verdict in truth])
            self.agree[claim] = mean_of(outcome == "right" for outcome in outcomes if outcome != "ambiguous")
        self.setting, self.labels = setting, labels
        unsaid = np.array([None in one.values() for one in said])
        self.to_verify = np.array(doubted) | (unsaid & ~wrong if topic.IF_WRONG == "replace" else unsaid | clear)
        known = published.labels if published else labels
        self.moved = sum(np.array([a != b for a, b in zip(labels[claim], known[claim])]).sum() for claim in labels)
        self.empty = next(filter(None, (_missing(claim, topic.LABELS[claim], labels[claim]) for claim in labels)), None)


def tries_of(question, rows):
    """{topic's name: its Tries, the published setting first}; rows: with series and gold."""
    series, found = [row["series"] for row in rows], {}
    for topic in question:
        texts = [row["gold"][topic.NAME] for row in rows]
        beside = [(row.get("teacher") or {}).get("labels") or {} for row in rows]
        said = [claims.said_of(topic, text, labels) for text, labels in zip(texts, beside)]
        doubted = [
            any(labels.get(claim, label) != label for claim, label in one.items()) or claims.is_foreign(topic, text)
            for one, labels, text in zip(said, beside, texts)
        ]
        first, *others = settings_of(topic)
        published = Try(topic, first, series, said, doubted, None)
        found[topic.NAME] = [published, *(Try(topic, setting, series, said, doubted, published) for setting in others)]
    return found


def choose(tries, target):
    """The setting of all topics whose share of rows to verify is nearest to target: {topic: Try}.

    Of equally near ones the one that moves the fewest labels, then the nearest to the published
    one. UserError if a label has no row by the published thresholds; no choice leaves one so.
    """
    for all_of in tries.values():
        if all_of[0].empty:
            empty = f"no row is {all_of[0].empty} by the published thresholds"
            raise cli.UserError(f"{empty}: fit them on more series")
    allowed = {name: [one for one in all_of if not one.empty] for name, all_of in tries.items()}
    human = [name for name in allowed if any(one.to_verify.any() for one in allowed[name])]

    def cost(together):
        to_verify = [one.to_verify for one in together]
        share = np.logical_or.reduce(to_verify).mean() if together else 0.0
        published = [tries[name][0].setting for name in human]
        far = sum(distance(one.setting, known) for one, known in zip(together, published))
        return round(abs(share - target), 9), sum(one.moved for one in together), far

    choices = [allowed[name] for name in human]
    if math.prod(map(len, choices)) <= TOGETHER:
        nearest = min(itertools.product(*choices), key=cost)
    else:
        nearest, before = [one[0] for one in choices], None
        while nearest != before:  # each round costs less, or is the last
            before = list(nearest)
            for place, all_of in enumerate(choices):
                nearest[place] = min(all_of, key=lambda one: cost([*nearest[:place], one, *nearest[place + 1 :]]))
    return {name: all_of[0] for name, all_of in tries.items()} | dict(zip(human, nearest))


def share_of(chosen):
    """The share of rows to verify under a choice of Tries, {topic: Try}: a mean with its interval."""
    return mean_of(np.logical_or.reduce([one.to_verify for one in chosen.values()]))


def rules_of(chosen, name):
    """A choice of Tries -> Rules with a name."""
    return rules.fitted(name, {key: float(value) for one in chosen.values() for key, value in one.setting.items()})


def lines_of(chosen):
    """The chosen thresholds as lines, with the agreement of each claim."""
    lines = []
    for one in chosen.values():
        agree = ", ".join(f"{claim} {percent(mean)}" for claim, mean in one.agree.items())
        for threshold, value in one.setting.items():
            lines.append(f"{threshold}: {value:.4f} (labels moved: {one.moved}; % agree: {agree})")
    return lines


def _alone(all_of):
    """(threshold, its Tries in order of its value) for each threshold, the others published."""
    first = all_of[0].setting
    for threshold in first:
        others = [name for name in first if name != threshold]
        alone = [one for one in all_of if all(one.setting[k] == first[k] for k in others)]
        yield threshold, sorted(alone, key=lambda one: one.setting[threshold])


def draw(tries, chosen, target, path):
    """A picture: for each threshold, alone, the share of rows to verify and the agreement."""
    published = {name: all_of[0] for name, all_of in tries.items()}
    parts = [(name, *part) for name, all_of in tries.items() for part in _alone(all_of)]
    figure = curves.new_figure(8, 2.6 * len(parts))
    panels = figure.subplots(len(parts), 1, squeeze=False)[:, 0]
    for axes, (name, threshold, alone) in zip(panels, parts):
        values = [one.setting[threshold] for one in alone]
        shares = [share_of({**published, name: one}) for one in alone]
        curves.draw_band(axes, values, shares, "C3", "rows to verify")
        for number, claim in enumerate(alone[0].agree):
            means = [one.agree[claim] for one in alone]
            label = f"{claim}: sentences that agree"
            curves.draw_band(axes, values, means, f"C{number}", label)
        axes.axhline(target, color="C3", linestyle=":", linewidth=1)
        for one, colour, style, label in (
            (published[name], "gray", "--", "published"),
            (chosen[name], "black", "-", "fitted"),
        ):
            axes.axvline(one.setting[threshold], color=colour, linestyle=style, linewidth=1, label=label)
        axes.set(xlabel=f"{name}: threshold {threshold!r}", ylabel="share", ylim=(-0.02, 1.02))
        axes.legend(loc="center right", fontsize=7)
    curves.save_figure(figure, path)
