"""One class a pixel: cross-entropy and mIoU, void ignored in both."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.metrics import Confusion
from archspace.preprocessing import Preprocessing
from searches.tasks.base import Task
from searches.tasks.dataset import VOID, Split
from searches.tasks.evaluation import fitted


def class_weights(split: Split, c: float = 1.10) -> Tensor:
    """ENet's weights 1 / ln(c + p), p the share of a class among the pixels that are not void.

    A class that the split does not have gets the weight of p = 0.
    """
    counts = np.bincount(np.asarray(split.targets).ravel(), minlength=VOID + 1)[: len(split.classes)]
    share = counts / max(1, counts.sum())
    return torch.from_numpy(1.0 / np.log(c + share)).float()


class Segmentation(Task):
    """Scores (N, classes, h, w) at any stride, targets (N, H, W)."""

    metric = "miou"

    def __init__(self, train: Split, val: Split, preprocessing: Preprocessing, weighted: bool = True) -> None:
        super().__init__(train, val, preprocessing)
        self.weights = class_weights(train) if weighted else torch.ones(len(train.classes))

    def loss(self, scores: Tensor, target: Tensor) -> Tensor:
        """Weighted cross-entropy at full size over pixels that are not void; 0 where all are void."""
        scores = fitted(scores, target)
        weights = self.weights.to(scores.device)
        total = F.cross_entropy(scores, target, weights, ignore_index=VOID, reduction="sum")
        counted = weights[target[target != VOID]].sum()
        return total / counted.clamp(min=1e-12)

    def value(self, confusion: Confusion) -> float:
        """Mean IoU in percent."""
        return confusion.miou
