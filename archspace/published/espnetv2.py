"""Published checkpoints of ESPNetv2: ImageNet classifiers, and segmentation networks of EdgeNets."""

from __future__ import annotations

from archspace.plan.detection import ANCHORS
from archspace.published.family import (
    EDGENETS_DECODER,
    EDGENETS_LAYERS,
    EDGENETS_PYRAMID,
    IMAGENET,
    Family,
    width_of,
)
from archspace.published.state import Rules, State, columns, repeats, rows
from archspace.spec.archspec import ArchSpec

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

_EDGENETS_DETECTOR: Rules = (
    (r"^base_net\.extra_level([67])\.layer\.", r"head.level\1.chain."),
    (r"^base_net\.extra_level8\.1\.", "head.level8.conv."),
    (r"^base_net\.bu_3x3_5x5\.", "head.fuse6."),
    (r"^base_net\.bu_5x5_10x10\.", "head.fuse5."),
    (r"^base_net\.bu_10x10_19x19\.", "head.fuse4."),
    (r"^base_net\.bu_19x19_38x38\.", "head.fuse3."),
    (r"^loc_layers\.(\d)\.", r"head.locations.\1.conv."),
    (r"^cls_layers\.(\d)\.", r"head.confidences.\1.conv."),
    *EDGENETS_PYRAMID,
    *EDGENETS_LAYERS,
)

_ESPNETV2_DECODER: Rules = (
    (r"^proj_L4_C\.", "head.project4."),
    (r"^pspMod\.0\.", "head.unit3."),
    (r"^pspMod\.1\.", "head.pool3."),
    (r"^project_l([13])\.1\.", r"head.project\1."),
    (r"^project_l2\.", "head.project2."),
    (r"^act_l3\.", "head.act3."),
)


def _espnetv2_encoder(state: State, prefix: str) -> dict[str, object]:
    first = rows(state, f"{prefix}level1.conv.weight")
    later = (rows(state, f"{prefix}level{level}_0.act.weight") for level in (2, 3, 4))
    alphas = [repeats(state, rf"{prefix}level{n}\.(\d+)\.proj_1x1") for n in (2, 3, 4, 5)]
    image = columns(state, f"{prefix}level1.conv.weight")
    return {
        "width": width_of((first, *later), "espnetv2", "segmentation"),
        "channels": image,
        "alphas": alphas,
    }


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


ESPNETV2: tuple[Family, ...] = (
    Family(
        "ESPNetv2 segmentation",
        ("base_net.level2_0.eesp.proj_1x1.conv.weight", "bu_dec_l1.projection_layer.cbr.0.weight"),
        _espnetv2_segmentation,
        ((r"^base_net\.", "encoder."), *_ESPNETV2_ENCODER, *_EESP_UNIT, *EDGENETS_DECODER),
        lambda spec: IMAGENET,
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
)
