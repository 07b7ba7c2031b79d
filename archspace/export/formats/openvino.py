"""``openvino``: OpenVINO's own file pair, read and answered by its CPU plugin."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from archspace.export.agreement import ExportError, Runner
from archspace.export.formats.base import FORMATS, Exported, Format, Source
from archspace.export.signature import ExportOptions
from archspace.support.errors import InputError

FILES = {
    "model.xml": "the same network for OpenVINO, batch norms folded",
    "model.bin": "its weights",
}
HINTS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
"""What is not INT8 is float32, on one thread."""


def _needs(options: ExportOptions) -> None:
    for package, extra in (("openvino", "openvino"), ("nncf", "int8")):
        if package == "nncf" and not options.int8:
            continue
        if find_spec(package) is None:
            rule = f'is not installed; install it with: pip install "archspace[{extra}]"'
            what = "--format openvino" + (" --precision int8" if options.int8 else "")
            raise InputError(f"{what}: {package} {rule}")


def _write(source: Source, folder: Path) -> Exported:
    """Writes the pair by way of ONNX, reads it and compares it on every kind of input.

    Raises:
        ExportError: the network cannot be written, or an answer is beyond the tolerance.
    """
    import openvino

    from archspace.export.comparing import compared
    from archspace.export.formats.onnx import write_model

    core = openvino.Core()
    onnx_file = folder / ".openvino.onnx"
    write_model(source, onnx_file, None)
    made = before = None
    try:
        model = core.read_model(str(onnx_file))
        if source.options.int8:
            from archspace.export.nncf_quantisation import quantise_openvino

            before = _runner(source, core.compile_model(model, "CPU", HINTS))
            made = quantise_openvino(model, onnx_file, source.calibration_runs, source.options.keep)
            model = made.model
        for name, value in source.metadata.items():
            model.set_rt_info(json.dumps(value), ["archspace", name])
        openvino.save_model(model, str(folder / "model.xml"), compress_to_fp16=source.options.half)
    finally:
        onnx_file.unlink(missing_ok=True)
    try:
        compiled = core.compile_model(str(folder / "model.xml"), "CPU", HINTS)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[-300:]
        raise ExportError(
            f"export: openvino: cannot run what was written: {reason}; nothing was written"
        ) from error
    run = _runner(source, compiled)
    agreements = compared(source, run, "OpenVINO", version=openvino.__version__.partition("-")[0])
    if made is None or before is None:
        return Exported(agreements=agreements)
    from archspace.export.quantisation import Quantised

    quantised = Quantised(before=before, after=run, layers=made.layers, kept=made.kept, barred=made.barred)
    return Exported(agreements=agreements, quantised=quantised)


def _runner(source: Source, compiled: Any) -> Runner:
    def run(inputs: Any) -> Any:
        answers = compiled(list(inputs))
        return [answers[i] for i in range(len(source.signature.outputs))]

    return run


FORMATS.register("openvino")(
    Format(
        runtime="OpenVINO",
        files=FILES,
        write=_write,
        abilities=frozenset({"batch", "free batch", "free size", "float16", "int8"}),
        load='network = openvino.Core().compile_model("{folder}/model.xml", "CPU")',
        needs=_needs,
    )
)
