"""ESPNet-A, -B, -C and ESPNet as trees of layers (ESPNet figure 4); and DABNet and CGNet, of the same make. No torch.

One family in three switches: concatenation of each level's input to its output (B), input reinforcement (C) and
the light-weight decoder (ESPNet). DABNet (Li et al. 2019) and CGNet (Wu et al. 2018) are ESPNet-C with a thick stem,
other units with a dilation for each place, and scores that are resized.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from archspace.plan.decoders import DECODERS, DecoderDesign, PlacedUnit
from archspace.plan.design import NETWORKS, NetworkDesign, for_scores, stage_channels
from archspace.plan.heads import task_head
from archspace.plan.nodes import Block, Conv, Deconv, NormAct
from archspace.plan.placing import FUSED, asked_down, asked_units, drawn_once, level_units, stem
from archspace.plan.request import UnitRequest, draw_unit
from archspace.spec.record import SpecRecord

EPS = 1e-3


@drawn_once
def _level(spec: SpecRecord, level: int, inputs: int, outputs: int) -> Block:
    """Downsample, repeat the unit, concatenate what the network concatenates."""
    down, units = asked_down(spec, level, inputs, outputs), asked_units(spec, level, outputs)
    last = level == len(spec.alphas) + 1
    concat = spec.network != "espnet-a" and len(units) > 0
    image = bool(spec.reinforcement) and (not last or spec.network == "dabnet")
    wide = outputs * (2 if concat else 1) + (spec.channels if image else 0)
    mix = (("mix", NormAct(channels=wide, norm=EPS, act=spec.activation, at=2)),) if wide != outputs else ()
    return Block(
        "espnet-level", inputs, wide, 2,
        (("down", down), ("units", level_units(spec, units)), *mix),
        (("concat", concat), ("image", image), ("down_first", last)),
        at=2 ** (level - 1),
    )  # fmt: skip


def _encoder(spec: SpecRecord) -> Block:
    channels = NETWORKS[spec.network].channels(spec.width, spec.task)
    first = channels[0] + (spec.channels if spec.reinforcement else 0)
    conv = Conv(
        in_channels=spec.channels, out_channels=channels[0], kernel=3, stride=2, norm=EPS, act=spec.activation
    )
    mix = (
        (("mix", NormAct(channels=first, norm=EPS, act=spec.activation, at=2)),) if spec.reinforcement else ()
    )
    levels = [("level1", Block("espnet-stem", spec.channels, first, 2, (("conv", stem(spec, conv)), *mix)))]
    inputs = first
    for level in range(2, len(channels) + 1):
        block = _level(spec, level, inputs, channels[level - 1])
        levels.append((f"level{level}", block))
        inputs = block.out_channels
    return Block("espnet-encoder", spec.channels, inputs, 2 ** len(channels), tuple(levels))


def decoder_branches(unit: str | None, branches: int | None, classes: int) -> int:
    """K of the decoder's ESP unit: level 2's where that level is ESP, else 5; never more than its channels."""
    return min(branches if unit == "esp" and branches else 5, classes)


def _decoder(spec: SpecRecord, encoder: Block) -> Block:
    """The light-weight decoder. ``espnet`` reads level 1 after the image joined it, ``espnet-raw`` before."""
    parts = dict(encoder.parts)
    level1, level2 = parts["level1"], parts["level2"]
    assert isinstance(level1, Block) and isinstance(level2, Block)
    first = level1.part("conv")
    assert isinstance(first, Conv | Block)
    classes = spec.classes
    wide1 = first.out_channels if spec.decoder == "espnet-raw" else level1.out_channels
    limits = spec.receptive_field
    unit = UnitRequest(
        in_channels=2 * classes, out_channels=classes,
        branches=decoder_branches(spec.unit[0], spec.branches[0], classes),
        limit=limits[1] if limits else None, dilated=bool(spec.dilated), fusion=spec.fusion in FUSED,
        residual=False, act=spec.activation, eps=EPS, pointwise_kernel=spec.pointwise_kernel or 1,
    )  # fmt: skip
    act = spec.activation
    return Block(
        "espnet-decoder", encoder.out_channels, classes, 1,
        (
            ("project3", Conv(in_channels=encoder.out_channels, out_channels=classes, at=8)),
            ("norm3", NormAct(channels=classes, norm=EPS, at=8)),
            ("up3", Deconv(in_channels=classes, out_channels=classes, at=8)),
            ("project2", Conv(in_channels=level2.out_channels, out_channels=classes, at=4)),
            ("mix2", NormAct(channels=2 * classes, norm=EPS, act=act, at=4)),
            ("unit2", draw_unit("esp", unit).moved(4)),
            ("up2", Deconv(in_channels=classes, out_channels=classes, norm=EPS, act=act, at=4)),
            ("merge1", Conv(in_channels=classes + wide1, out_channels=classes, kernel=3, norm=EPS, act=act, at=2)),
            ("up1", Deconv(in_channels=classes, out_channels=classes, at=2)),
        ),
        (("raw", spec.decoder == "espnet-raw"),),
    )  # fmt: skip


def _decoder_units(fields: Mapping[str, Any]) -> tuple[PlacedUnit, ...]:
    """The decoder's ESP unit, at level 2."""
    return ((2, "esp", decoder_branches(fields["unit"][0], fields["branches"][0], fields["classes"])),)


def _draw(spec: SpecRecord) -> Block:
    return task_head(spec, _encoder(spec))


def _design(reinforcement: bool, decoders: tuple[str, ...]) -> NetworkDesign:
    depth = {"segmentation": (2, 8), **for_scores((2, 8))}
    return NetworkDesign(
        draw=_draw, widths=partial(stage_channels, (16, 64, 128)), unit="esp", alphas=depth, eps=EPS,
        reinforcement=reinforcement,
        decoders=decoders,
    )  # fmt: skip


for _name, _without_image in (("espnet", None), ("espnet-raw", "espnet")):
    DECODERS.register(_name)(
        DecoderDesign(
            draw=_decoder,
            multiple=8,
            reads=(2, 4, 8),
            open=False,
            without_image=_without_image,
            units=_decoder_units,
        )
    )
NETWORKS.register("espnet-a")(_design(False, ("none", "espnet", "espnet-raw")))
NETWORKS.register("espnet-b")(_design(False, ("none", "espnet", "espnet-raw")))
NETWORKS.register("espnet-c")(_design(True, ("none", "espnet", "espnet-raw")))
NETWORKS.register("espnet")(_design(True, ("espnet", "espnet-raw", "none")))
NETWORKS.register("dabnet")(
    NetworkDesign(
        draw=_draw, widths=partial(stage_channels, (32, 64, 128)), unit="dab", alphas={"segmentation": (3, 6)},
        eps=EPS, downsampling="joint", stem="thick", decoders=("bilinear", "none"),
        pattern={2: ((None, 2),), 3: tuple((None, rate) for rate in (4, 4, 8, 8, 16, 16))},
    )
)  # fmt: skip
NETWORKS.register("cgnet")(
    NetworkDesign(
        draw=_draw, widths=partial(stage_channels, (32, 64, 128)), unit="cg", alphas={"segmentation": (2, 20)},
        eps=EPS, stem="thick", decoders=("bilinear", "none"), pattern={2: ((None, 2),), 3: ((None, 4),)},
    )
)  # fmt: skip
