"""Walks through the encoders: what their levels see of the image. No torch."""

from __future__ import annotations

from analysis.fields.reach import (
    EARLIER_TOKENS,
    ENCODER_FLOWS,
    Reach,
    Walk,
    after,
    chained,
    joined,
    runs,
    windowed,
)
from archspace.plan import Block


@ENCODER_FLOWS.register("espnet-encoder")
def _espnet(encoder: Block, image: Reach, walk: Walk) -> Reach:
    half = windowed(image, 3, 2)
    small, y = half, image
    for name, level in encoder.items():
        assert isinstance(level, Block)
        if level.kind == "espnet-stem":
            y = walk.note(f"{name}.conv", chained(level.part("conv"), image))
            y = walk.note(name, joined(y, half) if "mix" in dict(level.parts) else y)
            continue
        small = windowed(small, 3, 2)
        down = y = walk.note(f"{name}.down", chained(level.part("down"), y))
        y = walk.note(f"{name}.units", chained(level.part("units"), y))
        extra = [down] * level.option("concat") + [small] * level.option("image")
        y = walk.note(name, joined(y, *extra))
    return y


def _pooled_down(name: str, down: Block, y: Reach, image: Reach | None, walk: Walk) -> Reach:
    """A strided unit beside the pooled input, plus the embedded image."""
    ways = [walk.note(f"{name}.down.unit", chained(down.part("unit"), y))]
    if down.option("concat"):
        ways.append(windowed(y, 3, 2))
    embed = dict(down.parts).get("image")
    if isinstance(embed, Block) and not embed.dead and image is not None:
        ways.append(walk.note(f"{name}.down.image", after(embed, image)))
    return walk.note(f"{name}.down", joined(*ways))


@ENCODER_FLOWS.register("espnetv2-encoder")
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
        y = _pooled_down(name, down, y, small, walk)
        y = walk.note(name, walk.note(f"{name}.units", chained(level.part("units"), y)))
    return y


@ENCODER_FLOWS.register("mobile-encoder")
def _mobile(encoder: Block, image: Reach, walk: Walk) -> Reach:
    y = image
    for name, level in encoder.items():
        if not isinstance(level, Block) or level.kind != "mobile-level":
            y = walk.note(name, after(level, y))
            continue
        down, units = level.part("down"), level.part("units")
        assert not isinstance(down, tuple) and isinstance(units, tuple)
        if isinstance(down, Block) and down.kind == "espnetv2-down":
            y = _pooled_down(name, down, y, None, walk)
        else:
            y = walk.note(f"{name}.down", after(down, y))
        for path, run in runs(f"{name}.units", units):
            y = walk.note(path, chained(run, y))
        walk.note(name, y)
    return y


@ENCODER_FLOWS.register("dicenet-encoder")
def _dicenet(encoder: Block, image: Reach, walk: Walk) -> Reach:
    y = image
    for name, part in encoder.items():
        if isinstance(part, Block) and part.kind == "dicenet-level":
            for step in ("down", "units"):
                y = walk.note(f"{name}.{step}", chained(part.part(step), y))
        else:
            y = after(part, y)
        walk.note(name, y)
    return y


@ENCODER_FLOWS.register("eru-encoder")
def _eru(encoder: Block, tokens: Reach, walk: Walk) -> Reach:
    y = tokens
    for name, layer in encoder.items():
        y = walk.note(name, tokens) if not isinstance(layer, Block) else y
        if isinstance(layer, Block):
            reach = walk.note(f"{name}.transform", chained(layer.part("transform"), y))
            y = walk.note(name, Reach(reach.stride, reach.spans, EARLIER_TOKENS))
    return y
