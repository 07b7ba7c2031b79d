"""``executorch``: a .pte file for phones and boards, its layers in XNNPACK where that has them."""

from __future__ import annotations

from pathlib import Path

from archspace.export.converting import agreed, converted
from archspace.export.environments import Extra
from archspace.export.formats.base import FORMATS, Exported, Format, Source

FILE = "model.pte"
EXTRA = Extra(name="executorch", modules=("executorch.exir",), requires=("executorch>=1.5",))
"""1.5 is the first whose runtime loads a PReLU from a file without a crash."""


def _write(source: Source, folder: Path) -> Exported:
    answer = converted(source, folder, EXTRA)
    left = answer.said["left"]
    notes = (f"outside XNNPACK, in portable kernels: {', '.join(left)}",) if left else ()
    return Exported(agreements=agreed(source, answer, "ExecuTorch (XNNPACK)"), notes=notes)


FORMATS.register("executorch")(
    Format(
        runtime="ExecuTorch",
        files={FILE: "the same network for ExecuTorch, batch norms folded"},
        write=_write,
        abilities=frozenset({"batch"}),
        load='method = Runtime.get().load_program("{folder}/model.pte").load_method("forward")',
        extra=EXTRA,
    )
)
