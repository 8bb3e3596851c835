"""A build of llama.cpp is tried: it quantises and asks a tiny model, in a process of its own.

No build is trusted unseen. GCC 12 compiles AMX so that the first product with a quantised weight is
an illegal instruction (ggml-org/llama.cpp, pull request 26954), while f16 and bf16 answer.
"""

import os
import subprocess
import tempfile

from llm_ts import cli
from llm_ts.student import gguf_worker

TYPES = ("Q4_K_M", "Q8_0")  # of which a build has to answer
WIDTH = 256  # of each matrix: rows of the K-quants are multiples of it
MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def write_model(path):
    """A random Llama of one layer, 1 MB in f16, whose tokens are the bytes; as a GGUF file."""
    import gguf
    import numpy as np

    kinds = gguf.TokenType
    tokens = [("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)]
    tokens += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
    tokens += [(f"<spare{k}>", kinds.UNUSED) for k in range(-len(tokens) % 32)]

    rng, ones = np.random.default_rng(0), np.ones(WIDTH, dtype=np.float32)
    norms = ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm")
    weights = dict.fromkeys(norms, ones)
    for name in MATRICES:
        weights[f"blk.0.{name}"] = rng.standard_normal((WIDTH, WIDTH)) / WIDTH**0.5
    for name in ("token_embd", "output"):
        weights[name] = rng.standard_normal((len(tokens), WIDTH))

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([name for name, _ in tokens])
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for message in messages %}{{ message['content'] }}{% endfor %}")
    for name, weight in weights.items():
        kept = weight if weight.ndim == 1 else weight.astype(np.float16)
        writer.add_tensor(f"{name}.weight", kept)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def try_library(folder):
    """UserError if the library in a folder dies or fails."""
    from gguf import LlamaFileType

    chat = [{"role": "user", "content": "1 2 3"}]
    with tempfile.TemporaryDirectory(prefix="llm_ts-") as work:
        full = os.path.join(work, "f16.gguf")
        write_model(full)
        for kind in TYPES:
            made = os.path.join(work, f"{kind}.gguf")
            worker = gguf_worker.Worker(folder)
            worker.call("quantise", full, made, int(LlamaFileType[f"MOSTLY_{kind}"]))
            worker.call("open", made)
            answers = worker.call("ask", [chat] * 2, 4)
            worker.close()
            if len(set(answers)) != 1 or not answers[0]:
                raise cli.UserError(f"the library answers {answers} to one prompt asked twice")


def try_program(path):
    """UserError if a program does not start. It uses the library that was tried."""
    name = os.path.basename(path)
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise cli.UserError(f"{name} does not start: {error.strerror}") from None
    if done.returncode:
        raise gguf_worker.death(name, done.returncode, done.stderr)
