"""Networks of a supernet's space: those that show every part that any has, random ones, the largest and smallest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError
from searches.study.screening import Candidate, Screen
from searches.study.space import SearchSpace, draw, values_of

MOST_ENUMERATED = 1024
"""Combinations of values up to which every network of a space is looked at."""
VALUES, MOST_A_LEVEL, TRIES = 9, 150, 4
"""Of a larger space: values of a field, combinations of a level's fields, and draws of the other levels' fields."""
ENOUGH, MOST_RANDOM = 20, 300
"""Random networks in a row that show nothing new before a larger space counts as seen, and how many at most."""
DRAWS = 1000
"""Most draws for one network that can be built."""


class Subnets:
    """The networks of a space.

    Args:
        space: where they are from.
        seed: of what is sought at random.
    """

    def __init__(self, space: SearchSpace, seed: int = 0) -> None:
        self.space, self.seed = space, seed
        self.screen = Screen(space, {})
        self._distributions = space.distributions()

    @cached_property
    def choices(self) -> Mapping[str, Sequence[Any]]:
        """Values of each free parameter: all, or some from end to end where they are many."""
        return {name: values_of(one, VALUES) for name, one in self._distributions.items()}

    def _candidate(self, params: Mapping[str, Any]) -> Candidate | None:
        return self.screen.candidate(params, ("macs",))

    @cached_property
    def enumerated(self) -> tuple[Candidate, ...] | None:
        """Every network once, by MACs, where the combinations are few."""
        exact = all(_counted(one) <= VALUES for one in self._distributions.values())
        if not exact or math.prod(map(len, self.choices.values())) > MOST_ENUMERATED:
            return None
        found: dict[str, Candidate] = {}
        for point in product(*self.choices.values()):
            candidate = self._candidate(dict(zip(self.choices, point, strict=True)))
            if candidate is not None:
                found.setdefault(candidate.spec.arch_id, candidate)
        if not found:
            raise FieldError("space", self.space.networks, "no network of it can be built")
        return tuple(sorted(found.values(), key=_macs))

    @cached_property
    def smallest(self) -> ArchSpec:
        """The network of the fewest MACs."""
        if self.enumerated is not None:
            return self.enumerated[0].spec
        return self.screen.least(lambda one: (_macs(one),), self.seed, ("macs",)).spec

    @cached_property
    def largest(self) -> ArchSpec:
        """The network of the most MACs."""
        if self.enumerated is not None:
            return self.enumerated[-1].spec
        return self.screen.least(lambda one: (-_macs(one),), self.seed, ("macs",)).spec

    def random(self, rng: np.random.Generator) -> ArchSpec:
        """Returns a random network: every value of a field as likely as another."""
        return self.drawn(rng).spec

    def drawn(self, rng: np.random.Generator) -> Candidate:
        """Returns a random network with the values that name it.

        Raises:
            FieldError: none of many can be built.
        """
        for _ in range(DRAWS):
            params = {name: draw(one, rng) for name, one in self._distributions.items()}
            candidate = self._candidate(params)
            if candidate is not None:
                return candidate
        raise FieldError("space", self.space.networks, f"none of {DRAWS} random combinations can be built")

    def changed(self, params: Mapping[str, Any], rng: np.random.Generator) -> Candidate:
        """Returns a network that differs in one free field from the one of ``params``, or a random one."""
        free = [name for name, one in self._distributions.items() if not one.single()]
        for _ in range(DRAWS if free else 0):
            name = free[rng.integers(len(free))]
            value = draw(self._distributions[name], rng)
            if value != params[name]:
                candidate = self._candidate({**params, name: value})
                if candidate is not None:
                    return candidate
        return self.drawn(rng)

    def covering(self) -> Iterator[ArchSpec]:
        """Yields networks in which every part stands that any network of the space has.

        All of a small space; of a larger one every combination of the fields of one level with those of the whole
        network, then random ones, which the caller may end early.
        """
        if self.enumerated is not None:
            yield from (one.spec for one in self.enumerated)
            return
        rng = np.random.default_rng(self.seed)
        yield self.smallest
        for level in dict.fromkeys(name.partition(".")[2] for name in self.choices):
            own = [name for name in self.choices if name.partition(".")[2] in ("", level)]
            points = list(product(*(self.choices[name] for name in own)))
            order = rng.permutation(len(points))[:MOST_A_LEVEL]
            for point in (points[i] for i in order):
                spec = self._completed(dict(zip(own, point, strict=True)), rng)
                if spec is not None:
                    yield spec
        yield self.largest
        for _ in range(MOST_RANDOM):
            yield self.random(rng)

    def _completed(self, params: Mapping[str, Any], rng: np.random.Generator) -> ArchSpec | None:
        """A network with these values, the others random."""
        for _ in range(TRIES):
            others = {name: draw(one, rng) for name, one in self._distributions.items() if name not in params}
            candidate = self._candidate({**others, **params})
            if candidate is not None:
                return candidate.spec
        return None


def _macs(candidate: Candidate) -> float:
    return candidate.counts["macs"]


def _counted(distribution: Any) -> float:
    """How many values a field has; infinite for a continuous one."""
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return 0  # all of them are looked at
    if distribution.step is None:
        return math.inf
    return float(round((distribution.high - distribution.low) / distribution.step) + 1)
