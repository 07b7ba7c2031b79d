"""GhostNet's bottleneck (Han et al., CVPR 2020, figures 2 and 3) and a light feature pyramid as trees of layers."""

from __future__ import annotations

from archspace.plan.decoders import DECODERS, DecoderDesign, features
from archspace.plan.nodes import Block, Conv, Node
from archspace.plan.request import UNITS, UnitDesign, UnitRequest, inner_channels
from archspace.spec.record import SpecRecord

EXPANSION = 2.0
"""Channels inside a bottleneck, as a share of its output's, where they are not chosen."""

PYRAMID_CHANNELS = 32


def ghost_module(inputs: int, outputs: int, eps: float, act: str | None, at: int = 1) -> Block:
    """Half of the output by a 1 x 1 convolution, the other half from that by cheap depth-wise 3 x 3 ones (ratio 2).

    Of an odd number of channels the last cheap one is not used.
    """
    half = -(-outputs // 2)
    primary = Conv(in_channels=inputs, out_channels=half, norm=eps, act=act)
    cheap = Conv(in_channels=half, out_channels=half, kernel=3, groups=half, norm=eps, act=act)
    return Block("ghost-module", inputs, outputs, 1, (("primary", primary), ("cheap", cheap)), at=at)


def ghost(r: UnitRequest) -> Block:
    """Ghost bottleneck: expand, a depth-wise 3 x 3 of stride 2 where the map is halved, project; an identity."""
    wide = inner_channels(r.full, EXPANSION if r.inner is None else r.inner)
    parts: list[tuple[str, Node]] = [("expand", ghost_module(r.in_channels, wide, r.eps, r.act))]
    if r.stride == 2:
        down = Conv(in_channels=wide, out_channels=wide, kernel=3, stride=2, groups=wide, norm=r.eps)
        parts.append(("down", down))
    parts.append(("project", ghost_module(wide, r.out_channels, r.eps, None, at=r.stride)))
    options = (("residual", r.identity),)
    return Block("ghost", r.in_channels, r.out_channels, r.stride, tuple(parts), options)


def lite_fpn(spec: SpecRecord, encoder: Block) -> Block:
    """The last features and those at strides 8 and 4 by 1 x 1 convolutions, resized and summed; then the scores."""
    act, wide = spec.activation, PYRAMID_CHANNELS
    top = Conv(in_channels=encoder.out_channels, out_channels=wide, norm=1e-5, act=act, at=encoder.stride)
    parts: list[tuple[str, Node]] = [("top", top)]
    for level in sorted(features(encoder), key=lambda level: -level.stride):
        if level.stride in (4, 8):
            lateral = Conv(in_channels=level.channels, out_channels=wide, norm=1e-5, at=level.stride)
            parts.append((f"lateral_{level.name}", lateral))
    parts.append(("scores", Conv(in_channels=wide, out_channels=spec.classes, bias=True, at=4)))
    return Block("lite-fpn", encoder.out_channels, spec.classes, 1, tuple(parts))


UNITS.register("ghost")(UnitDesign(ghost, inner=True))
DECODERS.register("lite-fpn")(DecoderDesign(draw=lite_fpn, multiple=4, reads=(4, 8)))
