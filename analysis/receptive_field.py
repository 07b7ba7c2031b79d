"""Theoretical receptive fields from a network's plan alone: no torch, no data.

Every map is followed as what its positions see of the image. The maps that a table names see squares, so one
dimension is enough: the height. Where channels see differently the largest field counts, which is exact for the
units here (a test compares with the gradient of the built networks).

Two kinds of layers have no field of a fixed side: *global pooling* (the classifier, the gates of EdgeNets' decoder)
sees the whole image; *pyramid pooling* pools to a share of the map, so that its field grows with the image: it is
taken as the whole image, an upper bound. EdgeNets' decoder has both, so its scores see the whole image exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from math import gcd, lcm

from archspace.errors import InputError
from archspace.plan import Block, Conv, Deconv, Linear, Node, UnitRequest, draw_unit
from archspace.spec import ArchSpec

GLOBAL_POOLING = "global pooling sees the whole image"
PYRAMID_POOLING = "pyramid pooling, taken as the whole image"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceptiveField:
    """The theoretical receptive field of a level's output: the largest, away from the image's border.

    Attributes:
        name: of the level (``level2``), ``expand`` or ``head``.
        stride: pixels between two positions of the output.
        side: height and width in pixels; ``None`` where ``whole`` says why it is the whole image.
        whole: why it is the whole image, or ``None``.
    """

    name: str
    stride: int
    side: int | None
    whole: str | None = None


@dataclass(slots=True)
class _Walk:
    """A walk through a plan; it notes what the parts of encoder and head see, by dotted path."""

    seen: dict[str, Reach] = field(default_factory=dict)

    def note(self, path: str, reach: Reach) -> Reach:
        self.seen[path] = reach
        return reach


def windowed(x: Reach, kernel: int, stride: int = 1, dilation: int = 1) -> Reach:
    """After a "same"-padded window: ``kernel`` positions, ``dilation`` apart, every ``stride``."""
    if x.whole:
        return Reach(x.stride * stride, x.spans, x.whole)
    period = len(x.spans)
    offsets = [dilation * tap for tap in range(-(kernel // 2), kernel // 2 + 1)]
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
        seen = [(x.stride * i - fine * o, x.spans[i % period]) for i in read]
        spans.append((min(at + first for at, (first, _) in seen), max(at + last for at, (_, last) in seen)))
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
    """What the output of a layer or of a unit's block sees.

    Raises:
        InputError: the dataflow of this kind of block is not known here.
    """
    if isinstance(node, Conv):
        return windowed(x, node.sides[0], node.stride, node.dilation)
    if isinstance(node, Deconv):
        return upsampled(x, node.stride, node.side)
    if isinstance(node, Linear):
        return Reach(x.stride, x.spans, GLOBAL_POOLING)
    if isinstance(node, Block):
        return _known(_BLOCKS, node)(node, x)
    return x


def _chained(nodes: Node | tuple[Node, ...], x: Reach) -> Reach:
    for node in nodes if isinstance(nodes, tuple) else (nodes,):
        x = after(node, x)
    return x


def _shortcut(block: Block, y: Reach, x: Reach) -> Reach:
    return joined(y, x) if block.option("residual") else y


def _split(block: Block, x: Reach) -> Reach:
    """ESP, EESP, ASP: an optional reduction, parallel branches. Sums of branches see what the widest sees."""
    parts = dict(block.parts)
    inner = _chained(parts.get("reduce", ()), x)
    branches = block.part("branches")
    assert isinstance(branches, tuple)
    y = joined(*(after(branch, inner) for branch in branches))
    return _shortcut(block, _chained(parts.get("expand", ()), y), x)


def _inception(block: Block, x: Reach) -> Reach:
    reduces, branches = block.part("reduces"), block.part("branches")
    assert isinstance(reduces, tuple) and isinstance(branches, tuple)
    ways = (_chained(pair, x) for pair in zip(reduces, branches, strict=True))
    return _shortcut(block, joined(*ways), x)


def _chain(block: Block, x: Reach) -> Reach:
    parts = dict(block.parts)
    y = _chained(parts["chain"], x)
    return joined(y, _chained(parts["shortcut"], x)) if "shortcut" in parts else _shortcut(block, y, x)


def _halves(block: Block, x: Reach) -> Reach:
    return joined(_chained(block.part("left"), x), _chained(block.part("right"), x))


_BLOCKS: dict[str, Callable[[Block, Reach], Reach]] = {
    **dict.fromkeys(("esp", "eesp", "asp"), _split),
    **dict.fromkeys(("chain", "mobilenet", "mobilenetv2", "resnet", "resnext", "shufflenet"), _chain),
    "inception": _inception,
    "shufflenetv2": _halves,
}


def _known(table: dict[str, Callable[..., Reach]], block: Block) -> Callable[..., Reach]:
    if block.kind not in table:
        raise InputError(f"receptive field: {block.kind!r}: the dataflow of this block is not known here")
    return table[block.kind]


def _espnet(encoder: Block, image: Reach, walk: _Walk) -> Reach:
    half = windowed(image, 3, 2)
    quarter = windowed(half, 3, 2)
    y = image
    for name, level in encoder.items():
        assert isinstance(level, Block)
        if level.kind == "espnet-stem":
            y = walk.note(f"{name}.conv", _chained(level.part("conv"), image))
            y = walk.note(name, joined(y, half) if "mix" in dict(level.parts) else y)
            continue
        down = y = walk.note(f"{name}.down", _chained(level.part("down"), y))
        y = walk.note(f"{name}.units", _chained(level.part("units"), y))
        extra = [down] * level.option("concat") + [quarter] * level.option("image")
        y = walk.note(name, joined(y, *extra))
    return y


def _espnetv2(encoder: Block, image: Reach, walk: _Walk) -> Reach:
    small = windowed(image, 3, 2)
    y = image
    for name, level in encoder.items():
        if not isinstance(level, Block) or level.kind != "espnetv2-level":
            y = walk.note(name, after(level, y))
            continue
        small = windowed(small, 3, 2)
        down = level.part("down")
        assert isinstance(down, Block)
        ways = [walk.note(f"{name}.down.unit", _chained(down.part("unit"), y))]
        if down.option("concat"):
            ways.append(windowed(y, 3, 2))
        embed = dict(down.parts).get("image")
        if isinstance(embed, Block) and not embed.dead:
            ways.append(walk.note(f"{name}.down.image", after(embed, small)))
        y = walk.note(f"{name}.down", joined(*ways))
        y = walk.note(name, walk.note(f"{name}.units", _chained(level.part("units"), y)))
    return y


def _projection(head: Block, last: Reach, walk: _Walk) -> Reach:
    return walk.note("head.project", _chained(head.part("project"), last))


def _classifier(head: Block, last: Reach, walk: _Walk) -> Reach:
    return walk.note("head.linear", _chained(head.part("linear"), last))


def _espnet_decoder(head: Block, last: Reach, walk: _Walk) -> Reach:
    def run(name: str, x: Reach) -> Reach:
        return walk.note(f"head.{name}", _chained(head.part(name), x))

    level3 = run("up3", run("norm3", run("project3", last)))
    level2 = run("mix2", joined(run("project2", walk.seen["level2"]), level3))
    level1 = walk.seen["level1.conv" if head.option("raw") else "level1"]
    return run("up1", run("merge1", joined(run("up2", run("unit2", level2)), level1)))


def _edgenets_decoder(head: Block, last: Reach, walk: _Walk) -> Reach:
    stride = last.stride
    for name, _ in head.items():
        stride //= 2 if name.startswith("skip") else 1
        reason = PYRAMID_POOLING if name == "pyramid1" else GLOBAL_POOLING
        walk.note(f"head.{name}", Reach(stride, whole=reason))
    return Reach(1, whole=GLOBAL_POOLING)


_ENCODERS: dict[str, Callable[..., Reach]] = {"espnet-encoder": _espnet, "espnetv2-encoder": _espnetv2}
_HEADS: dict[str, Callable[..., Reach]] = {
    "projection": _projection,
    "classifier": _classifier,
    "espnet-decoder": _espnet_decoder,
    "edgenets-decoder": _edgenets_decoder,
}


@lru_cache(maxsize=256)
def reaches(spec: ArchSpec) -> dict[str, Reach]:
    """What the parts of a network see, by path: ``level2.down``, ``level2.units``, ``level2``, ``head.up3``, ``head``.

    Raises:
        InputError: the network has a block whose dataflow is not known here.
    """
    walk = _Walk()
    encoder, head = spec.plan.part("encoder"), spec.plan.part("head")
    assert isinstance(encoder, Block) and isinstance(head, Block)
    last = _known(_ENCODERS, encoder)(encoder, Reach(), walk)
    walk.note("head", _known(_HEADS, head)(head, last, walk))
    return walk.seen


def receptive_fields(spec: ArchSpec) -> tuple[ReceptiveField, ...]:
    """Theoretical receptive field of every level of the encoder in running order, then of the head's output.

    Raises:
        InputError: the network has a block whose dataflow is not known here.
    """
    seen = reaches(spec)
    names = [name for name in seen if "." not in name]
    return tuple(
        ReceptiveField(name=name, stride=seen[name].stride, side=seen[name].side, whole=seen[name].whole)
        for name in names
    )


def unit_receptive_field(name: str, request: UnitRequest) -> int:
    """Side of the receptive field of one unit in positions of its input.

    An ESP unit of K branches with n x n kernels has (n - 1) 2^(K-1) + 1 (ESPNet section 3.1).
    """
    side = after(draw_unit(name, request), Reach()).side
    assert side is not None, "a unit pools nothing globally"
    return side
