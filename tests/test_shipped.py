"""The shipped adapter: its README's five lines of PEFT open it, describe.py uses it unasked, and it reads plain shapes.

Needs: models/ (python fetch.py smollm2).
"""

import os
import re
import shutil
import subprocess

import pytest
from conftest import ROOT, run_script, start

from llm_ts.base import cli, paths
from llm_ts.data import pair
from llm_ts.pairs import fresh
from llm_ts.pictures import plot
from llm_ts.question import STUDY
from llm_ts.student import answer
from llm_ts.student.student import Student

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("smollm2")]

RAMP = [round(99 * i / 63) for i in range(64)]


def test_its_readme_opens_it_with_peft(monkeypatch):
    monkeypatch.chdir(ROOT)
    with open(os.path.join(paths.SHIPPED, "README.md"), encoding="utf-8") as file:
        lines = re.search(r"```python\n(from peft.*?)```", file.read(), re.DOTALL)[1]
    assert len(lines.strip().splitlines()) == 5
    opened = {}
    exec(lines, opened)
    prompts = [STUDY.prompt_of(series, "thirds") for series in (RAMP, RAMP[::-1])]
    answers = answer.generate(opened["model"], opened["tokenizer"], prompts, 2, 64)
    for series, text in zip((RAMP, RAMP[::-1]), answers):
        parsed, truth = STUDY.parse(text), STUDY.truth_of(series)
        assert parsed.parse == "strict"
        assert parsed.read == {claim: truth[claim] for claim in STUDY.claims}


def test_describe_needs_no_model_to_be_named_and_prints_nothing_of_the_libraries(tmp_path):
    (tmp_path / "fall.csv").write_text("litres\n" + "\n".join(f"{900 - 7.5 * i}" for i in range(60)))
    process = start("describe.py", "fall.csv", cwd=tmp_path, env={**os.environ, "TRANSFORMERS_VERBOSITY": "warning"}, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0 and out.startswith("series: litres") and out.count(" right") == len(STUDY.claims)
    assert "The trend is decreasing." in out and not [line for line in err.splitlines() if not line.startswith("note: first use")]


@pytest.mark.parametrize("folder", [paths.SHIPPED, paths.SHIPPED_SEES])
def test_it_is_small_and_holds_no_pickle(folder):
    sizes = {name: os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)}
    assert sum(sizes.values()) < 20e6
    assert {name.rpartition(".")[2] for name in sizes} == {"json", "md", "safetensors"}


def test_the_one_with_eyes_describes_a_picture_and_a_file(sees, tmp_path):
    """Plots drawn here, of plain shapes: from the picture alone, and from the numbers that it draws itself, with verdicts."""
    for name, series in (("rises", RAMP), ("falls", RAMP[::-1])):
        plot.Plotter(64).save(series, str(tmp_path / f"{name}.png"))
        said = run_script("describe.py", "--image", f"{name}.png", cwd=tmp_path).stdout
        assert STUDY.parse(said[said.index("{") : said.index("}") + 1]).read == {
            claim: STUDY.truth_of(series)[claim] for claim in STUDY.claims
        }
    (tmp_path / "fall.csv").write_text("litres\n" + "\n".join(f"{900 - 7.5 * i}" for i in range(60)))
    done = run_script("describe.py", "fall.csv", "--model", paths.SHIPPED_SEES, cwd=tmp_path)
    assert "drawn as a plot" in done.stdout and done.stdout.count(" right") == len(STUDY.claims)


def test_its_base_is_named_where_it_is_missing(tmp_path):
    shutil.copytree(paths.SHIPPED_SEES, tmp_path / "trained" / "sees")
    image = os.path.join(ROOT, "dataset", "ou_000000.png")
    done = run_script("describe.py", "--image", image, "--model", "trained/sees", cwd=tmp_path, code=2)
    assert "experiments.pretrain_tower" in done.stderr and "make sees" in done.stderr


def test_the_one_with_eyes_sees_the_same_as_a_gguf(sees, tmp_path, llama_cpp):
    """Exported in f16 and asked through llama.cpp: the answers to eight plots, of a size that has to be squeezed."""
    flags = ["--lora", paths.SHIPPED_SEES, "--quant", "f16", "--rows", "4", "--min-equal", "0", "--outfile", "x.gguf"]
    run_script("hf2gguf.py", *flags, cwd=tmp_path)
    rows = [pair.show(row, "image") for row in fresh.pairs("validation", [(128, 128, 8)], "thirds")]
    prompts = [pair.asked_with(row) for row in rows]
    ours, theirs = (Student(name, see="image").ask(prompts, 64) for name in (paths.SHIPPED_SEES, str(tmp_path / "x.gguf")))
    assert sum(a == b for a, b in zip(ours, theirs)) >= 7 and len(set(ours)) > 2
    (tmp_path / "x-mmproj.gguf").write_bytes(b"no projector")
    with pytest.raises(cli.UserError, match="x-mmproj.gguf is not a GGUF file"):
        Student(str(tmp_path / "x.gguf"), see="image").ask(prompts[:1], 8)
    shutil.copy(tmp_path / "x.gguf", tmp_path / "x-mmproj.gguf")  # a whole file, but no projector
    with pytest.raises(cli.UserError, match="cannot use .*x-mmproj.gguf"):
        Student(str(tmp_path / "x.gguf"), see="image").ask(prompts[:1], 8)
