"""What a spec asks of the units of one level. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeAlias

from archspace.plan.design import NETWORKS
from archspace.plan.nodes import Block, Conv, Node
from archspace.plan.request import UnitRequest, draw_unit
from archspace.plan.units.context import gate
from archspace.plan.units.factorised import joint_down
from archspace.spec.record import FIELDS, SpecRecord

DrawLevel: TypeAlias = Callable[[SpecRecord, int, int, int], Block]
"""From a spec, a level, and the channels that it reads and writes to its block."""
OF_LEVEL = ("unit", "branches", "alphas", "inner")
SHARED = tuple(name for name in FIELDS if name not in (*OF_LEVEL, "width"))
MOST_KEPT = 20_000
"""Levels that are kept drawn, by network family."""
FUSED = ("hff", "cascade")
"""Values of ``fusion`` with which units fuse their branches."""


def _request(
    spec: SpecRecord, level: int, inputs: int, outputs: int, stride: int, changes: Mapping[str, Any]
) -> UnitRequest:
    """The request for a unit of ``level``; a strided unit keeps the limit of the level that it leaves."""
    design = NETWORKS[spec.network]
    index = level - design.first
    limits = spec.receptive_field
    fields = {
        "in_channels": inputs, "out_channels": outputs, "stride": stride,
        "branches": spec.branches[index], "limit": limits[level - stride] if limits else None,
        "dilated": bool(spec.dilated), "fusion": spec.fusion in FUSED, "cascade": spec.fusion == "cascade",
        "residual": bool(spec.residual), "projected": spec.shortcut == "projected",
        "act": spec.activation, "eps": design.eps, "pointwise_kernel": spec.pointwise_kernel or 1,
        "inner": spec.inner[index] if spec.inner else None,
        "at": 2**level // stride, "where": f"branches[{index}]",
    }  # fmt: skip
    return UnitRequest(**{**fields, **changes})


def drawn_once(draw: DrawLevel) -> DrawLevel:
    """Returns the function that draws one level of a network, which draws equal levels of different networks once.

    Neighbours in a space differ in a level or two; what they share is one block, and is counted once. A level may
    depend on its own entries of the per-level fields, on every limit, and on all other fields but the width, which its
    channels stand for.
    """
    kept: dict[tuple[object, ...], Block] = {}

    @wraps(draw)
    def drawn(spec: SpecRecord, level: int, inputs: int, outputs: int) -> Block:
        index = level - NETWORKS[spec.network].first
        key = (
            level, inputs, outputs, len(spec.alphas), spec.unit[index], spec.branches[index], spec.alphas[index],
            spec.inner[index] if spec.inner else None, *(getattr(spec, name) for name in SHARED),
        )  # fmt: skip
        if key not in kept:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            kept[key] = draw(spec, level, inputs, outputs)
        return kept[key]

    return drawn


def unit_at(spec: SpecRecord, level: int) -> str:
    """Returns name of the unit placed at ``level``."""
    name = spec.unit[level - NETWORKS[spec.network].first]
    assert name is not None, "a level that places a unit has its name"
    return name


def strided_unit(spec: SpecRecord, level: int, inputs: int, outputs: int, **changes: Any) -> Block:
    """Returns the unit of ``level`` that halves the map; ``changes`` are those of its request."""
    return draw_unit(unit_at(spec, level), _request(spec, level, inputs, outputs, 2, changes))


def repeated_unit(spec: SpecRecord, level: int, inputs: int, outputs: int, **changes: Any) -> Block:
    """Returns the unit of ``level`` at stride 1; ``changes`` are those of its request."""
    return draw_unit(unit_at(spec, level), _request(spec, level, inputs, outputs, 1, changes))


def asked_units(spec: SpecRecord, level: int, outputs: int) -> tuple[Block, ...]:
    """Returns the repeats of ``level``, one width throughout, each with the rate that the network asks for."""
    design = NETWORKS[spec.network]
    repeats = spec.alphas[level - design.first]
    return tuple(
        repeated_unit(spec, level, outputs, outputs, rate=rate).moved(2)
        for _, rate in design.asked(level, repeats)
    )


def asked_down(spec: SpecRecord, level: int, inputs: int, outputs: int) -> Node:
    """Returns what halves the map of ``level``; a unit there has the rate of the level's first."""
    ((_, rate),) = NETWORKS[spec.network].asked(level, 1)
    return downsampled(spec, level, inputs, outputs, rate=rate)


def downsampled(spec: SpecRecord, level: int, inputs: int, outputs: int, **changes: Any) -> Node:
    """Returns what halves the map of ``level``: its unit, a convolution, or a convolution beside a max pool."""
    eps, act = NETWORKS[spec.network].eps, spec.activation
    if spec.downsampling == "strided-conv":
        return Conv(in_channels=inputs, out_channels=outputs, kernel=3, stride=2, norm=eps, act=act)
    if spec.downsampling == "joint":
        return joint_down(inputs, outputs, eps, act, bias=False)
    return strided_unit(spec, level, inputs, outputs, **changes)


def stem(spec: SpecRecord, first: Conv | Block) -> Conv | Block:
    """Returns the layers of level 1: the ``first``, and two more 3 x 3 convolutions where the stem is thick."""
    if spec.stem != "thick":
        return first
    n = first.out_channels
    more = Conv(
        in_channels=n, out_channels=n, kernel=3, norm=NETWORKS[spec.network].eps, act=spec.activation, at=first.stride
    )  # fmt: skip
    return Block("chain", first.in_channels, n, first.stride, (("chain", (first, more, more)),))


def level_units(spec: SpecRecord, units: tuple[Block, ...]) -> tuple[Block, ...]:
    """Returns the repeats of a level with the long skip over them and the gate after them that the spec asks for."""
    design = NETWORKS[spec.network]
    if not units:
        return units
    n, at = units[-1].out_channels, units[-1].at
    if spec.long_skip and design.skips(len(units)):
        over = tuple(unit.moved(1) for unit in units[design.skipped :])
        units = (*units[: design.skipped], Block("long-skip", n, n, 1, (("units", over),), at=at))
    if spec.gate:
        units = (*units, gate(n, at))
    return units
