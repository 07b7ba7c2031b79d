"""``ncnn``: a .param and a .bin file by pnnx, for a Raspberry Pi, phones, and other Arm boards."""

from __future__ import annotations

from pathlib import Path

from archspace.export.converting import agreed, converted
from archspace.export.environments import Extra
from archspace.export.formats.base import FORMATS, Exported, Format, Source

FILES = {
    "model.ncnn.param": "the same network for ncnn, batch norms folded; inputs are in0, ..., outputs out0, ...",
    "model.ncnn.bin": "its weights",
}
EXTRA = Extra(name="ncnn", modules=("ncnn", "pnnx"), requires=("ncnn>=1.0.20260101", "pnnx>=20260101"))


def _write(source: Source, folder: Path) -> Exported:
    answer = converted(source, folder, EXTRA)
    pairs = enumerate(source.signature.output_names)
    names = ", ".join(f"out{i} is {name}" for i, name in pairs)
    notes = (f"made by pnnx {answer.said['pnnx']}; images are (C, H, W), {names}",)
    return Exported(agreements=agreed(source, answer, "ncnn"), notes=notes)


FORMATS.register("ncnn")(
    Format(
        runtime="ncnn",
        files=FILES,
        write=_write,
        abilities=frozenset({"float16"}),
        tasks=frozenset({"classification", "multilabel", "segmentation", "detection"}),
        extra=EXTRA,
    )
)
