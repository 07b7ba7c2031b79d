"""What each family of published checkpoints looks like: how to tell it, its spec, its names, its preprocessing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archspace.plan.detection import ANCHORS
from archspace.plan.networks import NETWORKS
from archspace.preprocessing import Preprocessing
from archspace.published.state import Rules, State, columns, repeats, rows
from archspace.spec import ArchSpec

IMAGENET = Preprocessing(channel_order="rgb", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def _bytes(mean: tuple[float, ...], std: tuple[float, ...]) -> Preprocessing:
    """ESPNet's preprocessing in our terms: it subtracts and divides bytes, then divides by 255 once more."""
    return Preprocessing(channel_order="bgr", mean=tuple(m / 255 for m in mean), std=std)


CITYSCAPES = _bytes((72.3923111, 82.90893555, 73.15840149), (45.3192215, 46.15289307, 44.91483307))
CAMVID = _bytes((110.20606, 108.37766, 104.93944), (72.1257, 72.6908, 69.9043))
"""Means over CamVid's training images (the original PNGs) of each image's mean and standard deviation.

The released code takes them so; these digits are recovered from an input that it preprocessed, where every value
times the deviation must be a whole number of 32nds.
"""


@dataclass(frozen=True, slots=True)
class Family:
    """A layout of published checkpoints.

    Attributes:
        name: for messages.
        marks: keys that every member has and that tell it from the others.
        spec: from the tensors to the spec; may raise ``KeyError`` where a key is missing.
        rules: from published names to ours.
        preprocessing: from the spec to the preprocessing that the authors used, or to ``None`` where it is not known.
    """

    name: str
    marks: tuple[str, ...]
    spec: Callable[[State], ArchSpec]
    rules: Rules
    preprocessing: Callable[[ArchSpec], Preprocessing | None]


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


_EESP_UNIT: Rules = (
    (r"\.proj_1x1\.", ".reduce."),
    (r"\.spp_dw\.", ".branches."),
    (r"\.conv_1x1_exp\.", ".expand."),
    (r"\.br_after_cat\.", ".mix."),
    (r"\.module_act\.", ".last.act."),
    (r"\.bn\.", ".norm."),
)

_ESPNETV2_ENCODER: Rules = (
    (r"^encoder\.level5\.3\.(conv|bn|act)\.", r"encoder.expand.chain.0.\1."),
    (r"^encoder\.level5\.4\.(conv|bn|act)\.", r"encoder.expand.chain.1.\1."),
    (r"^encoder\.level(\d)_0\.eesp\.", r"encoder.level\1.down.unit."),
    (r"^encoder\.level(\d)_0\.inp_reinf\.", r"encoder.level\1.down.image.chain."),
    (r"^encoder\.level(\d)_0\.act\.", r"encoder.level\1.down.last.act."),
    (r"^encoder\.level(\d)\.(\d+)\.", r"encoder.level\1.units.\2."),
)

_EDGENETS_LAYERS: Rules = (
    (r"\.cbr\.0\.", ".conv."),
    (r"\.cbr\.1\.", ".norm."),
    (r"\.cbr\.2\.", ".act."),
    (r"\.br\.0\.", ".norm."),
    (r"\.br\.1\.", ".act."),
)

_EDGENETS_PYRAMID: Rules = (
    (r"\.projection_layer\.", ".project."),
    (r"^(head\.\w+\.stages\.\d)\.weight", r"\1.conv.weight"),
    (r"\.merge_layer\.0\.", ".mix."),
    (r"\.merge_layer\.2\.", ".merge."),
    (r"\.merge_layer\.3\.", ".expand.conv."),
    (r"^(head\.(?:pyramid|fuse)\d)\.br\.", r"\1.last."),
)

_EDGENETS_DECODER: Rules = (
    (r"^bu_dec_l(\d)\.", r"head.pyramid\1."),
    *_EDGENETS_PYRAMID,
    (r"^merge_enc_dec_l2\.", "head.skip1."),
    (r"^merge_enc_dec_l3\.", "head.skip2."),
    (r"^merge_enc_dec_l4\.", "head.skip3."),
    (r"^bu_br_l2\.", "head.join1.br."),
    (r"^bu_br_l3\.", "head.join2.br."),
    (r"^bu_br_l4\.", "head.join3.br."),
    (r"\.wt_layer\.1\.", ".gate.conv."),
    (r"\.expansion_layer\.", ".expand."),
    *_EDGENETS_LAYERS,
)

_EDGENETS_DETECTOR: Rules = (
    (r"^base_net\.extra_level([67])\.layer\.", r"head.level\1.chain."),
    (r"^base_net\.extra_level8\.1\.", "head.level8.conv."),
    (r"^base_net\.bu_3x3_5x5\.", "head.fuse6."),
    (r"^base_net\.bu_5x5_10x10\.", "head.fuse5."),
    (r"^base_net\.bu_10x10_19x19\.", "head.fuse4."),
    (r"^base_net\.bu_19x19_38x38\.", "head.fuse3."),
    (r"^loc_layers\.(\d)\.", r"head.locations.\1.conv."),
    (r"^cls_layers\.(\d)\.", r"head.confidences.\1.conv."),
    *_EDGENETS_PYRAMID,
    *_EDGENETS_LAYERS,
)

_ESPNETV2_DECODER: Rules = (
    (r"^proj_L4_C\.", "head.project4."),
    (r"^pspMod\.0\.", "head.unit3."),
    (r"^pspMod\.1\.", "head.pool3."),
    (r"^project_l([13])\.1\.", r"head.project\1."),
    (r"^project_l2\.", "head.project2."),
    (r"^act_l3\.", "head.act3."),
)


def _width(channels: tuple[int, ...], network: str) -> float:
    """The width at which levels 1, 2, ... have these channels; the published ones are multiples of 1/4."""
    design = NETWORKS[network]
    for quarter in range(1, 33):
        if design.channels(quarter / 4, "segmentation")[: len(channels)] == channels:
            return quarter / 4
    raise KeyError(f"no width of {network} gives levels of {', '.join(map(str, channels))} channels")


def _espnetv2_encoder(state: State, prefix: str) -> dict[str, object]:
    first = rows(state, f"{prefix}level1.conv.weight")
    later = (rows(state, f"{prefix}level{level}_0.act.weight") for level in (2, 3, 4))
    alphas = [repeats(state, rf"{prefix}level{n}\.(\d+)\.proj_1x1") for n in (2, 3, 4, 5)]
    image = columns(state, f"{prefix}level1.conv.weight")
    return {"width": _width((first, *later), "espnetv2"), "channels": image, "alphas": alphas}


def _espnetv2_classifier(state: State) -> ArchSpec:
    classes = rows(state, "classifier.weight")
    return ArchSpec("espnetv2", task="classification", classes=classes, **_espnetv2_encoder(state, ""))  # type: ignore[arg-type]  # fmt: skip


def _espnetv2_segmentation(state: State) -> ArchSpec:
    fields = _espnetv2_encoder(state, r"base_net.")
    fields["alphas"] = fields["alphas"][:3]  # type: ignore[index]
    classes = rows(state, "bu_dec_l4.merge_layer.3.weight")
    size = (384, 384) if classes == 21 else (512, 1024)
    return ArchSpec("espnetv2", task="segmentation", classes=classes, input_size=size, **fields)  # type: ignore[arg-type]  # fmt: skip


def _espnetv2_pyramid(state: State) -> ArchSpec:
    fields = _espnetv2_encoder(state, r"net.")
    fields["alphas"] = fields["alphas"][:3]  # type: ignore[index]
    classes = rows(state, "act_l3.bn.weight")
    return ArchSpec("espnetv2", task="segmentation", decoder="pyramid", classes=classes, **fields)  # type: ignore[arg-type]  # fmt: skip


def _espnetv2_detector(state: State) -> ArchSpec:
    """The input size leaves no trace in the weights: 300 is taken, and those trained at 512 fit too."""
    fields = _espnetv2_encoder(state, r"base_net.basenet.")
    classes = rows(state, "cls_layers.0.weight") // ANCHORS
    return ArchSpec("espnetv2", task="detection", classes=classes, input_size=300, **fields)  # type: ignore[arg-type]


FAMILIES: tuple[Family, ...] = (
    Family(
        "ESPNet",
        ("encoder.level2_0.c1.conv.weight", "level3_C.conv.weight"),
        _espnet,
        _ESPNET,
        _espnet_preprocessing,
    ),
    Family("ESPNet-C", ("level2_0.c1.conv.weight",), _espnet_c, _ESPNET_C, _espnet_preprocessing),
    Family(
        "ESPNetv2 segmentation",
        ("base_net.level2_0.eesp.proj_1x1.conv.weight", "bu_dec_l1.projection_layer.cbr.0.weight"),
        _espnetv2_segmentation,
        ((r"^base_net\.", "encoder."), *_ESPNETV2_ENCODER, *_EESP_UNIT, *_EDGENETS_DECODER),
        lambda spec: IMAGENET,
    ),
    Family(
        "ESPNetv2 segmentation (ESPNetv2 repository)",
        ("net.level2_0.eesp.proj_1x1.conv.weight", "proj_L4_C.conv.weight"),
        _espnetv2_pyramid,
        ((r"^net\.", "encoder."), *_ESPNETV2_ENCODER, *_ESPNETV2_DECODER, *_EESP_UNIT),
        lambda spec: None,
    ),
    Family(
        "ESPNetv2-SSD",
        ("base_net.basenet.level2_0.eesp.proj_1x1.conv.weight", "loc_layers.0.weight"),
        _espnetv2_detector,
        (
            (r"^base_net\.basenet\.", "encoder."),
            *_ESPNETV2_ENCODER,
            *_EESP_UNIT,
            *_EDGENETS_DETECTOR,
        ),
        lambda spec: None,
    ),
    Family(
        "ESPNetv2 classification",
        ("level2_0.eesp.proj_1x1.conv.weight", "classifier.weight"),
        _espnetv2_classifier,
        (
            (r"^classifier\.", "head.linear.1."),
            (r"^(?!head\.)", "encoder."),
            *_ESPNETV2_ENCODER,
            *_EESP_UNIT,
        ),
        lambda spec: IMAGENET,
    ),
)
