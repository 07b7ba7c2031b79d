"""Mean average precision as PASCAL VOC defines it, in 2007 and from 2010 on. No torch.

Shapes: M objects, D sightings. Corners are left, top, right, bottom in pixels, as edges: a box from 0 to 2 is two
pixels wide (VOC's own kit adds one to every side, as its corners are pixels).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OVERLAP = 0.5
"""A sighting hits an object that it overlaps at least as much."""

POINTS = 10
"""VOC 2007 reads precision at recalls of 0, 1/10, ... 10/10."""


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """The true objects of a data set.

    Attributes:
        image: (M,) index of the image.
        corners: (M, 4).
        labels: (M,) class indices.
        ignored: (M,) neither found nor missed (VOC's *difficult*, COCO's *crowd*).
    """

    image: NDArray[np.int64]
    corners: NDArray[np.floating]
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What a network found in a data set.

    Attributes:
        image: (D,) index of the image.
        corners: (D, 4).
        scores: (D,).
        labels: (D,) class indices.
    """

    image: NDArray[np.int64]
    corners: NDArray[np.floating]
    scores: NDArray[np.floating]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Precision:
    """Metrics in percent: means by name, and by class. NaN: there was no such object."""

    values: Mapping[str, float]
    by_class: Mapping[str, Mapping[str, float]]


def voc_metrics(objects: Objects, detections: Detections, classes: Sequence[str]) -> Precision:
    """``map_voc07`` and ``map_voc12`` at an overlap of 0.5, and both by class.

    A class without objects that count has NaN and is left out of the means.
    """
    pairs = [class_precision(objects, detections, label) for label in range(len(classes))]
    columns = {"voc07": [old for old, _ in pairs], "voc12": [new for _, new in pairs]}
    return Precision(
        {f"map_{name}": known_mean(column) for name, column in columns.items()},
        {f"class_ap_{name}": dict(zip(classes, column, strict=True)) for name, column in columns.items()},
    )


def class_precision(objects: Objects, detections: Detections, label: int) -> tuple[float, float]:
    """Average precision of a class in percent, of VOC 2007 and from 2010 on; NaN where it has no object that counts.

    Sightings are judged from the highest score down, of equal scores the first given one first. One is compared with
    the object of its image and class that it overlaps most. It is right where the overlap is enough and no better
    scored one took the object; without effect where that object is ignored; else wrong.
    """
    mine = objects.labels == label
    image, corners, ignored = objects.image[mine], objects.corners[mine], objects.ignored[mine]
    total = int((~ignored).sum())
    if not total:
        return float("nan"), float("nan")
    of_label = detections.labels == label
    order = np.flatnonzero(of_label)[np.argsort(-detections.scores[of_label], kind="stable")]
    target = _nearest(image, corners, detections.image[order], detections.corners[order])
    hit = target >= 0
    counts = ~hit | ~ignored[target]
    target, hit = target[counts], hit[counts]
    right = np.zeros(len(target), bool)
    at = np.flatnonzero(hit)
    right[at[np.unique(target[at], return_index=True)[1]]] = True
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    return 100 * eleven_points(hits, precision, total), 100 * area(hits, precision, total)


def eleven_points(hits: NDArray[np.int64], precision: NDArray[np.float64], total: int) -> float:
    """VOC 2007: the mean over recalls 0, 0.1, ... 1 of the best precision at that recall or more.

    Recalls are compared as whole numbers (3 of 10 is 0.3).
    """
    best = [precision[POINTS * hits >= point * total].max(initial=0.0) for point in range(POINTS + 1)]
    return float(np.mean(best))


def area(hits: NDArray[np.int64], precision: NDArray[np.float64], total: int) -> float:
    """VOC from 2010 on: the area under precision against recall, precision made never to rise with recall."""
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.diff(hits, prepend=0) / total
    return float((steps * envelope).sum())


def known_mean(values: Sequence[float]) -> float:
    """Returns the mean of those that are not NaN; NaN where none is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def overlaps(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Returns intersection over union of corners (A, 4) and (B, 4) -> (A, B)."""
    low, high = np.maximum(a[:, None, :2], b[:, :2]), np.minimum(a[:, None, 2:], b[:, 2:])
    shared = (high - low).clip(0).prod(-1)
    areas = [(box[:, 2:] - box[:, :2]).clip(0).prod(-1) for box in (a, b)]
    union = areas[0][:, None] + areas[1] - shared
    return np.asarray(shared / np.maximum(union, np.finfo(np.float64).tiny))


def _nearest(
    image: NDArray[np.int64],
    corners: NDArray[np.floating],
    detection_image: NDArray[np.int64],
    boxes: NDArray[np.floating],
) -> NDArray[np.int64]:
    """For each sighting the object of its image that it overlaps most, of equal ones the first; -1 below 0.5."""
    target = np.full(len(detection_image), -1, np.int64)
    by_object, by_detection = np.argsort(image, kind="stable"), np.argsort(detection_image, kind="stable")
    for i in np.intersect1d(image, detection_image):
        rows = by_detection[slice(*np.searchsorted(detection_image[by_detection], (i, i + 1)))]
        members = by_object[slice(*np.searchsorted(image[by_object], (i, i + 1)))]
        table = overlaps(boxes[rows], corners[members])
        best = table.argmax(1)
        target[rows] = np.where(table.max(1) >= OVERLAP, members[best], -1)
    return target
