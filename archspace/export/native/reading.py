"""From the graph of torch.export to the engine's operations."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Node

from archspace.export.native.operations import (
    Floats,
    Graph,
    Kind,
    Operation,
    Planes,
    Size,
    Step,
    Then,
    UnsupportedError,
)

aten = torch.ops.aten


def read_program(program: ExportedProgram) -> Graph:
    """Returns the operations of a graph of fixed shapes; convolutions carry the sums and activations that follow them.

    Raises:
        UnsupportedError: the engine has no kernel for an operation; the message names it.
    """
    return _Reader(program).read()


class _Reader:
    def __init__(self, program: ExportedProgram) -> None:
        self.program, self.graph = program, Graph()
        self.values: dict[Node, Any] = {}
        self.maker: dict[int, tuple[int, int]] = {}  # of a plane: its operation and its channel there
        tensors = {**program.state_dict, **program.constants}
        self.constants = {
            spec.arg.name: tensors[spec.target]
            for spec in program.graph_signature.input_specs
            if spec.target is not None and isinstance(tensors.get(spec.target), Tensor)
        }

    def read(self) -> Graph:
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                self._placeholder(node)
            elif node.op == "output":
                self.graph.outputs = [np.ravel(self.values[value]) for value in node.args[0]]
            elif node.target is not aten._assert_tensor_metadata.default:
                self.values[node] = self._call(node)
        return self.graph

    def _placeholder(self, node: Node) -> None:
        if node.name in self.constants:
            self.values[node] = self.constants[node.name].detach()
            return
        shape = node.meta["val"].shape
        if len(shape) != 4 or not all(isinstance(side, int) for side in shape):
            raise UnsupportedError(f"native: input {node.name} of shape {tuple(shape)}: must be images of a fixed size")
        planes = self.graph.planes(shape[1], (shape[2], shape[3]))
        self.graph.inputs.append(planes)
        copied = self._add(Kind.EACH, planes, shape[1], (shape[2], shape[3]))
        self.values[node] = copied

    def _call(self, node: Node) -> Any:
        arguments = [self._value(one) for one in node.args]
        if all(not isinstance(one, np.ndarray) for one in _flat(arguments)):
            return node.target(*arguments, **node.kwargs)  # type: ignore[operator]
        handler = _HANDLERS.get(node.target)
        if handler is None or node.kwargs:
            raise _refused(node)
        return handler(self, node, *arguments)

    def _value(self, argument: Any) -> Any:
        if isinstance(argument, Node):
            return self.values[argument]
        if isinstance(argument, list | tuple):
            return [self._value(one) for one in argument]
        return argument

    def _add(self, kind: Kind, reads: Planes, channels: int, size: Size, **given: Any) -> Planes:
        made = self.graph.planes(channels, size)
        self._own(made)
        self.graph.operations.append(Operation(kind, np.ravel(reads), made, size, [], given))
        return made

    def _own(self, planes: Planes) -> None:
        index = len(self.graph.operations)
        self.maker.update({int(plane): (index, channel) for channel, plane in enumerate(planes)})

    def size(self, planes: Planes) -> Size:
        return self.graph.sizes[int(np.ravel(planes)[0])]

    # What changes every value by itself rides on the operation that made it.
    def each(
        self, x: Planes, kind: Then, *, other: Planes | None = None, a: Floats | None = None, b: Floats | None = None
    ) -> Planes:
        """Returns the planes after a step on ``x``; ``a`` and ``b`` have a number a channel (a clamp: two bounds)."""
        made = np.full(len(x), -1, np.int64)
        primary = x.copy()
        joins = None if other is None else other.copy()
        if kind is Then.ADD and joins is not None:  # the later one carries the sum
            swap = np.array([self.maker[int(p)][0] < self.maker[int(q)][0] for p, q in zip(x, joins, strict=True)])
            primary[swap], joins[swap] = joins[swap], primary[swap]
        indices = np.array([self.maker[int(plane)][0] for plane in primary])
        for index in dict.fromkeys(indices.tolist()):
            at = np.flatnonzero(indices == index)
            made[at] = self._ride(index, at, primary, joins, kind, a, b)
        return made

    def _ride(
        self, index: int, at: NDArrayInt, primary: Planes, joins: Planes | None, kind: Then, a: Floats | None,
        b: Floats | None,
    ) -> Planes:  # fmt: skip
        """The step on the channels ``at``, all of which operation ``index`` made; else an operation of its own."""
        maker = self.graph.operations[index]
        channels = np.array([self.maker[int(plane)][1] for plane in primary[at]])
        order = np.argsort(channels)
        at = at[order]
        fits = (
            maker.rideable
            and np.array_equal(primary[at], maker.last)
            and not (maker.spread and kind in (Then.ADD, Then.GATE))
            and (joins is None or all(self.maker[int(plane)][0] < index for plane in joins[at]))
        )
        if not fits:
            size = self.size(primary)
            self._add(Kind.EACH, primary[at], len(at), size)
            index = len(self.graph.operations) - 1
            maker = self.graph.operations[index]
        after = self.graph.planes(len(at), maker.size)
        self.maker.update({int(plane): (index, channel) for channel, plane in enumerate(after)})
        bounds = kind is Then.CLAMP
        maker.steps.append(
            Step(
                kind, after, None if joins is None else joins[at],
                a if a is None or bounds else a[at], b if b is None else b[at],
            )
        )  # fmt: skip
        back = np.empty(len(at), np.int64)
        back[np.argsort(order)] = np.arange(len(at))
        return after[np.argsort(order)]


NDArrayInt = Planes


def _flat(values: Sequence[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        flat += _flat(value) if isinstance(value, list | tuple) else [value]
    return flat


def _refused(node: Node) -> UnsupportedError:
    return UnsupportedError(f"native: the engine has no kernel for {node.target} at {node.name}")


def _numbers(value: Tensor | None, count: int) -> Floats:
    if value is None:
        return np.zeros(count, np.float32)
    given = value.detach().float().reshape(-1).numpy()
    return np.broadcast_to(given, (count,)).astype(np.float32)


def _convolution(
    self: _Reader, node: Node, x: Planes, weight: Tensor, bias: Tensor | None = None, stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0), dilation: Sequence[int] = (1, 1), groups: int = 1,
) -> Planes:  # fmt: skip
    if len(set(stride)) != 1 or stride[0] not in (1, 2):
        raise _refused(node)
    shape = node.meta["val"].shape
    height, width = weight.shape[2:]
    return self._add(
        Kind.CONV, x, weight.shape[0], (shape[2], shape[3]), weight=weight.detach().float().numpy(),
        bias=_numbers(bias, weight.shape[0]), stride=stride[0], groups=groups,
        rows=[i * dilation[0] - padding[0] for i in range(height) for _ in range(width)],
        columns=[i * dilation[1] - padding[1] for _ in range(height) for i in range(width)],
    )  # fmt: skip


def _transposed(
    self: _Reader, node: Node, x: Planes, weight: Tensor, bias: Tensor | None = None, stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0), more: Sequence[int] = (0, 0), groups: int = 1, dilation: Sequence[int] = (1, 1),
) -> Planes:  # fmt: skip
    """Of side and stride 2: a 1 x 1 convolution to four times as many channels, which are spread over pixels."""
    if tuple(weight.shape[2:]) != (2, 2) or tuple(stride) != (2, 2) or groups != 1 or any((*padding, *more)):
        raise _refused(node)
    count = weight.shape[1]
    rows = weight.detach().float().permute(1, 2, 3, 0).reshape(4 * count, -1, 1, 1).contiguous().numpy()
    shape = node.meta["val"].shape
    return self._add(
        Kind.CONV, x, count, (shape[2], shape[3]), weight=rows, bias=np.repeat(_numbers(bias, count), 4), stride=1,
        groups=1, rows=[0], columns=[0], spread=True,
    )  # fmt: skip


def _average(
    self: _Reader, node: Node, x: Planes, kernel: Sequence[int], stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0), ceil: bool = False, padded: bool = True, divisor: int | None = None,
) -> Planes:  # fmt: skip
    if ceil or divisor or not (padded or not any(padding)):
        raise _refused(node)
    count, (height, width) = len(x), kernel
    weight = torch.full((count, 1, height, width), 1 / (height * width))
    return _convolution(self, node, x, weight, None, list(stride) or list(kernel), list(padding), (1, 1), count)


def _largest(
    self: _Reader, node: Node, x: Planes, kernel: Sequence[int], stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0), dilation: Sequence[int] = (1, 1), ceil: bool = False,
) -> Planes:  # fmt: skip
    steps = list(stride) or list(kernel)
    padding = list(padding) * (2 if len(padding) == 1 else 1)
    if any(len(set(one)) != 1 for one in (kernel, steps, padding)) or set(dilation) != {1}:
        raise _refused(node)
    shape = node.meta["val"].shape
    return self._add(
        Kind.MAX_POOL, x, len(x), (shape[2], shape[3]), side=kernel[0], stride=steps[0], pad=padding[0]
    )


def _norm(
    self: _Reader, node: Node, x: Planes, weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor, training: bool,
    momentum: float, eps: float, *rest: Any,
) -> Planes:  # fmt: skip
    scale = weight.double() / torch.sqrt(var.double() + eps)
    shift = bias.double() - mean.double() * scale
    return self.each(x, Then.SCALE, a=scale.float().numpy(), b=shift.float().numpy())


def _sum(self: _Reader, node: Node, x: Any, y: Any) -> Planes:
    if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)) or self.size(x) != self.size(y) or len(x) != len(y):
        raise _refused(node)
    return self.each(x, Then.ADD, other=y)


def _product(self: _Reader, node: Node, x: Any, y: Any) -> Planes:
    if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)) or len(x) != len(y):
        raise _refused(node)
    if self.size(x) == (1, 1):
        x, y = y, x
    if self.size(y) != (1, 1):
        raise _refused(node)
    return self.each(x, Then.GATE, other=y)


def _joined(self: _Reader, node: Node, parts: Sequence[Planes], axis: int = 0) -> Planes:
    if axis != 1:
        raise _refused(node)
    return np.concatenate(parts)


def _resized(self: _Reader, node: Node, x: Planes, size: Any, aligned: bool, factors: Any = None) -> Planes:
    shape = node.meta["val"].shape
    if not aligned:
        raise _refused(node)
    return self._add(Kind.RESIZE, x, len(x), (shape[2], shape[3]))


def _banded(self: _Reader, node: Node, x: Any, y: Any) -> Planes:
    """A product with a constant matrix whose rows (columns) have few numbers that are not zero, side by side."""
    columns = isinstance(x, np.ndarray)
    matrix = (y.t() if columns else x).numpy()  # (outputs, inputs)
    planes = x if columns else y
    starts = [int(np.flatnonzero(row)[0]) for row in matrix]
    taps = max(int(np.flatnonzero(row)[-1]) - start + 1 for row, start in zip(matrix, starts, strict=True))
    starts = [min(start, matrix.shape[1] - taps) for start in starts]
    weights = np.stack([row[start : start + taps] for row, start in zip(matrix, starts, strict=True)], 1)
    shape = node.meta["val"].shape
    return self._add(
        Kind.BAND, planes, len(planes), (shape[2], shape[3]), columns=columns, starts=starts, taps=taps,
        weights=np.ascontiguousarray(weights),
    )  # fmt: skip


def _pooled(self: _Reader, node: Node, x: Planes, size: Sequence[int]) -> Planes:
    if tuple(size) != (1, 1):
        raise _refused(node)
    return self._add(Kind.MEAN, x, len(x), (1, 1))


def _linear(self: _Reader, node: Node, x: Planes, weight: Tensor, bias: Tensor | None = None) -> Planes:
    if self.size(x) != (1, 1) or len(x) != weight.shape[1]:
        raise _refused(node)
    count = weight.shape[0]
    return self._add(
        Kind.LINEAR, x, count, (1, 1), weight=weight.detach().float().numpy(), bias=_numbers(bias, count)
    )


def _viewed(self: _Reader, node: Node, x: Planes, *shape: Any) -> Planes:
    """Another shape of the channels; height and width stay."""
    made = node.meta["val"].shape
    before = self.size(x)
    if tuple(made[-2:]) != before and not (before == (1, 1) and len(made) == 2):
        raise _refused(node)
    return x.reshape(made[1:-2] if len(made) > 2 else made[1:])


def _turned(self: _Reader, node: Node, x: Planes, one: int, other: int) -> Planes:
    if not {one, other} <= set(range(1, x.ndim + 1)):
        raise _refused(node)
    return x.swapaxes(one - 1, other - 1)


def _sliced(self: _Reader, node: Node, x: Planes, axis: int = 0, start: int = 0, end: int | None = None) -> Planes:
    if axis != 1:
        raise _refused(node)
    return x[start:end]


def _slopes(slope: float) -> Callable[..., Planes]:
    def handler(self: _Reader, node: Node, x: Planes, given: float | None = None) -> Planes:
        value = slope if given is None else given
        return self.each(x, Then.PRELU, a=np.full(len(x), value, np.float32))

    return handler


_HANDLERS: dict[Any, Callable[..., Any]] = {
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
    aten.linear.default: _linear,
    aten.sigmoid.default: lambda self, node, x: self._add(Kind.SIGMOID, x, len(x), self.size(x)),
    aten.view.default: _viewed,
    aten.reshape.default: _viewed,
    aten.flatten.using_ints: _viewed,
    aten.transpose.int: _turned,
    aten.slice.Tensor: _sliced,
    aten.dropout.default: lambda self, node, x, *rest: x,
    aten.feature_dropout.default: lambda self, node, x, *rest: x,
    aten.contiguous.default: lambda self, node, x: x,
    operator.getitem: lambda self, node, x, index: x[index],
}
