"""Turn data.jsonl into training pairs, and measure how far the teacher's sentences agree with the truth.

Reads: data.jsonl (series, truth, gold, curated).
Writes: test_jsonl.jsonl, one pair a line; convert_diagnostics.json and .png, gold against truth.
Run: python convert.py --data data.jsonl --format study

A pair: id, split (train or test), format, points, prompt_version, prompt, answer; and for the evaluation series, truth
and gold. The split comes from a hash of the id, so that new rows never move old ones. A row with a sentence still
marked `verify` stays out of the train split; the test split keeps every row, the truth's sentence standing in there.
"""

import hashlib
import os
from collections import Counter

import cli
import description
import records
import scoring
import truth

TEST_SHARE = 10  # one id in ten is a test row


def split_of(row_id):
    """ "ou_000042" -> "train" or "test": test where the id's SHA-256 is divisible by 10."""
    return "test" if int(hashlib.sha256(row_id.encode()).hexdigest(), 16) % TEST_SHARE == 0 else "train"


def reference_of(row, answers):
    """The three sentences that the student shall say: from `curated`, `gold` or `truth`.

    A curated sentence that is still to verify contradicts a clear truth: the truth's own is taken.
    """
    if answers == "curated":
        settled = {name: sentence["text"] for name, sentence in row["curated"].items() if sentence["status"] != "verify"}
        return {**row["truth"]["sentences"], **settled}
    return row["gold"] if answers == "gold" else row["truth"]["sentences"]


def plain_words(sentences):
    """Sentences -> the same claims in the hand-made words; a sentence that cannot be read stays as it is.

    {"trend": "The curve climbs.", ...} -> {"trend": "The trend is increasing.", ...}
    """
    read = scoring.read_claims(sentences)
    labels = {claim: label or truth.LABELS[claim][0] for claim, label in read.items()}  # the stand-ins are not used
    plain = description.sentences_of(labels)
    parts = {"trend": ("trend",), "noise": ("noise",), "extrema": ("max", "min")}
    return {
        name: plain[name] if all(read[part] for part in parts[name]) else sentences[name]
        for name in description.SENTENCES
    }


def make_pair(row, fmt, split, sentences):
    """A row with series and truth, and the sentences to say about it -> a pair."""
    return {
        "id": row["id"],
        "split": split,
        "format": fmt,
        "points": len(row["series"]),
        "prompt_version": description.PROMPT_VERSION,
        "prompt": description.prompt_of(row["series"], fmt),
        "answer": description.answer_of(sentences),
        "series": row["series"],
        "truth": row["truth"],
        "gold": row.get("gold"),
    }


def pair_of(row, fmt, answers, wording="teacher"):
    """A row of data.jsonl -> a pair, or None where it is a train row with a sentence left to verify."""
    split = split_of(row["id"])
    to_verify = answers == "curated" and any(s["status"] == "verify" for s in row["curated"].values())
    if split == "train" and to_verify:
        return None
    reference = reference_of(row, answers)
    return make_pair(row, fmt, split, plain_words(reference) if wording == "plain" else reference)


def diagnose(rows, scorer):
    """Rows with gold -> one entry a row: id, and for each sentence its cosine and NLI score, gold against truth."""
    entries = [{"id": row["id"], "cosine": {}, "nli": {}} for row in rows]
    for name in description.SENTENCES:
        pairs = [(row["truth"]["sentences"][name], row["gold"][name]) for row in rows]
        for entry, cosine, nli in zip(entries, scorer.cosine(pairs), scorer.nli(name, pairs)):
            entry["cosine"][name] = round(cosine, 4)
            entry["nli"][name] = nli
    return entries


def draw_diagnostics(entries, nli_name, path):
    """A picture of three columns, one a sentence: the cosines above, the NLI scores below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3)
    for column, name in enumerate(description.SENTENCES):
        axes[0, column].hist([entry["cosine"][name] for entry in entries], bins=20, range=(0, 1), color="tab:blue")
        axes[0, column].set(title=name, xlabel="cosine")
        counts = Counter(entry["nli"][name] for entry in entries)
        axes[1, column].bar(["0", "0.5", "1"], [counts[0.0], counts[0.5], counts[1.0]], color="tab:orange")
        axes[1, column].set(xlabel="contradiction 0, neutral 0.5, entailment 1")
    figure.suptitle(f"gold against truth, n = {len(entries)}; scores: {nli_name}")
    with records.atomic(path) as temporary:
        figure.savefig(temporary, format="png")


def write_diagnostics(rows, scorer, base):
    """Write <base>.json and <base>.png, and print the means; base: "convert_diagnostics"."""
    entries = diagnose(rows, scorer)
    means = {}
    for name in description.SENTENCES:
        means[name] = {kind: scoring.mean_of(entry[kind][name] for entry in entries) for kind in ("cosine", "nli")}
        low = sum(entry["nli"][name] == 0 for entry in entries)
        cosine, nli = means[name]["cosine"]["mean"], means[name]["nli"]["mean"]
        print(f"{name}: cosine {cosine:.3f}, nli {nli:.3f}, contradicting {low}")
    head = {"cosine_model": os.path.basename(scorer.embedder_name), "nli_model": scorer.nli_name, "means": means}
    records.write_json(f"{base}.json", {**head, "rows": entries})
    draw_diagnostics(entries, scorer.nli_name, f"{base}.png")
    print(f"nli_scores_from: {scorer.nli_name}")


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--data", default="data.jsonl", help="The shared file of rows.")
    parser.add_argument("--out", default="test_jsonl.jsonl", help="Where the pairs go.")
    parser.add_argument("--format", choices=sorted(description.FORMATS), default="study", help="How a series is written.")
    parser.add_argument(
        "--answers",
        choices=("curated", "gold", "truth"),
        default="curated",
        help="Whose sentences the student learns: the curated ones, the teacher's as they came, or the truth's own.",
    )
    parser.add_argument(
        "--wording",
        choices=("teacher", "plain"),
        default="teacher",
        help="Keep the sentences' own words, or say their claims in one template's: a small budget learns those sooner.",
    )
    parser.add_argument("--embedder", default=scoring.EMBEDDER, help="Hub name or folder of the embedding model.")
    parser.add_argument("--nli", default=scoring.NLI, help='Hub name or folder of the NLI model; "none": use claims.')
    parser.add_argument("--no-diagnostics", action="store_true", help="Write the pairs only.")
    args = parser.parse_args(argv)
    cli.refuse_overwriting(args.out, args.data)
    cli.print_settings(args)
    rows = records.read(args.data)
    records.require(rows, "series", args.data, "ou_process.py")
    records.require(rows, "truth", args.data, "ou_process.py --truth")
    with_gold = [row for row in rows if row.get("gold")]
    records.require(with_gold, "gold", args.data, "mistral.py")
    if args.answers != "truth":
        if not with_gold:
            raise cli.UserError(f"{args.data}: no row has gold: run mistral.py first")
        if args.answers == "curated":
            records.require(with_gold, "curated", args.data, "curate.py")
        used = with_gold
    else:
        used = rows
    pairs = [pair for pair in (pair_of(row, args.format, args.answers, args.wording) for row in used) if pair]
    if with_gold and not args.no_diagnostics:
        base = os.path.join(os.path.dirname(args.out), "convert_diagnostics")
        write_diagnostics(with_gold, scoring.Scorer(args.embedder, args.nli), base)
    records.write_text(args.out, "".join(records.encode(pair) + "\n" for pair in pairs))
    splits = Counter(pair["split"] for pair in pairs)
    print(f"rows: {len(rows)}\nwithout_gold: {len(rows) - len(used)}\nleft_to_verify: {len(used) - len(pairs)}")
    print(f"train: {splits['train']}\ntest: {splits['test']}\nout: {args.out}")


if __name__ == "__main__":
    cli.run(main)
