"""Does a description pick out its series among look-alikes?

The candidates are the series and the K - 1 others whose rescaled values are nearest to it in mean and
standard deviation. Those of which every claim of the description is true stay, and one of them is
drawn: the score is 1 / (number that stay) if the series is among them, else 0. A claim that is not
said rules nothing out. It is the measure of LineupRL (HaochenZhang717/LineupRL-official-repo), with
the truth of each claim in place of a judge. A description that says nothing scores 1 / K, which is
chance; a wrong one scores 0.
"""

import numpy as np

from llm_ts import claims

SIZES = (4, 16)


def picks(rows, said, size):
    """Pairs with their truth, and what each description claims, {claim: label or None} -> scores, shape (rows,).

    With fewer rows than `size`, all of them are candidates.
    """
    looks = np.array([[np.mean(row["series"]), np.std(row["series"])] for row in rows])
    scores = []
    for number, claimed in enumerate(said):
        far = np.hypot(*(looks - looks[number]).T)
        far[number] = -1.0  # itself is a candidate, whatever else looks the same
        candidates = np.argsort(far, kind="stable")[:size]
        stay = [other for other in candidates if _all_true(claimed, rows[other]["truth"])]
        scores.append(1 / len(stay) if number in stay else 0.0)
    return scores


def _all_true(claimed, truth):
    return all(
        label is None or claims.is_right(claim, label, truth[claim], truth["numbers"][claims.NUMBER_OF[claim]])
        for claim, label in claimed.items()
    )
