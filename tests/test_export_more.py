"""More of the export: several adapters added up, Ollama's Modelfile for templates of other kinds.

Needs: what tests/test_export_describe.py needs; else they skip aloud.
Run: python -m pytest -q tests/test_export_more.py
"""

import json
import shutil
import types

import pytest
from conftest import run_script
from test_export_describe import PROMPT, answers

import hf2gguf
from llm_ts.base import cli
from llm_ts.export import modelfile
from llm_ts.gguf import gguf_file
from llm_ts.student import origin
from llm_ts.student.student import Student
from llm_ts.task import Task


@pytest.fixture(scope="module")
def halves(adapter, tmp_path_factory):
    """Two adapters whose sum is the first one: each has two of its four ranks."""
    from safetensors.torch import load_file, save_file

    made = []
    for ranks in (slice(0, 2), slice(2, 4)):
        run = tmp_path_factory.mktemp("half")
        shutil.copytree(adapter, run / "final")
        for name in ("training.json", "test_rows.jsonl"):
            shutil.copy(adapter.parent / name, run)
        path = run / "final" / "adapter_model.safetensors"
        weights = load_file(path)
        for name in weights:
            if "lora_B" in name:
                weights[name][:, ranks] = 0
        save_file(weights, path)
        made.append(run / "final")
    return made


@pytest.mark.slow
def test_several_adapters_are_added_up(adapter, halves, tmp_path):
    """Transformers with both, llama.cpp with both, and both merged say what the whole adapter says; either alone does not."""
    whole, _ = answers(run_script("hf2gguf.py", "--lora", adapter, "--quant", "f32", "--outfile", "whole.gguf", cwd=tmp_path))
    both = ["--lora", halves[0], "--lora", halves[1], "--quant", "f32"]
    for strategy in ("merge", "separate"):
        done = run_script("hf2gguf.py", *both, "--strategy", strategy, "--outfile", f"{strategy}.gguf", cwd=tmp_path)
        before, after = answers(done)
        assert len(whole) > 200 and before[:200] == whole[:200] and after[:200] == whole[:200]
    base, files = str(tmp_path / "separate.gguf"), [str(tmp_path / f"separate-lora{number}.gguf") for number in ("", "-2")]
    for alone in files:
        assert Student(base, adapters=[alone]).ask([PROMPT])[0][:50] != whole[:50]
    assert (tmp_path / "separate.Modelfile").read_text().splitlines()[:3] == [
        "FROM ./separate.gguf", "ADAPTER ./separate-lora.gguf", "ADAPTER ./separate-lora-2.gguf"
    ]  # fmt: skip
    with pytest.raises(cli.UserError, match="is no adapter for"):
        Student(base, adapters=[base])


def test_adapters_that_are_not_asked_alike_are_refused(adapter, halves, tmp_path):
    shutil.copytree(halves[0], tmp_path / "final")
    about = {"task": Task(points=(32,)).to_json()}
    (tmp_path / "training.json").write_text(json.dumps(about))
    with pytest.raises(cli.UserError, match="not asked alike: they learnt another format"):
        hf2gguf.learnt_of([str(adapter), str(tmp_path / "final")])
    assert hf2gguf.learnt_of([str(adapter), str(halves[0])]) == origin.of(str(adapter))
    config = json.loads((tmp_path / "final" / "adapter_config.json").read_text())
    (tmp_path / "final" / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": "another/base"}))
    flags = ["--lora", adapter, "--lora", tmp_path / "final", "--outfile", "x.gguf"]
    assert "another/base" in run_script("hf2gguf.py", *flags, cwd=tmp_path, code=2).stderr


@pytest.mark.parametrize("kind", ["plain", "joined", "begins with a token", "braces"])
def test_a_modelfile_is_made_of_any_template(tiny_model, kind):
    """What Ollama fills in, by its documents, is what the tokenizer's own template writes."""
    from transformers import AutoTokenizer

    from llm_ts import question

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    turns = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    ends = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    templates = {
        "joined": "{{ messages[0]['content'] + ' / ' }}{% for m in messages[1:] %}{{ m['content'] }}<|im_end|>{% endfor %}",
        "begins with a token": "{{ bos_token }}" + turns + ends,
        "braces": "{{ '{{ not an action' }}" + turns + ends,
    }
    tokenizer.chat_template = templates.get(kind, tokenizer.chat_template)
    config = types.SimpleNamespace(get_text_config=lambda: types.SimpleNamespace(max_position_embeddings=2048))
    model = types.SimpleNamespace(config=config, generation_config=types.SimpleNamespace(eos_token_id=tokenizer.eos_token_id))
    body = modelfile.body_of(model, tokenizer)
    template = body.split('"""')[1]
    filled = template.partition("{{ .Response }}")[0].replace("{{ .System }}", question.SYSTEM).replace("{{ .Prompt }}", PROMPT)
    chat = question.messages_of(PROMPT)
    assert filled.replace('{{ "{{" }}', "{{") == tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert "PARAMETER num_ctx 2048\n" in body and 'PARAMETER stop "<|im_end|>"\n' in body


def test_the_layers_that_draft_are_left_out_of_the_text_and_not_asked_of_the_projector(tmp_path):
    (tmp_path / "config.json").write_text('{"text_config": {"mtp_num_hidden_layers": 1}}')
    script = "convert_hf_to_gguf.py"
    assert gguf_file._more(script, str(tmp_path), ["--outtype", "f16"]) == ["--no-mtp"]
    assert gguf_file._more(script, str(tmp_path), ["--outtype", "f16", "--mmproj"]) == []
    assert gguf_file._more("convert_lora_to_gguf.py", str(tmp_path), []) == []
