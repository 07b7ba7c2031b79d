"""The units of the papers as trees of layers, a file a family; importing one enters its designs. No torch."""

from __future__ import annotations

from archspace.support.registry import import_all

import_all(__name__, __path__)
