"""What TensorRT 8.2 parses, as far as our networks go: the last one for the Jetson TX2 (JetPack 4.6).

After the operators page of onnx-tensorrt, release 8.2-GA: the operators of ours that it marks as supported, and the
restrictions that it states for them (Selu: the pages of 8.0 and 8.4). An operator that is not here was not looked up:
it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from archspace.support.errors import InputError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

OPSETS = (11, 12, 13)
LATEST_IR = 7
"""The file format that ONNX 1.8 reads, with which the parser is built."""

PARSED = frozenset(
    (
        "Add", "And", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "Conv",
        "ConvTranspose", "DepthToSpace", "Div", "Equal", "Exp", "Expand", "Flatten", "Gather", "Gemm",
        "GlobalAveragePool", "HardSigmoid", "Identity", "LeakyRelu", "MatMul", "Max", "MaxPool", "Min", "Mul", "Neg",
        "Not", "PRelu", "Pad", "Pow", "ReduceMax", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Resize", "Selu",
        "Sigmoid", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Tile", "Transpose",
        "Unsqueeze", "Where",
    )
)  # fmt: skip
"""No Shape, ConstantOfShape, Loop, If, Scan, NonZero, ScatterElements, GatherND, MaxUnpool, HardSwish."""

TYPES = {1: "float32", 10: "float16", 6: "int32", 7: "int64", 9: "bool", 3: "int8"}
"""Element types; int64 is cast down to int32 as the file is parsed."""

RESIZE_MODES = ("nearest", "linear")
RESIZE_TRANSFORMS = (
    "half_pixel",
    "pytorch_half_pixel",
    "tf_half_pixel_for_nn",
    "asymmetric",
    "align_corners",
)

FIXED: Mapping[str, tuple[int, ...]] = {
    "Slice": (1, 2, 3, 4), "Squeeze": (1,), "Unsqueeze": (1,), "Reshape": (1,), "Conv": (1,), "ConvTranspose": (1,),
    "Pad": (1, 2), "Expand": (1,), "Tile": (1,), "Split": (1,), "Resize": (1, 2, 3), "ReduceSum": (1,),
    "BatchNormalization": (1, 2, 3, 4), "PRelu": (1,),
}  # fmt: skip
"""Inputs that must be constants, by operator."""


def refusals(model: ModelProto) -> list[str]:
    """Returns what TensorRT 8.2 would not parse, a line each with the node's name; empty where it parses all."""
    import onnx

    found = []
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if not versions or max(versions) not in OPSETS:
        found.append(f"operator set {versions}: must be 11 to 13")
    if any(entry.domain not in ("", "ai.onnx") for entry in model.opset_import):
        found.append("operators of another domain")
    if model.ir_version > LATEST_IR:
        found.append(f"file format (IR) {model.ir_version}: must be at most {LATEST_IR}")
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    found += _shapes(inferred.graph)
    constants = {tensor.name for tensor in model.graph.initializer}
    constants |= {name for node in model.graph.node if node.op_type == "Constant" for name in node.output}
    for node in model.graph.node:
        found += [f"{node.op_type} {node.name!r}: {rule}" for rule in _node(node, constants)]
    return found


def check_parsed(model: ModelProto, label: str) -> None:
    """Refuse a file that TensorRT 8.2 does not parse.

    Raises:
        InputError: names the first operator and how many more there are.
    """
    found = refusals(model)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise InputError(f"--format tx2: {label}: TensorRT 8.2 does not parse {found[0]}{more}")


def _shapes(graph: GraphProto) -> list[str]:
    """Values whose shape is not fixed, or of a type that TensorRT has not."""
    found = []
    for value in (*graph.input, *graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        if tensor.elem_type not in TYPES:
            found.append(f"{value.name!r}: element type {tensor.elem_type}")
        if any(not side.HasField("dim_value") for side in tensor.shape.dim):
            found.append(f"{value.name!r}: its shape is not fixed")
    return found


def _node(node: NodeProto, constants: set[str]) -> list[str]:
    import onnx

    if node.op_type not in PARSED:
        return ["is no operator of its list"]
    given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    wrong = [
        f"input {index} must be a constant"
        for index in FIXED.get(node.op_type, ())
        if index < len(node.input) and node.input[index] and node.input[index] not in constants
    ]
    rule = _RULES.get(node.op_type)
    return wrong + ([] if rule is None else rule(node, given))


def _max_pool(node: NodeProto, given: Mapping[str, Any]) -> list[str]:
    wrong = ["has no places of the maxima"] if len(node.output) > 1 and node.output[1] else []
    return wrong + (["has no dilations"] if set(given.get("dilations", [1])) != {1} else [])


def _resize(node: NodeProto, given: Mapping[str, Any]) -> list[str]:
    mode = given.get("mode", b"nearest").decode()
    transform = given.get("coordinate_transformation_mode", b"half_pixel").decode()
    wrong = [] if mode in RESIZE_MODES else [f"has no mode {mode}"]
    return wrong + ([] if transform in RESIZE_TRANSFORMS else [f"has no {transform} coordinates"])


_RULES: Mapping[str, Callable[[NodeProto, Mapping[str, Any]], list[str]]] = {
    "MaxPool": _max_pool, "Resize": _resize,
}  # fmt: skip
