"""ESPNetv2, its detectors, DiCENet and ShuffleNetV2, as ESPNetv2 and EdgeNets publish them. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archspace.presets.preset import Preset

# scale: (parameters, convolution MACs, ImageNet top-1 %)
_ESPNETV2_IMAGENET: Mapping[float, tuple[float, float, float | None]] = {
    0.5: (1.24e6, 28.37e6, 57.7),
    1.0: (1.67e6, 85.72e6, 66.1),
    1.25: (1.96e6, 123.39e6, 67.9),
    1.5: (2.31e6, 168.6e6, 69.2),
    1.75: (3.03e6, 224e6, 70.6),
    2.0: (3.49e6, 284.8e6, 72.1),
}
# scale: (parameters, convolution MACs, VOC 2012 val mIoU %), 384 x 384
_ESPNETV2_VOC: Mapping[float, tuple[float, float, float]] = {
    0.5: (0.08e6, 0.16846e9, 47.18),
    1.0: (0.23e6, 0.30600e9, 60.22),
    1.5: (0.47e6, 0.48263e9, 63.67),
    2.0: (0.79e6, 0.75952e9, 67.01),
}


def espnetv2_presets() -> list[Preset]:
    """Returns classifiers for ImageNet and segmentation networks for PASCAL VOC 2012."""
    presets = []
    for scale, (params, macs, top1) in _ESPNETV2_IMAGENET.items():
        published = {"dataset": "ImageNet val", "accuracy": top1, "params": params, "conv_macs": macs}
        source = (
            "ESPNetv2 README" if scale != 1.75 else "ESPNetv2, CVPR 2019, table 2 and figure (top-1 read off)"
        )
        fields = {
            "network": "espnetv2",
            "task": "classification",
            "width": scale,
            "classes": 1000,
            "input_size": (224, 224),
        }
        presets.append(Preset(name=f"espnetv2-{scale}", fields=fields, published=published, source=source))
    for scale, (params, macs, miou) in _ESPNETV2_VOC.items():
        published = {"dataset": "PASCAL VOC 2012 val", "miou": miou, "params": params, "conv_macs": macs}
        fields = {
            "network": "espnetv2",
            "task": "segmentation",
            "width": scale,
            "classes": 21,
            "input_size": (384, 384),
        }
        presets.append(
            Preset(name=f"espnetv2-seg-{scale}", fields=fields, published=published, source="EdgeNets README")
        )
    return presets


# scale: (parameters, convolution MACs, ImageNet top-1 %)
_DICENET_IMAGENET: Mapping[float, tuple[float, float, float]] = {
    0.2: (1.13e6, 14.90e6, 46.19),
    0.5: (1.21e6, 24.71e6, 54.04),
    0.75: (1.50e6, 46.83e6, 62.80),
    1.0: (1.81e6, 70.71e6, 66.45),
    1.25: (2.16e6, 98.11e6, 67.77),
    1.5: (2.65e6, 135.48e6, 69.51),
    1.75: (3.26e6, 182.24e6, 70.26),
    2.0: (3.98e6, 236.29e6, 70.99),
}
# scale: (parameters, convolution MACs, VOC 2012 val mIoU %), 384 x 384
_DICENET_VOC: Mapping[float, tuple[float, float, float]] = {
    0.2: (0.05e6, 135.64e6, 34.52),
    0.5: (0.08e6, 182.91e6, 47.74),
    0.75: (0.19e6, 282.05e6, 55.67),
    1.0: (0.28e6, 312.76e6, 60.23),
    1.25: (0.39e6, 342.52e6, 62.55),
    1.75: (0.81e6, 641.98e6, 64.76),
}
# scale: (parameters, convolution MACs, Cityscapes val mIoU %), 512 x 1024
_DICENET_CITYSCAPES: Mapping[float, tuple[float, float, float]] = {
    0.5: (0.08e6, 641.68e6, 53.4),
    0.75: (0.19e6, 988.39e6, 58.7),
    1.0: (0.28e6, 1093.01e6, 60.9),
    1.25: (0.39e6, 1194.53e6, 61.1),
    1.5: (0.55e6, 1471.11e6, 62.2),
    1.75: (0.81e6, 2249.06e6, 63.4),
}


def dicenet_presets() -> list[Preset]:
    """Returns classifiers for ImageNet, segmentation networks for PASCAL VOC 2012 and Cityscapes."""
    presets = []
    for scale, (params, macs, top1) in _DICENET_IMAGENET.items():
        published = {"dataset": "ImageNet val", "accuracy": top1, "params": params, "conv_macs": macs}
        fields = {
            "network": "dicenet",
            "task": "classification",
            "width": scale,
            "classes": 1000,
            "input_size": (224, 224),
        }
        presets.append(
            Preset(name=f"dicenet-{scale}", fields=fields, published=published, source="EdgeNets README")
        )
    data: tuple[tuple[str, str, int, tuple[int, int], Mapping[float, tuple[float, float, float]]], ...] = (
        ("dicenet-seg", "PASCAL VOC 2012 val", 21, (384, 384), _DICENET_VOC),
        ("dicenet-seg-city", "Cityscapes val", 20, (512, 1024), _DICENET_CITYSCAPES),
    )
    for name, dataset, classes, size, table in data:
        for scale, (params, macs, miou) in table.items():
            published = {"dataset": dataset, "miou": miou, "params": params, "conv_macs": macs}
            fields = {
                "network": "dicenet",
                "task": "segmentation",
                "width": scale,
                "classes": classes,
                "input_size": size,
            }
            presets.append(
                Preset(name=f"{name}-{scale}", fields=fields, published=published, source="EdgeNets README")
            )
    return presets


_SHUFFLENETV2_PAPER = "ShuffleNetV2 README (Megvii); built as in EdgeNets, with 2 % fewer MACs"
# scale: (convolution MACs, ImageNet top-1 %, parameters, source)
_SHUFFLENETV2_IMAGENET: Mapping[float, tuple[float, float, float | None, str]] = {
    0.5: (40.48e6, 59.69, None, "EdgeNets README"),
    1.0: (146e6, 69.4, 2.3e6, _SHUFFLENETV2_PAPER),
    1.5: (299e6, 72.6, 3.5e6, _SHUFFLENETV2_PAPER),
    2.0: (591e6, 75.0, 7.4e6, _SHUFFLENETV2_PAPER),
}


def shufflenetv2_presets() -> list[Preset]:
    """Returns classifiers for ImageNet."""
    presets = []
    for scale, (macs, top1, params, source) in _SHUFFLENETV2_IMAGENET.items():
        published: dict[str, Any] = {"dataset": "ImageNet val", "accuracy": top1, "conv_macs": macs}
        if params is not None:
            published["params"] = params
        fields = {
            "network": "shufflenetv2",
            "task": "classification",
            "width": scale,
            "classes": 1000,
            "input_size": (224, 224),
        }
        presets.append(
            Preset(name=f"shufflenetv2-{scale}", fields=fields, published=published, source=source)
        )
    return presets


# input side, data: (classes, parameters, convolution MACs, accuracies in %)
_ESPNETV2_SSD: Mapping[tuple[int, str], tuple[int, float, float, Mapping[str, float]]] = {
    (300, "coco"): (81, 5.81e6, 1.1e9, {"map": 20.8, "map_50": 37.05, "map_75": 20.36}),
    (512, "coco"): (81, 5.81e6, 3.2e9, {"map": 24.54, "map_50": 42.04, "map_75": 25.21}),
    (300, "voc"): (21, 4.75e6, 0.9e9, {"map_50": 70.27}),
    (512, "voc"): (21, 4.75e6, 2.5e9, {"map_50": 75.01}),
}
_DETECTION_DATA = {"coco": "MS-COCO", "voc": "PASCAL VOC 2007"}


def detection_presets() -> Iterator[Preset]:
    """ESPNetv2-SSD at both input sizes for both data sets."""
    for (side, data), (classes, params, macs, accuracy) in _ESPNETV2_SSD.items():
        published = {"dataset": _DETECTION_DATA[data], **accuracy, "params": params, "conv_macs": macs}
        fields = {
            "network": "espnetv2",
            "task": "detection",
            "width": 2.0,
            "classes": classes,
            "input_size": side,
        }
        name = f"espnetv2-ssd{side}-{data}"
        yield Preset(name=name, fields=fields, published=published, source="EdgeNets detection model zoo")
