"""Training with the data set on the device: bytes, augmentation, loss and optimiser never wait for the host.

On a GPU a step is one captured graph in bfloat16; on a CPU it runs as it is written. Nothing here needs more than torch
and archspace's networks, so that it runs where the packages of studies and reports are not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from searches.data.splits import VOID

WARM_STEPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a network is trained: DABNet's recipe for CamVid, unless it says otherwise.

    Attributes:
        epochs, batch: passes over the images, images a step.
        lr, decay: Adam's rate and weight decay; poly with power 0.9 over all steps.
        warm, warm_from: share of the steps over which the rate rises, and the factor at which it begins.
        zoom: smallest and largest scale; what lies outside of the image is void.
        constant: of the class weights 1 / ln(constant + p).
        seed: of weights, order and augmentation.
    """

    epochs: int = 1000
    batch: int = 16
    lr: float = 1e-3
    decay: float = 2e-4
    warm: float = 500 / 30_000
    warm_from: float = 1 / 3
    zoom: tuple[float, float] = (0.75, 2.0)
    constant: float = 1.10
    seed: int = 0

    def rate(self, step: int, steps: int) -> float:
        """Returns the learning rate at a step from 0."""
        warm = round(self.warm * steps)
        if step < warm:
            return self.lr * (self.warm_from + (1 - self.warm_from) * (step + 1) / (warm + 1))
        return self.lr * float((1 - (step - warm) / max(1, steps - warm)) ** 0.9)


@dataclass(frozen=True, slots=True, eq=False)
class Resident:
    """Images (N, 3, H, W) and labels (N, H, W) as bytes on one device, and what normalises them."""

    images: Tensor
    labels: Tensor
    classes: int
    mean: Tensor = field(init=False)
    std: Tensor = field(init=False)

    def __post_init__(self) -> None:
        total, squares = torch.zeros(2, 3, dtype=torch.float64, device=self.images.device).unbind()
        for part in self.images.split(32):
            values = part.double()
            total, squares = total + values.sum((0, 2, 3)), squares + values.square().sum((0, 2, 3))
        count = self.images.numel() / 3
        mean = total / count
        std = (squares / count - mean.square()).clamp(min=1e-6).sqrt()
        object.__setattr__(self, "mean", mean.float().view(1, 3, 1, 1))
        object.__setattr__(self, "std", std.float().view(1, 3, 1, 1))

    def weights(self, constant: float) -> Tensor:
        """Returns the weight of each class: 1 / ln(constant + its share of the pixels that are not void)."""
        counts = torch.bincount(self.labels.flatten().long(), minlength=VOID + 1)[: self.classes].double()
        return (1 / torch.log(constant + counts / counts.sum().clamp(min=1))).float()

    def normalised(self, images: Tensor) -> Tensor:
        """Bytes to a network's input."""
        return (images.float() - self.mean) / self.std


def augmented(images: Tensor, labels: Tensor, zoom: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Random scale, place and mirror for each image, drawn on its device.

    Args:
        images: (N, 3, H, W), normalised: zeros are shown outside.
        labels: (N, H, W) as bytes; void outside.
    """
    n, device = len(images), images.device
    half = 1 / (zoom[0] + (zoom[1] - zoom[0]) * torch.rand(n, device=device))
    centre = (2 * torch.rand(n, 2, device=device) - 1) * (1 - half).abs()[:, None]
    mirror = torch.where(torch.rand(n, device=device) < 0.5, -1.0, 1.0)
    zero = torch.zeros_like(half)
    theta = torch.stack(
        (torch.stack((half * mirror, zero, centre[:, 0]), 1), torch.stack((zero, half, centre[:, 1]), 1)), 1
    )
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    shown = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    # Void is 0 here, so that what is outside becomes void.
    shifted = torch.where(labels == VOID, 0, labels.int() + 1).float()[:, None]
    moved = F.grid_sample(shifted, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return shown, torch.where(moved == 0, VOID, moved.long() - 1)[:, 0]


class Trainer:
    """A network's training, of which the state can be kept at the end of any epoch.

    Args:
        network: to be trained, on the device of the data.
        data: what it learns from.
        plan: how.
    """

    def __init__(self, network: nn.Module, data: Resident, plan: Plan) -> None:
        self.network, self.data, self.plan = network, data, plan
        self.device = data.images.device
        self.graphs = self.device.type == "cuda"
        network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.rate = torch.tensor(plan.lr, device=self.device)
        self.optimizer = torch.optim.Adam(
            network.parameters(), lr=self.rate, weight_decay=plan.decay, capturable=self.graphs
        )
        self.weights = data.weights(plan.constant)
        self.index = torch.zeros(plan.batch, dtype=torch.long, device=self.device)
        self.loss = torch.zeros((), device=self.device)
        self.step: Callable[[], None] | None = None
        self.epoch, self.seconds, self.losses = 0, 0.0, []  # type: tuple[int, float, list[float]]

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches; the rest of the images waits for another epoch's order."""
        return max(1, len(self.data.images) // self.plan.batch)

    def _one(self) -> None:
        """One step on the images at ``index``: gather, augment, forward, loss, backward, update."""
        images = self.data.normalised(self.data.images[self.index])
        images, labels = augmented(images, self.data.labels[self.index], self.plan.zoom)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.graphs, cache_enabled=False):
            scores = self.network(images)
        loss = F.cross_entropy(scores.float(), labels, self.weights, ignore_index=VOID)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.loss.copy_(loss.detach())

    def _captured(self) -> Callable[[], None]:
        """Returns a step: on a GPU one graph, whose warm-up leaves no trace in weights, norms and moments."""
        if not self.graphs:
            return self._cleared
        kept = {name: value.clone() for name, value in self.network.state_dict().items()}
        moments = self.optimizer.state_dict()
        known = {k: {n: v.clone() for n, v in one.items()} for k, one in moments["state"].items()}
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_STEPS):
                self._cleared()
        torch.cuda.current_stream().wait_stream(stream)
        self.optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._one()
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                value.copy_(kept[name])
            for number, state in enumerate(self.optimizer.state.values()):
                for name, value in state.items():
                    value.copy_(known[number][name]) if number in known else value.zero_()
        return graph.replay

    def _cleared(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self._one()

    def run_epoch(self) -> float:
        """Runs one epoch and returns its last loss; the only wait for the device is at its end."""
        seed = 1_000_003 * self.plan.seed + self.epoch
        torch.manual_seed(seed)
        self.network.train()
        if self.step is None:
            self.step = self._captured()
            torch.manual_seed(seed)
        start = time.perf_counter()
        order = torch.randperm(len(self.data.images), device=self.device)
        batch, steps = min(self.plan.batch, len(order)), self.steps_per_epoch
        if batch < self.plan.batch:
            order = order.repeat(math.ceil(self.plan.batch / len(order)))
        for number in range(steps):
            self.index.copy_(order[number * self.plan.batch : (number + 1) * self.plan.batch])
            self.rate.fill_(self.plan.rate(self.epoch * steps + number, self.plan.epochs * steps))
            self.step()
        loss = float(self.loss)
        if not math.isfinite(loss):
            raise SystemExit(f"the loss is {loss} in epoch {self.epoch + 1}")
        self.epoch, self.seconds = self.epoch + 1, self.seconds + time.perf_counter() - start
        self.losses.append(round(loss, 4))
        return loss

    def save(self, path: Path) -> None:
        """Writes what another run goes on from, whole or not at all."""
        state = {
            "plan": asdict(self.plan), "network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch, "seconds": self.seconds, "losses": self.losses,
        }  # fmt: skip
        part = path.with_suffix(".part")
        torch.save(state, part)
        part.replace(path)

    def load(self, path: Path) -> None:
        """Goes on from what :meth:`save` wrote, of the same plan."""
        state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        if state["plan"] != asdict(self.plan):
            raise SystemExit(f"{path}: holds a training of another plan: {state['plan']}")
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.epoch, self.seconds, self.losses = state["epoch"], state["seconds"], state["losses"]


@torch.inference_mode()
def confusion(network: nn.Module, data: Resident, tested: Resident, batch: int = 16) -> Tensor:
    """Counts (classes + 1, outputs) of pixels by true class and answer; the last row is void.

    Args:
        data: what the network was trained on; it normalises.
        tested: what it is judged on.
    """
    network.eval()
    size = tested.classes
    counts = torch.zeros((size + 1) * size, dtype=torch.long, device=tested.images.device)
    for start in range(0, len(tested.images), batch):
        images = data.normalised(tested.images[start : start + batch])
        answers = network(images.contiguous(memory_format=torch.channels_last)).argmax(1)
        true = tested.labels[start : start + batch].long()
        place = torch.where(true == VOID, size, true) * size + answers
        counts += torch.bincount(place.flatten(), minlength=len(counts))
    return counts.view(size + 1, size).cpu()
