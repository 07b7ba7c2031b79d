"""A study's constraints, by how much a trial keeps them, and trials whose numbers were taken again. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from analysis.store.records import Measurement, TrialRecord, TrialState
from archspace.support.numbers import told_apart


class Limits(Protocol):
    """At most ``max``, at least ``min``, or both."""

    @property
    def max(self) -> float | None:
        """Largest value that is allowed."""

    @property
    def min(self) -> float | None:
        """Smallest value that is allowed."""


@dataclass(frozen=True, slots=True)
class PlainLimits:
    """Limits as plain data have them."""

    max: float | None = None
    min: float | None = None


def limits_of(config: Mapping[str, Any]) -> dict[str, Limits]:
    """Returns the constraints of a resolved ``study.yaml`` by quantity."""
    constraints: Mapping[str, Mapping[str, float | None]] = config.get("constraints") or {}
    return {name: PlainLimits(one.get("max"), one.get("min")) for name, one in constraints.items()}


def violations(measured: Mapping[str, Measurement], constraints: Mapping[str, Limits]) -> dict[str, float]:
    """By constraint, the relative amount by which it is broken (above 0) or kept (0 or below)."""
    return excesses({name: one.value for name, one in measured.items()}, constraints)


def excesses(values: Mapping[str, float], constraints: Mapping[str, Limits]) -> dict[str, float]:
    """As :func:`violations`, of plain values; a constraint whose value is not known is left out."""
    amounts: dict[str, float] = {}
    for name, bound in constraints.items():
        if name not in values:
            continue
        value = values[name]
        if bound.max is not None:
            amounts[f"{name} <= {bound.max:g}"] = (value - bound.max) / max(abs(bound.max), 1e-12)
        if bound.min is not None:
            amounts[f"{name} >= {bound.min:g}"] = (bound.min - value) / max(abs(bound.min), 1e-12)
    return amounts


def broken(measured: Mapping[str, Measurement], constraints: Mapping[str, Limits]) -> str | None:
    """Returns the broken constraints in words, with the digits by which they are broken, or ``None``."""
    words = []
    for name, bound in constraints.items():
        value = measured[name].value if name in measured else math.nan
        for sign, limit in (("<=", bound.max), (">=", bound.min)):
            if limit is not None and (value > limit if sign == "<=" else value < limit):
                said, rule = told_apart(value, limit)
                words.append(f"{name} {sign} {rule} but is {said}")
    return "constraint " + "; ".join(words) if words else None


def with_remeasured(
    record: TrialRecord, remeasured: Mapping[str, Measurement], constraints: Mapping[str, Limits]
) -> TrialRecord:
    """Returns the record with numbers that were taken again: they are its numbers from now on, wherever one is read.

    What was measured first is kept as ``first``; a number taken a third time replaces the second. The trial becomes
    infeasible where a new number breaks a constraint, and complete where it no longer does.

    Args:
        record: a trial with values.
        remeasured: the new numbers by name.
        constraints: of the study.
    """
    earlier = {name: record.measurements[name] for name in remeasured if name in record.measurements}
    measurements = {**record.measurements, **remeasured}
    reason = broken(measurements, constraints)
    state: TrialState = "infeasible" if reason else "complete"
    values = {name: remeasured[name].value if name in remeasured else v for name, v in record.values.items()}
    return replace(
        record, state=state, reason=reason, values=values, measurements=measurements,
        first={**earlier, **record.first},
    )  # fmt: skip


def shared(records: Iterable[TrialRecord], constraints: Mapping[str, Limits]) -> list[TrialRecord]:
    """Returns the records, in which trials of one network have one set of numbers that were taken again.

    A device's number is the network's, so a second measuring holds for a duplicate and for other seeds too.
    """
    trials = list(records)
    again = {one.arch_id: {name: one.measurements[name] for name in one.first} for one in trials if one.first}
    return [
        with_remeasured(one, again[one.arch_id], constraints)
        if one.values and not one.first and one.arch_id in again
        else one
        for one in trials
    ]
