"""The layout of ESNet's released code: one flat list of layers for the encoder, one for the decoder."""

from __future__ import annotations

from archspace.preprocessing import Preprocessing
from archspace.published.family import Family, width_of
from archspace.published.state import Rules, State, columns, rows
from archspace.spec.archspec import ArchSpec

UNSCALED = Preprocessing(channel_order="rgb", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
"""RGB from 0 to 1 and nothing else: no weights are published that would tell more."""

DOWN = {"encoder.initial_block": 1, "encoder.layers.3": 2, "encoder.layers.6": 3}
UNITS = {
    **{f"encoder.layers.{i}": f"encoder.level1.units.{i}" for i in (0, 1, 2)},
    **{f"encoder.layers.{i}": f"encoder.level2.units.{i - 4}" for i in (4, 5)},
    **{f"encoder.layers.{i}": f"encoder.level3.units.{i - 7}" for i in (7, 8, 9)},
    **{f"decoder.layers.{i}": f"head.units2.{i - 1}" for i in (1, 2)},
    **{f"decoder.layers.{i}": f"head.units1.{i - 4}" for i in (4, 5)},
}

_DOWN: Rules = [
    rule
    for theirs, level in DOWN.items()
    for rule in (
        (rf"^{theirs}\.conv\.", f"encoder.level{level}.down.conv.conv."),
        (rf"^{theirs}\.bn\.", f"encoder.level{level}.down.mix.norm."),
    )
]

_PFCU: Rules = [
    (r"(level3\.units\.\d)\.conv3x1_1\.", r"\1.first.0.conv."),
    (r"(level3\.units\.\d)\.conv1x3_1\.", r"\1.first.1.conv."),
    (r"(level3\.units\.\d)\.bn1\.", r"\1.first.1.norm."),
    *[
        (rf"\.conv{'3x1' if end == 0 else '1x3'}_2{rate}\.", f".branches.{i}.chain.{end}.conv.")
        for i, rate in enumerate((2, 5, 9))
        for end in (0, 1)
    ],
    (r"(level3\.units\.\d)\.bn2\.", r"\1.norm.norm."),
]

_FCU: Rules = [
    (r"\.conv3x1_1\.", ".chain.0.conv."),
    (r"\.conv1x3_1\.", ".chain.1.conv."),
    (r"\.bn1\.", ".chain.1.norm."),
    (r"\.conv3x1_2\.", ".chain.2.conv."),
    (r"\.conv1x3_2\.", ".chain.3.conv."),
    (r"\.bn2\.", ".chain.3.norm."),
]

_DECODER: Rules = [
    (r"^decoder\.layers\.0\.conv\.", "head.up3.conv."),
    (r"^decoder\.layers\.0\.bn\.", "head.up3.norm."),
    (r"^decoder\.layers\.3\.conv\.", "head.up2.conv."),
    (r"^decoder\.layers\.3\.bn\.", "head.up2.norm."),
    (r"^decoder\.output_conv\.", "head.up1.conv."),
    (r"^encoder_output_conv\.", "head.scores3.chain.0.conv."),
]

_UNITS: Rules = [(rf"^{theirs}\.", f"{ours}.") for theirs, ours in UNITS.items()]


def _spec(state: State) -> ArchSpec:
    classes = columns(state, "decoder.output_conv.weight")
    image = columns(state, "encoder.initial_block.conv.weight")
    width = width_of(tuple(rows(state, f"{down}.bn.weight") for down in DOWN), "esnet", "segmentation")
    return ArchSpec("esnet", task="segmentation", classes=classes, channels=image, width=width)


ESNET = Family(
    "ESNet",
    ("encoder.initial_block.conv.weight", "encoder.layers.7.conv3x1_22.weight", "decoder.output_conv.weight"),
    _spec,
    [*_DOWN, *_DECODER, *_UNITS, *_PFCU, *_FCU],
    lambda spec: UNSCALED,
)
