"""EDANet (Lo et al. 2018) as a tree of layers: levels that grow by what each of their units adds. No torch.

Its authors published the arrangement of layers; convolutions before a norm have no bias here. With 19 classes that
makes 686,679 parameters; implementations that give each convolution a bias have the 2,806 of these more.
"""

from __future__ import annotations

import math

from archspace.plan.design import NETWORKS, OPTIONAL_FIELDS, NetworkDesign
from archspace.plan.heads import task_head
from archspace.plan.nodes import Block, Node
from archspace.plan.placing import asked_down, level_units, repeated_unit, stem
from archspace.plan.request import inner_channels
from archspace.plan.units.factorised import joint_down
from archspace.spec.record import SpecRecord

EPS = 1e-5
CHANNELS = (15, 60, 130)
"""What the down-sampling of level 1, 2 and 3 writes."""
GROWTH = 40
"""Channels that each unit adds."""
DROPOUT = 0.02
"""Of what a unit adds, while training."""


def edanet_channels(width: float) -> tuple[int, ...]:
    """Returns channels that the down-sampling of level 1, 2 and 3 writes: multiples of 1, 4 and 2.

    >>> edanet_channels(1.0), edanet_channels(0.5)
    ((15, 60, 130), (8, 32, 66))
    """
    return tuple(
        inner_channels(channels, width, step) for channels, step in zip(CHANNELS, (1, 4, 2), strict=True)
    )


def _level(spec: SpecRecord, level: int, inputs: int, outputs: int) -> Block:
    """Halve the map, then units that each read all before them."""
    design = NETWORKS[spec.network]
    down = asked_down(spec, level, inputs, outputs)
    growth, units = inner_channels(GROWTH, spec.width, 4), []
    for _, rate in design.asked(level, spec.alphas[level - design.first]):
        unit = repeated_unit(spec, level, outputs, outputs + growth, rate=rate, dropout=DROPOUT)
        units.append(unit.moved(2))
        outputs += growth
    parts = (("down", down), ("units", level_units(spec, tuple(units))))
    return Block("mobile-level", inputs, outputs, 2, parts, at=2 ** (level - 1))


def _draw(spec: SpecRecord) -> Block:
    first, *others = NETWORKS[spec.network].channels(spec.width, spec.task)
    down = joint_down(spec.channels, first, EPS, spec.activation, bias=False)
    parts: list[tuple[str, Node]] = [("level1", stem(spec, down))]
    inputs = first
    for level, channels in enumerate(others, start=2):
        block = _level(spec, level, inputs, channels)
        parts.append((f"level{level}", block))
        inputs = block.out_channels
    return task_head(spec, Block("mobile-encoder", spec.channels, inputs, 2 ** len(parts), tuple(parts)))


NETWORKS.register("edanet")(
    NetworkDesign(
        draw=_draw, widths=edanet_channels, unit="eda", alphas={"segmentation": (5, 8)}, eps=EPS, activation="relu",
        honours=OPTIONAL_FIELDS - {"reinforcement", "long_skip"}, reinforcement=False, downsampling="joint",
        decoders=("bilinear", "none"), identity_from=math.inf,
        pattern={
            2: tuple((None, rate) for rate in (1, 1, 1, 2, 2)),
            3: tuple((None, rate) for rate in (2, 2, 4, 4, 8, 8, 16, 16)),
        },
    )
)  # fmt: skip
