"""ONNX Runtime on the CPU, or on a GPU where its CUDA provider is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from analysis.runtimes.base import RUNTIMES, Opened, Runtime, one_line
from archspace.support.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from onnxruntime import InferenceSession

    from analysis.devices.settings import Settings
    from analysis.devices.target import Target

CUDA = "CUDAExecutionProvider"
FORM = {
    "float32": "ONNX, batch norms folded",
    "int8": "ONNX, batch norms folded, convolutions and linear layers INT8 (ranges of random inputs)",
}
"""What a record says of the form, by precision."""


class _Session(Opened):
    def __init__(self, session: InferenceSession, x: np.ndarray, version: str, form: str) -> None:
        self._session, self.version = session, version
        self._inputs = {session.get_inputs()[0].name: x}
        self.how: dict[str, Any] = {
            "providers": session.get_providers(), "clock": "perf_counter_ns; copies to and from the device count",
            "form": form,
        }  # fmt: skip

    def run(self) -> object:
        """Returns one run of a batch."""
        return self._session.run(None, self._inputs)

    def answer(self) -> list[np.ndarray]:
        """Returns the outputs as float32."""
        return [value.astype("float32") for value in self._session.run(None, self._inputs)]


class OnnxRuntime(Runtime):
    """ONNX Runtime."""

    name: ClassVar[str] = "onnxruntime"
    title: ClassVar[str] = "ONNX Runtime"
    precisions: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "cpu": ("float32", "int8"), "cuda": ("float32",),
    }  # fmt: skip
    foreign = True

    def unavailable(self, device: str) -> str | None:
        """Returns why it is not here, or ``None``."""
        import onnxruntime

        if device != "cpu" and CUDA not in onnxruntime.get_available_providers():
            return f"this ONNX Runtime has no {CUDA}; install onnxruntime-gpu"
        return None

    def version(self) -> str:
        """As installed."""
        import onnxruntime

        return f"onnxruntime {onnxruntime.__version__}"

    def prepare(self, target: Target, settings: Settings, folder: Path) -> Path:
        """Writes its ONNX file."""
        import onnxruntime  # noqa: F401  (so that its code is in memory)

        if settings.precision == "int8":
            return target.int8_file(folder, settings.batch)
        return target.onnx_file(folder, settings.batch, summed=True)

    @contextmanager
    def open(self, target: Target, device: str, settings: Settings, folder: Path) -> Iterator[Opened]:
        """Opens it; see the base class."""
        import onnxruntime

        path = self.prepare(target, settings, folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = settings.threads, 1
        options.log_severity_level = 3
        index = {"device_id": int(device.partition(":")[2] or 0), "use_tf32": 0}
        providers = ["CPUExecutionProvider"] if device == "cpu" else [(CUDA, index)]
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # onnxruntime has no base class for its errors
            raise InputError(
                f"runtime: 'onnxruntime': cannot run {target.label}: {one_line(error)}"
            ) from error
        yield _Session(
            session, target.example(settings.batch).numpy(), self.version(), FORM[settings.precision]
        )


RUNTIMES.register(OnnxRuntime.name)(OnnxRuntime())
