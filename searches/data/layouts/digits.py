"""``digits``: scikit-learn's 1,797 handwritten digits (8x8 grey, ten classes), built in.

The data file is read where the installed package keeps it, without importing scikit-learn, which is slow.
"""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from searches.data.cache import Item, cached
from searches.data.dataset import Request, Split, layout
from searches.data.dividing import stratified_order
from searches.data.images import Images, image_array

VERSION = 1
CLASSES = tuple("0123456789")
FRACTIONS = {"train": (0.0, 0.6), "val": (0.6, 0.8), "test": (0.8, 1.0)}


@layout("digits", tasks=("classification",), needs_root=False)
def load_digits(request: Request) -> Split:
    """Reads the digits; train, val and test are a fixed 60/20/20 %, each with all classes evenly.

    Returns:
        images uint8 (N, H, W, C), ink bright on dark; targets int64 (N,).
    """
    pixels, labels = _table()
    begin, end = (round(part * len(labels)) for part in FRACTIONS[request.split])
    index = np.sort(stratified_order(labels)[begin:end])

    def fill(i: int) -> tuple[Images]:
        name = f"digits/{index[i]}"
        return (
            image_array(
                Image.fromarray(pixels[index[i]]), request.input_size, request.channels, name, request.crop
            ),
        )

    item = Item((*request.input_size, request.channels), "uint8")
    images = cached(request.cache_key(version=VERSION), len(index), {"images": item}, fill)["images"]
    return Split(
        images=images,
        targets=labels[index],
        names=tuple(f"digits/{request.split}/{i}" for i in index),
        classes=CLASSES,
    )


def _table() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pixels uint8 (1797, 8, 8), their 0..16 scaled to 0..255, and labels int64 (1797,)."""
    table = _from_file()
    if table is None:
        from sklearn.datasets import load_digits as sklearn_digits

        bunch = sklearn_digits()
        table = np.column_stack([bunch.data, bunch.target])
    pixels = np.rint(table[:, :64] * (255.0 / 16.0)).astype(np.uint8).reshape(-1, 8, 8)
    return pixels, table[:, 64].astype(np.int64)


def _from_file() -> NDArray[Any] | None:
    """The table (1797, 65) from scikit-learn's own data file; None where a release keeps it elsewhere."""
    package = find_spec("sklearn")
    for folder in (package.submodule_search_locations or []) if package else []:
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            with gzip.open(path, "rt") as lines:
                return np.loadtxt(lines, delimiter=",")
    return None
