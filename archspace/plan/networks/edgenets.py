"""The segmentation decoder of EdgeNets, which ESPNetv2 and DiCENet share. No torch."""

from __future__ import annotations

from math import gcd

from archspace.plan.decoders import DECODERS, DecoderDesign, features
from archspace.plan.nodes import Block, Conv, Node, NormAct
from archspace.plan.pyramid import pyramid
from archspace.spec.record import SpecRecord

EPS = 1e-5
DECODER_PLANES = (64, 48, 32)
PYRAMID_SCALES = (2.0, 1.5, 1.0, 0.5, 0.1)


def _weighted(inputs: int, outputs: int, act: str, at: int) -> Block:
    """Efficient point-wise convolution: a grouped 3 x 3, weighted by a gate on the pooled input."""
    gate = Conv(in_channels=inputs, out_channels=outputs, at=0)
    expand = Conv(
        in_channels=inputs, out_channels=outputs, kernel=3, groups=gcd(inputs, outputs), norm=EPS, act=act
    )
    return Block("edgenets-weighted", inputs, outputs, 1, (("gate", gate), ("expand", expand)), at=at)


def _decoder(spec: SpecRecord, encoder: Block) -> Block:
    """The bottom-up decoder of EdgeNets over an encoder of four levels.

    The pyramid's planes are half the classes, 1 to 16.
    """
    classes, act = spec.classes, spec.activation
    skips = [level.channels for level in reversed(features(encoder)[:3])]
    planes = max(1, min(classes // 2, 16))
    at = encoder.stride
    parts: list[tuple[str, Node]] = []
    inputs = encoder.out_channels
    for step, (width, skip) in enumerate(zip(DECODER_PLANES, skips, strict=True), start=1):
        parts += [
            (f"pyramid{step}", pyramid(inputs, width, planes, PYRAMID_SCALES, act=act, eps=EPS, at=at)),
            (f"skip{step}", _weighted(skip, width, act, at // 2)),
            (f"join{step}", NormAct(channels=width, norm=EPS, act=act, at=at // 2)),
        ]
        inputs, at = width, at // 2
    scores = pyramid(inputs, classes, planes, PYRAMID_SCALES, act=act, eps=EPS, at=at, scores=True)
    parts.append(("pyramid4", scores))
    return Block("edgenets-decoder", encoder.out_channels, classes, 1, tuple(parts))


DECODERS.register("edgenets")(DecoderDesign(draw=_decoder, multiple=16, reads=(2, 4, 8, 16), open=False))
