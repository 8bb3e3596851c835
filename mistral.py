"""Ask the teacher, a large model that sees the plot and the numbers, for three sentences about every series.

Reads: data.jsonl rows, <dataset>/<id>.png; the key from the environment variable MISTRAL_API_KEY.
Writes: `gold` and `teacher` (or `second`) of data.jsonl rows, one flushed line an answer; <dataset>/<id>.txt.
Run: python mistral.py --dryrun

What has an answer, or a recorded failure, is not asked again: stop it at any time and run it again. A server that
stays down, a wrong key and an unknown model end the run; an answer that is still not the JSON asked for at the third
time is recorded as that row's failure (`teacher.failed`). `--dryrun` asks nobody: simulated_teacher.py answers.
"""

import argparse
import asyncio
import base64
import datetime
import email.utils
import os
import random
import urllib.parse

import cli
import description
import records
import simulated_teacher

TEACHER_PROMPT_VERSION = 1  # raise it with every change of TEACHER_PROMPT
# The borders in words are those of truth.py: a rise of 1/3, a roughness of 0.04 and 0.12, equal thirds.
TEACHER_PROMPT = """\
The plot shows a time series of {n} points; its values are rescaled to 0..99. The same values as numbers:
{numbers}

Describe it in three short sentences of plain, varied English, 6 to 16 words each, without numbers:
- trend: is it increasing, decreasing or flat? Judge the fitted straight line: it is flat if it rises or falls \
by less than a third of the range.
- noise: is the noise intensity low, medium or high? Judge the typical step from one point to the next, drift apart: \
low below 4 % of the range, high above 12 %.
- extrema: where do the global maximum and the global minimum lie: at the beginning, in the middle or at the end? \
These are the three equal thirds of the time axis: points 0 to {last_beginning}, then to {last_middle}, then the rest.
Answer only with JSON: {{"trend": "...", "noise": "...", "extrema": "..."}}"""

ASKS = 3  # times that a row is asked before an answer that is not the JSON asked for counts as its failure
GIVE_UP = 10  # rows in a row that fail so: the model cannot do it, and every question costs money
MAX_TOKENS = 4000  # an answer needs about 80; the rest is for models that think first
LONGEST_WAIT = 60.0  # seconds; a longer Retry-After is cut to it


def find_key():
    """The API key from the environment. Raises UserError, which never holds the key."""
    key = os.environ.get("MISTRAL_API_KEY", "").strip()
    if not key:
        raise cli.UserError("MISTRAL_API_KEY is not set: export your key (any text, if the server needs none)")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise cli.UserError("MISTRAL_API_KEY has characters that no key has: export it again")
    return key


def prompt_of(series):
    """The teacher's question about n integers 0..99; the student's own stands in description.py."""
    n = len(series)
    last = {"last_beginning": -(-n // 3) - 1, "last_middle": -(-2 * n // 3) - 1}
    return TEACHER_PROMPT.format(n=n, numbers=", ".join(map(str, series)), **last)


def plot_of(row, dataset):
    return os.path.join(dataset, row["id"] + ".png")


def retry_after(headers):
    """Seconds that a Retry-After header asks for, a number or a date; 0 without one."""
    text = headers.get("retry-after", "")
    try:
        return float(text)
    except ValueError:
        pass
    try:
        then = email.utils.parsedate_to_datetime(text)
        return (then - datetime.datetime.now(then.tzinfo)).total_seconds()
    except (ValueError, OverflowError):
        return 0.0


class Teacher:
    """One model behind Mistral's chat API. The SDK's own retries are off: they miss a dropped connection,
    and sleep through a Retry-After of any length."""

    def __init__(self, client, key, model, args):
        self.client, self.key, self.model, self.args = client, key, model, args

    def mask(self, text):
        """A server's text without the key and without control characters; a key of under 8 letters is no secret."""
        if len(self.key) >= 8:
            text = text.replace(self.key, "***")
        return "".join(c if c.isprintable() else " " for c in text)

    def hopeless(self, error):
        """The UserError for an HTTP status that asking again does not mend, else None."""
        status, said = error.status_code, f"the server says {error.status_code}: {self.mask(error.body)[:200]}"
        if status < 300 or status in (408, 425, 429) or status >= 500:
            return None
        if status in (401, 403):
            return cli.UserError(f"the key in MISTRAL_API_KEY is refused ({said})")
        if status in (400, 404):
            return cli.UserError(f"no answer from model {self.model!r}; if it is retired, give another ({said})")
        return cli.UserError(f"the question is refused ({said})")

    async def complete(self, row_id, messages, seed):
        """One chat completion, with back-off where the server or the network fails."""
        import httpx2  # the SDK's HTTP library
        from mistralai.client import errors

        schema = {"name": "description", "schema": description.ANSWER_SCHEMA, "strict": True}
        asked = 0.0
        for attempt in range(self.args.retries + 1):
            if attempt:
                wait = self.args.backoff * 2 ** min(attempt - 1, 30)
                wait = min(max(wait, asked) * random.uniform(1, 1.5), LONGEST_WAIT)
                print(f"{row_id}: {why}; asking again in {wait:.1f} s", flush=True)
                await asyncio.sleep(wait)
            asked = 0.0
            try:
                async with asyncio.timeout(self.args.timeout):  # the SDK's own bounds each read, not the whole
                    return await self.client.chat.complete_async(
                        model=self.model,
                        messages=messages,
                        response_format={"type": "json_schema", "json_schema": schema},
                        max_tokens=MAX_TOKENS,
                        random_seed=seed,
                    )
            except errors.MistralError as error:
                if hopeless := self.hopeless(error):
                    raise hopeless from None
                why = f"the server says {error.status_code}"
                if error.status_code < 300:
                    why += ", but not with a chat completion in JSON"
                asked = retry_after(error.headers)
            except httpx2.InvalidURL as error:
                raise cli.UserError(f"--server-url {self.args.server_url}: {error}") from None
            except (TimeoutError, httpx2.TimeoutException):
                why = f"no answer within {self.args.timeout:g} s"
            except httpx2.RequestError as error:  # refused, dropped, not HTTP
                why = f"no connection ({type(error).__name__}: {self.mask(str(error))})"
        tries = f"{self.args.retries + 1} tries"
        raise cli.UserError(f"{why}, after {tries}: check --server-url, or run it again later; what was done is saved")

    def read(self, response):
        """A response -> (sentences, "") or (None, why it is not what was asked)."""
        if not response.choices or response.choices[0].message is None:
            return None, "empty answer"
        choice = response.choices[0]
        content = choice.message.content
        if isinstance(content, list):  # models that think first answer in chunks
            content = "".join(chunk.text for chunk in content if chunk.type == "text")
        if choice.finish_reason in ("length", "model_length"):
            return None, f"truncated answer (finish_reason {choice.finish_reason})"
        if not isinstance(content, str) or not content.strip():
            return None, f"empty answer (finish_reason {self.mask(choice.finish_reason)})"
        sentences, _ = description.parse_answer(content)
        if sentences is None:
            return None, f"not the JSON asked for: {self.mask(content)[:200]}"
        sentences = {kind: " ".join(sentences[kind].split()) for kind in description.SENTENCES}
        if any(text != self.mask(text) for text in sentences.values()):
            return None, "answer with control characters, or with the key"
        return sentences, ""

    async def answer(self, row):
        """Ask about one row: {"gold", "teacher"}, or {"teacher"} with the reason of the failure."""
        with open(plot_of(row, self.args.dataset), "rb") as file:
            image = base64.b64encode(file.read()).decode("ascii")
        parts = [
            {"type": "text", "text": prompt_of(row["series"])},
            {"type": "image_url", "image_url": f"data:image/png;base64,{image}"},
        ]
        tokens = {"prompt": 0, "completion": 0}
        for ask in range(ASKS):
            response = await self.complete(row["id"], [{"role": "user", "content": parts}], self.args.seed + ask)
            tokens["prompt"] += response.usage.prompt_tokens or 0
            tokens["completion"] += response.usage.completion_tokens or 0
            gold, failed = self.read(response)
            if gold:
                break
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        teacher = {"model": self.model, "prompt_version": TEACHER_PROMPT_VERSION, "date": now, "tokens": tokens}
        return {"gold": gold, "teacher": teacher} if gold else {"teacher": {**teacher, "failed": failed}}


async def ask_all(rows, record, key, args):
    """Ask about rows, `--concurrency` at a time, and record each answer as it comes: one thread, one writer."""
    from mistralai.client import Mistral
    from mistralai.client.utils.logger import NoOpLogger

    settings = {"server_url": args.server_url, "timeout_ms": int(args.timeout * 1000) + 1000}  # our time-out ends first
    # The default logger writes requests, key included, where MISTRAL_DEBUG is set.
    async with Mistral(api_key=key, debug_logger=NoOpLogger(), **settings) as client:
        teacher = Teacher(client, key, args.second or args.model, args)
        waiting = iter(rows)

        async def work():
            for row in waiting:
                record(row, await teacher.answer(row))

        workers = [asyncio.create_task(work()) for _ in range(min(args.concurrency, len(rows)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


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
    """Raise UserError where `second` holds another model's answers than the one now asked."""
    for row in rows:
        model = (answer_in(row, True).get("teacher") or {}).get("model")
        if model and not args.dryrun and model != args.second:
            raise cli.UserError(f"{args.data}: {row['id']} has a second answer of {model}: there is room for one second model")


def write_text(row, dataset):
    """Write gold to <dataset>/<id>.txt, a line a sentence, for people; a text that is there stays untouched."""
    lines = [row["gold"][kind] for kind in description.SENTENCES]
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


def answer_missing(data, args):
    """Fill gold and teacher (or second) in the rows that lack them; print the counts."""
    rows = list(data.rows.values())
    for field in ("id", "series"):
        records.require(rows, field, args.data, "ou_process.py")
    for field in ("gold", "teacher"):
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
        done = counts["new"] + counts["failed"]
        if failed or not args.dryrun or done % 100 == 0 or done == len(todo):
            print(f"{done}/{len(todo)} {row['id']}: {failed or 'answered'}", flush=True)
        if in_a_row == GIVE_UP:
            raise cli.UserError(f"the last {GIVE_UP} rows failed ({failed}): give another --model, then --retry-failed")

    if args.dryrun:
        records.require(todo, "truth", args.data, "ou_process.py")
    elif todo:
        key = find_key()
        for row in todo:
            if not os.path.exists(plot_of(row, args.dataset)):
                raise cli.UserError(f"no {plot_of(row, args.dataset)} here: run ou_process.py without --no-plots first")
    for row in rows:
        if row.get("gold"):
            write_text(row, args.dataset)  # where the dataset folder was lost or replaced
    try:
        if args.dryrun:
            for row in todo:
                record(row, simulated_teacher.answer(row, args.seed, second=bool(args.second)))
        elif todo:
            asyncio.run(ask_all(todo, record, key, args))
    finally:
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
    parser.add_argument("--model", default="mistral-medium-latest", help="Model to ask; it must take images.")
    parser.add_argument("--second", metavar="MODEL", help="Ask this model instead, about rows with gold: `second`.")
    parser.add_argument("--server-url", type=server_url, help="A compatible server, without /v1; default Mistral's.")
    parser.add_argument("--concurrency", type=cli.positive, default=1, help="Questions asked at the same time.")
    parser.add_argument("--limit", type=cli.positive, help="Ask about at most so many rows; default all.")
    parser.add_argument("--timeout", type=cli.positive_float, default=120.0, help="Seconds to wait for an answer.")
    parser.add_argument("--retries", type=cli.count, default=6, help="Times to ask again where server or network fail.")
    parser.add_argument("--backoff", type=cli.positive_float, default=1.0, help="Seconds before asking again, doubled.")
    parser.add_argument("--seed", type=cli.count, default=0, help="Seed that the server, or the dry run, is given.")
    parser.add_argument("--retry-failed", action="store_true", help="Ask again where a failure is recorded.")
    parser.add_argument("--dryrun", action="store_true", help="Ask nobody: a simulated teacher phrases the truth.")
    args = parser.parse_args(argv)
    cli.print_settings(args)
    with records.writing(args.data) as data:
        answer_missing(data, args)


if __name__ == "__main__":
    cli.run(main)
