"""A small data set of one's own, and a study and a training on it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from tests.searches.studies import RECIPE

CLASSES = ("ground", "disc", "bar")
COLOURS = ((10, 20, 30), (200, 100, 50), (0, 0, 142))
SIDE = 32


def write_data(root: Path, counts: tuple[int, int] = (6, 4), seed: int = 0) -> Path:
    """Images and masks with a ``dataset.yaml`` that names classes and colours."""
    rng = np.random.default_rng(seed)
    for split, count in zip(("train", "val"), counts, strict=True):
        for folder in ("images", "labels"):
            (root / folder / split).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            mask = np.zeros((SIDE, SIDE), np.uint8)
            top, left = rng.integers(2, 16, 2)
            mask[top : top + 12, left : left + 12] = 1 + i % 2
            image = rng.integers(0, 40, (SIDE, SIDE, 3), np.uint8) + 80 * mask[..., None]
            Image.fromarray(image).save(root / "images" / split / f"{i}.png")
            Image.fromarray(mask).save(root / "labels" / split / f"{i}.png")
    about = {
        "images": "images/{split}", "masks": "labels/{split}", "classes": list(CLASSES),
        "colours": [list(colour) for colour in COLOURS], "splits": {"train": "train", "val": "val"},
    }  # fmt: skip
    (root / "dataset.yaml").write_text(yaml.safe_dump(about))
    return root


def moved(root: Path, to: Path) -> Path:
    """The same files in another folder."""
    return Path(shutil.copytree(root, to))


def relabelled(root: Path, *names: str) -> Path:
    """Masks of the validation images of these names, each with one pixel of another class."""
    for name in names:
        path = root / "labels" / "val" / name
        mask = np.array(Image.open(path))
        mask[0, 0] = 1
        Image.fromarray(mask).save(path)
    return root


def study_file(folder: Path, root: Path, **changes: Any) -> Path:
    """A study of two networks on the data."""
    config = {
        "name": "own", "task": "segmentation",
        "data": {"layout": "masks", "root": str(root), "input_size": [SIDE, SIDE]},
        "space": {"network": "espnet-c", "unit": "esp", "alphas": [1, 1], "width": {"choices": [0.25, 0.5]}},
        "objectives": ["miou", "macs"], "sampler": {"name": "random"}, "trials": 1,
        "training": {"epochs": 1, "batch": 3, "flip": False}, "measure": {"runs": 5, "warmup": 1}, **changes,
    }  # fmt: skip
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def training_file(folder: Path, root: Path) -> Path:
    """A training on the data, in a few steps."""
    spec = {"network": "espnet-c", "alphas": [1, 1], "width": 0.25, "input_size": [SIDE, SIDE], "classes": 3}
    config = {
        **RECIPE, "name": "own-training", "spec": {**spec, "task": "segmentation"},
        "data": {"layout": "masks", "root": str(root)}, "training": {"epochs": 1, "batch": 3},
    }  # fmt: skip
    path = folder / "training.yaml"
    path.write_text(yaml.safe_dump(config))
    return path
