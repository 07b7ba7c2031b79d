"""EdgeNets' efficient pyramid pooling, which its segmentation decoder and its detector share. No torch."""

from __future__ import annotations

from functools import lru_cache

from archspace.plan.nodes import Block, Conv, Node, NormAct

PYRAMID_LEAST = 5
"""Least height and width of a resized map."""


@lru_cache(maxsize=4096)
def pyramid(
    inputs: int, outputs: int, planes: int, scales: tuple[float, ...], *, act: str, eps: float, at: int,
    scores: bool = False,
) -> Block:  # fmt: skip
    """Depth-wise 3 x 3 at several scales of a map of ``planes`` channels, merged by groups, expanded.

    Args:
        inputs, outputs: channels that it reads and writes.
        planes: channels of the narrow map.
        scales: of the stages, in the order in which they run.
        act, eps: activation, and epsilon of the batch norms.
        at: stride of its input to that of the block around it.
        scores: it writes scores of classes: a bias in place of the last batch norm and activation.
    """
    stages = tuple(
        Conv(
            in_channels=planes, out_channels=planes, kernel=3, groups=planes, scale=scale, least=PYRAMID_LEAST
        )
        for scale in scales
    )
    wide = planes * len(scales)
    tail: tuple[tuple[str, Node], ...] = ()
    if not scores:
        tail = (("last", NormAct(channels=outputs, norm=eps, act=act)),)
    return Block(
        "edgenets-pyramid", inputs, outputs, 1,
        (
            ("project", Conv(in_channels=inputs, out_channels=planes, norm=eps, act=act)),
            ("stages", stages),
            ("mix", NormAct(channels=wide, norm=eps, act=act)),
            ("merge", Conv(in_channels=wide, out_channels=planes, kernel=3, groups=planes, norm=eps, act=act)),
            ("expand", Conv(in_channels=planes, out_channels=outputs, bias=scores)),
            *tail,
        ),
        at=at,
    )  # fmt: skip
