"""What people read for what is typed: units, networks and fields as papers write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

UNIT_NAMES: Mapping[str, str] = {
    "esp": "ESP", "eesp": "EESP", "mobilenet": "MobileNet", "mobilenetv2": "MobileNetV2", "shufflenet": "ShuffleNet",
    "shufflenetv2": "ShuffleNetV2", "resnet": "ResNet", "resnext": "ResNeXt", "inception": "Inception", "asp": "ASP",
    "dice": "DiCE", "fcu": "FCU", "pfcu": "PFCU", "enet": "ENet",
    "fpe": "FPE", "dab": "DAB", "cg": "CG", "eda": "EDA", "pct": "PCT",
}  # fmt: skip
NETWORK_NAMES: Mapping[str, str] = {
    "espnet-a": "ESPNet-A", "espnet-b": "ESPNet-B", "espnet-c": "ESPNet-C", "espnet": "ESPNet", "espnetv2": "ESPNetv2",
    "dicenet": "DiCENet", "esnet": "ESNet", "enet": "ENet", "erfnet": "ERFNet", "segnet": "SegNet",
    "fpenet": "FPENet", "dabnet": "DABNet", "cgnet": "CGNet", "edanet": "EDANet", "lcnet": "LCNet",
}  # fmt: skip
_FIELD_NAMES: Mapping[str, str] = {
    "branches": "K", "receptive_field": "receptive field", "input_size": "input",
    "pointwise_kernel": "pointwise kernel", "long_skip": "long skip", "decoder_width": "decoder width",
}  # fmt: skip


def unit_name(unit: str) -> str:
    """Returns a unit as papers write it; ``mixed``, ``conv`` and what is not known stay as they are."""
    return UNIT_NAMES.get(unit, unit)


def network_name(network: str) -> str:
    """Returns a network as papers write it."""
    return NETWORK_NAMES.get(network, unit_name(network))


def field_name(field: str) -> str:
    """Returns a field of a spec as papers call it."""
    return _FIELD_NAMES.get(field, field)


def written(label: str) -> str:
    """Returns a spec's label with the names of papers: ``"ESPNetv2 s=0.5 EESP K=4 α=0-3-7"``."""
    words = [f"α={word[2:]}" if word.startswith("a=") else network_name(word) for word in label.split(" ")]
    return " ".join(words)


def common_name(names: Sequence[str]) -> str:
    """Returns what several trainings of one network are called together: what their names share, else the first name.

    ``"ESPNetv2 0.5x (3 seeds)"`` for ``"ESPNetv2 0.5x (seed 0)"`` and two more.
    """
    if len(names) < 2:
        return names[0]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    shared = "".join(letters[0] for letters in alike).rstrip("0123456789")
    for end in ("seed", "run"):
        shared = shared.rstrip(" _-#(,:·").removesuffix(end)
    shared = shared.rstrip(" _-#(,:·")
    return f"{shared or names[0]} ({len(names)} seeds)"
