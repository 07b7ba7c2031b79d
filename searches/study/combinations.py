"""How many combinations of values a space has, those of a field with a condition only where that holds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from archspace.plan.design import NETWORKS
from searches.study.space import SearchSpace, size_of, values_of


def combinations(space: SearchSpace) -> float:
    """Returns how many combinations of values a space has; a field whose condition does not hold has none.

    Nothing is enumerated but the values of fields that conditions are about, one field and one level at a time: all
    that matters of them is which fields they let stand.
    """
    return sum(_combinations(space, network) for network in space.networks)


def _combinations(space: SearchSpace, network: str) -> float:
    """Those of the networks of one name."""
    conditional = {name: free.where for name, free in space.free.items() if free.where}
    about = dict.fromkeys(other for where in conditional.values() for other in where)
    sizes = {
        name: math.prod([size_of(free.distribution)] * max(1, len(free.levels)))
        for name, free in space.free.items()
    }
    always = [size for name, size in sizes.items() if name not in conditional and name != "network"]
    if math.isinf(math.prod(always)):
        return math.inf
    plain = [sizes[name] for name in sizes if name not in {*conditional, *about, "network"}]
    ways: Mapping[frozenset[str], float] = {frozenset(conditional): math.prod(plain)}
    for other in about:
        met = Counter[frozenset[str]]()
        for standing, count in ways.items():
            for let, many in _let_stand(space, network, other).items():
                met[standing & let] += count * many  # type: ignore[assignment]
        ways = met
    return sum(count * math.prod(sizes[name] for name in standing) for standing, count in ways.items())


def _let_stand(space: SearchSpace, network: str, other: str) -> Mapping[frozenset[str], int]:
    """How many combinations of the values of one field let which fields stand, as far as it is asked."""
    wanted = {name: free.where[other] for name, free in space.free.items() if other in free.where}
    rest = frozenset(name for name, free in space.free.items() if free.where and name not in wanted)

    def let(values: Sequence[Any]) -> frozenset[str]:
        return frozenset(name for name, ones in wanted.items() if any(value in ones for value in values))

    if other == "network":
        return {rest | let([network]): 1}
    if other not in space.free:
        fixed = space.fixed[other]
        return {rest | let(fixed if isinstance(fixed, list | tuple) else [fixed]): 1}
    free = space.free[other]
    values = values_of(free.distribution, max(2, int(size_of(free.distribution))))
    ways = Counter({rest: 1})
    for level in free.levels or (0,):
        own = not level or level >= NETWORKS[network].first or other == "receptive_field"
        more = Counter[frozenset[str]]()
        for standing, count in ways.items():
            for value in values:
                more[standing | let([value] if own else [])] += count
        ways = more
    return ways
