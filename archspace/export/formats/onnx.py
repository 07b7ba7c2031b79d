"""``onnx``: one ONNX file of the folded form (:func:`archspace.export.deploy.deployed`), compared in ONNX Runtime.

Unless asked otherwise it is for one image of the spec's input size. Its input is ``image``, its output ``scores``; of a
detector ``boxes`` and ``scores``; of a language model ``tokens`` and a state, and ``scores`` and the state after.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archspace.export.card import MODEL_FILE
from archspace.export.formats.base import FORMATS, Exported, Format, Source

if TYPE_CHECKING:
    from archspace.export.agreement import Agreement


def write_model(source: Source, path: Path, opset: int | None) -> None:
    """Write the form to ``path``; of one image in float32 the graph may be kept from a measurement.

    Raises:
        ExportError: the network cannot be written as ONNX.
    """
    from archspace.export.flat import Scores
    from archspace.export.onnx_model import program_onnx, write_onnx

    if isinstance(source.form, Scores) and set(source.options.asked) <= {"opset"}:
        write_onnx(source.form.network, source.example[0], path, source.metadata, opset=opset)
    else:
        program_onnx(source.program, source.signature, path, source.metadata, opset)


def compare_model(source: Source, path: Path) -> dict[str, Agreement]:
    """Returns how ONNX Runtime agrees with torch on every kind of input.

    Raises:
        ExportError: an answer is beyond the tolerance.
    """
    import onnxruntime

    from archspace.export.comparing import compared
    from archspace.export.onnx_model import open_session, session_runner

    run = session_runner(open_session(path), source.signature)
    return compared(source, run, "ONNX Runtime", version=onnxruntime.__version__)


def _write(source: Source, folder: Path) -> Exported:
    """Writes the file and compares it on every kind of input.

    Raises:
        ExportError: the network cannot be written as ONNX, or an answer is beyond the tolerance.
    """
    write_model(source, folder / MODEL_FILE, source.options.opset)
    agreements = compare_model(source, folder / MODEL_FILE)
    if source.options.nms:
        from archspace.export.onnx_suppression import add_suppression

        add_suppression(source, folder / MODEL_FILE)
    return Exported(agreements=agreements)


FORMATS.register("onnx")(
    Format(
        runtime="ONNX Runtime",
        files={MODEL_FILE: "the same network for ONNX Runtime, batch norms folded"},
        write=_write,
        abilities=frozenset({"batch", "free batch", "free size", "float16", "opset", "nms"}),
        load='session = onnxruntime.InferenceSession("{folder}/model.onnx", providers=["CPUExecutionProvider"])',
    )
)
