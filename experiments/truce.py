"""Do people agree with the rules? The captions of TRUCE, which many people wrote
about short series, read by our reader and compared with our truth.

Reads: a checkout of TRUCE (Jhamtani and Berg-Kirkpatrick 2021, EMNLP; the
repository harsh19/TRUCE, Apache-2.0), its processed_data/*.json.
Writes: nothing; prints a table, and with --wrong the captions that disagree.
Run: python -m experiments.truce --truce TRUCE

A caption counts for a claim where the reader finds exactly one label for it.
Most captions are about a part of the series ("falls in the middle"), and not
all such parts are recognised: "of the whole" are those that name the whole.
"highest" and "lowest" are shown alone too, since a peak need not be the highest
one. The series have 12 points, and their plots had a fixed axis: what looked
flat to people can fill our 0..99. "Two people": how often two captions of one
series say the same, where both were read; a pair that differs counts in the
lines of both. A rule can hardly agree with people more often than they do.
"""

import glob
import itertools
import json
import os
import re

from llm_ts import cli
from llm_ts.question import STUDY
from llm_ts.scores.means import mean_of, percent

WHOLE = re.compile(r"\b(throughout|overall|entire|entirety|whole|over time|all the way|(start|beginning) to)\b", re.I)
WORD = {"max": re.compile(r"\bhighest\b", re.I), "min": re.compile(r"\blowest\b", re.I)}


def read_folder(folder):
    """[(n numbers, [caption, ...]), ...] of every series; UserError where it is no checkout of TRUCE."""
    paths = sorted(glob.glob(os.path.join(folder, "processed_data", "*.json")))
    if not paths:
        raise cli.UserError(f"{folder} has no processed_data/*.json: give the folder of a checkout of TRUCE")
    found = []
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                for entry in json.load(file).values():
                    captions = [text if isinstance(text, str) else text[0] for text in entry["annotations"]]
                    found.append(([float(k) for k in entry["series"]], captions))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise cli.UserError(f"{path} is not as TRUCE has it ({error!r}): check it out again") from None
    return found


def lines_of(claim, label, caption):
    """The lines of the table that a caption with this claim counts in."""
    if claim in WORD:
        return [claim, f'{claim}, "{WORD[claim].pattern[2:-2]}"'][: 1 + bool(WORD[claim].search(caption))]
    return [f"{claim} {label}", f"{claim} {label}, of the whole"][: 1 + bool(claim == "trend" and WHOLE.search(caption))]


def compare(found):
    """Series with captions -> ({line: {"rule", "clear", "people": lists of bool}}, [(claim, said, true, caption), ...]).

    The second are the captions that disagree with the truth.
    """
    counts, wrong = {}, []
    for series, captions in found:
        truth = STUDY.truth_of(series)
        said = [(STUDY.read(dict.fromkeys(STUDY.topics, caption)), caption) for caption in captions]
        for (read, caption), claim in itertools.product(said, STUDY.claims):
            if (label := read[claim]) is not None:
                right = label == truth[claim]
                wrong += [] if right else [(claim, label, truth[claim], caption)]
                for line in lines_of(claim, label, caption):
                    of = counts.setdefault(line, {"rule": [], "clear": [], "people": []})
                    of["rule"].append(right)
                    of["clear"] += [right] if truth["clear"][claim] else []
        for (one, caption), (other, another) in itertools.combinations(said, 2):
            for claim in STUDY.claims:
                if one[claim] is not None and other[claim] is not None:
                    for line in {*lines_of(claim, one[claim], caption), *lines_of(claim, other[claim], another)}:
                        counts[line]["people"].append(one[claim] == other[claim])
    return counts, wrong


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--truce", required=True, type=cli.folder, help="Folder of a checkout of TRUCE.")
    parser.add_argument("--wrong", action="store_true", help="Also print the captions that disagree with the rule.")
    args = parser.parse_args(argv)
    found = read_folder(args.truce)
    counts, wrong = compare(found)
    print(f"{'people say':<30}" + "".join(f"{head:>18}{'n':>6}" for head in ("rule agrees", "on clear rows", "two people")))
    for line, of in sorted(counts.items()):
        cells = map(mean_of, of.values())
        print(f"{line:<30}" + "".join(f"{percent(m) if m['n'] else '-':>18}{m['n']:>6}" for m in cells))
    print("%, with 95 % Wilson intervals, as if captions were independent; several are of one series")
    for claim, label, true, caption in wrong if args.wrong else ():
        print(f"{claim}: said {label}, is {true}: {cli.visible(caption)}")
    print(f"series: {len(found)}\ncaptions: {sum(len(captions) for _, captions in found)}\ndisagree: {len(wrong)}")


if __name__ == "__main__":
    cli.run(main)
