"""Published checkpoints of ESPNet and ESPNet-C."""

from __future__ import annotations

from archspace.preprocessing import Preprocessing
from archspace.published.family import Family
from archspace.published.state import Rules, State, columns, repeats, rows
from archspace.spec.archspec import ArchSpec


def _bytes(mean: tuple[float, ...], std: tuple[float, ...]) -> Preprocessing:
    """ESPNet's preprocessing in our terms: it subtracts and divides bytes, then divides by 255 once more."""
    return Preprocessing(channel_order="bgr", mean=tuple(m / 255 for m in mean), std=std)


CITYSCAPES = _bytes((72.3923111, 82.90893555, 73.15840149), (45.3192215, 46.15289307, 44.91483307))
CAMVID = _bytes((110.20606, 108.37766, 104.93944), (72.1257, 72.6908, 69.9043))
"""Means over CamVid's training images (the original PNGs) of each image's mean and standard deviation.

The released code takes them so; these digits are recovered from an input that it preprocessed, where every value
times the deviation must be a whole number of 32nds.
"""


_ESP_UNIT: Rules = (
    (r"\.c1\.conv\.", ".reduce.conv."),
    (r"\.d1\.conv\.", ".branches.0.conv."),
    (r"\.d2\.conv\.", ".branches.1.conv."),
    (r"\.d4\.conv\.", ".branches.2.conv."),
    (r"\.d8\.conv\.", ".branches.3.conv."),
    (r"\.d16\.conv\.", ".branches.4.conv."),
    (r"\.(units\.\d+|unit2)\.bn\.(bn|act)\.", r".\1.mix.\2."),
    (r"\.bn\.", ".norm."),
)

_ESPNET_ENCODER: Rules = (
    (r"^encoder\.level1\.(conv|bn|act)\.", r"encoder.level1.conv.\1."),
    (r"^encoder\.b(\d)\.", r"encoder.level\1.mix."),
    (r"^encoder\.level(\d)_0\.(bn|act)\.", r"encoder.level\1.down.mix.\2."),
    (r"^encoder\.level(\d)_0\.", r"encoder.level\1.down."),
    (r"^encoder\.level([23])\.(\d+)\.", r"encoder.level\1.units.\2."),
)

_ESPNET: Rules = (
    (r"^encoder\.classifier\.", "head.project3."),
    (r"^level3_C\.", "head.project2."),
    (r"^br\.", "head.norm3.norm."),
    (r"^conv\.", "head.merge1."),
    (r"^up_l3\.0\.", "head.up3.conv."),
    (r"^combine_l2_l3\.0\.", "head.mix2."),
    (r"^combine_l2_l3\.1\.", "head.unit2."),
    (r"^up_l2\.0\.", "head.up2.conv."),
    (r"^up_l2\.1\.", "head.up2."),
    (r"^classifier\.", "head.up1.conv."),
    *_ESPNET_ENCODER,
    *_ESP_UNIT,
)

_ESPNET_C: Rules = (
    (r"^classifier\.", "head.project."),
    (r"^(?!head\.)", "encoder."),
    *_ESPNET_ENCODER,
    *_ESP_UNIT,
)


def _espnet_classes(classes: int) -> dict[str, object]:
    """Input size of the data that has so many classes."""
    return {"classes": classes, "input_size": (360, 480) if classes == 12 else (512, 1024)}


def _espnet_c(state: State) -> ArchSpec:
    alphas = (repeats(state, r"level2\.(\d+)\."), repeats(state, r"level3\.(\d+)\."))
    fields = _espnet_classes(rows(state, "classifier.conv.weight"))
    return ArchSpec("espnet-c", task="segmentation", alphas=alphas, **fields)  # type: ignore[arg-type]


def _espnet(state: State) -> ArchSpec:
    alphas = (repeats(state, r"encoder\.level2\.(\d+)\."), repeats(state, r"encoder\.level3\.(\d+)\."))
    classes = rows(state, "level3_C.conv.weight")
    level1 = columns(state, "conv.conv.weight") - classes
    decoder = "espnet-raw" if level1 == rows(state, "encoder.level1.conv.weight") else "espnet"
    return ArchSpec("espnet", task="segmentation", alphas=alphas, decoder=decoder, **_espnet_classes(classes))  # type: ignore[arg-type]  # fmt: skip


def _espnet_preprocessing(spec: ArchSpec) -> Preprocessing:
    return CAMVID if spec.classes == 12 else CITYSCAPES


ESPNET: tuple[Family, ...] = (
    Family(
        "ESPNet",
        ("encoder.level2_0.c1.conv.weight", "level3_C.conv.weight"),
        _espnet,
        _ESPNET,
        _espnet_preprocessing,
    ),
    Family("ESPNet-C", ("level2_0.c1.conv.weight",), _espnet_c, _ESPNET_C, _espnet_preprocessing),
)
