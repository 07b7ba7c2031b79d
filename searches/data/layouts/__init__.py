"""The layouts of data sets that are read as they are, a file a layout; a file put here is known."""

from __future__ import annotations

from archspace.support.registry import import_all

import_all(__name__, __path__)
