"""Build llama.cpp's library and programs with CMake, and try them before anything uses them.

The finished build lies in build/llama/, with its Python binding; what the compiler left lies in
build/llama-objects/, so that the programs, which come later, compile only what is new.
"""

import json
import os
import re
import shutil
import subprocess
import sys

from llm_ts import cli, disk, paths, workers
from llm_ts.student import llama_library, llama_trial

PROGRAMS = ("llama-cli", "llama-server")
# what CMake builds for a part of fetch.py; mtmd: for .gguf students that see
TARGETS = {"llama.cpp": ("llama",), "llama-server": ("llama", "mtmd", *PROGRAMS)}
BINDING = "llama_cpp"
OFF = (
    "LLAMA_BUILD_TESTS", "LLAMA_BUILD_EXAMPLES", "LLAMA_BUILD_APP", "LLAMA_BUILD_UI",
    "LLAMA_USE_PREBUILT_UI", "LLAMA_OPENSSL", "GGML_CCACHE",
)  # fmt: skip
# Never AMX. GCC 12 takes only the first 8 bytes of a tile's configuration for input of
# _tile_loadconfig and drops the stores of the others. So the first product with a quantised weight
# is an illegal instruction (ggml-org/llama.cpp, pull request 26954).
NO_AMX = ("-mno-amx-tile", "-mno-amx-int8", "-mno-amx-bf16")
NOTE = "tree.json"  # in build/llama-objects: what a whole tree was compiled from
NEEDS = (
    "it needs CMake (pip install cmake), make, a C++ compiler, and 1 GB of disk and of memory; "
    "then run python fetch.py llama.cpp again"
)


def run_cmake(arguments, seen=lambda line: None):
    """Run CMake; seen(line) gets each line that it prints. UserError in one line if it fails."""
    beside = os.path.dirname(sys.executable)  # where pip puts it
    program = shutil.which("cmake") or shutil.which("cmake", path=beside)
    if not program:
        raise cli.UserError(f"llama.cpp could not be built: no CMake here: {NEEDS}")
    said, pipes = [], {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    env = {**os.environ, "LC_ALL": "C"}
    command = [program, *arguments]
    with subprocess.Popen(command, env=env, text=True, errors="replace", **pipes) as process:
        for line in process.stdout:
            said.append(line.strip())
            seen(line)
    if process.returncode:
        # "CMake Error: CMAKE_CXX_COMPILER not set", "x.c:1: error: ...", "No space left on device"
        fault = re.compile(r"error|not set|No space|quota exceeded|Killed|out of memory", re.I)
        why = next(filter(fault.search, said), "CMake failed")
        raise cli.UserError(f"llama.cpp could not be built: {cli.visible(why)[:300]}: {NEEDS}")


def without_amx():
    """The flags against AMX, if the compiler knows them."""
    names = [os.environ.get("CC"), "cc", "gcc", "clang"]
    compiler = next((name for name in names if name and shutil.which(name)), None)
    if not compiler:
        return ()
    command = [compiler, *NO_AMX, "-E", "-x", "c", os.devnull]
    return () if subprocess.run(command, capture_output=True).returncode else NO_AMX


def options():
    """CMake's options: for this machine's processor, beside what needs the library."""
    rpath = "@loader_path" if sys.platform == "darwin" else "$ORIGIN"
    found = {"CMAKE_BUILD_TYPE": "Release", "BUILD_SHARED_LIBS": "ON", "GGML_NATIVE": "ON"}
    found |= {"CMAKE_BUILD_WITH_INSTALL_RPATH": "ON", "CMAKE_INSTALL_RPATH": rpath}
    found |= dict.fromkeys(OFF, "OFF")
    for language, variable in (("C", "CFLAGS"), ("CXX", "CXXFLAGS")):
        flags = [os.environ.get(variable, ""), *without_amx()]
        found[f"CMAKE_{language}_FLAGS"] = " ".join(flags).strip()
    return [f"-D{name}={value}" for name, value in found.items()]


def compile_tree(source, folder, about, targets):
    """Compile targets into CMake's folder, which is used again if it is whole and noted so.

    If the compiler fails, nothing stays: CMake would take a file that was half written for whole.
    """
    note = os.path.join(folder, NOTE)
    about = {**about, "folder": os.path.realpath(folder)}
    if not os.path.exists(note) or disk.read_json(note, "fetch.py") != about:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        os.makedirs(folder, exist_ok=True)
        if os.path.exists(note):
            os.remove(note)
        run_cmake(["-S", source, "-B", folder, "-G", "Unix Makefiles", *options()])
        for target in targets:
            with cli.Progress(f"building {target}, %", 100) as bar:

                def seen(line, bar=bar):
                    percent = re.match(r"\[ *(\d+)%\]", line)
                    if percent and int(percent[1]) > bar.done:
                        bar.step(int(percent[1]) - bar.done)

                jobs = ["-j", str(workers.cores())]
                run_cmake(["--build", folder, *jobs, "--target", target], seen)
        disk.write_json(note, about)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def try_build(folder, targets):
    """UserError if what lies in a folder does not run here."""
    llama_trial.try_library(folder)
    for name in targets:
        if name in PROGRAMS:
            llama_trial.try_program(os.path.join(folder, name))


def install(tree, source, target, about):
    """Copy libraries with their links, programs and binding from a tree to a folder, and try them.

    UserError if they do not run; what was there before stays then.
    """
    made = os.path.join(tree, "bin")
    with disk.atomic(target) as temporary:
        os.makedirs(temporary)
        for name in os.listdir(made):
            if name.startswith("lib") or name in about["targets"]:
                shutil.copy2(os.path.join(made, name), temporary, follow_symlinks=False)
        shutil.copytree(os.path.join(source, BINDING), os.path.join(temporary, BINDING))
        try_build(temporary, about["targets"])
        disk.write_json(os.path.join(temporary, llama_library.BUILT), about)
        shutil.rmtree(target, ignore_errors=True)


def build(part, version):
    """Build and try what a part of TARGETS needs, unless that is there and runs.

    version: of the sources. Returns whether it was built. UserError if that does not run.
    """
    source, tree, target = (paths.of(name) for name in ("llama.cpp", "llama-objects", "llama"))
    folder = os.path.dirname(target)
    disk.sweep(folder)
    with disk.holding(os.path.join(folder, "llama.lock"), create=True):
        note, version = os.path.join(target, llama_library.BUILT), json.loads(json.dumps(version))
        had = disk.read_json(note, "fetch.py") if os.path.exists(note) else {"targets": ()}
        targets = sorted({*TARGETS[part], *had["targets"]})
        about = {"version": version, "targets": targets}
        if {name: had.get(name) for name in about} == about:
            try:
                try_build(target, targets)
                return False
            except cli.UserError as error:
                place = paths.FETCHED["llama"]
                print(f"{place} does not run ({error}): it is built again", flush=True)
                shutil.rmtree(tree, ignore_errors=True)
        compile_tree(source, tree, {"version": version}, targets)
        try:
            install(tree, source, target, about)
        except cli.UserError as error:
            shutil.rmtree(tree, ignore_errors=True)
            raise cli.UserError(
                f"llama.cpp was built and does not run ({error}): install another compiler, "
                "then run python fetch.py llama.cpp again"
            ) from None
        return True
