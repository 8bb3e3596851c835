"""Which models can be students: tiny random ones of the architectures and chat
templates that users bring are trained, stopped, asked and exported.

Reads: models/ (python fetch.py smollm2 minilm), build/llama.cpp.
Writes: --out, a table in Markdown, and a folder per kind beside it.
Run: python -m experiments.bases --kinds llama --steps 4 --out bases.md

`trains`: qwen_train.py comes to its end. `resumes`: stopped after one step and
started again, it ends with the same weights, bit for bit. `batches`: prompts
answered alone in the share that are answered alike in a batch. `exports`:
hf2gguf.py makes an f32 file. `as GGUF`: so many prompts get the same answer of
it, word for word (a student as small as these babbles, so labels say nothing).
What a script refuses stands there in its own words.
"""

import copy
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys

from llm_ts import cli, disk, paths
from llm_ts.pairs import fresh, pair
from llm_ts.student.student import Student

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}THOUGHT{{ message['content'] }}"
    "<|im_end|>{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}ASKED{% endif %}"
)
EMPTY = "{{ '<think>\\n\\n</think>\\n\\n' }}"


def template(thought="", asked="", before=""):
    """ChatML; thought: what stands before an answer; asked: at the end of a prompt; before: at the template's beginning."""
    return before + CHATML.replace("THOUGHT", thought).replace("ASKED", asked)


OF_ANSWERS = "{% if message['role'] == 'assistant' %}" + EMPTY + "{% endif %}"
SWITCH = "{% if enable_thinking is defined and not enable_thinking %}" + EMPTY + "{% endif %}"
REFUSES = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
SILENT = "{% if messages[0]['role'] == 'system' %}{% set messages = messages[1:] %}{% endif %}"
TEMPLATES = {
    "an empty thought before answers": template(OF_ANSWERS),
    "a switch for thinking": template(OF_ANSWERS, SWITCH),
    "every answer begins in a thought": template(asked="{{ '<think>\\n' }}"),
    "refuses a system message": template(before=REFUSES),
    "leaves out a system message": template(before=SILENT),
}
# kind: (class of its configuration, what it needs beside SIZES)
ARCHITECTURES = {
    "llama": ("LlamaConfig", {"tie_word_embeddings": False}),
    "llama, tied": ("LlamaConfig", {"tie_word_embeddings": True}),
    "qwen2": ("Qwen2Config", {"tie_word_embeddings": True}),
    "qwen3": ("Qwen3Config", {"tie_word_embeddings": True, "head_dim": 16}),
    "mistral, window of 64": ("MistralConfig", {"sliding_window": 64}),
    "granite": ("GraniteConfig", {"logits_scaling": 8.0, "embedding_multiplier": 12.0, "attention_multiplier": 0.1}),
    "smollm3": ("SmolLM3Config", {}),
    "lfm2": (
        "Lfm2Config",
        {"layer_types": ["conv", "full_attention"] * 2, "num_hidden_layers": 4, "block_auto_adjust_ff_dim": False},
    ),
    "qwen3.5": (
        "Qwen3_5TextConfig",
        {
            "layer_types": ["linear_attention", "full_attention"],
            "head_dim": 64,  # llama.cpp breaks off at less
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "linear_key_head_dim": 64,
            "linear_value_head_dim": 64,
            "mtp_num_hidden_layers": 1,
        },
    ),
    "gemma2": ("Gemma2Config", {"head_dim": 16, "sliding_window": 64}),
    "gemma3": (
        "Gemma3TextConfig",
        # as every Gemma 3 has it, which llama.cpp takes for granted: the first layers slide, queries are scaled by the head's size
        {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 64, "layer_types": ["sliding_attention"] * 2},
    ),
    "phi": ("PhiConfig", {"num_key_value_heads": 4, "intermediate_size": 256}),  # as llama.cpp takes for granted
    "gpt2": ("GPT2Config", {"n_positions": 2048, "n_embd": 64, "n_layer": 2, "n_head": 4}),
    "mamba2": ("Mamba2Config", {"num_heads": 8, "head_dim": 16, "state_size": 16, "n_groups": 1}),
}
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
}
OTHERS = ("turns end otherwise than answers", "a larger vocabulary", "a tokenizer too large")
KINDS = (*ARCHITECTURES, *TEMPLATES, *OTHERS)


@functools.cache
def _tokenizer():
    from transformers import AutoTokenizer

    smollm2 = paths.fetched("smollm2")
    return AutoTokenizer.from_pretrained(os.path.dirname(smollm2), gguf_file=os.path.basename(smollm2))


def make(kind, folder, seed=0):
    """Write the tiny model of a kind, with random weights of a seed, into a folder."""
    import torch
    import transformers

    tokenizer = copy.deepcopy(_tokenizer())
    tokenizer.chat_template = TEMPLATES.get(kind, template())
    if kind == "turns end otherwise than answers":
        tokenizer.eos_token = "<|endoftext|>"
    words = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    name, more = ARCHITECTURES.get(kind, ARCHITECTURES["llama"])
    rows = len(tokenizer) + (64 if kind == "a larger vocabulary" else 0)
    if kind == "a tokenizer too large":
        tokenizer.add_tokens(["<|more|>"], special_tokens=True)
        tokenizer.chat_template = tokenizer.chat_template.replace("{% endif %}", "<|more|>{% endif %}")
    torch.manual_seed(seed)
    config = getattr(transformers, name)(**{**SIZES, "vocab_size": rows, **words, **more})
    model = transformers.AutoModelForCausalLM.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


COLUMNS = ("kind", "trains", "resumes", "batches", "exports", "as GGUF")
PROMPTS = 6


def script(name, *flags, cwd):
    """Run a script in a folder: (its exit code, its last line of complaint)."""
    command = [sys.executable, os.path.join(paths.ROOT, name), *map(str, flags)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    return done.returncode, (done.stderr.strip().splitlines() or [""])[-1].replace("|", "/")[:160]


def digest(folder):
    with open(os.path.join(folder, "final", "adapter_model.safetensors"), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def write_pairs(path):
    """A file of pairs, of which the test rows are what is compared after the export."""
    rows = fresh.pairs("test", [(16, 24, 24)], "thirds")
    pair.write(
        path, [{**row, "split": "test" if k % 2 else "train", "gold": row["truth"]["sentences"]} for k, row in enumerate(rows)]
    )


def prompts():
    """Prompts of different lengths, and how many tokens their answers have, at most."""
    return [pair.prompt_of(row) for row in fresh.pairs("test", [(16, 48, PROMPTS)], "thirds")], 24


def alike(answers, others):
    """How many answers are the same: "6 of 6"."""
    return f"{sum(a == b for a, b in zip(answers, others))} of {len(answers)}"


def answers_of(folder):
    """The answers of a trained student to the prompts, each asked alone; and those asked in a batch."""
    import torch

    from llm_ts.student import answer, load

    model, tokenizer = load.load(folder, torch.float32)
    asked, most = prompts()
    alone = [answer.generate(model, tokenizer, [prompt], 1, most)[0] for prompt in asked]
    return alone, answer.generate(model, tokenizer, asked, PROMPTS, most)


def cells_of(kind, folder, steps):
    """The cells of a kind's line, as far as it comes."""
    shutil.rmtree(folder, ignore_errors=True)  # an earlier table's runs would count as finished
    os.makedirs(folder)
    write_pairs(os.path.join(folder, "pairs.jsonl"))
    make(kind, os.path.join(folder, "Tiny"))
    flags = [
        "--data",
        "pairs.jsonl",
        "--model",
        os.path.abspath(os.path.join(folder, "Tiny")),
        "--fresh",
        f"16-24x{8 * steps}",
        "--batch-size",
        8,
        "--dtype",
        "fp32",
    ]
    flags += ["--embedder", paths.of("minilm"), "--nli", "none", "--validation", 0, "--eval-rows", 12, "--save-steps", 10**6]
    flags += ["--max-new-tokens", 64, "--learning-rate", "3e-3", "--rank", 32]
    code, why = script("qwen_train.py", *flags, "--out", "run", cwd=folder)
    if code:
        return [f"refused: {why}" if code == 2 else f"FAILED: {why}"]
    stop = os.path.join(folder, "stop")
    open(stop, "w").close()
    again = [*flags, "--out", "again", "--stop-file", "stop", "--no-gguf"]
    stopped, why = script("qwen_train.py", *again, cwd=folder)
    os.remove(stop)
    code, why = script("qwen_train.py", *again, cwd=folder)
    same = not code and digest(os.path.join(folder, "run")) == digest(os.path.join(folder, "again"))
    resumes = "yes" if stopped == cli.REQUEUE and same else f"NO: {why}"
    alone, together = answers_of(os.path.join(folder, "run", "final"))
    cells = ["yes", resumes, alike(alone, together)]
    export = ["--lora", "run/final", "--merge-lora", "--quant", "f32", "--rows", 12, "--min-equal", 0, "--outfile", "x.gguf"]
    code, why = script("hf2gguf.py", *export, cwd=folder)
    if code:
        return [*cells, f"refused: {why}" if code == 2 else f"FAILED: {why}"]
    return [*cells, "yes", alike(alone, Student(os.path.join(folder, "x.gguf")).ask(*prompts()))]


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--kinds", default="all", help=f'Kinds, with semicolons, or "all": {"; ".join(KINDS)}.')
    parser.add_argument("--steps", type=cli.positive, default=60, help="Steps of each training.")
    parser.add_argument("--out", default="bases.md", help="The table.")
    args = parser.parse_args(argv)
    kinds = list(KINDS) if args.kinds == "all" else [kind.strip() for kind in args.kinds.split(";")]
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise cli.UserError(f"no kind {unknown[0]!r}: there are {'; '.join(KINDS)}")
    folder, lines = os.path.splitext(args.out)[0] + "-models", []
    for number, kind in enumerate(kinds):
        cells = cells_of(kind, os.path.join(folder, str(number)), args.steps)
        lines.append("| " + " | ".join([kind, *cells, *[""] * (len(COLUMNS) - 1 - len(cells))]) + " |")
        print(lines[-1], flush=True)
        head = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
        disk.write_text(args.out, "\n".join(head + lines) + "\n")
    print(json.dumps({"kinds": len(kinds), "out": args.out}))


if __name__ == "__main__":
    cli.run(main)
