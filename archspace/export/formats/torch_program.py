"""``torch``: the graph of torch.export in a .pt2 file, read by torch alone; also the way to AOTInductor."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from archspace.export.formats.base import FORMATS, Exported, Format, Source
from archspace.support.errors import FieldError

FILE = "model.pt2"
NOTES = "archspace.json"
"""Name inside the file of what travels with it, as JSON."""


def _write(source: Source, folder: Path) -> Exported:
    """Writes the file, loads it and compares it on every kind of input.

    Raises:
        FieldError: the size is free, and the graph would not read the network's own.
        ExportError: torch cannot trace the network, or an answer is beyond the tolerance.
    """
    import torch

    from archspace.export.comparing import compared
    from archspace.export.quiet import quiet
    from archspace.export.samples import arrays

    notes = (_free_sizes(source),) if source.options.free_size else ()
    with quiet():
        packed = io.BytesIO()  # torch ends the process where the disk is full
        torch.export.save(source.program, packed, extra_files={NOTES: json.dumps(source.metadata)})
        (folder / FILE).write_bytes(packed.getbuffer())
        loaded = torch.export.load(folder / FILE).module()

    def run(inputs: Any) -> Any:
        with torch.no_grad():
            return arrays(loaded(*map(torch.from_numpy, inputs)))

    agreements = compared(source, run, "torch.export", version=str(torch.__version__))
    return Exported(agreements=agreements, notes=notes)


def _free_sizes(source: Source) -> str:
    """Returns which sizes the graph reads where they are free: every map in it has several positions.

    Raises:
        FieldError: the network's own is none of them.
    """
    from archspace.export.program import least_side, size_step

    step, least = size_step(source.network), least_side(source.network)
    height, width = source.network.spec.input_size
    if min(height, width) < least or height % step or width % step:
        rule = f"format torch then reads multiples of {step} from {least} on, and the network is for {height}x{width}"
        raise FieldError(
            "--input", "any", rule, f"a fixed size, --format onnx, or a network for {least}x{least}"
        )
    return f"height and width: multiples of {step} from {least} on"


FORMATS.register("torch")(
    Format(
        runtime="torch.export",
        files={FILE: "the graph of torch.export, batch norms folded"},
        write=_write,
        abilities=frozenset({"batch", "free batch", "free size", "float16"}),
        load='network = torch.export.load("{folder}/model.pt2").module()',
    )
)
