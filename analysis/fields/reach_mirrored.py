"""Dataflow of ERFNet, ESNet, ENet and SegNet: what their encoders and mirrored decoders see. No torch."""

from __future__ import annotations

from analysis.fields.reach import ENCODER_FLOWS, HEAD_FLOWS, Reach, Walk, chained, joined, upsampled
from archspace.plan import Block


@ENCODER_FLOWS.register("erfnet-encoder", "enet-encoder", "segnet-encoder")
def _levels(encoder: Block, image: Reach, walk: Walk) -> Reach:
    """Every level's parts one after the other: down and units, or convolutions and pool."""
    y = image
    for name, level in encoder.items():
        assert isinstance(level, Block)
        for part, nodes in level.parts:
            y = walk.note(f"{name}.{part}", chained(nodes, y))
        walk.note(name, y)
    return y


@HEAD_FLOWS.register("erfnet-decoder", "enet-decoder")
def _decoder(head: Block, last: Reach, walk: Walk) -> Reach:
    """Transposed convolutions or up-sampling bottlenecks with units between them."""
    y = last
    for name, part in head.parts:
        if isinstance(part, Block) and part.dead:
            continue
        if isinstance(part, Block) and part.kind == "enet-up":
            y = walk.note(f"head.{name}", _enet_up(part, y))
            continue
        y = walk.note(f"head.{name}", chained(part, y))
    return y


def _enet_up(block: Block, x: Reach) -> Reach:
    own = x
    for name in ("reduce", "up", "expand"):
        own = chained(block.part(name), own)
    return joined(upsampled(chained(block.part("main"), x), 2), own)


@HEAD_FLOWS.register("segnet-decoder")
def _segnet_decoder(head: Block, last: Reach, walk: Walk) -> Reach:
    y = last
    for name, up in head.items():
        assert isinstance(up, Block)
        y = walk.note(f"head.{name}", chained(up.part("convs"), upsampled(y, 2)))
    return y
