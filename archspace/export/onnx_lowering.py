"""An ONNX model for older readers: the same nodes in the words of an earlier operator set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archspace.support.errors import FieldError, InputError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

IR_VERSIONS = {11: 6, 12: 7, 13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8}
"""The oldest file format that may hold each operator set, which every reader of that set can open."""

HARD_SWISH_SINCE = 14
"""The operator set that brought it."""

_AXES_INPUTS = {"Squeeze": "axes", "Unsqueeze": "axes", "Split": "split"}
"""Operators whose second input is an attribute in older operator sets; the reductions are the others."""


def lowered(model: ModelProto, opset: int) -> ModelProto:
    """Returns a copy of ``model`` in operator set ``opset``, 11 to 18, and in the file format of its time.

    Later sets mostly added attributes whose default is the old behaviour, and turned attributes into inputs; both are
    undone. The result is checked by ONNX's own checker with shape inference; that it answers the same is for the
    caller to see by running it.

    Raises:
        FieldError: no such operator set.
        InputError: the model uses something that the older set cannot say; the message names the operator.
    """
    import onnx

    if opset not in IR_VERSIONS:
        raise FieldError("opset", opset, "must be 11 to 18", min(max(opset, 11), 18))
    made = onnx.ModelProto()
    made.CopyFrom(model)
    current = next(entry for entry in made.opset_import if entry.domain in ("", "ai.onnx"))
    if current.version > opset:
        if opset < HARD_SWISH_SINCE:
            _write_out_hard_swish(made.graph)
        for node in made.graph.node:
            _lower(node, made.graph, current.version, opset)
        current.version = opset
    made.ir_version = min(made.ir_version, IR_VERSIONS[opset])
    used = {name for node in made.graph.node for name in node.input}
    unused = [tensor for tensor in made.graph.initializer if tensor.name not in used]
    for tensor in unused:
        made.graph.initializer.remove(tensor)
    try:
        onnx.checker.check_model(made, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"onnx: cannot be written in operator set {opset}: {reason}") from error
    return made


def _write_out_hard_swish(graph: GraphProto) -> None:
    """``x * HardSigmoid(x)`` with the slope of a sixth, which is what the operator is defined as."""
    import onnx

    nodes = []
    for node in graph.node:
        if node.op_type != "HardSwish":
            nodes.append(node)
            continue
        gate = f"{node.output[0]}_gate"
        make, (x,) = onnx.helper.make_node, node.input
        nodes.append(make("HardSigmoid", [x], [gate], name=f"{node.name}_gate", alpha=1 / 6, beta=0.5))
        nodes.append(make("Mul", [x, gate], node.output, name=node.name))
    del graph.node[:]
    graph.node.extend(nodes)


def _lower(node: NodeProto, graph: GraphProto, current: int, opset: int) -> None:
    import onnx

    try:
        old = onnx.defs.get_schema(node.op_type, opset, node.domain)
        new = onnx.defs.get_schema(node.op_type, current, node.domain)
    except onnx.defs.SchemaError:
        raise InputError(f"onnx: operator set {opset} has no {node.op_type}") from None
    moved = _AXES_INPUTS.get(node.op_type, "axes" if node.op_type.startswith("Reduce") else "")
    if moved in old.attributes and len(node.input) > 1:
        values = _constant(node, graph, node.input[1])
        del node.input[1:]
        node.attribute.append(onnx.helper.make_attribute(moved, values))
    for attribute in list(node.attribute):
        if attribute.name in old.attributes:
            continue
        default = new.attributes[attribute.name].default_value
        value = onnx.helper.get_attribute_value(attribute)
        usual = onnx.helper.get_attribute_value(default) if default.name else None
        if value != usual and not _does_nothing(attribute.name, value, node, graph):
            raise InputError(f"onnx: operator set {opset} has no {attribute.name}={value} of {node.op_type}")
        node.attribute.remove(attribute)
    if node.op_type == "Resize" and opset < 13:
        _fill_resize(node, graph)


def _does_nothing(name: str, value: Any, node: NodeProto, graph: GraphProto) -> bool:
    """Whether an attribute says what the older operator does anyway."""
    return (
        (name == "dilations" and set(value) == {1})
        or (name == "num_outputs" and value == len(node.output))
        or (name == "allowzero" and 0 not in _constant(node, graph, node.input[1]))
    )


def _constant(node: NodeProto, graph: GraphProto, name: str) -> list[int]:
    import onnx

    for tensor in graph.initializer:
        if tensor.name == name:
            return [int(value) for value in onnx.numpy_helper.to_array(tensor)]
    for other in graph.node:
        if other.op_type == "Constant" and name in other.output:
            return [int(value) for value in onnx.numpy_helper.to_array(other.attribute[0].t)]
    raise InputError(
        f"onnx: {node.op_type} of an older operator set needs a fixed {name}, but it is computed"
    )


def _fill_resize(node: NodeProto, graph: GraphProto) -> None:
    """Before set 13, ``roi`` and ``scales`` cannot be left out; an empty tensor stands for each."""
    import onnx

    empty = "resize_nothing"
    if any(not name for name in node.input[1:3]) and all(t.name != empty for t in graph.initializer):
        graph.initializer.append(onnx.helper.make_tensor(empty, onnx.TensorProto.FLOAT, [0], []))
    for index, name in enumerate(list(node.input)[1:3], start=1):
        node.input[index] = name or empty
