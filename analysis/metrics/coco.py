"""Mean average precision as MS-COCO defines it, by faster-coco-eval. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.metrics.voc import Detections, Objects, Precision, known_mean

MOST = 100
"""COCO counts so many sightings of each class in an image, the surest."""

SIZES = ("small", "medium", "large")
"""Below 32 x 32 pixels, below 96 x 96, and above."""


def coco_metrics(objects: Objects, detections: Detections, images: int, classes: Sequence[str]) -> Precision:
    """``map`` over overlaps 0.50, 0.55, ... 0.95, at 0.50 and 0.75, and by the object's size; by class ``class_ap``.

    An ignored object is a COCO crowd: what lies in it is neither right nor wrong. Sizes are areas of boxes in pixels;
    COCO's own are areas of the objects' masks. What has no object is NaN and left out of the means.

    Args:
        images: how many there are, those without objects counted.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    truth = COCO(_truth(objects, images, classes))
    judged = COCOeval_faster(truth, truth.loadRes(_results(detections)), iouType="bbox")
    judged.params.maxDets = [1, 10, MOST]
    judged.evaluate()
    judged.accumulate()
    table = np.where(judged.eval["precision"] < 0, np.nan, judged.eval["precision"])[..., -1]

    def by_class(chosen: Any) -> list[float]:
        """Mean over overlaps and recalls of each class, of a (overlaps, recalls, classes) table."""
        return [float(100 * column.mean()) for column in np.moveaxis(chosen, 2, 0)]

    every = by_class(table[..., 0])
    thresholds = np.asarray(judged.params.iouThrs)
    values = {"map": known_mean(every)}
    for at in (50, 75):
        values[f"map_{at}"] = known_mean(by_class(table[np.isclose(thresholds, at / 100)][..., 0]))
    for i, name in enumerate(SIZES, start=1):
        values[f"map_{name}"] = known_mean(by_class(table[..., i]))
    return Precision(values, {"class_ap": dict(zip(classes, every, strict=True))})


def _truth(objects: Objects, images: int, classes: Sequence[str]) -> dict[str, Any]:
    """A COCO data set; ids begin at 1, as COCO's matching takes 0 for none."""
    rows = zip(objects.image, _sides(objects.corners), objects.labels, objects.ignored, strict=True)
    return {
        "images": [{"id": i} for i in range(images)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(classes)],
        "annotations": [
            {
                "id": i, "image_id": int(image), "bbox": box, "area": box[2] * box[3], "category_id": int(label),
                "iscrowd": int(ignored),
            }
            for i, (image, box, label, ignored) in enumerate(rows, start=1)
        ],
    }  # fmt: skip


def _results(detections: Detections) -> list[dict[str, Any]]:
    rows = zip(
        detections.image, _sides(detections.corners), detections.scores, detections.labels, strict=True
    )
    return [
        {"image_id": int(image), "bbox": box, "score": float(score), "category_id": int(label)}
        for image, box, score, label in rows
    ]


def _sides(corners: Any) -> list[list[float]]:
    """Left, top, width, height."""
    boxes = np.asarray(corners, np.float64)
    sides: list[list[float]] = np.concatenate((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]), 1).tolist()
    return sides
