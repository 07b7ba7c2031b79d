"""The tree of layers that a spec stands for: every derived integer of a network, without torch.

A *layer* is one parameterised operation with what directly follows it (a convolution, its batch norm and its
activation). A *block* is a named arrangement of layers and blocks; its ``kind`` is the name of the module class
that runs it. Builders make modules from this tree, counters count it, tables print it: no number of a network
is written down twice.

Where a layer works is relative: ``at`` is the stride of its input with respect to the input of its block
(2: half the height and width), and a block's ``at`` is relative to the block around it. ``at = 0`` means that
the layer works on a globally pooled 1 x 1 map.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Size: TypeAlias = tuple[int, int]
"""Height and width in pixels."""


def later(default: Any) -> Any:
    """Returns a node's field that joined after plans were first hashed: it counts only where it is not ``default``.

    So a network that does not use it keeps its ``arch_id``.
    """
    return field(default=default, metadata={"later": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv:
    """A convolution with "same" zero padding, then an optional batch norm and activation.

    An even kernel has the stride for its side and reads maps whose sides it divides.
    ``kernel`` is its side, or (height, width) of a factorised one. ``norm`` is the batch norm's epsilon, or ``None``
    for no norm. ``scale`` and ``least`` are for the stages of a
    spatial pyramid: the input is first resized to ``max(least, ceil(side x scale))``. A ``causal`` one sees its own
    row and rows above it, so that no time step sees a later one: it pads nothing above, because its block hands it
    the ``dilation x (height of the kernel - 1)`` rows before the first.
    """

    in_channels: int
    out_channels: int
    kernel: int | Size = 1
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    bias: bool = False
    norm: float | None = None
    act: str | None = None
    at: int = 1
    scale: float = 1.0
    least: int = 1
    causal: bool = later(False)

    @property
    def sides(self) -> Size:
        """Height and width of the kernel."""
        return (self.kernel, self.kernel) if isinstance(self.kernel, int) else self.kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Deconv:
    """A transposed convolution that multiplies the sides by ``stride``, then an optional batch norm and activation.

    ``kernel`` is its side; ``None``: the stride, so that no two outputs of one channel share an input.
    """

    in_channels: int
    out_channels: int
    stride: int = 2
    norm: float | None = None
    act: str | None = None
    at: int = 1
    kernel: int | None = later(None)
    bias: bool = later(False)

    @property
    def side(self) -> int:
        """Side of the kernel."""
        return self.kernel or self.stride


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisConv:
    """DiCENet's convolution along one axis of the map: a 3 x 3 filter for each row (or column) of a fixed number.

    The axis is resized to ``side`` first and back afterwards, so that the filters fit a map of any size.

    Attributes:
        channels: of the map, which is the second dimension that the filter sees.
        side: rows or columns that have a filter of their own.
        axis: ``height`` or ``width``.
    """

    channels: int
    side: int
    axis: str
    at: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NormAct:
    """A batch norm, an activation, or both. ``dead``: it is in the published layout but never runs."""

    channels: int
    norm: float | None = None
    act: str | None = None
    at: int = 1
    dead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A fully connected layer with bias, after optional dropout, on a vector.

    ``everywhere``: on the vector at every position of a map, not on one for the whole map. ``tied``: its weights are
    those of the network's embedding, so that only the bias is its own.
    """

    in_features: int
    out_features: int
    dropout: float = 0.0
    everywhere: bool = later(False)
    tied: bool = later(False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """A vector of ``channels`` numbers for each of ``words`` words, looked up by the word's number."""

    words: int
    channels: int
    at: int = 1


Layer: TypeAlias = Conv | Deconv | AxisConv | NormAct | Linear | Embedding


@dataclass(frozen=True, slots=True)
class Block:
    """Layers and blocks under their names, and the ``kind`` of module that runs them.

    Args:
        kind: key of the module class in its registry.
        parts: children in the order in which they run.
        options: switches of the forward pass that are no layer (``residual``, ``fusion``).
        at: stride of the block's input relative to the input of the block around it.
        dead: the block is in the published layout but never runs.
        dropout: share of the channels of a unit's own output that training drops before an identity joins.
    """

    kind: str
    in_channels: int
    out_channels: int
    stride: int
    parts: tuple[tuple[str, Node | tuple[Node, ...]], ...]
    options: tuple[tuple[str, bool], ...] = ()
    at: int = 1
    dead: bool = False
    dropout: float = later(0.0)

    def option(self, name: str) -> bool:
        """Returns the switch called ``name``; off if the block has none of that name."""
        return dict(self.options).get(name, False)

    def moved(self, at: int) -> Block:
        """Returns the same block on a map at stride ``at`` of the block around it."""
        return Block(
            self.kind, self.in_channels, self.out_channels, self.stride, self.parts, self.options, at,
            self.dead, self.dropout,
        )  # fmt: skip

    def part(self, name: str) -> Node | tuple[Node, ...]:
        """Returns the child called ``name``."""
        return dict(self.parts)[name]

    def items(self) -> Iterator[tuple[str, Node]]:
        """Children with dotted names; a sequence's members are ``name.0``, ``name.1``, ..."""
        for name, part in self.parts:
            if isinstance(part, tuple):
                yield from ((f"{name}.{i}", node) for i, node in enumerate(part))
            else:
                yield name, part


Node: TypeAlias = Layer | Block


@dataclass(frozen=True, slots=True)
class Placed:
    """A layer where it stands: its dotted path, the stride of its input to the image, whether it runs."""

    path: str
    layer: Layer
    at: int
    dead: bool


def placed_layers(block: Block, path: str = "", at: int = 1, dead: bool = False) -> Iterator[Placed]:
    """Yields every layer below ``block``, in running order."""
    at *= block.at
    dead = dead or block.dead
    prefix = f"{path}." if path else ""
    for name, node in block.items():
        if isinstance(node, Block):
            yield from placed_layers(node, prefix + name, at, dead)
        else:
            off = dead or (isinstance(node, NormAct) and node.dead)
            yield Placed(prefix + name, node, stands_at(node, at), off)


def stands_at(node: Node, at: int = 1) -> int:
    """Stride of a node's input to the image, in a block whose input is at stride ``at``; 0: a globally pooled map."""
    if isinstance(node, Linear):
        return at if node.everywhere else 0
    return at * node.at


def map_size(size: Size, at: int) -> Size:
    """Returns height and width of a map at stride ``at`` of an image of ``size``; strided layers round up."""
    return (1, 1) if at == 0 else (-(-size[0] // at), -(-size[1] // at))


def input_map(layer: Layer, size: Size, at: int) -> Size:
    """Returns height and width of the map that a layer at stride ``at`` reads, for an image of ``size``."""
    height, width = map_size(size, at)
    if isinstance(layer, Conv) and layer.scale != 1.0:
        height = max(layer.least, math.ceil(height * layer.scale))
        width = max(layer.least, math.ceil(width * layer.scale))
    return height, width


def output_map(layer: Layer, size: Size, at: int) -> Size:
    """Returns height and width of the map that a layer at stride ``at`` writes, for an image of ``size``."""
    height, width = input_map(layer, size, at)
    if isinstance(layer, Deconv):
        return height * layer.stride, width * layer.stride
    stride = layer.stride if isinstance(layer, Conv) else 1
    return -(-height // stride), -(-width // stride)
