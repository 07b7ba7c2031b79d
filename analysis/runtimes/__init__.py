"""What runs a network on this machine: torch in three forms, ONNX Runtime, OpenVINO, TensorRT."""

from __future__ import annotations

from analysis.runtimes.base import Opened, Runtime
from analysis.runtimes.onnx_runtime import OnnxRuntime
from analysis.runtimes.openvino import OpenVino
from analysis.runtimes.tensorrt import TensorRt
from analysis.runtimes.torch_forms import Compile, CudaGraph, Eager
from archspace.support.errors import FieldError, closest

__all__ = ["RUNTIMES", "Opened", "Runtime", "find_runtime"]

RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime
    for runtime in (Eager(), Compile(), CudaGraph(), OnnxRuntime(), OpenVino(), TensorRt())
}
"""Every runtime by the name of ``--runtime``, in the order of tables."""


def find_runtime(name: str) -> Runtime:
    """The runtime called ``name``.

    Raises:
        FieldError: none is called so.
    """
    if name not in RUNTIMES:
        raise FieldError("runtime", name, "unknown runtime", closest(name, list(RUNTIMES)))
    return RUNTIMES[name]
