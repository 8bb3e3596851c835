"""Training for real at toy size: a tiny random Llama, stops and kills included.

Needs: models/ (python fetch.py smollm2 minilm). Run: python -m pytest -q tests/test_training.py
"""

import dataclasses
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT, run_script

import convert
from llm_ts import question
from llm_ts.base import cli
from llm_ts.data import pair
from llm_ts.fast import quick_training
from llm_ts.scores import evaluation
from llm_ts.scores.score import CONSTANTS, scored
from llm_ts.series import rows as series_rows
from llm_ts.student import answer, load
from llm_ts.train import sft

ROWS = 60


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Path of a pairs file of short series, gold being the truth."""
    rows, _ = series_rows.make(3, range(ROWS), 16)
    for row in rows:
        row["gold"] = row["truth"]["sentences"]
    path = tmp_path_factory.mktemp("pairs") / "test_jsonl.jsonl"
    pair.write(str(path), [convert.pair_of(row, "thirds", "truth") for row in rows])
    return str(path)


def command(pairs, tiny_model, embedder, out, *more):
    return [
        "--data", pairs, "--model", tiny_model, "--out", str(out), "--embedder", embedder, "--nli", "none",
        "--epochs", "2", "--batch-size", "8", "--save-steps", "4", "--max-new-tokens", "8", "--eval-rows", "4", "--no-gguf", *more,
    ]  # fmt: skip


def digest(out):
    return hashlib.sha256((out / "final" / "adapter_model.safetensors").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def unbroken(pairs, tiny_model, embedder, tmp_path_factory):
    """The folder of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("unbroken") / "run"
    done = run_script("qwen_train.py", *command(pairs, tiny_model, embedder, out), cwd=out.parent)
    return out, done.stdout


def test_a_run_leaves_what_its_docstring_says(unbroken, pairs):
    out, said = unbroken
    train_rows, test = pair.read(pairs)
    steps = 2 * -(-len(train_rows) // 8)
    names = {f"evaluation_checkpoint-{step}.json" for step in (4, 8, 12, steps)}
    names |= {"evaluation_avant.json", "evaluation_majority.json", "evaluation_commonest.json"}
    names |= {"evaluation_teacher.json", "training.png"}
    assert names <= set(os.listdir(out))
    about = json.loads((out / "training.json").read_text())
    assert about["task"] == pair.task_of(train_rows).to_json() and about["series"] == len(train_rows)
    teacher = evaluation.read(str(out / "evaluation_teacher.json"))
    assert teacher["means"]["claims"]["all"]["all_four"] == {"mean": 1.0, "low": 0.5101, "high": 1.0, "n": 4}
    avant = evaluation.read(str(out / "evaluation_avant.json"))
    assert [sample["id"] for sample in avant["samples"]] == [row["id"] for row in test[:4]]
    for name in ("untrained", *CONSTANTS, "teacher", *scored(question.STUDY)):
        assert name in said
    assert not [name for name in os.listdir(out) if ".tmp" in name]
    card = (out / "final" / "README.md").read_text()
    assert f"{len(train_rows)} series" in card and "| untrained |" in card and "Information Needed" not in card
    assert not (out / "README.md").exists()  # TRL's


def test_a_final_that_was_changed_is_refused_at_the_start(pairs, tiny_model, embedder, tmp_path):
    final = tmp_path / "run" / "final"
    final.mkdir(parents=True)
    (final / "adapter_config.json").write_text("{}")
    done = run_script("qwen_train.py", *command(pairs, tiny_model, embedder, tmp_path / "run"), cwd=tmp_path, code=2)
    assert "move it away" in done.stderr and os.listdir(tmp_path / "run") == ["final"]
    (final / "whole.json").write_text('{"step": 1}')
    run_script("qwen_train.py", *command(pairs, tiny_model, embedder, tmp_path / "run"), cwd=tmp_path, code=2)


def start(arguments, cwd):
    return subprocess.Popen(
        [sys.executable, os.path.join(ROOT, "qwen_train.py"), *arguments],
        cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def wait_for(process, pattern):
    for line in process.stdout:
        if re.search(pattern, line):
            return
    raise AssertionError(f"{pattern!r} was never printed")


def ask_to_stop(how, out, stop):
    """In a thread: wait until a training in this process has saved once, and then ask it to stop, by a signal or by its file."""

    def wait():
        deadline = time.monotonic() + 120
        while not (out / "checkpoint-4").exists():
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)
        if how == "a file":
            stop.touch()
        elif signal.getsignal(getattr(signal, how)) is not signal.SIG_DFL:  # it would end the tests
            os.kill(os.getpid(), getattr(signal, how))

    threading.Thread(target=wait, daemon=True).start()


@pytest.mark.parametrize("how", ["SIGTERM", "SIGUSR1", "a file"])
def test_a_signal_or_a_file_saves_and_asks_to_be_run_again(unbroken, pairs, tiny_model, embedder, tmp_path, how):
    out, stop = tmp_path / "run", tmp_path / "stop"
    arguments = command(pairs, tiny_model, embedder, out, "--stop-file", stop)
    ask_to_stop(how, out, stop)
    run_script("qwen_train.py", *arguments, cwd=tmp_path, code=cli.REQUEUE)
    stop.unlink()
    assert "going on from" in run_script("qwen_train.py", *arguments, cwd=tmp_path).stdout
    assert digest(out) == digest(unbroken[0])


def test_a_run_of_two_parts_goes_on_where_it_was_stopped(pairs, tiny_model, embedder, tmp_path):
    """Stopped after its first step, and again after the next one: the weights and the evaluations are the unbroken run's."""
    stop, whole, broken = tmp_path / "stop", tmp_path / "whole", tmp_path / "broken"
    flags = ["--fresh", "24x20", "--then-pairs", "99", "--epochs", "1", "--eval-rows", "2", "--validation", "0"]
    done = run_script("qwen_train.py", *command(pairs, tiny_model, embedder, whole, *flags), cwd=tmp_path)
    learnt = len(pair.read(pairs)[0])
    assert f"train: {20 + learnt}" in done.stdout and (whole / "training.png").stat().st_size > 10_000
    for _ in range(2):
        stop.touch()
        more = [*flags, "--stop-file", stop]
        run_script("qwen_train.py", *command(pairs, tiny_model, embedder, broken, *more), cwd=tmp_path, code=cli.REQUEUE)
        stop.unlink()
    assert sorted(path.name for path in broken.glob("checkpoint-*")) == ["checkpoint-1", "checkpoint-2"]
    run_script("qwen_train.py", *command(pairs, tiny_model, embedder, broken, *more), cwd=tmp_path)
    last = f"evaluation_checkpoint-{-(-(20 + learnt) // 8)}.json"
    assert digest(broken) == digest(whole)
    assert evaluation.read(str(broken / last))["samples"] == evaluation.read(str(whole / last))["samples"]


def test_a_run_goes_on_where_it_was_moved_to_with_its_model(pairs, tiny_model, embedder, tmp_path):
    """Stopped before its first checkpoint is evaluated, then moved: that evaluation needs the base at its new place."""
    stop, old, new = tmp_path / "stop", tmp_path / "old", tmp_path / "new"
    shutil.copytree(tiny_model, old / "model")
    flags = ["--epochs", "0.5", "--save-steps", "1", "--validation", "0", "--stop-file", stop]
    stop.touch()
    first = command(pairs, str(old / "model"), embedder, old / "run", *flags)
    run_script("qwen_train.py", *first, cwd=tmp_path, code=cli.REQUEUE)
    stop.unlink()
    old.rename(new)
    shutil.copytree(tiny_model, new / "other")
    for model, said in (("other", "other model (../model there, ../other here)"), ("model", "")):
        again = command(pairs, str(new / model), embedder, new / "run", *flags)
        done = run_script("qwen_train.py", *again, cwd=tmp_path, code=2 if said else 0)
        assert said in done.stderr
    assert "going on from" in done.stdout and "evaluation of step 1 was cut off: doing it now" in done.stdout
    assert (new / "run" / "final" / "adapter_model.safetensors").is_file()


def test_a_stop_file_that_cannot_be_made_is_refused_at_the_start(pairs, tiny_model, embedder, tmp_path):
    for bad in ("nowhere/stop", str(tmp_path)):
        flags = command(pairs, tiny_model, embedder, tmp_path / "run", "--stop-file", bad)
        assert "--stop-file" in run_script("qwen_train.py", *flags, cwd=tmp_path, code=2).stderr


@pytest.mark.slow
def test_a_signal_while_everything_is_loaded_loses_nothing(pairs, tiny_model, embedder, tmp_path):
    out = tmp_path / "run"
    arguments = command(pairs, tiny_model, embedder, out, "--epochs", "1")
    process = start(arguments, tmp_path)
    deadline = time.monotonic() + 120
    while not out.exists() and time.monotonic() < deadline:  # made once all is loaded, before anything is asked
        time.sleep(0.01)
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=120)
    assert process.returncode == cli.REQUEUE
    run_script("qwen_train.py", *arguments, cwd=tmp_path)
    assert (out / "final" / "training.json").read_bytes() == (out / "training.json").read_bytes()


ONCE, OFTEN = (7,), (0, 3, 4, 7, 10)  # the step after which it is killed; 0: amid the first evaluation


@pytest.mark.parametrize("moments", [ONCE, pytest.param(OFTEN, marks=pytest.mark.slow)], ids=["once", "five times"])
def test_kill_9_ends_in_the_same_weights(unbroken, pairs, tiny_model, embedder, tmp_path, moments):
    """Amid steps, a save and its evaluation: the moments differ from run to run."""
    out = tmp_path / "run"
    arguments = command(pairs, tiny_model, embedder, out, "--logging-steps", "1")
    for moment in moments:  # or any later step: a killed start may have saved before it died
        process = start(arguments, tmp_path)
        wait_for(process, rf"step ({'|'.join(map(str, range(moment, 15)))}) of" if moment else "untrained: ")
        time.sleep(random.uniform(0, 0.1))
        process.kill()
        process.wait()
    torn = out / "checkpoint-11"  # as a kill in the middle of saving leaves it
    torn.mkdir()
    (torn / "adapter_model.safetensors").write_bytes(b"torn")
    done = run_script("qwen_train.py", *arguments, cwd=tmp_path)
    assert "passed over checkpoint-11" in done.stdout
    assert int(re.search(r"going on from .*checkpoint-(\d+)", done.stdout)[1]) >= moments[-1] // 4 * 4
    assert digest(out) == digest(unbroken[0])


def test_a_finished_training_of_fractional_epochs_is_not_trained_on(pairs, tiny_model, embedder, tmp_path):
    """Killed amid its last evaluation, it makes that up, with the same answers, and adds no step."""
    out = tmp_path / "run"
    arguments = command(pairs, tiny_model, embedder, out, "--epochs", "0.5", "--validation", "0")
    run_script("qwen_train.py", *arguments, cwd=tmp_path)
    before, steps = digest(out), sorted(out.glob("checkpoint-*"))
    shutil.rmtree(out / "final")
    cut_off = out / f"evaluation_{steps[-1].name}.json"
    in_training = evaluation.read(str(cut_off))["samples"]
    cut_off.unlink()
    assert "was cut off: doing it now" in run_script("qwen_train.py", *arguments, cwd=tmp_path).stdout
    assert sorted(out.glob("checkpoint-*")) == steps and digest(out) == before
    assert evaluation.read(str(cut_off))["samples"] == in_training


@pytest.mark.slow
def test_two_processes_decide_by_what_the_first_sees(tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {ROOT!r}); import torch.distributed as d; from llm_ts.base import torchrun as t; r = t.number();"
        f"d.init_process_group('gloo', init_method='file://{tmp_path}/store', rank=r, world_size=2);"
        "print(t.first(f'seen by {r}'), t.any_of(r == 1), t.any_of(False), t.gather([r]))"
    )
    each = [{**os.environ, "RANK": str(r), "WORLD_SIZE": "2"} for r in range(2)]
    both = [subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True) for env in each]
    assert [process.communicate(timeout=120)[0].strip() for process in both] == ["seen by 0 True False [[0], [1]]"] * 2


@pytest.mark.slow
def test_two_processes_train_all_weights_as_one_does(pairs, tiny_model, embedder, tmp_path):
    """torchrun with two batches of 4 a step against one process with batches of 8: the same updates, up to Adam's rounding."""
    from safetensors.torch import load_file

    flags = ["--fresh", "16x32", "--rank", "0", "--dtype", "fp32", "--learning-rate", "1e-4", "--epochs", "1", "--eval-rows", "3"]
    run_script("qwen_train.py", *command(pairs, tiny_model, embedder, tmp_path / "one", *flags), cwd=tmp_path)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
    torchrun += ["--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", os.path.join(ROOT, "qwen_train.py")]
    halves = command(pairs, tiny_model, embedder, tmp_path / "two", *flags, "--batch-size", "4")
    done = subprocess.run([*torchrun, *halves], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    said = []
    for folder in ("one", "two"):
        content = evaluation.read(str(tmp_path / folder / "evaluation_avant.json"))
        said.append([sample["answer"] for sample in content["samples"]])
    assert said[0] == said[1] and len(set(said[0])) == 3  # each row its own answer, whichever process asked it
    start, one, two = (
        load_file(f"{folder}/model.safetensors") for folder in (tiny_model, tmp_path / "one/final", tmp_path / "two/final")
    )
    assert one.keys() == two.keys() == start.keys()
    for name in start:
        update, other = one[name] - start[name], two[name] - start[name]
        assert update.norm() > 0 and (update - other).norm() < 0.05 * update.norm(), name


def test_an_adapter_learns_on_and_is_asked_beside(unbroken, pairs, embedder, tmp_path):
    """--model ADAPTER starts from its weights; --beside the same adapter scores as that start does."""
    adapter = unbroken[0] / "final"
    out = tmp_path / "on"
    ranked = command(pairs, str(adapter), embedder, out, "--rank", "4")
    assert "leave --rank" in run_script("qwen_train.py", *ranked, cwd=tmp_path, code=2).stderr
    run_script("qwen_train.py", *command(pairs, str(adapter), embedder, out, "--beside", adapter), cwd=tmp_path)
    beside = evaluation.read(str(out / "evaluation_beside.json"))
    avant = evaluation.read(str(out / "evaluation_avant.json"))
    assert [s["answer"] for s in beside["samples"]] == [s["answer"] for s in avant["samples"]]
    config = json.loads((out / "final" / "adapter_config.json").read_text())
    assert (
        config["base_model_name_or_path"] == json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"]
    )
    assert digest(out) != digest(unbroken[0])
    before = digest(out)
    again = command(pairs, str(adapter), embedder, out, "--beside", out / "final")
    run_script("qwen_train.py", *again, cwd=tmp_path)  # trained to the end: only the new one beside is asked
    assert evaluation.read(str(out / "evaluation_beside.json"))["base"] == str(out / "final")
    assert digest(out) == before
    assert "nothing to do" in run_script("qwen_train.py", *again, cwd=tmp_path).stdout
    weights = out / "final" / "adapter_model.safetensors"
    weights.write_bytes((adapter / "adapter_model.safetensors").read_bytes())  # the same path, another student
    assert f"asking {out / 'final'}" in run_script("qwen_train.py", *again, cwd=tmp_path).stdout


@pytest.mark.slow
def test_a_signal_amid_an_evaluation_leaves_it_for_the_next_start(pairs, tiny_model, embedder, tmp_path):
    out = tmp_path / "run"
    more = ("--eval-batch-size", "1", "--eval-rows", "0", "--max-new-tokens", "64", "--epochs", "1")
    arguments = command(pairs, tiny_model, embedder, out, *more)
    process = start(arguments, tmp_path)
    wait_for(process, "step 4: 1 of")
    process.send_signal(signal.SIGTERM)
    assert "evaluation of step 4 is left" in process.communicate(timeout=120)[0]
    assert process.returncode == cli.REQUEUE and not (out / "evaluation_checkpoint-4.json").exists()
    assert "step 4 was cut off: doing it now" in run_script("qwen_train.py", *arguments, cwd=tmp_path).stdout
    _, test = pair.read(pairs)
    assert len(evaluation.read(str(out / "evaluation_checkpoint-4.json"))["samples"]) == len(test)


RECIPE = sft.Recipe(epochs=1, batch_size=4, rank=2, alpha=4, dtype="fp32", save_steps=99, logging_steps=1)


@pytest.mark.parametrize(("rank", "weights"), [(2, 28), (0, 21)])
def test_the_quick_loss_has_the_gradients_of_the_plain_one(pairs, tiny_model, tmp_path, rank, weights):
    """Prompts' beginning read once, one product a LoRA layer, sliced LM head: against Hugging Face's loss through PEFT."""
    import torch

    train_rows, _ = pair.read(pairs)
    model, tokenizer = load.load(tiny_model, torch.float32)
    flags = dataclasses.replace(RECIPE, rank=rank)
    made = sft.make(flags, str(tmp_path), model, tokenizer, train_rows[:4], [])
    for name, weight in made.model.named_parameters():
        if "lora_B" in name:  # zeros at the start, which would hide lora_A's gradient
            torch.nn.init.normal_(weight.data, std=0.1)
    batch = next(iter(made.get_train_dataloader()))
    assert (batch["labels"] != -100).sum() > quick_training.SLICE  # more than one slice
    gradients = []
    for loss_of in (lambda: made.compute_loss(made.model, dict(batch)), lambda: made.model(**batch).loss):
        made.model.zero_grad()
        loss_of().backward()
        gradients.append({name: p.grad.clone() for name, p in made.model.named_parameters() if p.requires_grad})
    ours, plain = gradients
    assert ours.keys() == plain.keys() and len(ours) == weights
    for name in ours:
        assert plain[name].abs().max() > 1e-6
        assert torch.allclose(ours[name], plain[name], rtol=1e-3, atol=1e-6), name


def test_in_bf16_the_quick_gradients_are_as_exact_as_pefts(pairs, tiny_model, tmp_path):
    """W + s B A is rounded to bf16, which PEFT does not do: both against the gradients in fp32."""
    import torch

    train_rows, _ = pair.read(pairs)
    gradients = {}
    for dtype in (torch.float32, torch.bfloat16):
        model, tokenizer = load.load(tiny_model, dtype)
        flags = dataclasses.replace(RECIPE, dtype="bf16" if dtype == torch.bfloat16 else "fp32")
        made = sft.make(flags, str(tmp_path), model, tokenizer, train_rows[:4], [])
        torch.manual_seed(1)
        for name, weight in made.model.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(weight.data, std=0.1)
        batch = next(iter(made.get_train_dataloader()))
        for way, loss_of in (
            ("ours", lambda: made.compute_loss(made.model, dict(batch))),
            ("peft", lambda: made.model(**batch).loss),
        ):
            made.model.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
                loss_of().backward()
            found = [p.grad.float().flatten() for p in made.model.parameters() if p.requires_grad]
            gradients[way, dtype] = torch.cat(found)
    exact = gradients["peft", torch.float32]
    errors = {way: float((gradients[way, torch.bfloat16] - exact).norm() / exact.norm()) for way in ("ours", "peft")}
    assert 0 < errors["ours"] < 1.5 * errors["peft"] < 0.1, errors


def test_muon_gives_all_directions_of_a_matrix_about_the_same_step(pairs, tiny_model, tmp_path):
    """Muon's own definition (Jordan 2024): a step's singular values are the rate times 0.5 to 1.5; Adam's spread widely."""
    import torch

    train_rows, _ = pair.read(pairs)
    spread = {}
    for optimizer in ("muon", "adamw"):
        model, tokenizer = load.load(tiny_model, torch.float32)
        recipe = dataclasses.replace(RECIPE, rank=4, optimizer=optimizer)
        made = sft.make(recipe, str(tmp_path / optimizer), model, tokenizer, train_rows[:8], [])
        made.train()
        # B is 0 at the start; the first of two steps has the whole rate, the second half of it, by the cosine
        values = [torch.linalg.svdvals(w.detach()) for name, w in made.model.named_parameters() if "lora_B" in name]
        spread[optimizer] = max(float(found.max() / found.min()) for found in values)
        if optimizer == "muon":
            rows = [len(w) for name, w in made.model.named_parameters() if "lora_B" in name]
            most = [float(found.max()) / max(1, n / 4) ** 0.5 for found, n in zip(values, rows)]
            assert 0.3e-3 < min(most) <= max(most) < 2.5e-3
    assert spread["muon"] < 10 < spread["adamw"]


def test_muons_rate_stays_and_then_falls_in_a_line(pairs, tiny_model, tmp_path):
    """So that what comes last, the pairs behind fresh series, has enough of it to be learnt."""
    import torch

    rows = (pair.read(pairs)[0] * 3)[:80]
    model, tokenizer = load.load(tiny_model, torch.float32)
    recipe = dataclasses.replace(RECIPE, optimizer="muon")
    made = sft.make(recipe, str(tmp_path), model, tokenizer, rows, [])
    made.create_optimizer_and_scheduler(20)
    share = made.lr_scheduler.lr_lambdas[0]
    assert [round(share(step), 2) for step in (1, 6, 12, 14, 16, 18, 20)] == [1, 1, 1, 0.75, 0.5, 0.25, 0]


@pytest.mark.parametrize("other", [{}, {"use_dora": True}, {"lora_dropout": 0.5}, {"lora_bias": True}])
def test_only_plain_lora_is_one_product(tiny_model, other):
    import peft
    import torch

    config = peft.LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", **other)
    model = peft.get_peft_model(load.load(tiny_model, torch.float32)[0], config).eval()
    with quick_training.one_product(model):
        changed = [name for name, module in model.named_modules() if "forward" in vars(module)]
    assert len(changed) == (0 if other else 14), changed
    assert not [name for name, module in model.named_modules() if "forward" in vars(module)]


def test_one_product_follows_the_adapter_and_leaves_no_trace(unbroken):
    """Its output is PEFT's own, also after the adapter changed, and afterwards the layers are as they were."""
    import torch

    model, _ = load.load(str(unbroken[0] / "final"), torch.float32)
    ids = torch.arange(30)[None]
    before = model.state_dict().keys()
    for _ in range(2):
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.data += torch.randn_like(weight) * 0.1
        plain = model(ids).logits
        with quick_training.one_product(model):
            quick = model(ids).logits
        assert torch.allclose(plain, quick, rtol=1e-4, atol=1e-5)
        assert torch.equal(plain, model(ids).logits) and model.state_dict().keys() == before


def test_drafts_save_passes_and_change_no_answer(tiny_model, monkeypatch):
    """Equal prompts after the first are answered in passes of many tokens; answers unlike every draft are right too."""
    import torch

    model, tokenizer = load.load(tiny_model, torch.float32)
    passes = []
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda *a, **k: passes.append(1) or forward(*a, **k))
    alone = answer.generate(model, tokenizer, ["Describe."], 4, 40)
    single = len(passes)
    passes.clear()
    assert answer.generate(model, tokenizer, ["Describe."] * 5, 4, 40) == alone * 5
    assert single >= 40 and len(passes) <= single + 2 + -(-40 // answer.WIDTH)
    others = ["Describe.", "x " * 30, "Series: 00 99", "Why?", "x y " * 20]
    drafts = answer.Drafts()  # so that what is guessed is some other prompt's answer, and nearly always wrong
    monkeypatch.setattr(drafts, "guess", lambda said, width: [7, 8, 9][:width] if len(said) % 2 else tokens[len(said) :][:width])
    tokens = tokenizer(alone[0], add_special_tokens=False)["input_ids"]
    drafted = answer.generate(model, tokenizer, others, 2, 40, drafts=drafts)
    assert drafted == [answer.generate(model, tokenizer, [prompt], 1, 40)[0] for prompt in others]
    assert len(set(drafted)) == len(others)


def test_a_draft_ends_where_earlier_answers_part():
    drafts = answer.Drafts()
    assert drafts.guess([], 24) == []
    drafts.learn([1, 2, 3, 4, 5, 6])
    drafts.learn([1, 2, 3, 4, 7, 6])
    assert drafts.guess([], 24) == [1, 2, 3, 4] and drafts.guess([], 3) == [1, 2, 3]
    assert drafts.guess([1, 2, 3, 4, 7], 24) == [6] and drafts.guess([1, 2, 3, 4, 8], 24) == []
    drafts.learn([1, 2, 3, 4, 5, 6])
    drafts.learn([1, 2, 3, 4, 5, 6])
    assert drafts.guess([], 24) == [1, 2, 3, 4, 5, 6]  # three of four
    drafts.learn([9, 9, 2, 3, 4, 7, 8])
    assert drafts.guess([1], 24) == [2, 3, 4, 5, 6]  # four tokens back: these began with 1
    assert drafts.guess([9], 24) == [9, 2, 3, 4, 7]  # then 6 or 8, once each


def test_the_quick_way_answers_alike_and_leaves_every_weight(unbroken, tiny_model):
    """Merged adapter and attention by products against PEFT's own layers and PyTorch's attention."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    adapter = str(unbroken[0] / "final")
    model, tokenizer = load.load(tiny_model, torch.bfloat16, adapter)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    answer.generate(model, tokenizer, ["Describe.", "Series: 00 99"], 2, 8)
    assert all(torch.equal(before[name], weight) for name, weight in model.named_parameters())
    model, _ = load.load(tiny_model, torch.float32, adapter)
    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32), adapter)
    prompts = ["Describe.", "Series: 00 01 99", "x " * 40]
    texts = [tokenizer.apply_chat_template(question.messages_of(p), tokenize=False, add_generation_prompt=True) for p in prompts]
    batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    out = plain.generate(**batch, max_new_tokens=12, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    expected = [text.strip() for text in tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)]
    assert answer.generate(model, tokenizer, prompts, 3, 12) == expected and len(set(expected)) == 3


def test_answers_of_a_model_with_biases_and_two_ends(tiny_model, tmp_path):
    """A tiny random Qwen2, drafts right and wrong, against each next token found from the whole text without a cache."""
    import torch
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    torch.manual_seed(1)
    sizes = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    model = Qwen2ForCausalLM(Qwen2Config(vocab_size=len(tokenizer), initializer_range=0.1, **sizes))
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight.data, std=0.1)
    model.save_pretrained(tmp_path / "Tiny-Qwen2")
    tokenizer.save_pretrained(tmp_path / "Tiny-Qwen2")
    model, tokenizer = load.load(str(tmp_path / "Tiny-Qwen2"), torch.float32)
    prompts = ["Describe.", "x " * 30, "Series: 00 99", "Describe.", "x y " * 20, "Why?"]

    def naive(prompt, ends):
        chat = tokenizer.apply_chat_template(question.messages_of(prompt), tokenize=False, add_generation_prompt=True)
        ids = tokenizer(chat, add_special_tokens=False)["input_ids"]
        said = []
        while len(said) < 30:
            with torch.no_grad():
                said.append(int(model(torch.tensor([ids + said])).logits[0, -1].argmax()))
            if said[-1] in ends:
                return said[:-1]
        return said

    free = [naive(prompt, set()) for prompt in prompts]
    ends = [free[0][9], free[1][4]]
    model.generation_config.eos_token_id = ends
    expected = [naive(prompt, {*ends, tokenizer.eos_token_id}) for prompt in prompts]
    assert len(expected[0]) <= 9 and len(expected[1]) <= 4 and len(set(map(len, expected))) > 2
    assert answer.generate(model, tokenizer, prompts, 3, 30) == [
        tokenizer.decode(said, skip_special_tokens=True).strip() for said in expected
    ]


def test_bad_input(pairs, tiny_model, embedder, tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"id": "a", "prompt": "p"}\n')
    (tmp_path / "empty").mkdir()
    for arguments in (
        ["--data", "nowhere.jsonl"],
        ["--data", bad],
        ["--data", pairs, "--model", "no/such/model"],
        ["--data", pairs, "--model", tmp_path / "none.gguf"],
        ["--data", pairs, "--model", "nothere", "--embedder", embedder, "--nli", "none"],
        ["--data", pairs, "--model", tmp_path / "empty"],
        ["--data", pairs, "--batch-size", "0"],
        ["--data", pairs, "--seed", "2000000000"],
        ["--data", pairs, "--fresh", "16x0"],
        ["--data", pairs, "--process", "walk"],
        ["--data", pairs, "--fresh", "16x8", "--process", "wlak"],
        ["--data", pairs, "--model", tiny_model, "--out", tiny_model, "--embedder", embedder, "--nli", "none"],
        ["--data", pairs, "--learning-rate", "-1"],
        ["--data", pairs, "--model", tiny_model, "--embedder", tmp_path / "empty", "--nli", "none"],
    ):
        run_script("qwen_train.py", *arguments, cwd=tmp_path, code=2)
    assert sorted(os.listdir(tmp_path)) == ["bad.jsonl", "empty"]
