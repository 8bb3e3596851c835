"""Models that users bring, as tiny random ones: chat templates, ends, caches; and what is refused before the training.

Needs: models/ (python fetch.py smollm2 minilm).
"""

import dataclasses
import json
import os
import types

import pytest
import tiny_bases
from conftest import SMOLLM2, run_script

from llm_ts import question
from llm_ts.base import cli
from llm_ts.data import pair
from llm_ts.fast.cpu_attention import has_plain_cache
from llm_ts.gguf import gguf_file
from llm_ts.pairs import fresh
from llm_ts.student import answer, chat, device, load
from llm_ts.student.student import Student
from llm_ts.train import callbacks, sft, trial

if not os.path.isfile(SMOLLM2):
    pytest.skip("models/SmolLM2-135M-Instruct.Q4_1.gguf is missing: python fetch.py smollm2", allow_module_level=True)

ROWS = fresh.pairs("train", [(16, 16, 8)], "thirds")
PROMPTS = [pair.prompt_of(row) for row in ROWS[:3]] + ["x " * 40, "Why?"]
RECIPE = sft.Recipe(epochs=1, batch_size=4, rank=2, alpha=4, dtype="fp32", save_steps=99)


@pytest.fixture(scope="module")
def made(tiny_model, tmp_path_factory):
    """kind -> folder of that tiny model."""
    folders = {}

    def make(kind):
        if kind not in folders:
            folders[kind] = str(tmp_path_factory.mktemp("models") / "Tiny")
            tiny_bases.make(kind, folders[kind], tiny_model)
        return folders[kind]

    return make


def in_fp32(folder):
    import torch

    return load.load(folder, torch.float32)


EMPTY = "<think>\n\n</think>\n\n"
# kind: what stands between the question's end and the answer
BEFORE = dict.fromkeys(("llama", "an empty thought before answers", "refuses a system message", "leaves out a system message"), "")
BEFORE |= {"turns end otherwise than answers": "", "a switch for thinking": EMPTY}
BEFORE |= {"every answer begins in a thought": "<think>\n</think>\n\n"}


@pytest.mark.parametrize("kind", BEFORE)
def test_what_is_learnt_is_the_answer_and_its_end_after_the_prompt_that_is_asked(made, kind):
    model, tokenizer = in_fp32(made(kind))
    prompts, answers = [pair.prompt_of(row) for row in ROWS], [pair.answer_of(row) for row in ROWS]
    for row, lesson in zip(ROWS, chat.lessons_of(model, tokenizer, prompts, answers)):
        learnt = [token for token in lesson["labels"] if token != -100]
        asked = lesson["input_ids"][: -len(learnt)]
        assert tokenizer.decode(learnt) == pair.answer_of(row) + "<|im_end|>\n"
        assert lesson["labels"][: len(asked)] == [-100] * len(asked) and lesson["input_ids"][len(asked) :] == learnt
        assert asked == chat.ids_of(tokenizer, chat.prompts_of(tokenizer, [pair.prompt_of(row)]))[0]
        text = tokenizer.decode(asked)
        assert question.SYSTEM in text and pair.prompt_of(row) in text
        assert text.endswith("<|im_start|>assistant\n" + BEFORE[kind])
    assert tokenizer.convert_tokens_to_ids("<|im_end|>") in chat.ends_of(model, tokenizer)
    assert tokenizer.eos_token == "<|im_end|>"  # what a GGUF file takes as its end


def test_a_mended_template_is_mended_once_and_kept_with_the_student(made, tmp_path):
    for kind in ("refuses a system message", "a switch for thinking", "every answer begins in a thought"):
        model, tokenizer = in_fp32(made(kind))
        model.save_pretrained(tmp_path / kind)
        tokenizer.save_pretrained(tmp_path / kind)
        before = tokenizer.chat_template
        assert before != tiny_bases.TEMPLATES[kind]
        again = in_fp32(str(tmp_path / kind))[1]
        assert again.chat_template == before
        assert chat.prompts_of(again, PROMPTS) == chat.prompts_of(tokenizer, PROMPTS)
    model, tokenizer = in_fp32(made("llama"))
    assert tokenizer.chat_template == tiny_bases.template()  # nothing was to be mended


def test_a_template_that_drops_the_question_and_turns_without_an_end_are_refused(made):
    model, tokenizer = in_fp32(made("llama"))
    tokenizer.chat_template = "{{ messages[0]['content'] }}<|im_end|>"
    with pytest.raises(cli.UserError, match="leaves out"):
        chat.mend(model, tokenizer, "Tiny")
    tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
    tokenizer.eos_token, model.generation_config.eos_token_id = None, None
    with pytest.raises(cli.UserError, match="not an instruct model"):
        chat.mend(model, tokenizer, "Tiny")


@pytest.mark.parametrize("kind", ["lfm2", "qwen3.5", "mistral, window of 64"])
def test_a_cache_that_cannot_be_rolled_back_answers_in_batches_as_alone(made, kind):
    model, tokenizer = in_fp32(made(kind))
    assert not has_plain_cache(model) and has_plain_cache(in_fp32(made("llama"))[0])
    alone = [answer.generate(model, tokenizer, [prompt], 1, 12)[0] for prompt in PROMPTS]
    drafts = answer.Drafts()
    for text in alone:
        drafts.learn(tokenizer(text)["input_ids"])  # whatever was learnt, none is used
    assert answer.generate(model, tokenizer, PROMPTS, 5, 12, drafts=drafts) == alone and len(set(alone)) > 1


@pytest.mark.parametrize(("kind", "quick"), [("lfm2", True), ("granite", True), ("gemma2", False), ("phi", False)])
def test_the_loss_of_other_architectures_has_the_gradients_of_their_own(made, tmp_path, kind, quick):
    """Scaled, capped and biased logits: against the loss that the model computes itself."""
    import torch

    model, tokenizer = in_fp32(made(kind))
    trainer = sft.make(RECIPE, str(tmp_path), model, tokenizer, ROWS, [])
    assert trainer.quick == quick
    torch.manual_seed(1)
    for name, weight in trainer.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight.data, std=0.1)
    batch = next(iter(trainer.get_train_dataloader()))
    found = []
    for loss_of in (lambda: trainer.compute_loss(trainer.model, dict(batch)), lambda: trainer.model(**batch).loss):
        trainer.model.zero_grad()
        loss_of().backward()
        found.append(torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.requires_grad]))
    assert found[1].norm() > 0 and (found[0] - found[1]).norm() < 1e-3 * found[1].norm()


def test_what_cannot_be_asked_is_refused_before_the_training(made, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LLAMA_CPP", "/nowhere")
    all_weights = dataclasses.replace(RECIPE, rank=0)  # PEFT itself refuses Mamba's layers
    for kind, recipe, why in (
        ("a tokenizer too large", RECIPE, "do not belong together"),
        ("mamba2", RECIPE, "cannot be trained here"),
        ("mamba2", all_weights, "cannot be asked or trained here"),
    ):
        model, tokenizer = in_fp32(made(kind))
        with pytest.raises(cli.UserError, match=why):
            trial.run(sft.make(recipe, str(tmp_path), model, tokenizer, ROWS, []), tokenizer, ROWS)
    model, tokenizer = in_fp32(made("llama"))
    trial.run(sft.make(RECIPE, str(tmp_path), model, tokenizer, ROWS, []), tokenizer, ROWS)
    assert "not tried" in capsys.readouterr().out


@pytest.fixture(scope="module")
def command(made, embedder, tmp_path_factory):
    """A quick training by the script: flags -> the arguments."""
    path = str(tmp_path_factory.mktemp("pairs") / "pairs.jsonl")
    splits = ["train"] * 6 + ["test"] * 2
    pair.write(path, [{**row, "split": split, "gold": row["truth"]["sentences"]} for row, split in zip(ROWS, splits)])

    def arguments(kind, *flags):
        scoring = ["--embedder", embedder, "--nli", "none", "--max-new-tokens", "4", "--eval-rows", "1", "--batch-size", "2"]
        return ["--data", path, "--model", made(kind), "--out", "run", "--validation", "0", *scoring, *flags]

    return arguments


@pytest.mark.slow
def test_what_cannot_be_exported_is_refused_before_the_training_unless_asked_otherwise(command, tmp_path, llama_cpp):
    flags = command("gemma2", "--epochs", "1")  # its converter wants another kind of tokenizer
    done = run_script("qwen_train.py", *flags, cwd=tmp_path, code=2)
    assert "could not be exported" in done.stderr and "--no-gguf" in done.stderr
    assert not [name for name in os.listdir(tmp_path / "run") if name.startswith(("checkpoint", "final", "evaluation_avant"))]
    run_script("qwen_train.py", *flags, "--no-gguf", cwd=tmp_path)
    assert (tmp_path / "run" / "final").is_dir()


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_nothing(command, tmp_path):
    flags = command("llama", "--fresh", "16x100", "--learning-rate", "1e30", "--save-steps", "1000", "--no-gguf")
    done = run_script("qwen_train.py", *flags, cwd=tmp_path, code=2)
    assert "no number at step" in done.stderr
    assert not [name for name in os.listdir(tmp_path / "run") if name.startswith(("checkpoint", "final"))]


def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    """A step may overflow whose loss was sound."""
    import torch
    from transformers import TrainerControl, TrainerState

    model, state = torch.nn.Linear(2, 2), TrainerState(global_step=7, max_steps=9)
    (beside,) = callbacks.make(str(tmp_path), None, types.SimpleNamespace(asked=True), None)
    beside.on_train_begin(None, state, TrainerControl())
    beside.on_step_end(None, state, TrainerControl(), model=model)
    for bad in (float("nan"), float("inf")):
        model.weight.data[1, 0] = bad
        with pytest.raises(cli.UserError, match="weights are no number at step 7"):
            beside.on_step_end(None, state, TrainerControl(), model=model)
    model.weight.requires_grad_(False)  # a part that is not trained is none of our doing
    beside.on_step_end(None, state, TrainerControl(), model=model)


def test_a_gpu_that_was_requested_and_is_not_seen_is_refused(command, tmp_path, monkeypatch):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    nothing = {"SLURM_GPUS_ON_NODE": ("", "0"), "CUDA_VISIBLE_DEVICES": ("", "-1", "NoDevFiles")}
    for name in nothing:
        monkeypatch.delenv(name, raising=False)
    assert device.choose() == "cpu"
    for name, values in nothing.items():
        monkeypatch.setenv(name, "1")
        with pytest.raises(cli.UserError, match=f"a GPU was requested .{name}=1"):
            device.choose()
        for value in values:
            monkeypatch.setenv(name, value)
            assert device.choose() == "cpu"
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLURM_GPUS_ON_NODE", "2")
    done = run_script("qwen_train.py", *command("llama"), cwd=tmp_path, code=2)
    assert "SLURM_GPUS_ON_NODE=2" in done.stderr and "--device cpu" in done.stderr and os.listdir(tmp_path) == []


def test_it_computes_in_bf16_where_the_processor_has_instructions_for_it(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for able, quick in (({}, torch.float32), ({"avx512_bf16": True}, torch.bfloat16), ({"amx_bf16": False}, torch.float32)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        assert device.dtype() == quick
        assert device.dtype("bf16") == torch.bfloat16 and device.dtype("fp32") == torch.float32
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.dtype() == torch.bfloat16


def test_a_time_budget_and_patience_end_with_a_whole_run(command, tmp_path):
    flags = command("llama", "--fresh", "16x4000", "--save-steps", "1000", "--no-gguf", "--device", "cpu")
    done = run_script("qwen_train.py", *flags, "--minutes", "0.01", cwd=tmp_path, env={"SLURM_GPUS_ON_NODE": "1"})
    assert "0.01 minutes are over" in done.stdout and "final: step 1, the last" in done.stdout
    assert (tmp_path / "run" / "evaluation_checkpoint-1.json").exists()
    again = run_script("qwen_train.py", *flags, "--minutes", "0.01", cwd=tmp_path, env={"SLURM_GPUS_ON_NODE": "1"})
    assert "nothing to do" in again.stdout
    more = ("--save-steps", "1", "--no-gguf", "--patience", "2", "--validation", "2", "--out", "still")
    still = command("llama", "--fresh", "16x4000", *more)
    done = run_script("qwen_train.py", *still, cwd=tmp_path)  # of 4 tokens, no answer is right
    assert "ended at step 3 of 2000: 2 evaluations were no better" in done.stdout
    assert json.loads((tmp_path / "still" / "final" / "whole.json").read_text())["step"] == 3


def test_curves_for_tensorboard(command, tmp_path):
    pytest.importorskip("tensorboard")
    flags = command("llama", "--epochs", "1", "--no-gguf")
    run_script("qwen_train.py", *flags, "--report-to", "tensorboard", cwd=tmp_path)
    files = list((tmp_path / "run" / "runs").rglob("events.out.tfevents.*"))
    assert len(files) == 1 and files[0].stat().st_size > 500


def answers_of(folder):
    """Six prompts, and the answers of a student in fp32, each asked alone."""
    prompts = [pair.prompt_of(row) for row in fresh.pairs("test", [(16, 48, 6)], "thirds")]
    model, tokenizer = in_fp32(folder)
    alone = [answer.generate(model, tokenizer, [prompt], 1, 24)[0] for prompt in prompts]
    assert answer.generate(model, tokenizer, prompts, 6, 24) == alone
    return prompts, alone


@pytest.mark.parametrize("kind", ["qwen3.5", "gemma3", "phi"])
@pytest.mark.slow
def test_llama_cpp_loads_what_its_converter_made_and_says_the_same(kind, tiny_model, tmp_path, llama_cpp):
    """Qwen3.5's configuration speaks of layers that Transformers does not keep: converted with them, nothing could load it."""
    tiny_bases.make(kind, str(tmp_path / "tiny"), tiny_model)
    made = str(tmp_path / "tiny.gguf")
    gguf_file.convert("convert_hf_to_gguf.py", str(tmp_path / "tiny"), "--outfile", made, "--outtype", "f32")
    prompts, alone = answers_of(str(tmp_path / "tiny"))
    same = [one == other for one, other in zip(alone, Student(made).ask(prompts, 24))]
    assert sum(same) >= 5 and len(set(alone)) > 1  # of random weights a near tie may fall otherwise
