"""C++ that is built where it runs: once for all who want it, and one line where it cannot be."""

from __future__ import annotations

import ctypes
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from archspace.support.compiled import built, compiler
from archspace.support.errors import InputError
from archspace.support.files import CACHE_VARIABLE

SOURCE = 'extern "C" int answer() { return ANSWER; }\n'
BUILD = """
import sys
from pathlib import Path
from archspace.support.compiled import built
print(built("test", "answer", [Path(sys.argv[1])], ["-DANSWER=42"]))
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    path = tmp_path / "answer.cpp"
    path.write_text(SOURCE, encoding="utf-8")
    return path


@pytest.mark.skipif(compiler() is None, reason="needs a C++ compiler")
def test_processes_that_start_together_build_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = tmp_path / "c++"
    script = f'#!/bin/sh\necho >> {tmp_path}/calls\nsleep 0.2\nexec {compiler()} "$@"\n'
    counting.write_text(script, encoding="utf-8")
    counting.chmod(counting.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CXX", str(counting))
    command = [sys.executable, "-c", BUILD, str(source)]
    builders = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    paths = {builder.communicate()[0].strip() for builder in builders}
    assert len(paths) == 1
    assert ctypes.CDLL(paths.pop()).answer() == 42
    assert len((tmp_path / "calls").read_bytes()) == 1
    assert built("test", "answer", [source], ["-DANSWER=43"]).name not in paths


@pytest.mark.skipif(compiler() is None, reason="needs a C++ compiler")
def test_source_that_does_not_compile_is_one_line(source: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"^test: .*answer.cpp cannot be built with .*error.*ANSWER"
    ) as raised:
        built("test", "answer", [source])
    assert "\n" not in str(raised.value)
    assert not list((tmp_path / "cache").rglob("*.so*"))
