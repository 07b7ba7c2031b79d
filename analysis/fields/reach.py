"""What a position of a map sees of the image, followed through layers and units. No torch.

The dataflow of every kind of block of a unit is written down here; of encoders and heads in the other ``reach_`` files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import gcd, lcm

from archspace.plan import Block, Conv, Deconv, Linear, Node, NormAct
from archspace.support.errors import InputError
from archspace.support.registry import Registry

GLOBAL_POOLING = "global pooling sees the whole image"
PYRAMID_POOLING = "pyramid pooling, taken as the whole image"
EARLIER_TOKENS = "the recurrence sees all earlier tokens"
ALIGNED_RESIZE = "resizing with aligned corners, taken as the whole image"


@dataclass(frozen=True, slots=True)
class Reach:
    """What each position of a map sees of the image, in pixels, in one dimension.

    Position i sees pixels ``stride x i + first`` to ``stride x i + last``, both included, where (first, last) is
    ``spans[i % len(spans)]``: after a transposed convolution neighbours see differently.

    Attributes:
        stride: pixels between two positions.
        spans: (first, last) of the positions 0, 1, ..., repeated for ever.
        whole: why the map sees the whole image, or ``None``; ``spans`` say nothing then.
    """

    stride: int = 1
    spans: tuple[tuple[int, int], ...] = ((0, 0),)
    whole: str | None = None

    @property
    def side(self) -> int | None:
        """Side of the largest field in pixels; ``None``: the whole image."""
        return None if self.whole else max(last - first + 1 for first, last in self.spans)


@dataclass(slots=True)
class Walk:
    """A walk through a plan; it notes what the parts of encoder and head see, by dotted path."""

    reaches: dict[str, Reach] = field(default_factory=dict)

    def note(self, path: str, reach: Reach) -> Reach:
        """Notes what the part at ``path`` sees, and returns it."""
        self.reaches[path] = reach
        return reach


UNIT_FLOWS: Registry[Callable[[Block, Reach], Reach]] = Registry("receptive field of a block")
"""Dataflow by kind of block of a unit: from the block and what its input sees to what its output sees."""

ENCODER_FLOWS: Registry[Callable[[Block, Reach, Walk], Reach]] = Registry("receptive field of an encoder")
"""Walks by kind of encoder: from the encoder and the image to what its last features see."""

HEAD_FLOWS: Registry[Callable[[Block, Reach, Walk], Reach]] = Registry("receptive field of a head")
"""Walks by kind of head: from the head and what the last features see to what the head's output sees."""


def windowed(x: Reach, kernel: int, stride: int = 1, dilation: int = 1, causal: bool = False) -> Reach:
    """After a "same"-padded window: ``kernel`` positions, ``dilation`` apart, every ``stride``; even ones end late.

    A ``causal`` window ends at its own position.
    """
    if x.whole:
        return Reach(x.stride * stride, x.spans, x.whole)
    period = len(x.spans)
    first_tap = 1 - kernel if causal else -((kernel - 1) // 2)
    offsets = [dilation * tap for tap in range(first_tap, first_tap + kernel)]
    spans = []
    for i in range(period // gcd(period, stride)):
        read = [(x.stride * at, x.spans[(stride * i + at) % period]) for at in offsets]
        spans.append((min(at + first for at, (first, _) in read), max(at + last for at, (_, last) in read)))
    return Reach(x.stride * stride, tuple(spans))


def upsampled(x: Reach, factor: int, kernel: int | None = None) -> Reach:
    """After a transposed convolution: each position becomes ``factor``; ``kernel`` is the factor if left out."""
    fine, side = x.stride // factor, kernel or factor
    pad = (side - factor + 1) // 2
    if x.whole:
        return Reach(fine, x.spans, x.whole)
    period, spans = len(x.spans), []
    for o in range(period * factor):
        read = [(o + pad - tap) // factor for tap in range(side) if (o + pad - tap) % factor == 0]
        windows = [(x.stride * i - fine * o, x.spans[i % period]) for i in read]
        spans.append(
            (min(at + first for at, (first, _) in windows), max(at + last for at, (_, last) in windows))
        )
    return Reach(fine, tuple(spans))


def joined(*maps: Reach) -> Reach:
    """After a concatenation, sum or product of maps of one stride."""
    strides = {m.stride for m in maps}
    assert len(strides) == 1, f"maps of strides {sorted(strides)} cannot be joined"
    period = lcm(*(len(m.spans) for m in maps))
    spans = []
    for i in range(period):
        here = [m.spans[i % len(m.spans)] for m in maps]
        spans.append((min(first for first, _ in here), max(last for _, last in here)))
    return Reach(strides.pop(), tuple(spans), next((m.whole for m in maps if m.whole), None))


def after(node: Node, x: Reach) -> Reach:
    """Returns what the output of a layer or of a unit's block sees.

    Raises:
        InputError: the dataflow of this kind of block is not known here.
    """
    if isinstance(node, Conv):
        return windowed(x, node.sides[0], node.stride, node.dilation, node.causal)
    if isinstance(node, Deconv):
        return upsampled(x, node.stride, node.side)
    if isinstance(node, Linear) and not node.everywhere:
        return Reach(x.stride, x.spans, GLOBAL_POOLING)
    if isinstance(node, Block):
        return known(UNIT_FLOWS, node)(node, x)
    if isinstance(node, NormAct | Linear):
        return x
    raise InputError(f"receptive field: {type(node).__name__}: the dataflow of this layer is not known here")


def chained(nodes: Node | tuple[Node, ...], x: Reach) -> Reach:
    """After one layer or block, or several one after the other."""
    for node in nodes if isinstance(nodes, tuple) else (nodes,):
        x = after(node, x)
    return x


def runs(path: str, nodes: Sequence[Node]) -> Iterator[tuple[str, tuple[Node, ...]]]:
    """Equal nodes in a row together; where not all are equal, under ``path`` and the number of the first of them."""
    first = 0
    for _, equal in groupby(nodes):
        run = tuple(equal)
        yield path if len(run) == len(nodes) else f"{path}.{first}", run
        first += len(run)


def _shortcut(block: Block, y: Reach, x: Reach) -> Reach:
    return joined(y, x) if block.option("residual") else y


@UNIT_FLOWS.register("esp", "eesp", "asp", "pfcu", "eesp-time", "dab")
def _split(block: Block, x: Reach) -> Reach:
    """ESP, EESP, ASP, PFCU, DAB: an optional start, parallel branches. Sums see what the widest of them sees."""
    parts = dict(block.parts)
    inner = chained(parts.get("reduce", parts.get("first", ())), x)
    branches = block.part("branches")
    assert isinstance(branches, tuple)
    y = joined(*(after(branch, inner) for branch in branches))
    return _shortcut(block, chained(parts.get("expand", ()), y), x)


@UNIT_FLOWS.register("fpe")
def _pyramid_of_groups(block: Block, x: Reach) -> Reach:
    """FPE: in a cascade each group sees through all groups before it."""
    inner = chained(block.part("reduce"), x)
    branches = block.part("branches")
    assert isinstance(branches, tuple)
    if block.option("cascade"):
        y = inner
        for branch in branches:
            y = joined(inner, after(branch, joined(inner, y)))
    else:
        y = joined(*(after(branch, inner) for branch in branches))
    parts = dict(block.parts)
    return joined(y, chained(parts["shortcut"], x)) if "shortcut" in parts else _shortcut(block, y, x)


@UNIT_FLOWS.register("eda")
def _dense(block: Block, x: Reach) -> Reach:
    """EDA: what it computes, and its input, which a strided form pools."""
    return joined(chained(block.part("chain"), x), windowed(x, 2, 2) if block.stride == 2 else x)


@UNIT_FLOWS.register("pct")
def _partial(block: Block, x: Reach) -> Reach:
    """PCT: its 3 x 3, the depth-wise ones on it, and the channels that go past them."""
    reduced, branches = chained(block.part("reduce"), x), block.part("branches")
    assert isinstance(branches, tuple)
    y = joined(reduced, *(after(branch, reduced) for branch in branches))
    return joined(y, windowed(x, 2, 2)) if block.stride == 2 else joined(y, x)


@UNIT_FLOWS.register("gate", "cg")
def _gate(block: Block, x: Reach) -> Reach:
    """A gate pools the whole map, and so does a unit that ends in one."""
    return Reach(x.stride * block.stride, x.spans, GLOBAL_POOLING)


@UNIT_FLOWS.register("long-skip")
def _long_skip(block: Block, x: Reach) -> Reach:
    return joined(chained(block.part("units"), x), x)


@UNIT_FLOWS.register("inception")
def _inception(block: Block, x: Reach) -> Reach:
    reduces, branches = block.part("reduces"), block.part("branches")
    assert isinstance(reduces, tuple) and isinstance(branches, tuple)
    ways = (chained(pair, x) for pair in zip(reduces, branches, strict=True))
    return _shortcut(block, joined(*ways), x)


@UNIT_FLOWS.register(
    "chain", "mobilenet", "mobilenetv2", "resnet", "resnext", "shufflenet", "factorised", "enet"
)
def _chain(block: Block, x: Reach) -> Reach:
    parts = dict(block.parts)
    y = chained(parts["chain"], x)
    return joined(y, chained(parts["shortcut"], x)) if "shortcut" in parts else _shortcut(block, y, x)


@UNIT_FLOWS.register("shufflenetv2")
def _halves(block: Block, x: Reach) -> Reach:
    return joined(chained(block.part("left"), x), chained(block.part("right"), x))


@UNIT_FLOWS.register("dice")
def _dice(block: Block, x: Reach) -> Reach:
    """DiCE: its gate pools the whole map."""
    return Reach(x.stride, x.spans, GLOBAL_POOLING)


@UNIT_FLOWS.register("shuffle-dice")
def _shuffled_dice(block: Block, x: Reach) -> Reach:
    """The right branch of the strided form is pooled first."""
    pooled = windowed(x, 3, 2) if block.stride == 2 else x
    return joined(chained(block.part("left"), x), chained(block.part("right"), pooled))


@UNIT_FLOWS.register("indexed-pool")
def _indexed_pool(block: Block, x: Reach) -> Reach:
    return windowed(x, 2, 2)


@UNIT_FLOWS.register("enet-shortcut")
def _enet_shortcut(block: Block, x: Reach) -> Reach:
    return chained(tuple(node for _, node in block.items()), x)


@UNIT_FLOWS.register("max-pool")
def _max_pool(block: Block, x: Reach) -> Reach:
    return windowed(x, 3, block.stride)


@UNIT_FLOWS.register("joint-down")
def _joint_down(block: Block, x: Reach) -> Reach:
    y = chained(block.part("conv"), x)
    return joined(y, windowed(x, 2, 2)) if block.option("concat") else y


def known(table: Mapping[str, Callable[..., Reach]], block: Block) -> Callable[..., Reach]:
    """Returns the dataflow of ``block`` in ``table``.

    Raises:
        InputError: it is not known.
    """
    if block.kind not in table:
        raise InputError(f"receptive field: {block.kind!r}: the dataflow of this block is not known here")
    return table[block.kind]
