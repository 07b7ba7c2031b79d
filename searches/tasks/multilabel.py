"""Several classes an image: binary cross-entropy and mean average precision, what is unknown ignored in both."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from analysis.metrics.multilabel import multilabel_metrics
from analysis.quantities import main_metric
from archspace.preprocessing import Preprocessing
from archspace.support.errors import FieldError, InputError
from searches.config.recipe import Stage
from searches.data.dataset import Split
from searches.data.splits import VOID
from searches.tasks.base import Evaluation, ImageTask, OnBatch, Size

MOST_WEIGHT = 20.0
"""Weight of the images that have a class, at most."""


@lru_cache(maxsize=8)
def positive_weights(split: Split) -> Tensor:
    """(classes,) how many images lack a class for each that has it, 1 to 20; 1 where none has it."""
    target = np.asarray(split.targets)
    has, lacks = (target == 1).sum(0), (target == 0).sum(0)
    weights = np.where(has > 0, lacks / np.maximum(has, 1), 1.0).clip(1.0, MOST_WEIGHT)
    return torch.from_numpy(weights).float()


class MultiLabel(ImageTask):
    """Scores (N, classes) before the sigmoid, targets (N, classes) of 0, 1 and void (255: unknown)."""

    metric = main_metric("multilabel").name
    distils = False

    def __init__(self, train: Split, val: Split, preprocessing: Preprocessing) -> None:
        for split in (train, val):
            _check(split)
        if not (np.asarray(val.targets) == 1).any():
            raise InputError("targets: no image to evaluate on has a class; precision needs one")
        super().__init__(train, val, preprocessing)

    @staticmethod
    def outputs(classes: int) -> tuple[int, ...]:
        """Returns every output is a class."""
        return (classes,)

    def total(self, outputs: Any, target: Tensor, stage: Stage) -> Tensor:
        """Binary cross-entropy, summed over all that is known.

        With ``positive_weights`` a rare class's images weigh more (:func:`positive_weights`). Label smoothing moves
        every target towards one half.
        """
        known = target != VOID
        wanted = torch.where(known, target, 0).float()
        wanted = wanted * (1 - stage.label_smoothing) + stage.label_smoothing / 2
        weights = positive_weights(self.train).to(outputs.device) if stage.positive_weights else None
        each = F.binary_cross_entropy_with_logits(
            outputs.float(), wanted, reduction="none", pos_weight=weights
        )
        return each[known].sum()

    def weight(self, outputs: Any, target: Tensor, stage: Stage) -> Tensor:
        """Returns how many classes of how many images are known."""
        return (target != VOID).sum()

    def evaluate(
        self, network: nn.Module, split: Split, device: torch.device, *,
        size: Size | None = None, on_batch: OnBatch = lambda images: None,
    ) -> Evaluation:  # fmt: skip
        """Returns mean average precision, precision, recall and F1.

        They are those of :func:`analysis.metrics.multilabel.multilabel_metrics`.
        """
        scores: list[Tensor] = []
        targets: list[Tensor] = []

        def add(outputs: Tensor, target: Tensor) -> None:
            scores.append(outputs.float().cpu())
            targets.append(target.cpu())

        self.evaluated(network, split, device, size, on_batch, add)
        metrics = multilabel_metrics(torch.cat(scores), torch.cat(targets), split.classes, VOID)
        return Evaluation(metric=self.metric, values=metrics.values, details=metrics.by_class)


def _check(split: Split) -> None:
    """Refuses targets that are not 0, 1 or void for every class."""
    target = split.targets
    if not isinstance(target, np.ndarray) or target.shape != (len(split), len(split.classes)):
        shape = f"({len(split)}, {len(split.classes)})"
        raise InputError(
            f"targets: multi-label classification needs 0, 1 or {VOID} by image and class, {shape}"
        )
    wrong = np.argwhere((target > 1) & (target != VOID))
    if len(wrong):
        image, label = wrong[0]
        where = f"{split.names[image]}: {split.classes[label]}"
        raise FieldError(where, int(target[image, label]), f"must be 0, 1 or {VOID} (unknown)", 1)
