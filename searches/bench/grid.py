"""Every network of a small space, each once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from analysis.counts.complexity import count
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, SpecError
from searches.bench.table import Table
from searches.study.space import SearchSpace

MOST_POINTS = 20_000
"""Combinations of values that are gone through at most."""


@dataclass(frozen=True, slots=True)
class Grid:
    """All networks of a small space.

    Attributes:
        cells: every network once, in the order of the space's values.
        distributions: of the free parameters (``alphas.3``), as a study draws them.
        choices: the values of each free parameter, in order.
        places: index in ``cells`` of what a combination of values comes to, by its values in the order of
            ``choices``; those that cannot be built are left out.
    """

    cells: tuple[Cell, ...]
    distributions: Mapping[str, BaseDistribution]
    choices: Mapping[str, Sequence[Any]]
    places: Mapping[tuple[Any, ...], int]

    def index(self, params: Mapping[str, Any]) -> int | None:
        """Returns the place in ``cells`` of a combination of values, or ``None`` where it cannot be built."""
        return self.places.get(tuple(params[name] for name in self.choices))


@dataclass(frozen=True, slots=True)
class Cell:
    """One network of a grid.

    Attributes:
        spec: the network.
        params: the first combination of values that names it, by parameter.
    """

    spec: ArchSpec
    params: Mapping[str, Any]


def grid(space: SearchSpace) -> Grid:
    """Returns every network that a space can name.

    Combinations that cannot be built are left out, and those that come to one network are one.

    Raises:
        FieldError: a field is continuous, or there are more combinations than :data:`MOST_POINTS`.
        SpecError: no combination can be built.
    """
    distributions = space.distributions()
    choices = {name: values(name, distribution) for name, distribution in distributions.items()}
    points = math.prod(map(len, choices.values()))
    if points > MOST_POINTS:
        rule = "a table holds every network of its space: fix some fields"
        raise FieldError("space", f"{points} combinations", rule, f"at most {MOST_POINTS}")
    cells: dict[str, Cell] = {}
    places: dict[tuple[Any, ...], int] = {}
    order: dict[str, int] = {}
    first: SpecError | None = None
    for point in product(*choices.values()):
        params = dict(zip(choices, point, strict=True))
        try:
            spec = space.spec(space.completed(params))
        except SpecError as error:
            first = first or error
            continue
        cells.setdefault(spec.arch_id, Cell(spec, params))
        places[point] = order.setdefault(spec.arch_id, len(order))
    if not cells and first is not None:
        raise first
    return Grid(tuple(cells.values()), distributions, choices, places)


def table_grid(table: Table) -> Grid:
    """Returns the grid of a table's space.

    Raises:
        FieldError: as :func:`grid` and :func:`check_rows`.
    """
    made = grid(SearchSpace(table.study["space"], table.fixed))
    check_rows(table, made.cells)
    return made


def check_rows(table: Table, cells: Sequence[Cell]) -> None:
    """Refuses a table of which a row is none of these networks; it may lack some of them.

    Raises:
        FieldError: its id is not that of a network of its values, or parameters and MACs are not those of the network.
    """
    named = {_words(cell.params): cell.spec for cell in cells}
    for key, row in table.rows.items():
        spec, at = named.get(_words(row.params)), f"{table.where}: network {key}"
        if spec is None:
            raise FieldError(f"{at}: params", dict(row.params), "the table's space has no such network")
        if spec.arch_id != key:
            rule = f"the network of these values has another ({spec.label})"
            raise FieldError(f"{at}: arch_id", key, rule, spec.arch_id)
        cost = count(spec)
        for name, own in (("params", cost.params), ("macs", cost.macs)):
            if row.counted[name] != own:
                rule = f"the network has another number ({spec.label})"
                raise FieldError(f"{at}: counted.{name}", row.counted[name], rule, own)


def _words(params: Mapping[str, Any]) -> str:
    return json.dumps(params, sort_keys=True)


def values(name: str, distribution: BaseDistribution) -> list[Any]:
    """Returns all values of a free field, in order.

    Raises:
        FieldError: it is continuous.
    """
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if isinstance(distribution, IntDistribution) and not distribution.log:
        return list(range(distribution.low, distribution.high + 1, distribution.step))
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        steps = round((distribution.high - distribution.low) / distribution.step)
        return [round(distribution.low + i * distribution.step, 6) for i in range(steps + 1)]
    raise FieldError(
        f"space.{name}", "a continuous field", "a table needs values that can be counted", "choices"
    )
