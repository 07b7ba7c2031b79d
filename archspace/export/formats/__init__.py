"""The formats in which a network leaves, a file a format; a file put here is known."""

from __future__ import annotations

from archspace.export.formats.base import FORMATS, Exported, Format, Source
from archspace.support.registry import import_all

__all__ = ["FORMATS", "Exported", "Format", "Source"]

import_all(__name__, __path__, first=("onnx", "tx2"))
