"""The interchangeable units as modules, and the maker of plan nodes."""

from __future__ import annotations

from archspace.support.registry import import_all
from archspace.units.base import MODULES, BlockModule, make

import_all(__name__, __path__)

__all__ = ["MODULES", "BlockModule", "make"]
