"""The least time that a network can take on a device: what its units must move and multiply. No torch.

Each unit (or each layer) reads its input once, its weights once, and writes its output once; what a unit has inside
stays on the chip. The time of a unit is at least its bytes over the device's bandwidth and its operations over the
device's rate, whichever is longer; a network's is the sum over its units, since each waits for the one before.
Pooling, resizing, concatenation and sums between units move bytes too and are not counted, so the floor is lower than
it might be, never higher, with one exception: caches. A map that fits into a GPU's cache need not come from memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Literal

from archspace.plan.counts import count_block, count_layer, layer_params
from archspace.plan.nodes import (
    Block,
    Embedding,
    Layer,
    Linear,
    Node,
    NormAct,
    Size,
    input_map,
    map_size,
    output_map,
    stands_at,
)
from archspace.plan.request import UNITS

Grain = Literal["unit", "layer"]

NUMBER_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""Bytes of one number, by precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one unit or layer must do for one input.

    Attributes:
        path: dotted name in the network.
        kind: of the block, or the layer's class.
        read, written: numbers of the maps that come in and go out.
        weights: numbers that are read once a batch.
        macs: multiply-accumulates.
    """

    path: str
    kind: str
    read: int
    written: int
    weights: int
    macs: int

    def bytes_moved(self, batch: int = 1, number_bytes: int = 4) -> int:
        """Bytes from and to memory for a batch."""
        return number_bytes * (batch * (self.read + self.written) + self.weights)

    def floor_ms(
        self, bandwidth_gb_s: float, rate_gmac_s: float, batch: int = 1, number_bytes: int = 4
    ) -> float:
        """Returns the least milliseconds of a batch.

        Args:
            bandwidth_gb_s: of the device's memory, measured, in 10^9 bytes a second.
            rate_gmac_s: 10^9 multiply-accumulates a second that it was seen to do, at this precision.
            batch: inputs at once.
            number_bytes: of one number: 4 in float32, 2 in float16 and bfloat16.
        """
        moving = self.bytes_moved(batch, number_bytes) / bandwidth_gb_s
        return max(moving, batch * self.macs / rate_gmac_s) / 1e6


def works(plan: Block, size: Size, grain: Grain = "unit") -> list[Work]:
    """Returns the work of every unit of a network in running order, or of every layer.

    A unit is one of the registry or a block of layers alone; layers beside blocks stand for themselves, and so do
    those of a head, which pools or resizes between what it reads and its layers.

    Args:
        plan: of the network.
        size: height and width of its input.
        grain: what keeps its maps on the chip: a fused ``unit``, or one ``layer`` with its norm and activation.
    """
    return list(_works(plan, size, 1, "", grain))


def _works(block: Block, size: Size, at: int, path: str, grain: Grain) -> Iterator[Work]:
    at *= block.at
    for name, node in block.items():
        here = f"{path}.{name}" if path else name
        if isinstance(node, Block):
            if node.dead:
                continue
            if grain == "unit" and here != "head" and _is_unit(node):
                yield _of_unit(node, size, at * node.at, here)
            else:
                yield from _works(node, size, at, here, grain)
        elif not (isinstance(node, NormAct) and node.dead):
            yield _of_layer(node, size, stands_at(node, at), here)


def _is_unit(block: Block) -> bool:
    return block.kind in UNITS or not any(isinstance(node, Block) for _, node in block.items())


def _of_unit(block: Block, size: Size, at: int, path: str) -> Work:
    height, width = map_size(size, at)
    count = count_block(block, (height, width))
    written = prod((-(-height // block.stride), -(-width // block.stride)))
    return Work(
        path=path, kind=block.kind, read=block.in_channels * height * width,
        written=_new_channels(block) * written, weights=count.params - count.dead_params, macs=count.macs,
    )  # fmt: skip


def _new_channels(block: Block) -> int:
    """Channels that a unit writes; a densely connected one leaves those of its input where they lie."""
    if block.option("dense"):
        last = [node for _, node in block.items()][-1]
        return _channels(last)[1]
    return block.out_channels


def _of_layer(layer: Layer, size: Size, at: int, path: str) -> Work:
    read, written = _channels(layer)
    return Work(
        path=path, kind=type(layer).__name__, read=read * prod(input_map(layer, size, at)),
        written=written * prod(output_map(layer, size, at)), macs=count_layer(layer, size, at).macs,
        weights=0 if isinstance(layer, Embedding) else layer_params(layer),
    )  # fmt: skip


def _channels(layer: Node) -> tuple[int, int]:
    """Channels that a layer reads and writes."""
    if isinstance(layer, Linear):
        return layer.in_features, layer.out_features
    if isinstance(layer, Embedding):
        return layer.channels, layer.channels
    reads = getattr(layer, "in_channels", None)
    if reads is None:
        return layer.channels, layer.channels  # type: ignore[union-attr]
    return reads, layer.out_channels  # type: ignore[union-attr]
