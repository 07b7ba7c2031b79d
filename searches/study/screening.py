"""Networks of a space counted before any is trained: what they cost, and which keep the limits that can be counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from analysis.quantities import QUANTITIES, goals
from analysis.store.constraints import Limits, excesses
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, SpecError
from archspace.support.numbers import number
from searches.study.space import SearchSpace

STARTS, VALUES, PAIR_VALUES, ROUNDS = 200, 9, 5, 20
"""Random networks from which the least of a quantity is sought, values of a field that are tried alone and together
with those of another, rounds over all."""

TWO_CHANGED, REDRAWN = 0.3, 20
"""How often a mutation changes two fields, and how often a value is drawn until it is another one."""
MOST_KEPT = 50_000
"""Networks that are kept counted, so that one drawn again is not counted again."""

Aim = Callable[["Candidate"], tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network of a space that nothing was trained of.

    Attributes:
        params: the values of the free fields, by parameter.
        spec: the network.
        counts: what is counted of it, by quantity.
    """

    params: Mapping[str, Any]
    spec: ArchSpec
    counts: Mapping[str, float]


class Screen:
    """Counts networks of a space.

    Attributes:
        single: the values of free fields that have one.

    Args:
        space: where they are from.
        constraints: the study's; those that can be counted are looked at.
    """

    def __init__(self, space: SearchSpace, constraints: Mapping[str, Limits]) -> None:
        known = goals()
        self.space = space
        self.limits = {name: bound for name, bound in constraints.items() if known[name].counted}
        self._distributions = space.distributions()
        self.single = {name: values_of(d, VALUES)[0] for name, d in self._distributions.items() if d.single()}
        self._kept: dict[tuple[object, ...], Candidate | None] = {}

    def candidate(self, drawn: Mapping[str, Any], wanted: Sequence[str] = ()) -> Candidate | None:
        """Returns the network of some values, or ``None`` where it cannot be built.

        Args:
            drawn: of every free field that has more than one value, by parameter.
            wanted: quantities to count beside those that are limited.

        Raises:
            InputError: a plug-in's quantity cannot count the network.
        """
        params = {**self.single, **drawn}
        key = (*map(str, params.values()), *params, *wanted)
        if key not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = self._counted(params, wanted)
        return self._kept[key]

    def _counted(self, params: Mapping[str, Any], wanted: Sequence[str]) -> Candidate | None:
        try:
            spec = self.space.spec(self.space.completed(params))
        except SpecError:
            return None
        names = dict.fromkeys((*self.limits, *wanted))
        return Candidate(params, spec, {name: QUANTITIES[name].value_of(spec) for name in names})

    def fits(self, drawn: Mapping[str, Any]) -> bool:
        """Whether a network can be built and keeps all limits that can be counted."""
        candidate = self.candidate(drawn)
        return candidate is not None and self.excess(candidate) <= 0

    def excess(self, candidate: Candidate, without: str = "") -> float:
        """Returns how far the limits are broken in all, as shares of them; 0 where all are kept.

        Args:
            without: a quantity whose limits are passed over.
        """
        limits = {name: bound for name, bound in self.limits.items() if name != without}
        return sum(max(0.0, amount) for amount in excesses(candidate.counts, limits).values())

    def drawn(self, count: int, seed: int, wanted: Sequence[str] = ()) -> list[Candidate | None]:
        """Returns ``count`` networks drawn at random, ``None`` where one cannot be built."""
        rng = np.random.default_rng(seed)
        return [self.candidate(self.draw(rng), wanted) for _ in range(count)]

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Returns random values of every free field that has more than one, by parameter."""
        return {name: draw(d, rng) for name, d in self._distributions.items() if not d.single()}

    def least(self, aim: Aim, seed: int, wanted: Sequence[str] = (), *, pairs: bool = False) -> Candidate:
        """Returns the network with the least ``aim`` that is found by changing one field after the other.

        It begins with the best of :data:`STARTS` random networks; counts grow with nearly every field of a network, so
        that this way leads to the least of a count in all but odd spaces.

        Args:
            pairs: change two fields at once where one alone gains nothing.

        Raises:
            FieldError: none of the random networks can be built.
        """
        starts = [one for one in self.drawn(STARTS, seed, wanted) if one is not None]
        if not starts:
            raise FieldError(
                "space", self.space.networks, f"none of {STARTS} random combinations can be built"
            )
        best = min(starts, key=aim)
        for _ in range(ROUNDS):
            before = best
            for name in self._distributions:
                best = self._better(best, [name], aim, wanted)
            if best is before and pairs:
                for two in combinations(self._distributions, 2):
                    best = self._better(best, two, aim, wanted)
            if best is before:
                break
        return best

    def _better(self, best: Candidate, names: Sequence[str], aim: Aim, wanted: Sequence[str]) -> Candidate:
        """The least of a network and those that differ from it in these fields."""
        most = VALUES if len(names) == 1 else PAIR_VALUES
        points = product(*(values_of(self._distributions[name], most) for name in names))
        made = (
            self.candidate({**best.params, **dict(zip(names, point, strict=True))}, wanted)
            for point in points
        )
        return min([best, *(one for one in made if one is not None)], key=aim)

    def check(self, seed: int) -> None:
        """Refuses a space in which no network is found that keeps the limits.

        Raises:
            FieldError: the limit that lacks least to being kept, with the nearest value that some network keeps.
        """
        if not self.limits or self.excess(self.least(self._all, seed)) <= 0:
            return
        closest = [self.least(self._all, seed, pairs=True)]
        closest += [self.least(self._but(name), seed, pairs=True) for name in self.limits]
        if min(map(self.excess, closest)) > 0:
            raise self._tightest(closest[0], dict(zip(self.limits, closest[1:], strict=True)))

    def _all(self, one: Candidate) -> tuple[float, ...]:
        return (self.excess(one),)

    def _but(self, name: str) -> Aim:
        """First that all limits but one are kept, then how far that one is broken."""
        own = {name: self.limits[name]}
        return lambda one: (self.excess(one, without=name), max(excesses(one.counts, own).values()))

    def _tightest(self, together: Candidate, alone: Mapping[str, Candidate]) -> FieldError:
        """What to say of limits that no network keeps: which one is easiest to loosen, and how far.

        Args:
            together: the network that breaks all limits least.
            alone: by limited quantity, the network that breaks its limit least of those that keep the others.
        """
        name = min(alone, key=lambda name: self._but(name)(alone[name]))
        best, kept = alone[name], [other for other in self.limits if other != name]
        if self.excess(best, without=name) > 0:  # no single limit could be loosened to mend it
            best, kept = together, []
            name = max(self.limits, key=lambda name: self._but(name)(best)[1])
        bound, value, quantity = self.limits[name], best.counts[name], QUANTITIES[name]
        side = "max" if bound.max is not None and value > bound.max else "min"
        limit, extreme = (bound.max, "least") if side == "max" else (bound.min, "largest")
        also = f" that keeps the limits on {', '.join(kept)}" if kept else ""
        rule = (
            f"no network was found in the space that keeps it (the {extreme} found{also} has "
            f"{number(value, quantity.unit)}; {best.spec.label})"
        )
        return FieldError(f"constraints.{name}.{side}", limit, rule, nearest_kept(value, side))


def nearest_kept(value: float, side: str) -> float | int:
    """Returns a limit that ``value`` keeps, in at most three digits: rounded up for a ``max``, down for a ``min``.

    >>> nearest_kept(3191808, "max"), nearest_kept(1234.5, "min")
    (3200000, 1230)
    """
    if value == 0:
        return 0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    rounded = (math.ceil if side == "max" else math.floor)(value / step) * step
    return round(rounded) if step >= 1 else float(f"{rounded:.6g}")


def changed(
    params: Mapping[str, Any], free: Mapping[str, BaseDistribution], rng: np.random.Generator
) -> dict[str, Any]:
    """Returns the values of a network with one of its free fields, now and then two, drawn anew.

    Args:
        params: of the network, by parameter.
        free: the space's parameters with more than one value.
    """
    made = dict(params)
    names = list(free)
    count = 2 if len(names) > 1 and rng.random() < TWO_CHANGED else 1
    for place in rng.choice(len(names), count, replace=False):
        name = names[place]
        for _ in range(REDRAWN):
            made[name] = draw(free[name], rng)
            if made[name] != params.get(name):
                break
    return made


def draw(distribution: BaseDistribution, rng: np.random.Generator) -> Any:
    """Returns a random value of a field, every value as likely as another (on a log scale where the field has one)."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[rng.integers(len(distribution.choices))]
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if distribution.log:
        drawn = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return round(drawn) if isinstance(distribution, IntDistribution) else round(drawn, 6)
    if step is None:
        return round(float(rng.uniform(low, high)), 6)
    drawn = low + step * int(rng.integers(round((high - low) / step) + 1))
    return int(drawn) if isinstance(distribution, IntDistribution) else round(drawn, 6)


def values_of(distribution: BaseDistribution, most: int) -> list[Any]:
    """Returns values of a field: all choices, or at most ``most`` numbers from end to end."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is None:
        return [float(value) for value in np.linspace(low, high, 1 if distribution.single() else most)]
    steps = round((high - low) / step)
    places = sorted({round(i * steps / (most - 1)) for i in range(most)})
    made = [low + place * step for place in places]
    return (
        [int(value) for value in made]
        if isinstance(distribution, IntDistribution)
        else [round(v, 6) for v in made]
    )
