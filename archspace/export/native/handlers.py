"""Operations of torch in the words of the engine."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import Node

from archspace.export.native.building import Builder
from archspace.export.native.operations import Floats, Kind, Planes, Then, UnsupportedError

aten = torch.ops.aten


def refused(node: Node) -> UnsupportedError:
    """Returns that the engine cannot do an operation, with its name."""
    return UnsupportedError(f"native: the engine has no kernel for {node.target} at {node.name}")


def _numbers(value: Tensor | None, count: int) -> Floats:
    if value is None:
        return np.zeros(count, np.float32)
    given = value.detach().float().reshape(-1).numpy()
    return np.broadcast_to(given, (count,)).astype(np.float32)


def _convolution(
    self: Builder, node: Node, x: Planes, weight: Tensor, bias: Tensor | None = None, stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0), dilation: Sequence[int] = (1, 1), groups: int = 1,
) -> Planes:  # fmt: skip
    if len(set(stride)) != 1 or stride[0] not in (1, 2):
        raise refused(node)
    shape = node.meta["val"].shape
    height, width = weight.shape[2:]
    return self.add(
        Kind.CONV, x, weight.shape[0], (shape[2], shape[3]), weight=weight.detach().float().numpy(),
        bias=_numbers(bias, weight.shape[0]), stride=stride[0], groups=groups,
        rows=[i * dilation[0] - padding[0] for i in range(height) for _ in range(width)],
        columns=[i * dilation[1] - padding[1] for _ in range(height) for i in range(width)],
    )  # fmt: skip


def _transposed(
    self: Builder, node: Node, x: Planes, weight: Tensor, bias: Tensor | None = None, stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0), more: Sequence[int] = (0, 0), groups: int = 1, dilation: Sequence[int] = (1, 1),
) -> Planes:  # fmt: skip
    """Of side and stride 2: a 1 x 1 convolution to four times as many channels, which are spread over pixels."""
    if tuple(weight.shape[2:]) != (2, 2) or tuple(stride) != (2, 2) or groups != 1 or any((*padding, *more)):
        raise refused(node)
    count = weight.shape[1]
    rows = weight.detach().float().permute(1, 2, 3, 0).reshape(4 * count, -1, 1, 1).contiguous().numpy()
    shape = node.meta["val"].shape
    return self.add(
        Kind.CONV, x, count, (shape[2], shape[3]), weight=rows, bias=np.repeat(_numbers(bias, count), 4), stride=1,
        groups=1, rows=[0], columns=[0], spread=True,
    )  # fmt: skip


def _average(
    self: Builder, node: Node, x: Planes, kernel: Sequence[int], stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0), ceil: bool = False, padded: bool = True, divisor: int | None = None,
) -> Planes:  # fmt: skip
    if ceil or divisor or not (padded or not any(padding)):
        raise refused(node)
    count, (height, width) = len(x), kernel
    weight = torch.full((count, 1, height, width), 1 / (height * width))
    return _convolution(
        self, node, x, weight, None, list(stride) or list(kernel), list(padding), (1, 1), count
    )


def _largest(
    self: Builder, node: Node, x: Planes, kernel: Sequence[int], stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0), dilation: Sequence[int] = (1, 1), ceil: bool = False,
) -> Planes:  # fmt: skip
    steps = list(stride) or list(kernel)
    padding = list(padding) * (2 if len(padding) == 1 else 1)
    if any(len(set(one)) != 1 for one in (kernel, steps, padding)) or set(dilation) != {1}:
        raise refused(node)
    shape = node.meta["val"].shape
    return self.add(
        Kind.MAX_POOL, x, len(x), (shape[2], shape[3]), side=kernel[0], stride=steps[0], pad=padding[0]
    )


def _norm(
    self: Builder, node: Node, x: Planes, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor, training: bool,
    momentum: float, eps: float, *rest: Any,
) -> Planes:  # fmt: skip
    scale = weight.double() / torch.sqrt(var.double() + eps)
    shift = bias.double() - mean.double() * scale
    return self.each(x, Then.SCALE, a=scale.float().numpy(), b=shift.float().numpy())


def _sum(self: Builder, node: Node, x: Any, y: Any) -> Planes:
    if (
        not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray))
        or self.size(x) != self.size(y)
        or len(x) != len(y)
    ):
        raise refused(node)
    return self.each(x, Then.ADD, other=y)


def _product(self: Builder, node: Node, x: Any, y: Any) -> Planes:
    if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)) or len(x) != len(y):
        raise refused(node)
    if self.size(x) == (1, 1):
        x, y = y, x
    if self.size(y) != (1, 1):
        raise refused(node)
    return self.each(x, Then.GATE, other=y)


def _joined(self: Builder, node: Node, parts: Sequence[Planes], axis: int = 0) -> Planes:
    if axis != 1:
        raise refused(node)
    return np.concatenate(parts)


def _resized(self: Builder, node: Node, x: Planes, size: Any, aligned: bool, factors: Any = None) -> Planes:
    shape = node.meta["val"].shape
    if not aligned:
        raise refused(node)
    return self.add(Kind.RESIZE, x, len(x), (shape[2], shape[3]))


def _banded(self: Builder, node: Node, x: Any, y: Any) -> Planes:
    """A product with a constant matrix whose rows (columns) have few numbers that are not zero, side by side."""
    columns = isinstance(x, np.ndarray)
    matrix = (y.t() if columns else x).numpy()  # (outputs, inputs)
    planes = x if columns else y
    starts = [int(np.flatnonzero(row)[0]) for row in matrix]
    taps = max(int(np.flatnonzero(row)[-1]) - start + 1 for row, start in zip(matrix, starts, strict=True))
    starts = [min(start, matrix.shape[1] - taps) for start in starts]
    weights = np.stack([row[start : start + taps] for row, start in zip(matrix, starts, strict=True)], 1)
    shape = node.meta["val"].shape
    return self.add(
        Kind.BAND, planes, len(planes), (shape[2], shape[3]), columns=columns, starts=starts, taps=taps,
        weights=np.ascontiguousarray(weights),
    )  # fmt: skip


def _pooled(self: Builder, node: Node, x: Planes, size: Sequence[int]) -> Planes:
    if tuple(size) != (1, 1):
        raise refused(node)
    return self.add(Kind.MEAN, x, len(x), (1, 1))


def _mean(self: Builder, node: Node, x: Planes, axes: Sequence[int], keep: bool = False) -> Planes:
    if {axis % 4 for axis in axes} != {2, 3} or x.ndim != 1:
        raise refused(node)
    return self.add(Kind.MEAN, x, len(x), (1, 1))


def _hardsigmoid(self: Builder, node: Node, x: Planes) -> Planes:
    share = np.full(len(x), 1 / 6, np.float32)
    y = self.each(x, Then.SCALE, a=share, b=3 * share)
    return self.each(y, Then.CLAMP, a=np.array([0, 1], np.float32))


def _linear(self: Builder, node: Node, x: Planes, weight: Tensor, bias: Tensor | None = None) -> Planes:
    if self.size(x) != (1, 1) or len(x) != weight.shape[1]:
        raise refused(node)
    count = weight.shape[0]
    return self.add(
        Kind.LINEAR, x, count, (1, 1), weight=weight.detach().float().numpy(), bias=_numbers(bias, count)
    )


def _viewed(self: Builder, node: Node, x: Planes, *shape: Any) -> Planes:
    """Another shape of the channels; height and width stay."""
    made = node.meta["val"].shape
    before = self.size(x)
    if tuple(made[-2:]) != before and not (before == (1, 1) and len(made) == 2):
        raise refused(node)
    return x.reshape(made[1:-2] if len(made) > 2 else made[1:])


def _turned(self: Builder, node: Node, x: Planes, one: int, other: int) -> Planes:
    if not {one, other} <= set(range(1, x.ndim + 1)):
        raise refused(node)
    return x.swapaxes(one - 1, other - 1)


def _sliced(
    self: Builder, node: Node, x: Planes, axis: int = 0, start: int | None = None, end: int | None = None,
    step: int = 1,
) -> Planes:  # fmt: skip
    if axis != 1:
        raise refused(node)
    return x[start:end:step]


def _chunked(self: Builder, node: Node, x: Planes, count: int, axis: int = 0) -> list[Planes]:
    if axis != 1:
        raise refused(node)
    size = -(-len(x) // count)  # as torch cuts: the last may be smaller, and there may be fewer
    return [x[start : start + size] for start in range(0, len(x), size)]


def _slopes(slope: float) -> Callable[..., Planes]:
    def handler(self: Builder, node: Node, x: Planes, given: float | None = None) -> Planes:
        value = slope if given is None else given
        return self.each(x, Then.PRELU, a=np.full(len(x), value, np.float32))

    return handler


HANDLERS: dict[Any, Callable[..., Any]] = {
    aten.conv2d.default: _convolution,
    aten.conv_transpose2d.input: _transposed,
    aten.avg_pool2d.default: _average,
    aten.max_pool2d.default: _largest,
    aten.batch_norm.default: _norm,
    aten.prelu.default: lambda self, node, x, slope: self.each(x, Then.PRELU, a=_numbers(slope, len(x))),
    aten.relu.default: _slopes(0.0),
    aten.leaky_relu.default: _slopes(0.01),
    aten.hardtanh.default: lambda self, node, x, low=-1.0, high=1.0: self.each(
        x, Then.CLAMP, a=np.array([low, high], np.float32)
    ),
    aten.relu6.default: lambda self, node, x: self.each(x, Then.CLAMP, a=np.array([0, 6], np.float32)),
    aten.add.Tensor: _sum,
    aten.mul.Tensor: _product,
    aten.cat.default: _joined,
    aten.upsample_bilinear2d.vec: _resized,
    aten.matmul.default: _banded,
    aten.adaptive_avg_pool2d.default: _pooled,
    aten.mean.dim: _mean,
    aten.linear.default: _linear,
    aten.hardsigmoid.default: _hardsigmoid,
    aten.hardswish.default: lambda self, node, x: self.each(x, Then.HARDSWISH),
    aten.silu.default: lambda self, node, x: self.each(x, Then.SILU),
    aten.sigmoid.default: lambda self, node, x: self.add(Kind.SIGMOID, x, len(x), self.size(x)),
    aten.view.default: _viewed,
    aten.reshape.default: _viewed,
    aten.flatten.using_ints: _viewed,
    aten.transpose.int: _turned,
    aten.slice.Tensor: _sliced,
    aten.chunk.default: _chunked,
    aten.sym_size.int: lambda self, node, x, axis: 1,  # of a free batch, whose images run one by one
    aten.dropout.default: lambda self, node, x, *rest: x,
    aten.feature_dropout.default: lambda self, node, x, *rest: x,
    aten.contiguous.default: lambda self, node, x: x,
    operator.getitem: lambda self, node, x, index: x[index],
}
"""What adds an operation of torch, by its target: takes the builder, the node and its values."""
