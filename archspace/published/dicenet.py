"""Published checkpoints of EdgeNets' DiCENet (classification, segmentation) and ShuffleNetV2 (classification)."""

from __future__ import annotations

from collections.abc import Mapping

from archspace.plan.networks.dicenet import DICENET_CHANNELS, SHUFFLENETV2_CHANNELS
from archspace.published.family import (
    EDGENETS_DECODER,
    EDGENETS_LAYERS,
    IMAGENET,
    QUARTERS,
    Family,
    width_of,
)
from archspace.published.state import Rules, State, columns, repeats, rows
from archspace.spec.archspec import ArchSpec

_LEVELS: Rules = (
    (r"^encoder\.level(\d)\.0\.", r"encoder.level\1.down."),
    (r"^encoder\.level5\.\d+\.cbr\.", r"encoder.expand.cbr."),
    (r"^encoder\.level(\d)\.(\d+)\.", lambda m: f"encoder.level{m[1]}.units.{int(m[2]) - 1}."),
)
"""The published level is one sequence: the strided unit, the repeats and in ShuffleNetV2 the last convolution."""

_DICE: Rules = (
    (r"\.(left_layer|layer_left)\.", ".left."),
    (r"\.right_layer\.1\.", ".right.0."),
    (r"\.right_layer\.2\.", ".right.1."),
    (r"\.layer_right\.", ".right."),
    (r"\.conv_(channel|height|width)\.", r".\1.conv."),
    (r"\.br_act\.", ".mix."),
    (r"\.weight_avg_layer\.", ".merge."),
    (r"\.proj_layer\.", ".filter."),
    (r"\.linear_comb_layer\.1\.", ".squeeze.conv."),
    (r"\.linear_comb_layer\.3\.", ".excite.conv."),
)

_SHUFFLENETV2: Rules = (
    (r"\.layer_left\.dwise_layer\.", ".left."),
    (r"\.layer_right\.1\.dwise_layer\.(\d)\.", lambda m: f".right.{int(m[1]) + 1}."),
    (r"\.layer_right\.0\.", ".right.0."),
    (r"\.cb\.0\.", ".conv."),
    (r"\.cb\.1\.", ".norm."),
)

_DECODER: Rules = (
    (r"^eff_pool_", "bu_dec_"),
    (r"^proj_enc_", "merge_enc_dec_"),
    *(
        (rf"^(bu_dec|merge_enc_dec|bu_br)_{side}x{side}\.", rf"\1_l{step}.")
        for step, side in enumerate((16, 32, 64, 128), start=1)
    ),
    *EDGENETS_DECODER,
)
"""The decoder of ESPNetv2 under other names."""


def _encoder(
    state: State, prefix: str, strided: str, network: str, task: str, published: Mapping[float, object]
) -> dict[str, object]:
    """Width, depth and image channels; ``strided`` is what only the names of the strided units have."""
    stem = f"{prefix}level1.cbr.0.weight"
    first, level3 = rows(state, stem), rows(state, f"{prefix}level4.0.{strided}")
    width = width_of((first, first, level3), network, task, (*published, *QUARTERS))
    levels = (3, 4) if task == "segmentation" else (3, 4, 5)
    alphas = [repeats(state, rf"{prefix}level{n}\.([1-9]\d*)\.layer_right") for n in levels]
    return {"width": width, "channels": columns(state, stem), "alphas": alphas}


def _dicenet(state: State, prefix: str, task: str) -> dict[str, object]:
    return _encoder(state, prefix, "left_layer.0.cbr.0.weight", "dicenet", task, DICENET_CHANNELS)


def _dicenet_classifier(state: State) -> ArchSpec:
    classes, task = rows(state, "classifier.2.weight"), "classification"
    return ArchSpec("dicenet", task=task, classes=classes, **_dicenet(state, "", task))  # type: ignore[arg-type]


def _dicenet_segmentation(state: State) -> ArchSpec:
    classes, task = rows(state, "eff_pool_128x128.merge_layer.3.weight"), "segmentation"
    size = (384, 384) if classes == 21 else (512, 1024)
    fields = _dicenet(state, "base_net.", task)
    return ArchSpec("dicenet", task=task, classes=classes, input_size=size, **fields)  # type: ignore[arg-type]


def _shufflenetv2_classifier(state: State) -> ArchSpec:
    classes, task = rows(state, "classifier.weight"), "classification"
    strided = "layer_left.dwise_layer.0.cb.0.weight"
    fields = _encoder(state, "", strided, "shufflenetv2", task, SHUFFLENETV2_CHANNELS)
    return ArchSpec("shufflenetv2", task=task, classes=classes, **fields)  # type: ignore[arg-type]


DICENET: tuple[Family, ...] = (
    Family(
        "DiCENet segmentation",
        ("base_net.level3.0.right_layer.1.conv_width.weight", "eff_pool_16x16.projection_layer.cbr.0.weight"),
        _dicenet_segmentation,
        ((r"^base_net\.", "encoder."), *_LEVELS, *_DICE, *_DECODER),
        lambda spec: IMAGENET,
    ),
    Family(
        "DiCENet classification",
        ("level3.0.right_layer.1.conv_width.weight", "classifier.2.weight"),
        _dicenet_classifier,
        (
            (r"^classifier\.0\.", "head.expand.conv."),
            (r"^classifier\.2\.", "head.scores.conv."),
            (r"^(?!head\.)", "encoder."),
            *_LEVELS,
            *_DICE,
            *EDGENETS_LAYERS,
        ),
        lambda spec: IMAGENET,
    ),
    Family(
        "ShuffleNetV2 classification",
        ("level3.0.layer_left.dwise_layer.0.cb.0.weight", "classifier.weight"),
        _shufflenetv2_classifier,
        (
            (r"^classifier\.", "head.scores.conv."),
            (r"^(?!head\.)", "encoder."),
            *_LEVELS,
            *_SHUFFLENETV2,
            *EDGENETS_LAYERS,
        ),
        lambda spec: IMAGENET,
    ),
)
