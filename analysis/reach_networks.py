"""What the parts of encoders and heads see of the image: the dataflow of every kind. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from analysis.reach import (
    GLOBAL_POOLING,
    PYRAMID_POOLING,
    Reach,
    after,
    chained,
    joined,
    windowed,
)
from archspace.plan import Block


@dataclass(slots=True)
class Walk:
    """A walk through a plan; it notes what the parts of encoder and head see, by dotted path."""

    seen: dict[str, Reach] = field(default_factory=dict)

    def note(self, path: str, reach: Reach) -> Reach:
        """Notes and returns ``reach``."""
        self.seen[path] = reach
        return reach


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


def _projection(head: Block, last: Reach, walk: Walk) -> Reach:
    return walk.note("head.project", chained(head.part("project"), last))


def _classifier(head: Block, last: Reach, walk: Walk) -> Reach:
    return walk.note("head.linear", chained(head.part("linear"), last))


def _conv_classifier(head: Block, last: Reach, walk: Walk) -> Reach:
    pooled = Reach(last.stride, last.spans, GLOBAL_POOLING)
    for name, _ in head.items():
        walk.note(f"head.{name}", pooled)
    return pooled


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
        reason = last.whole or PYRAMID_POOLING if name == "pyramid1" else GLOBAL_POOLING
        walk.note(f"head.{name}", Reach(stride, whole=reason))
    return Reach(1, whole=GLOBAL_POOLING)


ENCODERS: Mapping[str, Callable[[Block, Reach, Walk], Reach]] = {
    "espnet-encoder": _espnet,
    "espnetv2-encoder": _espnetv2,
    "dicenet-encoder": _dicenet,
}
"""By the encoder's kind: from its input to what its last features see; parts are noted on the way."""

HEADS: Mapping[str, Callable[[Block, Reach, Walk], Reach]] = {
    "projection": _projection,
    "classifier": _classifier,
    "conv-classifier": _conv_classifier,
    "espnet-decoder": _espnet_decoder,
    "edgenets-decoder": _edgenets_decoder,
}
"""By the head's kind: from the last features to what the scores see."""
