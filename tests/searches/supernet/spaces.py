"""Spaces whose networks share weights, and small supernets of them."""

from __future__ import annotations

from typing import Any

from searches.study.space import SearchSpace
from searches.supernet.subnets import Subnets
from searches.supernet.supernet import Supernet
from searches.supernet.weights import Layout

IMAGES = {"task": "classification", "classes": 10, "input_size": [32, 32], "channels": 3}
SCENES = {"task": "segmentation", "classes": 5, "input_size": [32, 32], "channels": 3}
WHOLE: dict[str, Any] = {
    "unit": {"choices": ["esp", "eesp"], "per_level": True},
    "branches": {"choices": [2, 3, 4, 5, 8], "per_level": True},
    "width": {"low": 0.25, "high": 2.0},
    "alphas": {"low": 0, "high": 3, "per_level": True},
    "receptive_field": {"choices": [3, 5, 9, 17], "per_level": True},
    "dilated": {"choices": [True, False]},
    "fusion": {"choices": ["hff", "none"]},
    "residual": {"choices": [True, False]},
    "reinforcement": {"choices": [True, False]},
}
"""Everything that can be shared, far too much to look at each network."""
SPACES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "espnetv2 classification": ({"network": "espnetv2", **WHOLE}, IMAGES),
    "espnetv2 segmentation": ({"network": "espnetv2", **WHOLE}, SCENES),
    "espnetv2 with its pyramid": ({"network": "espnetv2", "decoder": "pyramid", **WHOLE}, SCENES),
    "espnet classification": ({"network": "espnet-c", **WHOLE}, IMAGES),
    "espnet segmentation": ({"network": "espnet", **WHOLE}, SCENES),
    "espnet with convolutions that halve": ({"network": "espnet", "downsampling": "strided-conv", **WHOLE}, SCENES),
    "espnetv2 with convolutions that halve": ({"network": "espnetv2", "downsampling": "strided-conv", **WHOLE}, IMAGES),
    "fpenet": (
        {
            "network": "fpenet", "long_skip": True, "gate": True, "shortcut": "projected",
            "unit": {"choices": ["fpe", "dab", "eesp"], "per_level": True}, "width": {"choices": [0.5, 1.0, 1.5]},
            "alphas": {"low": 1, "high": 3, "per_level": True}, "branches": {"choices": [2, 4], "per_level": True},
            "fusion": {"choices": ["hff", "none", "cascade"]},
        },
        SCENES,
    ),
    "dabnet": (
        {"network": "dabnet", "width": {"choices": [0.5, 1.0]}, "alphas": {"low": 1, "high": 3, "per_level": True}},
        SCENES,
    ),
    "lcnet": (
        {
            "network": "lcnet", "width": {"choices": [0.5, 1.0]},
            "unit": {"choices": ["pct", "eda"], "per_level": True},
            "alphas": {"low": 1, "high": 2, "per_level": True}, "inner": {"choices": [0.25, 0.5], "per_level": True},
        },
        SCENES,
    ),
    "units of other papers": (
        {
            "network": "espnetv2", "width": {"choices": [0.5, 1.0]}, "alphas": {"low": 0, "high": 2, "per_level": True},
            "unit": {"choices": ["mobilenet", "mobilenetv2", "shufflenet", "shufflenetv2", "resnet", "resnext",
                                 "inception", "asp"], "per_level": True},
        },
        IMAGES,
    ),
}  # fmt: skip


def subnets(name: str) -> Subnets:
    """The networks of a space."""
    fields, fixed = SPACES[name]
    return Subnets(SearchSpace(fields, fixed))


SMALL: dict[str, Any] = {
    "network": "espnetv2",
    "unit": {"choices": ["eesp", "esp"]},
    "width": {"choices": [0.25, 0.5]},
    "branches": {"choices": [2, 4]},
    "alphas": {"choices": [0, 1]},
}


SPACE: dict[str, Any] = {
    "network": "espnetv2", "unit": {"choices": ["eesp", "esp"]}, "width": {"choices": [0.25, 0.5]},
    "branches": {"choices": [2, 4]},
}  # fmt: skip
"""Of eight networks."""
EESP = {"choices": [2, 4], "where": {"unit": ["eesp"]}}
"""K that is searched in EESP units alone; ESP units have K = 5."""


def with_branches(branches: Any, **changes: Any) -> dict[str, Any]:
    """The space of eight networks with another field ``branches``, or without any."""
    space = {**SPACE, "branches": branches, **changes}
    return {name: value for name, value in space.items() if value is not None}


def small(**changes: Any) -> Supernet:
    """A fresh supernet of a few networks."""
    return Supernet.of(SearchSpace({**SMALL, **changes}, IMAGES))


def of_specs(found: Subnets, specs: list[Any]) -> Supernet:
    """A supernet with room for some networks of a space alone."""
    from searches.supernet.names import named_parameters

    layout = Layout()
    for spec in specs:
        layout.add(named_parameters(spec).values())
    return Supernet(found, layout)
