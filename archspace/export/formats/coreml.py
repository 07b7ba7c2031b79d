"""``coreml``: an ML Program for iPhone and Mac. It is converted anywhere and predicts on macOS and iOS alone."""

from __future__ import annotations

from pathlib import Path

from archspace.export.agreement import ExportError
from archspace.export.converting import Answer, converted
from archspace.export.environments import Extra
from archspace.export.formats.base import FORMATS, Exported, Format, Source

FILE = "model.mlpackage"
EXTRA = Extra(name="coreml", modules=("coremltools",), requires=("coremltools>=9.0",))


def _write(source: Source, folder: Path) -> Exported:
    answer = converted(source, folder, EXTRA)
    _check(source, answer)
    operations = answer.said["operations"]
    checked = f"its graph was read again: {len(operations)} kinds of operations, names and shapes as here"
    return Exported(
        agreements={},
        unchecked=f"predicts on macOS and iOS only, so its answers were not compared here; {checked}",
        notes=(f"converted by coremltools {answer.version}, for iOS 16 and later",),
    )


def _check(source: Source, answer: Answer) -> None:
    """Refuse a package whose inputs or outputs are not those of the network.

    Raises:
        ExportError: says which.
    """
    ports = answer.said["ports"]
    given = [list(port.shape) for port in source.signature.inputs]
    if list(ports["input"].values()) != given:
        raise ExportError(f"export: coreml: has inputs {ports['input']}, not {given}; nothing was written")
    if set(ports["output"]) != set(source.signature.output_names):
        names = source.signature.output_names
        raise ExportError(
            f"export: coreml: has outputs {list(ports['output'])}, not {names}; nothing was written"
        )


FORMATS.register("coreml")(
    Format(
        runtime="Core ML",
        files={FILE: "the same network for Core ML, batch norms folded"},
        write=_write,
        abilities=frozenset({"batch", "float16"}),
        load='model = coremltools.models.MLModel("{folder}/model.mlpackage")',
        extra=EXTRA,
    )
)
