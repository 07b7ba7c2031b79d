"""TensorRT through trtexec, which runs its own loop and gives the time of every query."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from analysis.board.running import Load, RunError, Timed
from analysis.board.trtexec import Runner, find_trtexec, looked_for
from analysis.runtimes.base import RUNTIMES, Opened, Runtime
from archspace.support.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from analysis.devices.settings import OnProgress, Settings
    from analysis.devices.target import Target

LIMIT_S = 1800.0
OLDEST = 13
"""The operator set that every TensorRT from 8.0 on reads."""

NO_ANSWER = "trtexec gives times, not answers; the network's answer was not compared"


class OwnLoop(Opened):
    """A network whose runtime runs the loop itself."""

    def __init__(self, runner: Runner, version: str) -> None:
        self._runner, self.version = runner, version
        self.how = {"form": f"ONNX operator set {OLDEST}, batch norms folded", "clock": "trtexec"}

    def run(self) -> object:
        """Returns one run of a batch."""
        raise InputError("runtime: 'tensorrt': trtexec runs its own loop; it cannot take turns with others")

    def answer(self) -> list[np.ndarray]:
        """Returns the outputs as float32."""
        raise InputError(f"runtime: 'tensorrt': {NO_ANSWER}")

    def loop(self, load: Load, on_progress: OnProgress) -> Timed:
        """Returns all runs at once, with conditions read under load.

        Raises:
            InputError: trtexec failed or hung.
        """
        deadline = time.monotonic() + LIMIT_S
        try:
            self._runner.prepare(on_progress, lambda: deadline - time.monotonic())
            return self._runner.run(load, on_progress, lambda: deadline - time.monotonic())
        except RunError as error:
            raise InputError(f"runtime: 'tensorrt': {error}") from error


class TensorRt(Runtime):
    """TensorRT."""

    name: ClassVar[str] = "tensorrt"
    title: ClassVar[str] = "TensorRT"
    precisions: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "cpu": (),
        "cuda": ("float32", "float16", "bfloat16"),
    }
    foreign = True

    def unavailable(self, device: str) -> str | None:
        """Returns why it is not here, or ``None``."""
        if device == "cpu":
            return "TensorRT needs a CUDA GPU"
        if device not in ("cuda", "cuda:0"):
            return "trtexec runs on the first GPU; set CUDA_VISIBLE_DEVICES and use cuda:0"
        return None if find_trtexec() else f"trtexec was not found ({looked_for(None)})"

    def version(self) -> str:
        """As installed."""
        tool = find_trtexec()
        return f"tensorrt {tool.version if tool else 'not found'}"

    def prepare(self, target: Target, settings: Settings, folder: Path) -> Path:
        """Writes its ONNX file."""
        return target.onnx_file(folder, settings.batch, None if target.onnx else OLDEST)

    @contextmanager
    def open(self, target: Target, device: str, settings: Settings, folder: Path) -> Iterator[Opened]:
        """Opens it; see the base class."""
        tool = find_trtexec()
        assert tool is not None, "checked by check()"
        path = self.prepare(target, settings, folder)
        yield OwnLoop(Runner(tool, str(path), settings.precision), f"tensorrt {tool.version}")


RUNTIMES.register(TensorRt.name)(TensorRt())
