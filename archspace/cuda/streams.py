"""Branches of EESP and ESP units on CUDA streams of their own, as ESPNetv2's authors ran them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from archspace.units.esp import Eesp, Esp


class Streams:
    """The streams of one device that all units of a network share; made when first needed."""

    def __init__(self) -> None:
        self._made: dict[torch.device, list[Any]] = {}

    def of(self, device: torch.device, count: int) -> list[Any]:
        """Returns ``count`` streams of ``device``, the same each time."""
        streams = self._made.setdefault(device, [])
        while len(streams) < count:
            streams.append(torch.cuda.Stream(device))  # type: ignore[no-untyped-call]
        return streams[:count]

    def __deepcopy__(self, memo: dict[int, Any]) -> Streams:
        return Streams()

    def __getstate__(self) -> dict[str, Any]:
        return {"_made": {}}


class OnStream(nn.Module):
    """One of a unit's branches; the unit calls them in order, with one input.

    The first stays on the current stream and is where the others part from it; after the last was started, the
    current stream waits for all. So memory that one stream frees is not written by another before it was read.
    """

    def __init__(self, branch: nn.Module, index: int, count: int, streams: Streams) -> None:
        super().__init__()
        self.branch, self.index, self.count, self.streams = branch, index, count, streams

    def forward(self, x: Tensor) -> Tensor:
        """Runs the branch; on a CPU as it is."""
        if not x.is_cuda or self.index == 0:
            if x.is_cuda:
                here = torch.cuda.current_stream(x.device)
                for stream in self.streams.of(x.device, self.count - 1):
                    stream.wait_stream(here)
            return self.branch(x)  # type: ignore[no-any-return]
        streams = self.streams.of(x.device, self.count - 1)
        with torch.cuda.stream(streams[self.index - 1]):
            y: Tensor = self.branch(x)
        if self.index == self.count - 1:
            here = torch.cuda.current_stream(x.device)
            for stream in streams:
                here.wait_stream(stream)
        return y


def on_streams(network: nn.Module) -> int:
    """Puts the branches of every EESP and ESP unit on streams, in place; returns how many units."""
    streams, count = Streams(), 0
    for unit in network.modules():
        if isinstance(unit, Eesp | Esp) and len(unit.branches) > 1:
            parts = list(unit.branches)
            unit.branches = nn.ModuleList(
                OnStream(branch, index, len(parts), streams) for index, branch in enumerate(parts)
            )
            count += 1
    return count
