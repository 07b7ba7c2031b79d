"""A small space of segmentation networks, counted under limits."""

from __future__ import annotations

from typing import Any

from analysis.store.constraints import PlainLimits
from searches.study.screening import Screen
from searches.study.space import SearchSpace

FIXED = {"task": "segmentation", "classes": 5, "input_size": [64, 64], "channels": 3}
FIELDS: dict[str, Any] = {
    "network": {"choices": ["espnet-c", "espnetv2"]},
    "unit": {"choices": ["eesp", "mobilenet", "resnet"]},
    "width": {"low": 0.25, "high": 1.0, "step": 0.25},
    "alphas": {"low": 0, "high": 2, "per_level": True},
}


def screen(**limits: tuple[float | None, float | None]) -> Screen:
    """The small space under limits, by quantity (least, largest)."""
    space = SearchSpace(FIELDS, FIXED)
    return Screen(space, {name: PlainLimits(min=low, max=high) for name, (low, high) in limits.items()})
