"""The one file that a board gets: what is in it, that it needs nothing, and how it ends when nobody speaks."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import BinaryIO

import pytest

from analysis.board import trtexec
from analysis.board.frames import BEAT, HEADER_MOST, MARK, REQUEST, RUN, BadFrame, Receiver, header
from analysis.board.running import RunError
from analysis.board.trtexec_output import read_version
from analysis.devices.ssh_link import bundle
from tests.waiting import GENEROUS_S

BOARD = Path(trtexec.__file__).parent
ONLY_WHERE_IT_IS = {"numpy", "onnxruntime"}
"""Imported by the function that runs ONNX Runtime, on boards that have it."""


def test_the_file_is_the_same_for_the_same_source_and_has_nothing_else() -> None:
    assert bundle() == bundle.__wrapped__()
    names = zipfile.ZipFile(io.BytesIO(bundle())).namelist()
    assert set(names) == {"__main__.py", "analysis/__init__.py"} | {
        f"analysis/board/{path.name}" for path in BOARD.glob("*.py")
    }
    assert len(bundle()) < 100_000


@pytest.mark.parametrize("path", sorted(BOARD.glob("*.py")), ids=lambda path: path.name)
def test_the_agent_imports_the_standard_library_alone(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 7))
    named = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        )
    }
    assert named - {"analysis"} - ONLY_WHERE_IT_IS <= set(sys.stdlib_module_names)
    assert all(
        name.split(".")[:2] == ["analysis", "board"]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in [node.module or ""]
        if name.startswith("analysis")
    )


class Agent:
    """The file, run by a Python without any package."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "archspace-test"
        self.folder.mkdir()
        path = self.folder / "agent.zip"
        path.write_bytes(bundle())
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(path), "serve", str(self.folder)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env={"TMPDIR": str(folder), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip

    def send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def lines(self) -> list[dict[str, object]]:
        assert self.process.stdout is not None
        read = self.process.stdout.read().decode()
        assert all(line.startswith(MARK) for line in read.splitlines())
        return [json.loads(line.removeprefix(MARK)) for line in read.splitlines()]


def request(**more: object) -> bytes:
    text = json.dumps({"mode": "doctor", "timeout_s": 60.0, "root": "/", "trtexec": None, **more}).encode()
    return header(REQUEST, len(text)) + text


@pytest.mark.slow
def test_a_link_that_falls_silent_ends_the_agent(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.send(request(silence_s=2.0))
    for _ in range(10):
        time.sleep(0.25)
        agent.send(header(BEAT))
    assert agent.process.poll() is None, "beats keep it"
    assert agent.process.wait(GENEROUS_S) == 0 and not agent.folder.exists()


def test_garbage_down_the_link_is_reported_and_cleaned_up(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.send(b"GET / HTTP/1.1\r\n\r\n")
    assert agent.lines()[-1]["kind"] == "garbage"
    assert agent.process.wait(GENEROUS_S) == 0 and not agent.folder.exists()


@pytest.mark.parametrize("name", ["../../escape", "/etc/passwd", "agent.zip"])
def test_no_other_file_is_written(tmp_path: Path, name: str) -> None:
    agent = Agent(tmp_path)
    agent.send(header(name, 3) + b"abc")
    assert repr(name) in str(agent.lines()[-1]["error"])
    assert agent.process.wait(GENEROUS_S) == 0 and list(tmp_path.iterdir()) == []


def test_a_run_without_a_request_is_refused(tmp_path: Path) -> None:
    agent = Agent(tmp_path)
    agent.send(header(RUN))
    assert "out of turn" in str(agent.lines()[-1]["error"])


def test_frames_come_apart_wherever_the_bytes_are_cut(tmp_path: Path) -> None:
    def opened(name: str, size: int) -> BinaryIO:
        assert size == 300
        return (tmp_path / name).open("wb")

    payload = bytes(range(256)) + b"x" * 44
    stream = header(BEAT) + header("model.onnx", 300) + payload + header(RUN) + header(BEAT)
    for step in (1, 7, len(stream)):
        receiver = Receiver(opened)
        names = [
            name for at in range(0, len(stream), step) for name in receiver.receive(stream[at : at + step])
        ]
        assert names == [BEAT, "model.onnx", RUN, BEAT]
        assert (tmp_path / "model.onnx").read_bytes() == payload


@pytest.mark.parametrize("data", [(HEADER_MOST + 1).to_bytes(4, "big"), b"\0\0\0\2{}", b"\0\0\0\2\xff\xff"])
def test_bad_headers_are_refused(data: bytes) -> None:
    with pytest.raises(BadFrame):
        Receiver(lambda name, size: io.BytesIO()).receive(data)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("&&&& RUNNING TensorRT.trtexec [TensorRT v8201] # trtexec", (8, 2, 1)),
        ("&&&& RUNNING TensorRT.trtexec [TensorRT v100100] # trtexec", (10, 1, 0)),
        ("[01/01/2024-00:00:00] [I] TensorRT version: 8.5.2", (8, 5, 2)),
        ("&&&& RUNNING TensorRT.trtexec # trtexec", None),
    ],
)
def test_versions_that_trtexec_prints(text: str, version: tuple[int, ...] | None) -> None:
    assert read_version(text) == version


def test_the_version_of_the_library_stands_in_for_one_not_printed(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/aarch64-linux-gnu"
    folder.mkdir(parents=True)
    (folder / "libnvinfer.so.7.1.3").touch()
    tool = tmp_path / "usr/src/tensorrt/bin/trtexec"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\necho '  --workspace=N'\n")
    tool.chmod(0o755)
    result = trtexec.find_trtexec(root=str(tmp_path))
    assert result is not None and (result.path, result.version) == (str(tool), "7.1.3")
    assert trtexec.find_trtexec(given=str(tmp_path / "nowhere")) is None


def test_options_follow_what_the_tool_knows() -> None:
    old = trtexec.Tool("trtexec", (8, 2, 1), frozenset({"workspace", "noTF32"}))
    new = trtexec.Tool("trtexec", (10, 1, 0), frozenset({"memPoolSize", "noTF32", "bf16"}))
    assert "--workspace=1024" in trtexec.build_command(old, "m", "e", "float32")
    assert "--memPoolSize=workspace:1024" in trtexec.build_command(new, "m", "e", "float32")
    assert "--noTF32" in trtexec.build_command(new, "m", "e", "float32")
    assert "--fp16" in trtexec.build_command(old, "m", "e", "float16")
    assert "--bf16" in trtexec.build_command(new, "m", "e", "bfloat16")
    with pytest.raises(RunError, match=r"trtexec 8\.2\.1 has no --bf16"):
        trtexec.build_command(old, "m", "e", "bfloat16")
    line = trtexec.run_command(old, "e", "t", 2.0, 6.2, 100)
    assert {"--loadEngine=e", "--warmUp=2000", "--duration=7", "--iterations=100", "--exportTimes=t"} <= set(
        line
    )
