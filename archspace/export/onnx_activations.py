"""PReLU in the words that ONNX Runtime runs fastest on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto


def summed_prelu(model: ModelProto) -> None:
    """Write every PReLU of constant slopes a as ``a x + (1 - a) Relu(x)``, which is the same but for rounding.

    ONNX Runtime has no fast kernel of PRelu on a CPU and fuses nothing with it; products by channel and sums it fuses
    with convolutions (1.3 to 1.8 times as fast on ESPNet and ESPNetv2). OpenVINO and TensorRT fuse the operator itself.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    written: dict[str, tuple[str, str]] = {}
    nodes = []
    for node in graph.node:
        if node.op_type != "PRelu" or node.input[1] not in constants:
            nodes.append(node)
            continue
        x, slopes = node.input
        if slopes not in written:
            rest = f"{slopes}_rest"
            value = numpy_helper.to_array(constants[slopes])
            graph.initializer.append(numpy_helper.from_array((1 - value).astype(value.dtype), rest))
            written[slopes] = (slopes, rest)
        (y,) = node.output
        below, above, bent = f"{y}_below", f"{y}_above", f"{y}_relu"
        nodes += [
            helper.make_node("Mul", [x, written[slopes][0]], [below], name=f"{node.name}_below"),
            helper.make_node("Relu", [x], [bent], name=f"{node.name}_relu"),
            helper.make_node("Mul", [bent, written[slopes][1]], [above], name=f"{node.name}_above"),
            helper.make_node("Add", [below, above], [y], name=node.name),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
