"""Adapters as other trainers write them: each says what PEFT says of it, merged too, or is refused in one line before any work.

Needs: models/ (python fetch.py smollm2). Run: python -m pytest -q tests/test_adapters.py
"""

import json
import os
import shutil
import subprocess

import pytest
import torch
from conftest import run_script

from llm_ts.base import cli, disk, paths
from llm_ts.desk import serve, shipped
from llm_ts.export import gguf_export
from llm_ts.student import load

LAYER = "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight"


@pytest.fixture(scope="module")
def make(tiny_model, tmp_path_factory):
    """A function (settings of LoraConfig) -> the folder of such an adapter with random weights; loud, so that each counts."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    def made(base=tiny_model, **settings):
        settings = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **settings}
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), LoraConfig(**settings))
        torch.manual_seed(1)
        for name, weight in model.named_parameters():
            if weight.requires_grad:
                weight.data.add_(torch.randn_like(weight) * (0.3 if "lora_" in name else 0.1))
        folder = tmp_path_factory.mktemp("run") / "final"
        model.save_pretrained(folder)
        return folder

    return made


@pytest.fixture(scope="module")
def plain(make):
    return make()


@pytest.fixture
def copy(plain, tmp_path):
    return shutil.copytree(plain, tmp_path / "final")


def logits(model):
    with torch.no_grad():
        return model.eval()(torch.arange(5, 60)[None]).logits


WORK = {
    "rank_pattern": {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"q_proj": 16}}, "DoRA": {"use_dora": True},
    "rsLoRA": {"use_rslora": True}, "a whole module": {"modules_to_save": ["lm_head"]}, "norms": {"modules_to_save": ["norm"]},
    "trained embeddings": {"modules_to_save": ["embed_tokens", "lm_head"]}, "some tokens": {"trainable_token_indices": [5, 6]},
    "embeddings by LoRA": {"target_modules": ["q_proj", "embed_tokens"]}, "one layer": {"layers_to_transform": [0], "target_modules": ["q_proj"]},
    "biases": {"bias": "all"}, "PiSSA": {"init_lora_weights": "pissa"}, "OLoRA": {"init_lora_weights": "olora"},
}  # fmt: skip


@pytest.mark.parametrize("kind", WORK)
def test_works_as_peft_has_it(make, tiny_model, kind):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    folder, base = str(make(**WORK[kind])), AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    without = logits(base)
    right = logits(PeftModel.from_pretrained(base, folder))
    model, _ = load.load(folder, torch.float32)
    assert (right - without).abs().max() > 0.01
    assert torch.allclose(logits(model), right, atol=1e-4) and torch.allclose(logits(model.merge_and_unload()), right, atol=1e-3)


@pytest.mark.parametrize("target", ["lm_head", "embed_tokens"])
def test_an_adapter_of_one_of_two_tied_layers_leaves_the_other_as_it_is(make, tiny_model, tmp_path, target):
    """PEFT's own merge changes both: the model that it gives says something else than the adapter (logits off by 70)."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = str(tmp_path / "tied")
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    model.config.tie_word_embeddings = True
    model.tie_weights()
    model.save_pretrained(base)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(base)
    folder = str(make(base, target_modules=["q_proj", target]))
    right = logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), folder))
    model, _ = load.load(folder, torch.float32)
    assert torch.allclose(logits(model), right, atol=1e-4)
    model.merge_and_unload().save_pretrained(tmp_path / "merged")
    assert torch.allclose(
        logits(AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)), right, atol=1e-3
    )


def edit(folder, change):
    """Change the tensors of an adapter: {name: tensor} -> the same."""
    from safetensors.torch import save_file

    path = folder / "adapter_model.safetensors"
    save_file(change(load.read_tensors(str(path))), path)


def rename(*pairs):
    def change(tensors):
        for old, new in pairs:
            tensors = {name.replace(old, new): tensor for name, tensor in tensors.items()}
        return tensors

    return lambda folder: edit(folder, change)


def say(**fields):
    def change(folder):
        path = folder / "adapter_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return change


REFUSED = {
    "infinite in fp16": (lambda f: edit(f, lambda t: {k: v.half() * (1e9 if k == LAYER else 1) for k, v in t.items()}), f"infinite, in {LAYER}"),
    "names of another trainer": (rename(("lora_A", "lora_down"), ("lora_B", "lora_up")), "56 tensors"),
    "names of a compiled model": (rename(("base_model.model.model", "_orig_mod.base_model.model.model")), "56 tensors"),
    "names without their beginning": (rename(("base_model.model.", "")), "56 tensors"),
    "a layer is missing": (lambda f: edit(f, lambda t: {k: v for k, v in t.items() if "layers.1." not in k}), "14 tensors"),
    "a layer too many": (lambda f: edit(f, lambda t: {**t, LAYER.replace("rs.0", "rs.7"): torch.ones(4, 128)}), "1 tensors lack a place"),
    "a pickle alone": (lambda f: os.rename(f / "adapter_model.safetensors", f / "adapter_model.bin"), "read as safetensors"),
    "a file of another name": (lambda f: os.rename(f / "adapter_model.safetensors", f / "adapters.safetensors"), "by this name"),
    "a prompt": (say(peft_type="PROMPT_TUNING", num_virtual_tokens=4), "cannot be merged"),
    "doubled layers": (say(layer_replication=[[0, 2], [1, 2]]), "(layer_replication), which cannot be merged"),
    "a base that moved": (say(base_model_name_or_path="/content/drive/My Drive/Tiny"), "if it moved, write into its adapter_config.json"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_is_refused_in_one_line(copy, tmp_path, kind):
    change, says = REFUSED[kind]
    change(copy)
    with pytest.raises(cli.UserError) as refused:
        load.load(str(copy), torch.float32)
    assert says in str(refused.value)
    assert os.listdir(tmp_path) == ["final"]


def test_an_adapter_of_an_adapter_is_told_what_to_do(copy, plain, tmp_path, llama_cpp):
    say(base_model_name_or_path=str(plain))(copy)
    flags = ("--quant", "q8_0", "--outfile", "s.gguf")
    assert "goes on another adapter" in run_script("hf2gguf.py", "--lora", copy, *flags, cwd=tmp_path, code=2).stderr


def test_biases_that_no_layer_can_take_end_neither_script_in_a_traceback(make, tmp_path, llama_cpp):
    """And apart, what llama.cpp's converter leaves out or breaks off at is refused before it."""
    folder = make(lora_bias=True)
    (tmp_path / "a.csv").write_text("v\n" + "\n".join(map(str, range(30))))
    flags = ("--quant", "q8_0", "--outfile", "s.gguf")
    for script, *words in (("hf2gguf.py", "--lora", folder, *flags), ("describe.py", "a.csv", "--model", folder)):
        assert "learnt biases (lora_bias)" in run_script(script, *words, cwd=tmp_path, code=2).stderr
    for name, value in (("bias", "all"), ("trainable_token_indices", [5]), ("lora_bias", True)):
        say(**{name: value})(folder)
        apart = run_script("hf2gguf.py", "--lora", folder, "--strategy", "separate", *flags, cwd=tmp_path, code=2)
        assert name in apart.stderr and "use --strategy merge" in apart.stderr
    assert sorted(os.listdir(tmp_path)) == ["a.csv"]


def test_what_a_killed_export_left_goes_with_the_next_start(plain, tmp_path, llama_cpp, monkeypatch):
    """A folder of a process that lives, or of another machine, stays; an error leaves none."""
    process = subprocess.Popen(["sleep", "60"])
    names = [f".export0{disk.mark()}".replace(str(os.getpid()), pid) for pid in ("4194304", str(process.pid))]
    for name in (*names, ".export2.tmpelsewhere-4194304"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "new.gguf").write_bytes(b"half")
    seen = []

    def fails(*arguments):
        seen.extend(os.listdir(tmp_path))
        raise cli.UserError("stop here")

    monkeypatch.setattr(gguf_export, "write_model", fails)
    try:
        run_script("hf2gguf.py", "--lora", plain, "--quant", "q8_0", "--rows", 1, "--outfile", "s.gguf", cwd=tmp_path, code=2)
        assert sorted(os.listdir(tmp_path)) == sorted([names[1], ".export2.tmpelsewhere-4194304"]) and len(seen) == 3
    finally:
        process.kill()
        process.wait()


def test_the_shipped_student_without_its_base_is_one_line(tmp_path, monkeypatch, capsys):
    adapter = tmp_path / "trained" / "student"
    shutil.copytree(paths.SHIPPED, adapter)
    monkeypatch.setattr(paths, "SHIPPED", str(adapter))
    with pytest.raises(cli.UserError, match="python fetch.py smollm2"):
        shipped.open_student(str(adapter))
    assert capsys.readouterr().err == ""


def test_the_page_offers_the_students_whose_base_is_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sees = tmp_path / "trained" / "sees"
    shutil.copytree(paths.SHIPPED_SEES, sees)
    monkeypatch.setattr(paths, "SHIPPED_SEES", str(sees))
    assert serve.students_there() == [paths.SHIPPED]
