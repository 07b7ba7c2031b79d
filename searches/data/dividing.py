"""How images are divided: fixed orders with the classes in proportion, and what stands in for a missing split."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SPLIT_SEED = 20180301
HELD_OUT_PERCENT = 10


def stratified_order(labels: NDArray[np.integer[Any]], seed: int = SPLIT_SEED) -> NDArray[np.int64]:
    """Returns a fixed shuffle of 0..N-1 of which every beginning has the classes in the proportions of the whole.

    The k-th of a class's n images is placed at (k + 1/2) / n; ties fall in shuffled order.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    place = np.empty(len(labels), np.float64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels[order] == label)
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.asarray(order[np.argsort(place, kind="stable")], dtype=np.int64)


def held_out_index(labels: NDArray[np.integer[Any]], *, held_out: bool) -> NDArray[np.int64]:
    """Returns which images of train stand in for val where a data set has none: a fixed 10 % of each class.

    Or the others.

    Args:
        labels: int (N,) with N of at least 2.
        held_out: give those of val, else those that train keeps; ascending either way.
    """
    order = stratified_order(labels)
    count = max(1, round(len(labels) * HELD_OUT_PERCENT / 100))
    return np.sort(order[:count] if held_out else order[count:])
