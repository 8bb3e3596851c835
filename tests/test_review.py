"""What a human decides: verify.csv there and back, bad lines, the order of doubt.

Needs: LibreOffice's soffice for the real spreadsheet (else that test skips aloud).
"""

import csv
import io
import shutil
import subprocess
import zipfile

import pytest
from conftest import run_script
from described import bytes_of, curated_of, other, plant, rows_of, rows_with_gold, write_rows

from llm_ts.base import cli
from llm_ts.question import STUDY
from llm_ts.review import session, verify_csv

OWN = "=Il sale: the curve \u2019climbs\u2019 \u2013 na\u00efvely, from 0,5 to 0.75"


def table_of(folder):
    return list(csv.DictReader(io.StringIO((folder / "verify.csv").read_text("utf-8-sig"))))


def write_table(folder, lines, delimiter=",", encoding="utf-8"):
    with open(folder / "verify.csv", "w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, lines[0], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(lines)


@pytest.fixture(scope="module")
def curated(tmp_path_factory):
    """A folder of sixty rows with planted errors, curly quotes, accents and a formula's beginning, curated once."""
    folder = tmp_path_factory.mktemp("curated")
    rows = rows_with_gold(60)
    plant(rows)
    for number, row in enumerate(rows):
        words = "= " if number % 2 else ""
        row["gold"] = {name: f"{words}In the plot\u2019s na\u00efve window of 0.5, {text}" for name, text in row["gold"].items()}
    write_rows(folder, rows)
    run_script("curate.py", cwd=folder)
    return folder


@pytest.fixture
def folder(curated, tmp_path):
    return shutil.copytree(curated, tmp_path / "run")


@pytest.mark.parametrize("how", ["as it is", "semicolons", "tabs", "straight quotes", "decimal commas"])
def test_decisions_survive_a_spreadsheet(folder, how):
    lines = table_of(folder)
    assert len(lines) > 5 and not any(value.startswith(("=", "+", "-", "@")) for line in lines for value in line.values())
    assert any(line["gold"].startswith("'= In") for line in lines)
    for line in lines:
        line["decision"] = "Truth "
        if how == "straight quotes":
            line["gold"] = line["gold"].replace("\u2019", "'").removeprefix("'")
        if how == "decimal commas":
            line["gold"] = line["gold"].replace("0.5", "0,5")
    lines[0] |= {"decision": " Own", "own": OWN}
    write_table(folder, lines, {"semicolons": ";", "tabs": "\t"}.get(how, ","), "utf-8-sig")
    for _ in range(2):
        out = run_script("curate.py", cwd=folder).stdout
        assert "to_verify_sentences: 0 (" in out and "fit_no_sentence" not in out
        sentence = curated_of(folder)[lines[0]["id"]][lines[0]["sentence"]]
        assert (sentence["status"], sentence["text"]) == ("verified", OWN)
        assert sentence["reason"].endswith("; decided for own")
        line = table_of(folder)[0]
        assert (line["decision"], line["own"]) == ("own", "'" + OWN)  # no formula


def test_a_decision_that_fits_no_sentence_is_said_and_kept(folder):
    lines = [line | {"decision": "truth"} for line in table_of(folder)]
    lines[0]["gold"] = "Something else."
    write_table(folder, lines)
    out = run_script("curate.py", cwd=folder).stdout
    assert "to_verify_sentences: 1 (" in out and f"decisions_that_fit_no_sentence: 1 of {len(lines)}" in out
    assert "Something else." in (folder / "verify.csv").read_text("utf-8-sig")


@pytest.mark.slow
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_real_spreadsheet_keeps_every_decision_and_computes_nothing(tmp_path, separator):
    if not shutil.which("soffice"):
        pytest.skip("LibreOffice is missing: no real spreadsheet was tried")

    def convert(name, to, *more):
        command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", *more, "--convert-to", to, name]
        subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=True)

    rows = rows_with_gold(60)
    plant(rows)
    for number, row in enumerate(rows):
        begin = ("=1+1; ", "+", "-3.50 ", "@sum, ", "\"quoted\" ", "")[number % 6]
        row["gold"] = {name: f"{begin}In the plot\u2019s na\u00efve window of 0.5, {text}" for name, text in row["gold"].items()}
    write_rows(tmp_path, rows)
    run_script("curate.py", cwd=tmp_path)
    lines = table_of(tmp_path)
    for number, line in enumerate(lines):
        line |= ({"decision": "gold"}, {"decision": "truth"}, {"decision": "own", "own": "'" + OWN})[number % 3]
    write_table(tmp_path, lines, encoding="utf-8-sig")
    convert("verify.csv", "ods", "--infilter=CSV:44,34,76,1")
    assert "formula" not in zipfile.ZipFile(tmp_path / "verify.ods").read("content.xml").decode()
    (tmp_path / "verify.csv").unlink()
    convert("verify.ods", f"csv:Text - txt - csv (StarCalc):{ord(separator)},34,76,1")
    out = run_script("curate.py", cwd=tmp_path).stdout
    assert "to_verify_sentences: 0 (" in out and "fit_no_sentence" not in out
    curated, by_id = curated_of(tmp_path), {row["id"]: row for row in rows}
    for line in lines:
        row, name = by_id[line["id"]], line["sentence"]
        text = {"gold": row["gold"][name], "truth": row["truth"]["sentences"][name], "own": OWN}[line["decision"]]
        assert (curated[line["id"]][name]["status"], curated[line["id"]][name]["text"]) == ("verified", text)


def test_a_decision_holds_for_sentences_that_were_not_to_verify(folder):
    row_id, curated = next((i, c) for i, c in curated_of(folder).items() if c["extrema"]["status"] == "replaced")
    gold = {row["id"]: row["gold"] for row in rows_of(folder)}[row_id]["extrema"]
    blank = dict.fromkeys(verify_csv.COLUMNS, "")
    lines = table_of(folder)
    write_table(folder, [*lines, blank | {"id": row_id, "sentence": "extrema", "gold": gold, "decision": "gold"}])
    run_script("curate.py", cwd=folder)
    assert curated_of(folder)[row_id]["extrema"]["text"] == gold != curated["extrema"]["text"]
    assert len(table_of(folder)) == len(lines) + 1


@pytest.mark.parametrize(("change", "why"), [
    ({"decision": "perhaps"}, "decision 'perhaps' is not gold, truth or own"), ({"decision": "own"}, "the column own is empty"),
    ({"decision": "gold", "own": "It rises."}, "the decision is 'gold'"), ({"own": "It rises."}, "the decision is ''"),
    ({"decision": "own", "own": "It rises. " * 50}, "1 to 400 letters"), ({"id": "ou_000999", "decision": "gold"}, "another data file"),
    ({"decision": "own", "own": "It \x1b[31mrises."}, "can be printed"),
    ({"gold": "Something else.", "decision": "gold"}, "none of its 1 decisions"),
])  # fmt: skip
def test_bad_lines_are_one_line_and_nothing_is_lost(folder, change, why):
    lines = table_of(folder)
    lines[2] |= change
    write_table(folder, lines)
    before = bytes_of(folder)
    done = run_script("curate.py", cwd=folder, code=2)
    assert why in done.stderr and "\x1b" not in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert bytes_of(folder) == before


@pytest.mark.parametrize(("old", "new", "why"), [
    (",own\n", ",own,own\n", "its columns must be id, sentence"), (",own\n", "\n", "its columns must be id, sentence"),
    (",,\n", ",own,It rises, then falls.\n", "it needs 8 cells"), (",,\n", ",\n", "it needs 8 cells"),
])  # fmt: skip
def test_a_table_of_another_shape_is_refused(folder, old, new, why):
    text = (folder / "verify.csv").read_text("utf-8-sig")
    assert old in text
    (folder / "verify.csv").write_text(text.replace(old, new, 1))
    before = bytes_of(folder)
    assert why in run_script("curate.py", cwd=folder, code=2).stderr
    assert bytes_of(folder) == before
    with zipfile.ZipFile(folder / "verify.csv", "w") as book:
        book.writestr("content.xml", "\0" * 100)
    assert "is not a CSV file" in run_script("curate.py", cwd=folder, code=2).stderr


def test_two_decisions_on_one_sentence_are_refused_with_both(folder):
    lines = table_of(folder)
    twice = [lines[0] | {"decision": "gold"}, lines[0] | {"decision": "truth"}]
    write_table(folder, [*twice, *lines[1:]])
    assert "gold above, truth here" in run_script("curate.py", cwd=folder, code=2).stderr
    write_table(folder, [twice[0], twice[0], *lines[1:]])  # the same twice says nothing new
    run_script("curate.py", cwd=folder)
    assert len(table_of(folder)) == len(lines)


def bases_of(rows):
    """`curated` of rows without decisions, by the planted status alone: noise to verify in each fifth row."""
    bases = {}
    for number, row in enumerate(rows):
        status = "verify" if number % 5 == 0 else "kept"
        bases[row["id"]] = {
            name: {"text": text, "status": status if name == "noise" else "kept", "reason": "agrees"}
            for name, text in row["gold"].items()
        }
    return bases


def test_where_the_teachers_disagree_comes_first():
    rows = rows_with_gold(20)
    bases = bases_of(rows)
    for number, row in enumerate(rows):
        second = dict(row["gold"])
        if number in (10, 11):  # 11 is not to be looked at: what the second says of it asks for nothing
            second["noise"] = STUDY.say({claim: other(claim, row["truth"][claim]) for claim in STUDY.claims})["noise"]
        if number != 15:
            row["second"] = {"gold": second, "teacher": {}}
    items = [(row["id"], name) for row, name in session.order_of_doubt(rows, bases)]
    ids = [row["id"] for row in rows]
    assert items[:4] == [(ids[10], "noise"), (ids[0], "noise"), (ids[5], "noise"), (ids[15], "noise")]
    assert len(items) == 4


def test_a_decision_that_could_not_be_saved_is_taken_back():
    rows = rows_with_gold(10)
    kept, fails = [], []

    def save(row):
        if fails:
            raise OSError("disk full")
        kept.append(dict(review.decisions))

    review = session.Review(rows, bases_of(rows), {}, save)
    review.decide(0, "truth")
    assert review.decide(1, "own", " It  rises. ")["own"] == "It rises." and len(kept[-1]) == 2
    before = dict(review.decisions)
    fails.append(True)
    for attempt in (lambda: review.decide(0, "gold"), lambda: review.decide(1, "")):
        with pytest.raises(OSError):
            attempt()
        assert review.decisions == before
    with pytest.raises(cli.UserError, match="letters"):
        review.decide(0, "own", "  ")
