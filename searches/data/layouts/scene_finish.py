"""The last steps of a street scene: weather, unlabelled outlines, and the boxes of what is seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from searches.data.boxes import Boxes, boxes_of
from searches.data.images import Images
from searches.data.layouts.scene_parts import PEDESTRIAN, ROAD, SIDEWALK, SKY, VEHICLE, Array, Canvas
from searches.data.splits import VOID

THINGS = (VEHICLE, PEDESTRIAN)
"""Labels of what has boxes; the position is the class index of detection."""

MOST_THINGS = 64
IGNORED = 16
MIN_CLEAR_PIXELS = 12
"""A thing of which fewer pixels are seen is ignored in detection."""

_IN_FRONT = np.array([0, 2, 1, 1, 1, 3, 4, 5])  # which class keeps its pixels at an unlabelled border


def weather(canvas: Canvas, haze: Array) -> Images:
    """Haze with depth, exposure, colour cast, blur and sensor noise; uint8 (H, W, 3)."""
    rng = canvas.rng
    through = np.exp(-canvas.depth * rng.choice([0.002, 0.008, 0.02]))[..., None]
    through[canvas.label == SKY] = 1
    picture = canvas.colour * through + haze * (1 - through)
    picture = picture * rng.uniform(0.6, 1.2) * (1 + rng.normal(0, 0.06, 3))
    soft = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="edge")
    soft = (soft[:-2, 1:-1] + soft[2:, 1:-1] + soft[1:-1, :-2] + soft[1:-1, 2:]) / 4
    picture = picture + rng.uniform(0.2, 0.5) * (soft - picture)
    picture = np.clip(picture, 0, 1) ** rng.uniform(0.8, 1.25)
    picture += rng.normal(0, rng.uniform(0.005, 0.035), picture.shape)
    return np.asarray(np.rint(np.clip(picture, 0, 1) * 255), dtype=np.uint8)


def borders(label: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Leaves one pixel unlabelled behind every outline; lane markings have none."""
    rank = np.pad(_IN_FRONT[label], 1, mode="edge")
    around = np.max([rank[:-2, 1:-1], rank[2:, 1:-1], rank[1:-1, :-2], rank[1:-1, 2:]], axis=0)
    edge = around > rank[1:-1, 1:-1]
    curb = np.pad(label == SIDEWALK, 1, mode="edge")
    edge |= (label == ROAD) & (curb[1:-1, :-2] | curb[1:-1, 2:])
    return np.where(edge, VOID, label).astype(np.uint8)


def things_of(canvas: Canvas) -> NDArray[np.int16]:
    """Returns what is seen of each vehicle and pedestrian: int16 (64, 5), from near to far, padded with -1.

    A row is left, top, right, bottom in pixels (right and bottom exclusive) and the class index, plus 16 where it
    is to be ignored.
    """
    rows = np.full((MOST_THINGS, 5), -1, np.int16)
    things = np.where(np.isin(canvas.label, THINGS), canvas.drawn, 0)
    for row, number in zip(rows, np.unique(things[things > 0])[::-1], strict=False):
        where = things == number
        down, across = np.flatnonzero(where.any(1)), np.flatnonzero(where.any(0))
        label = THINGS.index(int(canvas.label[where][0])) + IGNORED * (int(where.sum()) < MIN_CLEAR_PIXELS)
        row[:] = across[0], down[0], across[-1] + 1, down[-1] + 1, label
    return rows


def boxes_in(things: NDArray[np.int16], size: tuple[int, int]) -> Boxes:
    """Returns the boxes of the scenes with these rows, int16 (N, 64, 5); all scenes are of ``size`` = (H, W)."""
    scale = np.array([size[1], size[0], size[1], size[0]], np.float32)
    images = []
    for rows in np.asarray(things):
        visible = rows[rows[:, 4] >= 0]
        corners = (visible[:, :4] / scale).astype(np.float32)
        images.append((corners, (visible[:, 4] % IGNORED).astype(np.int64), visible[:, 4] >= IGNORED))
    return boxes_of(images, [size] * len(images))
