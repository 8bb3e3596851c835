"""Files that other programs saved: data.jsonl, pairs and verify.csv are read as they were, or refused with their line; none is emptied.

Run: python -m pytest -q tests/test_saved_elsewhere.py
"""

import csv
import gzip
import io
import json
import shutil

import pytest
from conftest import run_script

from llm_ts.base import cli
from llm_ts.data import pair
from llm_ts.review import verify_csv


@pytest.fixture(scope="module")
def curated(tmp_path_factory):
    """A folder with data.jsonl, verify.csv and pairs, as the stages leave them."""
    folder = tmp_path_factory.mktemp("curated")
    for script, *flags in (
        ("ou_process.py", "--count", 60, "--points", 24, "--dataset", "none"), ("mistral.py", "--dryrun", "--dataset", "none"),
        ("curate.py",), ("convert.py", "--diagnostics", 0),
    ):  # fmt: skip
        run_script(script, *flags, cwd=folder)
    return folder


@pytest.fixture
def folder(curated, tmp_path):
    return shutil.copytree(curated, tmp_path / "work")


def lines_of(rows, **how):
    return "".join(json.dumps(row, **how) + "\n" for row in rows)


def floats(value):
    if isinstance(value, dict):
        return {key: floats(one) for key, one in value.items()}
    if isinstance(value, list):
        return [floats(one) for one in value]
    return float(value) if type(value) is int else value


READ = {
    "a byte order mark, CRLF, no last end": lambda rows: b"\xef\xbb\xbf" + lines_of(rows).replace("\n", "\r\n").encode()[:-2],
    "another order of fields": lambda rows: lines_of([dict(sorted(row.items(), reverse=True)) for row in rows]).encode(),
    "floats for integers": lambda rows: lines_of(floats(rows)).encode(),
    "escaped, compact": lambda rows: lines_of(rows, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/").encode(),
    "blank lines": lambda rows: lines_of(rows, ensure_ascii=False).replace("\n", "\n\n").encode(),
}


@pytest.mark.parametrize("way", READ)
def test_is_read_as_it_was(folder, way):
    kept = (folder / "test_jsonl.jsonl").read_bytes()
    pairs = pair.read_all(str(folder / "test_jsonl.jsonl"))
    for name in ("data.jsonl", "test_jsonl.jsonl"):
        rows = [json.loads(line) for line in (folder / name).read_text().splitlines()]
        (folder / name).write_bytes(READ[way](rows))
    assert [pair.answer_of(row) for row in pair.read_all(str(folder / "test_jsonl.jsonl"))] == [
        pair.answer_of(row) for row in pairs
    ]
    run_script("curate.py", cwd=folder)
    run_script("convert.py", "--diagnostics", 0, cwd=folder)
    made = (folder / "test_jsonl.jsonl").read_bytes()
    assert list(map(json.loads, made.splitlines())) == list(map(json.loads, kept.splitlines()))


REFUSED = {
    "packed": (lambda rows: gzip.compress(lines_of(rows).encode()), "unpack it"),
    "UTF-16": (lambda rows: lines_of(rows).encode("utf-16"), "save it as UTF-8"),
    "an array on one line": (lambda rows: json.dumps(rows).encode(), "it is an array"),
    "an array": (lambda rows: json.dumps(rows, indent=1).encode(), "line 1: not JSON"),
    "the ends of an old Mac": (lambda rows: lines_of(rows).replace("\n", "\r").encode(), "Extra data"),
    "another encoding": (
        lambda rows: lines_of([{**row, "note": "é"} for row in rows], ensure_ascii=False).encode("cp1252"),
        "line 1",
    ),
    "a series of halves": (lambda rows: lines_of([{**row, "series": [0.5, 1.0]} for row in rows]).encode(), "its series is not"),
}


@pytest.mark.parametrize("way", REFUSED)
def test_is_refused_and_stays_as_it_is(folder, way):
    """Also by the script that makes the file: it goes on only with what it can read."""
    change, says = REFUSED[way]
    rows = [json.loads(line) for line in (folder / "data.jsonl").read_text().splitlines()]
    (folder / "data.jsonl").write_bytes(content := change(rows))
    scripts = [("curate.py",), ("ou_process.py", "--count", 61, "--points", 24, "--dataset", "none")]
    for script, *flags in scripts[: 1 if way == "a series of halves" else 2]:
        assert says in run_script(script, *flags, cwd=folder, code=2).stderr
        assert (folder / "data.jsonl").read_bytes() == content


def test_what_a_power_cut_leaves_is_still_dropped(folder):
    whole = (folder / "data.jsonl").read_bytes()
    for tail in (b"\0" * 100, b'{"id": "ou_000001", "ser', b'{"id": "ou_000001"' + b"\0" * 9, b"\x1a"):
        (folder / "data.jsonl").write_bytes(whole + tail)
        assert "torn last line" in run_script("curate.py", cwd=folder).stderr
        assert (folder / "data.jsonl").read_bytes() == whole


def table(rows, end="\n", **how):
    text = io.StringIO()
    csv.writer(text, lineterminator=end, **how).writerows(rows)
    return text.getvalue()


def ragged(rows):
    return [row[: max(k + 1 for k, cell in enumerate(row) if cell)] for row in rows]


SAVED = {
    "Excel, semicolons": lambda rows: b"\xef\xbb\xbf" + table(rows, "\r\n", delimiter=";").encode(),
    "Excel, Unicode text": lambda rows: table(rows, "\r\n", delimiter="\t").encode("utf-16"),
    "Excel, sep=": lambda rows: b"\xef\xbb\xbfsep=;\r\n" + table(rows, "\r\n", delimiter=";").encode(),
    "Excel, without its last empty cells": lambda rows: table(ragged(rows), "\r\n").encode(),
    "LibreOffice, all quoted": lambda rows: table(rows, quoting=csv.QUOTE_ALL).encode(),
    "Numbers": lambda rows: table(rows, "\r\n").encode().rstrip(),
    "Google Sheets, with blank rows and columns": lambda rows: table(
        [[*row, "", ""] for row in rows] + [[""] * 10] * 3, "\r\n"
    ).encode(),
    "columns moved": lambda rows: table([row[::-1] for row in rows]).encode(),
}


@pytest.mark.parametrize("program", SAVED)
def test_decisions_are_read_as_spreadsheets_save_them(folder, program):
    with open(folder / "verify.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    rows[1][6:], rows[2][6:] = ["Gold ", ""], ["own", 'It rises; then, "slowly", it falls.']
    (folder / "verify.csv").write_bytes(SAVED[program](rows))
    decisions = verify_csv.read(str(folder / "verify.csv"))
    assert [(line["id"], line["decision"], line["own"]) for line in decisions.values()] == [
        (rows[1][0], "gold", ""), (rows[2][0], "own", rows[2][7])
    ]  # fmt: skip
    run_script("curate.py", cwd=folder)
    assert len(verify_csv.read(str(folder / "verify.csv"))) == 2


def test_a_table_in_another_encoding_is_refused_with_its_line(folder):
    text = (folder / "verify.csv").read_text("utf-8-sig").replace(",,", ",own,C’est vrai.", 1)
    (folder / "verify.csv").write_bytes(text.encode("cp1252"))
    with pytest.raises(cli.UserError, match=r"verify.csv, line 2: it is not a CSV file in UTF-8"):
        verify_csv.read(str(folder / "verify.csv"))
