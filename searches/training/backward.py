"""Faster gradients on a CPU, for what torch computes with plain loops there: dilated depth-wise convolutions and PReLU.

oneDNN has no vectorised backward pass for a depth-wise convolution with a dilation. The gradient of its input is the
same convolution with the kernel turned round, and that of its weight is one sum of products for each tap of the
kernel. Where the dilation reaches beyond the map only the middle tap counts. With a stride, the gradient stands on the
pixels that were kept, and is zero on the others.

The gradients are those of torch but for the order of sums. Shapes: N images, C channels, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

PART = 1 << 19
"""Values of a map, of all its images, that are gone through at once: as many as a cache holds."""


class FastBackward:
    """The modules of a network whose gradients can be had faster on a CPU.

    Args:
        network: is left as it is; only inside :meth:`active` do its modules compute in another way.
    """

    def __init__(self, network: nn.Module) -> None:
        self._forward: list[tuple[nn.Module, Callable[[Tensor], Tensor]]] = []
        for module in network.modules():
            if type(module) is nn.PReLU:
                self._forward.append((module, _prelu(module)))
            elif type(module) is nn.Conv2d and _dilated(module):
                self._forward.append((module, _depthwise(module)))

    @contextmanager
    def active(self) -> Iterator[None]:
        """Forward passes until the block ends lead to the faster backward passes."""
        for module, forward in self._forward:
            module.forward = forward
        try:
            yield
        finally:
            for module, _ in self._forward:
                del module.forward


def _prelu(module: nn.PReLU) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        if x.ndim != 4 or len(module.weight) != x.shape[1]:
            return F.prelu(x, module.weight)
        return _PReLU.apply(x, module.weight)  # type: ignore[no-any-return, no-untyped-call]

    return forward


def _dilated(conv: nn.Conv2d) -> bool:
    """Whether this is a depth-wise convolution of an odd square kernel, padded to keep the size but for the stride."""
    side, dilation = conv.kernel_size[0], conv.dilation[0]
    same = dilation * (side - 1) // 2
    return (
        conv.groups == conv.in_channels == conv.out_channels and conv.bias is None and side % 2 == 1 and side > 1
        and conv.kernel_size == (side, side) and conv.dilation == (dilation, dilation)
        and conv.stride[0] == conv.stride[1] and conv.padding == (same, same) and conv.padding_mode == "zeros"
    )  # fmt: skip


def _depthwise(conv: nn.Conv2d) -> Callable[[Tensor], Tensor]:
    dilation, stride, middle = conv.dilation[0], conv.stride[0], conv.kernel_size[0] // 2

    def forward(x: Tensor) -> Tensor:
        if dilation >= max(x.shape[-2:]):
            return x[:, :, ::stride, ::stride] * conv.weight[:, 0, middle, middle].view(1, -1, 1, 1)
        if dilation == 1:
            return F.conv2d(x, conv.weight, stride=stride, padding=middle, groups=conv.groups)
        return _Depthwise.apply(x, conv.weight, dilation, stride)  # type: ignore[no-any-return, no-untyped-call]

    return forward


class _PReLU(torch.autograd.Function):
    """A PReLU of one slope a channel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return F.prelu(x, slope)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, slope = ctx.saved_tensors
        passed = torch.ops.aten.threshold_backward(gradient, x, 0.0)
        scaled = gradient - passed
        of_slope = (scaled * x).sum((0, 2, 3))
        return passed.add_(scaled.mul_(slope.view(1, -1, 1, 1))), of_slope


class _Depthwise(torch.autograd.Function):
    """A depth-wise convolution of dilation 2 or more, zero-padded by half its kernel's reach."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, dilation: int, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.dilation, ctx.stride = dilation, stride
        padding = dilation * (weight.shape[-1] // 2)
        return F.conv2d(x, weight, None, stride, padding, dilation, x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, weight = ctx.saved_tensors
        if ctx.stride > 1:
            kept, gradient = gradient, torch.zeros_like(x)
            gradient[:, :, :: ctx.stride, :: ctx.stride] = kept
        return *_gradients(gradient, x, weight, ctx.dilation), None, None


def _gradients(gradient: Tensor, x: Tensor, weight: Tensor, dilation: int) -> tuple[Tensor, Tensor]:
    """Gradients of input and weight of an unstrided convolution."""
    side, (channels, h, w) = weight.shape[-1], x.shape[1:]
    taps = [
        (i, j, dilation * (i - side // 2), dilation * (j - side // 2))
        for i in range(side)
        for j in range(side)
    ]
    taps = [tap for tap in taps if abs(tap[2]) < h and abs(tap[3]) < w]
    of_weight, images = torch.zeros_like(weight), max(1, PART // (channels * h * w))
    for seen, met in zip(torch.split(x, images), torch.split(gradient, images), strict=True):
        for i, j, down, right in taps:
            first = seen[:, :, max(0, down) : h + min(0, down), max(0, right) : w + min(0, right)]
            second = met[:, :, max(0, -down) : h - max(0, down), max(0, -right) : w - max(0, right)]
            of_weight[:, 0, i, j] += (first * second).sum((0, 2, 3))
    padding = dilation * (side // 2)
    of_input = F.conv2d(gradient, weight.flip(2, 3), None, 1, padding, dilation, channels)
    return of_input, of_weight
