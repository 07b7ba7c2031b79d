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
    inner_channels,
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

    A chosen inner width is what the depth-wise convolution writes; it has the same number of filters for each channel
    that it reads, so that the width is rounded to a multiple of these.
    """
    n = r.in_channels
    mid = n if r.inner is None else inner_channels(r.full, r.inner, n)
    depthwise = Conv(
        in_channels=n, out_channels=mid, kernel=3, stride=r.stride, groups=n, norm=r.eps, act=r.act
    )
    pointwise = Conv(in_channels=mid, out_channels=r.out_channels, norm=r.eps, at=r.stride)
    return _chain("mobilenet", r, depthwise, pointwise, last=r.final)


MOBILENETV2_EXPANSION = 6


def _mobilenetv2(r: UnitRequest) -> Block:
    """MobileNetV2: expand six-fold, 3 x 3 depth-wise, linear projection (Sandler et al. 2018)."""
    n = r.in_channels
    wide = n * MOBILENETV2_EXPANSION if r.inner is None else inner_channels(r.full, r.inner)
    return _chain(
        "mobilenetv2", r,
        Conv(in_channels=n, out_channels=wide, norm=r.eps, act=r.act),
        Conv(in_channels=wide, out_channels=wide, kernel=3, stride=r.stride, groups=wide, norm=r.eps, act=r.act),
        Conv(in_channels=wide, out_channels=r.out_channels, norm=r.eps, at=r.stride),
        last=None,
    )  # fmt: skip


def _shufflenet(r: UnitRequest) -> Block:
    """ShuffleNet: grouped 1 x 1, shuffle, 3 x 3 depth-wise, grouped 1 x 1 (Zhang et al. 2018), K groups.

    The inner width is a quarter of the output; a chosen one is rounded to what K divides. The strided form here is the
    residual branch alone; the concatenation with the pooled input is the network's own.
    """
    own = r.full // 4
    reads = (r.in_channels,) if r.stride == 1 else ()
    fixed = (own,) if r.inner is None else ()
    rule = f"K must divide the {r.out_channels} channels" + (f" and the bottleneck's {own}" if fixed else "")
    k = need(r, divides(r.out_channels, *fixed, *reads), rule)
    mid = own if r.inner is None else inner_channels(r.full, r.inner, k)
    first = first_groups(k, r.in_channels) if r.grouped else 1
    return _chain(
        "shufflenet", r,
        Conv(in_channels=r.in_channels, out_channels=mid, groups=first, norm=r.eps, act=r.act),
        Conv(in_channels=mid, out_channels=mid, kernel=3, stride=r.stride, groups=mid, norm=r.eps),
        Conv(in_channels=mid, out_channels=r.out_channels, groups=k, norm=r.eps, at=r.stride),
        last=r.final,
    )  # fmt: skip


def passed_channels(in_channels: int, out_channels: int) -> int:
    """Returns channels that pass a ShuffleNetV2 unit of stride 1 untouched.

    Half of its input, at most half of its output.

    >>> passed_channels(116, 116), passed_channels(48, 116)
    (58, 24)
    """
    return min(in_channels, out_channels) // 2


def right_channels(r: UnitRequest) -> tuple[int, int]:
    """Returns what the right branch of a ShuffleNetV2 unit reads and writes.

    At stride 2 both branches read everything.
    """
    if r.stride == 2:
        return r.in_channels, r.out_channels - r.out_channels // 2
    passed = passed_channels(r.in_channels, r.out_channels)
    return r.in_channels - passed, r.out_channels - passed


def _shufflenetv2(r: UnitRequest) -> Block:
    """ShuffleNetV2: half the channels pass, half are transformed, then a shuffle (Ma et al. 2018).

    The strided form transforms both halves. Where a unit of stride 1 changes the number of channels, the
    transformed half takes the difference (released code of EdgeNets).
    """
    reads, writes = right_channels(r)
    right = (
        Conv(in_channels=reads, out_channels=writes, norm=r.eps, act=r.act),
        Conv(in_channels=writes, out_channels=writes, kernel=3, stride=r.stride, groups=writes, norm=r.eps),
        Conv(in_channels=writes, out_channels=writes, norm=r.eps, act=r.act, at=r.stride),
    )
    left: tuple[Conv, ...] = ()
    if r.stride == 2:
        left = (
            Conv(in_channels=reads, out_channels=reads, kernel=3, stride=2, groups=reads, norm=r.eps),
            Conv(in_channels=reads, out_channels=r.out_channels - writes, norm=r.eps, act=r.act, at=2),
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
    """ResNet: two 3 x 3 convolutions and a shortcut (He et al. 2016), projected where shapes change.

    The inner width is what the first convolution writes: all of the output's, unless it is chosen.
    """
    mid = inner_channels(r.full, 1.0 if r.inner is None else r.inner)
    return _residual_chain(
        "resnet", r,
        Conv(in_channels=r.in_channels, out_channels=mid, kernel=3, stride=r.stride, norm=r.eps, act=r.act),
        Conv(in_channels=mid, out_channels=r.out_channels, kernel=3, norm=r.eps, at=r.stride),
    )  # fmt: skip


def _resnext(r: UnitRequest) -> Block:
    """ResNeXt: 1 x 1 to half the width, 3 x 3 in K groups (cardinality), 1 x 1 (Xie et al. 2017).

    A chosen inner width is rounded to what K divides.
    """
    own = r.full // 2
    if r.inner is None:
        k = need(r, divides(own), f"K must divide the inner width, {own}")
    else:
        most = max(1, r.full)
        k = need(r, lambda k: 1 <= k <= most, f"K must be 1 to {most}")
    mid = own if r.inner is None else inner_channels(r.full, r.inner, k)
    return _residual_chain(
        "resnext", r,
        Conv(in_channels=r.in_channels, out_channels=mid, norm=r.eps, act=r.act),
        Conv(in_channels=mid, out_channels=mid, kernel=3, stride=r.stride, groups=k, norm=r.eps, act=r.act),
        Conv(in_channels=mid, out_channels=r.out_channels, norm=r.eps, at=r.stride),
    )  # fmt: skip


def _inception(r: UnitRequest) -> Block:
    """Inception as ESPNet compares it: K branches of 1 x 1 then 3 x 3, concatenated (figure 3).

    The inner width is that of all 1 x 1 convolutions together: all of the output's, unless it is chosen.
    """
    k = need(r, lambda k: 1 <= k <= r.out_channels, f"K must be 1 to {r.out_channels}, one channel a branch")
    width = r.full // k if r.inner is None else inner_channels(r.full, r.inner, k) // k
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
    """ASP: K full 3 x 3 convolutions at rates 1, 2, 4, ..., summed (DeepLab; ESPNet figure 3).

    Every branch writes the whole output, so there is no width inside to choose.
    """
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


UNITS.register("mobilenet")(UnitDesign(_mobilenet, inner=True))
UNITS.register("mobilenetv2")(UnitDesign(_mobilenetv2, inner=True))
UNITS.register("shufflenet")(UnitDesign(_shufflenet, branches=4, inner=True))
UNITS.register("shufflenetv2")(UnitDesign(_shufflenetv2, residual=False))
UNITS.register("resnet")(UnitDesign(_resnet, projects=True, inner=True))
UNITS.register("resnext")(UnitDesign(_resnext, branches=8, projects=True, inner=True))
UNITS.register("inception")(UnitDesign(_inception, branches=4, inner=True))
UNITS.register("asp")(UnitDesign(_asp, branches=5, rates=doubling_rates))
