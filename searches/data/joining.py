"""Two splits of one data set as one: what a network is trained on when nothing is chosen by validation any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from archspace.support.errors import InputError
from searches.data.boxes import Boxes
from searches.data.dataset import Split, Targets
from searches.data.text import TextSplit


class Chained:
    """Two arrays, one after the other along the first axis, that stay where they are (memory maps stay on disk).

    It is read as an array is: by a number, a slice or an array of numbers, which copies what was asked for.
    """

    def __init__(self, first: NDArray[Any], second: NDArray[Any]) -> None:
        self.first, self.second = first, second
        self.dtype, self.ndim = first.dtype, first.ndim
        self.shape = (len(first) + len(second), *first.shape[1:])

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        yield from self.first
        yield from self.second

    def __getitem__(self, index: Any) -> NDArray[Any]:
        chosen = np.arange(len(self))[index]
        flat = np.atleast_1d(chosen)
        early = flat < len(self.first)
        made = np.empty((len(flat), *self.shape[1:]), self.dtype)
        made[early] = self.first[flat[early]]
        made[~early] = self.second[flat[~early] - len(self.first)]
        return made if np.ndim(chosen) else cast("NDArray[Any]", made[0])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        whole = np.concatenate([self.first, self.second])
        return whole if dtype is None else whole.astype(dtype)


def joined_texts(first: TextSplit, second: TextSplit) -> TextSplit:
    """Returns the tokens of one text followed by those of another with the same words."""
    tokens = np.concatenate([np.asarray(first.tokens), np.asarray(second.tokens)])
    return replace(first, tokens=tokens, name=f"{first.name} and {second.name}")


def joined(first: Split, second: Split) -> Split:
    """Returns the images of both splits, those of ``first`` first; without masks at the pictures' own size.

    Raises:
        InputError: the splits have different classes or images of different shapes, or share an image.
    """
    if first.classes != second.classes:
        raise InputError(
            f"data: train has the classes {first.classes}, val {second.classes}: they do not join"
        )
    if first.images.shape[1:] != second.images.shape[1:]:
        raise InputError(f"data: images {first.images.shape[1:]} and {second.images.shape[1:]} do not join")
    shared = set(first.names) & set(second.names)
    if shared:
        raise InputError(f"data: train and val share {len(shared)} images ({min(shared)}): they do not join")
    both = first.sizes is not None and second.sizes is not None
    return replace(
        first,
        images=cast("NDArray[np.uint8]", Chained(first.images, second.images)),
        targets=_targets(first.targets, second.targets),
        names=(*first.names, *second.names),
        sizes=np.concatenate([first.sizes, second.sizes]) if both else None,
        own_mask=None,
    )


def _targets(first: Targets, second: Targets) -> Targets:
    """Masks stay where they are; what is small is copied."""
    if isinstance(first, Boxes) and isinstance(second, Boxes):
        return Boxes(
            offsets=np.concatenate([first.offsets, second.offsets[1:] + first.offsets[-1]]),
            corners=np.concatenate([first.corners, second.corners]),
            labels=np.concatenate([first.labels, second.labels]),
            ignored=np.concatenate([first.ignored, second.ignored]),
            sizes=np.concatenate([first.sizes, second.sizes]),
        )
    if isinstance(first, Boxes) or isinstance(second, Boxes):
        raise InputError("data: train has boxes and val has none, or the reverse: they do not join")
    if first.ndim > 2:
        return cast("NDArray[Any]", Chained(first, second))
    return np.concatenate([first, second])
