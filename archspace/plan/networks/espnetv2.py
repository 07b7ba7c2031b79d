"""ESPNetv2 as a tree of layers (ESPNetv2 table 1), with two decoders and a detector. No torch."""

from __future__ import annotations

from functools import partial

from archspace.plan.decoders import DECODERS, DecoderDesign, features
from archspace.plan.design import NETWORKS, SCORES_OF_IMAGE, NetworkDesign, for_scores, stage_channels
from archspace.plan.detection import detector
from archspace.plan.heads import network, task_head
from archspace.plan.nodes import Block, Conv, Node, NormAct
from archspace.plan.placing import (
    FUSED,
    downsampled,
    drawn_once,
    level_units,
    repeated_unit,
    stem,
    strided_unit,
)
from archspace.plan.request import UnitRequest, draw_unit
from archspace.spec.record import SpecRecord

EPS = 1e-5
LAST_CHANNELS, LAST_CHANNELS_WIDE, WIDE_FROM = 1024, 1280, 1.5
LAST_GROUPS = 4
PYRAMID_UNIT_BRANCHES, POOLED_STAGES = 4, 4


def _down(spec: SpecRecord, level: int, inputs: int, outputs: int) -> Block:
    """Strided unit beside the pooled input (the long-range shortcut), plus the embedded image.

    At level 5 of a classifier the embedded image is in the published layout but never used; a detector uses it.
    """
    unit: Node
    concat = spec.downsampling == "strided-unit"
    if spec.downsampling == "strided-conv":
        unit = Conv(in_channels=inputs, out_channels=outputs, kernel=3, stride=2, norm=EPS)
    elif concat:
        unit = strided_unit(spec, level, inputs, outputs - inputs, activate=False)
    else:
        unit = downsampled(spec, level, inputs, outputs)
    image: tuple[tuple[str, Node], ...] = ()
    if spec.reinforcement:
        rgb, unused = spec.channels, level == 5 and spec.task in SCORES_OF_IMAGE
        embed = (
            Conv(in_channels=rgb, out_channels=rgb, kernel=3, norm=EPS, act=spec.activation),
            Conv(in_channels=rgb, out_channels=outputs, norm=EPS),
        )
        image = (("image", Block("chain", rgb, outputs, 1, (("chain", embed),), at=2, dead=unused)),)
    last = NormAct(channels=outputs, act=spec.activation, at=2)
    return Block(
        "espnetv2-down", inputs, outputs, 2, (("unit", unit), *image, ("last", last)), (("concat", concat),)
    )


@drawn_once
def _level(spec: SpecRecord, level: int, inputs: int, outputs: int) -> Block:
    repeats = spec.alphas[level - 2]
    units = (repeated_unit(spec, level, outputs, outputs).moved(2),) * repeats if repeats else ()
    down = _down(spec, level, inputs, outputs)
    return Block(
        "espnetv2-level",
        inputs,
        outputs,
        2,
        (("down", down), ("units", level_units(spec, units))),
        at=2 ** (level - 1),
    )


def _expand(spec: SpecRecord, inputs: int) -> Block:
    """Depth-wise 3 x 3 and grouped 1 x 1 before the classifier."""
    outputs = LAST_CHANNELS_WIDE if spec.width > WIDE_FROM else LAST_CHANNELS
    act = spec.activation
    convs = (
        Conv(in_channels=inputs, out_channels=inputs, kernel=3, groups=inputs, norm=EPS, act=act),
        Conv(in_channels=inputs, out_channels=outputs, groups=LAST_GROUPS, norm=EPS, act=act),
    )
    return Block("chain", inputs, outputs, 1, (("chain", convs),), at=32)


def _encoder(spec: SpecRecord) -> Block:
    channels = NETWORKS[spec.network].channels(spec.width, spec.task)
    first = Conv(
        in_channels=spec.channels, out_channels=channels[0], kernel=3, stride=2, norm=EPS, act=spec.activation
    )
    parts: list[tuple[str, Node]] = [("level1", stem(spec, first))]
    for level in range(2, len(channels) + 1):
        parts.append((f"level{level}", _level(spec, level, channels[level - 2], channels[level - 1])))
    outputs = channels[-1]
    if spec.task != "segmentation":
        expand = _expand(spec, outputs)
        parts.append(("expand", expand))
        outputs = expand.out_channels
    return Block("espnetv2-encoder", spec.channels, outputs, 2 ** len(channels), tuple(parts))


def _pyramid_decoder(spec: SpecRecord, encoder: Block) -> Block:
    """The decoder of the ESPNetv2 repository: level 4 joins level 3, then an EESP unit and pyramid pooling.

    The unit has the limit of level 4 and, as published, K = 4 whatever K the encoder has. The released network has
    the scores of level 3 (``project3``) as a second output in training.
    """
    one, two, three, four = (level.channels for level in features(encoder))
    classes, act = spec.classes, spec.activation
    limits = spec.receptive_field
    unit = UnitRequest(
        in_channels=2 * three, out_channels=three, branches=PYRAMID_UNIT_BRANCHES,
        limit=limits[3] if limits else None, dilated=bool(spec.dilated), fusion=spec.fusion in FUSED,
        residual=False, act=act, eps=EPS, pointwise_kernel=spec.pointwise_kernel or 1,
    )  # fmt: skip
    stages = tuple(
        Conv(in_channels=three, out_channels=three, kernel=3, groups=three, at=2**step)
        for step in range(1, POOLED_STAGES + 1)
    )
    wide = three * (1 + POOLED_STAGES)
    pooled = Conv(in_channels=wide, out_channels=three, norm=EPS, act=act)
    return Block(
        "espnetv2-decoder", four, classes, 1,
        (
            ("project4", Conv(in_channels=four, out_channels=three, norm=EPS, act=act, at=16)),
            ("unit3", draw_unit("eesp", unit).moved(8)),
            ("pool3", Block("espnetv2-psp", three, three, 1, (("stages", stages), ("project", pooled)), at=8)),
            ("project3", Conv(in_channels=three, out_channels=classes, at=8)),
            ("act3", NormAct(channels=classes, norm=EPS, act=act, at=8)),
            ("project2", Conv(in_channels=two + classes, out_channels=classes, norm=EPS, act=act, at=4)),
            ("project1", Conv(in_channels=one + classes, out_channels=classes, at=2)),
        ),
    )  # fmt: skip


def _draw(spec: SpecRecord) -> Block:
    encoder = _encoder(spec)
    if spec.task == "detection":
        _, _, three, four, _ = (level.channels for level in features(encoder))
        return network(encoder, detector(encoder, (three, four), spec.classes, spec.activation, EPS))
    return task_head(spec, encoder)


DECODERS.register("pyramid")(
    DecoderDesign(
        draw=_pyramid_decoder,
        multiple=16,
        reads=(2, 4, 8, 16),
        open=False,
        units=lambda fields: ((4, "eesp", PYRAMID_UNIT_BRANCHES),),
    )
)
NETWORKS.register("espnetv2")(
    NetworkDesign(
        draw=_draw,
        widths=partial(stage_channels, (32, 64, 128, 256, 512), cap_first=32),
        unit="eesp",
        alphas={**for_scores((0, 3, 7, 3)), "segmentation": (0, 3, 7), "detection": (0, 3, 7, 3)},
        limits=(13, 11, 9, 7, 5),
        eps=EPS,
        decoders=("edgenets", "pyramid", "none"),
    )
)
