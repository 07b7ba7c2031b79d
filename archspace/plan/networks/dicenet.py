"""DiCENet and ShuffleNetV2 as trees of layers: one skeleton with two units and two classifiers. No torch.

The published networks are those of EdgeNets' released code. Its ShuffleNetV2 differs from the paper in one place:
the strided unit of level 3 doubles the 24 channels of level 2, and the unit after it goes to the level's channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

from archspace.plan.design import NETWORKS, OPTIONAL_FIELDS, SCORES_OF_IMAGE, NetworkDesign, for_scores
from archspace.plan.heads import network, task_head
from archspace.plan.nodes import Block, Conv, Node
from archspace.plan.placing import downsampled, drawn_once, level_units, repeated_unit, stem
from archspace.spec.record import SpecRecord

EPS = 1e-5
FIRST = 3
"""The first level with units: level 1 is a convolution, level 2 pools."""
CLASSIFIER_GROUPS = 4
LEAST_CHANNELS = 8

DICENET_CHANNELS: Mapping[float, tuple[int, int]] = {
    0.2: (16, 32), 0.5: (24, 48), 0.75: (24, 86), 1.0: (24, 116), 1.25: (24, 144), 1.5: (24, 176),
    1.75: (24, 210), 2.0: (24, 244),
}  # fmt: skip
"""Channels of levels 1 and 3 by published width; levels 4 and 5 double them.

They follow from the exact parameters of the released classifiers, which no other even numbers have.
"""
SHUFFLENETV2_CHANNELS: Mapping[float, tuple[int, int]] = {
    0.1: (8, 16), 0.5: (24, 48), 1.0: (24, 116), 1.5: (24, 176), 2.0: (24, 244),
}  # fmt: skip
"""The same of ShuffleNetV2 (Ma et al. 2018, table 5); the width of 0.1 is that of the released code."""


def between(points: Mapping[float, int], width: float) -> int:
    """Returns the even number nearest to the line through the published ``points``.

    Below the first point the line leads to 0; beyond the last it goes on as before.

    >>> between({0.5: 48, 1.0: 116}, 0.75)
    82
    """
    line = [(0.0, 0), *sorted(points.items())]
    (x, y), (end, top) = next((pair for pair in pairwise(line) if width <= pair[1][0]), (line[-2], line[-1]))
    return 2 * int((y + (width - x) * (top - y) / (end - x)) / 2 + 0.5)


def shuffled_channels(published: Mapping[float, tuple[int, int]], width: float) -> tuple[int, ...]:
    """Returns channels of levels 1 to 5: those published, and lines between them.

    Level 2 pools level 1; level 3 is at least twice as wide, because its strided unit doubles; each later level
    doubles the one before.

    >>> shuffled_channels(DICENET_CHANNELS, 1.0)
    (24, 24, 116, 232, 464)
    """
    first = max(LEAST_CHANNELS, between({w: level1 for w, (level1, _) in published.items()}, width))
    third = max(2 * first, between({w: level3 for w, (_, level3) in published.items()}, width))
    return first, first, third, 2 * third, 4 * third


@drawn_once
def _level(spec: SpecRecord, level: int, inputs: int, outputs: int) -> Block:
    """A strided unit that doubles the channels; the first repeat goes to the level's channels.

    Without repeats the strided unit goes there itself.
    """
    repeats = spec.alphas[level - FIRST]
    strided = 2 * inputs if repeats else outputs
    down = downsampled(spec, level, inputs, strided)
    units: tuple[Block, ...] = ()
    if repeats:
        units = (repeated_unit(spec, level, strided, outputs).moved(2),)
        units += (
            (repeated_unit(spec, level, outputs, outputs).moved(2),) * (repeats - 1) if repeats > 1 else ()
        )
    parts = (("down", down), ("units", level_units(spec, units)))
    return Block("dicenet-level", inputs, outputs, 2, parts, at=2 ** (level - 1))


def _encoder(spec: SpecRecord, last: int | None) -> Block:
    """Levels 1 to 4 or 5, and a 1 x 1 convolution to ``last`` channels where there is one."""
    channels = NETWORKS[spec.network].channels(spec.width, spec.task)
    first, act = channels[0], spec.activation
    conv = Conv(in_channels=spec.channels, out_channels=first, kernel=3, stride=2, norm=EPS, act=act)
    parts: list[tuple[str, Node]] = [
        ("level1", stem(spec, conv)),
        ("level2", Block("max-pool", first, first, 2, (), at=2)),
    ]
    for level in range(FIRST, len(channels) + 1):
        parts.append((f"level{level}", _level(spec, level, channels[level - 2], channels[level - 1])))
    outputs = channels[-1]
    if last is not None:
        parts.append(
            ("expand", Conv(in_channels=outputs, out_channels=last, norm=EPS, act=act, at=2 ** len(channels)))
        )
        outputs = last
    return Block("dicenet-encoder", spec.channels, outputs, 2 ** len(channels), tuple(parts))


def _scores(inputs: int, classes: int) -> tuple[str, Conv]:
    """Scores by a 1 x 1 convolution with bias on the pooled map."""
    return "scores", Conv(in_channels=inputs, out_channels=classes, bias=True, at=0)


def _dicenet(spec: SpecRecord) -> Block:
    """DiCENet: its classifier widens the pooled map in groups; the decoder is that of EdgeNets."""
    encoder = _encoder(spec, None)
    if spec.task not in SCORES_OF_IMAGE:
        return task_head(spec, encoder)
    inputs, wide = encoder.out_channels, 1024
    expand = Conv(in_channels=inputs, out_channels=wide, groups=CLASSIFIER_GROUPS, at=0)
    parts = (("expand", expand), _scores(wide, spec.classes))
    return network(encoder, Block("conv-classifier", inputs, spec.classes, 1, parts, (("dropout", True),)))


def last_channels(width: float) -> int:
    """Returns channels of ShuffleNetV2's last convolution.

    1024, above width 1.5 twice and below 0.5 half as many (released code: 2048 at 2.0, 512 at 0.1).
    """
    return 2048 if width > 1.5 else 1024 if width >= 0.5 else 512


def _shufflenetv2(spec: SpecRecord) -> Block:
    encoder = _encoder(spec, last_channels(spec.width))
    head = (_scores(encoder.out_channels, spec.classes),)
    return network(encoder, Block("conv-classifier", encoder.out_channels, spec.classes, 1, head))


def _design(
    draw: Callable[[SpecRecord], Block],
    published: Mapping[float, tuple[int, int]],
    unit: str,
    alphas: Mapping[str, tuple[int, ...]],
    decoders: tuple[str, ...],
) -> NetworkDesign:
    return NetworkDesign(
        draw=draw, widths=partial(shuffled_channels, published), unit=unit, alphas=alphas, first=FIRST, eps=EPS,
        honours=OPTIONAL_FIELDS - {"reinforcement"}, reinforcement=False, decoders=decoders, skipped=1,
    )  # fmt: skip


_REPEATS = for_scores((3, 7, 3))

NETWORKS.register("dicenet")(
    _design(_dicenet, DICENET_CHANNELS, "dice", {**_REPEATS, "segmentation": (3, 7)}, ("edgenets", "none"))
)
NETWORKS.register("shufflenetv2")(
    _design(_shufflenetv2, SHUFFLENETV2_CHANNELS, "shufflenetv2", _REPEATS, ("none",))
)
