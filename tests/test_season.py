"""A fourth topic as its user meets it: seasonal series beside OU ones, through every stage to four sentences of a student.

Needs: models/ and build/llama.cpp (python fetch.py smollm2 minilm llama.cpp).
"""

import json
import os
import re
import shutil

import numpy as np
import pytest
from conftest import ROOT, run_script
from described import bytes_of, numbers_in, rows_of, write_rows

from llm_ts import question, series, task
from llm_ts.base import cli, disk
from llm_ts.data import pair
from llm_ts.pairs import fresh, suites
from llm_ts.scores import evaluation
from llm_ts.series import PROCESSES, rows
from llm_ts.series.scale import rescale
from llm_ts.student import origin
from llm_ts.student.student import Student
from llm_ts.task import Task

SEASON = question.named("trend,noise,extrema,season")
MAKE = ("--points", 24)


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """A folder whose data.jsonl holds OU and seasonal series of a question with four topics, described and curated."""
    folder = tmp_path_factory.mktemp("season")
    run_script("ou_process.py", "--count", 60, *MAKE, "--question", SEASON.name, cwd=folder)
    run_script("ou_process.py", "--process", "season", "--count", 60, *MAKE, cwd=folder)
    run_script("mistral.py", "--dryrun", cwd=folder)
    run_script("curate.py", cwd=folder)
    return folder


def test_both_kinds_stand_in_one_file_and_are_the_numbers_of_their_dat_files(described):
    there = rows_of(described)
    assert [row["id"][:4] for row in there] == ["ou_0"] * 60 + ["seas"] * 60
    for row in there:
        assert row["question"] == SEASON.name and set(row["gold"]) == {"trend", "noise", "extrema", "season"}
        kept = np.loadtxt(described / "dataset" / f"{row['id']}.dat")[:, 1]
        assert (kept.min(), kept.max()) == (row["raw_min"], row["raw_max"])  # written by repr: read back exactly
        assert rescale(kept[None])[0][0].tolist() == row["series"]
    seasons = [row["truth"]["turns"] for row in there]
    assert seasons[:60].count("no") > 48 and seasons[60:].count("no") < 12


def test_a_process_draws_by_its_name_alone(monkeypatch):
    """Another order of the list, and another process in it, change no series of those that are there."""
    made = {name: rows.make(3, range(5), 64, process=process) for name, process in PROCESSES.items()}
    turned = {"new": object(), **dict(reversed(PROCESSES.items()))}
    monkeypatch.setattr(series, "PROCESSES", turned)
    monkeypatch.setattr(rows, "PROCESSES", turned, raising=False)
    for name, (there, paths) in made.items():
        again = rows.make(3, range(5), 64, process=turned[name])
        assert there == again[0] and (paths == again[1]).all()
    every = [tuple(row["series"]) for there, _ in made.values() for row in there]
    assert len(set(every)) == len(every) == 5 * len(PROCESSES)


def test_the_other_question_needs_another_file(described, tmp_path):
    run_script("ou_process.py", "--count", 3, *MAKE, cwd=tmp_path)
    study = (tmp_path / "data.jsonl").read_bytes()
    done = run_script("ou_process.py", "--count", 3, *MAKE, "--question", SEASON.name, cwd=tmp_path, code=2)
    assert f"is for the question 'study', not {SEASON.name!r}: give another --data" in done.stderr
    assert (tmp_path / "data.jsonl").read_bytes() == study
    mixed = tmp_path / "mixed.jsonl"
    seasonal = [line for line in (described / "data.jsonl").read_bytes().splitlines(keepends=True) if b'"season_' in line]
    mixed.write_bytes(study + seasonal[0])
    for script in ("convert.py", "ou_process.py"):
        assert f"questions study, {SEASON.name}" in run_script(script, "--data", mixed, cwd=tmp_path, code=2).stderr


def test_fresh_series_and_suites_follow_the_question_and_the_processes():
    made = fresh.pairs("train", [(32, 64, 40)], "thirds", question=SEASON, processes=("ou", "season"))
    assert [row["process"] for row in made] == ["ou", "season"] * 20
    plain = fresh.pairs("train", [(32, 64, 40)], "thirds")
    assert [row["series"] for row in made][::2] == [row["series"] for row in plain][::2]  # the OU ones are the same series
    for suite in suites.SUITES:
        for row in suites.rows(suite, 3, 64, "thirds", SEASON):
            assert row["question"] == SEASON.name and "four sentences" in pair.prompt_of(row)
            if suite not in ("zeroed", "shuffled"):
                assert SEASON.parse(pair.answer_of(row)).read == {claim: row["truth"][claim] for claim in SEASON.claims}


def test_a_student_is_examined_on_the_processes_that_it_learnt():
    made = suites.rows("unseen", 40, 64, "thirds", SEASON, ("ou", "season"))
    labels = [row["truth"]["turns"] for row in made]
    assert labels[1::2].count("no") < 5 and labels[::2].count("no") > 15
    assert made[::2] == suites.rows("unseen", 40, 64, "thirds", SEASON)[::2]


def test_a_student_that_nothing_is_known_of_is_asked_what_the_run_asks():
    assert origin.task_of(None) == Task() and origin.task_of(None, question=SEASON.name).question == SEASON
    learnt = Task(SEASON, "thirds", points=(24,))
    assert origin.task_of(learnt) == learnt and origin.task_of(learnt, "study").format == "study"


def test_a_few_test_rows_are_of_every_process():
    rows_of = [{"id": f"{name}_{k}", "process": name} for name in ("season", "ou") for k in range(5)]
    assert [row["id"] for row in pair.first_of(rows_of, 5)] == ["season_0", "season_1", "ou_0", "ou_1", "ou_2"]
    assert pair.first_of(rows_of, 0) == rows_of and pair.first_of(rows_of[5:], 2) == rows_of[5:7]


@pytest.fixture(scope="module")
def trained(described, tiny_model, embedder):
    """The folder of a student that was taught four sentences, which it is too small to learn, and what its training printed."""
    before = shutil.copytree(tiny_model, described / "before")
    (before / "training.json").write_text(json.dumps({"task": Task(format="thirds", points=(24,)).to_json()}))
    scoring = ("--embedder", embedder, "--nli", "none")
    run_script("convert.py", "--format", "thirds", "--words", "template", "--diagnostics", 0, cwd=described)
    done = run_script(
        "qwen_train.py", "--model", tiny_model, "--out", "toy", "--epochs", 1, "--batch-size", 8, "--save-steps", 1000, "--no-gguf",
        "--validation", 4, "--max-new-tokens", 8, "--eval-rows", 4, "--beside", before, *scoring, cwd=described,
    )  # fmt: skip
    return described / "toy", done.stdout


def test_its_tables_have_the_columns_of_its_question(trained):
    folder, said = trained
    head = next(line for line in said.splitlines() if line.startswith("on all rows"))
    assert head.split()[-6:] == ["trend", "noise", "max", "min", "turns", "all_five"]
    beside = re.search(r"^beside  +\d.*", said, re.M)[0]
    assert beside.split()[-2:] == ["-", "-"]  # the student beside was asked its own three sentences
    assert evaluation.read(str(folder / "evaluation_beside.json"))["task"]["question"] == "study"
    teacher = evaluation.read(str(folder / "evaluation_teacher.json"))
    assert teacher["task"]["question"] == SEASON.name and set(teacher["means"]["claims"]["all"]) == {*SEASON.claims, "all_five"}
    assert json.loads((folder / "final" / "training.json").read_text())["task"]["question"] == SEASON.name
    page = run_script("ts_check_training.py", "evaluation_teacher.json", cwd=folder).stdout
    assert re.search(r"turns (right|wrong)", page) and "turns:" in (folder / "plotdiag" / "index.html").read_text()


@pytest.fixture
def right(monkeypatch):
    """Every student says what is true, in as many sentences as it is asked for: what is tested is who asks for how many."""

    def ask(self, prompts, *more, **how):
        asked = [next(asks for asks in (*question.QUESTIONS.values(), SEASON) if text.startswith(asks.instruction)) for text in prompts]
        truths = [asks.truth_of(numbers_in(text)) for asks, text in zip(asked, prompts)]
        return [asks.answer_of(truth["sentences"]) for asks, truth in zip(asked, truths)]

    monkeypatch.setattr(Student, "ask", ask)


def check_four_sentences(done):
    """What describe.py printed is an answer of four sentences, and a table with a line for each claim."""
    said = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    assert list(said) == ["trend", "noise", "extrema", "season"] and all(said.values())
    table = [line.split() for line in done.stdout.splitlines() if line.startswith(SEASON.claims)]
    assert [line[0] for line in table] == list(SEASON.claims) and table[-1][1:3] == ["4", "4"]


@pytest.fixture
def wave(tmp_path):
    path = tmp_path / "wave.csv"
    path.write_text("x\n" + "".join(f"{np.sin(2 * np.pi * i / 6):.3f}\n" for i in range(24)))
    return path


def test_it_is_asked_for_four_sentences(trained, right, wave):
    folder, _ = trained
    check_four_sentences(run_script("describe.py", wave, "--model", folder, cwd=folder))
    assert origin.of(str(folder)) == Task(SEASON, "thirds", "numbers", ("ou", "season"), (24,))


@pytest.mark.slow
def test_its_gguf_is_asked_for_four_sentences(trained, right, wave, llama_cpp):
    folder, _ = trained
    run_script("hf2gguf.py", "--lora", "final", "--quant", "f16", "--rows", 4, "--min-equal", 0, "--outfile", "toy.gguf", cwd=folder)
    assert origin.of(str(folder / "toy.gguf")) == origin.of(str(folder))
    check_four_sentences(run_script("describe.py", wave, "--model", "toy.gguf", cwd=folder))


def test_it_is_examined_by_its_own_question(trained, embedder):
    folder, _ = trained
    flags = ("--suite", "seasonal", "--count", 2, "--points", 24, "--embedder", embedder, "--nli", "none")
    assert "all_five" in run_script("examine.py", "--model", folder, *flags, cwd=folder).stdout
    assert json.loads((folder / "suites" / "about.json").read_text())["task"]["question"] == SEASON.name


def test_a_question_of_a_later_version_is_named_in_one_line(described, embedder, tmp_path):
    lines = (described / "data.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "data.jsonl").write_text(lines[0].replace(f'"question": "{SEASON.name}"', '"question": "colour"'))
    content = disk.read_json(os.path.join(ROOT, "results", "make-run", "evaluation_teacher.json"), "x.py")
    other = {**content["task"], "question": "colour"}
    (tmp_path / "evaluation.json").write_text(json.dumps({**content, "task": other}))
    (tmp_path / "training.json").write_text(json.dumps({"task": {**other, "question": ["colour"]}}))
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "base"}')
    example = os.path.join(ROOT, "examples", "co2.csv")
    for script, *flags in (
        ("convert.py",), ("ou_process.py", "--truth"), ("mistral.py", "--dryrun"), ("curate.py",), ("examine.py", "--model", tmp_path),
        ("describe.py", example, "--column", "ppm", "--model", tmp_path),
    ):  # fmt: skip
        done = run_script(script, *flags, cwd=tmp_path, code=2)
        assert "colour" in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    with pytest.raises(cli.UserError, match="colour"):
        evaluation.read(str(tmp_path / "evaluation.json"))
    with pytest.raises(cli.UserError, match="colour"):
        task.from_mark("llm_ts " + json.dumps(other), "x.gguf")


@pytest.mark.parametrize(
    ("change", "scripts", "why"),
    [
        (lambda k, row: k % 2 and row.update(question="study"), ("mistral.py", "curate.py", "convert.py"), f"questions {SEASON.name}, study"),
        (lambda k, row: row.pop("question"), ("mistral.py", "curate.py", "convert.py"), "does not say its question"),
        (lambda k, row: row["params"].pop("process"), ("convert.py",), "does not say its process"),
        (lambda k, row: row.update(params=[1]), ("convert.py",), "its params is not an object"),
        (lambda k, row: row.update(params={"process": "tides"}), ("convert.py",), "no process 'tides'"),
        (lambda k, row: row["gold"].update(season=" "), ("mistral.py", "curate.py", "convert.py"), "its gold is not the four sentences"),
    ],
)
def test_rows_that_were_edited_are_refused_by_name(described, tmp_path, change, scripts, why):
    there = rows_of(described)
    for number, row in enumerate(there):
        change(number, row)
    write_rows(tmp_path, there)
    before = bytes_of(tmp_path)
    for script in scripts:
        flags = {"mistral.py": ["--dryrun"], "convert.py": ["--diagnostics", "0"]}.get(script, [])
        done = run_script(script, *flags, cwd=tmp_path, code=2)
        assert why in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert bytes_of(tmp_path) == before


def test_pairs_that_are_mixed_or_lost_their_question_are_refused(described, tmp_path):
    path, there = tmp_path / "pairs.jsonl", rows_of(described)[:2]
    made = [pair.make(row, "thirds", split, row["truth"]["sentences"]) for row, split in zip(there, ("train", "test"))]
    pair.write(str(path), [*made, {**made[0], "id": "ou_000099", "question": "study"}])
    with pytest.raises(cli.UserError, match=f"questions {SEASON.name}, study"):
        pair.read(str(path))
    pair.write(str(path), made)
    path.write_text(path.read_text().replace(f'"question": "{SEASON.name}", ', '"question": "study", '))
    with pytest.raises(cli.UserError, match="are not those of the question 'study'"):
        pair.read(str(path))


@pytest.mark.parametrize(
    ("name", "value"),
    [("version", 0), ("version", None), ("question", "colour"), ("rules", {}), ("format", "roman"), ("format", ["thirds"]), ("see", "both"),
     ("processes", ["tides"]), ("processes", "ou"), ("points", 32), ("points", ["3"]), ("prompt_version", None)],
)  # fmt: skip
def test_a_task_that_nobody_knows_is_one_line(name, value):
    about = {**Task(points=(24,)).to_json(), name: value}
    for broken in (about, {key: kept for key, kept in about.items() if key != name}):
        with pytest.raises(cli.UserError, match="^x.gguf"):
            task.from_mark("llm_ts " + json.dumps(broken), "x.gguf")


def test_what_is_older_or_none_of_ours():
    with pytest.raises(cli.UserError, match="x.gguf was made by an older version: export it again"):
        task.from_mark("llm_ts format=thirds points=48 prompt_version=1", "x.gguf")
    with pytest.raises(cli.UserError, match="training.json does not say its task .*an older version"):
        task.of({"format": "thirds", "points": [24], "prompt_version": 1}, "training.json")
    assert task.from_mark("a model of somebody", "x.gguf") is None and task.from_mark("", "x.gguf") is None
