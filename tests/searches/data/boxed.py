"""Data made for tests: bright rectangles on noise with their boxes, and images whose halves are coloured or not."""

from __future__ import annotations

import numpy as np

from searches.data.boxes import Boxes, boxes_of
from searches.data.dataset import Split
from searches.data.splits import VOID

CLASSES = ("red", "green")


def boxes(*images: list[tuple[float, float, float, float, int]], ignored: tuple[int, ...] = ()) -> Boxes:
    """Objects by image as (left, top, right, bottom, label); ``ignored`` are numbers in the order of all objects."""
    listed, number = [], 0
    for rows in images:
        table = np.array(rows, np.float32).reshape(-1, 5)
        hidden = np.array([number + i in ignored for i in range(len(rows))], bool)
        listed.append((table[:, :4], table[:, 4].astype(np.int64), hidden))
        number += len(rows)
    return boxes_of(listed, [(100, 200)] * len(images))


def rectangles(n: int, size: tuple[int, int] = (64, 64), seed: int = 0, most: int = 2) -> Split:
    """``n`` images of one to ``most`` rectangles that do not touch, a quarter to a half of the image wide and high."""
    rng = np.random.default_rng(seed)
    height, width = size
    images = rng.integers(0, 60, (n, height, width, 3), dtype=np.uint8)
    listed = []
    for image in images:
        rows: list[tuple[float, float, float, float, int]] = []
        for _ in range(int(rng.integers(1, most + 1))):
            w, h = (int(rng.integers(side // 4, side // 2)) for side in (width, height))
            x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
            box = (x / width, y / height, (x + w) / width, (y + h) / height)
            if any(
                min(box[2], r[2]) >= max(box[0], r[0]) and min(box[3], r[3]) >= max(box[1], r[1])
                for r in rows
            ):
                continue
            label = int(rng.integers(0, len(CLASSES)))
            image[y : y + h, x : x + w] = 0
            image[y : y + h, x : x + w, label] = 255
            rows.append((*box, label))
        listed.append(rows)
    made = boxes(*listed)
    targets = Boxes(
        offsets=made.offsets, corners=made.corners, labels=made.labels, ignored=made.ignored,
        sizes=np.tile(np.array([4 * height, 4 * width]), (n, 1)),
    )  # fmt: skip
    return Split(
        images=images, targets=targets, names=tuple(f"{seed}-{i}" for i in range(n)), classes=CLASSES
    )


def coloured(n: int = 64, seed: int = 0) -> Split:
    """The image's left half is red or not, its right half green or not; a tenth of the answers is unknown."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, (n, 2)).astype(np.uint8)
    images = rng.integers(0, 90, (n, 16, 16, 3)).astype(np.uint8)
    images[:, :, :8, 0] += (150 * target[:, 0])[:, None, None].astype(np.uint8)
    images[:, :, 8:, 1] += (150 * target[:, 1])[:, None, None].astype(np.uint8)
    target[rng.random(target.shape) < 0.1] = VOID
    return Split(
        images=images, targets=target, names=tuple(map(str, range(n))), classes=("red", "green"), void=VOID
    )
