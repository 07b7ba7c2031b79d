"""The limits of a study as they are written: one mapping for each quantity, which says a side or both. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator

from analysis.quantities import goals
from archspace.support.errors import FieldError
from archspace.support.numbers import written_number
from searches.config.parts import Bound


def _written(given: object) -> object:
    """Refuses a limit that is no mapping, with the side that a bare number most likely means."""
    known = goals()
    for name, bound in given.items() if isinstance(given, Mapping) else ():
        if not isinstance(bound, Mapping | Bound):
            side = "min" if name in known and known[name].direction == "maximize" else "max"
            number = written_number(bound)
            meant = f"{{{side}: {'...' if number is None else number}}}"
            raise FieldError(f"constraints.{name}", bound, "must be a mapping with max, min or both", meant)
    return given


def _agree(constraints: dict[str, Bound]) -> dict[str, Bound]:
    """Refuses two sides of which no network keeps both."""
    for name, bound in constraints.items():
        if bound.min is not None and bound.max is not None and bound.min > bound.max:
            rule = f"is above max, {bound.max:g}: no network keeps both"
            raise FieldError(f"constraints.{name}.min", bound.min, rule, bound.max)
    return constraints


Constraints: TypeAlias = Annotated[dict[str, Bound], BeforeValidator(_written), AfterValidator(_agree)]
"""Bounds by the name of a quantity."""
