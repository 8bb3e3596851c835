"""Find where the teacher's sentences contradict the truth, and decide claim by
claim what to train on.

Reads: data.jsonl (gold, truth); verify.csv, where a human has decided.
Writes: `curated` in data.jsonl (atomically); verify.csv, what a human should
look at.
Run: python curate.py --data data.jsonl

What happens to a wrong sentence is its topic's choice (IF_WRONG in llm_ts/
claims/). Wrong extrema are replaced by the truth's sentence: anybody can look
up where 99 and 0 stand. Of the other topics, what contradicts a clear truth is
marked `verify`; the rest is kept. To decide, write `gold` or `truth` into the
column `decision` of verify.csv and run this script again; a decision holds for
the gold sentence beside it. What is not decided stays out of the training
(convert.py).
"""

import contextlib
import csv
import io
import os
import re
from collections import Counter

from llm_ts import cli, question, records
from llm_ts.scores.score import outcome_of

COLUMNS = ("id", "sentence", "gold", "truth", "reason", "decision")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula at the beginning of a cell


def curate_sentence(topic, text, truth):
    """A gold sentence on a topic (a module of llm_ts/claims) and the row's truth -> {"text", "status", "reason"}.

    status is kept, replaced or verify; reason is agrees, unread, unclear, or contradicts with what was said.
    """
    read = topic.read(text)
    wrong = [claim for claim, label in read.items() if outcome_of(label, truth[claim]) == "wrong"]
    if not wrong:
        return {"text": text, "status": "kept", "reason": "unread" if None in read.values() else "agrees"}
    contradiction = "contradicts: " + ", ".join(f"{claim} said {read[claim]}, is {truth[claim]}" for claim in wrong)
    if topic.IF_WRONG == "replace":
        return {"text": truth["sentences"][topic.NAME], "status": "replaced", "reason": contradiction}
    if not any(truth["clear"][claim] for claim in wrong):
        return {"text": text, "status": "kept", "reason": "unclear, " + contradiction}
    return {"text": text, "status": "verify", "reason": contradiction}


def apply_decision(curated, name, row, decision):
    """A human's `gold` or `truth` for a sentence marked verify -> the same sentence, verified."""
    text = row["gold"][name] if decision == "gold" else row["truth"]["sentences"][name]
    return {"text": text, "status": "verified", "reason": f"{curated['reason']}; decided for {decision}"}


def letters_of(text):
    """A sentence -> what a spreadsheet leaves of it in any case: letters and digits. Quotes, spaces and marks may change.

    "The curve\u2019s rise" -> "the curve s rise", also where its UTF-8 was taken for Windows-1252.
    """
    with contextlib.suppress(UnicodeError):
        text = text.encode("cp1252").decode("utf-8")
    return " ".join(re.findall(r"\w+", text.casefold()))


def cell(text):
    """A text as a cell that no spreadsheet computes: an apostrophe before what looks like a formula."""
    return "'" + text if text.startswith(FORMULA) else text


def read_decisions(path):
    """verify.csv -> {(id, sentence, letters of gold): its line as a dict} of what is decided; empty where there is no file.

    Commas, semicolons or tabs part the cells, as the spreadsheet's language wants it.
    """
    if not os.path.exists(path):
        return {}
    decisions = {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:  # a spreadsheet may put a byte order mark
            head = file.readline()
            file.seek(0)
            reader = csv.DictReader(file, delimiter=max(",;\t", key=head.count))
            if not set(COLUMNS) <= set(reader.fieldnames or ()):
                raise cli.UserError(f"{path}: needs the columns {', '.join(COLUMNS)}, parted by commas, semicolons or tabs")
            if more := set(reader.fieldnames) - set(COLUMNS):
                raise cli.UserError(f"{path}: the column {min(more)!r} would be lost: keep it in another file")
            for line in reader:
                decision = (line["decision"] or "").strip().lower()
                if decision not in ("", "gold", "truth"):
                    raise cli.UserError(f"{path}, line {reader.line_num}: decision {decision!r} is not gold or truth")
                if decision:
                    line = {name: line[name] or "" for name in COLUMNS} | {"decision": decision}
                    decisions[line["id"], line["sentence"], letters_of(line["gold"])] = line
    except (UnicodeDecodeError, csv.Error) as error:
        raise cli.UserError(f"{path} is not a CSV file in UTF-8 ({error}): save it as one") from None
    return decisions


def curate_row(row, decisions):
    """A row with gold and truth -> its `curated` field: {"trend": {...}, "noise": {...}, "extrema": {...}}."""
    curated = {}
    for topic in question.of(row, row["id"]):
        name, gold = topic.NAME, row["gold"][topic.NAME]
        curated[name] = curate_sentence(topic, gold, row["truth"])
        decided = decisions.get((row["id"], name, letters_of(gold)))
        if curated[name]["status"] == "verify" and decided:
            curated[name] = apply_decision(curated[name], name, row, decided["decision"])
    return curated


def verify_table(rows, decisions):
    """(verify.csv as text, decisions that fit no sentence): every sentence that is or was marked verify, with what was decided.

    Decisions on what is not in these rows (another data file's, an older answer's) stay, at the end. A byte order mark tells
    spreadsheets that it is UTF-8.
    """
    decisions = dict(decisions)
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        for name, sentence in row["curated"].items():
            if sentence["status"] in ("verify", "verified"):
                decision = decisions.pop((row["id"], name, letters_of(row["gold"][name])), {}).get("decision", "")
                texts = (row["gold"][name], row["truth"]["sentences"][name], sentence["reason"].split(";")[0])
                writer.writerow([row["id"], name, *map(cell, texts), decision])
    writer.writerows([cell(line[name]) for name in COLUMNS] for line in decisions.values())
    return out.getvalue(), list(decisions.values())


def print_counts(rows):
    """Counts per sentence and reason, then the share left to verify."""
    counts, order = Counter(), {}
    for row in rows:
        for name, sentence in row["curated"].items():
            kind = sentence["reason"].split(":")[0]
            counts[name, sentence["status"], kind] += 1
            order.setdefault(name, len(order))
    for (name, status, kind), number in sorted(counts.items(), key=lambda item: (order[item[0][0]], item[0])):
        print(f"{name}, {status}, {kind}: {number}")
    open_rows = sum(any(s["status"] == "verify" for s in row["curated"].values()) for row in rows)
    open_sentences = sum(number for (_, status, _), number in counts.items() if status == "verify")
    total = sum(counts.values())
    print(f"rows: {len(rows)}")
    print(f"to_verify_sentences: {open_sentences} ({open_sentences / total:.1%} of {total})")
    print(f"to_verify_rows: {open_rows} ({open_rows / len(rows):.1%})")


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--data", default="data.jsonl", help="The shared file of rows.")
    parser.add_argument("--verify-file", help="Where a human decides; default: verify.csv beside --data.")
    records.add_lock_flag(parser)
    args = parser.parse_args(argv)
    args.verify_file = args.verify_file or os.path.join(os.path.dirname(args.data), "verify.csv")
    cli.refuse_overwriting(args.verify_file, args.data)
    cli.print_settings(args)
    decisions = read_decisions(args.verify_file)
    with records.writing(args.data) as data:
        question.of_all(data.rows.values(), args.data)
        described = [row for row in data.rows.values() if row.get("gold")]
        if not described:
            raise cli.UserError(f"{args.data}: no row has gold: run mistral.py first")
        records.require(described, "truth", args.data, "ou_process.py --truth")
        records.require(described, "gold", args.data, "mistral.py")
        for row in described:
            row["curated"] = curate_row(row, decisions)
        data.rewrite(data.rows.values())
        table, unfit = verify_table(described, decisions)
        records.write_text(args.verify_file, table)
    print_counts(described)
    if unfit:
        first = f"{cli.visible(unfit[0]['id'])}, {cli.visible(unfit[0]['sentence'])}"
        print(f"decisions_that_fit_no_sentence: {len(unfit)} of {len(decisions)} (kept in the file; the first: {first})")
    print(f"without_gold: {len(data.rows) - len(described)}")
    print(f"verify_file: {args.verify_file}")


if __name__ == "__main__":
    cli.run(main)
