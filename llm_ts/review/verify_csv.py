"""verify.csv: the sentences for a human, and the decisions on them. This module owns the file.

| column | meaning |
|---|---|
| id, sentence | the row of data.jsonl, and the topic of the sentence |
| gold, truth, second | the sentences of the teacher, the truth, and a second teacher, if one was asked |
| reason | why it is here |
| decision | empty, or `gold`, `truth` or `own`; it holds for the gold sentence beside it |
| own | a human's sentence; needed if the decision is `own` |

It is written for spreadsheets: a byte order mark says that it is UTF-8, and no cell is a formula. It
is read as they save it in UTF-8 or UTF-16, with commas, semicolons or tabs, other quotes and spaces,
columns in any order, without the empty cells at a line's end; all else is refused, naming the line.
"""

import csv
import io
import os
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE

from llm_ts.base import cli, disk

COLUMNS = ("id", "sentence", "gold", "truth", "second", "reason", "decision", "own")
DECISIONS = ("gold", "truth", "own")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet computes
MOST_LETTERS = 400  # of a human's sentence


def key_of(row, name):
    """What a decision on the gold sentence of a topic is kept under: (id, topic, letters)."""
    return row["id"], name, letters_of(row["gold"][name])


def letters_of(text):
    """A sentence -> what a spreadsheet leaves of it in any case: its letters and digits."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def own_sentence(text):
    """A human's sentence, on one line; UserError if it is blank, too long, or cannot be shown."""
    text = " ".join(text.split())
    if not text or len(text) > MOST_LETTERS or not text.isprintable():
        needs = f"needs 1 to {MOST_LETTERS} letters that can be printed"
        raise cli.UserError(f"a sentence of one's own {needs}")
    return text


def second_of(row, name):
    """The second teacher's sentence on a topic, or ""."""
    return ((row.get("second") or {}).get("gold") or {}).get(name, "")


def line_of(row, name, reason, decision="", own=""):
    """A line of the file as a dict."""
    texts = (row["gold"][name], row["truth"]["sentences"][name], second_of(row, name))
    return dict(zip(COLUMNS, (row["id"], name, *texts, reason, decision, own)))


def _read_lines(path):
    """The lines of a file as (where, dict of all columns). UserError if it is no such file."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        text = content.decode("utf-16" if content[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig")
        text = re.sub(r"\Asep=.\r?\n", "\n", text)  # Excel's own; the lines keep their numbers
        head = text.lstrip().partition("\n")[0]
        reader = csv.reader(io.StringIO(text, ""), delimiter=max(",;\t", key=head.count))
        names = []
        for raw in reader:
            where, cells = f"{path}, line {reader.line_num}", list(raw)
            while cells and not cells[-1].strip():
                cells.pop()
            if cells and not names:
                names = [cell.strip().lower() for cell in cells]
                if sorted(names) != sorted(COLUMNS):
                    break
            elif cells:
                line = dict.fromkeys(COLUMNS, "") | dict(zip(names, cells))
                some = len(cells) < len(raw) < len(COLUMNS)  # Excel leaves out all the empty cells of an end, or none
                if some or len(cells) > len(COLUMNS) or not all(line[name] for name in COLUMNS[:3]):
                    raise cli.UserError(f"{where}: it needs {len(COLUMNS)} cells: quote its sentences")
                yield where, line
        if sorted(names) != sorted(COLUMNS):
            raise cli.UserError(f"{path}: its columns must be {', '.join(COLUMNS)}")
    except (UnicodeDecodeError, csv.Error) as error:
        line = content.count(b"\n", 0, error.start) + 1 if isinstance(error, UnicodeDecodeError) else reader.line_num
        raise cli.UserError(f"{path}, line {line}: it is not a CSV file in UTF-8: save it as one") from None


def _tidied(line, where):
    """A line with its decision and its own sentence tidied; UserError if they do not fit."""
    decision, own = line["decision"].strip().lower(), line["own"].strip()
    if own.startswith("'") and own[1:].startswith(FORMULA):
        own = own[1:]
    if decision not in ("", *DECISIONS):
        raise cli.UserError(f"{where}: decision {decision!r} is not gold, truth or own")
    if decision == "own" and not own:
        raise cli.UserError(f"{where}: the decision is 'own', and the column own is empty")
    if decision != "own" and own:
        raise cli.UserError(f"{where}: the decision is {decision!r}, and own holds a sentence")
    try:
        return line | {"decision": decision, "own": own_sentence(own) if own else ""}
    except cli.UserError as error:
        raise cli.UserError(f"{where}: {error}") from None


def read(path):
    """verify.csv -> {(id, topic, letters of gold): its line as a dict}, of what is decided.

    {} if there is no file. UserError if it is broken, or decides twice on a sentence, not alike.
    """
    decisions = {}
    for where, line in _read_lines(path) if os.path.exists(path) else ():
        line = _tidied(line, where)
        if line["decision"]:
            key = (line["id"], line["sentence"], letters_of(line["gold"]))
            before = decisions.setdefault(key, line)
            if (before["decision"], before["own"]) != (line["decision"], line["own"]):
                both = f"{before['decision']} above, {line['decision']} here"
                twice = "a second decision on the same sentence"
                raise cli.UserError(f"{where}: {twice} ({both}): keep one of the lines")
    return decisions


def fitting(rows, decisions):
    """The keys of the decisions that are on a sentence of these rows."""
    return {key for row in rows for name in row["gold"] if (key := key_of(row, name)) in decisions}


def refuse_another_files(path, decisions, ids, rows, data_path):
    """UserError if decisions are on rows that the data lacks, or fit no sentence of it at all.

    ids: those of the data. rows: its rows with a decided sentence among them.
    """
    give = "give --verify-file another name, or delete these lines"
    if missing := [key[0] for key in decisions if key[0] not in ids]:
        lacks = f"speaks of {cli.visible(missing[0])}, which {data_path} does not hold"
        raise cli.UserError(f"{path} {lacks}: it belongs to another data file: {give}")
    if decisions and not fitting(rows, decisions):
        none = f"none of its {len(decisions)} decisions is on a sentence of {data_path}"
        why = "it belongs to another data file, or the teacher was asked again"
        raise cli.UserError(f"{path}: {none}: {why}: {give}")


def table(rows, decisions):
    """verify.csv as text: what of these rows is or was to verify, then decisions on older answers.

    rows: with `curated`.
    """
    lines, used = [], fitting(rows, decisions)
    for row in rows:
        for name, sentence in row["curated"].items():
            if sentence["status"] in ("verify", "verified"):
                decided = decisions.get(key_of(row, name), {})
                reason = sentence["reason"].split(";")[0]
                how = (decided.get("decision", ""), decided.get("own", ""))
                lines.append(line_of(row, name, reason, *how))
    lines += [line for key, line in decisions.items() if key not in used]
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in lines:
        texts = [line[name] for name in COLUMNS]
        writer.writerow(["'" + text if text.startswith(FORMULA) else text for text in texts])
    return out.getvalue()


def save(path, text, before=None):
    """Write the file whole.

    before: the text that it must still hold; UserError if another program has changed it.
    """
    if before is not None:
        try:
            with open(path, encoding="utf-8", newline="") as file:
                changed = file.read() != before
        except (FileNotFoundError, UnicodeDecodeError):
            changed = True
        if changed:
            again = "start this page again, it reads the file anew"
            raise cli.UserError(f"{path} was changed by another program: {again}")
    disk.write_text(path, text)
