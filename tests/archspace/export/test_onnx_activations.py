"""PReLU as a sum is the operator in other words."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from archspace.export.onnx_activations import summed_prelu


def model(slopes: Any) -> onnx.ModelProto:
    """Two PReLUs one after the other, of the same slopes."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3, 4, 5]) for name in ("x", "y")]
    nodes = [
        helper.make_node("PRelu", ["x", "a"], ["t"], name="one"),
        helper.make_node("PRelu", ["t", "a"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], [numpy_helper.from_array(slopes, "a")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.mark.parametrize("shape", [(3, 1, 1), (1,)], ids=["a slope a channel", "one slope"])
def test_the_answers_are_the_same(shape: tuple[int, ...]) -> None:
    slopes = np.array([-0.5, 0.25, 1.5], np.float32)[: shape[0]].reshape(shape)
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    given, made = model(slopes), model(slopes)
    summed_prelu(made)
    onnx.checker.check_model(made, full_check=True)
    assert {node.op_type for node in made.graph.node} == {"Mul", "Relu", "Add"}
    assert len(made.graph.initializer) == 2, "the slopes, and once what is left of 1"
    ours, theirs = (
        onnxruntime.InferenceSession(one.SerializeToString(), providers=["CPUExecutionProvider"]).run(
            None, {"x": x}
        )[0]
        for one in (given, made)
    )
    np.testing.assert_allclose(theirs, ours, rtol=1e-6, atol=1e-6)
