"""llama.cpp's library and Python binding: which ones are loaded, and whether this machine may.

fetch.py builds them into build/llama/ and tries them there. LLAMA_CPP_LIB_PATH, a folder that holds
libllama, names another library. Without either, an installed llama-cpp-python brings its own. These
two nobody has tried here, so that they are tried once (llama_trial.py).
"""

import contextlib
import json
import os
import platform
import re
import sys

from llm_ts.base import cli, disk, paths

LIB_PATH = "LLAMA_CPP_LIB_PATH"  # of the environment: where the binding loads the library from
BUILT = "built.json"  # beside the library: how it was built, and for which processor
# Of x86's flags those that a compiler may use by itself; llama.cpp is built without AMX (fetch.py)
X86 = re.compile(r"pni|s?sse\w*|avx\w*|fma4?|f16c|bmi\d|abm|popcnt|movbe|gfni|v?aes|v?pclmulqdq|xop|tbm")
REMEDY = "run python fetch.py llama.cpp, which builds and tries it on this machine"


def instructions():
    """The instruction sets of this processor, sorted, by Linux' names; elsewhere an empty list."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            listed = re.search(r"^(?:flags|Features)\s*:(.*)$", file.read(), re.MULTILINE)
    except OSError:
        return []
    flags = listed[1].split() if listed else []
    x86 = platform.machine().lower() in ("x86_64", "amd64", "i686", "i386")
    return sorted(flag for flag in flags if not x86 or X86.fullmatch(flag))


def _object_of(path):
    """The object of a JSON file; {} where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def built():
    """What is noted of a whole build: {"kind", "instructions", ...}; None where there is none."""
    about = _object_of(os.path.join(paths.of("llama"), BUILT))
    kinds = {"kind": str, "instructions": list, "targets": list}
    return about if all(isinstance(about.get(key), kinds[key]) for key in kinds) else None


def missing(about):
    """The instruction sets that a build was made for and this machine lacks. about: of built()."""
    return sorted(set(about["instructions"]) - set(instructions()))


def find():
    """(folder of the library, folder of the binding, whether fetch.py built them).

    None for both folders where there are none.
    """
    ours, named = paths.of("llama"), os.environ.get(LIB_PATH)
    beside = [named or ours, *sys.path, ours]
    bindings = [place for place in beside if os.path.isfile(os.path.join(place, "llama_cpp", "__init__.py"))]
    if not bindings:
        return None, None, False
    if not named and not built():
        return os.path.join(bindings[0], "llama_cpp", "lib"), bindings[0], False
    folder = named or ours
    return folder, bindings[0], os.path.realpath(folder) == os.path.realpath(ours)


def require(what):
    """UserError where there is no library that this machine can run. what: that needs it."""
    folder, _, ours = find()
    if folder is None:
        raise cli.UserError(f"{what} needs llama.cpp's library: {REMEDY}")
    if not ours:
        return _require_tried(folder)
    if lacks := missing(built()):
        raise cli.UserError(f"{paths.FETCHED['llama']} was built for a processor with {', '.join(lacks)}: {REMEDY}")


def _require_tried(folder):
    """Try a library that is not ours once, and again when it is another; only what went well is noted."""
    from llm_ts.gguf import llama_trial

    note = os.path.join(paths.cache(), "llama_tried.json")
    tried, place, now = _object_of(note), os.path.realpath(folder), _fingerprint(folder)
    if tried.get(place) == now:
        return
    try:
        llama_trial.try_library(folder)
    except cli.UserError as error:
        remedy = f"unset {LIB_PATH}, and {REMEDY}" if os.environ.get(LIB_PATH) else REMEDY
        raise cli.UserError(f"the llama.cpp library in {folder} cannot be used here ({error}): {remedy}") from None
    with contextlib.suppress(OSError):  # where nothing can be written, it is tried again next time
        os.makedirs(paths.cache(), mode=0o700, exist_ok=True)
        disk.write_json(note, {**tried, place: now})


def load():
    """Import llama_cpp and return it. UserError where it cannot be loaded.

    For the worker's process alone (gguf_worker.py): what dies there ends nothing else.
    """
    if "llama_cpp" not in sys.modules:
        folder, binding, ours = find()
        os.environ[LIB_PATH] = os.environ["MTMD_CPP_LIB"] = folder  # the second: of pictures
        sys.path.insert(0, binding)
    try:
        import llama_cpp
    except (ImportError, RuntimeError, OSError) as error:
        remedy = f": {REMEDY}" if ours else ""
        raise cli.UserError(f"llama.cpp's library in {folder} cannot be loaded ({error}){remedy}") from None
    return llama_cpp


def _fingerprint(folder):
    """What decides whether a library runs here: the processor, and the library's files, if there are any."""
    entries = os.scandir(folder) if os.path.isdir(folder) else ()
    files = [file for file in entries if ".so" in file.name or file.name.endswith((".dylib", ".dll"))]
    return [instructions(), sorted([file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files)]
