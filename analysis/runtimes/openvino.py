"""OpenVINO on the CPU, with the precision that was asked for instead of its own choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from analysis.runtimes.base import RUNTIMES, Opened, Runtime, one_line
from analysis.runtimes.onnx_runtime import FORM
from archspace.support.errors import FieldError, InputError

if TYPE_CHECKING:
    import numpy as np

    from analysis.devices.settings import Settings
    from analysis.devices.target import Target

SHORT = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "int8": "f32"}
"""OpenVINO's words, in INT8 of what is not; left to itself it runs in bf16 on CPUs that can."""


class _Request(Opened):
    def __init__(self, compiled: Any, x: np.ndarray, version: str, how: dict[str, Any]) -> None:
        self._request, self._x, self.version = compiled.create_infer_request(), x, version
        self._outputs = list(compiled.outputs)
        self.how = {"form": "ONNX, batch norms folded", "clock": "perf_counter_ns", **how}

    def run(self) -> object:
        """Returns one run of a batch."""
        return self._request.infer([self._x], share_inputs=True, share_outputs=True)

    def answer(self) -> list[np.ndarray]:
        """Returns the outputs as float32."""
        results = self._request.infer([self._x])
        return [results[output].astype("float32") for output in self._outputs]


class OpenVino(Runtime):
    """OpenVINO."""

    name: ClassVar[str] = "openvino"
    title: ClassVar[str] = "OpenVINO"
    precisions: ClassVar[Mapping[str, tuple[str, ...]]] = {"cpu": tuple(SHORT), "cuda": ()}
    foreign = True

    def unavailable(self, device: str) -> str | None:
        """Returns why it is not here, or ``None``."""
        if device != "cpu":
            return "OpenVINO has no support for NVIDIA GPUs"
        try:
            version("openvino")
        except PackageNotFoundError:
            return "OpenVINO is not installed: pip install 'archspace[openvino]'"
        return None

    def version(self) -> str:
        """As installed."""
        return f"openvino {version('openvino')}"

    def prepare(self, target: Target, settings: Settings, folder: Path) -> Path:
        """Writes its ONNX file."""
        import openvino  # noqa: F401  (so that its code is in memory)

        return target.onnx_file(folder, settings.batch)

    @contextmanager
    def open(self, target: Target, device: str, settings: Settings, folder: Path) -> Iterator[Opened]:
        """Opens it; see the base class."""
        import openvino

        path = self.prepare(target, settings, folder)
        hint = SHORT[settings.precision]
        asked = {
            "INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": str(settings.threads),
            "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1",
        }  # fmt: skip
        try:
            model = (
                target.openvino_int8(folder, settings.batch) if settings.precision == "int8" else str(path)
            )
            compiled = openvino.Core().compile_model(model, "CPU", asked)
        except RuntimeError as error:
            raise InputError(f"runtime: 'openvino': cannot run {target.label}: {one_line(error)}") from error
        honoured = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        if honoured != hint:
            rule = f"OpenVINO runs {honoured} on this CPU instead"
            raise FieldError("precision", settings.precision, rule, "float32")
        how = {
            "inference_precision": honoured, "streams": int(compiled.get_property("NUM_STREAMS")),
            "inference_threads": int(compiled.get_property("INFERENCE_NUM_THREADS")),
        }  # fmt: skip
        if settings.precision == "int8":
            how["form"] = FORM["int8"]
        yield _Request(compiled, target.example(settings.batch).numpy(), self.version(), how)


RUNTIMES.register(OpenVino.name)(OpenVino())
