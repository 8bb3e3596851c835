"""The answers that data.jsonl already holds: which rows lack one, what must not join them, and their texts for people."""

import os

from llm_ts import cli, disk, question, records
from llm_ts.teacher import prompts


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


def refuse_other_prompt(rows, args):
    """Raise UserError where the answers that are there were asked for in other words than the one now asked for."""
    words = prompts.PROMPTS[args.prompt]
    for row in rows:
        answer = answer_in(row, args.second)
        if answer.get("gold") and not args.dryrun and prompts.of(answer["teacher"]) != (words.name, words.version):
            name, version = prompts.of(answer["teacher"])
            raise cli.UserError(
                f"{args.data}: {row['id']} was asked with the prompt {name}, version {version}, not {words.name}, version "
                f"{words.version}: give that --prompt, or another --data"
            )


def refuse_other_second(rows, args):
    """Raise UserError where `second` holds another model's answers than the one now asked, or is the teacher itself."""
    for row in rows:
        if not args.dryrun and str((row.get("teacher") or {}).get("model")).casefold() == args.second.casefold():
            raise cli.UserError(f"{args.second} is the teacher of {row['id']} itself: --second is for another model")
        model = (answer_in(row, True).get("teacher") or {}).get("model")
        if model and not args.dryrun and model != args.second:
            raise cli.UserError(f"{args.data}: {row['id']} has a second answer of {model}: there is room for one second model")


def check(rows, args):
    """The question of the rows; UserError where one is broken, or where its answers do not let the one asked for join them."""
    asked = question.of_all(rows, args.data)
    for field in ("id", "series"):
        records.require(rows, field, args.data, "ou_process.py")
    for field in ("gold", "teacher", "second"):
        records.require([row for row in rows if row.get(field) is not None], field, args.data, "mistral.py")
    refuse_mixture(rows, args)
    refuse_other_prompt(rows, args)
    if args.second:
        refuse_other_second(rows, args)
    return asked


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
    disk.write_text(path, text)
