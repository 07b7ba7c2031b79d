"""A study of a few pictures in folders, small enough to be retrained many times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

COUNTS = {"train": 12, "val": 6, "test": 9}
CLASSES = ("dark", "light", "mixed")

REFERENCE = {"network": "espnetv2", "task": "classification", "width": 0.25, "alphas": [0, 0, 1, 0]}


def write_pictures(root: Path, splits: tuple[str, ...] = ("train", "val", "test")) -> Path:
    """Folders of three classes: dark, light, and noise."""
    rng = np.random.default_rng(0)
    for split in splits:
        for i in range(COUNTS[split]):
            name = CLASSES[i % 3]
            low, high = {"dark": (0, 90), "light": (160, 255), "mixed": (0, 255)}[name]
            folder = root / split / name
            folder.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(low, high, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.png")
    return root


def small_study(root: Path, **changes: Any) -> dict[str, Any]:
    """The fields of a study on :func:`write_pictures`."""
    return {
        "name": "small",
        "task": "classification",
        "data": {"layout": "imagefolder", "root": str(root), "input_size": [8, 8], "train": 6},
        "space": {
            "network": "espnetv2",
            "unit": {"choices": ["eesp", "mobilenet"]},
            "width": {"choices": [0.25, 0.5]},
            "alphas": [0, 1, 0, 0],
        },
        "given": [{"name": "reference", "spec": REFERENCE}],
        "objectives": ["accuracy", "macs"],
        "trials": 3,
        "seed": 3,
        "training": {"epochs": 1, "batch": 4, "flip": False},
        "threads": 1,
        "measure": {"runs": 5, "warmup": 1, "attempts": 1, "again": False},
        **changes,
    }
