"""The published networks as specs, with the numbers published for them. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archspace.errors import InputError, closest
from archspace.plan.eru import HIDDEN
from archspace.spec import ArchSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A published network.

    Attributes:
        name: how it is called here.
        spec: what it is.
        published: what its authors report: ``params``, ``conv_macs`` (published as "FLOPs"), and an accuracy
            under the metric's name with its ``dataset``. Rounded as published.
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


_ERU_HIDDEN: Mapping[str, int] = {"7m": 320, "15m": 768}
"""Hidden sizes with which the parameters come nearest to 7 M and 15 M: 7,058,560 and 15,103,744."""


def _eru_presets() -> list[Preset]:
    """The two sizes of ESPNetv2's language model, in our reading (archspace.plan.eru).

    The paper's own sizes are not at hand: the hidden size is the multiple of 16 whose total is nearest to the name's.
    """
    source = "our reading of one sentence of ESPNetv2, CVPR 2019 (ERU); sized by us, not published numbers"
    return [
        Preset(name=f"eru-{name}", spec=ArchSpec("eru", width=hidden / HIDDEN), published={}, source=source)
        for name, hidden in _ERU_HIDDEN.items()
    ]


PRESETS: Mapping[str, Preset] = {
    p.name: p for p in (*_espnet_presets(), *_espnetv2_presets(), *_eru_presets())
}
"""Every published network by name, and ESPNetv2's language model as we read it."""


def preset(name: str) -> Preset:
    """The preset called ``name``.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    if name not in PRESETS:
        raise InputError(f"preset: {name!r}: unknown preset; nearest valid: {closest(name, list(PRESETS))}")
    return PRESETS[name]
