"""Faster gradients on a CPU, for what torch computes with plain loops or copies there.

- **Dilated depth-wise convolutions**: oneDNN has no vectorised backward pass for them. The gradient of the input is the
  same convolution with the kernel turned round, and that of the weight is one sum of products for each tap of the
  kernel. Where the dilation reaches beyond the map only the middle tap counts. With a stride, the gradient stands on
  the pixels that were kept, and is zero on the others.
- **1 x 1 convolutions** of few images on one thread: torch keeps them from oneDNN, and goes through the images with a
  matrix product each. A kernel of one tap is blind to a dilation, and with a dilation torch leaves it to oneDNN. Its
  gradient of the weight costs less with the wider of the two maps in the role of the output.
- **PReLU**.

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
FEW = 16
"""Images from which on torch leaves 1 x 1 convolutions to oneDNN on one thread, too."""
SMALL = 1 << 16
"""Values of a map up to which torch's own way takes less than oneDNN's preparations."""


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
            elif type(module) is nn.Conv2d and _depth_wise(module):
                self._forward.append((module, _dilated(module)))
            elif type(module) is nn.Conv2d and _point_wise(module):
                self._forward.append((module, _pointed(module)))

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


def _depth_wise(conv: nn.Conv2d) -> bool:
    """Whether this is a depth-wise convolution of an odd kernel, padded to keep the size but for the stride."""
    sides = conv.kernel_size
    same = tuple(dilation * (side - 1) // 2 for side, dilation in zip(sides, conv.dilation, strict=True))
    return (
        conv.groups == conv.in_channels == conv.out_channels and conv.bias is None
        and all(side % 2 == 1 for side in sides) and max(sides) > 1
        and conv.stride[0] == conv.stride[1] and conv.padding == same and conv.padding_mode == "zeros"
    )  # fmt: skip


def _dilated(conv: nn.Conv2d) -> Callable[[Tensor], Tensor]:
    sides, stride = conv.kernel_size, conv.stride[0]
    middle, padding = [side // 2 for side in sides], conv.padding
    dilation = tuple(one if side > 1 else 1 for side, one in zip(sides, conv.dilation, strict=True))

    def forward(x: Tensor) -> Tensor:
        if not any(
            side > 1 and one < size for side, one, size in zip(sides, dilation, x.shape[-2:], strict=True)
        ):
            weight = conv.weight[:, 0, middle[0], middle[1]]
            return x[:, :, ::stride, ::stride] * weight.view(1, -1, 1, 1)
        if dilation == (1, 1):
            return F.conv2d(x, conv.weight, stride=stride, padding=padding, groups=conv.groups)
        return _Depthwise.apply(x, conv.weight, dilation, stride)  # type: ignore[no-any-return, no-untyped-call]

    return forward


def _point_wise(conv: nn.Conv2d) -> bool:
    """Whether each pixel of this convolution sees one pixel, of two channels or more."""
    return (
        conv.kernel_size == conv.stride == conv.dilation == (1, 1)
        and conv.padding == (0, 0)
        and conv.groups < conv.in_channels
    )


def _pointed(conv: nn.Conv2d) -> Callable[[Tensor], Tensor]:
    narrows = conv.groups == 1 and conv.out_channels < conv.in_channels
    wider = max(1, conv.out_channels / conv.in_channels)

    def forward(x: Tensor) -> Tensor:
        if not _few(x) or x.numel() * wider <= SMALL:
            return F.conv2d(x, conv.weight, conv.bias, groups=conv.groups)
        if narrows and x.numel() > PART:
            return _Narrowing.apply(x, conv.weight, conv.bias)  # type: ignore[no-any-return, no-untyped-call]
        return F.conv2d(x, conv.weight, conv.bias, dilation=2, groups=conv.groups)

    return forward


def _few(x: Tensor) -> bool:
    """Whether torch keeps a 1 x 1 convolution of these maps from oneDNN for their number alone."""
    few = x.ndim == 4 and 1 < x.shape[0] < FEW and x.dtype is torch.float32
    return few and torch.get_num_threads() == 1 and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]


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


class _Narrowing(torch.autograd.Function):
    """A 1 x 1 convolution to fewer channels by oneDNN, whose gradient of the weight is fast to more channels alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, dilation=2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
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


class _Depthwise(torch.autograd.Function):
    """A depth-wise convolution of dilation 2 or more along an axis, zero-padded by half its kernel's reach."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, dilation: tuple[int, int], stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.dilation, ctx.stride = dilation, stride
        return F.conv2d(x, weight, None, stride, _padding(weight, dilation), dilation, x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, weight = ctx.saved_tensors
        if ctx.stride > 1:
            kept, gradient = gradient, torch.zeros_like(x)
            gradient[:, :, :: ctx.stride, :: ctx.stride] = kept
        return *_gradients(gradient, x, weight, ctx.dilation), None, None


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
