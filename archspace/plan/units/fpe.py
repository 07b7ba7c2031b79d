"""The feature pyramid encoding unit of FPENet as a pure function from a request to layers (BMVC 2019). No torch."""

from __future__ import annotations

from archspace.plan.nodes import Block, Conv, NormAct
from archspace.plan.request import (
    MOST_BRANCHES,
    UNITS,
    UnitDesign,
    UnitRequest,
    doubling_rates,
    inner_channels,
    limited_rates,
    need,
)

EXPANSION = 4


def fpe_channels(r: UnitRequest, k: int) -> int:
    """Returns channels between the two 1 x 1 convolutions, a multiple of K.

    The unit's own are four times its output. In a cascade they follow its input: four times as many where it is
    strided, as many elsewhere.
    """
    if r.inner is not None:
        return inner_channels(r.full, r.inner, k)
    if r.cascade:
        return inner_channels(r.in_channels, EXPANSION if r.stride == 2 else 1, k)
    return inner_channels(r.full, EXPANSION, k)


def _fpe(r: UnitRequest) -> Block:
    """FPE: expand, split into K groups, a dilated depth-wise 3 x 3 each, fuse, project: EESP turned inside out.

    Fused by sums, a group becomes the sum of the groups up to it, and the groups halve a strided unit's map; in a
    cascade each group reads its own part and the output of the group before, so that the first 1 x 1 halves it. The
    identity joins after the last activation; a projected shortcut, where shapes change, before it.
    """
    k = need(r, lambda k: 1 <= k <= MOST_BRANCHES, f"K must be 1 to {MOST_BRANCHES}")
    cascade = r.cascade and r.fusion and k > 1
    wide = fpe_channels(r, k)
    width, first = wide // k, r.stride if cascade else 1
    branches = tuple(
        Conv(
            in_channels=width, out_channels=width, kernel=3, stride=r.stride // first, dilation=rate, groups=width,
            norm=r.eps, act=r.act, at=first,
        )
        for rate in limited_rates(doubling_rates(k), r.limit, r.dilated)
    )  # fmt: skip
    joins_first = r.projected and r.residual
    shortcut: tuple[tuple[str, Conv], ...] = ()
    if joins_first and not r.identity:
        conv = Conv(in_channels=r.in_channels, out_channels=r.out_channels, stride=r.stride, norm=r.eps)
        shortcut = (("shortcut", conv),)
    last: tuple[tuple[str, NormAct], ...] = ()
    if joins_first and r.final:
        last = (("last", NormAct(channels=r.out_channels, act=r.final, at=r.stride)),)
    return Block(
        "fpe", r.in_channels, r.out_channels, r.stride,
        (
            ("reduce", Conv(in_channels=r.in_channels, out_channels=wide, stride=first, norm=r.eps, act=r.act)),
            ("branches", branches),
            ("expand", Conv(in_channels=wide, out_channels=r.out_channels, norm=r.eps,
                            act=None if joins_first else r.final, at=r.stride)),
            *shortcut,
            *last,
        ),
        (("fusion", r.fusion and k > 1), ("cascade", cascade), ("residual", r.identity)),
    )  # fmt: skip


UNITS.register("fpe")(
    UnitDesign(
        _fpe, branches=4, rates=doubling_rates, fused_from=2, inner=True, cascades=True, shortcuts=True
    )
)
