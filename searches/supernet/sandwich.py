"""One step of a supernet: the largest network, the smallest and random ones; what they learn adds up.

The largest learns from the targets; all others learn from its scores alone (in-place distillation, Yu et al. 2020),
and without dropout. Gradients of all add up in the shared weights before they change once.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from searches.config.recipe import Stage
from searches.data.splits import VOID
from searches.supernet.norms import estimate_norms
from searches.supernet.supernet import Supernet
from searches.tasks.base import Batch, ImageTask, Raw, Size, Task
from searches.tasks.scores import distilled, shrunk
from searches.training.steps import Stepper, TrainingError

DRAWN = 2
"""Marks the generator of a step's random networks among those of the step."""
TEMPERATURE = 1.0
"""The largest network's scores are taken as they are."""


class SandwichStepper(Stepper):
    """Trains the shared weights of a supernet.

    Args:
        supernet: what is trained.
        random: random networks a step.
        norm_images: as of :func:`searches.supernet.norms.estimate_norms`, for what is evaluated between epochs.
    """

    def __init__(
        self, supernet: Supernet, random: int, norm_images: int, task: Task, stage: Stage, device: torch.device
    ) -> None:  # fmt: skip
        plain = stage.model_copy(update={"channels_last": False})
        super().__init__(supernet.weights, task, plain, device, None)
        self.supernet, self.random, self.norm_images = supernet, random, norm_images
        self.memory = torch.channels_last if stage.channels_last else torch.contiguous_format
        self.others: list[Network] = []

    def sandwich(self, seed: tuple[int, ...]) -> list[ArchSpec]:
        """Returns the networks of a step, the largest first; the random ones follow from its seed."""
        subnets, rng = self.supernet.subnets, np.random.default_rng([*seed, DRAWN])
        drawn = [self.supernet.drawn(rng) for _ in range(self.random)]
        chosen = {spec.arch_id: spec for spec in (subnets.largest, subnets.smallest, *drawn)}
        return list(chosen.values())

    def _update(self, raw: Raw, size: Size, seed: tuple[int, ...], where: str) -> float:
        largest, *others = self.sandwich(seed)
        self.run = self._inheriting(largest)
        self.backward = self.faster(self.run)
        self.others = [self._inheriting(spec) for spec in others]
        for network in self.others:
            for module in network.modules():
                if isinstance(module, nn.Dropout):
                    module.eval()
        try:
            return super()._update(raw, size, seed, where)
        finally:
            self.run, self.backward, self.others = None, None, []

    def _inheriting(self, spec: ArchSpec) -> Network:
        network = self.supernet.network(spec)
        return network.to(memory_format=self.memory).train()  # type: ignore[call-overload, no-any-return]

    def after_backward(self, batch: Batch, outputs: Any, share: float) -> None:
        """Lets the other networks learn from the largest's scores, and adds up what all have learned."""
        self.supernet.collect(self.run)
        taught = outputs.detach()
        counts = _counting(batch.target, taught)
        for network in self.others:
            faster = self.faster(network)
            with self._precision(), nullcontext() if faster is None else faster.active():
                loss = share * distilled(network(batch.inputs), taught, TEMPERATURE, counts)
            if not math.isfinite(loss.item()):
                raise TrainingError(
                    f"loss of {network.spec.label} is {loss.item()}, learning from the largest network"
                )
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.supernet.collect(network)

    @property
    def kept(self) -> nn.Module:
        """The largest network, its norms estimated anew."""
        weights = self.average.module if self.average is not None else self.network
        network = self.supernet.network(self.supernet.subnets.largest, weights)
        estimate_norms(
            network, cast(ImageTask, self.task), self.norm_images, self.device, self.stage.last_size
        )
        return network


def _counting(target: Any, scores: Tensor) -> Tensor | None:
    """Which places of dense scores count: all that are not void."""
    return None if scores.dim() < 4 else (shrunk(target, scores) != VOID).to(scores.dtype)
