"""What a network says of a split, as one confusion matrix; the same for every task and every network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.metrics import Confusion, ConfusionCounter
from archspace.preprocessing import Preprocessing
from searches.tasks.dataset import Split

EVALUATION_BATCH = 32
MOST_PIXELS = EVALUATION_BATCH * 224 * 224
"""Pixels of a batch at most, so that large images do not need more memory."""


def load_batch(
    split: Split, index: NDArray[np.int64], preprocessing: Preprocessing, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Images (N, C, H, W) as the network takes them, and their targets."""
    images = preprocessing.apply(np.asarray(split.images[index]))
    targets = torch.from_numpy(np.asarray(split.targets[index]).astype(np.int64))
    return images.to(device, memory_format=torch.channels_last), targets.to(device)


def fitted(scores: Tensor, target: Tensor) -> Tensor:
    """Dense scores resized to the target, bilinear with corners aligned; others as they are."""
    if target.ndim != 3 or scores.shape[-2:] == target.shape[-2:]:
        return scores
    return F.interpolate(scores, size=target.shape[-2:], mode="bilinear", align_corners=True)


@torch.inference_mode()
def confusion_of(
    network: nn.Module,
    split: Split,
    preprocessing: Preprocessing,
    device: torch.device,
    *,
    outputs: int | None = None,
    on_batch: Callable[[int], None] = lambda images: None,
) -> Confusion:
    """The confusion over all of ``split`` with the network in eval mode.

    Args:
        outputs: of the network, where they may be more than the split's classes.
        on_batch: told after each batch how many images it had.
    """
    network.eval()
    counter = ConfusionCounter(split.classes, split.void, outputs)
    height, width = split.images.shape[1:3]
    size = max(1, min(EVALUATION_BATCH, MOST_PIXELS // (height * width)))
    for start in range(0, len(split), size):
        index = np.arange(start, min(start + size, len(split)))
        images, target = load_batch(split, index, preprocessing, device)
        counter.add(fitted(network(images), target), target)
        on_batch(len(index))
    return counter.result()
