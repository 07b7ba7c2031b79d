"""Gradients of a module with and without the faster passes, for tests of both of their forms."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from searches.training.backward import FastBackward


def gradients(module: nn.Module, x: Tensor, kernels: str | None) -> tuple[Tensor, list[Tensor]]:
    """The output of a module, and the gradients of its input and parameters for a random loss.

    Args:
        kernels: as :class:`FastBackward` takes it; torch's own gradients if left out.
    """
    x = x.clone().requires_grad_()
    if kernels is not None:
        with FastBackward(module, kernels).active():
            y = module(x)
    else:
        y = module(x)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(y)
    parameters = [one for one in module.parameters() if one.requires_grad]
    return y, list(torch.autograd.grad((y * weights).sum(), [x, *parameters], allow_unused=True))


def check(module: nn.Module, x: Tensor, kernels: str) -> None:
    """Output and gradients are torch's."""
    plain, expected = gradients(module, x, None)
    fast, got = gradients(module, x, kernels)
    torch.testing.assert_close(fast, plain)
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other)


def operators(module: nn.Module, x: Tensor, kernels: str) -> set[str]:
    """Names of torch's operators in a faster forward and backward pass."""
    with torch.autograd.profiler.profile() as seen:
        gradients(module, x, kernels)
    return {event.name for event in seen.function_events}


def same_bits(one: tuple[Tensor, list[Tensor]], other: tuple[Tensor, list[Tensor]]) -> bool:
    """Whether two answers of :func:`gradients` are equal in every bit."""
    return all(torch.equal(a, b) for a, b in zip((one[0], *one[1]), (other[0], *other[1]), strict=True))
