"""Students that see: pictures in, the answers and losses of Transformers' own ways out, stages 5 to 8 at toy size.

Tiny random models of SmolVLM's and Qwen2.5-VL's architectures with real processors, built here; no hub.
Needs: models/ (python fetch.py smollm2 minilm).
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from conftest import EMBEDDER, ROOT, run_script, start, torchrun, wait_for
from PIL import Image

from llm_ts import question
from llm_ts.base import cli
from llm_ts.data import pair
from llm_ts.pairs import fresh, suites
from llm_ts.pictures import picture, plot
from llm_ts.question import STUDY
from llm_ts.series import rows as series_rows
from llm_ts.student import answer, device, load, origin
from llm_ts.student.student import Student
from llm_ts.task import from_mark
from llm_ts.train import sft

EYES = ("tiny_eyes", "tiny_qwen_vl")


@pytest.fixture(scope="module")
def shown():
    """Pairs of short series, of two lengths, that show a plot."""
    rows = fresh.pairs("train", [(24, 24, 4), (40, 40, 4)], "thirds")
    return [pair.show(row, "image") for row in rows]


def test_a_picture_is_what_dataset_holds(tmp_path):
    row = series_rows.make(5, [3], 64)[0][0]
    plot.Plotter(64).save(row["series"], str(tmp_path / "a.png"))
    read, notes = picture.read(str(tmp_path / "a.png"))
    assert notes == [] and read.size == (640, 360)
    assert np.array_equal(np.asarray(read), np.asarray(plot.picture(row["series"]).quantize(64).convert("RGB")))


def test_drawing_is_at_least_five_times_as_quick_as_a_pyplot_figure():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = series_rows.make(5, range(40), 128)[0]
    plot.picture(rows[0]["series"])
    start = time.process_time()
    for row in rows:
        plot.picture(row["series"])
    ours = (time.process_time() - start) / 40
    start = time.process_time()
    for row in rows[:5]:
        figure = pyplot.figure(figsize=(6.4, 3.6))
        pyplot.plot(row["series"])
        figure.canvas.draw()
        pyplot.close(figure)
    assert ours * 5 < (time.process_time() - start) / 5


@pytest.mark.parametrize("name", EYES)
def test_answers_equal_those_of_transformers(request, shown, name):
    """Beginnings read once, drafts, batches of unequal prompts: against Transformers' own greedy search, one by one."""
    model, processor = load.load(request.getfixturevalue(name), torch.float32, see="image")
    prompts = [pair.asked_with(row) for row in shown]
    expected = []
    for prompt in prompts:
        text = processor.apply_chat_template(question.messages_of(prompt), add_generation_prompt=True)
        taken = processor(text=[text], images=[[prompt.picture()]], return_tensors="pt", add_special_tokens=False)
        said = model.generate(**taken, max_new_tokens=12, do_sample=False)[0, taken["input_ids"].shape[1] :]
        expected.append(processor.tokenizer.decode(said, skip_special_tokens=True).strip())
    drafts = answer.Drafts()
    for _ in range(2):  # the second time with drafts, all of them right
        assert answer.generate(model, processor, prompts, 3, 12, drafts=drafts) == expected
    assert len(set(expected)) > 1


@pytest.mark.parametrize("name", EYES)
def test_another_picture_is_seen(request, shown, name):
    model, processor = load.load(request.getfixturevalue(name), torch.float32, see="image")
    logits = []
    for row in shown[:2]:
        prompt = pair.asked_with(row)
        text = processor.apply_chat_template(question.messages_of(prompt), add_generation_prompt=True)
        with torch.no_grad():
            logits.append(model(**processor(text=[text], images=[[prompt.picture()]], return_tensors="pt")).logits[0, -1])
    assert not torch.allclose(*logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", EYES)
def test_the_loss_is_that_of_the_answer_alone(request, shown, tmp_path, name):
    """The loss and its gradients against those from whole logits, for a batch of unequal prompts; no image token is cut off."""
    model, processor = load.load(request.getfixturevalue(name), torch.float32, see="image")
    recipe = sft.Recipe(epochs=1, batch_size=6, rank=2, alpha=4, dtype="fp32", in_order=True)
    made = sft.make(recipe, str(tmp_path), model, processor, shown, [])
    for name, weight in made.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight.data, std=0.1)
    batch = next(iter(made.get_train_dataloader()))
    tokenizer = processor.tokenizer
    for ids, labels, row in zip(batch["input_ids"], batch["labels"], shown):
        said = tokenizer.decode(labels[labels != -100])
        assert said.strip().removesuffix("<|im_end|>") == pair.answer_of(row)
        whole = processor(
            text=[processor.apply_chat_template(question.messages_of(pair.asked_with(row)), add_generation_prompt=True)],
            images=[[pair.picture_of(row)]],
        )
        images = [list(part).count(processor.image_token_id) for part in (ids.tolist(), whole["input_ids"][0])]
        assert images[0] == images[1] > 0
    gradients = []
    for quick in (True, False):
        made.model.zero_grad()
        if quick:
            loss = made.compute_loss(made.model, dict(batch))
        else:
            inputs = {name: value for name, value in batch.items() if name != "labels"}
            logits = made.model(**inputs).logits
            picked = logits.log_softmax(-1)[:, :-1].gather(2, batch["labels"][:, 1:].clamp(min=0)[..., None])[..., 0]
            loss = -picked[batch["labels"][:, 1:] != -100].mean()
        loss.backward()
        found = {name: p.grad.clone() for name, p in made.model.named_parameters() if p.grad is not None}
        gradients.append((float(loss), found))
    assert gradients[0][0] == pytest.approx(gradients[1][0], rel=1e-4)
    assert gradients[0][1].keys() == gradients[1][1].keys()
    for name, plain in gradients[1][1].items():
        assert torch.allclose(gradients[0][1][name], plain, rtol=1e-2, atol=1e-5), name


@pytest.mark.parametrize("name", EYES)
def test_a_frozen_tower_has_no_adapter(request, shown, tmp_path, name):
    names = {}
    for tower in ("lora", "frozen"):
        model, processor = load.load(request.getfixturevalue(name), torch.float32, see="image")
        recipe = sft.Recipe(rank=2, alpha=4, dtype="fp32", tower=tower)
        made = sft.make(recipe, str(tmp_path), model, processor, shown, [])
        names[tower] = {name for name, weight in made.model.named_parameters() if weight.requires_grad}
    assert any("vis" in name for name in names["lora"]) and not any("vis" in name for name in names["frozen"])
    assert 0 < len(names["frozen"]) < len(names["lora"])


@pytest.fixture(scope="module")
def stage(tiny_eyes, embedder, tmp_path_factory):
    """A folder in which the stages 1 to 4 were run for 40 short series, and what the stages after them need."""
    folder = tmp_path_factory.mktemp("stages")
    run_script("ou_process.py", "--count", 40, "--points", 24, cwd=folder)
    run_script("mistral.py", "--dryrun", cwd=folder)
    run_script("curate.py", cwd=folder)
    run_script("convert.py", "--format", "thirds", "--words", "template", "--diagnostics", "0", cwd=folder)
    return folder


def command(folder, model, embedder, *more):
    return [
        "--model", model, "--see", "image", "--out", "run", "--embedder", embedder, "--nli", "none", "--epochs", "1",
        "--batch-size", "8", "--save-steps", "4", "--max-new-tokens", "8", "--eval-rows", "3", "--validation", "4", *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(stage, tiny_eyes, embedder):
    """The folder of a whole run."""
    run_script("qwen_train.py", *command(stage, tiny_eyes, embedder), cwd=stage)
    return stage / "run"


def test_what_a_student_was_shown_is_kept_with_it(run):
    about = json.loads((run / "training.json").read_text())
    assert about["task"]["see"] == "image" and about["dataset"] == os.path.join("..", "dataset")
    assert origin.of(str(run)).see == origin.of(str(run / "final")).see == "image"
    assert json.loads((run / "evaluation_avant.json").read_text())["task"]["see"] == "image"
    rows = [json.loads(line) for line in (run / "test_rows.jsonl").read_text().splitlines()]
    assert all(row["see"] == "image" and row["image"] == os.path.join("dataset", row["id"] + ".png") for row in rows)
    learnt = origin.of(str(run))
    assert from_mark(learnt.mark, "here") == learnt


def test_a_run_that_sees_goes_on_after_a_stop(stage, run, tiny_eyes, embedder):
    """Stopped at once by its file, refused with another folder of plots, then run again: the bytes of the run that nothing disturbed."""
    again = command(stage, tiny_eyes, embedder, "--out", "again", "--stop-file", "stop")
    (stage / "stop").touch()
    run_script("qwen_train.py", *again, cwd=stage, code=75)
    shutil.copytree(stage / "dataset", stage / "plots")
    assert "other dataset" in run_script("qwen_train.py", *again, "--dataset", "plots", cwd=stage, code=2).stderr
    (stage / "stop").unlink()
    done = run_script("qwen_train.py", *again, cwd=stage)
    assert "going on from" in done.stdout
    final = [folder / "final" / "adapter_model.safetensors" for folder in (stage / "again", run)]
    assert final[0].read_bytes() == final[1].read_bytes()


def test_the_stages_after_the_training(stage, run, tiny_eyes):
    """Suites, page and describing, from numbers and from a picture."""
    flags = ["--model", run, "--suite", "unseen", "--count", 3, "--points", 24, "--max-new-tokens", 8]
    run_script("examine.py", *flags, "--embedder", EMBEDDER, "--nli", "none", cwd=stage)
    assert json.loads((run / "suites" / "about.json").read_text())["task"]["see"] == "image"
    run_script("ts_check_training.py", "evaluation_avant.json", cwd=run)
    assert (run / "plotdiag" / "index.html").is_file()
    table = stage / "mine.csv"
    table.write_text("flow\n" + "\n".join(str(k) for k in range(24)))
    assert "drawn as a plot" in run_script("describe.py", table, "--model", run, cwd=stage).stdout
    image = stage / "dataset" / "ou_000000.png"
    said = run_script("describe.py", "--image", image, "--model", run, cwd=stage).stdout
    assert "Nothing here can be checked" in said and "taken as 24" in said and "truth" not in said
    said = run_script("describe.py", "--image", image, "--points", 24, "--model", run, cwd=stage).stdout
    assert "taken as" not in said
    plot = ["--image", image]
    for flags in (
        [], [table, "--points", 3], [table, *plot], [*plot, "--model", tiny_eyes],
        *([*plot, "--model", run, *more] for more in (["--column", "flow"], ["--points", 7], ["--points", 10**8], ["--see", "numbers"])),
    ):  # fmt: skip
        said = run_script("describe.py", *flags, cwd=stage, code=2)
        assert said.stderr.count("describe.py: ") == 1 and said.stdout == ""
    done = run_script("describe.py", "--image", image, "--model", run, "--question", "full", cwd=stage)
    assert "learnt the question 'study', asked 'full'" in done.stdout and done.stderr == ""


@pytest.mark.slow
def test_a_student_that_sees_is_exported_with_its_eyes(stage, run, tmp_path, llama_cpp):
    """GGUF and projector by llama.cpp's own converter; whether they answer alike, tests/test_shipped.py asks a trained one."""
    out = str(tmp_path / "image.gguf")
    run_script("hf2gguf.py", "--lora", run / "final", "--quant", "f32", "--rows", 3, "--outfile", out, cwd=stage)
    assert origin.of(out).see == "image" and os.path.isfile(tmp_path / "image-mmproj.gguf")
    os.remove(tmp_path / "image-mmproj.gguf")
    with pytest.raises(cli.UserError, match="image-mmproj.gguf"):
        Student(str(tmp_path / "image.gguf"), see="image")
    run_script("hf2gguf.py", "--lora", run / "final", "--strategy", "separate", "--outfile", "x.gguf", cwd=tmp_path, code=2)


def test_bad_input_of_a_training_that_sees(stage, tiny_model, tiny_eyes, embedder, tmp_path):
    before = sorted(os.listdir(stage))
    for model, see, more, why in (
        (tiny_model, "image", [], "takes no pictures"),
        (tiny_eyes, "numbers", [], "is a vision model"),
        (tiny_eyes, "image", ["--dataset", tmp_path], "no plot"),
    ):
        done = run_script("qwen_train.py", *command(stage, model, embedder, "--see", see, "--out", "bad", *more), cwd=stage, code=2)
        assert why in done.stderr
    assert sorted(os.listdir(stage)) == before


def test_pictures_that_are_none_are_refused_in_one_line(tmp_path):
    ramp = plot.picture(list(range(32)))
    for name, text in (("text.png", "no picture"), ("empty.png", ""), ("vector.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")):
        (tmp_path / name).write_text(text)
    ramp.save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:3000])
    ramp.resize((640, 2)).save(tmp_path / "flat.png")
    ramp.save(tmp_path / "animated.gif", save_all=True, append_images=[ramp.rotate(180)])
    Image.new("1", (20000, 20000)).save(tmp_path / "huge.png")
    Image.fromarray(np.where(np.eye(64), np.nan, 1.0).astype(np.float32)).save(tmp_path / "nan.tif")
    os.mkfifo(tmp_path / "pipe.png")
    whys = dict.fromkeys(("text.png", "empty.png", "cut.png", "vector.svg"), "no picture") | {"": ""}
    whys |= {"flat.png": "32 at least", "animated.gif": "animated", "huge.png": "exceeds limit", "none.png": "no .* here"}
    for name, why in (whys | {"nan.tif": "no finite numbers", "pipe.png": "is no file"}).items():
        with pytest.raises(cli.UserError, match=why):
            picture.read(str(tmp_path / name))


def test_pictures_of_all_kinds_become_the_same_plot(tmp_path):
    """Grey, 16 bits, transparent with a dark and with a light line: the plot is there afterwards."""
    ramp = plot.picture(list(range(32)))
    grey = np.asarray(ramp.convert("L"))

    def alike(name, sign=1):
        found, notes = picture.read(str(tmp_path / name))
        shown = np.asarray(found.convert("L"))
        assert found.mode == "RGB" and sign * np.corrcoef(shown.ravel(), grey.ravel())[0, 1] > 0.9, name
        return notes

    ramp.convert("L").save(tmp_path / "grey.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert alike("grey.png") == [] and alike("deep.png") == []
    for line, ground, sign in (("black", "white", 1), ("white", "black", -1)):
        drawn = Image.new("RGBA", ramp.size, line)
        drawn.putalpha(Image.fromarray(255 - grey))
        drawn.save(tmp_path / f"{line}.png")
        assert f"laid on {ground}" in alike(f"{line}.png", sign)[0]


def test_sentences_in_another_order_say_the_same():
    rows = [pair.show(row, "image") for row in fresh.pairs("train", [(24, 24, 320)], "thirds")]
    made = fresh.in_other_orders(rows, 0.5)
    orders = []
    for row, other in zip(rows, made):
        assert json.loads(pair.answer_of(row)) == json.loads(pair.answer_of(other)) and other["truth"] == row["truth"]
        names, prompt = list(json.loads(pair.answer_of(other))), pair.prompt_of(other)
        asked_in = [prompt.index(f'"{name}"') for name in names]
        assert asked_in == sorted(asked_in) and prompt.endswith("a plot of 24 points.")
        orders.append(tuple(names))
    assert all(len(set(orders[k : k + fresh.SAME_LENGTH])) == 1 for k in range(0, 320, fresh.SAME_LENGTH))
    assert 90 < sum(order != STUDY.topics for order in orders) < 230 and len(set(orders)) > 3


def test_the_suite_that_shows_nothing_keeps_the_truth():
    rows, plain = suites.rows("blank", 5, 48, "thirds"), suites.rows("unseen", 5, 48, "thirds")
    for number, (row, own) in enumerate(zip(rows, plain)):
        assert row["truth"] == own["truth"] and pair.prompt_of(row) == pair.prompt_of(own)
        drawn = np.asarray(pair.picture_of(pair.show(row, "image")))
        assert np.array_equal(drawn, np.asarray(pair.picture_of(rows[(number + 1) % 5])))
        assert not np.array_equal(drawn, np.asarray(plot.picture(own["series"])))


@pytest.mark.slow
def test_a_tower_goes_on_after_a_stop_and_ends_the_same(tiny_model, tmp_path):
    plain = ("--text", tiny_model, "--batch-size", 16)

    def run(out, *flags, code=0):
        done = run_script("experiments.pretrain_tower", *plain, "--out", out, *flags, cwd=tmp_path, code=code)
        return done.stderr if code else done.stdout

    def about(out):
        return json.loads((tmp_path / out / "tower.json").read_text())

    # killed and run again it is the tower of a run that nothing disturbed
    flags = ("--fresh", "24x96", "--save-steps", 2)
    run("whole", *flags)
    process = start("experiments.pretrain_tower", *plain, "--out", "cut", *flags, cwd=tmp_path)
    wait_for(process, "step 2,")
    process.kill()
    process.wait()
    assert "going on from" in run("cut", *flags) and "nothing to do" in run("cut", *flags)
    assert (tmp_path / "cut" / "tower.safetensors").read_bytes() == (tmp_path / "whole" / "tower.safetensors").read_bytes()
    assert [kept["step"] for kept in about("cut")["evaluations"]] == [2, 4, 6]

    # a limit in minutes; learning on from another tower; a tower put under a model
    said = run("short", "--fresh", "24x960", "--minutes", 0.001)
    assert "ended at step 1 of 60" in said and "plots: 16" in said and (tmp_path / "short" / "tower.safetensors").exists()
    assert [kept["step"] for kept in about("short")["evaluations"]] == [1]
    run("put", "--tower", "cut/tower.safetensors")
    names = ("model.safetensors", "tower.safetensors", "config.json")
    assert all((tmp_path / "put" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes() for name in names)
    more = ("--fresh", "24x16", "--start", "cut/tower.safetensors")
    run("further", *more)
    assert about("further")["dtype"] == device.precision() and len(about("further")["start_sha256"]) == 64

    # what is refused
    (tmp_path / "bad.safetensors").write_bytes(b"none")
    for out, flags, why in (
        ("further", (*more, "--fresh", "24x32"), "other fresh"),
        ("further", (*more, "--start", "short/tower.safetensors"), "other start_sha256"),
        ("other", ("--tower", "bad.safetensors"), "no file of weights"),
        ("other", ("--tower", "none.safetensors"), "no file none.safetensors here"),
        ("other", ("--tower", "whole/model.safetensors"), "no tower of this model"),
        ("put", ("--tower", "short/tower.safetensors"), "has another tower"),
        ("other", ("--tower", "cut/tower.safetensors", "--start", "cut/tower.safetensors"), "leave --start out"),
        ("other", ("--text", EMBEDDER), "otherwise than Llama and Qwen"),
        ("other", ("--text", "put"), "give a text model"),
    ):
        assert why in run(out, *flags, code=2)
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_two_processes_train_as_one_does(stage, tiny_eyes, embedder, tmp_path):
    """torchrun with two batches of 4 a step against one process with batches of 8: the same adapter, up to Adam's rounding."""
    from safetensors.torch import load_file

    flags = ["--fresh", "24x32", "--rank", "2", "--alpha", "4", "--dtype", "fp32", "--learning-rate", "1e-4"]
    one, two = (command(stage, tiny_eyes, embedder, *flags, "--out", tmp_path / name) for name in ("one", "two"))
    run_script("qwen_train.py", *one, cwd=stage)
    torchrun("qwen_train.py", *two, "--batch-size", "4", cwd=stage)
    one, two = (load_file(tmp_path / name / "final" / "adapter_model.safetensors") for name in ("one", "two"))
    norms = {name: (weight.norm(), (weight - two[name]).norm()) for name, weight in one.items() if "lora_B" in name}
    assert one.keys() == two.keys() and sum(update > 0 for update, _ in norms.values()) > 10
    assert sum(off for _, off in norms.values()) < 0.1 * sum(update for update, _ in norms.values())


BESIDE = """
import qwen_train
from llm_ts.base import cli
from llm_ts.student import device

plain = device.apart

def apart(loader):
    print(f"drawn by {loader.num_workers} processes")
    return plain(loader)

device.loaders, device.apart = lambda: 2, apart
cli.run(qwen_train.main)
"""


@pytest.mark.parametrize(("gpu", "cores", "torchrun", "found"), [(False, 8, 1, 0), (True, 1, 1, 1), (True, 8, 2, 3), (True, 64, 2, 12)])
def test_how_many_processes_draw(monkeypatch, gpu, cores, torchrun, found):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(torchrun))
    assert device.loaders() == found


@pytest.mark.slow
def test_plots_drawn_by_processes_beside_change_nothing_and_leave_signals_to_the_training(stage, run, tiny_eyes, embedder):
    """As beside a GPU, here beside the CPU: the same bytes as by one process; SIGTERM to all of a job saves and stops."""
    start = [sys.executable, "-c", BESIDE]
    env = {**os.environ, "PYTHONPATH": ROOT, "TOKENIZERS_PARALLELISM": "true"}
    whole = [*map(str, command(stage, tiny_eyes, embedder, "--out", "beside"))]
    done = subprocess.run([*start, *whole], cwd=stage, env=env, check=True, capture_output=True, text=True, timeout=200)
    assert "drawn by 2 processes" in done.stdout
    final = [folder / "final" / "adapter_model.safetensors" for folder in (stage / "beside", run)]
    assert final[0].read_bytes() == final[1].read_bytes()
    more = ["--out", "struck", "--epochs", "200", "--save-steps", "10000", "--logging-steps", "1"]
    struck = [*map(str, command(stage, tiny_eyes, embedder, *more))]
    with subprocess.Popen([*start, *struck], cwd=stage, env=env, start_new_session=True, stdout=subprocess.PIPE, text=True) as job:
        said, limit = [], threading.Timer(200, lambda: os.killpg(job.pid, signal.SIGKILL))
        limit.start()
        for line in job.stdout:
            said.append(line)
            if line.startswith("step 3 of"):
                os.killpg(job.pid, signal.SIGTERM)
        limit.cancel()
    assert job.returncode == 75 and "stopped: saved at step" in said[-1], said[-5:]
