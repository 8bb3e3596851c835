"""verify.csv: the sentences that a human should look at, and what was decided. Read and written here alone.

| column | meaning |
|---|---|
| id, sentence | the row of data.jsonl, and the topic of the sentence |
| gold, truth, second | the teacher's sentence, the truth's, and a second teacher's, where one was asked |
| reason | why it is here; it begins with `audit` where the row was drawn by chance |
| decision | empty, or `gold`, `truth` or `own`; it holds for the gold sentence beside it |
| own | a sentence of the human's own; needed where the decision is `own` |

Written for spreadsheets: a byte order mark says that it is UTF-8, and no cell is a formula. Read as they save it: in UTF-8,
Windows-1252 or UTF-16, parted by commas, semicolons or tabs, quotes straightened, UTF-8 taken for Windows-1252.
"""

import codecs
import contextlib
import csv
import io
import os
import re

from llm_ts import cli, disk

COLUMNS = ("id", "sentence", "gold", "truth", "second", "reason", "decision", "own")
NEWER = {"second", "own"}  # files written before there were these lack them
DECISIONS = ("gold", "truth", "own")
AUDIT = "audit, "
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula at the beginning of a cell
MARK = "\ufeff".encode().decode("cp1252")  # a byte order mark that was taken for letters
LONGEST = 400  # letters of a sentence of one's own


def heal(text):
    """A text whose UTF-8 was taken for Windows-1252 -> as it was; any other stays."""
    with contextlib.suppress(UnicodeError):
        return text.encode("cp1252").decode("utf-8")
    return text


def letters_of(text):
    """A sentence -> what a spreadsheet leaves of it in any case: letters and digits. Quotes, spaces and marks may change.

    "The curve\u2019s rise" -> "the curve s rise", also where its UTF-8 was taken for Windows-1252.
    """
    return " ".join(re.findall(r"\w+", heal(text).casefold()))


def key_of(row, name):
    """What a decision on the gold sentence of a topic is kept under: (id, topic, letters)."""
    return row["id"], name, letters_of(row["gold"][name])


def cell(text):
    """A text as a cell that no spreadsheet computes: an apostrophe before what looks like a formula."""
    return "'" + text if text.startswith(FORMULA) else text


def own_sentence(text):
    """A sentence that a human wrote, on one line; UserError where it is blank, too long, or cannot be shown."""
    text = " ".join(text.split())
    if not text or len(text) > LONGEST or not text.isprintable():
        raise cli.UserError(f"a sentence of one's own needs 1 to {LONGEST} letters that can be printed")
    return text


def second_of(row, name):
    """The second teacher's sentence on a topic, or ""."""
    return ((row.get("second") or {}).get("gold") or {}).get(name, "")


def line_of(row, name, reason, decision="", own=""):
    """A line of the file as a dict."""
    texts = (row["gold"][name], row["truth"]["sentences"][name], second_of(row, name))
    return dict(zip(COLUMNS, (row["id"], name, *texts, reason, decision, own)))


def _read_lines(path):
    """The lines of a file as (where, dict of all columns); none where there is no file."""
    if not os.path.exists(path):
        return
    with open(path, "rb") as file:
        text = _decode(file.read(), path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=text.partition("\n")[0].count))
    try:
        head = [name.removeprefix(MARK) for name in next(reader, [])]
        if lacking := [name for name in COLUMNS if name not in head and name not in NEWER]:
            raise cli.UserError(f"{path}: no column {lacking[0]!r}: it needs {', '.join(COLUMNS)}, parted by commas, semicolons or tabs")
        if more := set(head) - {*COLUMNS, ""}:
            raise cli.UserError(f"{path}: the column {min(more)!r} would be lost: keep it in another file")
        if twice := [name for name in COLUMNS if head.count(name) > 1]:
            raise cli.UserError(f"{path}: the column {twice[0]!r} is there twice: which of them counts?")
        for cells in reader:
            where = f"{path}, line {reader.line_num}"
            if any(cells[len(head) :]) or any(cell for name, cell in zip(head, cells) if not name):
                raise cli.UserError(f"{where}: more cells than columns: put its sentences in quotes")
            yield where, {**dict.fromkeys(COLUMNS, ""), **{name: cell for name, cell in zip(head, cells) if name}}
    except csv.Error as error:
        raise cli.UserError(f"{path} is no CSV file ({error}): save it as one, in UTF-8") from None


def _decode(content, path):
    """The bytes of a file -> its text, in whichever encoding a spreadsheet saved it; UserError where it is none of them."""
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    for encoding in (encoding, "cp1252"):
        with contextlib.suppress(UnicodeError):
            text = content.decode(encoding)
            if "\0" not in text:
                return text
    raise cli.UserError(f"{path} is not a CSV file in UTF-8: save it as one")


def _check_line(line, where):
    """A line -> the same with its decision and its own sentence tidied; UserError where they do not fit together."""
    decision, own = line["decision"].strip().lower(), line["own"].strip()
    if own.startswith("'") and own[1:].startswith(FORMULA):
        own = own[1:]
    if decision not in ("", *DECISIONS):
        raise cli.UserError(f"{where}: decision {decision!r} is not gold, truth or own")
    if (decision == "own") != bool(own):
        said = f"the decision is {decision!r}, and the column own holds a sentence" if own else "the column own is empty"
        raise cli.UserError(f"{where}: {said}: a sentence of one's own needs the decision own, and the other way round")
    try:
        return line | {"decision": decision, "own": own_sentence(heal(own)) if own else ""}
    except cli.UserError as error:
        raise cli.UserError(f"{where}: {error}") from None


def read(path):
    """verify.csv -> (decisions, audited); both empty where there is no file.

    decisions: {(id, topic, letters of gold): its line as a dict}, of what is decided. audited: the ids drawn by chance.
    UserError where the file is broken, or decides twice for the same sentence and not alike.
    """
    decisions, audited = {}, set()
    for where, line in _read_lines(path):
        line = _check_line(line, where)
        if line["reason"].startswith(AUDIT):
            audited.add(line["id"])
        if line["decision"]:
            before = decisions.setdefault((line["id"], line["sentence"], letters_of(line["gold"])), line)
            if (before["decision"], before["own"]) != (line["decision"], line["own"]):
                both = f"{before['decision']} above, {line['decision']} here"
                raise cli.UserError(f"{where}: a second decision on the same sentence ({both}): keep one of the lines")
    return decisions, audited


def ids_of(decisions, audited):
    """The ids of the rows that decisions and an audit speak of."""
    return audited | {key[0] for key in decisions}


def refuse_another_files(path, decisions, audited, known, fitting, data_path):
    """Raise UserError where a file's decisions are on rows that the data does not hold, or fit no sentence of it at all.

    known: which of ids_of(decisions, audited) the data holds. fitting: the keys of the decisions that fit a sentence.
    """
    missing = [row_id for row_id in (*(key[0] for key in decisions), *sorted(audited)) if row_id not in known]
    if missing:
        raise cli.UserError(
            f"{path} speaks of {cli.visible(missing[0])}, which {data_path} does not hold: "
            "it belongs to another data file: give --verify-file another name, or delete these lines"
        )
    if decisions and not fitting:
        raise cli.UserError(
            f"{path}: none of its {len(decisions)} decisions is on a sentence of {data_path}: it belongs to another data file, "
            "or the teacher was asked again: give --verify-file another name, or delete these lines"
        )


def part_of_table(rows, decisions, audited):
    """(lines of verify.csv as text: all of these rows that is or was to verify, decided or audited; keys of decisions that fit).

    rows: with `curated`.
    """
    lines, fitting = [], set()
    for row in rows:
        for name, sentence in row["curated"].items():
            decided = decisions.get(key := key_of(row, name), {}) if decisions else {}
            if decided:
                fitting.add(key)
            if sentence["status"] in ("verify", "verified") or row["id"] in audited:
                reason = (AUDIT if row["id"] in audited else "") + sentence["reason"].split(";")[0]
                lines.append(line_of(row, name, reason, decided.get("decision", ""), decided.get("own", "")))
    return _text_of(lines), fitting


def _text_of(lines):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([cell(line[name]) for name in COLUMNS] for line in lines)
    return out.getvalue()


def whole_table(parts, unfit):
    """The whole file as text: a byte order mark that tells spreadsheets that it is UTF-8, the head, the parts, and at the end
    the decisions that fit no sentence (on an older answer)."""
    return "".join(["\ufeff", ",".join(COLUMNS), "\n", *parts, _text_of(unfit)])


def table(rows, decisions, audited):
    """verify.csv as text, of all rows with `curated`."""
    lines, fitting = part_of_table(rows, decisions, audited)
    return whole_table([lines], [line for key, line in decisions.items() if key not in fitting])


def save(path, text, before=None):
    """Write the file whole. before: the text that it must still hold; UserError where another program has changed it."""
    if before is not None:
        try:
            with open(path, encoding="utf-8", newline="") as file:
                changed = file.read() != before
        except (FileNotFoundError, UnicodeDecodeError):
            changed = True
        if changed:
            raise cli.UserError(f"{path} was changed by another program: start this page again, it reads the file anew")
    disk.write_text(path, text)
