"""Export to GGUF and describing one's own series, with a tiny model through the real converters and llama.cpp.

Needs: models/ and build/llama (python fetch.py smollm2 llama.cpp); else they skip aloud.
Run: python -m pytest -q tests/test_export_describe.py
"""

import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import RAMP, ROOT, run_script
from gguf import GGUFReader

from llm_ts.base import cli
from llm_ts.data import pair
from llm_ts.desk import draw, prepare
from llm_ts.export import compare
from llm_ts.gguf import gguf_file
from llm_ts.pairs import fresh
from llm_ts.question import STUDY
from llm_ts.series import rows as series_rows
from llm_ts.series.scale import integers_of, rescale
from llm_ts.student import answer, load, origin
from llm_ts.student.student import Student
from llm_ts.table.read import Options
from llm_ts.task import Task

PROMPT = STUDY.prompt_of(RAMP, "thirds")
LEARNT = Task(format="thirds", points=(32,))


def answers(done):
    """(transformers' answer, llama.cpp's) as hf2gguf.py printed them."""
    before, after = done.stdout.split("transformers: ")[1].split("\nllama.cpp:    ")
    return before, after.split("\nsame: ")[0]


@pytest.mark.slow
def test_merged_and_separate_exports_answer_as_the_adapter_does(adapter, tmp_path):
    said = {}
    for strategy in ("merge", "separate"):
        out = tmp_path / f"{strategy}.gguf"
        flags = ["--lora", adapter, "--strategy", strategy, "--quant", "f32", "--outfile", out]
        done = run_script("hf2gguf.py", *flags, cwd=tmp_path)
        before, said[strategy] = answers(done)
        # a random model's next words are nearly ties: long after the start, rounding decides between them
        assert len(before) > 200 and said[strategy][:200] == before[:200]
    assert said["merge"][:200] == said["separate"][:200]
    plain = Student(str(tmp_path / "separate.gguf")).ask([PROMPT])[0]
    assert plain[:50] != said["separate"][:50], "the adapter must change the answer, or this test shows nothing"
    names = ["merge-compared.json", "merge.Modelfile", "merge.gguf", "separate-compared.json", "separate-lora.gguf"]
    names += ["separate.Modelfile", "separate.gguf"]
    assert sorted(os.listdir(tmp_path)) == names


@pytest.mark.slow
def test_an_export_that_cannot_say_its_format_says_that(adapter, tmp_path):
    shutil.copytree(adapter, tmp_path / "alone" / "final", ignore=shutil.ignore_patterns("training.json"))
    flags = ["--lora", "alone/final/", "--quant", "q8_0", "--rows", "2", "--outfile", "x.gguf"]
    assert "neither will the file" in run_script("hf2gguf.py", *flags, cwd=tmp_path).stderr
    assert origin.of(str(tmp_path / "x.gguf")) is None


@pytest.mark.slow
def test_a_student_of_all_weights_is_exported_as_its_run(adapter, tiny_model, tmp_path):
    run = tmp_path / "Toy"
    shutil.copytree(tiny_model, run / "final")
    for name in ("training.json", "test_rows.jsonl"):
        shutil.copy(adapter.parent / name, run)
    rows, source = compare.rows_of(str(run / "final"), LEARNT, 5)
    assert [row["series"] for row in rows] == [RAMP] and source == "test rows" and pair.prompt_of(rows[0]) == PROMPT
    run_script("hf2gguf.py", "--base", run / "final", "--quant", "f32", "--outfile", "x.gguf", cwd=tmp_path)
    assert origin.of(str(tmp_path / "x.gguf")).format == "thirds"
    assert GGUFReader(tmp_path / "x.gguf").get_field("general.name").contents() == "Toy"


@pytest.mark.parametrize("flag", ["use_rslora", "use_dora"])
def test_adapters_that_llama_cpp_gets_wrong_are_refused(adapter, tmp_path, flag):
    copy = tmp_path / "adapter"
    copy.mkdir()
    config = {**json.loads((adapter / "adapter_config.json").read_text()), flag: True}
    (copy / "adapter_config.json").write_text(json.dumps(config))
    flags = ["--lora", copy, "--strategy", "separate", "--outfile", tmp_path / "x.gguf"]
    done = run_script("hf2gguf.py", *flags, cwd=tmp_path, code=2)
    assert flag in done.stderr and not (tmp_path / "x.gguf").exists()


@pytest.mark.parametrize("quant", ["iq2_xxs", "Q2_K_S", "q3_K_M", "tq1_0", "q8_0_more"])
def test_a_type_of_fewer_than_four_bits_is_none(quant):
    with pytest.raises(cli.UserError, match="no quantisation .* give f32, f16, bf16, q8_0 or one of Q4_0, "):
        gguf_file.quantiser_type(quant)
    assert gguf_file.quantiser_type("q4_K_M") == gguf_file.quantiser_type("Q4_k_m") != gguf_file.quantiser_type("q6_K")


def test_judging_counts_labels_and_rows():
    rows = fresh.pairs("test", [(32, 32, 3)], "thirds")
    right = [pair.answer_of(row) for row in rows]
    other = {"increasing": "decreasing", "decreasing": "flat", "flat": "increasing"}
    labels = {**rows[0]["truth"], "trend": other[rows[0]["truth"]["trend"]]}
    wrong = STUDY.answer_of(STUDY.say(labels))
    means = compare.judge(rows, right, [wrong, right[1], "no JSON"])
    assert {key: (mean["mean"], mean["n"]) for key, mean in means.items()} == {
        "readable": (1.0, 3), "equal": (round(7 / 12, 4), 12), "before": (1.0, 3), "after": (0.3333, 3),
    }  # fmt: skip
    assert (compare.least_equal("Q8_0"), compare.least_equal("q4_K_M")) == (0.99, 0.97)


@pytest.mark.slow
def test_a_file_that_is_not_good_is_named_so_and_the_old_one_stays(adapter, tmp_path, monkeypatch):
    """The student answers in a way that no export can: so all labels differ, and what stood there stays."""
    from hf2gguf import main

    old = tmp_path / "x.gguf"
    old.write_text("the old file")
    said = STUDY.answer_of(STUDY.say({"trend": "flat", "noise": "low", "max": "end", "min": "middle"}))
    monkeypatch.setattr(answer, "generate", lambda model, processor, prompts, *more: [said] * len(prompts))
    flags = ["--lora", str(adapter), "--quant", "q8_0", "--outfile", str(old)]
    assert main(flags) == 1
    assert old.read_text() == "the old file"
    assert sorted(os.listdir(tmp_path)) == ["x-not-equal-compared.json", "x-not-equal.Modelfile", "x-not-equal.gguf", "x.gguf"]
    kept = json.loads((tmp_path / "x-not-equal-compared.json").read_text())
    assert (kept["good"], kept["equal"]["mean"], kept["equal"]["n"], kept["rows"]) == (False, 0.0, 4, "test rows")
    assert main([*flags, "--min-equal", "0"]) == 0
    assert old.read_bytes().startswith(b"GGUF") and json.loads((tmp_path / "x-compared.json").read_text())["good"]


@pytest.mark.slow
def test_nothing_replaces_an_old_file_before_the_new_one_has_answered(adapter, tmp_path, monkeypatch):
    from hf2gguf import main

    old = tmp_path / "x.gguf"
    old.write_text("the old file")
    monkeypatch.setattr(gguf_file.Llama, "ask", lambda llama, prompts, most: [""] * len(prompts))
    with pytest.raises(cli.UserError, match="answers nothing"):
        main(["--lora", str(adapter), "--quant", "q8_0", "--outfile", str(old)])
    assert os.listdir(tmp_path) == ["x.gguf"] and old.read_text() == "the old file"


def test_several_types_are_made_in_one_go_and_compared(adapter, tmp_path):
    """Smaller ones of fewer bits, each of which says what its student learnt."""
    flags = ["--lora", adapter, "--quant", "q8_0,Q4_0", "--min-equal", "0", "--outfile", "x.gguf"]
    said = run_script("hf2gguf.py", *flags, cwd=tmp_path).stdout
    names = [f"x-{kind}{end}" for kind in ("Q4_0", "q8_0") for end in ("-compared.json", ".Modelfile", ".gguf")]
    assert sorted(os.listdir(tmp_path)) == names
    assert [line.split()[0] for line in said.splitlines() if line.strip()[:2] in ("q8", "Q4")][-2:] == ["q8_0", "Q4_0"]
    small, large = (str(tmp_path / f"x-{kind}.gguf") for kind in ("Q4_0", "q8_0"))
    assert os.path.getsize(small) < os.path.getsize(large)
    assert origin.of(small) == origin.of(large) == LEARNT


def test_the_wrong_base_is_noticed_wherever_it_is_loaded(adapter, tiny_model, tmp_path):
    """An adapter keeps a fingerprint of its base, the same in any dtype and any file; other weights are refused."""
    import torch
    from transformers import AutoModelForCausalLM

    copy, other = tmp_path / "run" / "final", tmp_path / "other"
    shutil.copytree(adapter, copy)
    model, tokenizer = load.load(tiny_model, torch.float32)
    about = json.loads((adapter.parent / "training.json").read_text())
    (copy.parent / "training.json").write_text(json.dumps({**about, load.FINGERPRINT: load.fingerprint(model)}))
    assert load.fingerprint(load.load(str(copy), torch.bfloat16)[0]) == load.fingerprint(model)  # the adapter on it has no say
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    model.model.layers[1].mlp.up_proj.weight.data[0, 3] += 1.0
    model.save_pretrained(other)
    tokenizer.save_pretrained(other)
    flags = ["--lora", copy, "--base", other, "--quant", "q8_0", "--outfile", "x.gguf"]
    done = run_script("hf2gguf.py", *flags, cwd=tmp_path, code=2)
    assert "not the base" in done.stderr and not (tmp_path / "x.gguf").exists()


def test_an_adapter_is_taken_from_a_hub_by_its_name(adapter, tmp_path, monkeypatch):
    """From a hub's cache on this disk: nothing is asked of the net."""
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--someone--a-student"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("1" * 40)
    shutil.copytree(adapter, repository / "snapshots" / ("1" * 40))
    assert load.base_of(load.fetch_adapter("someone/a-student")) == load.base_of(str(adapter))
    with pytest.raises(cli.UserError, match="no model could be loaded from someone/another"):
        load.fetch_adapter("someone/another")
    assert load.fetch_adapter(str(adapter)) == str(adapter)


def test_bad_input_of_the_export(adapter, tmp_path):
    for flags in (
        ["--outfile", "x.gguf"],
        ["--lora", "nowhere", "--outfile", "x.gguf"],
        ["--lora", adapter, "--outfile", "x.bin"],
        ["--lora", adapter, "--quant", "q9_Z", "--outfile", "x.gguf"],
        ["--lora", adapter, "--quant", "q8_0,iq2_xxs", "--outfile", "x.gguf"],
        ["--lora", "some/../one", "--outfile", "x.gguf"],
        ["--lora", adapter, "--strategy", "plain", "--outfile", "x.gguf"],
        ["--base", "no/such", "--outfile", "x.gguf"],
        ["--strategy", "merge", "--outfile", "x.gguf"],
    ):
        run_script("hf2gguf.py", *flags, cwd=tmp_path, code=2)
    run_script("hf2gguf.py", "--lora", adapter, "--outfile", "x.gguf", cwd=tmp_path, env={"LLAMA_CPP": "/nowhere"}, code=2)
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_a_full_disk_leaves_nothing(adapter, tmp_path):
    limit = f"ulimit -f 2000; exec {sys.executable} {ROOT}/hf2gguf.py --lora {adapter} --quant f32 --outfile x.gguf"
    done = subprocess.run(["bash", "-c", limit], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert os.listdir(tmp_path) == []


def write_csv(path, values, header="day,flow"):
    path.write_text(header + "\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values)))
    return path


@pytest.mark.slow
def test_describe_runs_on_a_gguf_and_on_an_adapter(adapter, tmp_path):
    gguf = tmp_path / "s.gguf"
    run_script("hf2gguf.py", "--lora", adapter, "--quant", "f16", "--outfile", gguf, cwd=tmp_path)
    csv = write_csv(tmp_path / "my.csv", [1e6 + 2.5 * i for i in range(48)])
    for model in (gguf, adapter, adapter.parent):
        out = run_script("describe.py", csv, "--column", "flow", "--model", model, "--plot", "p.png", cwd=tmp_path).stdout
        assert "series written as 'thirds'" in out and "is shown 32 points that stand for all 48" in out
        assert "first 1000000 at 0, last 1000117.5 at 47, lowest 1000000 at 0, highest 1000117.5 at 47" in out
        for claim, label in (("trend", "increasing"), ("noise", "low"), ("max", "end"), ("min", "beginning")):
            (line,) = [line for line in out.splitlines() if line.startswith(claim + " ")]
            assert line.split()[2] == label
        assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_an_adapter_alone_says_how_it_reads_or_that_nobody_knows(adapter, tmp_path):
    csv = write_csv(tmp_path / "my.csv", range(32))
    alone = tmp_path / "alone" / "final"
    shutil.copytree(adapter, alone)
    said = run_script("describe.py", csv, "--column", "flow", "--model", alone, "--prompt", cwd=tmp_path)
    assert "nothing says how" in said.stderr and "Series: [00" in said.stdout
    good = {"task": LEARNT.to_json()}
    for about in ({"task": {**good["task"], "format": "space"}}, {}):
        (alone / "training.json").write_text(json.dumps(about))
        with pytest.raises(cli.UserError, match="training.json"):
            origin.of(str(alone))
    run_script("describe.py", csv, "--column", "flow", "--model", alone, "--prompt", cwd=tmp_path, code=2)
    (alone / "training.json").write_text(json.dumps(good))
    said = run_script("describe.py", csv, "--column", "flow", "--model", alone, "--prompt", cwd=tmp_path)
    assert "beginning: 00" in said.stdout and "nothing says how" not in said.stderr


def test_several_files_go_on_past_one_that_cannot_be_described(adapter, tmp_path):
    """As lines of JSON and as text; the exit code says that one was left out."""
    rises, falls = write_csv(tmp_path / "a.csv", range(100, 132)), write_csv(tmp_path / "c.csv", range(132, 100, -1))
    flat = write_csv(tmp_path / "b.csv", [5] * 32)
    done = run_script("describe.py", rises, flat, falls, "nowhere.csv", "--json", "--model", adapter, cwd=tmp_path, code=2)
    first, second, third, fourth = map(json.loads, done.stdout.splitlines())
    assert set(first) == {"source", "column", "unit", "n", "read", "text", "left_out", "sentences", "claims", "facts", "notes"}
    assert first["source"] == str(rises) and first["column"] == "flow" and first["n"] == 32
    assert {claim: said["true"] for claim, said in first["claims"].items()} == {
        "trend": "increasing", "noise": "low", "max": "end", "min": "beginning"
    }  # fmt: skip
    assert all(set(said) == {"said", "true", "verdict", "clear"} for said in first["claims"].values())
    assert first["facts"]["highest"] == {"value": 131, "time": "31"} and third["facts"]["highest"] == {"value": 132, "time": "0"}
    assert second == {"source": str(flat), "error": f"{flat}: flow is constant (5): there is nothing to describe"}
    assert fourth == {"source": "nowhere.csv", "error": "no nowhere.csv here"}
    assert len(done.stderr.splitlines()) == 2
    said = run_script("describe.py", rises, flat, falls, "--model", adapter, "--plot", "p.svg", cwd=tmp_path, code=2)
    assert said.stdout.count("series: flow") == 2 and "constant" in said.stderr
    assert sorted(path.name for path in tmp_path.glob("*.svg")) == ["p-2.svg", "p.svg"]


@pytest.mark.parametrize("name, begins", [("p.png", b"\x89PNG"), ("p.svg", b"<?xml"), ("p.PDF", b"%PDF")])
def test_a_picture_is_what_its_name_says_and_has_its_times(tmp_path, name, begins):
    """Drawn without a student: its answer is made by hand. No font here need have the letters of the column."""
    path = tmp_path / "a.csv"
    path.write_text("day,流量 ($)\n" + "".join(f"2024-03-{i:02d},{i}\n" for i in range(1, 25)), encoding="utf-8")
    (series,) = prepare.read_series(str(path), Options())
    ready = prepare.prepare(series, None, Task())
    notes = draw.draw(ready, STUDY.parse(STUDY.answer_of(ready.truth["sentences"])), str(tmp_path / name))
    content = (tmp_path / name).read_bytes()
    assert content.startswith(begins) and (not notes or "Noto Sans CJK" in notes[0])
    assert name != "p.svg" or b"<!-- 2024-03" in content or b"<!-- 01 -->" in content or b"2024-Mar" in content


def test_a_terminal_without_the_letters_gets_them_spelt_out(adapter, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("日期,流量\n" + "".join(f"2024-03-{i:02d},{i}\n" for i in range(1, 25)), encoding="utf-8")
    flags = ("--plot", "p.png", "--model", adapter)
    done = run_script("describe.py", path, *flags, cwd=tmp_path, env={"PYTHONIOENCODING": "latin-1"})
    assert "series: \\u6d41\\u91cf of" in done.stdout


def test_overwriting_is_refused(tmp_path):
    path = write_csv(tmp_path / "a.csv", range(20))
    before = path.read_bytes()
    os.rename(path, tmp_path / "a.png")
    assert "overwritten" in run_script("describe.py", "a.png", "--plot", "./a.png", cwd=tmp_path, code=2).stderr
    assert (tmp_path / "a.png").read_bytes() == before


def test_a_font_of_boxes_alone_is_no_font_and_dates_do_not_touch(tmp_path):
    families, _ = draw._fonts("流量")
    assert not any(name.startswith("Last Resort") for name in families)
    assert draw._fonts("Ροή (μg/m³)")[0] and draw._fonts("\U000f0000") == ([], "\U000f0000")
    (tmp_path / "a.csv").write_text("day,x\n" + "".join(f"2024-03-{d:02d},{d * d % 7}\n" for d in range(1, 25)))
    (series,) = prepare.read_series(str(tmp_path / "a.csv"), Options())
    ready = prepare.prepare(series, None, Task())
    figures = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draw.curves, "save_figure", lambda figure, *_: figures.append(figure))
        draw.draw(ready, STUDY.parse(STUDY.answer_of(ready.truth["sentences"])), "p.png")
    (axes,) = figures[0].axes
    figures[0].canvas.draw()
    boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    assert len(boxes) > 2 and all(one.x1 < other.x0 for one, other in zip(boxes, boxes[1:]))


def test_own_series_are_rescaled_as_the_simulated_ones():
    _, paths = series_rows.make(1, range(3), 40)
    for path in paths:
        assert integers_of((path * 1000 - 5).tolist()) == rescale(path[None])[0][0].tolist()
