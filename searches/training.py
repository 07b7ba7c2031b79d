"""fit(network, task, recipe): a plain training loop that knows nothing of Optuna."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from searches.recipe import Recipe
from searches.tasks.base import Augmentation, Task


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What an epoch came to: its number from 1 and the mean training loss."""

    number: int
    loss: float


def rate_factor(recipe: Recipe, step: int, steps: int) -> float:
    """Share of ``recipe.lr`` at a step (from 0) of ``steps``.

    Warm-up rises linearly; poly is (1 - t)^0.9 and cosine (1 + cos(pi t)) / 2 with t the share of the rest done.
    """
    warm = round(recipe.warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    t = (step - warm) / max(1, steps - warm)
    if recipe.schedule == "constant":
        return 1.0
    return (1 - t) ** 0.9 if recipe.schedule == "poly" else (1 + math.cos(math.pi * t)) / 2


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser; one-dimensional parameters are not decayed."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    free = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": free, "weight_decay": 0.0}]
    if recipe.optimizer == "adam":
        return torch.optim.AdamW(groups, lr=recipe.lr)
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=0.9, nesterov=True)


def fit(
    network: nn.Module,
    task: Task,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> list[Epoch]:
    """Trains ``network`` in place and returns its epochs.

    The order of images and their augmentation follow from ``seed`` alone; torch's generator (dropout) is seeded too.

    Raises:
        TrainingError: the loss is not finite; the message has the epoch and step.
    """
    generator = np.random.default_rng(seed)
    torch.manual_seed(seed)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_optimizer(network, recipe)
    augmentation = Augmentation(flip=recipe.flip, shift=recipe.shift)
    steps = recipe.epochs * -(-len(task.train) // recipe.batch)
    step, history = 0, []
    for number in range(1, recipe.epochs + 1):
        network.train()
        total, seen = 0.0, 0
        for images, target in task.batches(recipe.batch, generator, augmentation, device):
            for group in optimizer.param_groups:
                group["lr"] = recipe.lr * rate_factor(recipe, step, steps)
            optimizer.zero_grad(set_to_none=True)
            loss = task.loss(network(images), target)
            value = loss.item()
            if not math.isfinite(value):
                raise TrainingError(f"loss is {value} at epoch {number}, step {step}")
            loss.backward()  # type: ignore[no-untyped-call]
            if recipe.clip:
                nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
            optimizer.step()
            total, seen, step = total + value * len(images), seen + len(images), step + 1
        history.append(Epoch(number, total / max(1, seen)))
        on_epoch(history[-1])
    return history
