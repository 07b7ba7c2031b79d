"""A network judged by its probabilities: what its metric would come to if it drew each answer from them.

Inherited weights are unsure, and two networks differ in how sure they are before they differ in what they answer. The
metric of answers drawn from the probabilities, in expectation, sees that; counting hits does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from searches.data.dataset import Split
from searches.tasks.base import ImageTask, on_device
from searches.tasks.scores import fitted


class Expected:
    """Accumulates the expected metric of a network on a split, beside its evaluation.

    Args:
        task: classification or segmentation.
        split: what is evaluated, in its order.
    """

    def __init__(self, task: ImageTask, split: Split) -> None:
        self.pixelwise = task.pixelwise
        self.split = split
        classes = len(split.classes)
        self._scores: Tensor | None = None
        self._place = 0
        self._truth, self._hits, self._answers = (torch.zeros(classes, dtype=torch.float64) for _ in range(3))

    @contextmanager
    def of(self, network: nn.Module) -> Iterator[None]:
        """Hears every output of ``network`` while it lasts."""

        def hear(module: nn.Module, inputs: object, outputs: Tensor) -> None:
            self._scores = outputs

        handle = network.register_forward_hook(hear)
        try:
            yield
        finally:
            handle.remove()

    def on_batch(self, images: int) -> None:
        """Adds the last output, of the next ``images`` of the split."""
        assert self._scores is not None
        index = slice(self._place, self._place + images)
        self._place += images
        self.add(self._scores, on_device(self.split.targets[index], self._scores.device))

    def add(self, scores: Tensor, target: Tensor) -> None:
        """Adds scores (N, outputs, ...) and targets (N, ...); a target that is no class does not count."""
        classes = len(self._truth)
        chances = fitted(scores, target).softmax(1)
        counts = target < classes
        true = torch.where(counts, target, 0)
        hits = chances.gather(1, true[:, None])[:, 0][counts].double()
        self._truth += torch.bincount(true[counts], minlength=classes).cpu()
        self._hits += torch.bincount(true[counts], weights=hits, minlength=classes).cpu()
        answers = (chances[:, :classes] * counts[:, None]).transpose(0, 1).flatten(1).sum(1)
        self._answers += answers.double().cpu()

    @property
    def value(self) -> float:
        """Expected top-1 accuracy, or mean IoU over the classes that the split has, in percent."""
        if not self.pixelwise:
            return 100.0 * float(self._hits.sum() / self._truth.sum().clamp(min=1))
        present = self._truth > 0
        union = self._truth + self._answers - self._hits
        return 100.0 * float((self._hits / union)[present].mean()) if present.any() else float("nan")
