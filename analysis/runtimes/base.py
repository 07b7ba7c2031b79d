"""What every runtime can do: say whether it is here, and open a network so that single runs of it can be timed."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from archspace.support.errors import FieldError
from archspace.support.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from analysis.devices.settings import Settings
    from analysis.devices.target import Target

WRONG = 1e-2
"""Difference to torch eager, as a share of the largest output, beyond which a float32 answer is another network's."""


class Opened(ABC):
    """A network that is ready to run on its input.

    Attributes:
        version: name and version of the runtime, for records.
        how: what the runtime adds to the record.
    """

    version: str
    how: dict[str, Any]

    @abstractmethod
    def run(self) -> object:
        """Returns one run of a batch; on a GPU it may return before the work is done (see :meth:`timed_ms`)."""

    @abstractmethod
    def answer(self) -> list[np.ndarray]:
        """Returns what the network answers to its input, as float32."""

    def timed_ms(self) -> float:
        """Returns milliseconds of one run, from its start to its end."""
        start = time.perf_counter_ns()
        self.run()
        return (time.perf_counter_ns() - start) / 1e6

    def finish(self) -> None:  # noqa: B027  (most runtimes wait by themselves)
        """Waits until work that was started has ended; nothing to do where :meth:`run` waits itself."""


class Runtime(ABC):
    """A way to run networks.

    Attributes:
        name: of ``--runtime``.
        title: for tables.
        precisions: that it honours, by kind of device.
        foreign: whether it runs ONNX files that are not ours.
        form_of: the runtime that it is a form of; where that cannot run, this is not worth a line of its own.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    precisions: ClassVar[Mapping[str, tuple[str, ...]]]
    foreign: ClassVar[bool] = False
    form_of: ClassVar[str | None] = None

    @abstractmethod
    def unavailable(self, device: str) -> str | None:
        """Returns why it cannot run on ``cpu`` or ``cuda:N`` of this machine, in one line; ``None`` if it can."""

    @abstractmethod
    def version(self) -> str:
        """Returns name and version, for records and cache keys."""

    def prepare(self, target: Target, settings: Settings, folder: Path) -> Path | None:
        """Writes the file that :meth:`open` reads, once a folder, and loads the library; ``None`` without a file.

        Raises:
            InputError: the network has no such form.
        """
        return None

    @abstractmethod
    def open(
        self, target: Target, device: str, settings: Settings, folder: Path
    ) -> AbstractContextManager[Opened]:
        """Returns the network ready to run; threads and switches are as ``settings`` say until the block ends.

        Args:
            target: checked by :meth:`check`.
            device: ``cpu`` or ``cuda:N``.
            settings: precision, batch, threads.
            folder: for files that must be written; removed afterwards.

        Raises:
            InputError: it cannot run this network; one line.
        """

    def check(self, target: Target, device: str, settings: Settings) -> None:
        """Refuses what cannot be honoured before anything is built.

        Raises:
            FieldError: the runtime is not here, or cannot run the network in this precision.
        """
        reason = self.unavailable(device)
        if reason is not None:
            raise FieldError("runtime", self.name, reason)
        honoured = self.precisions[device.partition(":")[0]]
        if settings.precision not in honoured:
            rule = f"{self.name} on {device} runs {', '.join(honoured)}"
            raise FieldError("precision", settings.precision, rule, honoured[0])
        if target.network is None and not self.foreign:
            rule = f"{target.label} is an ONNX file, which torch does not run"
            raise FieldError("runtime", self.name, rule, "onnxruntime")

    def same(self, target: Target) -> str | None:
        """Returns why a form runs this network as what it is a form of does, or ``None``; records say it."""
        return None


RUNTIMES: Registry[Runtime] = Registry("runtime")
"""Every runtime by the name of ``--runtime``, in the order of tables."""


def difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    """Returns largest difference of any output as a share of that output's largest value.

    Infinite where shapes differ.
    """
    worst = 0.0
    if [one.shape for one in ours] != [one.shape for one in theirs]:
        return float("inf")
    for one, other in zip(ours, theirs, strict=True):
        if not one.size:
            continue
        scale = max(float(abs(one).max()), 1e-12)
        share = float(abs(one - other).max()) / scale
        worst = share if not share <= worst else worst
    return worst


def one_line(error: BaseException) -> str:
    """Returns the first sentence or so of an error of a foreign library."""
    return " ".join(str(error).split())[:200] or type(error).__name__
