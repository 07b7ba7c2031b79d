"""``onnx``: one ONNX file of the folded form (:func:`archspace.export.deploy.deployed`), compared in ONNX Runtime.

Unless asked otherwise it is for one image of the spec's input size. Its input is ``image``, its output ``scores``; of a
detector ``boxes`` and ``scores``; of a language model ``tokens`` and a state, and ``scores`` and the state after.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archspace.export.agreement import TOLERANCE
from archspace.export.card import MODEL_FILE
from archspace.export.formats.base import FORMATS, Exported, Format, Source

if TYPE_CHECKING:
    from archspace.export.agreement import Agreement, Runner


def write_model(source: Source, path: Path, opset: int | None, summed: bool = False) -> None:
    """Write the form to ``path``; of one image, unless in float16, the graph may be kept from a measurement.

    ``summed``: PReLU as a sum, which ONNX Runtime runs faster on a CPU; every other reader has the operator.

    Raises:
        ExportError: the network cannot be written as ONNX.
    """
    from archspace.export.flat import Scores
    from archspace.export.onnx_model import program_onnx, write_onnx

    if isinstance(source.form, Scores) and set(source.options.asked) <= {"opset", "int8"}:
        write_onnx(source.form.network, source.example[0], path, source.metadata, opset=opset, summed=summed)
    else:
        program_onnx(source, path, opset, summed)


def compare_model(source: Source, path: Path) -> dict[str, Agreement]:
    """Returns how ONNX Runtime agrees with torch on every kind of input.

    Raises:
        ExportError: an answer is beyond the tolerance.
    """
    return _agreed(source, runner(source, path), None)


def runner(source: Source, path: Path) -> Runner:
    """Returns what answers with ONNX Runtime, on one thread."""
    from archspace.export.onnx_model import open_session, session_runner

    return session_runner(open_session(path), source.signature)


def _agreed(source: Source, run: Runner, tolerance: float | None) -> dict[str, Agreement]:
    import onnxruntime

    from archspace.export.comparing import compared

    return compared(source, run, "ONNX Runtime", version=onnxruntime.__version__, tolerance=tolerance)


def _write(source: Source, folder: Path) -> Exported:
    """Writes the file and compares it on every kind of input; for INT8 before it is quantised, and after.

    Raises:
        ExportError: the network cannot be written as ONNX, or an answer is beyond the tolerance.
    """
    path = folder / MODEL_FILE
    write_model(source, path, source.options.opset, summed=not source.options.int8)
    quantised = None
    if source.options.int8:
        from archspace.export.quantisation import Quantised, quantise_onnx

        before = runner(source, path)
        _agreed(source, before, TOLERANCE)
        layers, kept = quantise_onnx(path, source.calibration_runs, source.options.keep)
        quantised = Quantised(before=before, after=runner(source, path), layers=layers, kept=kept)
    agreements = compare_model(source, path)
    if source.options.nms:
        from archspace.export.onnx_suppression import add_suppression

        add_suppression(source, path)
    return Exported(agreements=agreements, quantised=quantised)


FORMATS.register("onnx")(
    Format(
        runtime="ONNX Runtime",
        files={MODEL_FILE: "the same network for ONNX Runtime, batch norms folded"},
        write=_write,
        abilities=frozenset({"batch", "free batch", "free size", "float16", "int8", "opset", "nms"}),
        load='session = onnxruntime.InferenceSession("{folder}/model.onnx", providers=["CPUExecutionProvider"])',
    )
)
