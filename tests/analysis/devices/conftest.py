"""A board on loopback, and a network that it runs in a moment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from analysis.devices.target import Target
from tests.analysis.devices.sshd import SSHD, Board


@pytest.fixture
def board(tmp_path: Path, cache_folder: Path) -> Iterator[Board]:
    """A server that runs."""
    if not Path(SSHD).exists():
        reason = f"no {SSHD}: apt-get install openssh-server openssh-client"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    made = Board(tmp_path / "board")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Target:
    """One convolution, as a foreign ONNX file of operator set 11."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    weight = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "weight")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, 64, 64))
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, (1, 4, 62, 62))
    node = helper.make_node("Conv", ["image", "weight"], ["scores"])
    graph = helper.make_graph([node], "tiny", [image], [scores], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    onnx.save(model, str(path))
    return Target(label="tiny", arch_id=None, input_size=(64, 64), channels=3, onnx=path)
