"""``standalone``: one Python file and one safetensors file that need torch alone, whatever becomes of archspace."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from archspace.export.formats.base import FORMATS, Exported, Format, Source

CODE, WEIGHTS = "standalone.py", "standalone.safetensors"


def _write(source: Source, folder: Path) -> Exported:
    """Writes both files, imports the code and compares it on every kind of input.

    Raises:
        ExportError: torch cannot trace the network, an operation has no words in Python, or an answer is beyond the
            tolerance.
    """
    import torch
    from safetensors.torch import save

    from archspace.export.comparing import compared
    from archspace.export.samples import arrays
    from archspace.export.standalone_code import python_code

    code, weights = python_code(source, WEIGHTS)
    (folder / CODE).write_text(code, encoding="utf-8")
    (folder / WEIGHTS).write_bytes(save(weights))

    network = runpy.run_path(str(folder / CODE))["load"]()

    def run(inputs: Any) -> Any:
        with torch.no_grad():
            return arrays(network(*map(torch.from_numpy, inputs)))

    agreements = compared(source, run, "torch", version=str(torch.__version__))
    return Exported(agreements=agreements)


FORMATS.register("standalone")(
    Format(
        runtime="torch alone",
        files={
            CODE: "the same network as one Python file, batch norms folded; needs only torch",
            WEIGHTS: "its weights",
        },
        write=_write,
        abilities=frozenset({"batch", "free batch", "free size", "float16"}),
        load="import standalone; network = standalone.load()",
    )
)
