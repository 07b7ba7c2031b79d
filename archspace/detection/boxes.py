"""From a detector's outputs to objects: locations to boxes, overlaps, suppression of doubles.

Shapes: N images, P priors, C classes without the background, K candidates. Corners are left, top, right, bottom as
shares of the image's width and height; priors are centre x, centre y, width, height.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from archspace.plan.detection import OVERLAP
from archspace.support.errors import FieldError

VARIANCES = (0.1, 0.2)
"""SSD's: a location of 1 moves the centre by 0.1 of the prior's side, or its side by the factor exp(0.2)."""

THRESHOLD = 0.01
"""Least score of an object, for metrics; a picture is clearer with 0.3 and more."""

CANDIDATES = 400
"""Boxes of each class with the highest scores that are looked at."""

MOST = 200
"""Objects of an image at most."""

TABLE = 2**24
"""Overlaps in memory at once."""


class ImageDetections(NamedTuple):
    """The objects found in an image, the surest first.

    Attributes:
        corners: (D, 4), within the image.
        scores: (D,) probability of the class.
        labels: (D,) class indices; the background is no class here.
    """

    corners: Tensor
    scores: Tensor
    labels: Tensor


def corners_of(boxes: Tensor) -> Tensor:
    """(..., 4) centre x, centre y, width, height -> (..., 4) corners."""
    half = boxes[..., 2:] / 2
    return torch.cat((boxes[..., :2] - half, boxes[..., :2] + half), -1)


def encode(corners: Tensor, priors: Tensor) -> Tensor:
    """Returns the locations at which priors (P, 4) become the boxes of ``corners`` (..., P, 4)."""
    centre = (corners[..., :2] + corners[..., 2:]) / 2
    sides = corners[..., 2:] - corners[..., :2]
    moved = (centre - priors[:, :2]) / priors[:, 2:] / VARIANCES[0]
    return torch.cat((moved, torch.log(sides / priors[:, 2:]) / VARIANCES[1]), -1)


def decode(locations: Tensor, priors: Tensor) -> Tensor:
    """Returns corners (..., P, 4) of ``locations`` (..., P, 4); inverse of :func:`encode`."""
    centre = priors[:, :2] + locations[..., :2] * VARIANCES[0] * priors[:, 2:]
    sides = priors[:, 2:] * torch.exp(locations[..., 2:] * VARIANCES[1])
    return corners_of(torch.cat((centre, sides), -1))


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """Returns intersection over union of corners (..., A, 4) and (..., B, 4) -> (..., A, B).

    0 where a box has no area.
    """
    low = torch.maximum(a[..., :, None, :2], b[..., None, :, :2])
    high = torch.minimum(a[..., :, None, 2:], b[..., None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).clamp(min=0).prod(-1) for box in (a, b)]
    union = areas[0][..., :, None] + areas[1][..., None, :] - shared
    return shared / union.clamp(min=torch.finfo(union.dtype).tiny)


def suppress(corners: Tensor, valid: Tensor, overlap: float = OVERLAP) -> Tensor:
    """Returns non-maximum suppression of many lists at once.

    A box goes when it overlaps by more than ``overlap`` with one before it that stays. All lists are worked on
    together until nothing changes: after step t the first t boxes of each list are decided, so the outcome is that of
    going through them one by one.

    Args:
        corners: (..., K, 4), the surest box first.
        valid: (..., K) which of them are boxes at all.

    Returns:
        (..., K) which of them stay.
    """
    rivals = (overlaps(corners, corners) > overlap).triu(1)  # [i, j]: i comes first and covers j
    kept = valid
    while True:
        beaten = (rivals & kept[..., :, None]).any(-2)
        now = valid & ~beaten
        if torch.equal(now, kept):
            return kept
        kept = now


def detections(
    outputs: tuple[Tensor, Tensor], priors: Tensor, *, threshold: float = THRESHOLD, overlap: float = OVERLAP,
    candidates: int = CANDIDATES, most: int = MOST,
) -> list[ImageDetections]:  # fmt: skip
    """Returns the objects in each image of a batch.

    Of equal scores the one of the earlier prior comes first, then that of the earlier class.

    Args:
        outputs: the network's: confidences (N, P, C + 1) before the softmax, background first; locations (N, P, 4).
        priors: (P, 4), those of the batch's size on the outputs' device.
        threshold: least score.
        overlap: above which two objects of a class are one.
        candidates: boxes of each class that are looked at.
        most: objects of an image.

    Raises:
        FieldError: the outputs are not those of a detector with these priors.
    """
    confidences, locations = checked(outputs, len(priors))
    images, classes = len(confidences), confidences.shape[2] - 1
    scores = confidences.float().softmax(-1)[..., 1:].transpose(1, 2).reshape(images * classes, -1)
    boxes = decode(locations.float(), priors).clamp(0, 1)
    real = (boxes[..., 2:] > boxes[..., :2]).all(-1).repeat_interleave(classes, 0)
    scores = torch.where(real & (scores > threshold), scores, 0.0)
    count = min(candidates, int((scores > 0).sum(1).max())) if scores.numel() else 0
    best = _best(scores, count)
    chosen = scores.gather(1, best).view(images, classes, count)
    best = best.view(images, classes, count)
    results = []
    for i in range(images):
        corners = boxes[i][best[i]]
        kept = _suppressed(corners, chosen[i] > 0, overlap)
        label, rank = kept.nonzero(as_tuple=True)
        place = best[i][label, rank]
        value = chosen[i][label, rank]
        order = torch.argsort(place, stable=True)
        order = order[torch.argsort(value[order], descending=True, stable=True)][:most]
        results.append(ImageDetections(corners[label, rank][order], value[order], label[order]))
    return results


def checked(outputs: object, priors: int, classes: int | None = None) -> tuple[Tensor, Tensor]:
    """Returns confidences and locations of a detector's outputs.

    Args:
        priors: how many the input's size has.
        classes: how many the confidences must have, background counted; any number if left out.

    Raises:
        FieldError: a shape does not fit.
    """
    if not isinstance(outputs, tuple) or len(outputs) != 2:
        raise FieldError(
            "task", type(outputs).__name__, "a detector has two outputs: confidences and locations"
        )
    confidences, locations = outputs
    if locations.shape[1:] != (priors, 4) or confidences.shape[:2] != locations.shape[:2]:
        shapes = (tuple(confidences.shape), tuple(locations.shape))
        raise FieldError("outputs", shapes, f"the input's size has {priors} priors", f"(N, {priors}, ...)")
    if classes is not None and confidences.shape[2] != classes:
        rule = "a detector has the classes of the data and the background"
        raise FieldError("classes", confidences.shape[2], rule, classes)
    return confidences, locations


def _best(scores: Tensor, count: int) -> Tensor:
    """(R, P) scores of 0 to 1 -> (R, count) places of the highest, of equal ones the first.

    A float of 0 or more is ordered as its bits are, so place and score make one key without ties.
    """
    places = torch.arange(scores.shape[1], device=scores.device)
    keys = (scores.contiguous().view(torch.int32).long() << 32) + (scores.shape[1] - 1 - places)
    return keys.topk(count, dim=1).indices


def _suppressed(corners: Tensor, valid: Tensor, overlap: float) -> Tensor:
    """:func:`suppress` of (C, K, 4), so many classes at a time as fit into memory."""
    step = max(1, TABLE // max(1, corners.shape[1] ** 2))
    parts = zip(torch.split(corners, step), torch.split(valid, step), strict=True)
    return torch.cat([suppress(box, there, overlap) for box, there in parts])
