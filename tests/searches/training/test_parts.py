"""A batch that is cut in parts, because memory ran out, is the same step."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
import torch

from archspace.build import build
from archspace.preprocessing import Preprocessing
from archspace.spec.archspec import ArchSpec
from searches.config.recipe import Stage
from searches.data.boxes import boxes_of
from searches.data.dataset import Split, Targets
from searches.data.splits import VOID
from searches.tasks.base import Raw, Task
from searches.tasks.table import image_tasks
from searches.training.steps import Stepper

N, CLASSES, SIZE = 8, ("a", "b", "c"), (64, 64)
CPU = torch.device("cpu")


def masks(random: np.random.Generator) -> Targets:
    """The first half of the images almost all void: image by image they would weigh far too much."""
    target = random.integers(0, 3, (N, *SIZE)).astype(np.uint8)
    target[: N // 2, 4:] = VOID
    return target


def presence(random: np.random.Generator) -> Targets:
    """What the first half of the images show is unknown, but for one class of one image."""
    target = random.integers(0, 2, (N, 3)).astype(np.uint8)
    target[: N // 2] = VOID
    target[0, 0] = 1
    return target


def rectangles(random: np.random.Generator) -> Targets:
    """No object in the first half of the images, three large ones in each of the others."""
    none = (np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))
    corners = np.array([[0.0, 0.0, 0.5, 0.5], [0.4, 0.3, 0.9, 0.9], [0.1, 0.5, 0.4, 1.0]], np.float32)
    some = (corners, np.array([0, 1, 2]), np.zeros(3, bool))
    return boxes_of([none if i < N // 2 else some for i in range(N)], [SIZE] * N)


TARGETS: dict[str, Callable[[np.random.Generator], Targets]] = {
    "classification": lambda random: np.arange(N) % 3, "segmentation": masks,
    "multilabel": presence, "detection": rectangles,
}  # fmt: skip
CASES = {
    "classification": Stage(label_smoothing=0.1), "segmentation": Stage(zoom=(1.0, 1.5)),
    "segmentation, coarse": Stage(coarse_labels=True), "multilabel": Stage(positive_weights=True),
    "detection": Stage(colour=0.2),
}  # fmt: skip


def gradients(task: Task, network: torch.nn.Module, raw: Raw, stage: Stage, parts: int) -> torch.Tensor:
    """All gradients of one step in ``parts``; norms and dropout as in evaluation, which see the whole batch."""
    stepper = Stepper(deepcopy(network), task, stage, CPU, None)
    stepper.parts = parts
    stepper.step(raw, SIZE, 0.0, (0, 0, 0, 0), "here")
    gradients = [p.grad for p in stepper.network.parameters() if p.grad is not None]
    return torch.cat([gradient.flatten() for gradient in gradients])


@pytest.mark.parametrize("case", CASES)
def test_parts_come_to_the_gradient_of_the_whole(case: str) -> None:
    name, random = case.split(",")[0], np.random.default_rng(3)
    images = random.integers(0, 256, (N, *SIZE, 3)).astype(np.uint8)
    split = Split(
        images=images,
        targets=TARGETS[name](random),
        names=tuple(map(str, range(N))),
        classes=CLASSES,
        void=VOID,
    )
    task = image_tasks()[name](
        split, split, Preprocessing(channel_order="rgb", mean=(0.5,) * 3, std=(0.25,) * 3)
    )
    torch.manual_seed(0)
    decoder = "none" if "coarse" in case else None
    spec = ArchSpec(
        "espnetv2", task=name, width=0.5, classes=task.outputs(3)[0], input_size=SIZE, decoder=decoder
    )
    network = build(spec).eval()
    raw = Raw(split.images, split.targets, split.names)
    whole = gradients(task, network, raw, CASES[case], 1)
    assert whole.norm() > 0
    for parts in (2, 4):
        torch.testing.assert_close(
            gradients(task, network, raw, CASES[case], parts),
            whole,
            rtol=1e-3,
            atol=1e-4 * float(whole.abs().max()),
        )
