"""``onnx``: one ONNX file of the folded form (:func:`archspace.export.deploy.deployed`), compared in ONNX Runtime.

It is for one image of the spec's input size; its input is ``image``, its output ``scores``.
"""

from __future__ import annotations

from pathlib import Path

from archspace.export.card import MODEL_FILE
from archspace.export.formats.base import FORMATS, Exported, Format, Source


def _write(source: Source, folder: Path) -> Exported:
    """Writes the file and compares it on every kind of input.

    Raises:
        ExportError: the network cannot be written as ONNX, or an answer is beyond the tolerance.
    """
    from archspace.export.deploy import deployed
    from archspace.export.onnx_model import ExportError, agreement, open_session, write_onnx

    write_onnx(deployed(source.network), source.inputs["random"][:1], folder / MODEL_FILE, source.metadata)
    session = open_session(folder / MODEL_FILE)
    agreements = {}
    for name, images in source.inputs.items():
        one = agreements[name] = agreement(source.network, session, images)
        if not one.holds:
            raise ExportError(
                f"export: ONNX Runtime differs from torch on {name} input by {one.max_difference:.3g}, "
                f"{one.relative:.3g} of the largest output; must be at most 1e-4 of it; nothing was written"
            )
    return Exported(agreements=agreements, output=tuple(session.get_outputs()[0].shape))


FORMATS.register("onnx")(
    Format(
        runtime="ONNX Runtime",
        files={MODEL_FILE: "the same network for ONNX Runtime, batch norms folded"},
        write=_write,
    )
)
