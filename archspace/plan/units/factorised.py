"""ENet's bottleneck and the factorised units of ERFNet and ESNet as pure functions from a request to layers. No torch.

A factorised convolution is K x 1 followed by 1 x K (Romera et al. 2017, section III-A). Each paper has one
down-sampling unit for all of its units: a strided 3 x 3 convolution beside a 2 x 2 max pool.
"""

from __future__ import annotations

from archspace.plan.nodes import Block, Conv, Deconv, Node, NormAct
from archspace.plan.request import UNITS, UnitDesign, UnitRequest, limited_rates

INNER = 4
"""ENet's bottleneck works at this share of the output's channels: a quarter."""
ASYMMETRIC = 5
"""Side from which ENet's middle convolution is factorised ("asymmetric")."""
FCU_KERNEL = 5
"""Side of an FCU's filters where the network does not choose it: the larger of ESNet's two (3 and 5)."""
PFCU_RATES = (2, 5, 9)


def joint_down(inputs: int, outputs: int, eps: float, act: str, bias: bool = True) -> Block:
    """Returns the down-sampling unit: 3 x 3 of stride 2 beside a 2 x 2 max pool, concatenated, norm, activation.

    It is ENet's initial block (figure 2a), which ERFNet and ESNet have for every down-sampling. Where the output
    has no more channels than the input there is no room for the pooled map: the convolution stands alone.
    """
    concat = outputs > inputs
    own = outputs - inputs if concat else outputs
    return Block(
        "joint-down", inputs, outputs, 2,
        (
            ("conv", Conv(in_channels=inputs, out_channels=own, kernel=3, stride=2, bias=bias)),
            ("mix", NormAct(channels=outputs, norm=eps, act=act, at=2)),
        ),
        (("concat", concat),),
    )  # fmt: skip


def _pair(
    inputs: int, outputs: int, kernel: int, r: UnitRequest, *, norm: bool = True, end: bool = True, rate: int = 1
) -> tuple[Conv, Conv]:  # fmt: skip
    """K x 1 with an activation, then 1 x K with an optional norm and an optional activation."""
    first = Conv(
        in_channels=inputs, out_channels=outputs, kernel=(kernel, 1), dilation=rate, bias=True, act=r.act,
        at=r.stride,
    )  # fmt: skip
    second = Conv(
        in_channels=outputs, out_channels=outputs, kernel=(1, kernel), dilation=rate, bias=True,
        norm=r.eps if norm else None, act=r.act if end else None, at=r.stride,
    )  # fmt: skip
    return first, second


def _start(r: UnitRequest, kernel: int) -> tuple[Node, ...]:
    """A unit's first factorised convolution; a strided unit has the down-sampling unit in its place."""
    if r.stride == 2:
        return (joint_down(r.in_channels, r.out_channels, r.eps, r.act),)
    return _pair(r.in_channels, r.out_channels, kernel, r)


def _ended(kind: str, r: UnitRequest, *parts: tuple[str, Node | tuple[Node, ...]]) -> Block:
    """A unit with its identity, its dropout and, where it is wanted, its last activation."""
    n = r.out_channels
    tail = () if r.final is None else (("last", NormAct(channels=n, act=r.final, at=r.stride)),)
    return Block(
        kind, r.in_channels, n, r.stride, (*parts, *tail), (("residual", r.identity),), dropout=r.dropout
    )


def _factorised(r: UnitRequest, kernel: int, rate: int) -> Block:
    """FCU and non-bottleneck-1D are one arrangement: with side 3 and rate 1 they are the same unit."""
    n = r.out_channels
    chain = (*_start(r, kernel), *_pair(n, n, kernel, r, end=False, rate=rate))
    return _ended("factorised", r, ("chain", chain))


def _fcu(r: UnitRequest) -> Block:
    """FCU: two factorised convolutions of side K, chosen by the network, and a residual (ESNet figure 2)."""
    return _factorised(r, r.kernel or FCU_KERNEL, 1)


def _non_bottleneck_1d(r: UnitRequest) -> Block:
    """Non-bottleneck-1D: two factorised 3 x 3, the second dilated, and a residual (ERFNet figure 2c)."""
    return _factorised(r, 3, r.limited_rate)


def _pfcu(r: UnitRequest) -> Block:
    """PFCU: a factorised 3 x 3, then three in parallel at rates 2, 5 and 9, summed with the residual (ESNet figure 2).

    One batch norm serves all three branches.
    """
    n = r.out_channels
    branches = tuple(
        Block("chain", n, n, 1, (("chain", _pair(n, n, 3, r, norm=False, end=False, rate=rate)),))
        for rate in limited_rates(PFCU_RATES, r.limit, r.dilated)
    )
    norm = NormAct(channels=n, norm=r.eps, at=r.stride)
    return _ended("pfcu", r, ("first", _start(r, 3)), ("branches", branches), ("norm", norm))


def inner_width(outputs: int) -> int:
    """Returns channels inside an ENet bottleneck of so many output channels."""
    return max(1, outputs // INNER)


def _enet(r: UnitRequest) -> Block:
    """ENet's bottleneck: 1 x 1 to a quarter, a middle convolution, 1 x 1 back, beside an identity (ENet figure 2b).

    The middle is 3 x 3 (dilated where the network's pattern says so) or, from side 5 on, asymmetric. The strided form
    reduces with 2 x 2 of stride 2, and max-pools its shortcut. Where the unit has more channels than its input the
    shortcut is widened with zeros; where it has fewer (ENet itself has no such place), with a 1 x 1 convolution.
    """
    inner, n, at = inner_width(r.out_channels), r.out_channels, r.stride
    middle: tuple[Conv, ...] = (
        Conv(in_channels=inner, out_channels=inner, kernel=3, dilation=r.limited_rate, norm=r.eps, act=r.act, at=at),
    )  # fmt: skip
    side = r.kernel or 3
    if side >= ASYMMETRIC:
        middle = (
            Conv(in_channels=inner, out_channels=inner, kernel=(side, 1), at=at),
            Conv(in_channels=inner, out_channels=inner, kernel=(1, side), norm=r.eps, act=r.act, at=at),
        )
    reduce = Conv(
        in_channels=r.in_channels, out_channels=inner, kernel=r.stride, stride=r.stride, norm=r.eps, act=r.act
    )
    chain = (reduce, *middle, Conv(in_channels=inner, out_channels=n, norm=r.eps, at=at))
    shortcut = (("shortcut", _shortcut(r)),) if r.residual and not r.identity else ()
    return _ended("enet", r, ("chain", chain), *shortcut)


def pool(channels: int) -> Block:
    """2 x 2 max pooling that says where the maxima stood."""
    return Block("indexed-pool", channels, channels, 2, ())


def _shortcut(r: UnitRequest) -> Block:
    """The shortcut where shapes change: pooled, and widened or narrowed."""
    parts: list[tuple[str, Node]] = []
    if r.stride == 2:
        parts.append(("pool", pool(r.in_channels)))
    if r.out_channels < r.in_channels:
        narrow = Conv(in_channels=r.in_channels, out_channels=r.out_channels, norm=r.eps, at=r.stride)
        parts.append(("project", narrow))
    return Block("enet-shortcut", r.in_channels, r.out_channels, r.stride, tuple(parts))


def enet_up(inputs: int, outputs: int, eps: float, act: str, dropout: float) -> Block:
    """ENet's up-sampling bottleneck: 1 x 1, 3 x 3 transposed, 1 x 1, beside a 1 x 1 that is unpooled (section 3).

    The block stands on the map that it writes; layers with ``at = 2`` read the coarser one.
    """
    inner = inner_width(outputs)
    return Block(
        "enet-up", inputs, outputs, 1,
        (
            ("main", Conv(in_channels=inputs, out_channels=outputs, norm=eps, at=2)),
            ("reduce", Conv(in_channels=inputs, out_channels=inner, norm=eps, act=act, at=2)),
            ("up", Deconv(in_channels=inner, out_channels=inner, kernel=3, norm=eps, act=act, at=2)),
            ("expand", Conv(in_channels=inner, out_channels=outputs, norm=eps)),
            ("last", NormAct(channels=outputs, act=act)),
        ),
        dropout=dropout,
    )  # fmt: skip


UNITS.register("fcu")(UnitDesign(_fcu))
UNITS.register("pfcu")(UnitDesign(_pfcu, rates=lambda k: PFCU_RATES))
UNITS.register("non-bottleneck-1d")(UnitDesign(_non_bottleneck_1d, rated=True))
UNITS.register("enet")(UnitDesign(_enet, projects=True, rated=True))
