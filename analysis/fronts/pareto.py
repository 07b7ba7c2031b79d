"""Pareto fronts, ranks, hypervolume and knee. NumPy only; everything inside minimises.

What every function here decides in the same way:

* **Signs** are applied once, by :func:`minimised`; the other functions take its result.
* **Duplicates**: equal points do not dominate each other, so all copies share one rank.
* **NaN**: a row with a NaN was not measured, so it is never on the front, dominates nothing
  and has the rank ``UNRANKED``.
* **Infinity**: ``+inf`` is the worst legal value of an objective and is compared like any number.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.quantities import Direction

Floats = NDArray[np.float64]

UNRANKED = -1
"""Rank of a row that has a NaN."""


def minimised(values: ArrayLike, directions: Sequence[Direction]) -> Floats:
    """Points in which less is better: the columns to maximise change their sign. The one place for signs.

    Args:
        values: ``(N, D)`` raw values of D objectives.
        directions: D times ``"minimize"`` or ``"maximize"``.

    Returns:
        A new array ``(N, D)``.

    Raises:
        ValueError: the shapes disagree or a direction is unknown.
    """
    points = _as_points(values)
    if points.shape[1] != len(directions):
        raise ValueError(f"{points.shape[1]} columns of values but {len(directions)} directions")
    unknown = [d for d in directions if d not in ("minimize", "maximize")]
    if unknown:
        raise ValueError(f"direction {unknown[0]!r}: must be 'minimize' or 'maximize'")
    signs: Floats = np.array([1.0 if d == "minimize" else -1.0 for d in directions])
    return np.asarray(points * signs)


def non_dominated(points: ArrayLike) -> NDArray[np.bool_]:
    """Returns mask of the points that no other point dominates.

    A point dominates another when it is no worse in every objective and better in at least one.

    Args:
        points: ``(N, D)``, less is better. Copies are all kept; a row with a NaN is never kept.

    Returns:
        ``(N,)`` booleans. O(N log N) for up to three objectives.
    """
    array = _as_points(points)
    unique, copies = _sorted_unique(array)
    front = _empty_front(array.shape[1])
    kept = np.zeros(len(unique), dtype=bool)
    for index, row in enumerate(unique.tolist()):
        if not front.dominates(row):
            front.add(row)
            kept[index] = True
    mask = np.zeros(len(array), dtype=bool)
    mask[~np.isnan(array).any(axis=1)] = kept[copies]
    return mask


def ranks(points: ArrayLike) -> NDArray[np.int64]:
    """Depth of every point: 0 on the front, 1 on the front of what is left without it, and so on.

    Efficient non-dominated sort: whether front k dominates a point only turns from true to false as k grows,
    so the first front that admits the point is found by bisection.

    Args:
        points: ``(N, D)``, less is better.

    Returns:
        ``(N,)`` ranks; ``UNRANKED`` for a row with a NaN. Copies share their rank.
    """
    array = _as_points(points)
    unique, copies = _sorted_unique(array)
    fronts: list[_Front] = []
    depth = np.zeros(len(unique), dtype=np.int64)
    for index, row in enumerate(unique.tolist()):
        low, high = 0, len(fronts)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if fronts[middle].dominates(row) else (low, middle)
        if low == len(fronts):
            fronts.append(_empty_front(array.shape[1]))
        fronts[low].add(row)
        depth[index] = low
    result = np.full(len(array), UNRANKED, dtype=np.int64)
    result[~np.isnan(array).any(axis=1)] = depth[copies]
    return result


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """Volume that the points dominate inside the box that ends at ``reference``. Exact for any D.

    Args:
        points: ``(N, D)``, less is better. A point that is not strictly better than the reference in every
            objective adds nothing; so does a row with a NaN.
        reference: ``(D,)`` finite worst corner.

    Returns:
        The volume in the product of the objectives' units; infinite when a counted point has a ``-inf``.

    Raises:
        ValueError: the reference has another number of objectives or is not finite.
    """
    array, corner = _as_points(points), np.asarray(reference, dtype=np.float64)
    if corner.shape != (array.shape[1],):
        raise ValueError(f"reference has shape {corner.shape}, points have {array.shape[1]} objectives")
    if not np.isfinite(corner).all():
        raise ValueError(f"reference {corner.tolist()}: must be finite")
    inside = array[(array < corner).all(axis=1)]
    if np.isneginf(inside).any():
        return math.inf
    return _volume(inside[non_dominated(inside)], corner)


def knee(points: ArrayLike) -> int:
    """Index of the front's knee: the point farthest below the plane through the front's extreme points.

    Each objective is scaled to [0, 1] over the front. The plane goes through the points that are best in
    one objective (with two objectives: the line between the two ends). Where these do not span a plane that
    faces the ideal point, the plane of equal sums is used. An objective that is constant over the front says
    nothing and is left out. Ties, as between two points alone, go to the point nearest to the ideal, then to
    the better one in the first objective, then to the lower index. Rows that are not finite are chosen only
    if there is no other.

    Args:
        points: ``(N, D)``, less is better; need not be a front.

    Returns:
        Index into ``points``.

    Raises:
        ValueError: no row without a NaN.
    """
    array = _as_points(points)
    front = np.flatnonzero(non_dominated(array))
    if not len(front):
        raise ValueError("knee of no points: every row has a NaN or there is no row")
    finite = front[np.isfinite(array[front]).all(axis=1)]
    if not len(finite):
        return int(front[0])
    values = array[finite]
    low, span = values.min(axis=0), np.ptp(values, axis=0)
    scaled = (values[:, span > 0] - low[span > 0]) / span[span > 0]
    if not scaled.size:
        return int(finite[0])
    normal = _facing_plane(scaled)
    # Rounded, so that points on the line tie instead of being ordered by the last bit.
    below = np.round(scaled @ normal / np.linalg.norm(normal), 12)
    nearest = np.round(np.linalg.norm(scaled, axis=1), 12)
    order = np.lexsort((finite, values[:, 0], nearest, below))
    return int(finite[order[0]])


class _Front(Protocol):
    """Mutually non-dominated points, filled in lexicographic order, so that only earlier points dominate."""

    def dominates(self, row: list[float]) -> bool: ...

    def add(self, row: list[float]) -> None: ...


class _Staircase:
    """Up to three objectives: the lower-left staircase of the last two, as the first is sorted."""

    def __init__(self) -> None:
        self.seconds: list[float] = []  # ascending
        self.thirds: list[float] = []  # descending

    def dominates(self, row: list[float]) -> bool:
        second, third = _last_two(row)
        index = bisect_right(self.seconds, second) - 1
        return index >= 0 and self.thirds[index] <= third

    def add(self, row: list[float]) -> None:
        second, third = _last_two(row)
        start = end = bisect_left(self.seconds, second)
        while end < len(self.thirds) and self.thirds[end] >= third:
            end += 1
        self.seconds[start:end] = [second]
        self.thirds[start:end] = [third]


class _Crowd:
    """Any number of objectives: compares with every point, in a buffer that doubles."""

    def __init__(self) -> None:
        self.buffer: Floats = np.empty((0, 0))
        self.size = 0

    def dominates(self, row: list[float]) -> bool:
        return self.size > 0 and bool((self.buffer[: self.size] <= np.array(row)).all(axis=1).any())

    def add(self, row: list[float]) -> None:
        if self.size == len(self.buffer):
            grown = np.empty((max(16, 2 * self.size), len(row)))
            if self.size:
                grown[: self.size] = self.buffer
            self.buffer = grown
        self.buffer[self.size] = row
        self.size += 1


def _empty_front(objectives: int) -> _Front:
    return _Staircase() if objectives <= 3 else _Crowd()


def _last_two(row: list[float]) -> tuple[float, float]:
    """Second and third objective; one that is missing is a constant."""
    return (row[1] if len(row) > 1 else 0.0), (row[2] if len(row) > 2 else 0.0)


def _as_points(values: ArrayLike) -> Floats:
    """``(N, D)`` floats; an empty list is no point of one objective."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 1 and not array.size:
        array = array.reshape(0, 1)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"points of shape {array.shape}: must be (N, D) with at least one objective")
    return array


def _sorted_unique(points: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """The distinct rows without NaN in lexicographic order, and the place there of each such row."""
    clean = points[~np.isnan(points).any(axis=1)]
    unique, inverse = np.unique(clean, axis=0, return_inverse=True)
    return unique, inverse.reshape(-1)


def _volume(front: Floats, corner: Floats) -> float:
    """Hypervolume of a front whose points are all inside the box, by slicing along the last objective."""
    if not len(front):
        return 0.0
    if front.shape[1] == 1:
        return float(corner[0] - front[:, 0].min())
    if front.shape[1] == 2:
        return _area(front, corner)
    front = front[np.argsort(front[:, -1], kind="stable")]
    heights = np.diff(np.append(front[:, -1], corner[-1]))
    total = 0.0
    section = front[:0, :-1]
    for row, height in zip(front, heights, strict=True):
        section = np.vstack([section, row[None, :-1]])
        if height > 0:
            section = section[non_dominated(section)]
            total += float(height) * _volume(section, corner[:-1])
    return total


def _area(front: Floats, corner: Floats) -> float:
    """Area under the staircase of a two-objective front."""
    front = front[np.lexsort((front[:, 1], front[:, 0]))]
    ceilings = np.minimum.accumulate(np.append(corner[1], front[:, 1]))
    drops = ceilings[:-1] - ceilings[1:]
    return float(((corner[0] - front[:, 0]) * drops).sum())


def _facing_plane(scaled: Floats) -> Floats:
    """Normal n of the plane n . x = 1 through the best point of each objective; ones if there is none."""
    objectives = scaled.shape[1]
    # Of several points that are best in an objective, the one with the smallest sum is the end of the front.
    ends = [np.lexsort((scaled.sum(axis=1), scaled[:, axis]))[0] for axis in range(objectives)]
    equal_sums: Floats = np.ones(objectives)
    try:
        normal = np.asarray(np.linalg.solve(scaled[ends], equal_sums), dtype=np.float64)
    except np.linalg.LinAlgError:
        return equal_sums
    usable = bool(np.isfinite(normal).all()) and bool((normal > 1e-9).all())
    return normal if usable else equal_sums
