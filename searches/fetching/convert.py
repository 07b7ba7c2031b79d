"""CIFAR-10's binary batches as zipped image folders (the pickled version is never read)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from searches.fetching.web import FetchError

_SIDE = 32
_RECORD = 1 + 3 * _SIDE * _SIDE
CIFAR10_BATCHES = {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)}
CIFAR10_NAMES = "batches.meta.txt"


def convert_cifar10(folder: Path, advance: Callable[[int], None]) -> None:
    """Makes ``train.zip`` and ``test.zip`` of ``SPLIT/CLASS/NUMBER.png`` and deletes the batches they are made of.

    A record is one byte of label and 3,072 bytes of pixels (3, 32, 32): red, green, blue, each by rows. PNG keeps
    every pixel. The zips' bytes depend on the batches alone.

    Raises:
        FetchError: a batch is missing or not as documented.
    """
    names_path = folder / CIFAR10_NAMES
    if not names_path.is_file():
        raise FetchError(f"{CIFAR10_NAMES}: is not in the archive")
    names = names_path.read_text(encoding="utf-8").split()
    for split, batches in CIFAR10_BATCHES.items():
        counts = dict.fromkeys(names, 0)
        with zipfile.ZipFile(folder / f"{split}.zip", "w", zipfile.ZIP_STORED) as target:
            for batch in batches:
                labels, images = read_batch(folder / batch, len(names))
                for label, image in zip(labels, images, strict=True):
                    name = names[label]
                    entry = zipfile.ZipInfo(f"{split}/{name}/{counts[name]:04}.png")
                    entry.external_attr = 0o644 << 16
                    target.writestr(entry, _png(image))
                    counts[name] += 1
                    advance(_RECORD)
    for path in folder.iterdir():
        if path.suffix != ".zip":
            path.unlink()


def read_batch(path: Path, classes: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Labels uint8 (N,) and images uint8 (N, 32, 32, 3) of one batch.

    Raises:
        FetchError: the file is missing, is no whole number of records, or a label is no class.
    """
    if not path.is_file():
        raise FetchError(f"{path.name}: is not in the archive")
    data = np.fromfile(path, np.uint8)
    if not data.size or data.size % _RECORD:
        raise FetchError(f"{path.name}: has {data.size:,} bytes; must be records of {_RECORD:,}")
    records = data.reshape(-1, _RECORD)
    if records[:, 0].max() >= classes:
        raise FetchError(f"{path.name}: has label {records[:, 0].max()}; there are {classes} classes")
    return records[:, 0], records[:, 1:].reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1)


def _png(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "png")
    return buffer.getvalue()
