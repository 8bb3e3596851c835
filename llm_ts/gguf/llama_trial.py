"""A build of llama.cpp is tried: it quantises and asks a tiny model, each in its own process.

No build is trusted unseen. GCC 12 compiles AMX so that the first product with a quantised weight is
an illegal instruction (ggml-org/llama.cpp, pull request 26954), while f16 and bf16 answer.
"""

import json
import os
import random
import subprocess
import tempfile
import time
import urllib.request

from llm_ts.base import cli, torchrun
from llm_ts.gguf import gguf_worker

TYPES = ("Q4_K_M", "Q8_0")  # of which a build has to answer
TOKENS = 4  # of an answer
WAIT = 60.0  # seconds that a program may take
WIDTH = 256  # of each matrix: rows of the K-quants are multiples of it


def write_model(path):
    """A random Llama of one layer, 1 MB in f16, whose tokens are the bytes; as a GGUF file."""
    import gguf
    import numpy as np

    rng, kinds = np.random.default_rng(0), gguf.TokenType
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)

    # its tokens, and a template that is the user's text alone
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

    # its weights: norms in fp32, as llama.cpp wants them, and matrices in f16
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, dtype=np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        weights = rng.standard_normal((WIDTH, WIDTH)) / WIDTH**0.5
        writer.add_tensor(f"blk.0.{name}.weight", weights.astype(np.float16))
    for name in ("token_embd", "output"):
        writer.add_tensor(f"{name}.weight", rng.standard_normal((len(tokens), WIDTH)).astype(np.float16))
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
    pipes = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "errors": "replace"}
    try:
        done = subprocess.run([program, *flags], **pipes, timeout=WAIT)
    except subprocess.TimeoutExpired:
        raise gguf_worker.Died(f"llama-cli did not answer within {WAIT:.0f} s") from None
    if done.returncode:
        raise gguf_worker.death("llama-cli", done.returncode, done.stderr)


def try_server(program, model):
    """llama-server answers a completion on 127.0.0.1."""
    port = str(torchrun.free_port(random.choice(torchrun.PORTS)))
    flags = ["-m", model, "--host", "127.0.0.1", "--port", port, "-c", "128"]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([program, *flags], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            end = time.monotonic() + WAIT
            while process.poll() is None and time.monotonic() < end:
                if answers_at(f"http://127.0.0.1:{port}/completion"):
                    return
                time.sleep(0.1)
            code = process.poll()
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        if code is None:
            raise gguf_worker.Died(f"llama-server did not answer within {WAIT:.0f} s")
        raise gguf_worker.death("llama-server", code, output.read().decode("utf-8", "replace"))


def answers_at(address):
    """Whether a server answers a completion there; False where it does not listen yet, or is dying."""
    body = json.dumps({"prompt": "1 2 3", "n_predict": TOKENS}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=WAIT) as reply:
            return bool(json.load(reply)["tokens_predicted"])
    except (OSError, ValueError, KeyError):
        return False


TRIES = {"llama-cli": try_cli, "llama-server": try_server}
