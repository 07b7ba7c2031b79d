"""EdgeNets' single-shot detector on an encoder with levels 3, 4 and 5 as a tree of layers. No torch."""

from __future__ import annotations

from itertools import pairwise
from math import prod

from archspace.plan.nodes import Block, Conv, Node, Size, map_size
from archspace.plan.pyramid import pyramid

ANCHORS = 6
"""Prior boxes at each position of each map."""

COORDINATES = 4
"""Numbers that place a box."""

OVERLAP = 0.45
"""Two objects of a class that overlap more are one."""

STRIDES = (8, 16, 32, 64, 128, 0)
"""Stride to the image of the maps that are scored, levels 3 to 8; 0: one position for the whole image."""

EXTRA_CHANNELS = (512, 256, 128)
"""Channels of level 6, 7 and 8."""

FUSION_SCALES = {6: (2.0, 1.0), 5: (2.0, 1.0, 0.5), 4: (2.0, 1.0, 0.5, 0.25), 3: (2.0, 1.0, 0.5, 0.25)}
"""Scales of the pyramid that fuses into each level: the only subsets of (2, 1.5, 1, 0.5, 0.25, 0.1) with as many
stages as the published weights whose MACs are those of the released network at 300 and at 512 pixels."""

FUSION_NARROWING = 5
"""A pyramid's planes are its output's channels divided by this."""


def prior_count(size: Size) -> int:
    """Returns how many prior boxes the detector scores in an image of ``size``.

    >>> prior_count((300, 300))
    11640
    """
    return ANCHORS * sum(prod(map_size(size, stride)) for stride in STRIDES)


def _smaller(inputs: int, outputs: int, act: str, eps: float, at: int) -> Block:
    """A level below the encoder: a strided depth-wise 3 x 3, then a 1 x 1 to its width."""
    convs = (
        Conv(in_channels=inputs, out_channels=inputs, kernel=3, stride=2, groups=inputs, norm=eps, act=act),
        Conv(in_channels=inputs, out_channels=outputs, norm=eps, act=act, at=2),
    )
    return Block("chain", inputs, outputs, 2, (("chain", convs),), at=at)


def detector(encoder: Block, skips: tuple[int, int], classes: int, act: str, eps: float) -> Block:
    """Returns levels 6 to 8, the way back from level 7 to level 3, and two 1 x 1 convolutions on each of six maps.

    Published for ESPNetv2 at s = 2.0 (EdgeNets); every other width keeps the channels of levels 6 to 8.

    Args:
        encoder: its last features are level 5.
        skips: channels of level 3 and 4.
        classes: the background is one of them.
        act, eps: activation, and epsilon of the batch norms.
    """
    widths = (*skips, encoder.out_channels, *EXTRA_CHANNELS)
    five, six, seven, eight = widths[2:]
    parts: list[tuple[str, Node | tuple[Node, ...]]] = [
        ("level6", _smaller(five, six, act, eps, at=32)),
        ("level7", _smaller(six, seven, act, eps, at=64)),
        ("level8", Conv(in_channels=seven, out_channels=eight, at=0)),
    ]
    for below, level in pairwise((7, 6, 5, 4, 3)):
        width = widths[level - 3]
        fused = pyramid(
            widths[below - 3] + width, width, max(1, width // FUSION_NARROWING), FUSION_SCALES[level],
            act=act, eps=eps, at=STRIDES[level - 3],
        )  # fmt: skip
        parts.append((f"fuse{level}", fused))
    for name, numbers in (("locations", COORDINATES), ("confidences", classes)):
        scored = tuple(
            Conv(in_channels=width, out_channels=ANCHORS * numbers, bias=True, at=stride)
            for width, stride in zip(widths, STRIDES, strict=True)
        )
        parts.append((name, scored))
    return Block("ssd", encoder.out_channels, classes, 1, tuple(parts))
