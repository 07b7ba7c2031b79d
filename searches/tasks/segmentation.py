"""One class a pixel: cross-entropy and mIoU, void ignored in both."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from analysis.metrics.confusion import Confusion, ConfusionCounter
from analysis.quantities import main_metric
from searches.config.recipe import Stage
from searches.data.dataset import Split
from searches.data.splits import VOID
from searches.tasks.base import Evaluation, ImageTask, OnBatch, Size
from searches.tasks.pixels import pixel_loss
from searches.tasks.scores import fitted, shrunk


@lru_cache(maxsize=8)
def class_weights(split: Split, c: float = 1.10) -> Tensor:
    """ENet's weights 1 / ln(c + p), p the share of a class among the pixels that are not void.

    A class that the split does not have gets the weight of p = 0.
    """
    counts = np.zeros(VOID + 1, np.int64)
    for mask in split.targets:  # type: ignore[union-attr]
        counts += np.bincount(np.asarray(mask).ravel(), minlength=VOID + 1)
    counts = counts[: len(split.classes)]
    share = counts / max(1, counts.sum())
    return torch.from_numpy(1.0 / np.log(c + share)).float()


class Segmentation(ImageTask):
    """Scores (N, classes, h, w) at any stride, targets (N, H, W)."""

    metric = main_metric("segmentation").name
    pixelwise = True

    def total(self, outputs: Any, target: Any, stage: Stage) -> Tensor:
        """Weighted cross-entropy at full size, summed over the pixels that are not void.

        With ``coarse_labels`` the labels are resized to the scores instead. A network with one output more than the
        classes (a trained void) gets weight 1 there. The stage may choose another loss, or the hardest pixels alone
        (:mod:`searches.tasks.pixels`).
        """
        if stage.coarse_labels:
            scores, target = outputs, shrunk(target, outputs)
        else:
            scores = fitted(outputs, target)
        return pixel_loss(scores, target, self._weights(outputs, stage), stage)

    def weight(self, outputs: Any, target: Any, stage: Stage) -> Tensor:
        """Returns the weights of the pixels that are not void, summed."""
        if stage.coarse_labels:
            target = shrunk(target, outputs)
        return self._weights(outputs, stage)[target[target != VOID]].sum()

    def _weights(self, outputs: Tensor, stage: Stage) -> Tensor:
        """The weight of each output of the network."""
        weights = torch.ones(outputs.shape[1], device=outputs.device)
        if stage.class_weights:
            weights[: len(self.classes)] = class_weights(self.train, stage.weight_constant).to(outputs.device)
        return weights

    def confusions(
        self, network: nn.Module, split: Split, device: torch.device, *,
        size: Size | None = None, on_batch: OnBatch = lambda images: None,
    ) -> tuple[Confusion, Confusion]:  # fmt: skip
        """Returns the confusion over all pixels of ``split``: at the labels' own resolution, and at that of the input.

        The scores are resized to the labels, not the labels to the scores.
        """
        counters: list[ConfusionCounter] = []
        own_mask, place = split.own_mask, 0

        def add(scores: Tensor, target: Tensor) -> None:
            nonlocal place
            if not counters:
                counters.extend(
                    ConfusionCounter(split.classes, split.void, scores.shape[1])
                    for _ in range(1 if own_mask is None else 2)
                )
            counters[-1].add(fitted(scores, target), target)
            for number in range(len(target) if own_mask is not None else 0):
                assert own_mask is not None
                own = torch.from_numpy(own_mask(place + number)).to(scores.device, torch.int64)[None]
                counters[0].add(fitted(scores[number : number + 1], own), own)
            place += len(target)

        self.evaluated(network, split, device, size, on_batch, add)
        return counters[0].result(), counters[-1].result()

    def evaluate(
        self, network: nn.Module, split: Split, device: torch.device, *,
        size: Size | None = None, on_batch: OnBatch = lambda images: None,
    ) -> Evaluation:  # fmt: skip
        """Returns mean IoU in both protocols, pixel and class accuracy, by class and, where there are any, by category.

        All are at the labels' own resolution, as the authors of Cityscapes and CamVid judge; ``miou_at_input`` alone
        compares with labels that were resized to the images.
        """
        confusion, at_input = self.confusions(network, split, device, size=size, on_batch=on_batch)
        values = {
            "miou": confusion.miou,
            "miou_void_as_error": confusion.miou_void_as_error,
            "miou_at_input": at_input.miou,
            "pixel_accuracy": confusion.accuracy,
            "class_accuracy": confusion.class_accuracy,
        }
        details = {"class_iou": confusion.class_iou}
        if split.categories:
            grouped = confusion.grouped(split.categories)
            values["category_miou"] = grouped.miou
            details["category_iou"] = grouped.class_iou
        return Evaluation(metric=self.metric, values=values, details=details)
