"""The units of the ESP line as pure functions from a request to layers. No torch."""

from __future__ import annotations

from collections.abc import Callable

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
    linear_rates,
    need,
)


def _esp(r: UnitRequest) -> Block:
    """ESP: reduce, split into K dilated branches, fuse, concatenate (ESPNet section 3.1).

    The strided form reduces with a 3 x 3 of stride 2. The first branch stays out of the fusion's running sum.
    """
    most = min(MOST_BRANCHES, r.out_channels)
    k = need(r, lambda k: 1 <= k <= most, f"K must be 1 to {most}")
    width = r.out_channels // k
    rates = limited_rates(doubling_rates(k), r.limit, r.dilated)
    kernel = 3 if r.stride == 2 else r.pointwise_kernel
    branches = tuple(
        Conv(in_channels=width, out_channels=out, kernel=3, dilation=rate, at=r.stride)
        for out, rate in zip(branch_widths(r.out_channels, k), rates, strict=True)
    )
    return Block(
        "esp", r.in_channels, r.out_channels, r.stride,
        (
            ("reduce", Conv(in_channels=r.in_channels, out_channels=width, kernel=kernel, stride=r.stride)),
            ("branches", branches),
            ("mix", NormAct(channels=r.out_channels, norm=r.eps, act=r.final, at=r.stride)),
        ),
        (("fusion", r.fusion and k > 2), ("residual", r.identity)),
    )  # fmt: skip


def _eesp(r: UnitRequest) -> Block:
    """EESP: grouped reduce, K depth-wise dilated branches, fuse, grouped expand (ESPNetv2 section 3.1).

    The strided form strides its depth-wise branches. Inside ESPNetv2's downsampler its last activation is
    part of the published layout but never runs.
    """
    reads = () if r.stride == 2 else (r.in_channels,)
    fits: Callable[[int], bool] = lambda k: (  # noqa: E731
        divides(r.out_channels, *reads)(k) and (r.stride == 2 or (r.out_channels // k) % k == 0)
    )
    square = "K" if r.stride == 2 else "K and K x K"
    k = need(r, fits, f"{square} must divide the unit's {r.out_channels} channels")
    width = r.out_channels // k
    groups = first_groups(k, r.in_channels, width)
    rates = limited_rates(linear_rates(k), r.limit, r.dilated)
    branches = tuple(
        Conv(in_channels=width, out_channels=width, kernel=3, stride=r.stride, dilation=d, groups=width)
        for d in rates
    )
    last = NormAct(channels=r.out_channels, act=r.act, at=r.stride, dead=not r.activate)
    return Block(
        "eesp", r.in_channels, r.out_channels, r.stride,
        (
            ("reduce", Conv(in_channels=r.in_channels, out_channels=width, kernel=r.pointwise_kernel,
                            groups=groups, norm=r.eps, act=r.act)),
            ("branches", branches),
            ("mix", NormAct(channels=r.out_channels, norm=r.eps, act=r.act, at=r.stride)),
            ("expand", Conv(in_channels=r.out_channels, out_channels=r.out_channels, groups=k, norm=r.eps,
                            at=r.stride)),
            ("last", last),
        ),
        (("fusion", r.fusion and k > 1), ("residual", r.identity)),
    )  # fmt: skip


UNITS.register("esp")(UnitDesign(_esp, branches=5, rates=doubling_rates, fused_from=3, pointwise=(1,)))
UNITS.register("eesp")(UnitDesign(_eesp, branches=4, rates=linear_rates, fused_from=2, pointwise=(1, 2)))
