"""TensorRT 8.2's list: what is inside passes, and each rule refuses what breaks it, by the node's name."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archspace.export.tensorrt_operators import check_parsed, refusals
from archspace.support.errors import InputError

KERNEL = numpy_helper.from_array(np.ones((2, 3, 1, 1), np.float32), "kernel")


def model(
    *nodes: onnx.NodeProto, opset: int = 13, ir: int = 7, batch: int | str = 1, channels: int = 3,
    constants: tuple[onnx.TensorProto, ...] = (KERNEL,),
) -> onnx.ModelProto:  # fmt: skip
    """A file from ``x`` (1, 3, 8, 8) to ``y``."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, channels, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "g", [x], [y], list(constants))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = ir
    inferred = onnx.shape_inference.infer_shapes(made)
    del made.graph.output[:]
    made.graph.output.extend(inferred.graph.output)
    return made


CONV = helper.make_node("Conv", ["x", "kernel"], ["y"], name="mix")


def test_what_is_inside_passes() -> None:
    assert refusals(model(CONV)) == []
    assert refusals(model(CONV, opset=11, ir=6)) == []


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (model(CONV, opset=14), "operator set [14]: must be 11 to 13"),
        (model(CONV, ir=8), "file format (IR) 8: must be at most 7"),
        (model(CONV, batch="batch"), "'x': its shape is not fixed"),
        (model(helper.make_node("Erf", ["x"], ["y"], name="bend")), "Erf 'bend': is no operator of its list"),
        (
            model(
                helper.make_node("MaxPool", ["x"], ["y", "places"], name="pool", kernel_shape=[2, 2], strides=[2, 2])
            ),
            "MaxPool 'pool': has no places of the maxima",
        ),
        (
            model(helper.make_node("Conv", ["x", "made"], ["y"], name="mix"), constants=()),
            "Conv 'mix': input 1 must be a constant",
        ),
    ],
)  # fmt: skip
def test_each_rule_refuses(made: onnx.ModelProto, reason: str) -> None:
    if "input 1" in reason:
        made.graph.node.insert(0, helper.make_node("Relu", ["given"], ["made"]))
        made.graph.input.append(helper.make_tensor_value_info("given", TensorProto.FLOAT, [2, 3, 1, 1]))
    assert reason in refusals(made)


def test_the_message_names_the_first_and_counts_the_others() -> None:
    with pytest.raises(InputError) as refused:
        check_parsed(model(CONV, opset=14, ir=8), "net")
    said = "--format tx2: net: TensorRT 8.2 does not parse operator set [14]: must be 11 to 13 (and 1 more)"
    assert str(refused.value) == said
