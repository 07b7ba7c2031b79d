"""The K that a network's channels allow. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING

from archspace.errors import SpecError
from archspace.plan.networks import NETWORKS

if TYPE_CHECKING:
    from archspace.spec import ArchSpec

MOST_TRIED = 512
"""Largest K that a message proposes."""


def fitting_branches(
    spec: ArchSpec, given: int | Sequence[int | None] | None = None
) -> tuple[int | None, ...]:
    """K of every level of ``spec``; one that does not fit and was not ``given`` is replaced by the nearest that does.

    Raises:
        SpecError: a given K does not fit; the message has the nearest one that does.
    """
    trial = copy(spec)
    for _ in spec.branches:
        try:
            NETWORKS[spec.network].draw(trial)
            break
        except SpecError as error:
            fitting = _with_fitting_branches(trial, error)
            level = int(error.field.removeprefix("branches[").rstrip("]"))
            if _chosen(given, level):
                raise fitting from None
            ks = list(trial.branches)
            ks[level] = fitting.nearest  # type: ignore[call-overload]
            object.__setattr__(trial, "branches", tuple(ks))
    return trial.branches


def _chosen(given: int | Sequence[int | None] | None, level: int) -> bool:
    """Whether the K of an entry was given; one number stands for all of them."""
    if given is None or isinstance(given, int):
        return given is not None
    return level < len(given) and given[level] is not None


def _with_fitting_branches(spec: ArchSpec, error: SpecError) -> SpecError:
    """``error`` with the nearest K that fits all units of its level; of all levels, where they share one K."""
    shared = {k for k in spec.branches if k} == {error.value}
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
