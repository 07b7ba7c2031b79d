"""``openvino``: OpenVINO's own file pair, read and answered by its CPU plugin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archspace.export.formats.base import FORMATS, Exported, Format, Source
from archspace.support.errors import InputError

FILES = {
    "model.xml": "the same network for OpenVINO, batch norms folded",
    "model.bin": "its weights",
}


def _needs() -> None:
    try:
        import openvino  # noqa: F401
    except ImportError as error:
        rule = 'is not installed; install it with: pip install "archspace[openvino]"'
        raise InputError(f"--format openvino: openvino {rule}") from error


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
    try:
        model = core.read_model(str(onnx_file))
        for name, value in source.metadata.items():
            model.set_rt_info(json.dumps(value), ["archspace", name])
        openvino.save_model(model, str(folder / "model.xml"), compress_to_fp16=source.options.half)
    finally:
        onnx_file.unlink(missing_ok=True)
    hints = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(str(folder / "model.xml"), "CPU", hints)

    def run(inputs: Any) -> Any:
        answers = compiled(list(inputs))
        return [answers[i] for i in range(len(source.signature.outputs))]

    agreements = compared(source, run, "OpenVINO", version=openvino.__version__.partition("-")[0])
    return Exported(agreements=agreements)


FORMATS.register("openvino")(
    Format(
        runtime="OpenVINO",
        files=FILES,
        write=_write,
        abilities=frozenset({"batch", "free batch", "free size", "float16"}),
        load='network = openvino.Core().compile_model("{folder}/model.xml", "CPU")',
        needs=_needs,
    )
)
