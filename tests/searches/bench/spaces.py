"""A small space for tests of yardsticks."""

from __future__ import annotations

from typing import Any

import numpy as np

from searches.bench.grid import grid
from searches.bench.yardstick import Yardstick
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


def made_up() -> Yardstick:
    """A made-up table of the networks of a small space: two seeds that methods see and one that they do not."""
    made = grid(space(alphas={"choices": [0, 1], "per_level": True}))
    rng = np.random.default_rng(0)
    count = len(made.cells)
    macs = 10.0 ** rng.uniform(5, 7, count)
    final = 30 + 8 * (np.log10(macs) - 5) + rng.normal(0, 2, count)
    curves = final[:, None, None] * np.linspace(0.4, 1, 5) + rng.normal(0, 0.5, (count, 3, 5))
    cost = macs / macs.mean() / 5
    return Yardstick("made up", made, curves, np.column_stack([macs, macs / 10]), cost, 0.5)
