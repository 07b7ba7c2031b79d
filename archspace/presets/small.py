"""Small segmentation networks past ESPNet: FPENet, DABNet, CGNet, EDANet, LCNet. No torch."""

from __future__ import annotations

from typing import Any

from archspace.presets.preset import Preset

_TABLE = "README of realtime-semantic-segmentation-pytorch"
_LCNET = "LCNet README, crop 512 x 1024"
_CASCADE: dict[str, Any] = {
    "fusion": "cascade", "shortcut": "projected", "long_skip": True, "decoder": "meu-sigmoid",
}  # fmt: skip


def small_presets() -> list[Preset]:
    """Returns the networks for CamVid, 11 classes at 360 x 480, where void is not one.

    FPENet is built in two forms: ``fpenet`` has sums of groups and 0.36 M parameters, and reached 72.05 mIoU on
    Cityscapes val by the recipe of the table; ``fpenet-b`` follows the paper closest, with groups in a cascade.
    """

    def small(name: str, published: dict[str, Any], source: str, **fields: Any) -> Preset:
        usual = {"network": name, "task": "segmentation", "classes": 11, "input_size": (360, 480)}
        return Preset(name=name, fields={**usual, **fields}, published=published, source=source)

    camvid, city = {"dataset": "CamVid test"}, {"dataset": "Cityscapes test"}
    return [
        small("fpenet", {"dataset": "Cityscapes val", "miou": 72.05, "params": 0.36e6}, f"{_TABLE}, own recipe"),
        small("fpenet-b", {}, "FPENet, BMVC 2019; as Efficient-Segmentation-Networks", network="fpenet", **_CASCADE),
        small("dabnet", {**camvid, "miou": 66.72, "params": 0.75e6}, f"DABNet README; parameters from {_TABLE}"),
        small("cgnet", {**camvid, "miou": 65.6, "params": 0.5e6}, "CGNet, M3N21; accuracy as later tables quote it"),
        small("edanet", {**city, "miou": 67.32, "params": 0.68e6}, "EDANet README; parameters as later tables"),
        small("lcnet-3-7", {**city, "miou": 73.3, "params": 0.51e6}, _LCNET, network="lcnet"),
        small("lcnet-3-11", {**city, "miou": 74.3, "params": 0.74e6}, _LCNET, network="lcnet", alphas=(3, 11)),
    ]  # fmt: skip
