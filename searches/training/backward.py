"""Faster gradients on a CPU, for what torch computes with plain loops or copies there.

- **Dilated depth-wise convolutions**: oneDNN has no vectorised backward pass for them. The gradient of the input is the
  same convolution with the kernel turned round, and that of the weight is one sum of products for each tap of the
  kernel. Where the dilation reaches beyond the map only the middle tap counts. With a stride, the gradient stands on
  the pixels that were kept, and is zero on the others.
- **1 x 1 convolutions** of few images on one thread: torch keeps them from oneDNN, and goes through the images with a
  matrix product each. A kernel of one tap is blind to a dilation, and with a dilation torch leaves it to oneDNN. Its
  gradient of the weight costs less with the wider of the two maps in the role of the output.
- **Batch norms and their activations**, PReLU or ReLU, are one pass over the map each way in place of torch's eight.

On one thread, with channels last and a C++ compiler, kernels of our own do it (:mod:`searches.training.kernels`).
The gradients are those of torch but for the order of sums. Shapes: N images, C channels, H x W pixels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.support.errors import FieldError, closest
from searches.training import kernels
from searches.training.gradients import PART, DepthWise, Narrowing, NormAct, PReLU

FEW = 16
"""Images from which on torch leaves 1 x 1 convolutions to oneDNN on one thread, too."""
SMALL = 1 << 16
"""Values of a map up to which torch's own way takes less than oneDNN's preparations."""
VARIABLE = "ARCHSPACE_TRAINING_KERNELS"
TAKEN = {"none": False, "all": True}
"""Whether the C++ kernels are taken, by the value of the variable."""

Forward = Callable[[Tensor], Tensor]


class FastBackward:
    """The modules of a network whose gradients can be had faster on a CPU.

    Args:
        network: is left as it is; only inside :meth:`active` do its modules compute in another way.
        kernels: whether C++ kernels do ``all`` that they can, or ``none``; what ``ARCHSPACE_TRAINING_KERNELS`` says if
            left out, and ``all`` if that says nothing.

    Raises:
        FieldError: the variable has another value.
    """

    def __init__(self, network: nn.Module, kernels: str | None = None) -> None:
        compiled = with_kernels(kernels)
        self._forward: list[tuple[nn.Module, Forward]] = []
        for module in network.modules():
            if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
                forward: Forward | None = _joined(module, compiled)
            elif type(module) is nn.BatchNorm2d:
                forward = _norm(module, None, compiled)
            elif type(module) is nn.PReLU:
                forward = _prelu(module, compiled)
            elif type(module) is nn.Conv2d and _depth_wise(module):
                forward = _dilated(module, compiled)
            else:
                forward = _pointed(module) if type(module) is nn.Conv2d and _point_wise(module) else None
            if forward is not None:
                self._forward.append((module, forward))

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


def with_kernels(taken: str | None) -> bool:
    """Returns whether the C++ kernels are taken."""
    value = (os.environ.get(VARIABLE) or "all") if taken is None else taken
    if value not in TAKEN:
        raise FieldError(VARIABLE, value, "unknown", closest(value, list(TAKEN)))
    return TAKEN[value]


def _fast(x: Tensor, compiled: bool) -> bool:
    return compiled and kernels.takes(x)


def _joined(parts: nn.Sequential, compiled: bool) -> Forward | None:
    """Runs a sequence with its batch norm and the activation that follows at once."""
    modules = list(parts)
    for place, (norm, act) in enumerate(pairwise(modules)):
        if type(norm) is nn.BatchNorm2d and type(act) in (nn.PReLU, nn.ReLU):
            before, both, after = modules[:place], _norm(norm, act, compiled), modules[place + 2 :]
            break
    else:
        return None

    def forward(x: Tensor) -> Tensor:
        for part in before:
            x = part(x)
        x = both(x)
        for part in after:
            x = part(x)
        return x

    return forward


def _norm(norm: nn.BatchNorm2d, act: nn.Module | None, compiled: bool) -> Forward:
    plain, learned = type(norm).forward, act if isinstance(act, nn.PReLU) else None
    zeros: dict[torch.dtype, Tensor] = {}  # slopes of a ReLU

    def forward(x: Tensor) -> Tensor:
        own = norm.training and norm.affine and norm.momentum is not None and x.numel() > norm.num_features
        fits = learned is None or len(learned.weight) == norm.num_features
        if not own or not fits or norm.weight.dtype is not x.dtype or not _fast(x, compiled):
            y = plain(norm, x)
            return y if act is None else act(y)
        slope: Tensor | None = None if learned is None else learned.weight
        if act is not None and slope is None:
            if x.dtype not in zeros:
                zeros[x.dtype] = x.new_zeros(norm.num_features)
            slope = zeros[x.dtype]
        running = None
        if norm.track_running_stats:
            running = (norm.running_mean, norm.running_var)
            norm.num_batches_tracked.add_(1)  # type: ignore[union-attr]
        return NormAct.apply(x, norm.weight, norm.bias, slope, running, norm.momentum, norm.eps)  # type: ignore[no-any-return, no-untyped-call]

    return forward


def _prelu(module: nn.PReLU, compiled: bool) -> Forward:
    def forward(x: Tensor) -> Tensor:
        if x.ndim != 4 or len(module.weight) != x.shape[1]:
            return F.prelu(x, module.weight)
        return PReLU.apply(x, module.weight, _fast(x, compiled))  # type: ignore[no-any-return, no-untyped-call]

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


def _dilated(conv: nn.Conv2d, compiled: bool) -> Forward:
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
        return DepthWise.apply(x, conv.weight, dilation, stride, _fast(x, compiled))  # type: ignore[no-any-return, no-untyped-call]

    return forward


def _point_wise(conv: nn.Conv2d) -> bool:
    """Whether each pixel of this convolution sees one pixel, of two channels or more."""
    return (
        conv.kernel_size == conv.stride == conv.dilation == (1, 1)
        and conv.padding == (0, 0)
        and conv.groups < conv.in_channels
    )


def _pointed(conv: nn.Conv2d) -> Forward:
    narrows = conv.groups == 1 and conv.out_channels < conv.in_channels
    wider = max(1, conv.out_channels / conv.in_channels)

    def forward(x: Tensor) -> Tensor:
        if not _few(x) or x.numel() * wider <= SMALL:
            return F.conv2d(x, conv.weight, conv.bias, groups=conv.groups)
        if narrows and x.numel() > PART:
            return Narrowing.apply(x, conv.weight, conv.bias)  # type: ignore[no-any-return, no-untyped-call]
        return F.conv2d(x, conv.weight, conv.bias, dilation=2, groups=conv.groups)

    return forward


def _few(x: Tensor) -> bool:
    """Whether torch keeps a 1 x 1 convolution of these maps from oneDNN for their number alone."""
    few = x.ndim == 4 and 1 < x.shape[0] < FEW and x.dtype is torch.float32
    return few and torch.get_num_threads() == 1 and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
