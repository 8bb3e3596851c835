"""Turn data.jsonl into training pairs, and measure how well the teacher's
sentences agree with the truth.

Reads: data.jsonl (series, truth, gold, curated).
Writes: test_jsonl.jsonl, one pair per line (llm_ts/data/pair.py: its `prompt`
and `answer` are texts for any trainer); convert_diagnostics.json and .png, gold
against truth, and against a second teacher if there is one.
Run: python convert.py --data data.jsonl --format study

A hash of the id decides the split, so new rows never move old ones. The train
split leaves a row out while a sentence of it is marked `verify`. The test split
keeps every row, with the truth's sentence instead.
"""

import os
from collections import Counter

import numpy as np

from llm_ts import claims, formats, question
from llm_ts.base import cli, disk
from llm_ts.claims import lexicon
from llm_ts.data import pair, records
from llm_ts.scores import agreement, curves, similarity
from llm_ts.scores.means import mean_of

DIAGNOSED = 10_000  # rows: the embedder reads some hundred sentences a second


def reference_of(row, answers):
    """The reference sentences of a row, from `curated`, `gold` or `truth`.

    If a curated sentence is still to verify, the truth's sentence is used.
    """
    if answers == "curated":
        settled = {name: sentence["text"] for name, sentence in row["curated"].items() if sentence["status"] != "verify"}
        return {**row["truth"]["sentences"], **settled}
    return row["gold"] if answers == "gold" else row["truth"]["sentences"]


def in_template(asked, sentences):
    """Sentences -> the same claims in the template's words; a sentence that cannot be read stays as it is.

    {"trend": "The curve climbs.", ...} -> {"trend": "The trend is increasing.", ...}
    """
    plain = {}
    for topic in asked:
        labels = claims.read(topic, sentences[topic.NAME])
        plain[topic.NAME] = sentences[topic.NAME] if None in labels.values() else topic.say(labels)
    return plain


def pair_of(row, fmt, answers, words="teacher"):
    """A row of data.jsonl -> a pair; None for a train row with a sentence left to verify."""
    split = pair.split_of(row["id"])
    to_verify = answers == "curated" and any(s["status"] == "verify" for s in row["curated"].values())
    if split == "train" and to_verify:
        return None
    reference = reference_of(row, answers)
    if words == "teacher":
        return pair.make(row, fmt, split, reference)
    plain = in_template(question.of(row, row["id"]), reference)
    return pair.make(row, fmt, split, plain) if words == "template" else pair.make(row, fmt, split, reference, plain)


def convert(data, out, args):
    """Write the pairs of all rows to a file of bytes.

    Returns the rows' question, the numbers of the rows with gold, and counts: used (rows with the
    sentences of args.answers), pairs, train, test. UserError if a row is broken.
    """
    questions, with_gold, counts = {}, [], Counter()
    for number, row in enumerate(data):
        questions[question.of(row, args.data)] = None
        asked = question.one_of(questions, args.data)
        check(row, args)
        with_gold += [number] if row.get("gold") else []
        if not row.get("gold") and args.answers != "truth":
            continue
        counts["used"] += 1
        if made := pair_of(row, args.format, args.answers, args.words):
            counts.update(("pairs", made["split"]))
            out.write(pair.line_of(made))
    if not counts["used"]:
        raise cli.UserError(f"{args.data}: no row has gold: run mistral.py first")
    return asked, with_gold, counts


def check(row, args):
    """UserError if a row lacks a field that its pair needs, or holds it in another form."""
    needed = {"series": "ou_process.py", "truth": "ou_process.py --truth"}
    optional = {"params": "ou_process.py", "gold": "mistral.py", "second": "mistral.py --second"}
    needed |= {field: by for field, by in optional.items() if row.get(field) is not None}
    if row.get("gold") and args.answers == "curated":
        needed["curated"] = "curate.py"
    for field, made_by in needed.items():
        records.require([row], field, args.data, made_by)


def diagnose(asked, rows, scorer):
    """Rows with gold -> one entry a row: id, and for each sentence its cosine and NLI score, gold against truth."""
    entries = [{"id": row["id"], "cosine": {}, "nli": {}} for row in rows]
    for name in asked.topics:
        pairs = [(row["truth"]["sentences"][name], row["gold"][name]) for row in rows]
        for entry, cosine, nli in zip(entries, scorer.cosine(pairs), scorer.nli(name, pairs)):
            entry["cosine"][name] = round(cosine, 4)
            entry["nli"][name] = nli
    return entries


def draw_diagnostics(asked, entries, nli_name, path):
    """A picture with one column a sentence: the cosines above, the NLI scores below."""
    figure = curves.new_figure(3 * len(asked.topics), 5)
    axes = figure.subplots(2, len(asked.topics), squeeze=False)
    for column, name in enumerate(asked.topics):
        axes[0, column].hist([entry["cosine"][name] for entry in entries], bins=20, range=(0, 1), color="tab:blue")
        axes[0, column].set(title=name, xlabel="cosine")
        counts = Counter(entry["nli"][name] for entry in entries)
        axes[1, column].bar(["0", "0.5", "1"], [counts[0.0], counts[0.5], counts[1.0]], color="tab:orange")
        axes[1, column].set(xlabel="contradiction 0, neutral 0.5,\nentailment 1")
    figure.suptitle(f"gold against truth, n = {len(entries)}; scores: {nli_name}")
    curves.save_figure(figure, path)


def unknown_words(asked, rows):
    """{word: count} of the words in gold that no lexicon knows (llm_ts/claims/neutral.py), the commonest first."""
    texts = [(topic, row["gold"][topic.NAME]) for topic in asked for row in rows]
    found = Counter(word for topic, text in texts for word in lexicon.unknown_words(topic.READER, text))
    return dict(found.most_common())


def write_diagnostics(asked, rows, scorer, base):
    """Write <base>.json and <base>.png, and print the means; base: "convert_diagnostics"."""
    entries = diagnose(asked, rows, scorer)
    means = {}
    for name in asked.topics:
        means[name] = {kind: mean_of(entry[kind][name] for entry in entries) for kind in ("cosine", "nli")}
        low = sum(entry["nli"][name] == 0 for entry in entries)
        cosine, nli = means[name]["cosine"]["mean"], means[name]["nli"]["mean"]
        print(f"{name}: cosine {cosine:.3f}, nli {nli:.3f}, contradicting {low}")
    head = {"cosine_model": os.path.basename(scorer.embedder_name), "nli_model": scorer.nli_name, "means": means}
    unknown = unknown_words(asked, rows)
    both = [row for row in rows if (row.get("second") or {}).get("gold")]
    second = {"second": agreement.compare(asked, both, scorer)} if both else {}
    disk.write_json(f"{base}.json", {**head, **second, "unknown_words": unknown, "rows": entries})
    draw_diagnostics(asked, entries, scorer.nli_name, f"{base}.png")
    print(f"unknown_words: {len(unknown)}" + (f" ({', '.join(list(unknown)[:10])})" if unknown else ""))
    if both:
        print("", *agreement.markdown(asked, second["second"]), "", sep="\n")
    print(f"nli_scores_from: {scorer.nli_name}")


def main(argv=None):
    parser = cli.Parser(__doc__)
    add = parser.add_argument
    add("--data", default="data.jsonl", help="The shared file of rows.")
    add("--out", default="test_jsonl.jsonl", help="The file of pairs.")
    formats_known = sorted(formats.FORMATS)
    add("--format", choices=formats_known, default="study", help="How a series is written.")
    sentences = "Sentences to learn: curated ones, the teacher's unchanged ones, or the truth's."
    add("--answers", choices=("curated", "gold", "truth"), default="curated", help=sentences)
    words = "template: each claim in one fixed sentence, learnt sooner. teacher: the sentences' own words."
    words += " both: first the template, then their own words; only the second is scored."
    add("--words", choices=("template", "both", "teacher"), default="teacher", help=words)
    similarity.add_flags(parser)
    compared = "Compare the sentences of at most so many rows; 0: only write the pairs."
    add("--diagnostics", type=cli.count, default=DIAGNOSED, metavar="ROWS", help=compared)
    args = parser.parse_args(argv)
    cli.refuse_overwriting(args.out, args.data)
    cli.print_settings(args)
    disk.sweep(os.path.dirname(args.out) or ".")  # a killed run may have left a file as long as this one
    with records.reading(args.data) as data, disk.replacing(args.out) as out:
        asked, described, counts = convert(data, out, args)
        if len(described) and args.diagnostics:
            if len(described) > args.diagnostics:
                print(f"diagnostics: {args.diagnostics} of {len(described)}")
                rng = np.random.default_rng(0)
                described = np.sort(rng.choice(described, args.diagnostics, replace=False))
            base = os.path.join(os.path.dirname(args.out), "convert_diagnostics")
            scorer = similarity.Scorer(args.embedder, args.nli)
            write_diagnostics(asked, data.read(described), scorer, base)
    print(f"rows: {len(data)}\nwithout_gold: {len(data) - counts['used']}")
    print(f"left_to_verify: {counts['used'] - counts['pairs']}")
    print(f"train: {counts['train']}\ntest: {counts['test']}\nout: {args.out}")


if __name__ == "__main__":
    cli.run(main)
