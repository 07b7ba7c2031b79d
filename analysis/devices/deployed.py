"""The form of a network that is deployed: the exported ONNX file, in the runtime that is usual on a device."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

EAGER = "torch"
ON_GPU = ("tensorrt", "onnxruntime")
"""What runs an exported file on a CUDA GPU of this machine, the usual one first."""


def deployed_runtime(device: str) -> str | None:
    """Returns the runtime in which a device runs the exported file; ``None`` leaves the choice to a board.

    ONNX Runtime on a CPU. On a CUDA GPU of this machine TensorRT where its ``trtexec`` is, else ONNX Runtime where it
    has CUDA; where neither is here nothing can run the file, and torch is what is left: a warning says so. A board
    runs TensorRT where it has it (a Jetson), else ONNX Runtime.
    """
    if device.startswith("ssh://"):
        return None
    if device == "cpu":
        return "onnxruntime"
    from analysis.runtimes import RUNTIMES

    name = "cuda:0" if device == "cuda" else device
    reasons = {one: RUNTIMES[one].unavailable(name) for one in ON_GPU}
    for one, reason in reasons.items():
        if reason is None:
            return one
    words = "; ".join(f"{one}: {reason}" for one, reason in reasons.items())
    log.warning("%s: nothing here runs the exported file (%s): torch is measured instead", device, words)
    return EAGER


def usual_before(device: str) -> str | None:
    """Returns the runtime of studies that name none and were begun by archspace 0.1: torch, but for boards."""
    return None if device.startswith("ssh://") else EAGER
