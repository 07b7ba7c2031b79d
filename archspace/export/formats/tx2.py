"""``tx2``: ONNX inside what TensorRT 8.2 parses, for a Jetson TX2 (JetPack 4.6) and boards of its age.

Operator set 11 to 13, fixed shapes, a file format of its time, and no operator outside
:mod:`archspace.export.tensorrt_operators`; checked by that list, by ONNX's checker and by ONNX Runtime's answers.
"""

from __future__ import annotations

from pathlib import Path

from archspace.export.formats.base import FORMATS, Exported, Format, Source
from archspace.export.formats.onnx import compare_model, write_model
from archspace.export.tensorrt_operators import OPSETS, check_parsed
from archspace.support.errors import FieldError

FILE = "model.tx2.onnx"


def _write(source: Source, folder: Path) -> Exported:
    """Writes the file and checks it.

    Raises:
        InputError: TensorRT 8.2 would not parse it; the message names the operator.
        ExportError: an answer is beyond the tolerance.
    """
    import onnx

    opset = source.options.opset or OPSETS[-1]
    if opset not in OPSETS:
        raise FieldError("--opset", opset, "tx2 takes 11 to 13", min(max(opset, OPSETS[0]), OPSETS[-1]))
    write_model(source, folder / FILE, opset)
    model = onnx.load(str(folder / FILE))
    check_parsed(model, source.network.spec.label)
    command = f"trtexec --onnx={FILE} --saveEngine=model.engine --fp16 --workspace=1024"
    return Exported(
        agreements=compare_model(source, folder / FILE),
        notes=(
            f"operator set {opset}, IR {model.ir_version}; every operator is in our list of what TensorRT 8.2 parses",
            f"on the board: `{command}`",
        ),
    )


FORMATS.register("tx2")(
    Format(
        runtime="TensorRT 8.2; compared in ONNX Runtime",
        files={FILE: "the same network for TensorRT 8.2 (Jetson TX2, JetPack 4.6), batch norms folded"},
        write=_write,
        abilities=frozenset({"batch", "opset"}),
    )
)
