"""Training runs of a few steps on made data, and their end at any of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from archspace.build import build
from archspace.network import Network
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from searches.data.dataset import Split
from searches.data.splits import VOID
from searches.tasks.base import Task
from searches.tasks.table import make_task
from searches.training.loop import Callback, Step

CPU = torch.device("cpu")
RGB = Preprocessing(channel_order="rgb", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))

CLASSIFIER = {
    "network": "espnetv2",
    "width": 0.25,
    "alphas": [0, 1, 0, 0],
    "classes": 2,
    "input_size": [16, 16],
}
SEGMENTER = {"network": "espnet", "alphas": [1, 1], "width": 0.5, "classes": 2, "input_size": [32, 32]}


class Killed(Exception):
    """Stands for the end of the process, after which nothing of this object runs."""


class KillAt(Callback):
    """Ends the run after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, step: Step) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


class StepCount(Callback):
    """Counts the steps of all runs that it follows."""

    def __init__(self) -> None:
        self.steps = 0

    def step(self, step: Step) -> None:
        self.steps += 1


def task_of(fields: dict[str, Any]) -> Task:
    rng = np.random.default_rng(0)
    side = fields["input_size"][0]
    images = rng.integers(0, 256, (13, side, side, 3), dtype=np.uint8)
    targets: Any = np.arange(13) % 2
    if fields is SEGMENTER:
        targets = (images[..., 0] > 127).astype(np.uint8)
        targets[:, :2] = VOID
    split = Split(
        images=images,
        targets=targets,
        names=tuple(f"image {i}" for i in range(13)),
        classes=("dark", "light"),
        void=VOID,
    )
    return make_task(ArchSpec.from_dict(fields).task, split, split, RGB)


def fresh(fields: dict[str, Any]) -> Network:
    torch.manual_seed(7)
    return build(ArchSpec.from_dict(fields))


def weights(network: Network) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def events(folder: Path) -> Any:
    """What TensorBoard reads from a folder."""
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accumulator = module.EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    return accumulator.Reload()
