"""What runs a network on this machine, a file each: torch in three forms, ONNX Runtime, OpenVINO, TensorRT."""

from __future__ import annotations

from analysis.runtimes.base import RUNTIMES, Opened, Runtime
from archspace.support.registry import import_all

__all__ = ["RUNTIMES", "Opened", "Runtime"]

import_all(__name__, __path__, first=("torch_forms",))
