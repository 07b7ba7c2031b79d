"""What positions see of the image through ``ghostkit``'s blocks."""

from __future__ import annotations

from analysis.fields.reach import ALIGNED_RESIZE, HEAD_FLOWS, UNIT_FLOWS, Reach, Walk, chained, joined
from archspace.plan import Block


@UNIT_FLOWS.register("ghost-module")
def _ghost_module(block: Block, x: Reach) -> Reach:
    first = chained(block.part("primary"), x)
    return joined(first, chained(block.part("cheap"), first))


@UNIT_FLOWS.register("ghost")
def _ghost(block: Block, x: Reach) -> Reach:
    y = chained(tuple(node for _, node in block.items()), x)
    return joined(y, x) if block.option("residual") else y


@HEAD_FLOWS.register("lite-fpn")
def _lite_fpn(head: Block, last: Reach, walk: Walk) -> Reach:
    """A resized map drifts from position to position, as one of aligned corners does."""
    return Reach(1, whole=ALIGNED_RESIZE)
