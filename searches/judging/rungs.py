"""Who goes on at a rung: asynchronous successive halving over non-dominated sorting (MOASHA, Schmucker et al. 2021).

The order within a front is that of an epsilon-net, as in the paper: the networks that go on are spread over the front
instead of crowding at its knee.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.fronts.pareto import Floats, ranks

Indices = NDArray[np.int64]


def promotable(
    points: ArrayLike, gone: Collection[int], reduction: int, *, asked: int | None = None
) -> int | None:
    """Returns the best network of a rung that belongs to its best 1/reduction and did not go on yet, or ``None``.

    Args:
        points: (N, D) what the networks of the rung have there, less is better; one with a NaN comes last.
        gone: places of those that went on, or never will.
        reduction: of so many networks one goes on.
        asked: how many networks came to the rung, where some of them came more than once; N if left out.
    """
    values = np.asarray(points, dtype=np.float64)
    room = min((len(values) if asked is None else asked) // reduction, len(values))
    if not room:
        return None
    best = preferred(values, room)
    return next((int(place) for place in best if place not in gone), None)


def preferred(points: ArrayLike, count: int | None = None) -> Indices:
    """Returns places of the points, the one to keep first: front after front, each in the order of a net.

    Args:
        points: (N, D), less is better; rows with a NaN come last.
        count: of so many of them; of all if left out.
    """
    values = np.asarray(points, dtype=np.float64)
    count = len(values) if count is None else count
    depth, scaled = ranks(values), _by_rank(values)
    places: list[int] = []
    for level in range(int(depth.max(initial=-1)) + 1):
        if len(places) >= count:
            break
        front = np.flatnonzero(depth == level)
        places.extend(front[_net(scaled[front], count - len(places))].tolist())
    return np.array([*places, *np.flatnonzero(depth < 0)][:count], dtype=np.int64)


def _net(points: Floats, count: int) -> Indices:
    """The order of an epsilon-net: first the best in the first objective, then always the farthest from all before.

    Of two at one distance it is the earlier.

    Args:
        points: (N, D) of one front.
        count: how many are wanted at most.
    """
    first = int(np.lexsort(points.T[::-1])[0])
    order, distance = [first], np.linalg.norm(points - points[first], axis=1)
    while len(order) < min(count, len(points)):
        distance[order[-1]] = -1.0
        following = int(np.argmax(distance))
        order.append(following)
        distance = np.minimum(distance, np.linalg.norm(points - points[following], axis=1))
    return np.array(order, dtype=np.int64)


def _by_rank(points: Floats) -> Floats:
    """Every objective by its place among the values there are, from 0 to 1: no unit or scale weighs more."""
    columns = [np.unique(column, return_inverse=True)[1] / max(1, len(column) - 1) for column in points.T]
    return np.column_stack(columns)
