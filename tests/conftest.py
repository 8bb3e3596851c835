"""Puts the repository root on sys.path, and makes what several test files need: a tiny model with a real tokenizer."""

import os
import signal
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
os.environ["HF_HUB_OFFLINE"] = "1"  # no test asks a model hub
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and its children too

SMOLLM2 = os.path.join(ROOT, "models", "SmolLM2-135M-Instruct.Q4_1.gguf")
EMBEDDER = os.path.join(ROOT, "models", "all-MiniLM-L6-v2")


def command_of(script):
    """ "curate.py", or "experiments.report": what is run as a module -> the beginning of its command."""
    return [sys.executable, *(["-m", script] if script.startswith("experiments.") else [os.path.join(ROOT, script)])]


def run_script(script, *arguments, cwd, env=None, code=0):
    """Run a script as its user does; asserts its exit code, and that failures are one line without a traceback."""
    done = subprocess.run(
        [*command_of(script), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "TRANSFORMERS_VERBOSITY": "error", "PYTHONPATH": ROOT, **(env or {})},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    if code == 2:
        assert "Traceback" not in done.stderr
        assert (
            done.stderr.strip().splitlines()[-1].startswith(f"{script.removeprefix('experiments.').removesuffix('.py')}.py: ")
        ), done.stderr
    return done


@pytest.fixture(scope="session")
def embedder():
    if not os.path.isdir(EMBEDDER):
        pytest.skip("models/all-MiniLM-L6-v2 is missing: python fetch.py minilm")
    return EMBEDDER


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of a random Llama of 2 layers with SmolLM2's own tokenizer: small and quick, and no wiser than chance."""
    if not os.path.isfile(SMOLLM2):
        pytest.skip("models/SmolLM2-135M-Instruct.Q4_1.gguf is missing: python fetch.py smollm2")
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = str(tmp_path_factory.mktemp("model") / "Tiny-Llama")
    tokenizer = AutoTokenizer.from_pretrained(os.path.dirname(SMOLLM2), gguf_file=os.path.basename(SMOLLM2))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
