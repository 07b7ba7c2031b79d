"""``tensorrt``: ONNX for TensorRT 10, and the engine of this machine where trtexec is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from archspace.export.agreement import ExportError
from archspace.export.formats.base import FORMATS, Exported, Format, Source
from archspace.export.formats.onnx import compare_model, write_model

FILE, ENGINE = "model.tensorrt.onnx", "model.engine"
OPSET = 18
"""TensorRT 10 reads operator sets 9 to 20 and later."""


def _write(source: Source, folder: Path) -> Exported:
    """Writes the file, compares it in ONNX Runtime, and builds the engine where that can be done.

    Raises:
        ExportError: an answer is beyond the tolerance, or trtexec cannot build the engine.
    """
    write_model(source, folder / FILE, OPSET)
    agreements = compare_model(source, folder / FILE)
    tool = shutil.which("trtexec")
    words = [f"--onnx={folder / FILE}", f"--saveEngine={folder / ENGINE}", "--skipInference"]
    if tool is None:
        command = " ".join(word.replace(f"{folder}/", "") for word in ("trtexec", *words))
        return Exported(agreements=agreements, notes=(f"no trtexec here; where it is: `{command}`",))
    ran = subprocess.run([tool, *words], capture_output=True, text=True, check=False)
    if ran.returncode or not (folder / ENGINE).is_file():
        errors = [line for line in (ran.stdout + ran.stderr).splitlines() if "[E]" in line] or [
            "no reason given"
        ]
        raise ExportError(f"export: tensorrt: {errors[0].strip()[:300]}; nothing was written")
    return Exported(agreements=agreements, notes=("the engine is of this machine's GPU and TensorRT alone",))


FORMATS.register("tensorrt")(
    Format(
        runtime="TensorRT 10; compared in ONNX Runtime",
        files={
            FILE: "the same network for TensorRT 10, batch norms folded",
            ENGINE: "built of it by trtexec, for this machine alone",
        },
        write=_write,
        abilities=frozenset({"batch", "free batch", "free size"}),
    )
)
