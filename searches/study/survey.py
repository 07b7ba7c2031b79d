"""What a space is like before anything of it is trained: its size, what its networks cost, what the limits leave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution

from analysis.quantities import QUANTITIES, Quantity
from analysis.store.constraints import Limits, excesses
from archspace.spec.archspec import ArchSpec
from archspace.spec.record import FIELDS
from searches.study.combinations import combinations
from searches.study.screening import Screen
from searches.study.space import size_of, values_of

SOUGHT = 100
"""Networks in which a value of a space is looked for."""
MOST_SOUGHT = 16
"""Values of a range that are looked for; of a longer one so many, from end to end."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What the networks of a space have of one quantity.

    Attributes:
        least, median, largest: of the networks drawn; ``least`` and ``largest`` also of those sought.
        limit: the study's.
        share: of the networks drawn that keep it; ``None`` without a limit.
    """

    quantity: Quantity
    least: float
    median: float
    largest: float
    limit: Limits | None
    share: float | None


@dataclass(frozen=True, slots=True)
class Survey:
    """A space before anything of it is trained.

    Attributes:
        fields: free fields, a level counted as one.
        size: combinations of their values, of a field with a condition where that holds; infinite where one is
            continuous.
        drawn: combinations drawn at random.
        built: of these, how many can be built.
        networks: of these, how many are different.
        spreads: of what is counted.
        kept: share of what can be built that keeps all limits.
        unused: fields with a value, fixed, a choice or a step of a range, that none of the networks drawn has; the
            field alone where none has any value of its range.
    """

    fields: int
    size: float
    drawn: int
    built: int
    networks: int
    spreads: tuple[Spread, ...]
    kept: float
    unused: tuple[str, ...]


def survey(screen: Screen, count: int, seed: int) -> Survey:
    """Returns what a space is like, from ``count`` random networks of it and a search for the extremes.

    Raises:
        SpecError: none of them can be built.
    """
    names = [name for name, one in QUANTITIES.items() if one.count and (one.always or name in screen.limits)]
    all_drawn = screen.drawn(count, seed, names)
    built = [one for one in all_drawn if one is not None]
    spreads = []
    for name in names:
        lowest = screen.least(lambda one, name=name: (one.counts[name],), seed, names)  # type: ignore[misc]
        highest = screen.least(lambda one, name=name: (-one.counts[name],), seed, names)  # type: ignore[misc]
        values = np.array([one.counts[name] for one in built])
        bound = screen.limits.get(name)
        share = None
        if bound is not None:
            amounts = [max(excesses(one.counts, {name: bound}).values()) for one in built]
            share = float(np.mean(np.array(amounts) <= 0))
        spreads.append(Spread(
            QUANTITIES[name], min(lowest.counts[name], float(values.min())), float(np.median(values)),
            max(highest.counts[name], float(values.max())), bound, share,
        ))  # fmt: skip
    distributions = screen.space.distributions()
    return Survey(
        len([d for d in distributions.values() if not d.single()]),
        combinations(screen.space),
        count, len(built), len({one.spec.arch_id for one in built}), tuple(spreads),
        float(np.mean([screen.excess(one) <= 0 for one in built])),
        _unused(screen, [one.spec for one in built], seed),
    )  # fmt: skip


def unused(screen: Screen, seed: int) -> tuple[str, ...]:
    """Returns what is written in a space and stands in none of :data:`SOUGHT` networks, because none can honour it."""
    return _unused(screen, [one.spec for one in screen.drawn(SOUGHT, seed) if one is not None], seed)


def _unused(screen: Screen, specs: Sequence[ArchSpec], seed: int) -> tuple[str, ...]:
    """A value that is in none of these networks, nor in others that were asked to have it."""
    space = screen.space
    asked: dict[str, Sequence[Any]] = {name: list(value) if isinstance(value, list | tuple) else [value]
                                       for name, value in space.fixed.items()}  # fmt: skip
    for name, free in space.free.items():
        countable = math.isfinite(size_of(free.distribution))
        asked[name] = values_of(free.distribution, MOST_SOUGHT) if countable else ()
    ranges = {
        name for name, one in space.free.items() if not isinstance(one.distribution, CategoricalDistribution)
    }
    found = []
    for name in FIELDS:
        if name not in asked or name == "network":  # a family has several names for one network
            continue
        had = {one for spec in specs for one in _values(getattr(spec, name))}
        if name in ranges and had <= {None}:
            found.append(name)
            continue
        found += [
            f"{name} {value}"
            for value in asked[name]
            if value is not None and value not in had and not _honoured(screen, name, value, seed)
        ]
    return tuple(found)


def _honoured(screen: Screen, name: str, value: Any, seed: int) -> bool:
    """Whether a network that is asked for this value of a free field has it, whatever else is drawn."""
    if name not in screen.space.free:
        return False
    rng, levels = np.random.default_rng(seed), screen.space.free[name].levels
    params = [f"{name}.{level}" for level in levels] or [name]
    asked = ({**screen.draw(rng), **dict.fromkeys(params, value)} for _ in range(SOUGHT))
    networks = (screen.candidate(drawn) for drawn in asked)
    return any(one is not None and value in _values(getattr(one.spec, name)) for one in networks)


def _values(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
