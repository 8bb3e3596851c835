"""The shipped student, asked through llama.cpp: merged once into a GGUF in the user's cache, again if its weights change.

llama.cpp starts within a second; torch and Transformers take several. The weights are rounded to bf16.
"""

import contextlib
import glob
import hashlib
import os
import sys
import tempfile

from llm_ts.base import cli, disk, paths
from llm_ts.export import gguf_export
from llm_ts.gguf import llama_library
from llm_ts.student import load, origin

TYPE = "bf16"  # of the weights: on a CPU with bf16 quicker than 8 or 4 bits


def open_student(name, see="numbers", transformers=False):
    """A Student of any name. If the shipped one sees numbers, its GGUF, made on the first use; else, or if
    `transformers` asks for it, as Student loads it. What is worth knowing is said on stderr."""
    from llm_ts.student.student import Student

    if transformers or see != "numbers" or os.path.realpath(name) != os.path.realpath(paths.SHIPPED):
        return Student(name, see=see)
    load.base_of(name)  # UserError if it was not fetched: no other way has it
    try:
        return Student(gguf_of(name))
    except (cli.UserError, OSError) as error:
        why = error if isinstance(error, cli.UserError) else f"{error.filename}: {error.strerror}"
        print(f"note: asked through Transformers, which starts slower: {why}", file=sys.stderr)
        return Student(name)


def gguf_of(adapter):
    """An adapter's folder -> the path of its GGUF in the cache; makes it if it is not there. UserError, OSError.

    The name holds the digest of all that it is made of; older ones of the same adapter are removed. If two processes make
    it at once, the later file, the same, replaces the first.
    """
    stem = os.path.join(paths.cache(), os.path.basename(os.path.abspath(adapter)))
    path = f"{stem}-{digest_of(adapter)[:16]}.gguf"
    if not os.path.isfile(path):
        paths.llama_cpp()
        llama_library.require("the quick way")
        os.makedirs(paths.cache(), mode=0o700, exist_ok=True)
        print(
            f"note: first use: the student is prepared for llama.cpp, once (about a minute): {path}",
            file=sys.stderr,
            flush=True,
        )
        make_gguf(adapter, path)
        for old in glob.glob(f"{glob.escape(stem)}-{'?' * 16}.gguf"):
            if old != path:
                with contextlib.suppress(OSError):  # another user's, or in use where such files cannot be removed
                    os.remove(old)
    return path


def digest_of(adapter):
    """SHA-256 over all that the GGUF of an adapter is made of; UserError where the base is not a file or folder here."""
    base = load.base_of(adapter)
    load.require(base)
    weights = load.weights_digest(base)
    if weights is None:
        raise cli.UserError(f"the weights of {base} are no files here")
    config = disk.digest(os.path.join(adapter, "adapter_config.json"))
    learnt = origin.of(adapter)
    parts = [TYPE, learnt and learnt.mark, weights, load.weights_digest(adapter), config]
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()


def make_gguf(adapter, path):
    """Merge an adapter into its base and write both as one GGUF, whole or not at all."""
    import torch

    disk.sweep(os.path.dirname(path))
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path), prefix=".export", suffix=disk.mark()) as work:
        model, tokenizer = load.load(adapter, torch.float32)
        saved = gguf_export.write_model(model.merge_and_unload(), tokenizer, origin.of(adapter), work)
        with disk.atomic(path) as temporary:
            gguf_export.convert_model(*saved, TYPE, temporary)
