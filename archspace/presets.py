"""The published networks as specs, with the numbers published for them. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archspace.errors import InputError, closest
from archspace.spec import ArchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A published network.

    Attributes:
        name: how it is called here.
        spec: what it is.
        published: what its authors report: ``params``, ``conv_macs`` (published as "FLOPs") or ``macs``, and an
            accuracy under the metric's name with its ``dataset``. Rounded as published.
        source: where the numbers stand.
    """

    name: str
    spec: ArchSpec
    published: Mapping[str, Any]
    source: str


def _espnet(
    name: str, network: str, repeats: int, published: Mapping[str, Any], source: str, **fields: Any
) -> Preset:
    spec = ArchSpec(
        network,
        task="segmentation",
        alphas=(2, repeats),
        **{"classes": 20, "input_size": (512, 1024), **fields},
    )
    return Preset(name=name, spec=spec, published=published, source=source)


def _espnet_presets() -> list[Preset]:
    poster = "ESPNet, ECCV 2018, poster table"
    code = "ESPNet, released code and weights"
    cityscapes = {"dataset": "Cityscapes test", "miou": 60.336, "params": 0.364e6}
    camvid = {"dataset": "CamVid test", "miou": 55.64}
    val = {"dataset": "Cityscapes val"}
    raw = {"decoder": "espnet-raw"}
    return [
        _espnet("espnet-a", "espnet-a", 8, {}, "ESPNet, ECCV 2018, figure 4(a)"),
        _espnet("espnet-b", "espnet-b", 8, {}, "ESPNet, ECCV 2018, figure 4(b)"),
        _espnet("espnet-b-2-3", "espnet-b", 3, val | {"miou": 47.0, "params": 0.186e6}, poster),
        _espnet("espnet-c", "espnet-c", 8, {}, code),
        _espnet("espnet-c-2-3", "espnet-c", 3, val | {"miou": 49.0, "params": 0.187e6}, poster),
        _espnet("espnet-c-2-5", "espnet-c", 5, {}, code),
        _espnet("espnet", "espnet", 8, cityscapes, "ESPNet README", **raw),
        _espnet("espnet-2-3", "espnet", 3, val | {"miou": 56.0, "params": 0.202e6}, poster, **raw),
        _espnet("espnet-2-5", "espnet", 5, {}, code, **raw),
        _espnet("espnet-camvid", "espnet", 8, camvid, "ESPNet README", classes=12, input_size=(360, 480)),
    ]  # fmt: skip


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


def _espnetv2_presets() -> list[Preset]:
    presets = []
    for scale, (params, macs, top1) in _ESPNETV2_IMAGENET.items():
        published = {"dataset": "ImageNet val", "accuracy": top1, "params": params, "conv_macs": macs}
        source = (
            "ESPNetv2 README" if scale != 1.75 else "ESPNetv2, CVPR 2019, table 2 and figure (top-1 read off)"
        )
        spec = ArchSpec("espnetv2", task="classification", width=scale, classes=1000, input_size=(224, 224))
        presets.append(Preset(name=f"espnetv2-{scale}", spec=spec, published=published, source=source))
    for scale, (params, macs, miou) in _ESPNETV2_VOC.items():
        published = {"dataset": "PASCAL VOC 2012 val", "miou": miou, "params": params, "conv_macs": macs}
        spec = ArchSpec("espnetv2", task="segmentation", width=scale, classes=21, input_size=(384, 384))
        presets.append(
            Preset(name=f"espnetv2-seg-{scale}", spec=spec, published=published, source="EdgeNets README")
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


def _detection_presets() -> Iterator[Preset]:
    for (side, data), (classes, params, macs, accuracy) in _ESPNETV2_SSD.items():
        published = {"dataset": _DETECTION_DATA[data], **accuracy, "params": params, "conv_macs": macs}
        spec = ArchSpec("espnetv2", task="detection", width=2.0, classes=classes, input_size=side)
        name = f"espnetv2-ssd{side}-{data}"
        yield Preset(name=name, spec=spec, published=published, source="EdgeNets detection model zoo")


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


def _classifier(name: str, spec: ArchSpec, numbers: tuple[float, float, float], source: str) -> Preset:
    params, macs, top1 = numbers
    published = {"dataset": "ImageNet val", "accuracy": top1, "params": params, "macs": macs}
    return Preset(name=name, spec=spec, published=published, source=source)


def _mobile_presets() -> Iterator[Preset]:
    shufflenet = "ShuffleNet-Series README (megvii-model)"
    slim = "TensorFlow slim README; parameters without those of batch norms"
    for scale, numbers in _MOBILENETV1.items():
        yield _classifier(f"mobilenetv1-{scale}", ArchSpec("mobilenetv1", width=scale), numbers, shufflenet)
    for scale, numbers in _MOBILENETV2.items():
        yield _classifier(f"mobilenetv2-{scale}", ArchSpec("mobilenetv2", width=scale), numbers, slim)
    for (scale, groups), numbers in _SHUFFLENETV1.items():
        spec = ArchSpec("shufflenetv1", width=scale, branches=groups)
        yield _classifier(f"shufflenetv1-{scale}-g{groups}", spec, numbers, shufflenet)


PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (*_espnet_presets(), *_espnetv2_presets(), *_detection_presets(), *_mobile_presets())
}
"""Every published network by name."""


def preset(name: str) -> Preset:
    """The preset called ``name``.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    if name not in PRESETS:
        raise InputError(f"preset: {name!r}: unknown preset; nearest valid: {closest(name, list(PRESETS))}")
    return PRESETS[name]
