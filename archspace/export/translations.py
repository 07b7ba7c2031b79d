"""torch's table of how its operators are written in ONNX: made once a process, where torch makes it at each export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_kept: dict[int, Any] = {}
"""By operator set. The exporter only reads a table."""


@contextmanager
def translations_kept() -> Iterator[None]:
    """For the block, torch's exporter reads the kept table: a fifth of the time of a small network's export.

    The table's maker is private to torch; where a version of it has none of this name, the block runs as it would.
    """
    try:
        from torch.onnx._internal.exporter._registration import ONNXRegistry

        make, before = ONNXRegistry.from_torchlib, ONNXRegistry.__dict__["from_torchlib"]
    except (ImportError, AttributeError, KeyError):
        yield
        return

    def kept(opset_version: int = 18) -> Any:
        if opset_version not in _kept:
            _kept[opset_version] = make(opset_version=opset_version)
        return _kept[opset_version]

    ONNXRegistry.from_torchlib = staticmethod(kept)  # type: ignore[method-assign]
    try:
        yield
    finally:
        ONNXRegistry.from_torchlib = before  # type: ignore[method-assign]
