"""Let a student learn from its own answers: several are drawn for each fresh
series, those whose every claim is right are kept, and it trains on them.

Reads: a student: a run's folder, an adapter, a model's folder or a hub name;
test_jsonl.jsonl (convert.py): its test rows go along.
Writes, in --out: about.json, sampled.jsonl (one line per series), pairs.jsonl
(for qwen_train.py --data).
Run: python own_answers.py --model Qwen2.5-0.5B-Instruct --fresh 48x500 --out own

Then: python qwen_train.py --data own/pairs.jsonl --epochs 1 --out second
--model Qwen2.5-0.5B-Instruct/final; and again with --model second and other
folders. This is rejection sampling (RFT, arXiv 2308.01825; STaR, arXiv
2203.14465), with the exact checker as judge. A sentence is kept if it says the
true labels and names nothing else, and if it is none of the sentences in
--data that qwen_train.py --words teacher holds out. Of several right answers
to a series, the one is taken whose sentences were taken least so far, so that
the words stay varied. Killed and started again, the same command goes on; the
answers are the same.
"""

import hashlib
import itertools
import os
from collections import Counter

from llm_ts import cli, disk, question, records
from llm_ts.pairs import fresh, pair
from llm_ts.pairs.words import Words, fault_of, labels_of
from llm_ts.scores.means import mean_of, percent
from llm_ts.student import answer, device, load, origin, run_folder
from llm_ts.student.answer import MAX_NEW_TOKENS

ABOUT = "about.json"
TOGETHER = {"cuda": 128, "cpu": 64}  # answers that are drawn together, where not series by series


def fault_in(row, text, held_out=frozenset()):
    """Why an answer to a row is not learnt from; None where it is. held_out: sentences that nobody learns."""
    asked = question.of(row, row["id"])
    if asked.parse(text).parse != "strict":
        return "no JSON as asked"
    parts = question.parts_of(text)
    if held_out & set(parts[-1].values()):  # what it says before is the truth's own, whoever said it too
        return "held out"
    for topic, sentences in itertools.product(asked, parts):
        if reason := fault_of(topic, sentences[topic.NAME], labels_of(topic, row)):
            return reason
    return None


def keep(rows, sampled, held_out=frozenset()):
    """Rows, and {id: answers} -> ([(row, what to say), ...], {reason: how many answers were left out}).

    What to say: the sentences, after them those to say before, where the answer says them (pair.make).

    Of a row's right answers, that with the rarest sentences among those taken before it: all sentences come up. Where most right
    answers say all twice, one that says it once is left out: its sentences are rare, and it would teach to stop there.
    """
    faults = Counter()
    right = {row["id"]: {} for row in rows}
    for row in rows:
        for text in sampled[row["id"]]:
            if reason := fault_in(row, text, held_out):
                faults[reason] += 1
            else:
                right[row["id"]][text] = question.parts_of(text)[::-1]
    usual = Counter(len(said) for texts in right.values() for said in texts.values()).most_common(1)
    kept, taken = [], Counter()
    for row in rows:
        fits = [said for said in right[row["id"]].values() if len(said) == usual[0][0]]
        faults["not said as often as most"] += len(right[row["id"]]) - len(fits)
        if fits:
            chosen = min(fits, key=lambda said: sum(taken[sentence] for sentence in said[0].values()))
            taken.update(chosen[0].values())
            kept.append((row, chosen))
    return kept, +faults


def seed_of(seed, row):
    """The seed of the answers to a row: bound to its id, whatever is asked before it."""
    return int(hashlib.sha256(f"{seed} {row['id']}".encode()).hexdigest()[:15], 16)


def answers_to(model, tokenizer, rows, fmt, args, drafts):
    """Drawn answers to rows that are asked together: {id: [args.samples answers]}."""
    prompts = [question.of(row, row["id"]).prompt_of(row["series"], fmt) for row in rows for _ in range(args.samples)]
    how = {"drafts": drafts, "temperature": args.temperature, "seed": [seed_of(args.seed, row) for row in rows]}
    said = answer.generate(model, tokenizer, prompts, len(prompts), args.max_new_tokens, **how)
    return {row["id"]: said[k * args.samples : (k + 1) * args.samples] for k, row in enumerate(rows)}


def together(samples):
    """How many series are asked together, of each of which so many answers are drawn.

    A CPU with bf16 is quicker one by one, where a prompt is read once for all and drafts cost little; one without takes 5.2 s for
    a series of 32 points in parts of 16, and 9.4 alone.
    """
    import torch

    if torch.cuda.is_available():
        return max(1, TOGETHER["cuda"] // samples)
    return 1 if device.precision() == "bf16" else max(1, TOGETHER["cpu"] // samples)


def sample(args, rows, fmt):
    """Draw the answers to rows that have none yet -> {id: answers} of all; one flushed line per series.

    Series are asked together in the same parts whatever was done before, so that the answers are the same after a kill.
    """
    with records.writing(os.path.join(args.out, "sampled.jsonl"), create=True) as file:
        said = {row["id"]: row["answers"] for row in file}
        if any(row["id"] not in said for row in rows):
            import torch

            model, tokenizer = load.load(load.weights_of(args.model), device.dtype())
            model = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model  # once, not for each series
            model.to("cuda" if torch.cuda.is_available() else "cpu")
            size = together(args.samples)
            drafts = answer.Drafts() if size == 1 else None  # of many rows one always leaves a draft, and all have paid for it
            with cli.Progress("series", len(rows)) as bar:
                for start in range(0, len(rows), size):
                    part = rows[start : start + size]
                    left = [row for row in part if row["id"] not in said]
                    said |= answers_to(model, tokenizer, part, fmt, args, drafts) if left else {}
                    for row in left:
                        file.append(records.line_of({"id": row["id"], "answers": said[row["id"]]}))
                    bar.step(len(part))
        return {row["id"]: said[row["id"]] for row in rows}


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--model", type=cli.folder, required=True, help="A run's folder, adapter, model or hub name.")
    parser.add_argument("--data", default="test_jsonl.jsonl", help="The pairs of convert.py.")
    parser.add_argument("--fresh", metavar="POINTSxSERIES,...", required=True, help="The series to answer: as in qwen_train.py.")
    parser.add_argument("--samples", type=cli.positive, default=4, help="Answers drawn for each series.")
    parser.add_argument("--temperature", type=cli.positive_float, default=1.0, help="1: as likely as the student has them.")
    parser.add_argument("--max-new-tokens", type=cli.positive, default=MAX_NEW_TOKENS, help="An answer's length, at most.")
    parser.add_argument("--seed", type=cli.count, default=0, help="Of series and answers: another for each turn.")
    parser.add_argument("--out", default="own", help="Folder of what is drawn and kept.")
    device.add_flag(parser)
    disk.add_lock_flag(parser)
    args = parser.parse_args(argv)
    cli.print_settings(args)
    if args.model.endswith(".gguf"):
        raise cli.UserError(f"{args.model}: a .gguf file answers greedily alone: give the run's folder or the adapter")
    load.require(args.model)
    train_rows, test_rows = pair.read(args.data)
    learnt = origin.of(args.model)
    if learnt.see != "numbers":
        raise cli.UserError(f"{args.model} is shown plots: its own answers are not made here")
    asked, fmt = question.of_all(test_rows, args.data), test_rows[0]["format"]
    own = origin.question_of(learnt) if learnt.question else asked
    for what, differs in (("format", learnt.format not in (None, fmt)), ("question", own != asked)):
        if differs:
            raise cli.UserError(f"{args.model} learnt another {what} than that of {args.data}: convert again, as it learnt")
    about = {
        **{name: getattr(args, name) for name in ("model", "fresh", "samples", "temperature", "max_new_tokens", "seed")},
        **{"weights_sha256": load.weights_digest(args.model), "format": fmt, **asked.whole_tag},
        "series_of": list(learnt.series_of),
    }
    device.choose(args.device)
    about["dtype"] = device.precision()
    with run_folder.hold(args.out):
        run_folder.check(args.out, about, ABOUT)
        disk.write_json(os.path.join(args.out, ABOUT), about)
        rows = list(fresh.Rows("own", fresh.plan(args.fresh), args.seed, question=asked, processes=learnt.series_of))
        sampled = sample(args, rows, fmt)
        kept, faults = keep(rows, sampled, Words(train_rows).held_out)
        if not kept:
            raise cli.UserError(f"no answer of {args.model} is right in every claim: nothing to learn from ({dict(faults)})")
        pairs = [pair.make(row, fmt, "train", *said) for row, said in kept]
        pair.write(os.path.join(args.out, "pairs.jsonl"), [*pairs, *test_rows])
    answers = len(rows) * args.samples
    right = mean_of([1] * (answers - faults.total()) + [0] * faults.total())
    print(f"series: {len(rows)}\nright: {percent(right)} % of {answers} answers")
    print("".join(f"left_out: {count} ({reason})\n" for reason, count in faults.most_common()), end="")
    texts = {sentence for _, said in kept for sentence in said[0].values()}
    print(f"kept: {len(kept)} answers, {len(texts)} different sentences\nout: {os.path.join(args.out, 'pairs.jsonl')}")


if __name__ == "__main__":
    cli.run(main)
