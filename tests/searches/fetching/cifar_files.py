"""CIFAR-10 as its authors publish it, with small batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def batches(folder: Path, classes: int = 3, per_batch: int = 4) -> np.ndarray:
    """Batches in the binary format; the images (6 batches, N, 32, 32, 3) that they hold."""
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (6, per_batch, 32, 32, 3), dtype=np.uint8)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    folder.mkdir(exist_ok=True)
    for name, batch in zip(names, images, strict=True):
        planes = batch.transpose(0, 3, 1, 2).reshape(per_batch, -1)
        labels = (np.arange(per_batch, dtype=np.uint8) % classes)[:, None]
        (folder / name).write_bytes(np.hstack([labels, planes]).tobytes())
    (folder / "batches.meta.txt").write_text("".join(f"name{i}\n" for i in range(classes)) + "\n")
    (folder / "readme.html").write_text("CIFAR-10")
    return images
