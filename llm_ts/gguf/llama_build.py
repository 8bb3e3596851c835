"""Build llama.cpp's library and programs with CMake, and try them before anything uses them.

The finished build lies in build/llama/, with its Python binding; what the compiler left lies in
build/llama-objects/, so that the programs, which come later, compile only what is new.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys

from llm_ts.base import cli, disk, paths, torchrun
from llm_ts.gguf import gguf_worker, llama_library, llama_trial

# what CMake builds for a part of fetch.py; mtmd: for .gguf students that see
TARGETS = {"llama.cpp": ("llama",), "llama-server": ("llama", "mtmd", *llama_trial.TRIES)}
BINDING = "llama_cpp"
OFF = (
    "LLAMA_BUILD_TESTS", "LLAMA_BUILD_EXAMPLES", "LLAMA_BUILD_APP", "LLAMA_BUILD_UI",
    "LLAMA_USE_PREBUILT_UI", "LLAMA_OPENSSL", "GGML_CCACHE",
)  # fmt: skip
# Never AMX. GCC 12 takes only the first 8 bytes of a tile's configuration for input of
# _tile_loadconfig and drops the stores of the others. So the first product with a quantised weight
# is an illegal instruction (ggml-org/llama.cpp, pull request 26954).
NO_AMX = ("-mno-amx-tile", "-mno-amx-int8", "-mno-amx-bf16")
# of the second build, on x86: instruction sets by Linux' names -> by CMake's
AVX2 = {"avx": "AVX", "avx2": "AVX2", "bmi2": "BMI2", "f16c": "F16C", "fma": "FMA", "sse4_2": "SSE42"}
NOTE = "tree.json"  # in build/llama-objects: what a whole tree was compiled from, and for what
AGAIN = "run python fetch.py llama.cpp again"
FAULTS = {  # what CMake or the compiler says -> what to do
    r"No space left on device|Disk quota exceeded": "the disk is full: free 1 GB there, and in the folder for temporary files",
    r"is not able to compile a simple test program": "the compiler compiles no test program: install another, or set CC and CXX",
    r"unable to find a build program|CMAKE_MAKE_PROGRAM is not set": "make is missing: install it",
    r"No CMAKE_CX*_COMPILER could be found|CMAKE_CX*_COMPILER not set": "no C++ compiler here: install one (g++ or clang)",
    r"Killed signal|cannot allocate memory|out of memory": "the compiler had too little memory: close other programs",
}


def run_cmake(*arguments, bar=None):
    """Run CMake; the percent that it prints go to a bar of 100 steps. UserError in one line where it fails."""
    beside = os.path.dirname(sys.executable)  # pip may have put it there
    cmake = shutil.which("cmake") or shutil.which("cmake", path=beside)
    if not cmake:
        raise cli.UserError(f"CMake is missing: pip install cmake (a C++ compiler is needed too), then {AGAIN}")
    env, lines = {**os.environ, "LC_ALL": "C"}, []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with subprocess.Popen([cmake, *arguments], env=env, **pipes) as process:
        for line in process.stdout:
            lines.append(line.strip())
            percent = re.match(r"\[ *(\d+)%\]", line)
            if bar and percent and int(percent[1]) > bar.done:
                bar.step(int(percent[1]) - bar.done)
    if not process.returncode:
        return
    for pattern, remedy in FAULTS.items():
        if re.search(pattern, "\n".join(lines), re.IGNORECASE):
            raise cli.UserError(f"llama.cpp could not be built: {remedy}, then {AGAIN}")
    errors = [line for line in lines if "error" in line.lower()] or lines or ["CMake failed"]
    raise cli.UserError(f"llama.cpp could not be built: {cli.visible(errors[0])[:300]}")


def is_x86():
    return platform.machine().lower() in ("x86_64", "amd64")


def without_amx():
    """The flags against AMX, where the compiler knows them."""
    names = [os.environ.get("CC"), "cc", "gcc", "clang"]
    compiler = next((name for name in names if name and shutil.which(name)), None)
    if not compiler or not is_x86():
        return ()
    command = [compiler, *NO_AMX, "-E", "-x", "c", os.devnull]
    return () if subprocess.run(command, capture_output=True).returncode else NO_AMX


def options_of(kind):
    """CMake's options for a kind of build: "native", or what nearly all processors can run."""
    rpath = "@loader_path" if sys.platform == "darwin" else "$ORIGIN"  # beside what needs them
    options = {"CMAKE_BUILD_TYPE": "Release", "BUILD_SHARED_LIBS": "ON"}
    options |= {"CMAKE_BUILD_WITH_INSTALL_RPATH": "ON", "CMAKE_INSTALL_RPATH": rpath}
    options |= dict.fromkeys(OFF, "OFF")
    if kind == "native":
        options["GGML_NATIVE"] = "ON"
        for language, variable in (("C", "CFLAGS"), ("CXX", "CXXFLAGS")):
            flags = [os.environ.get(variable, ""), *without_amx()]
            options[f"CMAKE_{language}_FLAGS"] = " ".join(flags).strip()
    else:
        options["GGML_NATIVE"] = "OFF"
        options |= {f"GGML_{name}": "ON" for name in AVX2.values() if is_x86()}
    return [f"-D{name}={value}" for name, value in options.items()]


def compile_tree(source, folder, about, targets):
    """Compile targets into CMake's folder, which is used again if it is whole and for the same.

    about: what the tree is noted to be. Where the compiler fails, nothing stays: CMake would take a
    file that was half written for a whole one.
    """
    note = os.path.join(folder, NOTE)
    about = json.loads(json.dumps({**about, "folder": os.path.realpath(folder)}))
    try:
        again = disk.read_json(note, "fetch.py") == about
    except cli.UserError:  # none, or a torn one
        again = False
    if not again:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        os.makedirs(folder, exist_ok=True)
        if again:
            os.remove(note)
        run_cmake("-S", source, "-B", folder, "-G", "Unix Makefiles", *options_of(about["kind"]))
        for target in targets:
            with cli.Progress(f"building {target}, %", 100) as bar:
                run_cmake("--build", folder, "-j", str(torchrun.cores()), "--target", target, bar=bar)
        disk.write_json(note, about)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt("stopped; nothing of this build is kept, the same command begins it again") from None
        raise


def collect(folder, source, programs, target):
    """Copy the libraries with their links, programs and the binding into the new folder target."""
    os.makedirs(target)
    made = os.path.join(folder, "bin")
    for name in os.listdir(made):
        if name.startswith("lib") or name in programs:
            shutil.copy2(os.path.join(made, name), target, follow_symlinks=False)
    try:
        shutil.copytree(os.path.join(source, BINDING), os.path.join(target, BINDING))
    except shutil.Error as error:  # of several files; each is (from, to, why)
        raise cli.UserError(f"{target} cannot be written: {error.args[0][0][2]}") from None


def build_kind(kind, version, targets):
    """Compile targets, try them, and put them into build/llama/ where they run.

    Returns the Died of the try, or None. UserError where they could not be compiled or tried.
    """
    source, folder, target = (paths.of(name) for name in ("llama.cpp", "llama-objects", "llama"))
    usual = list(AVX2) if is_x86() else []
    instructions = llama_library.instructions() if kind == "native" else usual
    about = {"kind": kind, "instructions": instructions, "version": version}
    compile_tree(source, folder, about, targets)
    try:
        with disk.atomic(target) as temporary:
            collect(folder, source, programs_of(targets), temporary)
            llama_trial.try_library(temporary, programs_of(targets))
            disk.write_json(os.path.join(temporary, llama_library.BUILT), {**about, "targets": targets})
            shutil.rmtree(target, ignore_errors=True)
    except gguf_worker.Died as error:
        return error
    return None


def programs_of(targets):
    return [name for name in targets if name in llama_trial.TRIES]


def build(part, version):
    """Build and try what a part of TARGETS needs, unless that is there and runs.

    version: of the sources. Returns whether it was built. UserError where nothing that could be
    built here runs; what was there before stays.
    """
    version = json.loads(json.dumps(version))  # as the note has it
    if why_build(part, version, llama_library.built()) is None:
        return False
    folder = os.path.dirname(paths.of("llama"))
    disk.sweep(folder)
    with disk.holding(os.path.join(folder, "llama.lock"), create=True):
        noted = llama_library.built()  # again: another process may have built it meanwhile
        why = why_build(part, version, noted)
        if why is not None:
            build_until_it_runs(why, version, sorted({*TARGETS[part], *(noted["targets"] if noted else ())}))
        return why is not None


def why_build(part, version, noted):
    """None where what is noted of build/llama/ is whole and runs; else how it died, "" where it is not there as it should be."""
    whole = noted and noted.get("version") == version and not llama_library.missing(noted)
    if not whole or not {*TARGETS[part]} <= {*noted["targets"]}:
        return ""
    try:
        llama_trial.try_library(paths.of("llama"), programs_of(noted["targets"]))
        return None
    except gguf_worker.Died as error:
        return str(error)


def build_until_it_runs(why, version, targets):
    """Build for this processor and, where that dies, for nearly all. why: how the build that is there died, or ""."""
    if why:
        print(f"{paths.FETCHED['llama']} does not run ({why}): it is built again", flush=True)
        shutil.rmtree(paths.of("llama-objects"), ignore_errors=True)
    died = build_kind("native", version, targets)
    if died:
        second = "AVX2" if is_x86() else "plain"
        print(f"the build for this processor does not run ({died}): now one for {second}", flush=True)
        died = build_kind(second, version, targets)
    if died:
        shutil.rmtree(paths.of("llama-objects"), ignore_errors=True)
        again = f"install another compiler, then {AGAIN}"
        raise cli.UserError(f"llama.cpp was built twice and runs neither time ({died}): {again}")
