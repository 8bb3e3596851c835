"""How far the reader of sentences can be trusted: precision, readings of
sentences on something else, and recall, on labelled sentences.

Reads: JSONL files of labelled sentences.
Writes: nothing; prints a table, and with --wrong what was read wrongly.
Run: python -m experiments.reader tests/labelled_sentences.jsonl

A line: kind (trend, noise or extrema), text, label (of the rules; for extrema
the pair of maximum and minimum; null: no single claim), also (further readings
that a careful reader would accept; null among them: silence is fine), on_topic
(whether the sentence has a word of that kind at all). A reading is right if it
is the label or one of the others; silence is never wrong, only missing.
"""

import json

from llm_ts import claims
from llm_ts.base import cli
from llm_ts.scores.means import mean_of, percent


def read_items(path):
    """Lines of a file -> [(topic, claim, text, label, others, on topic)], two a line of extrema."""
    items = []
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, start=1):
            try:
                items += items_of(json.loads(text))
            except (ValueError, KeyError, TypeError) as error:
                where = f"{path}, line {number}"
                raise cli.UserError(f"{where} is no labelled sentence ({error!r}): see --help") from None
    return items


def items_of(line):
    topic = claims.TOPICS[line["kind"]]
    if len(topic.LABELS) == 1:
        labels, others = [line["label"]], [line["also"]]
    else:
        labels, others = line["label"], line["also"] or [[]] * len(topic.LABELS)
    text, on_topic = str(line["text"]), line["on_topic"]
    three = zip(topic.LABELS, labels, others, strict=True)
    return [(topic, claim, text, label, also, on_topic) for claim, label, also in three]


def score(items):
    """Items -> ({claim: {"precision", "off_topic", "recall": means}}, wrong readings).

    A wrong reading: (claim, read, label, text).
    """
    counts, wrong = {}, []
    for topic, claim, text, label, also, on_topic in items:
        read = topic.read(text)[claim]
        right = read == label or read in also
        of = counts.setdefault(claim, {"precision": [], "off_topic": [], "recall": []})
        if read is not None:
            of["precision"].append(right)
            wrong += [] if right else [(claim, read, label, text)]
        if not on_topic:
            of["off_topic"].append(read is not None)
        if label is not None and None not in also:
            of["recall"].append(read is not None and right)
    means = {claim: {name: mean_of(of[name]) for name in of} for claim, of in counts.items()}
    return means, wrong


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("sentences", nargs="+", help="Files of labelled sentences.")
    parser.add_argument("--wrong", action="store_true", help="Also print what was read wrongly.")
    args = parser.parse_args(argv)
    scores, wrong = score([item for path in args.sentences for item in read_items(path)])
    heads = ("precision", "read off topic", "recall")
    print(f"{'claim':<8}" + "".join(f"{head:>18}{'n':>5}" for head in heads))
    for claim, of in scores.items():
        print(f"{claim:<8}" + "".join(f"{percent(mean):>18}{mean['n']:>5}" for mean in of.values()))
    print("%, with 95 % Wilson intervals; recall on sentences that make one plain claim")
    for claim, read, label, text in wrong if args.wrong else ():
        print(f"{claim}: read {read}, is {label}: {cli.visible(text)}")
    print(f"wrong: {len(wrong)}")


if __name__ == "__main__":
    cli.run(main)
