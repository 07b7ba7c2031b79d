"""torch's table of how its operators are written in ONNX: made once a process, where torch makes it at each export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_kept: dict[tuple[int, int], Any] = {}
"""By operator set and how many operators torch has: a table lacks those that are registered later. The exporter only
reads a table."""


@contextmanager
def translations_kept() -> Iterator[None]:
    """For the block, torch's exporter reads the kept table: a fifth of the time of a small network's export.

    The table's maker is private to torch; where a version of it has none of this name, the block runs as it would.
    """
    import torch

    try:
        from torch.onnx._internal.exporter._registration import ONNXRegistry

        make, before = ONNXRegistry.from_torchlib, ONNXRegistry.__dict__["from_torchlib"]
    except (ImportError, AttributeError, KeyError):
        yield
        return

    def kept(opset_version: int = 18) -> Any:
        key = opset_version, len(torch._C._dispatch_get_all_op_names())
        if key not in _kept:
            _kept[key] = make(opset_version=opset_version)
        return _kept[key]

    ONNXRegistry.from_torchlib = staticmethod(kept)  # type: ignore[method-assign]
    try:
        yield
    finally:
        ONNXRegistry.from_torchlib = before  # type: ignore[method-assign]
