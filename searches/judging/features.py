"""Networks as rows of numbers that a predictor reads: the free fields of their space, and what is counted of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspace.plan.design import NETWORKS
from archspace.spec.archspec import ArchSpec

Floats = NDArray[np.float64]
ABSENT = 0.5
"""A number that a network does not have lies in the middle, so that it is as far from all values."""
COUNTED = ("macs", "params")
"""Counts that a predictor reads, as logarithms."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A free field, or one level of it.

    Attributes:
        name: of the spec's field.
        level: of which; ``None`` for a field that has one value.
        values: in order; words have a column each.
        low, high: of a number; equal for words.
    """

    name: str
    level: int | None
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0

    @property
    def width(self) -> int:
        """Columns."""
        return 1 if self.high > self.low else len(self.values)


@dataclass(frozen=True, slots=True)
class Encoder:
    """From networks to rows of numbers in [0, 1]; what a network drops of its values does not tell it from another.

    Attributes:
        axes: of the space.
        range: lowest and highest logarithm of each of :data:`COUNTED`; costs beyond it lie outside of [0, 1].
    """

    axes: tuple[Axis, ...]
    range: tuple[tuple[float, float], ...] = ((0.0, 1.0),) * len(COUNTED)
    _rows: dict[str, dict[Any, tuple[float, ...]]] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, specs: Sequence[ArchSpec], counts: Floats) -> Floats:
        """Returns (N, D) rows of N networks.

        Args:
            counts: (N, 2) positive :data:`COUNTED`.
        """
        low, span = (
            np.array(one) for one in zip(*((a, b - a if b > a else 1.0) for a, b in self.range), strict=True)
        )
        scaled = (np.log10(np.maximum(counts, 1.0)) - low) / span
        rows = [[cell for axis in self.axes for cell in self._cells(axis, spec)] for spec in specs]
        return np.hstack([scaled, np.array(rows, dtype=np.float64).reshape(len(specs), -1)])

    def ranged(self, counts: Floats) -> Encoder:
        """Returns the encoder scaled to some networks' counts (N, 2)."""
        logs = np.log10(np.maximum(counts, 1.0))
        return Encoder(
            self.axes, tuple(zip(logs.min(axis=0).tolist(), logs.max(axis=0).tolist(), strict=True))
        )

    def _cells(self, axis: Axis, spec: ArchSpec) -> tuple[float, ...]:
        value = value_in(spec, axis)
        known = self._rows.setdefault(f"{axis.name}.{axis.level}", {})
        if value not in known:
            known[value] = _coded(axis, value)
        return known[value]


def value_in(spec: ArchSpec, axis: Axis) -> Any:
    """Returns what the network has of a field, ``None`` where it has none of it."""
    value = getattr(spec, axis.name)
    if not isinstance(value, tuple):
        return value
    if axis.level is None:
        return next((one for one in value if one is not None), None)
    first = 1 if axis.name == "receptive_field" else NETWORKS[spec.network].first
    index = axis.level - first
    return value[index] if 0 <= index < len(value) else None


def _coded(axis: Axis, value: Any) -> tuple[float, ...]:
    if axis.high > axis.low:
        if value is None or isinstance(value, str):
            return (ABSENT,)
        return ((float(value) - axis.low) / (axis.high - axis.low),)
    return tuple(float(value == one and type(value) is type(one)) for one in axis.values)


def axis_of(name: str, level: int | None, values: Sequence[Any]) -> Axis:
    """Returns the axis of a field with these values, or, of a number, with these ends among them."""
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    if numbers and values and min(values) < max(values):
        return Axis(name, level, tuple(values), float(min(values)), float(max(values)))
    return Axis(name, level, tuple(values))


def axes_of(choices: Mapping[str, Sequence[Any]]) -> tuple[Axis, ...]:
    """Returns the axes of free parameters (``alphas.3``) with more than one value each, by parameter."""
    made = []
    for name, values in choices.items():
        field_name, _, level = name.partition(".")
        if len(values) > 1:
            made.append(axis_of(field_name, int(level) if level else None, values))
    return tuple(made)
