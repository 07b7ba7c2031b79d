"""Passes of training on a CPU that are faster than torch's: as functions of autograd.

Each has a form for torch alone; where the kernels take a map, they do the work. Shapes: N images, C channels, H x W
pixels.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from searches.training import kernels

PART = 1 << 19
"""Values of a map, of all its images, that are gone through at once: as many as a cache holds."""


class PReLU(torch.autograd.Function):
    """A PReLU of one slope a channel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor, fast: bool) -> Tensor:
        """Runs it."""
        x = kernels.dense(x) if fast else x
        ctx.save_for_backward(x, slope)
        ctx.fast = fast
        return F.prelu(x, slope)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        """Returns a gradient for each argument of :meth:`forward`."""
        x, slope = ctx.saved_tensors
        if ctx.fast:
            return *kernels.prelu_backward(gradient, x, slope), None
        passed = torch.ops.aten.threshold_backward(gradient, x, 0.0)
        scaled = gradient - passed
        of_slope = (scaled * x).sum((0, 2, 3))
        return passed.add_(scaled.mul_(slope.view(1, -1, 1, 1))), of_slope, None


class NormAct(torch.autograd.Function):
    """A batch norm by the batch's own statistics and its activation at once, by the kernels alone."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor | None,
        running: tuple[Tensor, Tensor] | None, momentum: float, eps: float,
    ) -> Tensor:  # fmt: skip
        """Runs it."""
        x = kernels.dense(x)
        y, kept = kernels.norm(x, weight, bias, slope, running, momentum, eps)
        ctx.save_for_backward(x, kept, slope)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Returns a gradient for each argument of :meth:`forward`."""
        x, kept, slope = ctx.saved_tensors
        found = kernels.norm_backward(gradient, x, kept, slope, ctx.needs_input_grad[0])
        return *found, None, None, None


class Narrowing(torch.autograd.Function):
    """A 1 x 1 convolution to fewer channels by oneDNN, whose gradient of the weight is fast to more channels alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Runs it."""
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, dilation=2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Returns a gradient for each argument of :meth:`forward`."""
        (x, weight), (of_input, of_weight, of_bias) = ctx.saved_tensors, ctx.needs_input_grad
        x_gradient = weight_gradient = None
        if of_input:
            x_gradient, _, _ = _by_onednn(gradient, x, weight, (True, False, False))
        if of_weight:
            _, turned, _ = _by_onednn(x, gradient, weight.transpose(0, 1), (False, True, False))
            weight_gradient = turned.transpose(0, 1)
        return x_gradient, weight_gradient, gradient.sum((0, 2, 3)) if of_bias else None


def _by_onednn(
    gradient: Tensor, x: Tensor, weight: Tensor, wanted: tuple[bool, bool, bool]
) -> tuple[Tensor, ...]:
    """The gradients of input, weight and bias of a 1 x 1 convolution that are wanted."""
    return torch.ops.aten.convolution_backward(  # type: ignore[no-any-return]
        gradient, x, weight, None, (1, 1), (0, 0), (2, 2), False, (0, 0), 1, wanted
    )


class DepthWise(torch.autograd.Function):
    """A depth-wise convolution of dilation 2 or more along an axis, zero-padded by half its kernel's reach."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, dilation: tuple[int, int], stride: int, fast: bool
    ) -> Tensor:
        """Runs it."""
        x = kernels.dense(x) if fast else x
        ctx.save_for_backward(x, weight)
        ctx.dilation, ctx.stride, ctx.fast = dilation, stride, fast
        return F.conv2d(x, weight, None, stride, _padding(weight, dilation), dilation, x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        """Returns a gradient for each argument of :meth:`forward`."""
        x, weight = ctx.saved_tensors
        if ctx.fast:
            found = kernels.depth_wise_backward(gradient, x, weight, ctx.dilation, ctx.stride)
            return *found, None, None, None
        if ctx.stride > 1:
            kept, gradient = gradient, torch.zeros_like(x)
            gradient[:, :, :: ctx.stride, :: ctx.stride] = kept
        return *_gradients(gradient, x, weight, ctx.dilation), None, None, None


def _padding(weight: Tensor, dilation: tuple[int, int]) -> tuple[int, int]:
    return dilation[0] * (weight.shape[2] // 2), dilation[1] * (weight.shape[3] // 2)


def _gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, dilation: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Gradients of input and weight of an unstrided convolution."""
    (rows, columns), (channels, h, w) = weight.shape[2:], x.shape[1:]
    taps = [
        (i, j, dilation[0] * (i - rows // 2), dilation[1] * (j - columns // 2))
        for i in range(rows)
        for j in range(columns)
    ]
    taps = [tap for tap in taps if abs(tap[2]) < h and abs(tap[3]) < w]
    of_weight, images = torch.zeros_like(weight), max(1, PART // (channels * h * w))
    for seen, met in zip(torch.split(x, images), torch.split(gradient, images), strict=True):
        for i, j, down, right in taps:
            first = seen[:, :, max(0, down) : h + min(0, down), max(0, right) : w + min(0, right)]
            second = met[:, :, max(0, -down) : h - max(0, down), max(0, -right) : w - max(0, right)]
            of_weight[:, 0, i, j] += (first * second).sum((0, 2, 3))
    of_input = F.conv2d(gradient, weight.flip(2, 3), None, 1, _padding(weight, dilation), dilation, channels)
    return of_input, of_weight
