"""K that fits the channels of its level. No torch."""

from __future__ import annotations

from copy import copy

from archspace.plan.design import NETWORKS
from archspace.spec.record import SpecRecord
from archspace.support.errors import SpecError

MOST_TRIED = 512
"""Largest K that is proposed."""


def is_given(branches: object, field: str) -> bool:
    """Returns whether the value of ``field`` was chosen by the user, who gave ``branches``.

    Only a K may not have been.
    """
    name, _, index = field.partition("[")
    if name != "branches":
        return True
    if not isinstance(branches, list | tuple):
        return branches is not None
    at = int(index.rstrip("]"))
    return at < len(branches) and branches[at] is not None


def with_fitting_branches(spec: SpecRecord, error: SpecError, shared: bool = True) -> SpecError:
    """``error`` with the nearest K that fits all units of its level.

    Where all levels have one K and it is to stay ``shared``, the nearest K that fits all levels.
    """
    shared = shared and {k for k in spec.branches if k} == {error.value}
    for k in sorted(range(1, MOST_TRIED + 1), key=lambda k: (abs(k - error.value), k)):  # type: ignore[operator]
        here = [shared or error.field == f"branches[{i}]" for i in range(len(spec.branches))]
        ks = [k if b and at else b for b, at in zip(spec.branches, here, strict=True)]
        trial = copy(spec)
        object.__setattr__(trial, "branches", tuple(ks))
        try:
            NETWORKS[spec.network].draw(trial)
        except SpecError as other:
            if shared or other.field == error.field:
                continue
        return SpecError(error.field, error.value, error.rule, k)
    return error
