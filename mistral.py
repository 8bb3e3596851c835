"""Ask the teacher, a large model that sees the plot and the numbers, for a
sentence on each topic of every series, and for the label that it means.

Reads: data.jsonl rows, <dataset>/<id>.png; the key from the environment
variable MISTRAL_API_KEY (a server on this machine needs none).
Writes: `gold` and `teacher` (or `second`) of data.jsonl rows, one flushed line
per answer; <dataset>/<id>.txt; while a batch is under way <data>.batch.json.
Run: python mistral.py --dryrun

Stop it at any time and run it again: a row with an answer, or with a recorded
failure, is not asked about again. If the server stays down, the key is wrong or
the model is unknown, the run ends. If a row's answer is not the requested JSON
three times, that is recorded as its failure (`teacher.failed`). With --dryrun a
simulated teacher answers, and no server is asked.

--price takes the prices of a million tokens (0.4,2): the estimated and the
actual cost are printed. --max-cost stops (exit code 2) before the cost could
pass the limit. Earlier runs count. Each open answer is assumed to use all
--max-tokens.

--batch uses Mistral's Batch API. Killed at any time and started again with the
same flags, it asks and pays for no row twice. If requests fail or expire, the
other answers are kept and the exit code is 2; the next run asks again. Uploaded
files stay on the server. With --batch, give --price the batch's prices.
"""

import argparse
import asyncio
import dataclasses
import functools
import os
import urllib.parse
from collections import Counter

import numpy as np

from llm_ts import cli, disk, question, records
from llm_ts.teacher import batch_state, mistral_api, mistral_batch, money, prompts, simulated
from llm_ts.teacher.exchange import Settings, plot_of
from llm_ts.teacher.kept import answer_in, check, write_text

UNABLE, HAD, SKIPPED, TODO = range(4)  # a row that cannot be asked about yet, has its answer, has failed, is to be asked about
GIVE_UP = 10  # rows in a row that fail: the model cannot do it, and every question costs money


def settings_of(args):
    names = [field.name for field in dataclasses.fields(Settings) if field.name != "model"]
    return Settings(args.second or args.model, **{name: getattr(args, name) for name in names})


def purse_of(kept, rows, args):
    """The Purse of a run. With --price, print the estimated cost of its questions.

    kept: the tokens of each existing answer. rows: the rows to ask about.
    """
    price = args.price or money.Price()
    spent = sum(map(price.of, kept))
    if args.price and not args.dryrun:
        each, by = [money.estimate(row, settings_of(args)) for row in rows], "without a tokenizer, and without thinking"
        if kept:
            each = [{kind: sum(tokens[kind] for tokens in kept) / len(kept) for kind in kept[0]}] * len(rows)
            by = f"by the {len(kept)} answers here"
        prompt, completion = (sum(tokens[kind] for tokens in each) for kind in ("prompt", "completion"))
        print(f"spent_before: {spent:.4f}")
        how = f"{len(rows)} questions, {prompt:.0f} and {completion:.0f} tokens, {by}"
        print(f"estimate: {sum(map(price.of, each)):.4f} ({how})", flush=True)
    return money.Purse(price, args.max_cost, spent, seen=min((tokens["prompt"] for tokens in kept), default=0))


class Book:
    """Writes answers to the file, and counts them."""

    def __init__(self, data, args, counts, total):
        self.data, self.args, self.counts = data, args, counts
        self.bar = cli.Progress("asked", total)
        self.tokens = {"prompt": 0, "completion": 0}
        self.in_a_row = 0  # failures

    def record(self, row, answer):
        """Append a row with its answer. UserError if the run should end here."""
        args, teacher = self.args, answer["teacher"]
        failed, tokens = teacher.get("failed"), teacher["tokens"]
        before = (answer_in(row, args.second).get("teacher") or {}).get("tokens") or {}  # of a failure that is asked again
        teacher["tokens"] = {kind: number + before.get(kind, 0) for kind, number in tokens.items()}
        row = {**row, "second": answer} if args.second else {**row, **answer}
        if args.dataset and not args.second and not failed:
            write_text(row, args.dataset)  # before the row: a kill between the two leaves a text to be overwritten
        self.data.append(records.line_of(row))
        for kind in tokens:
            self.tokens[kind] += tokens[kind]
        self.in_a_row = self.in_a_row + 1 if failed else 0
        self.counts["failed" if failed else "new"] += 1
        self.counts["unlabelled"] += not failed and set(question.of(row, row["id"]).claims) > set(teacher["labels"])
        self.bar.step()
        if args.dryrun:  # a line for each answer would bury the counts
            return
        cli.say(f"{self.bar.done}/{self.bar.total} {row['id']}: {failed or 'answered'}")
        if self.in_a_row == GIVE_UP:
            raise cli.UserError(f"the last {GIVE_UP} rows failed ({failed}): give another --model and --retry-failed")
        if args.max_cost is not None and not any(tokens.values()):
            raise cli.UserError("this server reports no tokens, so --max-cost cannot work: leave it out")

    def close(self, missing, purse):
        """Print the counts."""
        self.bar.close()
        self.counts["left"] = missing - self.counts["new"] - self.counts["failed"]
        self.counts |= {"tokens": sum(self.tokens.values()), **{f"{kind}_tokens": n for kind, n in self.tokens.items()}}
        if self.args.price:
            print(f"cost: {self.args.price.of(self.tokens):.4f} (of all answers here: {purse.spent:.4f})")
        print("\n".join(f"{name}: {number}" for name, number in self.counts.items()), flush=True)


def look_at(data, args, under_way):
    """Check all rows, and write missing .txt files.

    Returns each row's state (UNABLE, HAD, SKIPPED or TODO) and whether its id is in `under_way`, both of shape
    (rows,); the tokens of each answer; and the number of answers of each model.
    """

    def look(rows):
        asked, kinds, tokens, models = [check(rows, args)], [], [], Counter()
        for row in rows:
            answer = answer_in(row, args.second)
            teacher = answer.get("teacher") or {}
            if args.second and not row.get("gold"):
                kinds.append(UNABLE)
                continue
            if answer.get("gold"):
                kinds.append(HAD)
                models[str(teacher.get("model"))] += 1
            else:
                kinds.append(SKIPPED if teacher and not args.retry_failed and row["id"] not in under_way else TODO)
            if any((teacher.get("tokens") or {}).values()):
                tokens.append(teacher["tokens"])
            if row.get("gold") and args.dataset:
                write_text(row, args.dataset)  # the folder may have been lost or replaced
        if args.dryrun:
            to_do = [row for row, kind in zip(rows, kinds) if kind == TODO]
            records.require(to_do, "truth", args.data, "ou_process.py")
        return asked, kinds, [row["id"] in under_way for row in rows], tokens, models

    questions, kinds, begun, tokens, models = records.totals(data.map(look), [], [], [], [], Counter())
    question.one_of(questions, args.data)
    return np.array(kinds), np.array(begun), tokens, models


def answer_missing(args):
    """Fill in `gold` and `teacher` (or `second`) where a row lacks them, and print the counts."""
    state = None
    if args.batch:
        state = batch_state.State(batch_state.path_of(args.data), batch_state.settings_of(settings_of(args), bool(args.second)))
    else:
        batch_state.refuse_under_way(args.data)
    under_way = set(state.ids) if state else set()
    with records.writing(args.data) as data:
        if args.dataset:
            disk.sweep(args.dataset)
        kinds, begun, tokens, models = look_at(data, args, under_way)
        if (kinds == UNABLE).all():
            raise cli.UserError(f"{args.data}: no row has gold yet: run mistral.py without --second first")
        for name in sorted(set(models) - {settings_of(args).model, simulated.MODEL}):
            print(f"also_here: {models[name]} answers of {cli.visible(name)}")

        # rows of a batch that is under way come first, even beyond --rows
        missing = kinds == TODO
        first, others = np.flatnonzero(missing & begun), np.flatnonzero(missing & ~begun)
        others = others[: max(args.rows - len(under_way), 0) if args.rows else None]
        counts = {"had": int((kinds == HAD).sum()), "new": 0, "unlabelled": 0, "failed": 0}
        counts["skipped"] = int((kinds == SKIPPED).sum())
        total, left = len(first) + len(others), 0

        # the simulated teacher reads its rows itself, on all cores; a server is asked row by row or in batches
        rows = [] if args.dryrun else data.read([*np.flatnonzero(begun), *others])
        if rows or under_way:
            key = mistral_api.find_key(args.server_url)
            for row in rows if args.image else ():
                plot = plot_of(row, args.dataset)
                if not os.path.exists(plot):
                    raise cli.UserError(f"no {plot} here: run ou_process.py without --no-plots first")
        purse = purse_of(tokens, [row for row in rows if not answer_in(row, args.second).get("gold")], args)
        book = Book(data, args, counts, total)
        try:
            if args.dryrun:
                answer = functools.partial(simulated.answers, seed=args.seed, second=bool(args.second))
                for answers in data.map(answer, others):
                    for row, said in answers:
                        book.record(row, said)
            elif rows or under_way:
                ask_all = functools.partial(mistral_batch.ask_all, state) if state else mistral_api.ask_all
                left = asyncio.run(ask_all(rows, book.record, key, settings_of(args), purse))
        finally:
            book.close(int(missing.sum()), purse)
    if left:
        raise cli.UserError(f"--max-cost {args.max_cost:g} is nearly used up: {left} rows are left; raise it to continue")


def server_url(text):
    """argparse type: the address of a server."""
    try:
        parts = urllib.parse.urlsplit(text)
        fits = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:  # a port that is none
        fits = False
    if fits and (parts.username or parts.query or parts.fragment):
        raise argparse.ArgumentTypeError("the address is printed and stored: give it without user, password or query, and export the key")
    if not fits:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as https://api.mistral.ai")
    return text


def model(text):
    """argparse type: the name of a model."""
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a model")
    return text.strip()


def main(argv=None):
    parser = cli.Parser(__doc__)
    add = parser.add_argument
    add("--data", default="data.jsonl", help="The shared file of rows.")
    add("--dataset", default="dataset", help="Folder of the plots, where the .txt files go; none: write no .txt files.")
    add("--model", type=model, default="mistral-medium-latest", help="Model to ask. It must read images, unless --no-image is given.")
    add("--second", type=model, metavar="MODEL", help="Ask this model about rows that have gold; the answers go to `second`.")
    add("--server-url", type=server_url, help="Address of a compatible server; default: Mistral's.")
    add("--no-image", dest="image", action="store_false", help="Send numbers without the plot, for a text-only model.")
    add(
        "--prompt", choices=prompts.PROMPTS, default=prompts.DEFAULT,
        help="Prompt: sentences with labels, sentences alone, or the original study's (the model thinks first).",
    )  # fmt: skip
    add("--concurrency", type=cli.positive, default=Settings.concurrency, help="Number of requests at the same time.")
    add("--rows", type=cli.positive, help="Ask about so many rows at most; default: all.")
    add("--timeout", type=cli.positive_float, default=Settings.timeout, help="Seconds to wait for an answer.")
    add("--max-tokens", type=cli.positive, default=Settings.max_tokens, help="Maximum length of an answer.")
    add("--rate", type=cli.positive_float, help="Maximum number of requests per second; default: no limit.")
    add("--price", type=money.price, metavar="IN,OUT", help="Prices of a million prompt and answer tokens, in any currency.")
    add("--max-cost", type=cli.positive_float, help="Stop before the answers in --data could cost more, by --price.")
    add("--seed", type=cli.count, default=Settings.seed, help="Seed for the server or the dry run.")
    add("--retry-failed", action="store_true", help="Ask again about rows with a recorded failure.")
    add("--batch", action="store_true", help="Use Mistral's Batch API: answers within a day, at half the price.")
    add("--dryrun", action="store_true", help="Use the simulated teacher, which phrases the truth; no server is asked.")
    disk.add_lock_flag(parser)
    args = parser.parse_args(argv)
    if args.max_cost is not None and not args.price:
        raise cli.UserError("--max-cost needs --price IN,OUT, the prices of a million tokens")
    if args.batch and args.dryrun:
        raise cli.UserError("--batch asks a server, --dryrun does not: give one of them")
    if args.dataset == "none" and args.image and not args.dryrun:
        raise cli.UserError("--dataset none: the teacher needs the plots; give their folder, or --no-image")
    cli.print_settings(args)
    if args.dataset == "none":
        args.dataset = None
    answer_missing(args)


if __name__ == "__main__":
    cli.run(main)
