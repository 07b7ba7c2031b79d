"""MobileNetV1, MobileNetV2 and ShuffleNetV1, the classifiers that ESPNetv2 is compared with, as trees of layers.

Each is a stem, then levels of a strided unit and repeats of it. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from archspace.plan.design import NETWORKS, NetworkDesign, for_scores
from archspace.plan.heads import task_head
from archspace.plan.nodes import Block, Conv, Node, NormAct
from archspace.plan.placing import repeated_unit, strided_unit
from archspace.spec.record import SpecRecord
from archspace.support.errors import SpecError

STEP, MOST_LOST = 8, 0.1
SLIM_EPS = 1e-3
"""Epsilon of the batch norms of the released MobileNets."""

MOBILENETV1_STEM, MOBILENETV1 = 32, (64, 128, 256, 512, 1024)
MOBILENETV2_STEM, MOBILENETV2, MOBILENETV2_LAST = 32, (16, 24, 32, 96, 320), 1280
MOBILENETV2_NARROW = {4: (64, 2), 5: (160, 3)}
"""Levels of two widths: the width of their first units, and which share of their repeats is wide (one in ...)."""

SHUFFLENETV1_STEM = 24
SHUFFLENETV1 = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
"""Channels of level 3 by number of groups (ShuffleNet table 1); levels 4 and 5 have twice and four times as many."""


def divisible(channels: float) -> int:
    """``channels`` rounded half up to a multiple of 8, at least 8, never more than a tenth below.

    The rule of the released MobileNetV2.

    >>> [divisible(32 * s) for s in (0.35, 0.5, 0.75, 1.3, 1.4)]
    [16, 16, 24, 40, 48]
    """
    rounded = max(STEP, int(channels + STEP / 2) // STEP * STEP)
    return rounded if rounded >= (1 - MOST_LOST) * channels else rounded + STEP


def mobilenetv1_channels(width: float) -> tuple[int, ...]:
    """Returns channels of level 1 to 5 of MobileNetV1 (table 1), at its published widths plain multiples of 8.

    >>> mobilenetv1_channels(0.25)
    (16, 32, 64, 128, 256)
    """
    return tuple(divisible(channels * width) for channels in MOBILENETV1)


def mobilenetv2_channels(width: float) -> tuple[int, ...]:
    """Returns channels of level 1 to 5 of MobileNetV2 (table 2).

    >>> mobilenetv2_channels(1.4)
    (24, 32, 48, 136, 448)
    """
    return tuple(divisible(channels * width) for channels in MOBILENETV2)


def mobilenetv2_widths(width: float, level: int, repeats: int) -> tuple[int, ...]:
    """Returns channels of the strided unit of a level and of each of its repeats.

    Half of the repeats of level 4 and a third of those of level 5, rounded up, have the level's width, what is before
    them a narrower one. With fewer than two repeats all have the level's width.

    >>> mobilenetv2_widths(1.0, 4, 6), mobilenetv2_widths(1.0, 5, 3)
    ((64, 64, 64, 64, 96, 96, 96), (160, 160, 160, 320))
    """
    wide = mobilenetv2_channels(width)[level - 1]
    if level not in MOBILENETV2_NARROW or repeats < 2:
        return (wide,) * (1 + repeats)
    narrow, share = MOBILENETV2_NARROW[level]
    last = ceil(repeats / share)
    return (divisible(narrow * width),) * (1 + repeats - last) + (wide,) * last


def shufflenetv1_channels(width: float, groups: int) -> tuple[int, ...]:
    """Returns channels of level 1 to 5 of ShuffleNetV1 (table 1); level 2 is a pooling.

    Widths are rounded to what the groups divide. The released stems grow with the whole part of the width: 24 at 1.0
    and at 1.5, 48 at 2.0.

    >>> shufflenetv1_channels(1.5, 3), shufflenetv1_channels(0.5, 8)
    ((24, 24, 360, 720, 1440), (16, 16, 192, 384, 768))
    """
    stem = SHUFFLENETV1_STEM * (int(width) if width >= 1 else width)
    stem = max(1, ceil(stem / groups)) * groups
    step = 4 * groups
    stage = max(2, int(SHUFFLENETV1[groups] * width / step + 0.5)) * step
    return (stem, stem, stage, 2 * stage, 4 * stage)


def _level(level: int, down: Block, units: Sequence[Block]) -> tuple[str, Block]:
    """A level: its strided unit, then its repeats."""
    outputs = units[-1].out_channels if units else down.out_channels
    parts = (("down", down), ("units", tuple(unit.moved(2) for unit in units)))
    return f"level{level}", Block("mobile-level", down.in_channels, outputs, 2, parts, at=2 ** (level - 1))


def _stem(spec: SpecRecord, channels: int, outputs: int, last: str | None) -> Block:
    """Level 1 of both MobileNets: a strided convolution, then a depth-wise 3 x 3 and a 1 x 1."""
    act = spec.activation
    convs = (
        Conv(in_channels=spec.channels, out_channels=channels, kernel=3, stride=2, norm=SLIM_EPS, act=act),
        Conv(
            in_channels=channels,
            out_channels=channels,
            kernel=3,
            groups=channels,
            norm=SLIM_EPS,
            act=act,
            at=2,
        ),
        Conv(in_channels=channels, out_channels=outputs, norm=SLIM_EPS, act=last, at=2),
    )
    return Block("chain", spec.channels, outputs, 2, (("chain", convs),))


def _classified(spec: SpecRecord, parts: Sequence[tuple[str, Node]]) -> Block:
    """The network of an encoder of ``parts`` and a classifier."""
    last = parts[-1][1]
    assert isinstance(last, Block | Conv)
    return task_head(spec, Block("mobile-encoder", spec.channels, last.out_channels, 32, tuple(parts)))


def _mobilenetv1(spec: SpecRecord) -> Block:
    """MobileNetV1 (Howard et al. 2017, table 1); its first unit is not strided and belongs to the stem."""
    inputs, *widths = mobilenetv1_channels(spec.width)
    stem = _stem(spec, divisible(MOBILENETV1_STEM * spec.width), inputs, spec.activation)
    parts: list[tuple[str, Node]] = [("level1", stem)]
    for level, (width, repeats) in enumerate(zip(widths, spec.alphas, strict=True), start=2):
        units = [repeated_unit(spec, level, width, width)] * repeats
        parts.append(_level(level, strided_unit(spec, level, inputs, width), units))
        inputs = width
    return _classified(spec, parts)


def _mobilenetv2(spec: SpecRecord) -> Block:
    """MobileNetV2 (Sandler et al. 2018, table 2); its first bottleneck does not expand and belongs to the stem."""
    inputs = mobilenetv2_channels(spec.width)[0]
    stem = _stem(spec, divisible(MOBILENETV2_STEM * spec.width), inputs, last=None)
    parts: list[tuple[str, Node]] = [("level1", stem)]
    for level, repeats in enumerate(spec.alphas, start=2):
        first, *widths = mobilenetv2_widths(spec.width, level, repeats)
        down = strided_unit(spec, level, inputs, first)
        units = [
            repeated_unit(spec, level, before, after)
            for before, after in zip((first, *widths), widths, strict=False)
        ]
        parts.append(_level(level, down, units))
        inputs = (first, *widths)[-1]
    outputs = divisible(MOBILENETV2_LAST * max(1.0, spec.width))
    last = Conv(in_channels=inputs, out_channels=outputs, norm=SLIM_EPS, act=spec.activation, at=32)
    return _classified(spec, [*parts, ("expand", last)])


def _pooled_down(spec: SpecRecord, level: int, inputs: int, outputs: int) -> Block:
    """ShuffleNet's strided unit (figure 2c): the pooled input beside the unit, then the activation.

    The very first 1 x 1 is not grouped, since it reads few channels; the bottleneck is a quarter of what the whole
    writes.
    """
    unit = strided_unit(
        spec, level, inputs, outputs - inputs, activate=False, whole=outputs, grouped=level > 3
    )
    last = NormAct(channels=outputs, act=spec.activation, at=2)
    return Block("espnetv2-down", inputs, outputs, 2, (("unit", unit), ("last", last)), (("concat", True),))


def _shufflenetv1(spec: SpecRecord) -> Block:
    """ShuffleNetV1 (Zhang et al. 2018, table 1); the groups of level 3 choose the widths of all levels."""
    groups = spec.branches[0]
    if groups not in SHUFFLENETV1:
        known = sorted(SHUFFLENETV1)
        near = min(known, key=lambda k: abs(k - (groups or 0)))
        raise SpecError("branches[0]", groups, f"the paper has widths for {known} groups", near)
    channels = shufflenetv1_channels(spec.width, groups)
    eps, inputs = NETWORKS[spec.network].eps, channels[1]
    stem = Conv(
        in_channels=spec.channels, out_channels=channels[0], kernel=3, stride=2, norm=eps, act=spec.activation
    )
    pool = Block("max-pool", inputs, inputs, 2, (), at=2)
    parts: list[tuple[str, Node]] = [("level1", stem), ("level2", pool)]
    for level, (width, repeats) in enumerate(zip(channels[2:], spec.alphas, strict=True), start=3):
        units = [repeated_unit(spec, level, width, width)] * repeats
        parts.append(_level(level, _pooled_down(spec, level, inputs, width), units))
        inputs = width
    return _classified(spec, parts)


NETWORKS.register("mobilenetv1")(
    NetworkDesign(
        draw=_mobilenetv1,
        widths=mobilenetv1_channels,
        unit="mobilenet",
        alphas=for_scores((1, 1, 5, 1)),
        eps=SLIM_EPS,
        activation="relu6",
        honours=frozenset({"unit"}),
        residual=False,
    )
)
NETWORKS.register("mobilenetv2")(
    NetworkDesign(
        draw=_mobilenetv2,
        widths=mobilenetv2_channels,
        unit="mobilenetv2",
        alphas=for_scores((1, 2, 6, 3)),
        eps=SLIM_EPS,
        activation="relu6",
        honours=frozenset({"unit"}),
    )
)
NETWORKS.register("shufflenetv1")(
    NetworkDesign(
        draw=_shufflenetv1,
        widths=lambda width: shufflenetv1_channels(width, 3),
        unit="shufflenet",
        first=3,
        alphas=for_scores((3, 7, 3)),
        activation="relu",
        honours=frozenset(),
        branches=3,
    )
)
