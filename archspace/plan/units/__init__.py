"""The units of the papers as trees of layers, a file a family; importing one enters its designs. No torch."""

from __future__ import annotations

from archspace.plan.units import compared, dice, esp, factorised  # noqa: F401
