"""What a spec asks of the units of one level. No torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archspace.plan.design import NETWORKS
from archspace.plan.nodes import Block
from archspace.plan.request import UnitRequest, draw_unit
from archspace.spec.record import SpecRecord


def _request(spec: SpecRecord, level: int, inputs: int, outputs: int, stride: int) -> UnitRequest:
    """The request for a unit of ``level``; a strided unit keeps the limit of the level that it leaves."""
    design = NETWORKS[spec.network]
    index = level - design.first
    limits = spec.receptive_field
    return UnitRequest(
        in_channels=inputs, out_channels=outputs, stride=stride,
        branches=spec.branches[index], limit=limits[level - stride] if limits else None,
        dilated=bool(spec.dilated), fusion=bool(spec.fusion == "hff"), residual=bool(spec.residual),
        act=spec.activation, eps=design.eps, pointwise_kernel=spec.pointwise_kernel or 1,
        inner=spec.inner[index] if spec.inner else None,
        at=2**level // stride, where=f"branches[{index}]",
    )  # fmt: skip


def unit_at(spec: SpecRecord, level: int) -> str:
    """Returns name of the unit placed at ``level``."""
    name = spec.unit[level - NETWORKS[spec.network].first]
    assert name is not None, "a level that places a unit has its name"
    return name


def strided_unit(spec: SpecRecord, level: int, inputs: int, outputs: int, **changes: Any) -> Block:
    """Returns the unit of ``level`` that halves the map; ``changes`` are those of its request."""
    request = _request(spec, level, inputs, outputs, 2)
    return draw_unit(unit_at(spec, level), replace(request, **changes))


def repeated_unit(spec: SpecRecord, level: int, inputs: int, outputs: int, **changes: Any) -> Block:
    """Returns the unit of ``level`` at stride 1; ``changes`` are those of its request."""
    request = _request(spec, level, inputs, outputs, 1)
    return draw_unit(unit_at(spec, level), replace(request, **changes))
