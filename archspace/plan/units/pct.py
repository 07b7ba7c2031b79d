"""The partial-channel unit of LCNet as a pure function from a request to layers (Shi et al. 2024). No torch."""

from __future__ import annotations

from archspace.plan.nodes import Block, Conv, NormAct
from archspace.plan.request import UNITS, UnitDesign, UnitRequest, inner_channels

SHARE = 0.5
"""Share of the input's channels that LCNet's units convolve; the others go straight to the last 1 x 1."""


def _pct(r: UnitRequest) -> Block:
    """PCT: the last channels through a 3 x 3, a plain and a dilated depth-wise 3 x 3; all of them through a 1 x 1.

    The 3 x 3 and what the two depth-wise ones make of it are summed (three-branch context aggregation). LCNet adds no
    identity; where one is wanted it joins after the last activation. In a strided unit the 3 x 3 has the stride, and
    the other channels are max-pooled.
    """
    taken = min(r.in_channels, inner_channels(r.in_channels, SHARE if r.inner is None else r.inner))
    reduce = Conv(in_channels=taken, out_channels=taken, kernel=3, stride=r.stride, norm=r.eps, act=r.act)
    branches = tuple(
        Conv(
            in_channels=taken, out_channels=taken, kernel=3, dilation=rate, groups=taken, norm=r.eps, act=r.act,
            at=r.stride,
        )
        for rate in (1, r.limited_rate)
    )  # fmt: skip
    return Block(
        "pct", r.in_channels, r.out_channels, r.stride,
        (
            ("reduce", reduce),
            ("branches", branches),
            ("mix", NormAct(channels=taken, norm=r.eps, act=r.act, at=r.stride)),
            ("expand", Conv(in_channels=r.in_channels, out_channels=r.out_channels, norm=r.eps,
                            act=r.final, at=r.stride)),
        ),
        (("residual", r.identity),),
    )  # fmt: skip


UNITS.register("pct")(UnitDesign(_pct, inner=True, widest=1.0, rated=True))
