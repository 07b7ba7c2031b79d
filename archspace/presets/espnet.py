"""ESPNet-A, -B, -C and ESPNet. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspace.presets.preset import Preset


def _espnet(
    name: str, network: str, repeats: int, published: Mapping[str, Any], source: str, **fields: Any
) -> Preset:
    usual = {"network": network, "task": "segmentation", "alphas": (2, repeats), "classes": 20}
    return Preset(
        name=name, fields={**usual, "input_size": (512, 1024), **fields}, published=published, source=source
    )


def espnet_presets() -> list[Preset]:
    """ESPNet at every published depth."""
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
