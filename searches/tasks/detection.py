"""Objects of an image: a single-shot detector's loss (SSD, Liu et al. 2016) and mean average precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from analysis.metrics.coco import coco_metrics
from analysis.metrics.voc import Detections, Objects, voc_metrics
from analysis.quantities import main_metric
from archspace.detection.boxes import ImageDetections, checked, detections
from archspace.preprocessing import Preprocessing
from archspace.support.errors import FieldError, InputError
from searches.config.recipe import Stage
from searches.data.augment import Augmentation
from searches.data.boxes import Boxes
from searches.data.dataset import Split
from searches.tasks.base import WHOLE, Batch, Evaluation, ImageTask, OnBatch, Raw, Size
from searches.tasks.matching import BACKGROUND, Matched, match, priors_on

NEGATIVES = 3
"""Priors on the background that learn, for each prior on an object: the worst (hard negative mining)."""


class Detection(ImageTask):
    """Outputs (confidences (N, P, classes + 1), background first; locations (N, P, 4)), targets :class:`Boxes`.

    The priors are those of the batch's size (:mod:`archspace.detection.priors`).
    """

    metric = main_metric("detection").name
    distils = False

    def __init__(self, train: Split, val: Split, preprocessing: Preprocessing) -> None:
        for split in (train, val):
            _check(split)
        if isinstance(val.targets, Boxes) and val.targets.ignored.all():
            raise InputError("targets: the images to evaluate on have no object; precision needs one")
        super().__init__(train, val, preprocessing)

    @staticmethod
    def outputs(classes: int) -> tuple[int, ...]:
        """Returns the background is one more class of the network."""
        return (classes + 1,)

    def prepare(
        self, raw: Raw, size: Size, augmentation: Augmentation, rng: np.random.Generator, device: torch.device,
        part: slice = WHOLE,
    ) -> Batch:  # fmt: skip
        """Returns the batch on the device; boxes become what each prior learns (:class:`Matched`)."""
        batch = super().prepare(raw, size, augmentation, rng, device, part)
        if not isinstance(batch.target, Boxes):
            return batch
        return Batch(batch.inputs, match(batch.target, priors_on(size, device)))

    def total(self, outputs: Any, target: Matched, stage: Stage) -> Tensor:
        """Smooth L1 of the locations of priors on objects, plus cross-entropy of these and of the worst negatives.

        An image has three negatives for each of its priors on objects, and three where it has none.

        Raises:
            FieldError: the outputs do not fit the priors of the batch or the classes of the data.
        """
        labels, wanted = target
        confidences, locations = checked(outputs, labels.shape[1], len(self.classes) + 1)
        positive = labels > BACKGROUND
        places = F.smooth_l1_loss(locations[positive].float(), wanted[positive], reduction="sum")
        wrong = F.cross_entropy(
            confidences.float().flatten(0, 1), labels.clamp(min=BACKGROUND).flatten(), reduction="none",
            label_smoothing=stage.label_smoothing,
        ).view_as(labels)  # fmt: skip
        worst = hardest(wrong.detach(), labels == BACKGROUND, NEGATIVES * _positives(labels))
        return places + wrong[positive | worst].sum()

    def weight(self, outputs: Any, target: Matched, stage: Stage) -> Tensor:
        """Returns the number of priors on objects, an image without any counting as one.

        Images with objects weigh as in SSD, and images or whole batches without objects teach the background.
        """
        return _positives(target.labels).sum()

    def evaluate(
        self, network: nn.Module, split: Split, device: torch.device, *,
        size: Size | None = None, on_batch: OnBatch = lambda images: None,
    ) -> Evaluation:  # fmt: skip
        """Returns mean average precision in percent, in three definitions.

        Boxes are compared in the pixels of the files.

        The headline ``map`` is COCO's, the mean over overlaps of 0.50 to 0.95; ``map_voc07`` and ``map_voc12`` are
        PASCAL VOC's at 0.5 (:mod:`analysis.metrics.voc`).
        """
        detected: list[ImageDetections] = []
        priors = priors_on(size or (split.images.shape[1], split.images.shape[2]), device)

        def add(outputs: tuple[Tensor, Tensor], target: Boxes) -> None:
            detected.extend(detections(outputs, priors))

        self.evaluated(network, split, device, size, on_batch, add)
        boxes = split.targets
        assert isinstance(boxes, Boxes)
        objects, predicted = in_pixels(boxes), detections_of(detected, boxes)
        coco = coco_metrics(objects, predicted, len(boxes), split.classes)
        voc = voc_metrics(objects, predicted, split.classes)
        return Evaluation(
            metric=self.metric,
            values={**coco.values, **voc.values},
            details={**coco.by_class, **voc.by_class},
        )


def _positives(labels: Tensor) -> Tensor:
    """(N,) the number of priors on objects of each image, at least one."""
    return (labels > BACKGROUND).sum(1).clamp(min=1)


def hardest(wrong: Tensor, candidates: Tensor, counts: Tensor) -> Tensor:
    """(N, P) which ``candidates`` have the greatest loss ``wrong``: ``counts`` (N,) of them in each row."""
    ranked = wrong.masked_fill(~candidates, -torch.inf).argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(ranked)
    rank.scatter_(1, ranked, torch.arange(wrong.shape[1], device=wrong.device).expand_as(ranked))
    return candidates & (rank < counts[:, None])


def in_pixels(boxes: Boxes) -> Objects:
    """Returns the objects of a split as the metrics take them."""
    image = np.repeat(np.arange(len(boxes)), np.diff(boxes.offsets))
    return Objects(image, boxes.corners * _scale(boxes)[image], boxes.labels, boxes.ignored)


def detections_of(detected: list[ImageDetections], boxes: Boxes) -> Detections:
    """Returns what was found in each image of a split as the metrics take it."""
    image = np.repeat(np.arange(len(detected)), [len(one.scores) for one in detected])
    none = ImageDetections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    corners, scores, labels = (
        torch.cat([column.cpu() for column in columns]).numpy()
        for columns in zip(none, *detected, strict=True)
    )
    return Detections(image, corners * _scale(boxes)[image], scores, labels)


def _scale(boxes: Boxes) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(N, 4): width, height, width, height of each image."""
    return np.tile(boxes.sizes[:, ::-1].astype(np.float64), 2)


def _check(split: Split) -> None:
    """Refuses targets that are no boxes, and labels that are no class."""
    boxes = split.targets
    if not isinstance(boxes, Boxes):
        raise InputError("targets: a detector learns boxes; these data have none")
    wrong = np.flatnonzero((boxes.labels < 0) | (boxes.labels >= len(split.classes)))
    if len(wrong):
        image = int(np.searchsorted(boxes.offsets, wrong[0], side="right")) - 1
        rule = f"no class of {', '.join(split.classes)}; the background is no label"
        nearest = int(np.clip(boxes.labels[wrong[0]], 0, len(split.classes) - 1))
        raise FieldError(f"{split.names[image]}: label", int(boxes.labels[wrong[0]]), rule, nearest)
