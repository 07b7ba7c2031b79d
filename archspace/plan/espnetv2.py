"""ESPNetv2 as a tree of layers (ESPNetv2 table 1), with the segmentation decoder of EdgeNets. No torch."""

from __future__ import annotations

from functools import partial
from math import gcd
from typing import TYPE_CHECKING

from archspace.plan.heads import network, task_head
from archspace.plan.networks import NETWORKS, SCORES_OF_IMAGE, NetworkDesign, for_scores, stage_channels
from archspace.plan.nodes import Block, Conv, Node, NormAct
from archspace.plan.placing import repeated_unit, strided_unit

if TYPE_CHECKING:
    from archspace.spec import ArchSpec

EPS = 1e-5
LAST_CHANNELS, LAST_CHANNELS_WIDE, WIDE_FROM = 1024, 1280, 1.5
LAST_GROUPS = 4
DECODER_PLANES = (64, 48, 32)
PYRAMID_SCALES = (2.0, 1.5, 1.0, 0.5, 0.1)
PYRAMID_LEAST = 5


def _down(spec: ArchSpec, level: int, inputs: int, outputs: int) -> Block:
    """Strided unit beside the pooled input (the long-range shortcut), plus the embedded image.

    At level 5 of a classifier the embedded image is in the published layout but never used; a detector uses it.
    """
    unit: Node
    if spec.downsampling == "strided-conv":
        unit = Conv(in_channels=inputs, out_channels=outputs, kernel=3, stride=2, norm=EPS)
    else:
        unit = strided_unit(spec, level, inputs, outputs - inputs, activate=False)
    image: tuple[tuple[str, Node], ...] = ()
    if spec.reinforcement:
        rgb, unused = spec.channels, level == 5 and spec.task in SCORES_OF_IMAGE
        embed = (
            Conv(in_channels=rgb, out_channels=rgb, kernel=3, norm=EPS, act=spec.activation),
            Conv(in_channels=rgb, out_channels=outputs, norm=EPS),
        )
        image = (("image", Block("chain", rgb, outputs, 1, (("chain", embed),), at=2, dead=unused)),)
    last = NormAct(channels=outputs, act=spec.activation, at=2)
    concat = spec.downsampling == "strided-unit"
    return Block(
        "espnetv2-down", inputs, outputs, 2, (("unit", unit), *image, ("last", last)), (("concat", concat),)
    )


def _level(spec: ArchSpec, level: int, inputs: int, outputs: int) -> Block:
    repeats = spec.alphas[level - 2]
    units = (repeated_unit(spec, level, outputs, outputs).moved(2),) * repeats if repeats else ()
    down = _down(spec, level, inputs, outputs)
    return Block(
        "espnetv2-level", inputs, outputs, 2, (("down", down), ("units", units)), at=2 ** (level - 1)
    )


def _expand(spec: ArchSpec, inputs: int) -> Block:
    """Depth-wise 3 x 3 and grouped 1 x 1 before the classifier."""
    outputs = LAST_CHANNELS_WIDE if spec.width > WIDE_FROM else LAST_CHANNELS
    act = spec.activation
    convs = (
        Conv(in_channels=inputs, out_channels=inputs, kernel=3, groups=inputs, norm=EPS, act=act),
        Conv(in_channels=inputs, out_channels=outputs, groups=LAST_GROUPS, norm=EPS, act=act),
    )
    return Block("chain", inputs, outputs, 1, (("chain", convs),), at=32)


def _encoder(spec: ArchSpec) -> Block:
    channels = NETWORKS[spec.network].channels(spec.width, spec.task)
    stem = Conv(
        in_channels=spec.channels, out_channels=channels[0], kernel=3, stride=2, norm=EPS, act=spec.activation
    )
    parts: list[tuple[str, Node]] = [("level1", stem)]
    for level in range(2, len(channels) + 1):
        parts.append((f"level{level}", _level(spec, level, channels[level - 2], channels[level - 1])))
    outputs = channels[-1]
    if spec.task != "segmentation":
        expand = _expand(spec, outputs)
        parts.append(("expand", expand))
        outputs = expand.out_channels
    return Block("espnetv2-encoder", spec.channels, outputs, 2 ** len(channels), tuple(parts))


def _pyramid(inputs: int, outputs: int, planes: int, act: str, at: int, last: bool) -> Block:
    """Efficient pyramid pooling: depth-wise 3 x 3 at five scales of a narrow map, merged by groups."""
    scales = len(PYRAMID_SCALES)
    stages = tuple(
        Conv(
            in_channels=planes, out_channels=planes, kernel=3, groups=planes, scale=scale, least=PYRAMID_LEAST
        )
        for scale in PYRAMID_SCALES
    )
    wide = planes * scales
    tail = () if last else (("last", NormAct(channels=outputs, norm=EPS, act=act)),)
    return Block(
        "edgenets-pyramid", inputs, outputs, 1,
        (
            ("project", Conv(in_channels=inputs, out_channels=planes, norm=EPS, act=act)),
            ("stages", stages),
            ("mix", NormAct(channels=wide, norm=EPS, act=act)),
            ("merge", Conv(in_channels=wide, out_channels=planes, kernel=3, groups=planes, norm=EPS, act=act)),
            ("expand", Conv(in_channels=planes, out_channels=outputs, bias=last)),
            *tail,
        ),
        at=at,
    )  # fmt: skip


def _weighted(inputs: int, outputs: int, act: str, at: int) -> Block:
    """Efficient point-wise convolution: a grouped 3 x 3, weighted by a gate on the pooled input."""
    gate = Conv(in_channels=inputs, out_channels=outputs, at=0)
    expand = Conv(
        in_channels=inputs, out_channels=outputs, kernel=3, groups=gcd(inputs, outputs), norm=EPS, act=act
    )
    return Block("edgenets-weighted", inputs, outputs, 1, (("gate", gate), ("expand", expand)), at=at)


def edgenets_decoder(encoder: Block, skips: tuple[int, ...], classes: int, act: str) -> Block:
    """The bottom-up decoder of EdgeNets over four levels; ``skips`` are channels of level 3, 2 and 1.

    The pyramid's planes are half the classes, 1 to 16.
    """
    planes = max(1, min(classes // 2, 16))
    at = encoder.stride
    parts: list[tuple[str, Node]] = []
    inputs = encoder.out_channels
    for step, (width, skip) in enumerate(zip(DECODER_PLANES, skips, strict=True), start=1):
        parts += [
            (f"pyramid{step}", _pyramid(inputs, width, planes, act, at, last=False)),
            (f"skip{step}", _weighted(skip, width, act, at // 2)),
            (f"join{step}", NormAct(channels=width, norm=EPS, act=act, at=at // 2)),
        ]
        inputs, at = width, at // 2
    parts.append(("pyramid4", _pyramid(inputs, classes, planes, act, at, last=True)))
    return Block("edgenets-decoder", encoder.out_channels, classes, 1, tuple(parts))


def _draw(spec: ArchSpec) -> Block:
    encoder = _encoder(spec)
    if spec.decoder != "edgenets":
        return task_head(spec, encoder)
    channels = NETWORKS[spec.network].channels(spec.width, spec.task)
    skips = (channels[2], channels[1], channels[0])
    return network(encoder, edgenets_decoder(encoder, skips, spec.classes, spec.activation))


NETWORKS.register("espnetv2")(
    NetworkDesign(
        draw=_draw,
        widths=partial(stage_channels, (32, 64, 128, 256, 512), cap_first=32),
        unit="eesp",
        alphas={**for_scores((0, 3, 7, 3)), "segmentation": (0, 3, 7)},
        limits=(13, 11, 9, 7, 5),
        eps=EPS,
        decoders=("edgenets", "none"),
        multiples={"edgenets": 16},
    )
)
