"""``litert``: a .tflite file for Android and boards, the former TensorFlow Lite."""

from __future__ import annotations

from pathlib import Path

from archspace.export.converting import agreed, converted
from archspace.export.environments import Extra
from archspace.export.formats.base import FORMATS, Exported, Format, Source

FILE = "model.tflite"
EXTRA = Extra(
    name="litert",
    modules=("litert_torch", "ai_edge_litert"),
    requires=("litert-torch>=0.10", "ai-edge-litert>=2.1"),
)


def _write(source: Source, folder: Path) -> Exported:
    answer = converted(source, folder, EXTRA)
    pairs = zip(answer.said["outputs"], source.signature.output_names, strict=True)
    names = ", ".join(f"{theirs} is {ours}" for theirs, ours in pairs)
    return Exported(agreements=agreed(source, answer, "LiteRT"), notes=(f"its outputs: {names}",))


FORMATS.register("litert")(
    Format(
        runtime="LiteRT",
        files={FILE: "the same network for LiteRT, batch norms folded"},
        write=_write,
        abilities=frozenset({"batch"}),
        load='interpreter = Interpreter("{folder}/model.tflite")',
        extra=EXTRA,
    )
)
