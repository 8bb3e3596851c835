"""report.py on the files in results/: what is kept is replaced whole or not at all, and broken files are refused by name."""

import hashlib
import json
import os
import shutil

import pytest
from conftest import ROOT

from experiments import report
from llm_ts.base import cli

README = "# tables\n" + "".join(report.MARKERS) + "\nthe end\n"


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with results/README.md, a kept run `kept`, a copy of it in `run` and a suite's folder in `suites`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "README.md").write_text(README)
    for name, into in (("make-run", "results/kept"), ("make-run", "run"), ("shipped-all-processes", "suites")):
        shutil.copytree(os.path.join(ROOT, "results", name), tmp_path / into)
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def change(path, *names, value=None):
    """Give what the names lead to in a JSON file another value, or take it out."""
    whole = json.loads(path.read_text())
    place = whole
    for name in names[:-1]:
        place = place[name]
    if value is None:
        del place[names[-1]]
    else:
        place[names[-1]] = value
    path.write_text(json.dumps(whole))


def test_what_is_kept_is_shown(work):
    report.main(["--keep", "run/"])
    report.main(["--keep", "suites", "--name", "box"])
    text = (work / "results" / "README.md").read_text()
    assert text.startswith("# tables\n") and text.endswith("\nthe end\n")
    assert [text.count(f"### {name}\n") for name in ("kept", "run", "box")] == [1, 1, 1]
    means = json.loads((work / "suites" / "evaluation_unseen.json").read_text())["means"]
    noise = means["claims"]["all"]["noise"]
    line = next(line for line in text.splitlines() if line.startswith("| unseen |"))
    assert f"| {100 * noise['mean']:.0f} [{100 * noise['low']:.0f}, {100 * noise['high']:.0f}] |" in line
    assert (work / "results" / "curves.png").stat().st_size > 10_000


def test_the_kept_results_are_reported_to_the_same_digit(tmp_path, monkeypatch):
    """All tables of results/, made again; the hash is of the lines that were there when the tables were last cut."""
    shutil.copytree(os.path.join(ROOT, "results"), tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    before = (tmp_path / "results" / "README.md").read_text()
    report.main([])
    assert (tmp_path / "results" / "README.md").read_text() == before
    tables = before.split(report.MARKERS[0])[1].split(report.MARKERS[1])[0]
    sections = [section for section in tables.split("\n### ") if not section.startswith("make-run")]  # run again now and then
    lines = [line for section in sections for line in section.splitlines() if line[:1] == "|"]
    assert len(lines) == 180 and hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] == "ecef63e9f7251ea0"


def test_suites_of_one_student_share_a_table(work):
    report.main(["--keep", "suites", "--name", "box"])
    report.main(["--keep", "suites", "--name", "box-more"])
    change(work / "suites" / "about.json", "model", value="another")
    report.main(["--keep", "suites", "--name", "box-other"])
    text = (work / "results" / "README.md").read_text()
    assert [text.count(f"### {name}\n") for name in ("box", "box-more", "box-other")] == [1, 0, 1]
    assert text.count("| unseen, more | ") == 2 and text.count("| unseen | ") == 4


def test_of_a_run_the_first_and_the_last_checkpoint_are_shown(work):
    path = work / "run" / "evaluation_avant.json"
    for step in (7, 120, 900):
        shutil.copy(path, work / "run" / f"evaluation_checkpoint-{step}.json")
        change(work / "run" / f"evaluation_checkpoint-{step}.json", "step", value=step)
        change(work / "run" / f"evaluation_checkpoint-{step}.json", "name", value=f"step {step}")
    report.main(["--keep", "run"])
    section = (work / "results" / "README.md").read_text().split("### run\n")[1]
    assert [section.count(f"| step {step} |") for step in (7, 120, 900)] == [2, 0, 2]


BREAK = {
    "no evaluations": lambda work: [path.unlink() for path in (work / "run").glob("evaluation_*.json")],
    "no training.json": lambda work: (work / "run" / "training.json").unlink(),
    "an empty training.json": lambda work: (work / "run" / "training.json").write_text("{}"),
    "a list": lambda work: (work / "run" / "training.json").write_text("[]"),
    "no rank": lambda work: change(work / "run" / "training.json", "rank"),
    "a word for a number": lambda work: change(work / "run" / "training.json", "epochs", value="many"),
    "no samples": lambda work: change(work / "run" / "evaluation_avant.json", "samples", value={}),
    "another kept folder": lambda work: (
        shutil.copytree(work / "run", work / "results" / "other").joinpath("training.json").write_text("{}")
    ),
    "markers in another order": lambda work: (work / "results" / "README.md").write_text("".join(report.MARKERS[::-1])),
    "a sample of nothing": lambda work: change(work / "run" / "evaluation_avant.json", "samples", value=[{}]),
    "no text": lambda work: (work / "results" / "README.md").write_bytes(b"\xff\xfe" + README.encode()),
    "torn": lambda work: (work / "run" / "evaluation_avant.json").write_text('{"name": "unt'),
    "no README": lambda work: (work / "results" / "README.md").unlink(),
    "no marker": lambda work: (work / "results" / "README.md").write_text("# tables\n"),
}


@pytest.mark.parametrize("what", BREAK)
def test_a_broken_folder_replaces_nothing(work, what):
    BREAK[what](work)
    before = contents(work)
    with pytest.raises(cli.UserError):
        report.main(["--keep", "run", "--name", "kept"])
    assert contents(work) == before


def test_a_broken_suite_replaces_nothing(work):
    change(work / "suites" / "evaluation_unseen.json", "commonest")
    before = contents(work)
    with pytest.raises(cli.UserError, match="suites"):
        report.main(["--keep", "suites", "--name", "kept"])
    (work / "suites" / "about.json").write_text("{}")
    with pytest.raises(cli.UserError, match="suites"):
        report.main(["--keep", "suites", "--name", "kept"])
    assert {path for path in contents(work) if contents(work)[path] != before[path]} == {work / "suites" / "about.json"}


@pytest.mark.parametrize("name", ["../kept", "", ".", "..", "a/b"])
def test_a_name_stays_inside_results(work, name):
    before = contents(work)
    with pytest.raises(cli.UserError, match="--name"):
        report.main(["--keep", "run", "--name", name])
    assert contents(work) == before


def test_no_path_of_a_machine_is_kept(work):
    change(work / "run" / "evaluation_avant.json", "nli_model", value="claims (no NLI model: /home/me/x could not be loaded)")
    change(work / "run" / "training.json", "model", value="/home/me/models/base")
    report.main(["--keep", "run"])
    assert all(b"/home" not in content for path, content in contents(work / "results").items())
    assert "claims (no NLI model: x could not be loaded)" in (work / "results" / "README.md").read_text()


def test_without_results_the_readme_stays(work):
    shutil.rmtree(work / "results" / "kept")
    with pytest.raises(cli.UserError, match="nothing in results"):
        report.main([])
    with pytest.raises(cli.UserError, match="no evaluation"):
        report.main(["--keep", ""])
    assert (work / "results" / "README.md").read_text() == README
