"""Exact counts of a network from its plan alone: no torch, no data, each distinct unit counted once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archspace.plan import Block, Count, Layer, Size, count_block, count_layer
from archspace.plan.nodes import NormAct, map_size, stands_at
from archspace.spec.archspec import ArchSpec


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network costs for one input of its spec's size; every number is counted.

    The input is an image, or for a language model the whole sequence of T tokens.

    Attributes:
        total: the whole network.
        levels: the same by level of the encoder and for the head, in running order; they add up to ``total``.
    """

    total: Count
    levels: Mapping[str, Count]

    @property
    def params(self) -> int:
        """Trainable parameters, with those of the published layout that never run."""
        return self.total.params

    @property
    def macs(self) -> int:
        """MACs of convolutions, transposed convolutions and linear layers."""
        return self.total.macs

    @property
    def conv_macs(self) -> int:
        """MACs of convolutions alone: the papers' "FLOPs"."""
        return self.total.conv_macs

    @property
    def activation_bytes(self) -> int:
        """Bytes of every convolution's, transposed convolution's and linear layer's output in float32."""
        return self.total.activation_bytes


_KEPT: dict[tuple[int, Size], tuple[Block, Count]] = {}
MOST_KEPT = 50_000
"""Levels whose counts are kept, with the levels themselves: so no other level can take the place of one in memory."""


def _level_count(node: Block | Layer, size: Size) -> Count:
    """The counts of a level; one that networks share, being the same object, is looked up by what it is."""
    if not isinstance(node, Block):
        return _count(node, size)
    key = (id(node), size)
    if key not in _KEPT:
        if len(_KEPT) >= MOST_KEPT:
            _KEPT.clear()
        _KEPT[key] = (node, _count(node, size))
    return _KEPT[key][1]


def _count(node: Block | Layer, size: Size) -> Count:
    if isinstance(node, Block):
        return count_block(node, map_size(size, node.at))
    return count_layer(node, size, stands_at(node), isinstance(node, NormAct) and node.dead)


def count(spec: ArchSpec) -> Cost:
    """Counts of ``spec``; exact, and the same as torch's own counter on the built network."""
    levels: dict[str, Count] = {}
    encoder, head = spec.plan.part("encoder"), spec.plan.part("head")
    assert isinstance(encoder, Block) and isinstance(head, Block)
    for name, node in encoder.items():
        levels[name] = _level_count(node, spec.input_size)
    levels["head"] = _count(head, spec.input_size)
    return Cost(sum(levels.values(), Count()), levels)
