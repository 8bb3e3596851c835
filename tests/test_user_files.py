"""Files as people have them, each with the truth that we know: read rightly, read with a note, or refused with what decides.

No model is needed. Run: python -m pytest -q tests/test_user_files.py
"""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, run_script
from user_files import BIG, DAYS, ISO, NORTH, PLAIN, REFUSED, SOUTH, N, V, lines, put
from user_files_more import READ as MORE
from user_files_more import REFUSED as MORE_REFUSED
from user_files_read import READ

import describe
from llm_ts import cli
from llm_ts.desk import prepare
from llm_ts.question import STUDY
from llm_ts.task import Task


def described(path, flags=()):
    """[(series as it was read, Asked)] of a file; UserError as describe.py would say it."""
    args = describe.parse_flags([str(path), *map(str, flags)])
    out = []
    for _, series in describe.read_files(args):
        if isinstance(series, cli.UserError):
            raise series
        out.append(prepare.prepare(series, None, Task(), windowed=bool(args.last or args.begin or args.end)))
    return out


def written(folder, content, name="a.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", [*READ, *MORE])
def test_is_read(name, tmp_path):
    content, flags, values, said = {**READ, **MORE}[name]
    (one,) = described(written(tmp_path, content), flags)
    if values is not None:
        np.testing.assert_allclose(one.series.values, values, rtol=1e-9)
        assert one.truth == STUDY.truth_of(one.shown) and len(one.shown) == len(values)
    notes = " | ".join([*one.notes, f"unit {one.series.unit}"])
    for text in said:
        assert text in notes, notes


@pytest.mark.parametrize("name", [*REFUSED, *MORE_REFUSED])
def test_is_refused(name, tmp_path):
    content, flags, said = {**REFUSED, **MORE_REFUSED}[name]
    with pytest.raises(cli.UserError) as error:
        described(written(tmp_path, content), flags)
    for text in said:
        assert text in str(error.value), str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 600


def test_every_reading_that_says_nothing_is_one_without_doubt(tmp_path):
    """The notes of a plain file are none: what is said elsewhere means something."""
    (one,) = described(written(tmp_path, PLAIN))
    assert one.notes == []


def workbook(path, sheets):
    """An .xlsx file with rows of cells in each sheet; the function gives them to the caller's hands before it is saved."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_spreadsheet_with_dates_titles_and_numbers_of_three_decimals(tmp_path):
    rows = [["Gauge 7"], [], ["day", "flow (m3/s)"], *([day, 1 + v / 1000] for day, v in zip(DAYS, BIG))]
    (one,) = described(workbook(tmp_path / "a.xlsx", {"data": rows}))
    np.testing.assert_allclose(one.series.values, [1 + v / 1000 for v in BIG])
    assert one.series.unit == "m3/s" and one.facts["lowest"] == {"value": 1.987, "time": "2024-03-01"}


def test_sheets_are_chosen_and_empty_ones_are_said(tmp_path):
    table = [["day", "flow"], *map(list, zip(DAYS, V))]
    path = workbook(tmp_path / "a.xlsx", {"one": table, "two": table[:1] + [[day, -v] for day, v in zip(DAYS, V)], "none": []})
    with pytest.raises(cli.UserError, match="2 sheets: give --sheet, one of one, two"):
        described(path)
    (one,) = described(path, ["--sheet", "two"])
    assert one.series.values.tolist() == [-v for v in V]
    for flags, why in ((["--sheet", "none"], "one, two"), (["--sheet", "x"], "no sheet 'x'")):
        with pytest.raises(cli.UserError, match=why):
            described(path, flags)
    with pytest.raises(cli.UserError, match="empty: no sheet has a cell"):
        described(workbook(tmp_path / "b.xlsx", {"data": []}))


def test_merged_cells_above_two_columns(tmp_path):
    import openpyxl

    path = workbook(
        tmp_path / "a.xlsx", {"data": [["", "flow", ""], ["day", "north", "south"], *map(list, zip(DAYS, NORTH, SOUTH))]}
    )
    book = openpyxl.load_workbook(path)
    book["data"].merge_cells("B1:C1")
    book.save(path)
    (one,) = described(path, ["--column", "south"])
    np.testing.assert_allclose(one.series.values, SOUTH)
    assert one.series.column == "flow south"


def test_parquet_by_its_index_and_by_its_columns(tmp_path):
    frame = pd.DataFrame({"flow": put(V, 5, None), "name": ["a"] * N}, index=pd.to_datetime(ISO).rename("day"))
    frame.iloc[::-1].to_parquet(tmp_path / "a.parquet")
    (one,) = described(tmp_path / "a.parquet")
    np.testing.assert_allclose(one.series.values, put(V, 5, 5.85))
    assert one.series.kind == "date" and "turned round" in " ".join(one.notes) and one.facts["first"]["time"] == "2024-03-01"
    pd.DataFrame({"t": range(N), "count": [9007199254740993 + 2 * i for i in range(N)]}).to_parquet(tmp_path / "b.parquet")
    (one,) = described(tmp_path / "b.parquet")
    assert one.facts["first"]["value"] == 9007199254740993 and one.facts["last"]["value"] == 9007199254740993 + 2 * 23


def test_gaps_in_time_are_bridged_and_the_facts_stay_those_of_the_file(tmp_path):
    """A month of days, then months: by rows the minimum lies in the middle, by time at the very beginning."""
    days = [f"2024-01-{d:02d}" for d in range(1, 21)] + [f"2024-{m:02d}-20" for m in range(2, 13)]
    values = [30 - 0.5 * i for i in range(20)] + [22 + 3.5 * i for i in range(11)]
    (one,) = described(written(tmp_path, lines(days, values, header="date,price")))
    assert one.truth["min"] == "beginning" and one.truth["trend"] == "increasing" and one.n == 31
    assert one.facts["lowest"] == {"value": 20.5, "time": "2024-01-20"} and "even grid" in one.notes[0]
    (rows,) = described(tmp_path / "a.csv", ["--time", "none"])
    assert rows.truth["min"] == "middle"


def test_business_days_and_leap_days_are_even_enough_or_said(tmp_path):
    days = [day.date().isoformat() for day in pd.bdate_range("2024-02-01", periods=N)]
    (one,) = described(written(tmp_path, lines(days, V, header="date,price")))
    assert "1 day to 3 days" in one.notes[0] and one.series.values.max() == V[-1]
    months = [f"2024-{m:02d}-01" for m in range(1, 13)]
    (one,) = described(written(tmp_path, lines(months, V[:12], header="date,price")))
    assert one.notes == []


def test_windows_are_described_one_after_another(tmp_path):
    parts = described(written(tmp_path, PLAIN), ["--windows", 3])
    assert [part.series.values.tolist() for part in parts] == [V[:8], V[8:16], V[16:]]
    assert (
        parts[1].facts["first"] == {"value": V[8], "time": ISO[8]}
        and "window 2 of 3: 2024-03-09 to 2024-03-16" in parts[1].notes[0]
    )


def test_all_columns_and_what_cannot_be_described_among_them(tmp_path):
    path = written(tmp_path, lines(ISO, range(100, 100 + N), NORTH, [3] * N, SOUTH, header="day,id,north,fixed,south"))
    args = describe.parse_flags([str(path), "--all-columns"])
    found = [one for _, one in describe.prepare_all(args, describe.read_files(args), None, Task())]
    assert [one.series.column for one in found if isinstance(one, prepare.Asked)] == ["north", "south"]
    assert [str(one) for one in found if isinstance(one, cli.UserError)] == [
        f"{path}: fixed is constant (3): there is nothing to describe"
    ]


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_what_comes_through_a_pipe_is_read(tmp_path, name):
    command = f"cat {written(tmp_path, PLAIN)} | {sys.executable} {ROOT}/describe.py {name} --prompt"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and STUDY.prompt_of(described(tmp_path / "a.csv")[0].shown, "thirds") in done.stdout, done.stderr


def test_a_folder_and_a_missing_file_are_one_line(tmp_path):
    assert "is a folder" in run_script("describe.py", tmp_path, cwd=tmp_path, code=2).stderr
    assert "no nowhere.csv here" in run_script("describe.py", "nowhere.csv", cwd=tmp_path, code=2).stderr
    assert "--plot x.bmp" in run_script("describe.py", "nowhere.csv", "--plot", "x.bmp", cwd=tmp_path, code=2).stderr


@pytest.mark.slow
def test_three_million_rows_are_read_in_little_memory(tmp_path):
    """Ten megabytes of text a second or so; the limit is on addresses, of which the libraries alone take half."""
    block = "".join(f"{{0}}{i:05d},{(i % 97) / 8}\n" for i in range(100_000))
    with open(tmp_path / "long.csv", "w") as file:
        file.write("step,level\n")
        for million in range(30):
            file.write(block.format(million or ""))
    limit = f"ulimit -v 1500000; exec {sys.executable} {ROOT}/describe.py long.csv --prompt"
    done = subprocess.run(["bash", "-c", limit], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "Series:" in done.stdout, done.stderr[-2000:]


def test_describing_needs_no_locks_of_unix():
    """Where fcntl cannot be had, as on Windows, a series can be described."""
    code = (
        "import sys; sys.modules['fcntl'] = None; import describe; "
        "print(len(list(describe.read_files(describe.parse_flags(['examples/nile.csv'])))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "1", done.stderr


@pytest.mark.parametrize("name", sorted(os.listdir(os.path.join(ROOT, "examples"))))
def test_the_examples_are_read_without_a_note(name):
    if name.endswith(".csv"):
        (one,) = described(os.path.join(ROOT, "examples", name))
        frame = pd.read_csv(os.path.join(ROOT, "examples", name))
        np.testing.assert_allclose(one.series.values, frame.iloc[:, 1])
        assert [note for note in one.notes if "points that stand for" not in note] == [] and one.series.kind in ("date", "year")
