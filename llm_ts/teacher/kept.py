"""The answers that data.jsonl already holds: which new ones must not join them, and their .txt files."""

import os

from llm_ts import question
from llm_ts.base import cli, disk
from llm_ts.data import records
from llm_ts.teacher import prompts


def answer_in(row, second):
    """The part of a row that holds the teacher's answer, or the second teacher's; {} for none."""
    return (row.get("second") or {}) if second else row


def check(row, args):
    """UserError if a row is broken, or if its answers and those now asked for must not mix."""
    for field in ("id", "series"):
        records.require([row], field, args.data, "ou_process.py")
    for field in ("gold", "teacher", "second"):
        if row.get(field) is not None:
            records.require([row], field, args.data, "mistral.py")
    where = f"{args.data}: {row['id']}"
    first, second = (answer_in(row, which).get("teacher") or {} for which in (False, True))
    for teacher in filter(None, (first, second)):
        if bool(teacher.get("simulated")) != args.dryrun:
            kept, wanted = ("real", "simulated") if args.dryrun else ("simulated", "real")
            raise cli.UserError(
                f"{where} has a {kept} teacher's answer: give a {wanted} teacher another --data (ou_process.py --data makes it)"
            )
    if args.dryrun:
        return
    answer, words = answer_in(row, args.second), prompts.PROMPTS[args.prompt]
    prompt = [(answer.get("teacher") or {}).get(key) for key in ("prompt", "prompt_version")]
    if answer.get("gold") and prompt != [words.name, words.version]:
        raise cli.UserError(
            f"{where} was asked with the prompt {prompt[0]}, version {prompt[1]}, not "
            f"{words.name}, version {words.version}: give that --prompt, or another --data"
        )
    if args.second and str(first.get("model")).casefold() == args.second.casefold():
        raise cli.UserError(f"{args.second} is the teacher of {row['id']} itself: --second is for another model")
    if args.second and second.get("model") not in (None, args.second):
        raise cli.UserError(f"{where} has a second answer of {second['model']}: there is room for one second model")


def write_text(row, dataset):
    """Write gold to <dataset>/<id>.txt, one sentence per line, for people."""
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
