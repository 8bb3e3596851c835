"""Ask the teacher, a large model that sees the plot and the numbers, for a
sentence on each topic of every series, and for the label that it means.

Reads: data.jsonl rows, <dataset>/<id>.png; the key from the environment
variable MISTRAL_API_KEY (a server on this machine needs none).
Writes: `gold` and `teacher` (or `second`) of data.jsonl rows, one flushed line
per answer; <dataset>/<id>.txt; while a batch is under way <data>.batch.json.
Run: python mistral.py --dryrun

What has an answer, or a recorded failure, is not asked again: stop it at any
time and run it again. A server that stays down, a wrong key and an unknown
model end the run; an answer that is still not the JSON asked for at the third
time is recorded as that row's failure (`teacher.failed`). `--dryrun` asks
nobody: a simulated teacher answers.

With the prices of a million tokens (`--price 0.4,2`) it says what the answers
will cost and did cost. `--max-cost` ends the run (exit code 2) before this
teacher's answers in the file, earlier runs' too, could cost more; answers as
long as --max-tokens are reckoned with.

`--batch` asks by Mistral's Batch API. Killed at any time and started again with
the same flags, it asks and pays for no row twice. Requests that failed, or ran
out of time, end it with exit code 2 once the other answers are kept; the next
run asks them again. Uploaded files stay on the server. Give --price the batch's
own prices.
"""

import argparse
import asyncio
import dataclasses
import os
import urllib.parse
from collections import Counter

import numpy as np

from llm_ts import cli, question, records, shards, stream, workers
from llm_ts.teacher import batch_state, mistral_api, mistral_batch, money, prompts, simulated
from llm_ts.teacher.exchange import Settings, plot_of
from llm_ts.teacher.kept import answer_in, check, write_text

GIVE_UP = 10  # rows in a row that fail: the model cannot do it, and every question costs money


def settings_of(args):
    names = [field.name for field in dataclasses.fields(Settings) if field.name != "model"]
    return Settings(model=args.second or args.model, **{name: getattr(args, name) for name in names})


def purse_of(rows, todo, args):
    """The Purse of a run; prints what its questions will cost by --price, where that is given."""
    price = args.price or money.Price()
    kept = [(answer_in(row, args.second).get("teacher") or {}).get("tokens") for row in rows]
    kept = [tokens for tokens in kept if tokens and any(tokens.values())]
    spent = sum(map(price.of, kept))
    if args.price:
        each, by = [money.estimate(row, settings_of(args)) for row in todo], "without a tokenizer, and without thinking"
        if kept:
            each = [{kind: sum(tokens[kind] for tokens in kept) / len(kept) for kind in kept[0]}] * len(todo)
            by = f"by the {len(kept)} answers here"
        prompt, completion = (sum(tokens[kind] for tokens in each) for kind in ("prompt", "completion"))
        print(f"spent_before: {spent:.4f}")
        how = f"{len(todo)} questions, {prompt:.0f} and {completion:.0f} tokens, {by}"
        print(f"estimate: {sum(map(price.of, each)):.4f} ({how})", flush=True)
    return money.Purse(price, args.max_cost, spent, seen=min((tokens["prompt"] for tokens in kept), default=0))


class Book:
    """Where answers are written down, and the counts of a run."""

    def __init__(self, data, args, counts, total):
        self.data, self.args, self.counts = data, args, counts
        self.bar = cli.Progress("asked", total)
        self.tokens = {"prompt": 0, "completion": 0}
        self.in_a_row = 0  # failures

    def record(self, row, answer):
        """Add a row with its answer to the file; UserError where going on makes no sense."""
        args, teacher = self.args, answer["teacher"]
        failed, tokens = teacher.get("failed"), teacher["tokens"]
        before = (answer_in(row, args.second).get("teacher") or {}).get("tokens") or {}  # of a failure that is asked again
        teacher["tokens"] = {kind: number + before.get(kind, 0) for kind, number in tokens.items()}
        row = {**row, "second": answer} if args.second else {**row, **answer}
        if not args.second and not failed:
            write_text(row, args.dataset)  # before the row: a kill between the two leaves a text to be overwritten
        self.data.append(row)
        for kind in tokens:
            self.tokens[kind] += tokens[kind]
        self.in_a_row = self.in_a_row + 1 if failed else 0
        self.counts["failed" if failed else "new"] += 1
        self.counts["unlabelled"] += not failed and set(question.of(row, row["id"]).claims) > set(teacher["labels"])
        self.bar.step()
        cli.say(f"{self.bar.done}/{self.bar.total} {row['id']}: {failed or 'answered'}")
        if self.in_a_row == GIVE_UP:
            raise cli.UserError(f"the last {GIVE_UP} rows failed ({failed}): give another --model, then --retry-failed")
        if args.max_cost is not None and not any(tokens.values()):
            raise cli.UserError("this server counts no tokens: --max-cost cannot be kept, leave it out")

    def close(self, missing, purse):
        """Print the counts."""
        self.bar.close()
        self.counts["left"] = missing - self.counts["new"] - self.counts["failed"]
        self.counts |= {"tokens": sum(self.tokens.values()), **{f"{kind}_tokens": n for kind, n in self.tokens.items()}}
        if self.args.price:
            print(f"cost: {self.args.price.of(self.tokens):.4f} (of all answers here: {purse.spent:.4f})")
        print("\n".join(f"{name}: {number}" for name, number in self.counts.items()), flush=True)


def simulate_missing(args):
    """The dry run: fill gold and teacher (or second) in the rows that lack them, by all cores; print the counts."""
    batch_state.refuse_under_way(args.data)
    with stream.writing(args.data) as data:
        if args.dataset:
            records.sweep(args.dataset)

        def look(rows):
            """Rows -> what each is: able to be asked, answered, to be asked now; and their questions."""
            asked = check(rows, args)
            kinds = np.zeros((3, len(rows)), bool)
            for place, row in enumerate(rows):
                answer, able = answer_in(row, args.second), bool(row.get("gold") or not args.second)
                lacks = able and not answer.get("gold")
                kinds[:, place] = able, able and not lacks, lacks and (args.retry_failed or not answer.get("teacher"))
                if kinds[2, place]:
                    records.require([row], "truth", args.data, "ou_process.py")
                if row.get("gold") and args.dataset:
                    write_text(row, args.dataset)  # where the dataset folder was lost or replaced
            return kinds, asked

        looked = list(data.map(look))
        question.one_of([asked for _, asked in looked], args.data)
        able, had, missing = np.concatenate([kinds for kinds, _ in looked], axis=1)
        if not able.any():
            raise cli.UserError(f"{args.data}: no row has gold yet: run mistral.py without --second first")
        todo = np.flatnonzero(missing)[: args.limit]
        counts = {"had": int(had.sum()), "new": 0, "unlabelled": 0, "failed": 0, "skipped": int((able & ~had & ~missing).sum())}
        book = Book(data, args, counts, len(todo))

        def answer(numbers):
            lines = []
            for row in data.read(numbers):
                said = simulated.answer(row, args.seed, second=bool(args.second))
                row = {**row, "second": said} if args.second else {**row, **said}
                if args.dataset and not args.second:
                    write_text(row, args.dataset)  # before the row: a kill between the two leaves a text to be overwritten
                lines.append(records.line_of(row))
            return b"".join(lines)

        pieces = [todo[start : start + stream.CHUNK] for start in range(0, len(todo), stream.CHUNK)]
        try:
            for piece, lines in zip(pieces, workers.in_order(answer, pieces, data.held)):
                data.append(lines)
                counts["new"] += len(piece)
                book.bar.step(len(piece))
        finally:
            book.close(int(missing.sum()), money.Purse(args.price or money.Price()))


def answer_missing(data, args):
    """Fill gold and teacher (or second) in the rows that lack them; print the counts."""
    rows = list(data.rows.values())
    check(rows, args)
    able = [row for row in rows if row.get("gold")] if args.second else rows
    if not able:
        raise cli.UserError(f"{args.data}: no row has gold yet: run mistral.py without --second first")
    lacking = [row for row in able if not answer_in(row, args.second).get("gold")]
    state = None
    if args.batch:
        state = batch_state.State(batch_state.path_of(args.data), batch_state.settings_of(settings_of(args), bool(args.second)))
    else:
        batch_state.refuse_under_way(args.data)
    first = set(state.ids) if state else ()  # under way: to be fetched, whatever else is asked for
    missing = [
        row for row in lacking
        if args.retry_failed or row["id"] in first or not answer_in(row, args.second).get("teacher")
    ]  # fmt: skip
    missing.sort(key=lambda row: row["id"] not in first)
    todo = missing[: max(args.limit, len(first)) if args.limit else None]
    answers = [answer_in(row, args.second) for row in able]
    models = Counter(str((answer.get("teacher") or {}).get("model")) for answer in answers if answer.get("gold"))
    for name in sorted(set(models) - {settings_of(args).model, simulated.MODEL}):
        print(f"also_here: {models[name]} answers of {cli.visible(name)}")
    counts = {"had": len(able) - len(lacking), "new": 0, "unlabelled": 0, "failed": 0, "skipped": len(lacking) - len(missing)}
    if todo or first:
        key = mistral_api.find_key(args.server_url)
        for row in todo if args.image else ():
            plot = plot_of(row, args.dataset)
            if not os.path.exists(plot):
                raise cli.UserError(f"no {plot} here: run ou_process.py without --no-plots first")
    purse = purse_of(able, todo, args)
    records.sweep(args.dataset)
    for row in rows:
        if row.get("gold"):
            write_text(row, args.dataset)  # where the dataset folder was lost or replaced
    book, left = Book(data, args, counts, len(todo)), 0
    try:
        if state and (todo or first):
            asking = mistral_batch.ask_all(todo, data.rows, book.record, key, settings_of(args), purse, state, args.poll)
            left = asyncio.run(asking)
        elif todo:
            left = asyncio.run(mistral_api.ask_all(todo, book.record, key, settings_of(args), purse))
    finally:
        book.close(len(missing), purse)
    if left:
        raise cli.UserError(f"--max-cost {args.max_cost:g} would be passed: {left} rows are left; give more to go on")


def server_url(text):
    """argparse type: the address of a server."""
    try:
        parts = urllib.parse.urlsplit(text)
        fits = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:  # a port that is none
        fits = False
    if fits and (parts.username or parts.query or parts.fragment):
        raise argparse.ArgumentTypeError("an address is printed and kept: no user, password or query in it; export the key")
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
    add("--dataset", default="dataset", help="Folder of the plots; the .txt files are written there.")
    add("--model", type=model, default="mistral-medium-latest", help="Model to ask; it must take images, or --no-image.")
    add("--second", type=model, metavar="MODEL", help="Ask this model instead, about rows with gold: `second`.")
    add("--server-url", type=server_url, help="A compatible server; default Mistral's.")
    add("--no-image", dest="image", action="store_false", help="For a text-only model: numbers, no plot.")
    add(
        "--prompt", choices=prompts.PROMPTS, default=prompts.DEFAULT,
        help="Words of the question: sentences with their labels, sentences alone, or the original study's (it thinks first).",
    )  # fmt: skip
    add("--concurrency", type=cli.positive, default=Settings.concurrency, help="Questions asked at the same time.")
    add("--limit", type=cli.positive, help="Ask about at most so many rows; default all.")
    add("--timeout", type=cli.positive_float, default=Settings.timeout, help="Seconds to wait for an answer.")
    add("--max-tokens", type=cli.positive, default=Settings.max_tokens, help="Length of an answer, at most.")
    add("--retries", type=cli.count, default=Settings.retries, help="Times to ask again where server or network fail.")
    add("--backoff", type=cli.positive_float, default=Settings.backoff, help="Seconds before asking again, doubled.")
    add("--rate", type=cli.positive_float, help="Requests a second, at most, of all together; default: any number.")
    add("--price", type=money.price, metavar="IN,OUT", help="Prices of a million tokens, in any currency.")
    add("--max-cost", type=cli.positive_float, help="End before all answers here cost more, by --price.")
    add("--seed", type=cli.count, default=Settings.seed, help="Seed that the server, or the dry run, is given.")
    add("--retry-failed", action="store_true", help="Ask again where a failure is recorded.")
    add("--batch", action="store_true", help="By Mistral's Batch API: within a day, at half the price.")
    add("--poll", type=cli.positive_float, default=30.0, help="Seconds between two looks at a batch.")
    add("--dryrun", action="store_true", help="Ask nobody: a simulated teacher phrases the truth.")
    add("--no-dataset", action="store_true", help="With --dryrun: write no .txt files.")
    add("--shard", help="Ask about this shard of --data, as 2/8: data-2-of-8.jsonl, which ou_process.py --shard made.")
    records.add_lock_flag(parser)
    args = parser.parse_args(argv)
    if args.max_cost is not None and not args.price:
        raise cli.UserError("--max-cost needs --price IN,OUT, the prices of a million tokens")
    if args.batch and args.dryrun:
        raise cli.UserError("--batch asks a server, --dryrun asks nobody: give one of them")
    if args.no_dataset and not args.dryrun:
        raise cli.UserError("--no-dataset is for --dryrun: the plots that a teacher is shown lie in the dataset")
    cli.print_settings(args)
    if args.shard:
        args.data = shards.path_of(args.data, cli.shard(args.shard))
    if args.no_dataset:
        args.dataset = None
    if args.dryrun:
        simulate_missing(args)
        return
    with records.writing(args.data) as data:
        answer_missing(data, args)


if __name__ == "__main__":
    cli.run(main)
