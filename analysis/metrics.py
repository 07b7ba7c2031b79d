"""Accuracy metrics from one confusion matrix accumulated over a whole split, never averaged over batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix


@dataclass(frozen=True, slots=True)
class Confusion:
    """Pixels or images by true class (rows) and predicted class (columns); void is not among them."""

    matrix: NDArray[np.int64]
    classes: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """Percent of pixels or images whose class is right; NaN when there are none."""
        total = self.matrix.sum()
        return float(100.0 * np.trace(self.matrix) / total) if total else float("nan")

    @property
    def class_iou(self) -> dict[str, float]:
        """Intersection over union by class in percent; NaN for a class neither present nor predicted."""
        hit = np.diag(self.matrix).astype(np.float64)
        union = self.matrix.sum(0) + self.matrix.sum(1) - hit
        with np.errstate(invalid="ignore", divide="ignore"):
            iou = 100.0 * hit / union
        return dict(zip(self.classes, map(float, iou), strict=True))

    @property
    def miou(self) -> float:
        """Mean IoU in percent over the classes that are present or predicted; NaN when there are none."""
        values = np.array(list(self.class_iou.values()))
        known = values[~np.isnan(values)]
        return float(known.mean()) if len(known) else float("nan")


class ConfusionCounter:
    """Accumulates a :class:`Confusion` batch by batch.

    Args:
        classes: names of the classes.
        void: target value that does not count, or ``None``.
    """

    def __init__(self, classes: Sequence[str], void: int | None = None) -> None:
        self.classes = tuple(classes)
        self.void = void
        self._matrix = torch.zeros(len(self.classes), len(self.classes), dtype=torch.int64)

    def add(self, scores: Tensor, target: Tensor) -> None:
        """Adds a batch: scores (N, classes, ...) and targets (N, ...) of the same trailing size."""
        predicted = scores.argmax(1)
        batch = multiclass_confusion_matrix(
            predicted, target.long(), len(self.classes), ignore_index=self.void, validate_args=False
        )
        self._matrix += batch.to(self._matrix.device, torch.int64)

    def result(self) -> Confusion:
        """What has been added so far."""
        return Confusion(self._matrix.numpy().copy(), self.classes)
