"""archspace's own engine on the CPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from analysis.runtimes.base import RUNTIMES, Opened, Runtime
from archspace.support.errors import InputError
from archspace.support.version import VERSION

if TYPE_CHECKING:
    import numpy as np

    from analysis.devices.settings import Settings
    from analysis.devices.target import Target
    from archspace.export.native.library import Engine


class _Opened(Opened):
    def __init__(self, engine: Engine, x: np.ndarray, version: str) -> None:
        self._engine, self._x, self.version = engine, x, version
        self._outputs = engine.run([x])
        self.how: dict[str, Any] = {"form": "native, batch norms folded", "clock": "perf_counter_ns"}

    def run(self) -> object:
        """Returns one run of a batch."""
        return self._engine.run([self._x], self._outputs)

    def answer(self) -> list[np.ndarray]:
        """Returns the outputs as float32."""
        return self._engine.run([self._x])


class Native(Runtime):
    """The engine of :mod:`archspace.export.native`."""

    name: ClassVar[str] = "native"
    title: ClassVar[str] = "native engine"
    precisions: ClassVar[Mapping[str, tuple[str, ...]]] = {"cpu": ("float32",), "cuda": ()}

    def unavailable(self, device: str) -> str | None:
        """Returns why it is not here, or ``None``."""
        from archspace.support.compiled import compiler

        if device != "cpu":
            return "the native engine runs on CPUs"
        return None if compiler() else "the native engine needs a C++ compiler (g++), and none is on the PATH"

    def version(self) -> str:
        """Of the engine, which is archspace's."""
        return f"native engine {VERSION}"

    @contextmanager
    def open(self, target: Target, device: str, settings: Settings, folder: Path) -> Iterator[Opened]:
        """Opens it; see the base class."""
        import torch

        from archspace.export.deploy import deployed
        from archspace.export.folding import folded
        from archspace.export.native.compiling import compiled
        from archspace.export.native.library import Engine
        from archspace.export.quiet import quiet

        assert target.network is not None
        if target.network.spec.task in ("detection", "language"):
            rule = f"has no form for {target.network.spec.task}; use torch, or onnxruntime for a detector"
            raise InputError(f"runtime: 'native': {rule}")
        network, x = deployed(target.network).cpu().float(), target.example(settings.batch)
        with torch.no_grad(), quiet():
            program = folded(torch.export.export(network, (x,)))
            shape = tuple(network(x[:1]).shape)
        yield _Opened(Engine(compiled(program), [shape], settings.threads), x.numpy(), self.version())


RUNTIMES.register(Native.name)(Native())
