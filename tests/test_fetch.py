"""Building llama.cpp's programs: whole or not at all, once, and in one line where it fails. On a small CMake project of our own.

Needs: CMake and a C++ compiler, else it skips. Run: python -m pytest -q tests/test_fetch.py
"""

import os
import shutil
import subprocess

import pytest

import fetch
from llm_ts import cli

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
