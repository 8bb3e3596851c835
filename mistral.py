"""Ask the teacher, a large model that sees the plot and the numbers, for a
sentence on each topic of every series, and for the label that it means.

Reads: data.jsonl rows, <dataset>/<id>.png; the key from the environment
variable MISTRAL_API_KEY (a server on this machine needs none).
Writes: `gold` and `teacher` (or `second`) of data.jsonl rows, one flushed line
per answer; <dataset>/<id>.txt.
Run: python mistral.py --dryrun

Stop it at any time and run it again: it asks only about rows that have neither
an answer nor a recorded failure. If the server refuses a row and answers
another, or a row's answer is not the requested JSON three times,
`teacher.failed` records it with the server's words, and the run goes on. If
the server refuses other rows too (it is down, the key is wrong, the model
unknown), the run ends. With --dryrun a simulated teacher answers.

With --price 0.4,2 (per million prompt and answer tokens) it prints the cost; if
answers exist, it first prints an estimate. So try a few rows first: --rows 5.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import os
import urllib.parse
from collections import Counter

from llm_ts import question
from llm_ts.base import cli, disk
from llm_ts.data import records
from llm_ts.teacher import mistral_api, prompts, simulated
from llm_ts.teacher.exchange import Settings, plot_of
from llm_ts.teacher.kept import answer_in, check, write_text

GIVE_UP = 10  # failures in a row: the model cannot do it, and every question costs money


def settings_of(args):
    names = [field.name for field in dataclasses.fields(Settings) if field.name != "model"]
    return Settings(args.second or args.model, **{name: getattr(args, name) for name in names})


def cost(tokens, price):
    """The cost of {"prompt", "completion"} tokens by the prices of a million of each."""
    return (price[0] * tokens["prompt"] + price[1] * tokens["completion"]) / 1e6


def print_estimate(kept, count, price):
    """Print the cost of the answers here, and an estimate for `count` more. kept: the tokens of each."""
    spent = sum(cost(tokens, price) for tokens in kept)
    print(f"spent_before: {spent:.4f}")
    if kept:
        by = f"{count} questions, by the {len(kept)} answers here"
        print(f"estimate: {count * spent / len(kept):.4f} ({by})", flush=True)


class Book:
    """Writes answers to the file, and counts them. failed: the ids of rows that failed before, and are not asked."""

    def __init__(self, data, args, counts, total, failed):
        self.data, self.args, self.counts = data, args, counts
        self.bar = cli.Progress("asked", total)
        self.tokens = Counter(prompt=0, completion=0)
        self.in_a_row = 0  # failures
        self.failed = failed

    def record(self, row, answer):
        """Append a row with its answer. UserError if the run should end here."""
        # a failure that is asked again keeps what it cost
        args, teacher = self.args, answer["teacher"]
        failed, tokens = teacher.get("failed"), teacher["tokens"]
        before = (answer_in(row, args.second).get("teacher") or {}).get("tokens") or {}
        teacher["tokens"] = {kind: n + before.get(kind, 0) for kind, n in tokens.items()}

        # the text before the row: after a kill between the two, the next run overwrites the text
        row = {**row, "second": answer} if args.second else {**row, **answer}
        if args.dataset and not args.second and not failed:
            write_text(row, args.dataset)
        self.data.append(records.line_of(row))

        self.tokens.update(tokens)
        self.in_a_row = self.in_a_row + 1 if failed else 0
        self.failed += [row["id"]] * bool(failed)
        self.counts["failed" if failed else "new"] += 1
        if not failed and set(question.of(row, row["id"]).claims) > set(teacher["labels"]):
            self.counts["unlabelled"] += 1
        self.bar.step()
        if args.dryrun:  # a line for each answer would bury the counts
            return
        cli.say(f"{self.bar.done}/{self.bar.total} {row['id']}: {failed or 'answered'}")
        if self.in_a_row == GIVE_UP:
            give = "give another --model and --retry-failed"
            raise cli.UserError(f"the last {GIVE_UP} rows failed ({failed}): {give}")

    def close(self, missing):
        """Print the counts."""
        self.bar.close()
        self.counts["left"] = missing - self.counts["new"] - self.counts["failed"]
        self.counts["tokens"] = self.tokens.total()
        self.counts |= {f"{kind}_tokens": number for kind, number in self.tokens.items()}
        if self.failed:
            print(f"failed_rows: {', '.join(self.failed)} (--retry-failed asks them again)")
        if self.args.price:
            print(f"cost: {cost(self.tokens, self.args.price):.4f}")
        print("\n".join(f"{name}: {number}" for name, number in self.counts.items()), flush=True)


def look_at(data, args):
    """Check all rows, and write missing .txt files.

    Returns the numbers of the rows that lack an answer; the ids of those that failed before;
    the tokens of each answer; the numbers of the rows that each model answered.
    """
    missing, skipped, tokens, models, questions = [], [], [], {}, {}
    for number, row in enumerate(data):
        questions[question.of(row, args.data)] = None
        question.one_of(questions, args.data)
        check(row, args)
        if row.get("gold") and args.dataset:
            write_text(row, args.dataset)  # the folder may have been lost or replaced
        if args.second and not row.get("gold"):
            continue
        answer = answer_in(row, args.second)
        teacher = answer.get("teacher") or {}
        if any((teacher.get("tokens") or {}).values()):
            tokens.append(teacher["tokens"])
        if answer.get("gold"):
            models.setdefault(str(teacher.get("model")), []).append(number)
        elif teacher and not args.retry_failed:
            skipped.append(row["id"])
        else:
            missing.append(number)
            if args.dryrun:
                records.require([row], "truth", args.data, "ou_process.py")
    if not missing and not skipped and not models:
        first = "run mistral.py without --second first"
        raise cli.UserError(f"{args.data}: no row has gold yet: {first}")
    return missing, skipped, tokens, models


def answer_missing(args):
    """Fill in `gold` and `teacher` (or `second`) where a row lacks them, and print the counts."""
    with records.writing(args.data) as data:
        if args.dataset:
            disk.sweep(args.dataset)
        missing, skipped, tokens, models = look_at(data, args)
        for name in sorted(set(models) - {settings_of(args).model, simulated.MODEL}):
            print(f"also_here: {len(models[name])} answers of {cli.visible(name)}")
        counts = {"had": sum(map(len, models.values())), "new": 0, "unlabelled": 0, "failed": 0}
        book = Book(data, args, counts | {"skipped": len(skipped)}, len(missing[: args.rows]), skipped)
        try:
            if args.dryrun:
                for number in missing[: args.rows]:
                    (row,) = data.read([number])
                    book.record(row, simulated.answer(row, args.seed, bool(args.second)))
            elif missing:
                others = [*models.get(args.second or args.model, [])[-1:], *missing[: mistral_api.OTHERS + 1]]
                ask(data.read(missing[: args.rows]), data.read(others), tokens, book, args)
        finally:
            book.close(len(missing))


def ask(rows, others, tokens, book, args):
    """Ask a server about rows. others: to try where one is refused. tokens: of each answer here already."""
    key = mistral_api.find_key(args.server_url)
    for row in rows if args.image else ():
        plot = plot_of(row, args.dataset)
        if not os.path.exists(plot):
            run = "run ou_process.py with this --dataset first"
            raise cli.UserError(f"no {plot} here: {run}")
    if args.price:
        print_estimate(tokens, len(rows), args.price)
    others = [row for row in others if not args.image or os.path.exists(plot_of(row, args.dataset))]
    asyncio.run(mistral_api.ask_all(rows, book.record, key, settings_of(args), others))


def server_url(text):
    """argparse type: the address of a server, without a secret: it is printed and stored."""
    with contextlib.suppress(ValueError):  # a port that is none
        parts = urllib.parse.urlsplit(text)
        if parts.username or parts.query or parts.fragment:
            give = "give the address without user, password or query, and export the key"
            raise argparse.ArgumentTypeError(give)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return text
    raise argparse.ArgumentTypeError(f"{text!r} is not an address such as https://api.mistral.ai")


def model(text):
    """argparse type: the name of a model."""
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a model")
    return text.strip()


def price(text):
    """argparse type: "0.4,2" -> (0.4, 2.0)."""
    with contextlib.suppress(ValueError):  # no numbers, or not two of them
        prompt, completion = map(float, text.split(","))
        if 0 <= prompt < float("inf") and 0 <= completion < float("inf"):
            return prompt, completion
    wanted = "two prices of a million tokens, IN,OUT, such as 0.4,2"
    raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")


def main(argv=None):
    parser = cli.Parser(__doc__)
    add = parser.add_argument
    add("--data", default="data.jsonl", help="The shared file of rows.")
    add("--dataset", default="dataset", help="Folder of the plots and the .txt files; none: write no .txt files.")
    add("--model", type=model, default="mistral-medium-latest", help="Model to ask; without --no-image it must read images.")
    add("--second", type=model, metavar="MODEL", help="Ask this model about rows that have gold; the answers go to `second`.")
    add("--server-url", type=server_url, help="Address of a compatible server; default: Mistral's.")
    blind = "Send the numbers without the plot: a text-only model refuses plots."
    add("--no-image", dest="image", action="store_false", help=blind)
    add(
        "--prompt", choices=prompts.PROMPTS, default=prompts.DEFAULT,
        help="Prompt: sentences with labels, or the original study's (the model thinks first).",
    )  # fmt: skip
    add("--concurrency", type=cli.positive, default=Settings.concurrency, help="Number of requests at the same time.")
    add("--rows", type=cli.positive, help="Ask about so many rows at most; default: all.")
    add("--timeout", type=cli.positive_float, default=Settings.timeout, help="Seconds to wait for an answer.")
    add("--max-tokens", type=cli.positive, default=Settings.max_tokens, help="Maximum length of an answer.")
    add("--price", type=price, metavar="IN,OUT", help="Prices of a million prompt and answer tokens, in any currency.")
    add("--seed", type=cli.count, default=Settings.seed, help="Seed for the server or the dry run.")
    add("--retry-failed", action="store_true", help="Ask again about rows with a recorded failure.")
    add("--dryrun", action="store_true", help="Ask no server: a simulated teacher phrases the truth.")
    disk.add_lock_flag(parser)
    args = parser.parse_args(argv)
    if args.dataset == "none" and args.image and not args.dryrun:
        raise cli.UserError("--dataset none: the teacher needs plots: give their folder, or --no-image")
    cli.print_settings(args)
    if args.dataset == "none":
        args.dataset = None
    answer_missing(args)


if __name__ == "__main__":
    cli.run(main)
