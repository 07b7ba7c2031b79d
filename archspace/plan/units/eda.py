"""The densely connected asymmetric unit of EDANet as a pure function from a request to layers (2018). No torch."""

from __future__ import annotations

from archspace.plan.nodes import Block, Conv
from archspace.plan.request import UNITS, UnitDesign, UnitRequest, inner_channels

OWN_SHARE = 0.25
"""Channels that a unit computes anew where its output is no wider than its input, as a share of the output."""


def new_channels(r: UnitRequest) -> int:
    """Returns the channels that the unit computes; the others of its output are its input's.

    What it widens by, as in EDANet, where it widens. Elsewhere dense connection is bounded by the width: new channels
    take the place of the oldest, a quarter of them.
    """
    if r.out_channels > r.in_channels:
        return r.out_channels - r.in_channels
    return inner_channels(r.out_channels, OWN_SHARE)


def _eda(r: UnitRequest) -> Block:
    """EDA: 1 x 1, a plain and a dilated pair of 3 x 1 and 1 x 3, the input after what they wrote (EDANet figure 2).

    Norm and activation after the 1 x 1 and after each pair. The first channels of the concatenation are kept, so that
    the newest stand first. A strided unit has a 3 x 3 in place of its first pair, and its input is max-pooled beside.
    """
    new = new_channels(r)
    inner = new if r.inner is None else inner_channels(r.full, r.inner)
    start = _pair(inner, inner, r, 1, r.act)
    if r.stride == 2:
        conv = Conv(in_channels=inner, out_channels=inner, kernel=3, stride=2, norm=r.eps, act=r.act)
        start = (conv,)
    chain = (
        Conv(in_channels=r.in_channels, out_channels=inner, norm=r.eps, act=r.act),
        *start,
        *_pair(inner, new, r, r.limited_rate, r.final),
    )
    return Block(
        "eda", r.in_channels, r.out_channels, r.stride, (("chain", chain),), (("dense", r.stride == 1),),
        dropout=r.dropout,
    )  # fmt: skip


def _pair(inputs: int, outputs: int, r: UnitRequest, rate: int, act: str | None) -> tuple[Conv, ...]:
    """3 x 1, then 1 x 3 with norm and activation, on the strided map."""
    return (
        Conv(in_channels=inputs, out_channels=outputs, kernel=(3, 1), dilation=rate, at=r.stride),
        Conv(
            in_channels=outputs, out_channels=outputs, kernel=(1, 3), dilation=rate, norm=r.eps, act=act, at=r.stride
        ),
    )  # fmt: skip


UNITS.register("eda")(UnitDesign(_eda, residual=False, inner=True, rated=True))
