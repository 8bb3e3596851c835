"""llama.cpp's library and Python binding: which ones are loaded.

fetch.py builds them into build/llama/ and tries them there. LLAMA_CPP_LIB_PATH, a folder that holds
libllama, names another library. If there is neither, an installed llama-cpp-python brings its own.
If a library cannot run on this processor, its process dies, and the error says so (gguf_worker.py).
"""

import os
import sys

from llm_ts import cli, paths

LIB_PATH = "LLAMA_CPP_LIB_PATH"  # of the environment: where the binding loads the library from
BUILT = "built.json"  # beside the library: what it was built from
REMEDY = f"run python fetch.py llama.cpp, which builds and tries it, and leave {LIB_PATH} unset"


def find():
    """(folder of the library, folder of the binding); None for both if there are none."""
    ours, named = paths.of("llama"), os.environ.get(LIB_PATH)
    for place in [named or ours, *sys.path, ours]:
        if os.path.isfile(os.path.join(place, "llama_cpp", "__init__.py")):
            whole = os.path.exists(os.path.join(ours, BUILT))
            folder = named or (ours if whole else os.path.join(place, "llama_cpp", "lib"))
            return folder, place
    return None, None


def require(what):
    """UserError if there is no library. what: that needs it, "an export"."""
    if find()[0] is None:
        raise cli.UserError(f"{what} needs llama.cpp's library: {REMEDY}")


def load():
    """Import llama_cpp and return it. UserError if it cannot be loaded.

    For the worker's process alone (gguf_worker.py): what dies there ends nothing else.
    """
    if "llama_cpp" not in sys.modules:
        folder, binding = find()
        os.environ[LIB_PATH] = folder
        sys.path.insert(0, binding)
    try:
        import llama_cpp
    except (ImportError, RuntimeError, OSError) as error:
        raise cli.UserError(
            f"llama.cpp's library in {folder} cannot be loaded: {error}: {REMEDY}"
        ) from None
    return llama_cpp
