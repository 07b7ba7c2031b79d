"""``torch``: the graph of torch.export in a .pt2 file, read by torch alone; also the way to AOTInductor."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from archspace.export.formats.base import FORMATS, Exported, Format, Source

FILE = "model.pt2"
NOTES = "archspace.json"
"""Name inside the file of what travels with it, as JSON."""


def _write(source: Source, folder: Path) -> Exported:
    """Writes the file, loads it and compares it on every kind of input.

    Raises:
        ExportError: torch cannot trace the network, or an answer is beyond the tolerance.
    """
    import torch

    from archspace.export.comparing import compared
    from archspace.export.quiet import quiet
    from archspace.export.samples import arrays

    with quiet():
        packed = io.BytesIO()  # torch ends the process where the disk is full
        torch.export.save(source.program, packed, extra_files={NOTES: json.dumps(source.metadata)})
        (folder / FILE).write_bytes(packed.getbuffer())
        loaded = torch.export.load(folder / FILE).module()

    def run(inputs: Any) -> Any:
        with torch.no_grad():
            return arrays(loaded(*map(torch.from_numpy, inputs)))

    return Exported(agreements=compared(source, run, "torch.export", version=str(torch.__version__)))


FORMATS.register("torch")(
    Format(
        runtime="torch.export",
        files={FILE: "the graph of torch.export, batch norms folded"},
        write=_write,
        abilities=frozenset({"batch", "free batch", "free size", "float16"}),
        load='network = torch.export.load("{folder}/model.pt2").module()',
    )
)
