"""Find where the teacher's sentences contradict the truth, and decide claim by
claim what to train on.

Reads: data.jsonl (gold, truth, second); verify.csv, where a human has decided.
Writes: `curated` in data.jsonl (atomically); verify.csv, what a human should
look at; with --fit, fit.png beside it.
Run: python curate.py --data data.jsonl

A human decides if a sentence differs from its label, contradicts a clear truth,
or has no label and cannot be read. If extrema contradict only the truth, the
truth's sentence replaces them: where 99 and 0 stand needs no human (IF_WRONG in
llm_ts/claims/). All other sentences are kept. While a decision is open,
convert.py leaves the row out of the train split. A kept sentence that only its
label speaks for is never as good as a read one: label_alone counts these, and
--audit 20 sends 20 kept sentences to a human too, these first.

To decide, add --review and open the printed address. The page shows each plot
with its sentences; you decide by keyboard. Each decision is saved in verify.csv
before the next sentence comes; stop at any time. While the page is open, no
other script can write data.jsonl. You can also decide in a spreadsheet: write
`gold` or `truth` into the column `decision` of verify.csv, or write `own` there
and your sentence into the column `own`. Then run this script again. A decision
holds for the gold sentence in its line.

--fit 0.10 draws (fit.png) how the share of rows to verify and the agreement
depend on the thresholds of the rules. It finds the thresholds that bring the
share nearest to 10 % and change the fewest labels. --write NAME uses them for
the truth of every row, and so for all later stages. To return to the published
ones: ou_process.py --truth.
"""

import hashlib
import heapq
import os
from collections import Counter

from llm_ts import claims, question
from llm_ts.base import cli, disk
from llm_ts.data import records
from llm_ts.review import server, session, verify_csv
from llm_ts.scores.score import outcome_by

LABEL_ALONE = "unread, its label agrees"


def curate_sentence(topic, text, truth, labels):
    """A gold sentence on a topic (a module of llm_ts/claims) and the row's truth -> {"text", "status", "reason"}.

    labels: {claim: label} beside the sentence; it may lack some. status: kept, replaced or verify. reason: agrees, unread,
    unclear, not English, label (the sentence says another one), or contradicts; with the two labels.
    """
    read = claims.read(topic, text)
    for claim, label in read.items():
        if label and claim in labels and labels[claim] != label:
            return {"text": text, "status": "verify", "reason": f"label: {claim} reads {label}, its label is {labels[claim]}"}
    if claims.is_foreign(topic, text):
        return {"text": text, "status": "verify", "reason": "not English"}
    said = claims.said_of(topic, text, labels)
    wrong = [claim for claim, label in said.items() if outcome_by(claim, label, truth) == "wrong"]
    contradiction = "contradicts: " + ", ".join(f"{claim} said {said[claim]}, is {truth[claim]}" for claim in wrong)
    if wrong and topic.IF_WRONG == "replace":
        return {"text": truth["sentences"][topic.NAME], "status": "replaced", "reason": contradiction}
    if any(truth["clear"][claim] for claim in wrong):
        return {"text": text, "status": "verify", "reason": contradiction}
    if None in said.values():
        return {"text": text, "status": "verify", "reason": "unread"}
    if wrong:
        return {"text": text, "status": "kept", "reason": "unclear, " + contradiction}
    return {"text": text, "status": "kept", "reason": LABEL_ALONE if None in read.values() else "agrees"}


def apply_decision(curated, name, row, decided):
    """A curated sentence and a human's line on it (verify_csv.py) -> the chosen sentence, verified."""
    decision = decided["decision"]
    text = {"gold": row["gold"][name], "truth": row["truth"]["sentences"][name], "own": decided["own"]}[decision]
    return {"text": text, "status": "verified", "reason": f"{curated['reason']}; decided for {decision}"}


def curate_row(row, decisions, audit=()):
    """A row with gold and truth -> its `curated` field: {"trend": {...}, "noise": {...}, "extrema": {...}}. audit: of `drawn`."""
    curated, labels = {}, (row.get("teacher") or {}).get("labels") or {}
    for topic in question.of(row, row["id"]):
        name, gold = topic.NAME, row["gold"][topic.NAME]
        curated[name] = one = curate_sentence(topic, gold, row["truth"], labels)
        if (row["id"], name) in audit:
            curated[name] = {**one, "status": "verify", "reason": f"audit: {one['reason']}"}
        if decisions and (decided := decisions.get(verify_csv.key_of(row, name))):
            curated[name] = apply_decision(curated[name], name, row, decided)
    return curated


def described_in(data, args):
    """Yield (row, the question of all rows). UserError if a row is broken or of another question."""
    questions = {}
    for row in data:
        questions[question.of(row, data.path)] = None
        asked = question.one_of(questions, data.path)
        records.require([row], "series", data.path, "ou_process.py")
        if row.get("gold"):
            records.require([row], "truth", data.path, "ou_process.py --truth")
            for field in ("gold", "teacher", "second"):
                if row.get(field) is not None:
                    records.require([row], field, data.path, "mistral.py")
        yield row, asked


def drawn(data, args):
    """{(id, topic)} of args.audit kept sentences, the same at each start; those that a label alone carried come first."""

    def kept():
        for row, _ in described_in(data, args):
            for name, one in (curate_row(row, {}) if row.get("gold") else {}).items():
                if one["status"] == "kept":
                    yield one["reason"] != LABEL_ALONE, hashlib.sha256(f"{row['id']} {name}".encode()).digest(), row["id"], name

    return {one[2:] for one in heapq.nsmallest(args.audit, kept())} if args.audit else set()


def require_gold(described, args):
    """UserError if no row has gold."""
    if not described:
        raise cli.UserError(f"{args.data}: no row has gold: run mistral.py first")


def fit_thresholds(data, args):
    """Draw the effect of other thresholds. With args.write, use the fitted ones for all rows."""
    from llm_ts.review import fit

    described = []
    for row, asked in described_in(data, args):
        described += [row] if row.get("gold") else []
    require_gold(described, args)
    tries = fit.tries_of(asked, described)
    chosen = fit.choose(tries, args.fit)
    picture = os.path.join(os.path.dirname(args.data), "fit.png")
    fit.draw(tries, chosen, args.fit, picture)
    print("\n".join(fit.lines_of(chosen)))
    share, by = fit.share_of(chosen), fit.rules_of(chosen, args.write or "not written")
    print(f"share_to_verify: {share['mean']:.1%} of {share['n']} rows (asked: {args.fit:.1%})")
    print(f"picture: {picture}")
    if not args.write:
        return
    if not by.thresholds:
        nearest = "the published thresholds come nearest to that share"
        raise cli.UserError(f"{nearest}: nothing to write")
    with data.replacing() as out:
        for row in data:
            row["truth"] = asked.by(by).truth_of(row["series"])
            row.pop("curated", None)  # by the old truth
            out.write(records.line_of(row))
    data.index()
    print(f"rules: {by.words}")


def curate_file(data, args):
    """Curate data.jsonl, write verify.csv and print the counts.

    Returns what a review needs: the rows with a sentence that is or was to verify, with `curated`;
    their `curated` without decisions, {id: base}; the decisions.
    """
    # every row: its `curated`, written beside the old file
    disk.sweep(os.path.dirname(args.verify_file) or ".")
    decisions, audit = verify_csv.read(args.verify_file), drawn(data, args)
    ids, described, kinds, shown = set(), 0, Counter(), []
    with data.replacing() as out:
        for row, asked in described_in(data, args):
            ids.add(row["id"])
            if row.get("gold"):
                described += 1
                row["curated"] = curate_row(row, decisions, audit)
                for name, one in row["curated"].items():
                    kinds[name, one["status"], one["reason"].split(":")[0]] += 1
                if any(one["status"] in ("verify", "verified") for one in row["curated"].values()):
                    shown.append(row)
            out.write(records.line_of(row))
        require_gold(described, args)
        verify_csv.refuse_another_files(args.verify_file, decisions, ids, shown, args.data)
    verify_csv.save(args.verify_file, verify_csv.table(shown, decisions))

    # what was counted, and decisions that no sentence has any more
    print_counts(asked, kinds, described, shown)
    if unfit := decisions.keys() - verify_csv.fitting(shown, decisions):
        first = cli.visible(", ".join(min(unfit)[:2]))
        kept = f"kept in the file; the first: {first}"
        print(f"decisions_that_fit_no_sentence: {len(unfit)} of {len(decisions)} ({kept})")
    print(f"without_gold: {len(data) - described}\nverify_file: {args.verify_file}", flush=True)
    return shown, {row["id"]: curate_row(row, {}, audit) for row in shown}, decisions


def print_counts(asked, kinds, rows, shown):
    """Print how many sentences are of each kind, and the shares to verify.

    kinds: {(topic, status, reason): number}. rows: number of rows. shown: as curate_file has it.
    """
    order = sorted(kinds, key=lambda kind: (asked.topics.index(kind[0]), kind))
    for name, status, reason in order:
        print(f"{name}, {status}, {reason}: {kinds[name, status, reason]}")
    sentences, total = sum(kinds[kind] for kind in kinds if kind[1] == "verify"), kinds.total()
    open_rows = [any(one["status"] == "verify" for one in row["curated"].values()) for row in shown]
    alone = sum(number for (_, _, reason), number in kinds.items() if reason == LABEL_ALONE)
    print(f"label_alone: {alone} ({alone / total:.1%} of {total} sentences)")
    print(f"rows: {rows}\nto_verify_sentences: {sentences} ({sentences / total:.1%} of {total})")
    print(f"to_verify_rows: {sum(open_rows)} ({sum(open_rows) / rows:.1%})")


def review(data, args, rows, bases, decisions):
    """Show the page until the human ends it.

    Each decision is saved in verify.csv, then in data.jsonl.
    """
    written = verify_csv.table(rows, decisions)
    audit = {(row_id, name) for row_id, base in bases.items() for name, one in base.items() if one["reason"].startswith("audit")}

    def save(row):
        nonlocal written
        before, row["curated"] = row["curated"], curate_row(row, decisions, audit)
        try:
            table = verify_csv.table(rows, decisions)
            verify_csv.save(args.verify_file, table, before=written)
            written = table
            data.append(records.line_of(row))
        except BaseException:
            row["curated"] = before
            raise

    server.serve(session.Review(rows, bases, decisions, save), args.port)
    data.index()


def main(argv=None):
    parser = cli.Parser(__doc__)
    add = parser.add_argument
    add("--data", default="data.jsonl", help="The shared file of rows.")
    add("--verify-file", help="The table of decisions; default: verify.csv beside --data.")
    add("--review", action="store_true", help="Open a page on this machine to decide by keyboard.")
    add("--port", type=cli.port, default=8765, help="Port of the page; 0: any free one.")
    audit = "Send so many kept sentences to a human too, those that a label alone carried first."
    add("--audit", type=cli.count, default=0, metavar="N", help=audit)
    fit = "Find thresholds that leave this share of rows to verify."
    add("--fit", type=cli.share, metavar="SHARE", help=fit)
    write = "With --fit: use them for the truth of all rows, under this name."
    add("--write", type=cli.name, metavar="NAME", help=write)
    disk.add_lock_flag(parser)
    args = parser.parse_args(argv)
    if args.write and args.fit is None:
        raise cli.UserError("--write belongs to --fit: it names the fitted thresholds")
    if args.write == "published":
        back = "To return to them: ou_process.py --truth"
        raise cli.UserError(f"`published` is the name of the built-in thresholds. {back}")
    if args.fit is not None and not args.write and args.review:
        raise cli.UserError("--fit without --write changes nothing: give --review its own run")
    args.verify_file = args.verify_file or os.path.join(os.path.dirname(args.data), "verify.csv")
    cli.refuse_overwriting(args.verify_file, args.data)
    cli.print_settings(args)
    with records.writing(args.data) as data:
        if args.fit is not None:
            fit_thresholds(data, args)
            if not args.write:
                return
        found = curate_file(data, args)
        if args.review:
            review(data, args, *found)
            curate_file(data, args)


if __name__ == "__main__":
    cli.run(main)
