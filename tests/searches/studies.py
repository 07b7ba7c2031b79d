"""Small studies and training recipes for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

TINY: dict[str, Any] = {
    "name": "tiny",
    "task": "classification",
    "data": {"layout": "digits", "input_size": [8, 8], "channels": 1, "train": 64, "val": 60},
    "space": {
        "network": "espnetv2",
        "unit": {"choices": ["eesp", "mobilenet", "shufflenetv2"]},
        "width": {"low": 0.25, "high": 0.5, "step": 0.25},
        "alphas": {"low": 0, "high": 1, "per_level": True},
        "fusion": {"choices": ["hff", "none"]},
    },
    "objectives": ["accuracy", "macs"],
    "sampler": {"name": "tpe", "startup": 3},
    "trials": 6,
    "seed": 3,
    "training": {"epochs": 1, "batch": 32, "flip": False},
    "threads": 1,
    "measure": {"runs": 5, "warmup": 1},
}


def tiny(**changes: Any) -> dict[str, Any]:
    """The tiny study with top-level fields replaced."""
    return {**TINY, **changes}


def write_study(folder: Path, **changes: Any) -> Path:
    """The tiny study as a file in ``folder``."""
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny(**changes)))
    return path


RECIPE: dict[str, Any] = {
    "name": "few",
    "spec": {
        "network": "espnetv2", "width": 0.25, "alphas": [0, 1, 0, 0], "classes": 10, "channels": 1,
        "input_size": [8, 8],
    },
    "data": {"layout": "digits", "input_size": [8, 8], "train": 64, "val": 60},
    "training": {"epochs": 1, "batch": 32},
}  # fmt: skip


def write_recipe(folder: Path, training: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A recipe with a network, as a file in ``folder``: one epoch of a few digits, unless changed."""
    path = folder / "recipe.yaml"
    recipe = {**RECIPE, "training": {**RECIPE["training"], **(training or {})}, **changes}
    path.write_text(yaml.safe_dump(recipe))
    return path
