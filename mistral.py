"""Ask the teacher, a large model that sees the plot and the numbers, for a
sentence on each topic of every series.

Reads: data.jsonl rows, <dataset>/<id>.png; the key from the environment
variable MISTRAL_API_KEY (a server on this machine needs none).
Writes: `gold` and `teacher` (or `second`) of data.jsonl rows, one flushed line
per answer; <dataset>/<id>.txt.
Run: python mistral.py --dryrun

What has an answer, or a recorded failure, is not asked again: stop it at any
time and run it again. A server that stays down, a wrong key and an unknown
model end the run; an answer that is still not the JSON asked for at the third
time is recorded as that row's failure (`teacher.failed`). `--dryrun` asks
nobody: a simulated teacher answers.
"""

import argparse
import asyncio
import os
import urllib.parse

from llm_ts import cli, question, records
from llm_ts.teacher import mistral_api, simulated

GIVE_UP = 10  # rows in a row that fail: the model cannot do it, and every question costs money


def answer_in(row, second):
    """The part of a row that holds the teacher's answer, or the second teacher's; {} where there is none."""
    return (row.get("second") or {}) if second else row


def refuse_mixture(rows, args):
    """Raise UserError where real answers would join simulated ones in one file, or the other way round."""
    for row in rows:
        for teacher in (answer_in(row, second).get("teacher") for second in (False, True)):
            if teacher and bool(teacher.get("simulated")) != args.dryrun:
                here, asked = ("real", "simulated") if args.dryrun else ("simulated", "real")
                raise cli.UserError(
                    f"{args.data}: {row['id']} has a {here} teacher's answer: "
                    f"give a {asked} teacher another --data (ou_process.py --data makes it)"
                )


def refuse_other_second(rows, args):
    """Raise UserError where `second` holds another model's answers than the one now asked, or is the teacher itself."""
    for row in rows:
        if not args.dryrun and (row.get("teacher") or {}).get("model") == args.second:
            raise cli.UserError(f"{args.second} is the teacher of {row['id']} itself: --second is for another model")
        model = (answer_in(row, True).get("teacher") or {}).get("model")
        if model and not args.dryrun and model != args.second:
            raise cli.UserError(f"{args.data}: {row['id']} has a second answer of {model}: there is room for one second model")


def write_text(row, dataset):
    """Write gold to <dataset>/<id>.txt, one sentence per line, for people; a text that is there stays untouched."""
    lines = [row["gold"][topic] for topic in question.of(row, row["id"]).topics]
    teacher = row.get("teacher") or {}
    if teacher.get("simulated"):
        lines.append(f"(simulated teacher, seed {teacher['seed']})")
    path = os.path.join(dataset, row["id"] + ".txt")
    text = "\n".join(lines) + "\n"
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    except (FileNotFoundError, UnicodeDecodeError):
        pass
    records.write_text(path, text)


def settings_of(args):
    names = ("dataset", "image", "server_url", "concurrency", "timeout", "retries", "backoff", "rate", "seed")
    return mistral_api.Settings(model=args.second or args.model, **{name: getattr(args, name) for name in names})


def answer_missing(data, args):
    """Fill gold and teacher (or second) in the rows that lack them; print the counts."""
    rows = list(data.rows.values())
    question.of_all(rows, args.data)
    for field in ("id", "series"):
        records.require(rows, field, args.data, "ou_process.py")
    for field in ("gold", "teacher", "second"):
        records.require([row for row in rows if row.get(field) is not None], field, args.data, "mistral.py")
    refuse_mixture(rows, args)
    if args.second:
        refuse_other_second(rows, args)
    able = [row for row in rows if row.get("gold")] if args.second else rows
    if not able:
        raise cli.UserError(f"{args.data}: no row has gold yet: run mistral.py without --second first")
    lacking = [row for row in able if not answer_in(row, args.second).get("gold")]
    missing = [row for row in lacking if args.retry_failed or not answer_in(row, args.second).get("teacher")]
    todo = missing[: args.limit]
    counts = {"had": len(able) - len(lacking), "new": 0, "failed": 0, "skipped": len(lacking) - len(missing)}
    tokens = {"prompt": 0, "completion": 0}
    in_a_row = 0

    def record(row, answer):
        nonlocal in_a_row
        row = {**row, "second": answer} if args.second else {**row, **answer}
        if not args.second and "gold" in answer:
            write_text(row, args.dataset)  # before the row: a kill between the two leaves a text to be overwritten
        data.append(row)
        for kind in tokens:
            tokens[kind] += answer["teacher"]["tokens"][kind]
        failed = answer["teacher"].get("failed")
        in_a_row = in_a_row + 1 if failed else 0
        counts["failed" if failed else "new"] += 1
        bar.step()
        if failed or not args.dryrun:
            cli.say(f"{bar.done}/{len(todo)} {row['id']}: {failed or 'answered'}")
        if in_a_row == GIVE_UP:
            raise cli.UserError(f"the last {GIVE_UP} rows failed ({failed}): give another --model, then --retry-failed")

    if args.dryrun:
        records.require(todo, "truth", args.data, "ou_process.py")
    elif todo:
        key = mistral_api.find_key(args.server_url)
        for row in todo if args.image else ():
            plot = mistral_api.plot_of(row, args.dataset)
            if not os.path.exists(plot):
                raise cli.UserError(f"no {plot} here: run ou_process.py without --no-plots first")
    records.sweep(args.dataset)
    for row in rows:
        if row.get("gold"):
            write_text(row, args.dataset)  # where the dataset folder was lost or replaced
    bar = cli.Progress("asked", len(todo))
    try:
        if args.dryrun:
            for row in todo:
                record(row, simulated.answer(row, args.seed, second=bool(args.second)))
        elif todo:
            asyncio.run(mistral_api.ask_all(todo, record, key, settings_of(args)))
    finally:
        bar.close()
        counts["left"] = len(missing) - counts["new"] - counts["failed"]
        counts |= {"tokens": sum(tokens.values()), **{f"{kind}_tokens": number for kind, number in tokens.items()}}
        print("\n".join(f"{name}: {number}" for name, number in counts.items()), flush=True)


def server_url(text):
    """argparse type: the address of a server."""
    try:
        parts = urllib.parse.urlsplit(text)
        fits = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:  # a port that is none
        fits = False
    if not fits:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as https://api.mistral.ai")
    return text


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--data", default="data.jsonl", help="The shared file of rows.")
    parser.add_argument("--dataset", default="dataset", help="Folder of the plots; the .txt files are written there.")
    parser.add_argument("--model", default="mistral-medium-latest", help="Model to ask; it must take images, or --no-image.")
    parser.add_argument("--second", metavar="MODEL", help="Ask this model instead, about rows with gold: `second`.")
    parser.add_argument("--server-url", type=server_url, help="A compatible server; default Mistral's.")
    parser.add_argument("--no-image", dest="image", action="store_false", help="For a text-only model: numbers, no plot.")
    parser.add_argument("--concurrency", type=cli.positive, default=mistral_api.Settings.concurrency, help="Questions asked at the same time.")
    parser.add_argument("--limit", type=cli.positive, help="Ask about at most so many rows; default all.")
    parser.add_argument("--timeout", type=cli.positive_float, default=mistral_api.Settings.timeout, help="Seconds to wait for an answer.")
    parser.add_argument("--retries", type=cli.count, default=mistral_api.Settings.retries, help="Times to ask again where server or network fail.")
    parser.add_argument("--backoff", type=cli.positive_float, default=mistral_api.Settings.backoff, help="Seconds before asking again, doubled.")
    parser.add_argument("--rate", type=cli.positive_float, help="Requests a second, at most, of all together; default: no limit of ours.")
    parser.add_argument("--seed", type=cli.count, default=mistral_api.Settings.seed, help="Seed that the server, or the dry run, is given.")
    parser.add_argument("--retry-failed", action="store_true", help="Ask again where a failure is recorded.")
    parser.add_argument("--dryrun", action="store_true", help="Ask nobody: a simulated teacher phrases the truth.")
    records.add_lock_flag(parser)
    args = parser.parse_args(argv)
    cli.print_settings(args)
    with records.writing(args.data) as data:
        answer_missing(data, args)


if __name__ == "__main__":
    cli.run(main)
