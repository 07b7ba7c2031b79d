"""A small space for tests of yardsticks."""

from __future__ import annotations

from typing import Any

from searches.study.space import SearchSpace

FIXED = {"task": "classification", "classes": 10, "input_size": [32, 32], "channels": 3}
SPACE: dict[str, Any] = {
    "network": "espnetv2",
    "unit": {"choices": ["eesp", "shufflenetv2"]},
    "branches": {"choices": [2, 4]},
    "width": {"low": 0.25, "high": 0.75, "step": 0.25},
    "fusion": {"choices": ["hff", "none"]},
}


def space(**changes: Any) -> SearchSpace:
    """The space with some of its fields replaced."""
    return SearchSpace({**SPACE, **changes}, FIXED)
