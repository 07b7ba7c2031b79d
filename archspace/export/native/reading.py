"""From the graph of torch.export to the engine's operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.fx import Node

from archspace.export.native.building import Builder
from archspace.export.native.handlers import HANDLERS, refused
from archspace.export.native.operations import Graph, Kind, UnsupportedError

aten = torch.ops.aten


def read_program(program: ExportedProgram) -> Graph:
    """Returns the operations of a graph of fixed shapes; convolutions carry the sums and activations that follow them.

    Raises:
        UnsupportedError: the engine has no kernel for an operation; the message names it.
    """
    return _Reader(program).read()


class _Reader:
    def __init__(self, program: ExportedProgram) -> None:
        self.program, self.builder = program, Builder()
        self.values: dict[Node, Any] = {}
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
                self.builder.graph.outputs = [np.ravel(self.values[value]) for value in node.args[0]]
            elif node.target is not aten._assert_tensor_metadata.default:
                self.values[node] = self._call(node)
        return self.builder.graph

    def _placeholder(self, node: Node) -> None:
        if node.name in self.constants:
            self.values[node] = self.constants[node.name].detach()
            return
        shape = node.meta["val"].shape
        if len(shape) != 4 or not all(isinstance(side, int) for side in shape[1:]):
            raise UnsupportedError(
                f"native: input {node.name} of shape {tuple(shape)}: must be images of a fixed size"
            )
        planes = self.builder.graph.planes(shape[1], (shape[2], shape[3]))
        self.builder.graph.inputs.append(planes)
        copied = self.builder.add(Kind.EACH, planes, shape[1], (shape[2], shape[3]))
        self.values[node] = copied

    def _call(self, node: Node) -> Any:
        arguments = [self._value(one) for one in node.args]
        if all(not isinstance(one, np.ndarray) for one in _flat(arguments)):
            return node.target(*arguments, **node.kwargs)  # type: ignore[operator]
        handler = HANDLERS.get(node.target)
        if handler is None or node.kwargs:
            raise refused(node)
        return handler(self.builder, node, *arguments)

    def _value(self, argument: Any) -> Any:
        if isinstance(argument, Node):
            return self.values[argument]
        if isinstance(argument, list | tuple):
            return [self._value(one) for one in argument]
        return argument


def _flat(values: Sequence[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        flat += _flat(value) if isinstance(value, list | tuple) else [value]
    return flat
