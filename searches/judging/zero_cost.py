"""Zero-cost scores: what an untrained network and one batch say of how well it will train; more is better.

Each score takes a network as it was initialised and leaves it as it was. For dense outputs the loss is the task's own,
over all pixels, and outputs are summed over them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from archspace.support.registry import Registry
from searches.config.recipe import Stage
from searches.data.augment import NONE
from searches.tasks.base import Batch, ImageTask, gathered

Loss: TypeAlias = Callable[[Any, Batch], Tensor]
Score: TypeAlias = Callable[[nn.Module, "Sample"], float]

SCORES: Registry[Score] = Registry("score")
ACTIVATIONS = (nn.PReLU, nn.ReLU, nn.ReLU6)
WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
SMALL = 1e-5
"""Added to eigenvalues (Mellor et al. 2020)."""
STEP, DRAWS = 1e-2, 4
"""Size of the disturbance of Zen-Score, and how often it is drawn (Lin et al. 2021)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Some images with their targets, in two batches or more, and the loss that the network is to be trained by."""

    batches: tuple[Batch, ...]
    loss: Loss

    @property
    def inputs(self) -> Tensor:
        """All images (N, C, H, W)."""
        return torch.cat([batch.inputs for batch in self.batches])


def sample_of(
    task: ImageTask, stage: Stage, size: tuple[int, int], *, images: int = 32, batches: int = 2
) -> Sample:
    """Returns the first images of a task's training split, as training would show them without augmentation.

    Args:
        size: (H, W) of the network's input.
        images: in all.
        batches: into how many they are divided.
    """
    split = task.train.head(images)
    raw, rng = gathered(split, np.arange(len(split))), np.random.default_rng(0)
    made = [task.prepare(raw, size, NONE, rng, torch.device("cpu"), part) for part in raw.parts(batches)]

    return Sample(tuple(made), lambda outputs, batch: task.loss(outputs, batch.target, stage))


def score(name: str, network: nn.Module, sample: Sample) -> float:
    """Returns a score of a network; not finite where the score does not exist for it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SCORES[name](deepcopy(network).train().requires_grad_(True), sample)


@SCORES.register("grad_norm")
def grad_norm(network: nn.Module, sample: Sample) -> float:
    """Sum over the layers of the Euclidean norm of the loss's gradient (Abdelfattah et al. 2021)."""
    _backward(network, sample.batches, sample.loss)
    return float(sum(grad.norm() for _, grad in _weights(network)))


@SCORES.register("snip")
def snip(network: nn.Module, sample: Sample) -> float:
    """Sum over the weights of what the loss would lose without each, to first order: |w dL/dw| (Lee et al. 2019)."""
    _backward(network, sample.batches, sample.loss)
    return float(sum((weight * grad).abs().sum() for weight, grad in _weights(network)))


@SCORES.register("synflow")
def synflow(network: nn.Module, sample: Sample) -> float:
    """Logarithm of the flow through all weights, |w dR/dw|, R the sum of the outputs to an image of ones.

    Weights are taken without their signs, in double precision, and norms let everything pass (Tanaka et al. 2020). It
    needs no data.
    """
    network = network.double().eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, NORMS):
                module.reset_parameters()
        for parameter in network.parameters():
            parameter.abs_()
    total = sum(outputs.sum() for outputs in _tensors(network(torch.ones_like(sample.inputs[:1]).double())))
    assert isinstance(total, Tensor)
    total.backward()  # type: ignore[no-untyped-call]
    flow = sum((weight * grad).abs().sum() for weight, grad in _weights(network))
    return math.log(flow) if flow > 0 else -math.inf


@SCORES.register("jacob_cov")
def jacob_cov(network: nn.Module, sample: Sample) -> float:
    """How little the Jacobians of the images agree: from the eigenvalues of their correlations (Mellor et al. 2020)."""
    inputs = sample.inputs.clone().requires_grad_(True)
    total = sum(outputs.sum() for outputs in _tensors(network(inputs)))
    assert isinstance(total, Tensor)
    (jacobian,) = torch.autograd.grad(total, inputs)
    values = np.linalg.eigvalsh(np.corrcoef(jacobian.flatten(1).double().numpy()))
    values = np.maximum(values, 0.0) + SMALL
    return float(-(np.log(values) + 1.0 / values).sum())


@SCORES.register("naswot")
def naswot(network: nn.Module, sample: Sample) -> float:
    """Log-determinant of how often activations agree between images in being positive (Mellor et al. 2021)."""
    count = len(sample.inputs)
    kernel = torch.zeros(count, count, dtype=torch.float64)

    def agree(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        code = (args[0].detach().reshape(count, -1) > 0).float()
        kernel.add_((code @ code.T + (1 - code) @ (1 - code).T).double())

    with _hooked(network, ACTIVATIONS, agree), torch.no_grad():
        network(sample.inputs)
    sign, value = torch.linalg.slogdet(kernel)
    return float(value) if sign > 0 else -math.inf


@SCORES.register("zico")
def zico(network: nn.Module, sample: Sample) -> float:
    """Sum over the layers of the logarithm of mean absolute gradients over their deviation between batches.

    Li et al. 2023; biased towards thin and deep networks, as its authors' followers found.
    """
    layers: dict[str, list[Tensor]] = {}
    for batch in sample.batches:
        network.zero_grad(set_to_none=True)
        _backward(network, [batch], sample.loss)
        for name, module in network.named_modules():
            if isinstance(module, WEIGHTED) and module.weight.grad is not None:
                layers.setdefault(name, []).append(module.weight.grad.detach().clone())
    total = 0.0
    for found in layers.values():
        grads = torch.stack(found)
        deviation, mean = grads.std(dim=0, unbiased=False), grads.abs().mean(dim=0)
        varies = deviation > 0
        ratio = float((mean[varies] / deviation[varies]).sum())
        total += math.log(ratio) if ratio > 0 else 0.0
    return total


@SCORES.register("zen")
def zen(network: nn.Module, sample: Sample) -> float:
    """Zen-Score: how much the encoder's last features move with its input, norms' scaling undone (Lin et al. 2021).

    It needs no data: inputs are normal noise.
    """
    encoder = network.encoder if hasattr(network, "encoder") else network
    assert isinstance(encoder, nn.Module)
    undone: list[float] = []

    def spread(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        undone.append(
            0.5 * math.log(float(args[0].detach().var(dim=(0, 2, 3), unbiased=False).mean()) + 1e-12)
        )

    moves = []
    for _ in range(DRAWS):
        inputs = torch.randn_like(sample.inputs)
        undone.clear()
        with torch.no_grad():
            with _hooked(encoder, (nn.BatchNorm2d,), spread):
                before = _tensors(encoder(inputs))[-1]
            scaling = sum(undone)
            after = _tensors(encoder(inputs + STEP * torch.randn_like(inputs)))[-1]
        move = float((after - before).abs().sum(dim=tuple(range(1, before.dim()))).mean())
        moves.append(math.log(move) + scaling if move > 0 else -math.inf)
    return float(np.mean(moves))


def _backward(network: nn.Module, batches: Sequence[Batch], loss: Loss) -> None:
    """Adds the mean loss's gradients over some batches."""
    for batch in batches:
        (loss(network(batch.inputs), batch) / len(batches)).backward()  # type: ignore[no-untyped-call]


def _weights(network: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """Weights of convolutions and linear layers with their gradients."""
    for module in network.modules():
        if isinstance(module, WEIGHTED) and module.weight.grad is not None:
            yield module.weight.detach(), module.weight.grad.detach()


def _tensors(outputs: Any) -> list[Tensor]:
    """All tensors of a network's outputs, in order."""
    if isinstance(outputs, Tensor):
        return [outputs]
    values = outputs.values() if isinstance(outputs, dict) else outputs
    return [tensor for value in values if value is not None for tensor in _tensors(value)]


@contextmanager
def _hooked(
    network: nn.Module,
    kinds: tuple[type[nn.Module], ...],
    hook: Callable[[nn.Module, tuple[Tensor, ...]], None],
) -> Iterator[None]:
    """Calls ``hook`` before each module of these kinds runs."""
    handles = [m.register_forward_pre_hook(hook) for m in network.modules() if isinstance(m, kinds)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
