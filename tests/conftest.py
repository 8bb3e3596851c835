"""Puts the repository root on sys.path, and makes what several test files need: a tiny model with a real tokenizer."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
pytest.register_assert_rewrite("asking")
os.environ["HF_HUB_OFFLINE"] = "1"  # no test asks a model hub
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and its children too

import calling  # noqa: E402 - it needs the root

SMOLLM2 = os.path.join(ROOT, "models", "SmolLM2-135M-Instruct.Q4_1.gguf")
RAMP = [round(99 * i / 31) for i in range(32)]
EMBEDDER = os.path.join(ROOT, "models", "all-MiniLM-L6-v2")


def command_of(script):
    """ "curate.py", or "experiments.report": what is run as a module -> the beginning of its command."""
    return [sys.executable, *(["-m", script] if script.startswith("experiments.") else [os.path.join(ROOT, script)])]


def run_script(script, *arguments, cwd, env=None, code=0):
    """Run a script as its user does; asserts its exit code, and that failures are one line without a traceback."""
    done = calling.call(script, arguments, cwd, {**os.environ, **(env or {})})
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    if code == 2:
        name = script.removeprefix("experiments.").removesuffix(".py")
        assert "Traceback" not in done.stderr and done.stderr.strip().splitlines()[-1].startswith(f"{name}.py: "), done.stderr
    return done


def start(script, *arguments, cwd, **more):
    """A script as a process of its own, stdout and stderr together in its pipe: for what is killed, or asked by a signal."""
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": {**os.environ, "PYTHONPATH": ROOT}, **more}
    return subprocess.Popen([*command_of(script), *map(str, arguments)], cwd=cwd, **more)


def wait_for(process, text):
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"{text!r} was never printed")


def wait_until(holds, process, seconds=120):
    """Wait until a function of nothing says true, or the process has ended."""
    end = time.monotonic() + seconds
    while not holds() and process.poll() is None:
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)


def torchrun(script, *arguments, cwd):
    """A script in two processes that train as one."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
    command += ["--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", *command_of(script)[1:], *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """A function (name, make) -> the folder that make(folder) filled, for the first worker of the session that wanted it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def get(name, make):
        with open(base / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (base / name).exists():
                make(str(base / f"{name}.part"))
                os.rename(base / f"{name}.part", base / name)
        return str(base / name)

    return get


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with data.jsonl of some rows and their plots, as ou_process.py makes them; nobody was asked about them."""
    from asking import COUNT
    from described import write_rows

    import ou_process
    from llm_ts.series.rows import make

    folder = tmp_path_factory.mktemp("made")
    rows, paths = make(0, range(COUNT), 24)
    ou_process.write_dataset(rows, paths, str(folder / "dataset"))
    write_rows(folder, rows)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy of `made`."""
    shutil.copytree(made, tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture(scope="session")
def embedder():
    if not os.path.isdir(EMBEDDER):
        pytest.skip("models/all-MiniLM-L6-v2 is missing: python fetch.py minilm")
    return EMBEDDER


@pytest.fixture(scope="session")
def llama_cpp():
    """What an export needs: llama.cpp's converters, and its library."""
    from llm_ts.base import cli, paths
    from llm_ts.gguf import llama_library

    try:
        llama_library.require("an export")
        return paths.llama_cpp()
    except cli.UserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def smollm2():
    """The path of SmolLM2-135M-Instruct."""
    if not os.path.isfile(SMOLLM2):
        pytest.skip("models/SmolLM2-135M-Instruct.Q4_1.gguf is missing: python fetch.py smollm2")
    return SMOLLM2


@pytest.fixture(scope="session")
def sees():
    """The folder of the base of the student that sees."""
    folder = os.path.join(ROOT, "models", "SmolLM2-135M-Sees")
    if not os.path.isdir(folder):
        pytest.skip("models/SmolLM2-135M-Sees is missing: make sees")
    return folder


@pytest.fixture(scope="session")
def tiny_model(once, smollm2):
    """Folder of a random Llama of 2 layers with SmolLM2's own tokenizer: small and quick, and no wiser than chance."""
    return once("Tiny-Llama", make_tiny_model)


def ends_of(tokenizer):
    return {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}


def make_tiny_model(folder):
    import tiny_bases
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(os.path.dirname(SMOLLM2), gguf_file=os.path.basename(SMOLLM2))
    torch.manual_seed(0)
    sizes = {**tiny_bases.SIZES, "max_position_embeddings": 4096, "vocab_size": len(tokenizer)}
    LlamaForCausalLM(LlamaConfig(**sizes, tie_word_embeddings=False, **ends_of(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="session")
def adapter(tiny_model, tmp_path_factory, llama_cpp):
    """A LoRA adapter of random weights, large enough to change every answer, in the folder of its run."""
    import torch
    from peft import LoraConfig, get_peft_model

    from llm_ts.base import disk
    from llm_ts.data import pair
    from llm_ts.pairs import fresh
    from llm_ts.student import load
    from llm_ts.task import Task

    run = tmp_path_factory.mktemp("run")
    model, tokenizer = load.load(tiny_model, torch.float32)
    torch.manual_seed(1)
    model = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, weight in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight.data, std=0.3)
    model.save_pretrained(run / "final")
    tokenizer.save_pretrained(run / "final")
    disk.write_json(str(run / "training.json"), {"task": Task(format="thirds", points=(32,)).to_json()})
    (row,) = fresh.pairs("test", [(32, 32, 1)], "thirds")
    pair.write(str(run / "test_rows.jsonl"), [{**row, "series": RAMP}])
    return run / "final"


@pytest.fixture(scope="session")
def tiny_eyes(tiny_model, tmp_path_factory):
    """Folder of the tiny Llama with eyes of random weights: the architecture of SmolVLM with a real processor."""
    from llm_ts.sight import eyes

    folder = str(tmp_path_factory.mktemp("model") / "Tiny-Sees")
    model, processor = eyes.give(tiny_model)
    model.model.connector.modality_projection.proj.weight.data *= 300  # loud: another plot, another answer
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_qwen_vl(tiny_model, tmp_path_factory):
    """Folder of a random Qwen2.5-VL of 2 layers: its own processor, around SmolLM2's tokenizer with Qwen's words for pictures.

    The processor's half for videos needs torchvision, of which there is no build for PyTorch's CPU build on PyPI: it is left
    out, and so load_processor cannot load the folder. Here alone it is told which processor to give.
    """
    import tiny_bases
    import torch
    import transformers

    from llm_ts.student import load

    class ImagesAlone(transformers.Qwen2_5_VLProcessor):
        def check_argument_for_proper_class(self, name, argument):
            pass

    folder = str(tmp_path_factory.mktemp("model") / "Tiny-Qwen2.5-VL")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_model)
    marks = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    start, end, image, video = tokenizer.convert_tokens_to_ids(marks)
    template = (
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}"
        "{% else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
        "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    images = transformers.Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=112 * 112)
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    text = {**tiny_bases.SIZES, "vocab_size": len(tokenizer), "rope_parameters": rope, **ends_of(tokenizer)}
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 64, "fullatt_block_indexes": [1]}
    marks = {"vision_start_token_id": start, "vision_end_token_id": end, "image_token_id": image, "video_token_id": video}
    torch.manual_seed(0)
    model = transformers.Qwen2_5_VLForConditionalGeneration(transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **marks))
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    processor, loaded = ImagesAlone(images, tokenizer, None, chat_template=template), load.load_processor
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "load_processor", lambda name: processor if name == folder else loaded(name))
        yield folder


@pytest.fixture
def browser(tmp_path):
    from browser import CHROMIUM, Browser

    if not CHROMIUM:
        pytest.skip("chromium is missing: the page was not opened in a browser")
    made = Browser(tmp_path / "profile")
    yield made
    made.close()
