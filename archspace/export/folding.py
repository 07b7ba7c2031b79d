"""The graph of a network for inference: batch norms folded into convolutions wherever that is exact.

:func:`archspace.export.deploy.deployed` folds the norms that stand beside their convolution in a layer; here go those
that the graph alone shows: after a concatenation or a sum of convolutions, before a convolution, and those before an
activation, whose shift joins the biases above and whose scale joins the weights below. Weights are folded in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Node

from archspace.export.constants import Constants

aten = torch.ops.aten
Doubles: TypeAlias = NDArray[np.float64]

CONVOLUTIONS = (aten.conv2d.default, aten.conv_transpose2d.input)
HOMOGENEOUS = (aten.prelu.default, aten.relu.default, aten.leaky_relu.default)
"""Activations f with f(s x) = s f(x) for s > 0."""
SMALLEST_SCALE = 0.03
"""Of the largest: a scale below it stays where it is, since shifts are divided by it and rounding would grow."""


def folded(program: ExportedProgram) -> ExportedProgram:
    """Returns the same function with fewer operations; the given graph is not changed.

    Norms that cannot be folded exactly stay: those before a padded convolution, and those whose input or output is
    read elsewhere too. Parameters that nothing reads are dropped.
    """
    graph = Constants(program)
    for node in graph.nodes:
        if node.target is aten.batch_norm.default and not node.args[5]:
            _fold(graph, node)
    return graph.program()


def _fold(graph: Constants, norm: Node) -> None:
    weight, bias, mean, var = (graph.value(one).double() for one in norm.args[1:5])  # type: ignore[arg-type]
    scale = (weight / torch.sqrt(var + float(norm.args[7]))).numpy()  # type: ignore[arg-type]
    shift = bias.numpy() - mean.numpy() * scale
    source = norm.args[0]
    assert isinstance(source, Node)
    after = list(norm.users)
    if _takes(source, norm, scaled=True):
        _give(graph, source, scale, shift)
    elif after and all(_reads_unpadded(user, norm) for user in after):
        for user in after:
            _scale_inputs(graph, user, scale, shift)
    elif (
        len(after) == 1
        and after[0].target in HOMOGENEOUS
        and after[0].users
        and all(user.target in CONVOLUTIONS and user.args[0] is after[0] for user in after[0].users)
        and scale.min() >= SMALLEST_SCALE * scale.max() > 0
        and _takes(source, norm, scaled=False)
    ):
        _give(graph, source, None, shift / scale)
        for user in list(after[0].users):
            _scale_inputs(graph, user, scale, np.zeros_like(scale))
    else:
        return
    norm.replace_all_uses_with(source)
    graph.erase(norm)


def _takes(source: Node, reader: Node, scaled: bool) -> bool:
    """Whether a shift of what ``reader`` reads (and, ``scaled``, a scale) can be moved into the biases above it."""
    if source.target is aten.cat.default:
        parts: Sequence[Node] = source.args[0]  # type: ignore[assignment]
        if (
            list(source.users) != [reader]
            or (source.args[1:] or (0,))[0] != 1
            or len(set(parts)) < len(parts)
        ):
            return False
        sums = [] if scaled else _running(source)
        return all(part in sums or _takes(part, source, scaled) for part in parts)
    if list(source.users) != [reader]:
        return False
    if source.target is aten.add.Tensor and not source.kwargs:
        one, other = source.args[:2]
        if not (isinstance(one, Node) and isinstance(other, Node)) or one is other:
            return False
        if _shape(one) != _shape(source) or _shape(other) != _shape(source):
            return False
        if scaled:
            return _takes(one, source, True) and _takes(other, source, True)
        return _takes(other, source, False) or _takes(one, source, False)
    return source.target in CONVOLUTIONS


def _running(joined: Node) -> list[Node]:
    """Of concatenated maps those that are running sums of convolutions: each plus the one before, read by nobody else.

    The shift of each is the sum of the biases up to it.
    """
    found: list[Node] = []
    parts: Sequence[Node] = joined.args[0]  # type: ignore[assignment]
    for before, part in zip([None, *parts], parts, strict=False):
        if part.target in CONVOLUTIONS and len(part.users) == 2:
            found = [part]
        elif (
            before in found and part.target is aten.add.Tensor and before in part.args
            and _own(part, before).target in CONVOLUTIONS and list(_own(part, before).users) == [part]
        ):  # fmt: skip
            found.append(part)
        elif found:
            return []
    for one, following in zip(found, [*found[1:], None], strict=False):
        if set(one.users) != {joined, *([following] if following else [])}:
            return []
    return found if len(found) > 1 else []


def _own(total: Node, before: Node | None) -> Node:
    """Of a sum, what is added to ``before``."""
    one, other = total.args[:2]
    own = other if one is before else one
    assert isinstance(own, Node)
    return own


def _give(graph: Constants, source: Node, scale: Doubles | None, shift: Doubles) -> None:
    """Move a scale and a shift into the convolutions that make ``source``, as :func:`_takes` allows."""
    if source.target in CONVOLUTIONS:
        _scale_outputs(graph, source, scale, shift)
    elif source.target is aten.cat.default:
        parts: Sequence[Node] = source.args[0]  # type: ignore[assignment]
        sums = [] if scale is not None else _running(source)
        start, before, last = 0, None, np.zeros(0)
        for part in parts:
            at = slice(start, start := start + _shape(part)[1])
            own = shift[at]
            if part in sums and before is not None:
                _scale_outputs(graph, _own(part, before), None, own - last)
            else:
                _give(graph, part, None if scale is None else scale[at], own)
            if part in sums:
                before, last = part, own
    else:
        one, other = source.args[:2]
        assert isinstance(one, Node) and isinstance(other, Node)
        if scale is None:
            _give(graph, other if _takes(other, source, False) else one, None, shift)
        else:
            _give(graph, one, scale, shift)
            _give(graph, other, scale, np.zeros_like(shift))


def _shape(node: Node) -> Any:
    return node.meta["val"].shape


def _transposed(node: Node) -> bool:
    return node.target is aten.conv_transpose2d.input


def _groups(node: Node) -> int:
    return int((node.args[6:7] or (1,))[0])  # type: ignore[arg-type]


def _per_channel(values: Doubles, weight: Tensor, transposed: bool, outputs: bool, groups: int) -> Tensor:
    """A number a channel, shaped to multiply a convolution's weights.

    Weights are (C', C / groups, h, w), of a transposed one (C, C' / groups, h, w); the second axis has the channels of
    each group, so that rows of a group share them.
    """
    given = torch.from_numpy(np.ascontiguousarray(values))
    if outputs != transposed:
        return given.view(-1, 1, 1, 1)
    return given.view(groups, -1).repeat_interleave(weight.shape[0] // groups, 0)[:, :, None, None]


def _scale_outputs(graph: Constants, conv: Node, scale: Doubles | None, shift: Doubles) -> None:
    weight, bias = _weights(graph, conv)
    if scale is not None:
        weight = weight * _per_channel(scale, weight, _transposed(conv), True, _groups(conv))
        bias = bias * torch.from_numpy(scale)
    _set(graph, conv, weight, bias + torch.from_numpy(shift))


def _scale_inputs(graph: Constants, conv: Node, scale: Doubles, shift: Doubles) -> None:
    weight, bias = _weights(graph, conv)
    groups, transposed = _groups(conv), _transposed(conv)
    more = (
        weight * _per_channel(shift, weight, transposed, False, groups)
        if shift.any()
        else torch.zeros_like(weight)
    )
    bias = bias if transposed else bias + more.sum((1, 2, 3))
    _set(graph, conv, weight * _per_channel(scale, weight, transposed, False, groups), bias)


def _reads_unpadded(conv: Node, source: Node) -> bool:
    """Whether a shift of a convolution's input is one of its output: every output sees as much of the input.

    Zeros around the map would not be shifted; a transposed convolution adds different weights at different places.
    """
    if conv.target is not aten.conv2d.default or conv.args[0] is not source:
        return False
    return not any((conv.args[4:5] or ((0, 0),))[0])  # type: ignore[arg-type]


def _weights(graph: Constants, conv: Node) -> tuple[Tensor, Tensor]:
    weight = graph.value(conv.args[1]).double()  # type: ignore[arg-type]
    given = conv.args[2] if len(conv.args) > 2 else None
    count = _shape(conv)[1]
    return weight, torch.zeros(count).double() if given is None else graph.value(given).double()  # type: ignore[arg-type]


def _set(graph: Constants, conv: Node, weight: Tensor, bias: Tensor) -> None:
    kind = graph.value(conv.args[1]).dtype  # type: ignore[arg-type]
    made = [graph.constant(value.to(kind), conv) for value in (weight, bias)]
    conv.args = (conv.args[0], *made, *conv.args[3:])
