"""LCNet (Shi et al. 2024) as a tree of layers, with its decoder, which any encoder can take. No torch."""

from __future__ import annotations

from archspace.plan.decoders import DECODERS, DecoderDesign, features
from archspace.plan.design import NETWORKS, OPTIONAL_FIELDS, NetworkDesign
from archspace.plan.heads import task_head
from archspace.plan.nodes import Block, Conv, Node
from archspace.plan.placing import asked_down, asked_units, drawn_once, level_units, stem
from archspace.spec.record import SpecRecord

EPS = 1e-3
BASE = 32
"""Channels of level 1."""


def lcnet_channels(width: float) -> tuple[int, ...]:
    """Returns channels of level 1 to 3: one number, its double, its fourfold.

    >>> lcnet_channels(1.0), lcnet_channels(0.625)
    ((32, 64, 128), (20, 40, 80))
    """
    first = max(1, int(BASE * width + 0.5))
    return first, 2 * first, 4 * first


@drawn_once
def _level(spec: SpecRecord, level: int, inputs: int, outputs: int) -> Block:
    """Halve the map, repeat the unit."""
    down, units = asked_down(spec, level, inputs, outputs), asked_units(spec, level, outputs)
    parts = (("down", down), ("units", level_units(spec, units)))
    return Block("mobile-level", inputs, outputs, 2, parts, at=2 ** (level - 1))


def _draw(spec: SpecRecord) -> Block:
    channels = NETWORKS[spec.network].channels(spec.width, spec.task)
    inputs, act = channels[0], spec.activation
    conv = Conv(in_channels=spec.channels, out_channels=inputs, kernel=3, stride=2, norm=EPS, act=act)
    parts: list[tuple[str, Node]] = [("level1", stem(spec, conv))]
    for level in range(2, len(channels) + 1):
        parts.append((f"level{level}", _level(spec, level, inputs, channels[level - 1])))
        inputs = channels[level - 1]
    return task_head(spec, Block("mobile-encoder", spec.channels, inputs, 2 ** len(parts), tuple(parts)))


def _decoder(spec: SpecRecord, encoder: Block) -> Block:
    """Dual-attention decoder: the last features, lifted by a reverse attention, times the sigmoid of level 2.

    At level 2's channels: 1 x 1 of the last features; a 1 x 1 of minus their sigmoid, weighed by it and added to them;
    resized to 1/4; then a depth-wise 3 x 3 and the scores, which end in norm and activation too.
    """
    fine = next(level for level in features(encoder) if level.stride == 4)
    n, act = fine.channels, spec.activation
    return Block(
        "dad-decoder", encoder.out_channels, spec.classes, 1,
        (
            ("reduce", Conv(in_channels=encoder.out_channels, out_channels=n, norm=EPS, act=act, at=encoder.stride)),
            ("reverse", Conv(in_channels=n, out_channels=n, norm=EPS, act=act, at=encoder.stride)),
            ("refine", Conv(in_channels=n, out_channels=n, kernel=3, groups=n, norm=EPS, act=act, at=4)),
            ("scores", Conv(in_channels=n, out_channels=spec.classes, norm=EPS, act=act, at=4)),
        ),
    )  # fmt: skip


DECODERS.register("dad")(DecoderDesign(draw=_decoder, reads=(4,)))
NETWORKS.register("lcnet")(
    NetworkDesign(
        draw=_draw, widths=lcnet_channels, unit="pct", alphas={"segmentation": (3, 7)}, eps=EPS, activation="selu",
        residual=False, honours=OPTIONAL_FIELDS - {"reinforcement"}, reinforcement=False, downsampling="joint",
        stem="thick", decoders=("dad", "bilinear", "none"),
        pattern={2: ((None, 2),), 3: tuple((None, rate) for rate in (4, 4, 8, 8, 16, 16, *(32,) * 6))},
    )
)  # fmt: skip
