"""Theoretical receptive fields from a network's plan alone: no torch, no data.

Every map is followed as what its positions see of the image. The maps that a table names see squares, so one
dimension is enough: the height. Where channels see differently the largest field counts, which is exact for the
units here (a test compares with the gradient of the built networks).

Two kinds of layers have no field of a fixed side: *global pooling* (the classifier, the gates of EdgeNets' decoder)
sees the whole image; *pyramid pooling* pools to a share of the map, so that its field grows with the image: it is
taken as the whole image, an upper bound. EdgeNets' decoder has both, so its scores see the whole image exactly.

A language model's positions are tokens: its convolutions see a window of its input that ends at their own position, its
recurrence all earlier tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from analysis.reach import (
    EARLIER_TOKENS,
    GLOBAL_POOLING,
    PYRAMID_POOLING,
    Reach,
    Walk,
    after,
    chained,
    joined,
    known,
    windowed,
)
from archspace.plan import Block, UnitRequest, draw_unit
from archspace.spec import ArchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceptiveField:
    """The theoretical receptive field of a level's output: the largest, away from the image's border.

    For a language model the positions are tokens instead of pixels, and its layers take the place of levels.

    Attributes:
        name: of the level (``level2``), ``expand`` or ``head``.
        stride: pixels between two positions of the output.
        side: height and width in pixels; ``None`` where ``whole`` says why it is the whole image.
        whole: why it is the whole image (or all earlier tokens), or ``None``.
    """

    name: str
    stride: int
    side: int | None
    whole: str | None = None


def _espnet(encoder: Block, image: Reach, walk: Walk) -> Reach:
    half = windowed(image, 3, 2)
    quarter = windowed(half, 3, 2)
    y = image
    for name, level in encoder.items():
        assert isinstance(level, Block)
        if level.kind == "espnet-stem":
            y = walk.note(f"{name}.conv", chained(level.part("conv"), image))
            y = walk.note(name, joined(y, half) if "mix" in dict(level.parts) else y)
            continue
        down = y = walk.note(f"{name}.down", chained(level.part("down"), y))
        y = walk.note(f"{name}.units", chained(level.part("units"), y))
        extra = [down] * level.option("concat") + [quarter] * level.option("image")
        y = walk.note(name, joined(y, *extra))
    return y


def _espnetv2(encoder: Block, image: Reach, walk: Walk) -> Reach:
    small = windowed(image, 3, 2)
    y = image
    for name, level in encoder.items():
        if not isinstance(level, Block) or level.kind != "espnetv2-level":
            y = walk.note(name, after(level, y))
            continue
        small = windowed(small, 3, 2)
        down = level.part("down")
        assert isinstance(down, Block)
        ways = [walk.note(f"{name}.down.unit", chained(down.part("unit"), y))]
        if down.option("concat"):
            ways.append(windowed(y, 3, 2))
        embed = dict(down.parts).get("image")
        if isinstance(embed, Block) and not embed.dead:
            ways.append(walk.note(f"{name}.down.image", after(embed, small)))
        y = walk.note(f"{name}.down", joined(*ways))
        y = walk.note(name, walk.note(f"{name}.units", chained(level.part("units"), y)))
    return y


def _eru(encoder: Block, tokens: Reach, walk: Walk) -> Reach:
    y = tokens
    for name, layer in encoder.items():
        y = walk.note(name, tokens) if not isinstance(layer, Block) else y
        if isinstance(layer, Block):
            seen = walk.note(f"{name}.transform", chained(layer.part("transform"), y))
            y = walk.note(name, Reach(seen.stride, seen.spans, EARLIER_TOKENS))
    return y


def _projection(head: Block, last: Reach, walk: Walk) -> Reach:
    return walk.note("head.project", chained(head.part("project"), last))


def _classifier(head: Block, last: Reach, walk: Walk) -> Reach:
    return walk.note("head.linear", chained(head.part("linear"), last))


def _language_head(head: Block, last: Reach, walk: Walk) -> Reach:
    return walk.note("head.decoder", chained(head.part("decoder"), last))


def _espnet_decoder(head: Block, last: Reach, walk: Walk) -> Reach:
    def run(name: str, x: Reach) -> Reach:
        return walk.note(f"head.{name}", chained(head.part(name), x))

    level3 = run("up3", run("norm3", run("project3", last)))
    level2 = run("mix2", joined(run("project2", walk.seen["level2"]), level3))
    level1 = walk.seen["level1.conv" if head.option("raw") else "level1"]
    return run("up1", run("merge1", joined(run("up2", run("unit2", level2)), level1)))


def _edgenets_decoder(head: Block, last: Reach, walk: Walk) -> Reach:
    stride = last.stride
    for name, _ in head.items():
        stride //= 2 if name.startswith("skip") else 1
        reason = PYRAMID_POOLING if name == "pyramid1" else GLOBAL_POOLING
        walk.note(f"head.{name}", Reach(stride, whole=reason))
    return Reach(1, whole=GLOBAL_POOLING)


_ENCODERS: dict[str, Callable[..., Reach]] = {
    "espnet-encoder": _espnet,
    "espnetv2-encoder": _espnetv2,
    "eru-encoder": _eru,
}
_HEADS: dict[str, Callable[..., Reach]] = {
    "projection": _projection,
    "classifier": _classifier,
    "language-head": _language_head,
    "espnet-decoder": _espnet_decoder,
    "edgenets-decoder": _edgenets_decoder,
}


@lru_cache(maxsize=256)
def reaches(spec: ArchSpec) -> dict[str, Reach]:
    """What the parts of a network see, by path: ``level2.down``, ``level2.units``, ``level2``, ``head.up3``, ``head``.

    Raises:
        InputError: the network has a block whose dataflow is not known here.
    """
    walk = Walk()
    encoder, head = spec.plan.part("encoder"), spec.plan.part("head")
    assert isinstance(encoder, Block) and isinstance(head, Block)
    last = known(_ENCODERS, encoder)(encoder, Reach(), walk)
    walk.note("head", known(_HEADS, head)(head, last, walk))
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


def token_windows(spec: ArchSpec) -> dict[str, int]:
    """How many tokens of its input the convolutions of each layer of a language model see, their own position last."""
    encoder = spec.plan.part("encoder")
    assert isinstance(encoder, Block)
    windows = {}
    for name, layer in encoder.items():
        if isinstance(layer, Block):
            windows[name] = chained(layer.part("transform"), Reach()).side or 0
    return windows


def unit_receptive_field(name: str, request: UnitRequest) -> int:
    """Side of the receptive field of one unit in positions of its input.

    An ESP unit of K branches with n x n kernels has (n - 1) 2^(K-1) + 1 (ESPNet section 3.1).
    """
    side = after(draw_unit(name, request), Reach()).side
    assert side is not None, "a unit pools nothing globally"
    return side
