"""Networks of a space counted before any is trained: what they cost, and which keep the limits that can be counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations, product
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution

from analysis.quantities import QUANTITIES, goals
from analysis.store.constraints import Limits, excesses
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError, SpecError
from archspace.support.numbers import counted, number
from searches.study.space import SearchSpace, draw, size_of, values_of

STARTS, VALUES, PAIR_VALUES, ROUNDS = 200, 9, 5, 20
"""Random networks from which the least of a quantity is sought, values of a field that are tried alone and together
with those of another, rounds over all."""
MOST_COMBINATIONS, MORE_STARTS = 20_000, 4000
"""Before a space is refused: combinations of values that are all looked at, and random networks of a larger space."""

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
        self._found: Candidate | None = None

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

    @cached_property
    def whole(self) -> tuple[Candidate, ...] | None:
        """Every network of a space of at most :data:`MOST_COMBINATIONS`, once; ``None`` of a larger one."""
        free = {name: d for name, d in self._distributions.items() if not d.single()}
        if math.prod(map(size_of, free.values())) > MOST_COMBINATIONS:
            return None
        points = product(*(values_of(one, MOST_COMBINATIONS) for one in free.values()))
        made = (self.candidate(dict(zip(free, point, strict=True))) for point in points)
        return tuple({one.spec: one for one in made if one is not None}.values())

    @cached_property
    def _fitting(self) -> list[Candidate]:
        return [one for one in self.whole or () if self.excess(one) <= 0]

    def fitting(self, seed: int) -> Mapping[str, Any] | None:
        """Returns the values of a network that keeps the limits, by parameter, if there is one.

        Args:
            seed: which one follows from it; in a large space it may be the one that :meth:`check` found.
        """
        found = self._found
        if self.whole is not None:
            rng = np.random.default_rng(seed)
            found = self._fitting[rng.integers(len(self._fitting))] if self._fitting else None
        else:
            with suppress(FieldError):
                least = self.least(self._all, seed, pairs=True)
                found = least if self.excess(least) <= 0 else found
        return None if found is None else found.params

    def least(
        self, aim: Aim, seed: int, wanted: Sequence[str] = (), *, pairs: bool = False, starts: int = STARTS
    ) -> Candidate:
        """Returns the network with the least ``aim`` that is found by changing one field after the other.

        It begins with the best of ``starts`` random networks; counts grow with nearly every field of a network, so
        that this way leads to the least of a count in all but odd spaces.

        Args:
            pairs: change two fields at once where one alone gains nothing.

        Raises:
            FieldError: none of the random networks can be built.
        """
        drawn = [one for one in self.drawn(starts, seed, wanted) if one is not None]
        if not drawn:
            raise FieldError(
                "space", self.space.networks, f"none of {starts} random combinations can be built"
            )
        best = min(drawn, key=aim)
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
        """Refuses a space in which no network keeps the limits; of a large one, in which none is found.

        Raises:
            FieldError: the limit that lacks least to being kept, with the nearest value that some network keeps; where
                several have to be loosened, with such a value of each.
        """
        if not self.limits:
            return
        self._found = self.least(self._all, seed)
        if self.excess(self._found) <= 0:
            return
        if self.whole is not None:
            together, *alone = (min(self.whole, key=aim) for aim in self._aims)
        else:
            together, *alone = (self.least(aim, seed, pairs=True, starts=MORE_STARTS) for aim in self._aims)
        self._found = min(together, *alone, key=self.excess)
        if self.excess(self._found) > 0:
            raise self._refusal(together, alone)

    def _all(self, one: Candidate) -> tuple[float, ...]:
        return (self.excess(one),)

    @property
    def _aims(self) -> list[Aim]:
        """To keep all limits; and by limited quantity, first to keep all others, then that one as far as may be."""
        return [self._all, *(partial(self._but, name) for name in self.limits)]

    def _but(self, name: str, one: Candidate) -> tuple[float, ...]:
        return self.excess(one, without=name), self._broken(name, one)

    def _broken(self, name: str, one: Candidate) -> float:
        """How far the limits on one quantity are broken, as a share of them; 0 or below where they are kept."""
        return max(excesses(one.counts, {name: self.limits[name]}).values())

    def _refusal(self, together: Candidate, alone: Sequence[Candidate]) -> FieldError:
        """What to say of limits that no network keeps: which one is easiest to loosen, or which ones, and how far.

        Args:
            together: the network that breaks all limits least.
            alone: by limited quantity, the network that breaks its limits least of those that keep the others.
        """
        mended = [one for name, one in zip(self.limits, alone, strict=True) if self.excess(one, name) <= 0]
        best = min(mended, key=self.excess, default=together)
        broken = [name for name in self.limits if self._broken(name, best) > 0]
        broken.sort(key=lambda name: self._broken(name, best), reverse=True)
        kept = [name for name in self.limits if name not in broken] if mended else []
        (field, limit, nearest), *more = (self._loosened(name, best) for name in broken)
        only = len(self.limits) == 1 and None in (self.limits[broken[0]].min, self.limits[broken[0]].max)
        keeps = f"keeps {'it' if only else 'all limits'}"
        none, found = f"no network was found in the space that {keeps}", " found"
        if self.whole is not None:
            none, found = f"none of the {counted(len(self.whole), 'network')} of the space {keeps}", ""
        also = f" that keeps the limits on {', '.join(kept)}" if kept else ""
        has = ", ".join(number(best.counts[name], QUANTITIES[name].unit) for name in broken)
        rule = f"{none} (the nearest{found}{also} has {has}; {best.spec.label})"
        others = ", ".join(f"{name}: {value}" for name, _, value in more)
        return FieldError(field, limit, rule, f"{nearest} with {others}" if others else nearest)

    def _loosened(self, name: str, one: Candidate) -> tuple[str, float | None, float]:
        """The limit on a quantity that a network breaks: its field, its value, and the nearest that is kept."""
        bound, value = self.limits[name], one.counts[name]
        side = "max" if bound.max is not None and value > bound.max else "min"
        limit = bound.max if side == "max" else bound.min
        return f"constraints.{name}.{side}", limit, nearest_kept(value, side)


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
