"""A network cut into the pieces whose times add up to its own: units, layers, and what is left of blocks around them.

A unit is one piece. A block that holds other blocks is opened: its children are pieces of their own, and so is its
*shell*, what the block does itself (concatenations, sums, pooling and resizing of maps). No torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod

from archspace.plan import (
    UNITS,
    Block,
    Conv,
    Deconv,
    Layer,
    Linear,
    NormAct,
    Size,
    layer_params,
    placed_layers,
)
from archspace.plan.nodes import Embedding, Node, input_map, map_size, output_map, stands_at
from archspace.spec.archspec import ArchSpec, plain

NUMBERS = (
    "layers", "dense_1x1", "dense_kxk", "dense_dilated", "grouped", "depthwise", "depthwise_dilated", "deconv",
    "linear", "narrow", "normed", "activated", "read", "written", "held", "in_elements", "out_elements", "children",
)  # fmt: skip
"""What is summed over a piece's layers: how many, MACs by kind of convolution, elements normed, activated, read and
written by convolutions, weights, and elements that the piece itself reads and writes. Time grows with each."""

SHAPES = (
    "height", "width", "in_channels", "out_channels", "stride", "dilation", "least_channels", "residual", "fusion",
)  # fmt: skip
"""What describes a piece but adds no time by itself; ``least_channels`` is of its narrowest dense convolution."""

NARROW = 16
"""Dense convolutions with fewer channels than a vector register has floats are counted as narrow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of a network.

    Attributes:
        path: of its module in the network; ``""`` for the network itself.
        kind: the block's kind, or the layer's; a shell's ends in ``shell``.
        key: the same for two pieces that do the same on maps of the same size.
        size: height and width of the map it reads.
        channels: that it reads and writes.
        operators: path in the network and name of every operator in it.
        numbers: :data:`NUMBERS`, in their order.
        shapes: :data:`SHAPES`, in their order.
    """

    path: str
    kind: str
    key: str
    size: Size
    channels: tuple[int, int]
    operators: tuple[tuple[str, str], ...]
    numbers: tuple[float, ...]
    shapes: tuple[float, ...]


@lru_cache(maxsize=1024)
def pieces_of(spec: ArchSpec) -> tuple[Piece, ...]:
    """Returns every piece of the network that runs, in running order; a shell comes before what is in it."""
    return tuple(_cut(spec.plan, "", spec.input_size))


def _cut(block: Block, path: str, size: Size) -> Iterator[Piece]:
    """The pieces of an opened block that reads a map of ``size``."""
    prefix = f"{path}." if path else ""
    yield shell_of(block, path, size)
    for name, node in block.items():
        if dead(node):
            continue
        below = map_size(size, stands_at(node) if not isinstance(node, Block) else node.at)
        if isinstance(node, Block) and opened(node):
            yield from _cut(node, prefix + name, below)
        elif isinstance(node, Block):
            yield unit_of(node, prefix + name, below)
        else:
            yield layer_of(node, prefix + name, below)


def opened(block: Block) -> bool:
    """Returns whether a block is cut further: it is no unit, and holds other blocks."""
    return block.kind not in UNITS and any(isinstance(node, Block) for _, node in block.items())


def dead(node: Node) -> bool:
    """Returns whether a node is in the published layout but never runs."""
    return isinstance(node, Block | NormAct) and node.dead


def _channels(node: Node) -> tuple[int, int]:
    if isinstance(node, Linear):
        return node.in_features, node.out_features
    if isinstance(node, Conv | Deconv | Block):
        return node.in_channels, node.out_channels
    return node.channels, node.channels


def _same(node: Node) -> object:
    """What two nodes share that take the same time: everything but epsilons, dropout and where they stand."""
    if isinstance(node, Linear):
        return plain(replace(node, dropout=0.0))
    if isinstance(node, Conv | Deconv | NormAct):
        return plain(node if node.norm is None else replace(node, norm=1.0))
    if not isinstance(node, Block):
        return plain(node)
    parts = [[name, _same(child)] for name, child in node.items() if not dead(child)]
    return [node.kind, node.in_channels, node.out_channels, node.stride, sorted(node.options), node.at, parts]


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def shell_of(block: Block, path: str, size: Size) -> Piece:
    """Returns what an opened block does itself. A sequence's members count once: a loop over units takes no time."""
    inside = [
        [name, *_channels(node if not isinstance(node, tuple) else node[0]), isinstance(node, tuple)]
        for name, node in block.parts
        if node and not (not isinstance(node, tuple) and dead(node))
    ]
    kind = f"{block.kind} shell"
    channels = (block.in_channels, block.out_channels)
    numbers = dict.fromkeys(NUMBERS, 0.0)
    numbers["children"] = len(inside)
    numbers["in_elements"] = block.in_channels * prod(size)
    numbers["out_elements"] = block.out_channels * prod(map_size(size, block.stride))
    shape = (*size, *channels, block.stride, 1, 0, *_switches(block))
    return Piece(
        path=path, kind=kind, key=_hash(kind, channels, sorted(block.options), size, inside), size=size,
        channels=channels, operators=(), numbers=tuple(numbers.values()), shapes=tuple(map(float, shape)),
    )  # fmt: skip


def _switches(block: Block) -> tuple[bool, bool]:
    return block.option("residual"), block.option("fusion")


def unit_of(block: Block, path: str, size: Size) -> Piece:
    """Returns a block that is not cut further as one piece."""
    alone = block.moved(1)
    layers = [
        (f"{path}.{p.path}", p.layer, input_map(p.layer, size, p.at), output_map(p.layer, size, p.at))
        for p in placed_layers(alone)
        if not p.dead
    ]
    return _piece(block.kind, path, size, alone, layers, _switches(block), block.stride)


def layer_of(layer: Layer, path: str, size: Size) -> Piece:
    """Returns a layer that stands beside blocks as a piece."""
    alone = replace(layer, at=1) if not isinstance(layer, Linear) else layer
    layers = [(path, layer, input_map(alone, size, 1), output_map(alone, size, 1))]
    stride = layer.stride if isinstance(layer, Conv) else 1
    return _piece(type(layer).__name__.lower(), path, size, alone, layers, (False, False), stride)


def _piece(
    kind: str, path: str, size: Size, alone: Node, layers: list[tuple[str, Layer, Size, Size]],
    switches: tuple[bool, bool], stride: int,
) -> Piece:  # fmt: skip
    channels = _channels(alone)
    numbers = dict.fromkeys(NUMBERS, 0.0)
    dilation, least = 1, 0
    for _, layer, read, written in layers:
        for name, amount in _amounts(layer, read, written).items():
            numbers[name] += amount
        if isinstance(layer, Conv):
            dilation = max(dilation, layer.dilation)
            if layer.groups == 1:
                least = min(least or layer.out_channels, layer.out_channels, layer.in_channels)
    numbers["in_elements"] = channels[0] * prod(size)
    numbers["out_elements"] = channels[1] * prod(layers[-1][3] if layers else map_size(size, stride))
    shape = (*size, *channels, stride, dilation, least, *switches)
    return Piece(
        path=path, kind=kind, key=_hash(kind, size, _same(alone)), size=size, channels=channels,
        operators=tuple((where, name) for where, layer, *_ in layers for name in _operators(layer)),
        numbers=tuple(numbers.values()), shapes=tuple(map(float, shape)),
    )  # fmt: skip


def _amounts(layer: Layer, read: Size, written: Size) -> dict[str, float]:
    """What one layer adds to :data:`NUMBERS`; ``read`` and ``written`` are the sizes of its maps."""
    inputs, outputs = _channels(layer)
    elements = outputs * prod(written)
    amounts: dict[str, float] = {"layers": 1, "held": layer_params(layer)}
    if isinstance(layer, Conv):
        macs = elements * (inputs // layer.groups) * prod(layer.sides)
        amounts[_conv_kind(layer)] = macs
        if layer.groups == 1 and min(inputs, outputs) < NARROW:
            amounts["narrow"] = macs
    elif isinstance(layer, Deconv):
        amounts["deconv"] = inputs * prod(read) * outputs * layer.side**2
    elif isinstance(layer, Linear):
        amounts["linear"] = inputs * elements
    if not isinstance(layer, NormAct | Embedding):
        amounts |= {"read": inputs * prod(read), "written": elements}
    if getattr(layer, "norm", None) is not None:
        amounts["normed"] = elements
    if getattr(layer, "act", None) is not None:
        amounts["activated"] = elements
    return amounts


def _conv_kind(layer: Conv) -> str:
    if layer.groups > 1:
        wide = layer.groups == layer.in_channels == layer.out_channels
        dilated = "_dilated" if layer.dilation > 1 else ""
        return f"depthwise{dilated}" if wide else "grouped"
    if layer.dilation > 1:
        return "dense_dilated"
    return "dense_1x1" if layer.sides == (1, 1) else "dense_kxk"


def _operators(layer: Layer) -> Iterator[str]:
    """Names of the operators that a layer runs; a predictor knows those that it was calibrated on."""
    if isinstance(layer, Conv):
        sides, way = "x".join(map(str, layer.sides)), _conv_kind(layer).partition("_")[0]
        dilated = f" dilation {layer.dilation}" if layer.dilation > 1 else ""
        yield f"{way} {sides} convolution stride {layer.stride}{dilated}{' with bias' if layer.bias else ''}"
    elif isinstance(layer, Deconv):
        yield f"transposed {layer.side}x{layer.side} convolution stride {layer.stride}"
    elif not isinstance(layer, NormAct):
        yield type(layer).__name__.lower()
    if getattr(layer, "norm", None) is not None:
        yield "batch norm"
    if (act := getattr(layer, "act", None)) is not None:
        yield str(act)
