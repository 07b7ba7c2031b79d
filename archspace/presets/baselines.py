"""The networks that the papers compare with. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archspace.presets.preset import Preset

# network: (parameters, Cityscapes test mIoU %, source)
_COMPARED: Mapping[str, tuple[float, float, str]] = {
    "esnet": (1.66e6, 70.7, "ESNet README (nearly 1.6 M); 1.66 M: README of realtime-semantic-segmentation-pytorch"),
    "erfnet": (2.06e6, 68.0, "README of realtime-semantic-segmentation-pytorch, paper columns"),
    "enet": (0.37e6, 58.3, "README of realtime-semantic-segmentation-pytorch, paper columns; counted: 0.364 M"),
    "segnet": (29.5e6, 57.0, "ESPNetv2, CVPR 2019, Cityscapes table; parameters, 56.1 % at 360 x 640: CFPNet table"),
}  # fmt: skip


def compared_presets() -> list[Preset]:
    """Returns the networks that the papers compare with.

    20 classes (with the void) as for ESPNet, where 19 are scored.
    """
    return [
        Preset(
            name=name,
            fields={"network": name, "task": "segmentation", "classes": 20, "input_size": (512, 1024)},
            published={"dataset": "Cityscapes test", "miou": miou, "params": params},
            source=source,
        )
        for name, (params, miou, source) in _COMPARED.items()
    ]


# scale: (parameters, MACs, ImageNet top-1 %), 224 x 224
_MOBILENETV1: Mapping[float, tuple[float, float, float]] = {
    0.25: (0.5e6, 41e6, 50.6),
    0.5: (1.3e6, 149e6, 63.7),
    0.75: (2.6e6, 325e6, 68.4),
    1.0: (4.2e6, 569e6, 70.6),
}
_MOBILENETV2: Mapping[float, tuple[float, float, float]] = {
    0.35: (1.66e6, 59e6, 60.3),
    0.5: (1.95e6, 97e6, 65.4),
    0.75: (2.61e6, 209e6, 69.8),
    1.0: (3.47e6, 300e6, 71.8),
    1.3: (5.34e6, 509e6, 74.4),
    1.4: (6.06e6, 582e6, 75.0),
}
# scale, groups: (parameters, MACs, ImageNet top-1 %), 224 x 224
_SHUFFLENETV1: Mapping[tuple[float, int], tuple[float, float, float]] = {
    (0.5, 3): (0.7e6, 38e6, 57.3),
    (0.5, 8): (1.0e6, 40e6, 58.8),
    (1.0, 3): (1.9e6, 138e6, 67.8),
    (1.0, 8): (2.4e6, 138e6, 68.0),
    (1.5, 3): (3.4e6, 292e6, 71.6),
    (1.5, 8): (4.3e6, 290e6, 71.0),
    (2.0, 3): (5.4e6, 524e6, 74.1),
    (2.0, 8): (6.5e6, 522e6, 72.9),
}


def _classifier(
    name: str, fields: Mapping[str, Any], numbers: tuple[float, float, float], source: str
) -> Preset:
    params, macs, top1 = numbers
    published = {"dataset": "ImageNet val", "accuracy": top1, "params": params, "macs": macs}
    return Preset(name=name, fields=fields, published=published, source=source)


def mobile_presets() -> Iterator[Preset]:
    """MobileNets and ShuffleNetV1 as classifiers for ImageNet."""
    shufflenet = "ShuffleNet-Series README (megvii-model)"
    higher = {(1.0, 3): "; our count, 137.5 M MACs, is 137 M rounded or cut off"}
    slim = "TensorFlow slim README; parameters without those of batch norms"
    for scale, numbers in _MOBILENETV1.items():
        yield _classifier(
            f"mobilenetv1-{scale}", {"network": "mobilenetv1", "width": scale}, numbers, shufflenet
        )
    for scale, numbers in _MOBILENETV2.items():
        yield _classifier(f"mobilenetv2-{scale}", {"network": "mobilenetv2", "width": scale}, numbers, slim)
    for (scale, groups), numbers in _SHUFFLENETV1.items():
        fields = {"network": "shufflenetv1", "width": scale, "branches": groups}
        source = shufflenet + higher.get((scale, groups), "")
        yield _classifier(f"shufflenetv1-{scale}-g{groups}", fields, numbers, source)
