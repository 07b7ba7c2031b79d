"""Light units around depth-wise convolutions: DABNet's, CGNet's, FDDWNet's; and the channel gate. No torch.

An asymmetric pair is a depth-wise 3 x 1 followed by a depth-wise 1 x 3.
"""

from __future__ import annotations

from archspace.plan.nodes import Block, Conv, NormAct
from archspace.plan.request import UNITS, UnitDesign, UnitRequest, inner_channels

GATE_SHARE = 4
"""Channels of a gate's narrow layer: one for so many of the map's."""
CG_GATE = 8
"""Channels of the narrow layer of CGNet's gates, at both levels."""


def gate(channels: int, at: int, narrow: int | None = None) -> Block:
    """Returns a channel gate: two 1 x 1 convolutions of the map's global mean, ReLU between, a sigmoid; multiplied.

    Args:
        channels: of the map.
        at: stride of the map to that of the block around it.
        narrow: channels between them; a quarter of the map's if left out.
    """
    hidden = narrow or max(1, channels // GATE_SHARE)
    squeeze = Conv(in_channels=channels, out_channels=hidden, bias=True, at=0)
    excite = Conv(in_channels=hidden, out_channels=channels, bias=True, at=0)
    return Block("gate", channels, channels, 1, (("squeeze", squeeze), ("excite", excite)), at=at)


def _pair(channels: int, r: UnitRequest, rate: int, *, each: bool) -> tuple[Conv, Conv]:
    """A depth-wise asymmetric pair; ``each`` of the two, or only the pair, ends in a norm and an activation."""
    first = Conv(
        in_channels=channels, out_channels=channels, kernel=(3, 1), dilation=rate, groups=channels,
        norm=r.eps if each else None, act=r.act if each else None, at=r.stride,
    )  # fmt: skip
    second = Conv(
        in_channels=channels, out_channels=channels, kernel=(1, 3), dilation=rate, groups=channels, norm=r.eps,
        act=r.act, at=r.stride,
    )  # fmt: skip
    return first, second


def _dab(r: UnitRequest) -> Block:
    """DAB: 3 x 3 to half the width, a plain and a dilated depth-wise pair, summed, 1 x 1, an identity (DABNet 2019).

    Norm and activation come first, so that nothing follows the sum with the identity.
    """
    inner = inner_channels(r.full, 0.5 if r.inner is None else r.inner)
    reduce = Conv(
        in_channels=r.in_channels, out_channels=inner, kernel=3, stride=r.stride, norm=r.eps, act=r.act
    )
    branches = tuple(
        Block("chain", inner, inner, 1, (("chain", _pair(inner, r, rate, each=True)),))
        for rate in (1, r.limited_rate)
    )
    return Block(
        "dab", r.in_channels, r.out_channels, r.stride,
        (
            ("first", NormAct(channels=r.in_channels, norm=r.eps, act=r.act)),
            ("reduce", reduce),
            ("branches", branches),
            ("mix", NormAct(channels=inner, norm=r.eps, act=r.act, at=r.stride)),
            ("expand", Conv(in_channels=inner, out_channels=r.out_channels, at=r.stride)),
        ),
        (("residual", r.identity),),
    )  # fmt: skip


def _depthwise_1d(r: UnitRequest) -> Block:
    """Depth-wise non-bottleneck-1D: two asymmetric pairs with a 1 x 1 after each, the second dilated (FDDWNet 2019).

    In our reading: norm and activation after each pair and after the first 1 x 1; the identity joins before the last
    activation. A strided unit begins with a 3 x 3 depth-wise convolution in place of its first pair.
    """
    m, n = r.in_channels, r.out_channels
    start: tuple[Conv, ...] = _pair(m, r, 1, each=False)
    if r.stride == 2:
        start = (Conv(in_channels=m, out_channels=m, kernel=3, stride=2, groups=m, norm=r.eps, act=r.act),)
    chain = (
        *start,
        Conv(in_channels=m, out_channels=n, norm=r.eps, act=r.act, at=r.stride),
        *_pair(n, r, r.limited_rate, each=False),
        Conv(in_channels=n, out_channels=n, norm=r.eps, at=r.stride),
    )
    tail = () if r.final is None else (("last", NormAct(channels=n, act=r.final, at=r.stride)),)
    return Block(
        "factorised",
        m,
        n,
        r.stride,
        (("chain", chain), *tail),
        (("residual", r.identity),),
        dropout=r.dropout,
    )


def _cg(r: UnitRequest) -> Block:
    """Context guided: a plain and a dilated depth-wise 3 x 3 side by side, norm, a global gate (CGNet 2018).

    The plain form reduces to half the width by a 1 x 1; the strided one begins with a full 3 x 3 and projects what its
    two sides wrote.
    """
    n, strided = r.out_channels, r.stride == 2
    inner = n if strided else max(1, n // 2)
    reduce = Conv(
        in_channels=r.in_channels, out_channels=inner, kernel=3 if strided else 1, stride=r.stride, norm=r.eps,
        act=r.act,
    )  # fmt: skip
    branches = tuple(
        Conv(in_channels=inner, out_channels=inner, kernel=3, dilation=rate, groups=inner, at=r.stride)
        for rate in (1, r.limited_rate)
    )
    wide = 2 * inner
    project: tuple[tuple[str, Conv], ...] = ()
    if wide != n or strided:
        project = (("expand", Conv(in_channels=wide, out_channels=n, at=r.stride)),)
    return Block(
        "cg", r.in_channels, n, r.stride,
        (
            ("reduce", reduce),
            ("branches", branches),
            ("mix", NormAct(channels=wide, norm=r.eps, act=r.act, at=r.stride)),
            *project,
            ("gate", gate(n, r.stride, CG_GATE)),
        ),
        (("residual", r.identity),),
    )  # fmt: skip


UNITS.register("dab")(UnitDesign(_dab, inner=True, rated=True))
UNITS.register("depthwise-1d")(UnitDesign(_depthwise_1d, rated=True))
UNITS.register("cg")(UnitDesign(_cg, rated=True))
