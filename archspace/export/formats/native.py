"""``native``: the small C++ engine of :mod:`archspace.export.native`, for this processor; needs a C++ compiler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archspace.export.formats.base import FORMATS, Exported, Format, Source

FILE = "model.native"


def _needs(*_: Any) -> None:
    from archspace.support.compiled import compiler, missing_compiler
    from archspace.support.errors import InputError

    if compiler() is None:
        raise InputError(f"native: {missing_compiler()}")


def _write(source: Source, folder: Path) -> Exported:
    """Writes the file, opens it and compares it on every kind of input.

    Raises:
        ExportError: the engine has no kernel for something in the network, or an answer is beyond the tolerance.
    """
    from archspace.export.comparing import compared
    from archspace.export.native.compiling import compiled
    from archspace.export.native.file import open_native, save_native
    from archspace.export.native.library import library
    from archspace.support.version import VERSION

    engine = library()
    save_native(folder / FILE, compiled(source.program), source.signature, source.metadata)
    network = open_native(folder / FILE)
    agreements = compared(source, lambda inputs: network(*inputs), "native engine", version=VERSION)
    return Exported(
        agreements=agreements,
        notes=(f"for processors with vectors of {engine.native_lanes()} floats, as here",),
    )


FORMATS.register("native")(
    Format(
        runtime="native engine",
        files={FILE: "the same network for archspace's own engine on this processor"},
        write=_write,
        abilities=frozenset({"batch", "free batch"}),
        load="from archspace.export.native.file import open_native; "
        'network = open_native("{folder}/model.native", threads={threads})',
        needs=_needs,
        tasks=frozenset({"classification", "multilabel", "segmentation"}),
    )
)
