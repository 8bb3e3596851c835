"""llama.cpp in a process of its own: what dies there is one line here. With libraries that die.

Needs: build/llama (python fetch.py llama.cpp), a C compiler; else they skip aloud.
"""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import llama_shim
import pytest
from conftest import ROOT, run_script

from llm_ts.base import cli, paths
from llm_ts.gguf import gguf_file, gguf_worker, llama_library, llama_trial

CHAT = [{"role": "user", "content": "1 2 3"}]


@pytest.fixture(scope="module", autouse=True)
def needed():
    llama_shim.need()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The model that builds are tried with, in f16."""
    path = str(tmp_path_factory.mktemp("tiny") / "tiny.gguf")
    llama_trial.write_model(path)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(llama_library.LIB_PATH, raising=False)
    return tmp_path / "cache" / "llm_ts"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A repository without any build of its own, and no installed llama-cpp-python."""
    monkeypatch.setattr(paths, "ROOT", str(tmp_path))
    monkeypatch.setattr(sys, "path", [place for place in sys.path if not os.path.isdir(os.path.join(place, "llama_cpp"))])
    return tmp_path


def write_csv(path):
    path.write_text("t,a\n" + "".join(f"{i},{i * i % 17}\n" for i in range(48)))
    return path


def test_a_library_that_dies_when_it_answers_is_one_line(tiny, tmp_path, cache):
    folder = llama_shim.make(tmp_path / "dies", llama_shim.DIES)
    flags = [write_csv(tmp_path / "a.csv"), "--column", "a", "--model", tiny]
    done = run_script("describe.py", *flags, cwd=tmp_path, env={llama_library.LIB_PATH: folder}, code=2)
    assert "Illegal instruction" in done.stderr.splitlines()[-1]
    assert f"unset {llama_library.LIB_PATH}" in done.stderr and "python fetch.py llama.cpp" in done.stderr
    assert not done.stdout and not cache.exists()  # what died is not noted as tried


def test_a_build_of_ours_that_dies_all_the_same_names_the_remedy(tiny, monkeypatch, elsewhere):
    folder = llama_shim.make(elsewhere / "build" / "llama", llama_shim.DIES)
    about = {"kind": "native", "instructions": [], "targets": ["llama"]}
    (elsewhere / "build" / "llama" / "built.json").write_text(json.dumps(about))
    monkeypatch.setenv(llama_library.LIB_PATH, folder)
    llama = gguf_file.Llama(tiny)
    said = r"^llama.cpp died \(Illegal instruction\): run python fetch.py llama.cpp"
    for _ in range(2):  # a page that is still served asks again
        with pytest.raises(cli.UserError, match=said):
            llama.ask(["1 2 3"], 4)


def test_anothers_library_is_tried_once_and_again_when_it_is_another(tiny, tmp_path, monkeypatch, cache):
    folder, tries = llama_shim.make(tmp_path / "good"), []
    real = llama_trial.try_library
    monkeypatch.setattr(llama_trial, "try_library", lambda place: tries.append(place) or real(place))
    monkeypatch.setenv(llama_library.LIB_PATH, folder)
    for count in (1, 1):
        assert gguf_file.Llama(tiny).ask(["1 2 3"], 4)[0] and len(tries) == count
    os.utime(os.path.join(folder, "libllama.so"), ns=(1, 1))
    llama_library.require("a test")
    monkeypatch.setattr(llama_library, "instructions", lambda: ["another_processor"])
    llama_library.require("a test")
    assert tries == [folder] * 3
    (cache / "llama_tried.json").write_text("[torn")
    llama_library.require("a test")
    llama_library.require("a test")
    assert len(tries) == 4 and os.listdir(cache) == ["llama_tried.json"]
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    llama_library.require("a test")  # nothing can be noted: it is tried, and used
    assert len(tries) == 5


def test_an_installed_binding_is_used_where_nothing_was_built(elsewhere, monkeypatch):
    site = elsewhere / "site"
    (site / "llama_cpp").mkdir(parents=True)
    (site / "llama_cpp" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(site))
    assert llama_library.find() == (str(site / "llama_cpp" / "lib"), str(site), False)
    with pytest.raises(cli.UserError, match="cannot be used here .*: run python fetch.py llama.cpp"):
        llama_library.require("a test")  # a folder without a library


def test_no_library_at_all_is_one_line(elsewhere, tiny):
    with pytest.raises(cli.UserError, match="a .gguf file needs llama.cpp's library: run python fetch.py llama.cpp"):
        gguf_file.Llama(tiny)


def test_a_build_of_another_processor_is_refused_before_it_is_loaded(elsewhere, tiny):
    folder = elsewhere / "build" / "llama"
    shutil.copytree(llama_shim.REAL, folder, symlinks=True)
    about = json.loads((folder / "built.json").read_text())
    about["instructions"].append("avx1024")
    (folder / "built.json").write_text(json.dumps(about))
    with pytest.raises(cli.UserError, match="built for a processor with avx1024: run python fetch.py llama.cpp"):
        gguf_file.Llama(tiny)


def test_the_instructions_of_this_processor_are_what_its_kernel_lists():
    found = llama_library.instructions()
    with open("/proc/cpuinfo") as file:
        listed = set(re.search(r"^(?:flags|Features)\s*:(.*)$", file.read(), re.MULTILINE)[1].split())
    assert found and set(found) <= listed and found == sorted(found)
    assert {"avx2", "avx512f", "fma", "sse4_2"} & listed == {"avx2", "avx512f", "fma", "sse4_2"} & set(found)
    assert not [flag for flag in found if flag.startswith(("amx", "hyper", "tsc"))]


@pytest.mark.parametrize("number", [signal.SIGILL, signal.SIGSEGV, signal.SIGKILL])
def test_a_worker_that_a_signal_ends_is_one_line_and_then_a_new_one_answers(tiny, number):
    llama = gguf_file.Llama(tiny)
    before = llama.ask(["1 2 3"], 4)
    os.kill(llama._worker._process.pid, number)
    said = "for want of memory" if number == signal.SIGKILL else f"died \\({signal.strsignal(number)}\\): run python fetch.py"
    with pytest.raises(cli.UserError, match=said):
        llama.ask(["1 2 3"], 4)
    assert llama.ask(["1 2 3"], 4) == before  # by a new one


def test_a_bug_keeps_its_traceback_and_the_worker_lives(tiny):
    worker = gguf_worker.Worker()
    with pytest.raises(RuntimeError, match="(?s)Traceback.*IndexError"):
        worker.call("ask", [CHAT], 4)  # before any model was opened
    worker.call("open", tiny)
    assert worker.call("ask", [CHAT], 4)[0] and worker.seconds > 0


def test_what_the_worker_refuses_is_refused_here(tmp_path):
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(cli.UserError, match="not a GGUF model that llama.cpp can load"):
        gguf_file.Llama(str(path))


LONG = """
import sys
from llm_ts.gguf import gguf_file
llama = gguf_file.Llama(sys.argv[1])
print(llama._worker._process.pid, flush=True)
while True:
    llama.ask(["1 2 3"] * 8, 400)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_worker_ends_with_the_process_that_asked(tiny, number):
    command = [sys.executable, "-c", LONG, tiny]
    env = {**os.environ, "PYTHONPATH": ROOT}
    parent = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    worker = int(parent.stdout.readline())
    time.sleep(0.5)  # it answers now
    (os.killpg if number == signal.SIGINT else os.kill)(parent.pid, number)  # Ctrl-C goes to all
    parent.communicate(timeout=60)
    end = time.monotonic() + 30
    while os.path.exists(f"/proc/{worker}") and time.monotonic() < end:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{worker}")


def test_workers_end_when_nobody_holds_them(tiny):
    llama = gguf_file.Llama(tiny)
    process = llama._worker._process
    del llama
    assert process.returncode == 0


def test_a_full_disk_while_quantising_is_one_line(tiny, tmp_path):
    worker = gguf_worker.Worker()
    worker.call("quantise", tiny, str(tmp_path / "good.gguf"), gguf_file.quantiser_type("q4_K_M"))
    resource.prlimit(worker._process.pid, resource.RLIMIT_FSIZE, (1000, 1000))
    with pytest.raises(cli.UserError, match="is the disk full"):
        worker.call("quantise", tiny, str(tmp_path / "x.gguf"), gguf_file.quantiser_type("q4_K_M"))


def test_a_converter_that_a_signal_ends_says_which(monkeypatch, tmp_path):
    (tmp_path / "convert_hf_to_gguf.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setenv("LLAMA_CPP", str(tmp_path))
    with pytest.raises(cli.UserError, match=r"convert_hf_to_gguf.py died \(Segmentation fault\)"):
        gguf_file.convert("convert_hf_to_gguf.py", str(tmp_path))


def test_scripts_let_waiting_threads_sleep_unless_the_user_says_otherwise():
    code = "import os; from llm_ts.base import cli; print(os.environ['OMP_WAIT_POLICY'])"
    env = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    for more, expected in (({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")):
        done = subprocess.run([sys.executable, "-c", code], env={**env, **more}, cwd=ROOT, capture_output=True, text=True)
        assert done.stdout.strip() == expected
