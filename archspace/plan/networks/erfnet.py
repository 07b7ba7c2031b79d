"""ERFNet (Romera et al. 2017, table I) and ESNet (Wang et al. 2019, table 1) as trees of layers. No torch.

One family: both halve the map three times with the joint down-sampling unit and mirror that with transposed
convolutions; they differ in their units and in how many there are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from archspace.plan.decoders import DECODERS, DecoderDesign
from archspace.plan.design import NETWORKS, OPTIONAL_FIELDS, NetworkDesign, Pattern, stage_channels
from archspace.plan.heads import task_head
from archspace.plan.nodes import Block, Conv, Deconv, Node
from archspace.plan.placing import level_units, repeated_unit, stem
from archspace.plan.request import UnitRequest, draw_unit
from archspace.plan.units.factorised import joint_down
from archspace.spec.record import SpecRecord

EPS = 1e-3
CHANNELS = (16, 64, 128)
DROPOUT = (0.03, 0.03, 0.3)
"""Spatial dropout of the units of level 1, 2, 3; those of the decoder have none."""
DECODER_UNITS = 2
HONOURS = OPTIONAL_FIELDS - {"downsampling", "reinforcement"}


def levels(
    spec: SpecRecord,
    kinds: tuple[str, ...],
    down: Callable[[int, int, int], Block],
    dropout: tuple[float, ...],
) -> Block:
    """Returns an encoder whose levels are a down-sampling unit and repeated units.

    Args:
        spec: the network's.
        kinds: kind of the encoder, then of level 1, 2, ...
        down: from level, input and output channels to the down-sampling unit.
        dropout: of the units of level 1, 2, ...
    """
    design = NETWORKS[spec.network]
    parts: list[tuple[str, Node]] = []
    inputs = spec.channels
    for level, outputs in enumerate(design.channels(spec.width, spec.task), start=1):
        units = tuple(
            repeated_unit(
                spec, level, outputs, outputs, kernel=kernel, rate=rate, dropout=dropout[level - 1]
            ).moved(2)
            for kernel, rate in design.asked(level, spec.alphas[level - 1])
        )
        first = down(level, inputs, outputs)
        children = (("down", stem(spec, first) if level == 1 else first), ("units", level_units(spec, units)))
        parts.append(
            (f"level{level}", Block(kinds[level], inputs, outputs, 2, children, at=2 ** (level - 1)))
        )
        inputs = outputs
    return Block(kinds[0], spec.channels, inputs, 2 ** len(parts), tuple(parts))


def _encoder(spec: SpecRecord) -> Block:
    def down(level: int, inputs: int, outputs: int) -> Block:
        return joint_down(inputs, outputs, EPS, spec.activation)

    return levels(spec, ("erfnet-encoder", *["erfnet-level"] * len(CHANNELS)), down, DROPOUT)


def _decoder(spec: SpecRecord, encoder: Block) -> Block:
    """Transposed convolutions with the network's own units between them, at level 2's and level 1's channels.

    ESNet's published layout has a 1 x 1 convolution for scores of the encoder alone, which never runs here.
    """
    design = NETWORKS[spec.network]
    level1, level2, level3 = design.channels(spec.width, spec.task)
    act, classes = spec.activation, spec.classes

    def units(level: int, channels: int) -> tuple[Block, ...]:
        (kernel, rate), = design.asked(level, 1)  # fmt: skip
        request = UnitRequest(
            in_channels=channels, out_channels=channels, act=act, eps=EPS, kernel=kernel, rate=rate
        )
        name = design.units(spec.task)[level - 1]
        assert name is not None, "both levels have a unit by default"
        return (draw_unit(name, request).moved(2**level),) * DECODER_UNITS

    dead: tuple[tuple[str, Node], ...] = ()
    if spec.network == "esnet":
        scores = Conv(in_channels=level3, out_channels=classes, bias=True)
        dead = (("scores3", Block("chain", level3, classes, 1, (("chain", (scores,)),), at=8, dead=True)),)
    return Block(
        "erfnet-decoder", encoder.out_channels, classes, 1,
        (
            *dead,
            ("up3", Deconv(in_channels=level3, out_channels=level2, kernel=3, bias=True, norm=EPS, act=act, at=8)),
            ("units2", units(2, level2)),
            ("up2", Deconv(in_channels=level2, out_channels=level1, kernel=3, bias=True, norm=EPS, act=act, at=4)),
            ("units1", units(1, level1)),
            ("up1", Deconv(in_channels=level1, out_channels=classes, bias=True, at=2)),
        ),
    )  # fmt: skip


def _draw(spec: SpecRecord) -> Block:
    return task_head(spec, _encoder(spec))


def _design(
    name: str, unit: str | tuple[str, ...], alphas: tuple[int, ...], pattern: Pattern
) -> NetworkDesign:
    return NetworkDesign(
        draw=_draw, widths=partial(stage_channels, CHANNELS), unit=unit, alphas={"segmentation": alphas}, first=1,
        eps=EPS, activation="relu", honours=HONOURS, strides=False, reinforcement=False,
        decoders=(name, "none"), pattern=pattern,
    )  # fmt: skip


for _name in ("esnet", "erfnet"):
    DECODERS.register(_name)(DecoderDesign(draw=_decoder, multiple=8, open=False))
NETWORKS.register("esnet")(_design("esnet", ("fcu", "fcu", "pfcu"), (3, 2, 3), {1: ((3, 1),), 2: ((5, 1),)}))
NETWORKS.register("erfnet")(
    _design("erfnet", "non-bottleneck-1d", (0, 5, 8), {3: ((None, 2), (None, 4), (None, 8), (None, 16))})
)
