"""Find where the teacher's sentences contradict the truth, and decide claim by
claim what to train on.

Reads: data.jsonl (gold, truth, second); verify.csv, where a human has decided.
Writes: `curated` in data.jsonl (atomically); verify.csv, what a human should
look at; with --fit, fit.png beside it.
Run: python curate.py --data data.jsonl

Each topic says what happens to a wrong sentence (IF_WRONG in llm_ts/claims/).
Wrong extrema are replaced by the truth's sentence: anybody can look up where 99
and 0 are. A human decides about a sentence of another topic if it contradicts a
clear truth, differs from the label beside it, or cannot be read and has no
label. All other sentences are kept. A row with an open decision is not trained
on (convert.py).

To decide, add --review and open the printed address: the page shows each plot
with its sentences and is used with the keyboard. Each decision is saved in
verify.csv before the next sentence is shown; stop at any time. While the page
is open, no other script can write data.jsonl. You can also decide in a
spreadsheet: write `gold` or `truth` into the column `decision` of verify.csv,
or write `own` there and your sentence into the column `own`. Then run this
script again. A decision holds for the gold sentence in its line.

--audit 50 draws 50 rows that nobody has looked at. When they are decided, the
share of wrong ones is printed with its 95 % interval.

--fit 0.10 prints and draws (fit.png) how the share of rows to verify and the
agreement depend on the thresholds of the rules. It finds the thresholds that
bring the share nearest to 10 % and change the fewest labels. --write NAME uses
them for the truth of every row, and so for all later stages. To return to the
published ones: ou_process.py --truth --published.
"""

import os
from collections import Counter

from llm_ts import claims, cli, disk, question, records
from llm_ts.review import audit, server, session, verify_csv
from llm_ts.scores.score import outcome_of


def curate_sentence(topic, text, truth, labels):
    """A gold sentence on a topic (a module of llm_ts/claims) and the row's truth -> {"text", "status", "reason"}.

    labels: {claim: label} beside the sentence; it may lack some. status: kept, replaced or verify. reason: agrees, unread,
    unclear, label (the sentence says another one), or contradicts, with the two labels.
    """
    read = claims.read(topic, text)
    for claim, label in read.items():
        if label and claim in labels and labels[claim] != label:
            return {"text": text, "status": "verify", "reason": f"label: {claim} reads {label}, its label is {labels[claim]}"}
    said = claims.said_of(topic, text, labels)
    wrong = [claim for claim, label in said.items() if outcome_of(label, truth[claim]) == "wrong"]
    contradiction = "contradicts: " + ", ".join(f"{claim} said {said[claim]}, is {truth[claim]}" for claim in wrong)
    if wrong and topic.IF_WRONG == "replace":
        return {"text": truth["sentences"][topic.NAME], "status": "replaced", "reason": contradiction}
    if any(truth["clear"][claim] for claim in wrong):
        return {"text": text, "status": "verify", "reason": contradiction}
    if None in said.values():
        return {"text": text, "status": "verify", "reason": "unread"}
    if wrong:
        return {"text": text, "status": "kept", "reason": "unclear, " + contradiction}
    return {"text": text, "status": "kept", "reason": "unread, its label agrees" if None in read.values() else "agrees"}


def apply_decision(curated, name, row, decided):
    """A curated sentence and a human's line on it (verify_csv.py) -> the sentence that was decided for, verified."""
    decision = decided["decision"]
    text = {"gold": row["gold"][name], "truth": row["truth"]["sentences"][name], "own": decided["own"]}[decision]
    return {"text": text, "status": "verified", "reason": f"{curated['reason']}; decided for {decision}"}


def curate_row(row, decisions):
    """A row with gold and truth -> its `curated` field: {"trend": {...}, "noise": {...}, "extrema": {...}}."""
    curated, labels = {}, (row.get("teacher") or {}).get("labels") or {}
    for topic in question.of(row, row["id"]):
        name, gold = topic.NAME, row["gold"][topic.NAME]
        curated[name] = curate_sentence(topic, gold, row["truth"], labels)
        if decisions and (decided := decisions.get(verify_csv.key_of(row, name))):
            curated[name] = apply_decision(curated[name], name, row, decided)
    return curated


def counts_of(rows):
    """(Number of sentences by (topic, status, reason), number of rows, number of rows with a sentence to verify)."""
    kinds, still_open = Counter(), 0
    for row in rows:
        still_open += any(sentence["status"] == "verify" for sentence in row["curated"].values())
        kinds.update((name, one["status"], one["reason"].split(":")[0]) for name, one in row["curated"].items())
    return kinds, len(rows), still_open


def print_counts(asked, kinds, rows, still_open):
    """Print what counts_of counted, and the shares to verify."""
    for (name, status, kind), number in sorted(kinds.items(), key=lambda item: (asked.topics.index(item[0][0]), item[0])):
        print(f"{name}, {status}, {kind}: {number}")
    sentences = sum(number for (_, status, _), number in kinds.items() if status == "verify")
    print(f"rows: {rows}\nto_verify_sentences: {sentences} ({sentences / kinds.total():.1%} of {kinds.total()})")
    print(f"to_verify_rows: {still_open} ({still_open / rows:.1%})")


def described_of(rows, args):
    """(The rows that have gold, the questions of all rows). UserError if a row is broken."""
    found = question.each_of(rows, args.data)
    question.one_of(found, args.data)  # first: of other questions, teacher and gold would be broken too
    described = [row for row in rows if row.get("gold")]
    records.require(described, "truth", args.data, "ou_process.py --truth")
    for field in ("gold", "teacher", "second"):
        records.require([row for row in described if row.get(field) is not None], field, args.data, "mistral.py")
    return described, found


def fit_thresholds(data, args):
    """Print and draw the effect of other thresholds. With args.write, use the fitted ones for the truth of all rows."""
    from llm_ts.scores import fit

    def look(rows):
        described, found = described_of(rows, args)
        records.require(rows, "series", args.data, "ou_process.py")
        return described, found

    described, found = records.totals(data.map(look), [], [])
    asked = question.one_of(found, args.data)
    require_gold(described, args)
    tries = fit.tries_of(asked, described)
    chosen = fit.choose(tries, args.fit)
    picture = os.path.join(os.path.dirname(args.data), "fit.png")
    fit.draw(tries, chosen, args.fit, picture)
    print("\n".join(fit.lines_of(tries, chosen)))
    share, by = fit.share_of(chosen), fit.rules_of(chosen, args.write or "not written")
    print(f"share_to_verify: {share['mean']:.1%} of {share['n']} rows (asked: {args.fit:.1%})\npicture: {picture}")
    if not args.write:
        return
    if not by.thresholds:
        raise cli.UserError("the published thresholds come nearest to that share: there is nothing to write")

    def move(rows):
        for row in rows:
            row["truth"] = asked.by(by).truth_of(row["series"])
            row.pop("curated", None)  # by the truth of before
        return b"".join(map(records.line_of, rows))

    with data.replacing() as out:
        out.writelines(data.map(move))
    data.index()
    print(f"rules: {by.words}")


def require_gold(described, args):
    """UserError where no row has gold."""
    if not described:
        raise cli.UserError(f"{args.data}: no row has gold: run mistral.py first")


def draw_audit(data, decisions, audited, args):
    """The ids of the audit: earlier ones, and unseen ones until there are args.audit."""
    if len(audited) >= args.audit:
        return audited

    def draw(rows):
        described, _ = described_of(rows, args)
        bases = {row["id"]: curate_row(row, {}) for row in described}
        return audit.draw(described, bases, decisions, audited, args.audit) - audited

    drawn = [row_id for some in data.map(draw) for row_id in some]
    return audited | set(audit.first_of(drawn, args.audit - len(audited)))


def is_shown(row, audited):
    """Whether the page shows a curated row: it has a sentence to verify or a decided one, or is part of the audit."""
    return row["id"] in audited or any(sentence["status"] in ("verify", "verified") for sentence in row["curated"].values())


def curate_file(data, args):
    """Curate data.jsonl, write verify.csv and print the counts.

    Returns what a review needs: the rows to show, with `curated` (without args.review: the audit's rows); their
    `curated` without decisions, {id: base}; the decisions; the ids of the audit.
    """
    disk.sweep(os.path.dirname(args.verify_file) or ".")
    decisions, audited = verify_csv.read(args.verify_file)
    audited = draw_audit(data, decisions, audited, args)

    named = verify_csv.ids_of(decisions, audited)

    def curate(rows):
        described, found = described_of(rows, args)
        if args.review:
            records.require(described, "series", args.data, "ou_process.py")
        for row in described:
            row["curated"] = curate_row(row, decisions)
        known = [row["id"] for row in rows if row["id"] in named]
        seen = [row for row in described if (is_shown(row, audited) if args.review else row["id"] in audited)]
        seen = [(row, curate_row(row, {})) for row in seen]
        table, fit = verify_csv.part_of_table(described, decisions, audited)
        return b"".join(map(records.line_of, rows)), found, known, list(fit), [table], seen, *counts_of(described)

    with data.replacing() as out:
        parts = records.written(out, data.map(curate))
        starts = ([], [], [], [], [], Counter(), 0, 0)
        found, known, fitting, tables, shown, *counts = records.totals(parts, *starts)
        asked = question.one_of(found, args.data)
        require_gold(counts[1], args)
        known, fitting = set(known), set(fitting)
        verify_csv.refuse_another_files(args.verify_file, decisions, audited, known, fitting, args.data)
    unfit = [line for key, line in decisions.items() if key not in fitting]
    verify_csv.save(args.verify_file, verify_csv.whole_table(tables, unfit))
    rows, bases = [row for row, _ in shown], {row["id"]: base for row, base in shown}
    print_counts(asked, *counts)
    if audited:
        print("\n".join(audit.lines_of(audit.errors(rows, bases, audited), len(audited))))
    own = [(key[1], line["own"]) for key, line in decisions.items() if line["own"] and key[1] in claims.TOPICS]
    if unread := [text for name, text in own if None in claims.TOPICS[name].read(text).values()]:
        print(f"own_sentences_without_a_single_claim: {len(unread)} of {len(own)} (the first: {cli.visible(unread[0])})")
    if unfit:
        first = f"{cli.visible(unfit[0]['id'])}, {cli.visible(unfit[0]['sentence'])}"
        print(f"decisions_that_fit_no_sentence: {len(unfit)} of {len(decisions)} (kept in the file; the first: {first})")
    print(f"without_gold: {len(data) - counts[1]}\nverify_file: {args.verify_file}", flush=True)
    return rows, bases, decisions, audited


def review(data, args, rows, bases, decisions, audited):
    """Show the page until the human ends it. Each decision is saved in verify.csv, then in data.jsonl."""
    written = verify_csv.table(rows, decisions, audited)

    def save(row):
        nonlocal written
        before, row["curated"] = row["curated"], curate_row(row, decisions)
        try:
            table = verify_csv.table(rows, decisions, audited)
            verify_csv.save(args.verify_file, table, before=written)
            written = table
            data.append(records.line_of(row))
        except BaseException:
            row["curated"] = before
            raise

    server.serve(session.Review(rows, bases, decisions, audited, save), args.port)
    data.index()


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--data", default="data.jsonl", help="The shared file of rows.")
    parser.add_argument("--verify-file", help="The table of decisions; default: verify.csv beside --data.")
    parser.add_argument("--review", action="store_true", help="Open a page on this machine for decisions by keyboard.")
    parser.add_argument("--port", type=cli.port, default=8765, help="Port of the page; 0: any free one.")
    parser.add_argument(
        "--audit",
        type=cli.count,
        default=0,
        metavar="N",
        help="Draw unseen rows until the audit has N; earlier ones stay.",
    )
    parser.add_argument("--fit", type=cli.share, metavar="SHARE", help="Find thresholds that leave this share of rows to verify.")
    parser.add_argument("--write", type=cli.name, metavar="NAME", help="With --fit: use them for the truth of all rows, under this name.")
    disk.add_lock_flag(parser)
    args = parser.parse_args(argv)
    if args.write and args.fit is None:
        raise cli.UserError("--write belongs to --fit: it names the fitted thresholds")
    if args.write == "published":
        raise cli.UserError("`published` is the name of the built-in thresholds. To return to them: ou_process.py --truth --published")
    if args.fit is not None and not args.write and (args.review or args.audit):
        raise cli.UserError("--fit without --write changes nothing: give --review and --audit a run of their own")
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
