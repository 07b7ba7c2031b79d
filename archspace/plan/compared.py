"""The units that the papers put beside ESP, as pure functions from a request to layers. No torch.

Where a unit's own paper leaves a choice open, its function's docstring says what is done here.
"""

from __future__ import annotations

from archspace.plan.nodes import Block, Conv, NormAct
from archspace.plan.request import (
    MOST_BRANCHES,
    UNITS,
    UnitDesign,
    UnitRequest,
    branch_widths,
    divides,
    doubling_rates,
    first_groups,
    limited_rates,
    need,
)


def _chain(kind: str, r: UnitRequest, *convs: Conv, last: str | None) -> Block:
    """A unit that is a chain of convolutions, an optional identity and an optional last activation."""
    tail = () if last is None else (("last", NormAct(channels=r.out_channels, act=last, at=r.stride)),)
    return Block(
        kind, r.in_channels, r.out_channels, r.stride, (("chain", convs), *tail), (("residual", r.identity),)
    )


def _mobilenet(r: UnitRequest) -> Block:
    """MobileNet: 3 x 3 depth-wise, 1 x 1 point-wise (Howard et al. 2017).

    The paper's unit has no shortcut: ``residual=False`` is that one; with it the identity joins before the last
    activation, as for every other unit in the same network.
    """
    n = r.in_channels
    depthwise = Conv(
        in_channels=n, out_channels=n, kernel=3, stride=r.stride, groups=n, norm=r.eps, act=r.act
    )
    pointwise = Conv(in_channels=n, out_channels=r.out_channels, norm=r.eps, at=r.stride)
    return _chain("mobilenet", r, depthwise, pointwise, last=r.final)


MOBILENETV2_EXPANSION = 6


def _mobilenetv2(r: UnitRequest) -> Block:
    """MobileNetV2: expand six-fold, 3 x 3 depth-wise, linear projection (Sandler et al. 2018)."""
    n, wide = r.in_channels, r.in_channels * MOBILENETV2_EXPANSION
    return _chain(
        "mobilenetv2", r,
        Conv(in_channels=n, out_channels=wide, norm=r.eps, act=r.act),
        Conv(in_channels=wide, out_channels=wide, kernel=3, stride=r.stride, groups=wide, norm=r.eps, act=r.act),
        Conv(in_channels=wide, out_channels=r.out_channels, norm=r.eps, at=r.stride),
        last=None,
    )  # fmt: skip


def _shufflenet(r: UnitRequest) -> Block:
    """ShuffleNet: grouped 1 x 1, shuffle, 3 x 3 depth-wise, grouped 1 x 1 (Zhang et al. 2018), K groups.

    The inner width is a quarter of the output, unless the network says otherwise. The strided form here is the
    residual branch alone; the concatenation with the pooled input is the network's own.
    """
    mid = r.inner or r.out_channels // 4
    reads = (r.in_channels,) if r.stride == 1 else ()
    rule = f"K must divide the {r.out_channels} channels and the bottleneck's {mid}"
    k = need(r, divides(r.out_channels, mid, *reads), rule)
    first = first_groups(k, r.in_channels) if r.grouped else 1
    return _chain(
        "shufflenet", r,
        Conv(in_channels=r.in_channels, out_channels=mid, groups=first, norm=r.eps, act=r.act),
        Conv(in_channels=mid, out_channels=mid, kernel=3, stride=r.stride, groups=mid, norm=r.eps),
        Conv(in_channels=mid, out_channels=r.out_channels, groups=k, norm=r.eps, at=r.stride),
        last=r.final,
    )  # fmt: skip


def _shufflenetv2(r: UnitRequest) -> Block:
    """ShuffleNetV2: half the channels pass, half are transformed, then a shuffle (Ma et al. 2018).

    The strided form, and one that changes the number of channels, transforms the whole map twice.
    """
    half = r.out_channels // 2
    splits = r.stride == 1 and r.in_channels == r.out_channels
    reads = half if splits else r.in_channels
    right = (
        Conv(in_channels=reads, out_channels=half, norm=r.eps, act=r.act),
        Conv(in_channels=half, out_channels=half, kernel=3, stride=r.stride, groups=half, norm=r.eps),
        Conv(in_channels=half, out_channels=half, norm=r.eps, act=r.act, at=r.stride),
    )
    left: tuple[Conv, ...] = ()
    if not splits:
        left = (
            Conv(in_channels=reads, out_channels=reads, kernel=3, stride=r.stride, groups=reads, norm=r.eps),
            Conv(in_channels=reads, out_channels=half, norm=r.eps, act=r.act, at=r.stride),
        )
    return Block("shufflenetv2", r.in_channels, r.out_channels, r.stride, (("left", left), ("right", right)))


def _shortcut(r: UnitRequest) -> tuple[tuple[str, Conv], ...]:
    """The projecting shortcut of a residual network where shapes change."""
    if not r.residual or r.identity:
        return ()
    return (
        (
            "shortcut",
            Conv(in_channels=r.in_channels, out_channels=r.out_channels, stride=r.stride, norm=r.eps),
        ),
    )


def _residual_chain(kind: str, r: UnitRequest, *convs: Conv) -> Block:
    block = _chain(kind, r, *convs, last=r.final)
    head, *tail = block.parts
    return Block(
        kind,
        r.in_channels,
        r.out_channels,
        r.stride,
        (head, *_shortcut(r), *tail),
        (("residual", r.residual),),
    )


def _resnet(r: UnitRequest) -> Block:
    """ResNet: two 3 x 3 convolutions and a shortcut (He et al. 2016), projected where shapes change."""
    return _residual_chain(
        "resnet", r,
        Conv(in_channels=r.in_channels, out_channels=r.out_channels, kernel=3, stride=r.stride, norm=r.eps, act=r.act),
        Conv(in_channels=r.out_channels, out_channels=r.out_channels, kernel=3, norm=r.eps, at=r.stride),
    )  # fmt: skip


def _resnext(r: UnitRequest) -> Block:
    """ResNeXt: 1 x 1 to half the width, 3 x 3 in K groups (cardinality), 1 x 1 (Xie et al. 2017)."""
    mid = r.out_channels // 2
    k = need(r, divides(mid), f"K must divide the inner width, {mid}")
    return _residual_chain(
        "resnext", r,
        Conv(in_channels=r.in_channels, out_channels=mid, norm=r.eps, act=r.act),
        Conv(in_channels=mid, out_channels=mid, kernel=3, stride=r.stride, groups=k, norm=r.eps, act=r.act),
        Conv(in_channels=mid, out_channels=r.out_channels, norm=r.eps, at=r.stride),
    )  # fmt: skip


def _inception(r: UnitRequest) -> Block:
    """Inception as ESPNet compares it: K branches of 1 x 1 then 3 x 3, concatenated (figure 3)."""
    k = need(r, lambda k: 1 <= k <= r.out_channels, f"K must be 1 to {r.out_channels}, one channel a branch")
    width = r.out_channels // k
    reduces = tuple(
        Conv(in_channels=r.in_channels, out_channels=width, norm=r.eps, act=r.act) for _ in range(k)
    )
    branches = tuple(
        Conv(in_channels=width, out_channels=out, kernel=3, stride=r.stride)
        for out in branch_widths(r.out_channels, k)
    )
    mix = NormAct(channels=r.out_channels, norm=r.eps, act=r.final, at=r.stride)
    return Block(
        "inception", r.in_channels, r.out_channels, r.stride,
        (("reduces", reduces), ("branches", branches), ("mix", mix)),
        (("residual", r.identity),),
    )  # fmt: skip


def _asp(r: UnitRequest) -> Block:
    """ASP: K full 3 x 3 convolutions at rates 1, 2, 4, ..., summed (DeepLab; ESPNet figure 3)."""
    k = need(r, lambda k: 1 <= k <= MOST_BRANCHES, f"K must be 1 to {MOST_BRANCHES}")
    rates = limited_rates(doubling_rates(k), r.limit, r.dilated)
    branches = tuple(
        Conv(in_channels=r.in_channels, out_channels=r.out_channels, kernel=3, stride=r.stride, dilation=d)
        for d in rates
    )
    mix = NormAct(channels=r.out_channels, norm=r.eps, act=r.final, at=r.stride)
    return Block(
        "asp", r.in_channels, r.out_channels, r.stride,
        (("branches", branches), ("mix", mix)),
        (("residual", r.identity),),
    )  # fmt: skip


UNITS.register("mobilenet")(UnitDesign(_mobilenet))
UNITS.register("mobilenetv2")(UnitDesign(_mobilenetv2))
UNITS.register("shufflenet")(UnitDesign(_shufflenet, branches=4))
UNITS.register("shufflenetv2")(UnitDesign(_shufflenetv2, residual=False))
UNITS.register("resnet")(UnitDesign(_resnet, projects=True))
UNITS.register("resnext")(UnitDesign(_resnext, branches=8, projects=True))
UNITS.register("inception")(UnitDesign(_inception, branches=4))
UNITS.register("asp")(UnitDesign(_asp, branches=5, rates=doubling_rates))
