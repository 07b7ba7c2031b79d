"""A network's graph as a Python file that imports torch alone."""

from __future__ import annotations

import operator
import pprint
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.fx import Node

from archspace.export.agreement import ExportError
from archspace.support.version import VERSION

if TYPE_CHECKING:
    from archspace.export.formats.base import Source

_HEAD = '''"""{title}

Written by archspace {version}; needs torch and {weights} beside this file, nothing else.

    import standalone

    network = standalone.load()
    {call}
"""

import json
import math
import operator
import struct
from pathlib import Path

import torch

aten = torch.ops.aten

ABOUT = {about}
"""What the network is: its architecture, preprocessing, classes, inputs and outputs."""

'''

_TAIL = '''

def load(path=Path(__file__).with_name("{weights}")):
    """The network with its weights, in eval mode."""
    return Network(read_safetensors(path)).eval()


def read_safetensors(path):
    """The tensors of a .safetensors file by name."""
    types = {{"F32": torch.float32, "F16": torch.float16, "I64": torch.int64, "I32": torch.int32, "BOOL": torch.bool}}
    data = bytearray(Path(path).read_bytes())
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {{}}
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        kind = types[entry["dtype"]]
        flat = torch.frombuffer(data[begin:end], dtype=kind) if end > begin else torch.empty(0, dtype=kind)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors
'''


def python_code(source: Source, weights: str) -> tuple[str, dict[str, Tensor]]:
    """Returns the text of the file, and the tensors that it reads, by name.

    Args:
        source: what is exported.
        weights: name of the file of the tensors.

    Raises:
        ExportError: an operation of the graph has no words in Python here.
    """
    program = source.program
    tensors = {**program.state_dict, **program.constants}
    names = {
        spec.arg.name: spec.target
        for spec in program.graph_signature.input_specs
        if spec.target is not None and isinstance(tensors.get(spec.target), Tensor)
    }
    used = sorted(
        {names[node.name] for node in program.graph.nodes if node.op == "placeholder" and node.name in names}
    )
    kept = {name: tensors[name].detach().clone().contiguous() for name in used}
    arguments = ", ".join(f"{port.name} {list(port.shape)}" for port in source.signature.inputs)
    call = f"{', '.join(source.signature.output_names)} = network({', '.join(source.signature.input_names)})"
    head = _HEAD.format(
        title=f"{source.network.spec.label} for {source.network.spec.task}: takes {arguments}.",
        version=VERSION, weights=weights, call=call,
        about=pprint.pformat(dict(source.metadata), width=110, compact=True, sort_dicts=False),
    )  # fmt: skip
    return head + _network(source, names) + _TAIL.format(weights=weights), kept


def _network(source: Source, names: Mapping[str, str]) -> str:
    graph = source.program.graph
    inputs = [node.name for node in graph.nodes if node.op == "placeholder" and node.name not in names]
    lines = [
        "",
        "class Network(torch.nn.Module):",
        f'    """(inputs) {", ".join(source.signature.input_names)} -> {", ".join(source.signature.output_names)}."""',
        "",
        "    def __init__(self, tensors):",
        "        super().__init__()",
        "        self.names = list(tensors)",
        "        for i, tensor in enumerate(tensors.values()):",
        '            self.register_buffer(f"t{i}", tensor)',
        "",
        f"    def forward(self, {', '.join(inputs)}):",
        '        w = {name: getattr(self, f"t{i}") for i, name in enumerate(self.names)}',
        "        device = next(iter(w.values())).device",
    ]
    last = _last_uses(graph.nodes)
    for node in graph.nodes:
        if node.op == "placeholder":
            continue
        if node.op == "output":
            values = [_text(value, names) for value in node.args[0]]
            lines.append(f"        return {values[0] if len(values) == 1 else ', '.join(values)}")
            continue
        if node.target in _SILENT:
            continue
        lines.append(f"        {node.name} = {_call(node, names)}")
        done = [name for name in last.get(node, ()) if name not in names and name not in inputs]
        if done:
            lines.append(f"        del {', '.join(done)}")
    return "\n".join(lines) + "\n"


_SILENT = (
    torch.ops.aten._assert_tensor_metadata.default,
    torch.ops.aten.sym_constrain_range_for_size.default,
)
"""Notes of the tracer that compute nothing."""


def _last_uses(nodes: Any) -> dict[Node, list[str]]:
    """After which node each value is not needed any more."""
    last: dict[Node, Node] = {}
    for node in nodes:
        if node.target in _SILENT:
            continue
        for used in node.all_input_nodes:
            last[used] = node
    after: dict[Node, list[str]] = {}
    for used, node in last.items():
        if used.op == "call_function" and node.op != "output":
            after.setdefault(node, []).append(used.name)
    return after


def _call(node: Node, names: Mapping[str, str]) -> str:
    given = [_text(value, names) for value in node.args]
    given += [f"{key}={_text(value, names)}" for key, value in node.kwargs.items()]
    return f"{_function(node)}({', '.join(given)})"


def _function(node: Node) -> str:
    target: Any = node.target
    if isinstance(target, torch._ops.OpOverload) and target.namespace == "aten":
        return f"{target}"
    module = getattr(target, "__module__", "")
    name = getattr(target, "__name__", "")
    known: dict[str, Callable[..., Any]] = {"_operator": getattr(operator, name, None), "math": target}  # type: ignore[dict-item]
    if module in known and known[module] is target:
        return f"{module.lstrip('_')}.{name}"
    raise ExportError(f"export: standalone: {target} at {node.name} has no words in plain torch")


def _text(value: Any, names: Mapping[str, str]) -> str:
    """A value of the graph as Python writes it."""
    if isinstance(value, Node):
        return f"w[{names[value.name]!r}]" if value.name in names else value.name
    if isinstance(value, list | tuple):
        inner = ", ".join(_text(one, names) for one in value)
        return f"[{inner}]"
    if isinstance(value, torch.device):
        return "device"
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    if value is None or isinstance(
        value, bool | int | float | str | torch.dtype | torch.layout | torch.memory_format
    ):
        return repr(value)
    raise ExportError(f"export: standalone: {value!r} has no words in plain torch")
