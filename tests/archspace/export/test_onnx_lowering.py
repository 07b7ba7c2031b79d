"""Operators that older operator sets lack are written out in those that they have."""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from archspace.export.onnx_lowering import lowered


def test_hard_swish_is_written_out_before_set_14() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [9])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [9])
    graph = helper.make_graph([helper.make_node("HardSwish", ["x"], ["y"], name="bend")], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    old = lowered(model, 13)
    assert [node.op_type for node in old.graph.node] == ["HardSigmoid", "Mul"]
    given = np.linspace(-4, 4, 9, dtype=np.float32)
    (answer,) = onnxruntime.InferenceSession(old.SerializeToString()).run(None, {"x": given})
    np.testing.assert_allclose(answer, given * np.clip(given / 6 + 0.5, 0, 1), rtol=1e-6)
