"""The interchangeable units as modules, and the maker of plan nodes."""

from __future__ import annotations

from archspace.units import compared, dice, esp, factorised  # noqa: F401  (they enter their classes)
from archspace.units.base import MODULES, BlockModule, make

__all__ = ["MODULES", "BlockModule", "make"]
