"""One class an image: cross-entropy, top-1 accuracy."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from analysis.metrics import Confusion
from searches.tasks.base import Task


class Classification(Task):
    """Scores (N, classes), targets (N,)."""

    metric = "accuracy"

    def loss(self, scores: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy."""
        return F.cross_entropy(scores, target)

    def value(self, confusion: Confusion) -> float:
        """Top-1 accuracy in percent."""
        return confusion.accuracy
