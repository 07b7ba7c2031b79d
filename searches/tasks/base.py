"""What training and evaluation know of a task: its splits, its loss and its metric."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from analysis.metrics import Confusion
from archspace.preprocessing import Preprocessing
from searches.tasks.dataset import Split
from searches.tasks.evaluation import confusion_of, load_batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Random changes to a training batch.

    Attributes:
        flip: mirror left and right with probability one half.
        shift: translate by up to this many pixels on each axis, edges repeated.
    """

    flip: bool = False
    shift: int = 0


class Task(ABC):
    """A data set with a loss and a metric.

    Attributes:
        train, val: the splits.
        preprocessing: from uint8 images to the network's input.
        metric: name of the objective that :meth:`evaluate` yields, in percent.
    """

    metric: str

    def __init__(self, train: Split, val: Split, preprocessing: Preprocessing) -> None:
        self.train, self.val, self.preprocessing = train, val, preprocessing

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.train.classes

    @abstractmethod
    def loss(self, scores: Tensor, target: Tensor) -> Tensor:
        """Mean loss of a batch, a scalar."""

    @abstractmethod
    def value(self, confusion: Confusion) -> float:
        """The metric in percent."""

    def batches(
        self, size: int, generator: np.random.Generator, augmentation: Augmentation, device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch of shuffled, augmented training batches; a last batch of one image is left out."""
        order = generator.permutation(len(self.train))
        for start in range(0, len(order), size):
            index = np.sort(order[start : start + size])
            if len(index) < 2 and len(order) > 1:
                return
            yield augmented(
                *load_batch(self.train, index, self.preprocessing, device), generator, augmentation
            )

    def evaluate(self, network: nn.Module, split: Split, device: torch.device) -> Confusion:
        """The confusion over all of ``split`` with the network in eval mode."""
        return confusion_of(network, split, self.preprocessing, device)


def augmented(
    images: Tensor, target: Tensor, generator: np.random.Generator, augmentation: Augmentation
) -> tuple[Tensor, Tensor]:
    """Images (N, C, H, W) and targets (N,) or (N, H, W) after the same random changes."""
    dense = target.ndim == 3
    if augmentation.flip:
        chosen = torch.from_numpy(generator.random(len(images)) < 0.5)
        images = torch.where(chosen[:, None, None, None], images.flip(3), images)
        if dense:
            target = torch.where(chosen[:, None, None], target.flip(2), target)
    if augmentation.shift:
        reach = augmentation.shift
        height, width = images.shape[2:]
        down, right = (int(v) for v in generator.integers(-reach, reach + 1, 2))
        rows = (torch.arange(height) + down).clamp(0, height - 1)
        columns = (torch.arange(width) + right).clamp(0, width - 1)
        images = images[:, :, rows][:, :, :, columns]
        if dense:
            target = target[:, rows][:, :, columns]
    return images, target
