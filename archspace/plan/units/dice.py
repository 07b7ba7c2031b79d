"""The DiCE unit as a pure function from a request to layers (DiCENet, Mehta et al. 2019). No torch."""

from __future__ import annotations

from archspace.plan.nodes import AxisConv, Block, Conv, NormAct
from archspace.plan.request import UNITS, UnitDesign, UnitRequest
from archspace.plan.units.compared import right_channels

FILTERED_SIDE = 224
"""Side of the image whose maps have one row and one column for each filter along an axis."""
GATE_REDUCTION = 4


def axis_side(at: int) -> int:
    """Filters of a convolution along an axis on a map at stride ``at`` of the image, whatever the image's size.

    >>> [axis_side(at) for at in (8, 16, 32)]
    [28, 14, 7]
    """
    return max(1, FILTERED_SIDE // at)


def _dimensions(channels: int, r: UnitRequest, at: int) -> Block:
    """Dimension-wise convolution and fusion at stride ``at`` of the unit.

    The map is filtered along its depth, its height and its width; the three are merged channel by channel, filtered
    once more and weighted by a gate on the globally pooled map.
    """
    c, side = channels, axis_side(r.at * at)
    hidden = max(1, c // GATE_REDUCTION)
    return Block(
        "dice", c, c, 1,
        (
            ("channel", Conv(in_channels=c, out_channels=c, kernel=3, groups=c)),
            ("height", AxisConv(channels=c, side=side, axis="height")),
            ("width", AxisConv(channels=c, side=side, axis="width")),
            ("mix", NormAct(channels=3 * c, norm=r.eps, act=r.act)),
            ("merge", Conv(in_channels=3 * c, out_channels=c, groups=c, norm=r.eps, act=r.act)),
            ("filter", Conv(in_channels=c, out_channels=c, kernel=3, groups=c, norm=r.eps, act=r.act)),
            ("squeeze", Conv(in_channels=c, out_channels=hidden, at=0)),
            ("excite", Conv(in_channels=hidden, out_channels=c, at=0)),
        ),
        at=at,
    )  # fmt: skip


def _dice(r: UnitRequest) -> Block:
    """DiCE: filters along depth, height and width inside ShuffleNetV2's unit (Mehta et al. 2019; released code).

    Stride 1: half the channels pass, half go through a 1 x 1 convolution and DiCE. Strided: a depth-wise and a 1 x 1
    convolution beside average pooling, DiCE and a 1 x 1 convolution. A shuffle follows.
    """
    reads, writes = right_channels(r)
    left: tuple[Conv, ...] = ()
    right: tuple[Conv | Block, ...] = (
        Conv(in_channels=reads, out_channels=writes, norm=r.eps, act=r.act),
        _dimensions(writes, r, 1),
    )
    if r.stride == 2:
        left = (
            Conv(
                in_channels=reads, out_channels=reads, kernel=3, stride=2, groups=reads, norm=r.eps, act=r.act
            ),
            Conv(in_channels=reads, out_channels=r.out_channels - writes, norm=r.eps, act=r.act, at=2),
        )
        right = (
            _dimensions(reads, r, 2),
            Conv(in_channels=reads, out_channels=writes, norm=r.eps, act=r.act, at=2),
        )
    return Block("shuffle-dice", r.in_channels, r.out_channels, r.stride, (("left", left), ("right", right)))


UNITS.register("dice")(UnitDesign(_dice, residual=False))
