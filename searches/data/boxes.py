"""Objects of many images as flat arrays: the targets of detection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Boxes:
    """The objects of N images; those of image i are ``offsets[i]`` to ``offsets[i + 1]``.

    Attributes:
        offsets: int64 (N + 1,), from 0 to M, never falling.
        corners: float32 (M, 4): left, top, right, bottom as shares of the image's width and height, 0 to 1.
        labels: int64 (M,): class indices; the background is no class here.
        ignored: bool (M,): neither training nor metric counts them (VOC's *difficult*, COCO's *crowd*).
        sizes: int64 (N, 2): height and width of each image in pixels as it is in its file.
    """

    offsets: NDArray[np.int64]
    corners: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    sizes: NDArray[np.int64]

    def __post_init__(self) -> None:
        objects = len(self.corners)
        if not (objects == len(self.labels) == len(self.ignored) == self.offsets[-1]) or self.offsets[0] != 0:
            raise ValueError("corners, labels, ignored and offsets must tell of equally many objects")
        if len(self.sizes) != len(self):
            raise ValueError(f"{len(self.sizes)} sizes for {len(self)} images")
        wide, high = self.corners[:, 2] > self.corners[:, 0], self.corners[:, 3] > self.corners[:, 1]
        if not (wide & high).all() or (objects and not 0 <= self.corners.min() <= self.corners.max() <= 1):
            raise ValueError("boxes must lie within the image and have an area")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def ndim(self) -> int:
        """A ragged array: images x objects."""
        return 2

    def __getitem__(self, index: Any) -> Boxes:
        """The objects of the images at ``index`` (an array of indices or a slice), in that order."""
        chosen = np.arange(len(self))[index]
        counts = np.diff(self.offsets)[chosen]
        rows = [np.arange(self.offsets[i], self.offsets[i + 1]) for i in chosen]
        members = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        return Boxes(
            offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            corners=self.corners[members],
            labels=self.labels[members],
            ignored=self.ignored[members],
            sizes=self.sizes[chosen],
        )

    def of(self, i: int) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
        """Returns corners, labels and which are ignored of image ``i``."""
        rows = slice(int(self.offsets[i]), int(self.offsets[i + 1]))
        return self.corners[rows], self.labels[rows], self.ignored[rows]


def boxes_of(
    images: Sequence[tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]],
    sizes: Sequence[tuple[int, int]],
) -> Boxes:
    """Returns the objects of images given one by one: (corners, labels, ignored) and (H, W)."""
    counts = [len(labels) for _, labels, _ in images]
    none = (np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.bool_))
    corners, labels, ignored = (np.concatenate(column) for column in zip(*images, none, strict=True))
    return Boxes(
        offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        corners=corners,
        labels=labels,
        ignored=ignored,
        sizes=np.asarray(sizes, dtype=np.int64).reshape(-1, 2),
    )
