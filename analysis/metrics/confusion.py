"""Accuracy metrics from one confusion matrix accumulated over a whole split, never averaged over batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Confusion:
    """Pixels or images by true class (rows) and predicted output (columns).

    A network may have outputs beyond the classes (a trained void class): predicting one is a miss of the true class.

    Attributes:
        matrix: (C, C) counts over everything that is not void; C is the larger of classes and outputs.
        void_predictions: (C,) counts of what is predicted where the truth is void.
        classes: names of the true classes.
    """

    matrix: NDArray[np.int64]
    void_predictions: NDArray[np.int64]
    classes: tuple[str, ...]

    @property
    def accuracy(self) -> float:
        """Percent of pixels or images whose class is right; NaN when there are none."""
        total = self.matrix.sum()
        return float(100.0 * np.trace(self.matrix) / total) if total else float("nan")

    def _iou(self, extra: NDArray[np.int64] | int) -> dict[str, float]:
        hit = np.diag(self.matrix).astype(np.float64)
        union = self.matrix.sum(0) + self.matrix.sum(1) - hit + extra
        with np.errstate(invalid="ignore", divide="ignore"):
            iou = 100.0 * hit / union
        return dict(zip(self.classes, map(float, iou), strict=False))

    @property
    def class_iou(self) -> dict[str, float]:
        """Intersection over union by class in percent, void ignored; NaN for a class neither present nor predicted."""
        return self._iou(0)

    @property
    def miou(self) -> float:
        """Mean IoU in percent over the classes present or predicted, void ignored; NaN when there are none."""
        return _mean(self.class_iou)

    @property
    def miou_void_as_error(self) -> float:
        """Mean IoU in percent when a class predicted on void counts against it (the ESPNet authors' protocol)."""
        return _mean(self._iou(self.void_predictions))

    def grouped(self, categories: Sequence[str]) -> Confusion:
        """Returns the same counts by category: ``categories`` has that of each class; outputs beyond stay their own."""
        names = tuple(dict.fromkeys(categories))
        extra = len(self.matrix) - len(categories)
        place = np.array([*(names.index(c) for c in categories), *(len(names) + i for i in range(extra))])
        member = np.eye(len(names) + extra, dtype=np.int64)[place]
        return Confusion(member.T @ self.matrix @ member, member.T @ self.void_predictions, names)

    @property
    def class_accuracy(self) -> float:
        """Mean over the classes present of the percent of their pixels that are found."""
        rows = self.matrix.sum(1)[: len(self.classes)]
        hit = np.diag(self.matrix)[: len(self.classes)]
        return float(100.0 * np.mean(hit[rows > 0] / rows[rows > 0])) if (rows > 0).any() else float("nan")


def _mean(iou: dict[str, float]) -> float:
    known = [value for value in iou.values() if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


class ConfusionCounter:
    """Accumulates a :class:`Confusion` batch by batch.

    Args:
        classes: names of the classes.
        void: target value that does not count, or ``None``.
        outputs: outputs of the network where they are more than the classes.
    """

    def __init__(self, classes: Sequence[str], void: int | None = None, outputs: int | None = None) -> None:
        self.classes = tuple(classes)
        self.void = void
        self._size = max(len(self.classes), outputs or 0)
        self._matrix = torch.zeros(self._size, self._size, dtype=torch.int64)
        self._void = torch.zeros(self._size, dtype=torch.int64)

    def add(self, scores: Tensor, target: Tensor) -> None:
        """Adds a batch: scores (N, outputs, ...) and targets (N, ...) of the same trailing size."""
        # Here, because it imports SciPy and Matplotlib, which takes a second.
        from torchmetrics.functional.classification import multiclass_confusion_matrix

        predicted, target = scores.argmax(1), target.long()
        batch = multiclass_confusion_matrix(
            predicted, target, self._size, ignore_index=self.void, validate_args=False
        )
        self._matrix += batch.cpu().to(torch.int64)
        if self.void is not None:
            self._void += torch.bincount(predicted[target == self.void], minlength=self._size).cpu()

    def result(self) -> Confusion:
        """Returns what has been added so far."""
        return Confusion(self._matrix.numpy().copy(), self._void.numpy().copy(), self.classes)
