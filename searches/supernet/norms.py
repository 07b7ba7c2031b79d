"""Norms estimated anew: those of the shared weights fit no single network."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from archspace.network import Network
from searches.data.augment import NONE
from searches.tasks.base import ImageTask, Raw, Size, gathered

BATCH = 64
"""Images of a batch at most; all batches are of nearly one size and count alike."""
MOMENTUM = 0.1
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def estimate_norms(
    network: Network, task: ImageTask, images: int, device: torch.device, size: Size | None = None
) -> None:
    """Gives the batch norms of a network the statistics of so many training images, always the same ones.

    Args:
        network: left in eval mode, on the device, its weights as images of batches lie in memory.
        images: of the training split, without augmentation; all where there are fewer.
        size: (H, W) of the network's input; that of the images if left out.
    """
    network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    norms = [module for module in network.modules() if isinstance(module, NORMS)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
        norm.train()
    chosen = np.random.default_rng(0).permutation(len(task.train))[:images]
    side = (task.train.images.shape[1], task.train.images.shape[2])
    with torch.inference_mode():
        for index in np.array_split(chosen, max(1, -(-len(chosen) // BATCH))):
            raw = gathered(task.train, np.sort(index))
            unlabelled = Raw(raw.inputs, np.zeros(len(raw), np.int64), raw.names)
            network(task.prepare(unlabelled, size or side, NONE, np.random.default_rng(0), device).inputs)
    for norm in norms:
        norm.momentum = MOMENTUM
        norm.eval()
