"""What parts the cells of a text file: found, or refused where a comma or a blank may as well stand within the numbers."""

import csv
import re
from collections import Counter

from llm_ts import cli
from llm_ts.series.user.numbers import is_number, match

SEPARATORS = {";": ";", "\t": "tab", "|": "|", ",": ",", r"\s+": "blanks"}  # in the order in which they are believed
NAMED = {"tab": "\t", "blank": r"\s+", "blanks": r"\s+", "space": r"\s+", "comma": ",", "semicolon": ";"}
COMMENT = re.compile(r"\s*(#|//|%|!|\*{2})")
LIKE_NUMBER = re.compile(r"[^\w]{0,3}[0-9][0-9., '\u00a0\u202f]*([eE][+-]?[0-9]+)?[^0-9]{0,5}")


def split_lines(lines, separator):
    """Lines -> lists of cells, as a spreadsheet parts them; empty lines are left out."""
    if separator == r"\s+":
        # a quoted cell may hold blanks
        return [[cell.strip('"') for cell in re.findall(r'"[^"]*"|\S+', line)] for line in lines if line.strip()]
    try:
        return [row for row in csv.reader(lines, delimiter=separator, skipinitialspace=True) if any(cell.strip() for cell in row)]
    except csv.Error:
        return [line.split(separator) for line in lines if line.strip()]


def separator_of(lines, where):
    """What parts the cells of a text file; "," for a single column. UserError where two ways are as good as each other.

    A way is good where most lines have as many cells, two or more, and some cell of most lines is a number.
    """
    lines = [line for line in lines[:2000] if not COMMENT.match(line)]
    body = [line.strip() for line in lines[1:] if line.strip()]
    if body and all((found := match(line)) and found["unit"] and found["body"][-1].isdigit() for line in body):
        return "\t"  # 5,3 kg: one column, its unit in each cell
    if body and all(re.match(r"[-+−–•*]\s", line) and is_number(line[1:]) for line in body):
        raise cli.UserError(
            f"{where}: {body[0]!r} may be below 0, or a number behind a dash as in a list: take the blank or the dash away"
        )
    good = {}
    for separator in SEPARATORS:
        rows = split_lines(lines, separator)
        width, often = Counter(map(len, rows)).most_common(1)[0]
        numbers = sum(any(map(_like_number, row)) for row in rows if len(row) == width)
        if width > 1 and often >= 0.8 * (len(rows) - (len(rows[0]) != width)) and numbers >= 0.5 * often:
            good[separator] = width
    if "," in good and r"\s+" in good and _all_numbers(split_lines(lines, r"\s+")) and not _all_numbers(split_lines(lines, ",")):
        return r"\s+"  # 0 3,5: blanks between, decimal commas within
    for separator in good:
        if separator in (",", r"\s+") and _may_be_decimals(lines, separator):
            seen = next(line for line in reversed(lines) if line.strip()).strip()
            raise cli.UserError(
                f"{where}: {seen!r} may be {good[separator]} cells parted by {SEPARATORS[separator]}, or one cell with "
                "decimal commas or spaced thousands: part the cells by semicolons, or give --separator"
            )
        return separator
    return ","


def _like_number(cell):
    return bool(LIKE_NUMBER.fullmatch(cell.strip())) or is_number(cell)


def _all_numbers(rows):
    """Whether every cell below the first row is a number."""
    return all(is_number(cell) for row in rows[1:] for cell in row)


def _may_be_decimals(lines, separator):
    """Whether the separator may as well be a decimal comma, or a blank between thousands: the header has fewer cells then."""
    rows = split_lines(lines, separator)
    header, body = rows[0], rows[1:]
    if not header[0].strip() and separator == ",":  # an index without a name
        return False
    if not body or any(LIKE_NUMBER.fullmatch(cell.strip()) for cell in header):  # no header: each number may be cut in two
        return (
            separator == ","
            and not any(re.search("[.:]|[^0-9]-", ",".join(row)) for row in rows)
            and len(rows[0]) == 2
            and all(re.fullmatch("[0-9]+", row[-1].strip()) for row in rows)
            and not _counts([row[0] for row in rows])
        )
    width = Counter(map(len, body)).most_common(1)[0][0]
    if width <= len(header):
        return False
    if separator == r"\s+":
        return all(re.fullmatch(r"[0-9]{3}([.,][0-9]+)?", row[-1]) for row in body if len(row) == width)
    if any(re.match('\\s*"', line) for line in lines[1:3]):  # R quotes the names of its rows
        return False
    last = [row[-1].strip() for row in body if len(row) == width]
    return all(re.fullmatch("[0-9]+", cell) for cell in last)


def _counts(cells):
    """Whether texts count up by one."""
    return all(cell.strip().isdigit() for cell in cells) and all(int(b) - int(a) == 1 for a, b in zip(cells, cells[1:]))
