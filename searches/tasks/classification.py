"""One class an image: cross-entropy, top-1 and top-5 accuracy."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from analysis.quantities import main_metric
from searches.config.recipe import Stage
from searches.data.dataset import Split
from searches.tasks.base import Evaluation, ImageTask, OnBatch, Size

TOP = 5


class Classification(ImageTask):
    """Scores (N, classes), targets (N,)."""

    metric = main_metric("classification").name

    def total(self, outputs: Any, target: Any, stage: Stage) -> Tensor:
        """Returns cross-entropy with label smoothing, summed over the images."""
        return F.cross_entropy(outputs, target, reduction="sum", label_smoothing=stage.label_smoothing)

    def weight(self, outputs: Any, target: Any, stage: Stage) -> Tensor:
        """Returns the number of images."""
        return torch.tensor(len(target), device=target.device)

    def evaluate(
        self, network: nn.Module, split: Split, device: torch.device, *,
        size: Size | None = None, on_batch: OnBatch = lambda images: None,
    ) -> Evaluation:  # fmt: skip
        """Top-1 and top-5 accuracy in percent.

        Among equal scores the class of the lower index counts first. With five classes or fewer top-5 is 100.
        """
        hits = torch.zeros(TOP, dtype=torch.int64)

        def add(scores: Tensor, target: Tensor) -> None:
            ranked = scores.argsort(dim=1, descending=True, stable=True)[:, :TOP]
            by_rank = (ranked == target[:, None]).sum(0).cpu()
            hits[: len(by_rank)] += by_rank

        self.evaluated(network, split, device, size, on_batch, add)
        share = 100.0 * hits.cumsum(0).double() / max(1, len(split))
        return Evaluation(
            metric=self.metric, values={"accuracy": share[0].item(), "top5_accuracy": share[-1].item()}
        )
