"""A build of llama.cpp is tried: it quantises and asks a tiny model, each in its own process.

No build is trusted unseen. GCC 12 compiles AMX so that the first product with a quantised weight is
an illegal instruction (ggml-org/llama.cpp, pull request 26954), while f16 and bf16 answer.
"""

import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.request

from llm_ts.base import cli
from llm_ts.gguf import gguf_worker

TYPES = ("Q4_K_M", "Q8_0")  # of which a build has to answer
TOKENS = 4  # of an answer
WAIT = 60.0  # seconds that a program may take
WIDTH = 256  # of each matrix: rows of the K-quants are multiples of it


def write_model(path):
    """A random Llama of one layer, 1 MB in f16, whose tokens are the bytes; as a GGUF file."""
    import gguf
    import numpy as np

    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    kinds = gguf.TokenType
    tokens = [("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)]
    tokens += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
    tokens += [(f"<spare{k}>", kinds.UNUSED) for k in range(-len(tokens) % 32)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([name for name, _ in tokens])
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for message in messages %}{{ message['content'] }}{% endfor %}")
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", np.ones(WIDTH, dtype=np.float32))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, dtype=np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        weights = rng.standard_normal((WIDTH, WIDTH)) / WIDTH**0.5
        writer.add_tensor(f"blk.0.{name}.weight", weights.astype(np.float16))
    for name in ("token_embd", "output"):
        writer.add_tensor(
            f"{name}.weight", rng.standard_normal((len(tokens), WIDTH)).astype(np.float16)
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def try_library(folder, programs=()):
    """Died where the library in a folder, or one of these programs there, does not run.

    UserError where it could not be tried: a full disk, or the worker was killed.
    """
    from gguf import LlamaFileType

    with tempfile.TemporaryDirectory(prefix="llm_ts-") as work:
        full = os.path.join(work, "f16.gguf")
        write_model(full)
        for kind in TYPES:
            made = os.path.join(work, f"{kind}.gguf")
            worker = gguf_worker.Worker(folder)
            try:
                worker.call("load")
            except cli.UserError as error:
                raise gguf_worker.Died(str(error)) from None
            worker.call("quantise", full, made, int(LlamaFileType[f"MOSTLY_{kind}"]))
            worker.call("open", made)
            answers = worker.call("ask", [[{"role": "user", "content": "1 2 3"}]] * 2, TOKENS)
            worker.close()
            if len(set(answers)) != 1 or not answers[0]:
                raise gguf_worker.Died(f"the library answers {answers} to one prompt asked twice")
            for name in programs:
                TRIES[name](os.path.join(folder, name), made)


def try_cli(program, model):
    """llama-cli answers once and ends."""
    flags = ["-m", model, "-st", "-p", "1 2 3", "-n", str(TOKENS), "--temp", "0", "-c", "128"]
    try:
        done = subprocess.run(
            [program, *flags],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=WAIT,
        )
    except subprocess.TimeoutExpired:
        raise gguf_worker.Died(f"llama-cli did not answer within {WAIT:.0f} s") from None
    if done.returncode:
        raise gguf_worker.death("llama-cli", done.returncode, done.stderr)


def try_server(program, model):
    """llama-server answers a completion on 127.0.0.1."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    asked = json.dumps({"prompt": "1 2 3", "n_predict": TOKENS}).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with tempfile.TemporaryFile() as said:
        flags = ["-m", model, "--host", "127.0.0.1", "--port", port, "-c", "128"]
        process = subprocess.Popen(
            [program, *flags], stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            end = time.monotonic() + WAIT
            while process.poll() is None and time.monotonic() < end:
                try:
                    request = urllib.request.Request(
                        f"{address}/completion", asked, {"Content-Type": "application/json"}
                    )
                    with opener.open(request, timeout=WAIT) as reply:
                        if json.load(reply)["tokens_predicted"]:
                            return
                except (OSError, ValueError, KeyError):  # not yet listening, or dying
                    time.sleep(0.1)
        finally:
            process.poll()
            code = process.returncode
            process.kill()
            process.wait()
        said.seek(0)
        if code is None:
            raise gguf_worker.Died(f"llama-server did not answer within {WAIT:.0f} s")
        raise gguf_worker.death("llama-server", code, said.read().decode("utf-8", "replace"))


TRIES = {"llama-cli": try_cli, "llama-server": try_server}
