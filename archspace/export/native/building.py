"""A graph of the engine's operations as it grows: what changes each value by itself rides on its maker. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from archspace.export.native.operations import Floats, Graph, Kind, Operation, Planes, Size, Step, Then


class Builder:
    """Operations in the order in which they are added.

    Attributes:
        graph: what was added so far.
    """

    def __init__(self) -> None:
        self.graph = Graph()
        self._maker: dict[int, tuple[int, int]] = {}  # of a plane: its operation and its channel there

    def add(self, kind: Kind, reads: Planes, channels: int, size: Size, **given: Any) -> Planes:
        """Returns the planes of a new operation's result; ``given`` as of :class:`Operation`."""
        made = self.graph.planes(channels, size)
        self._own(made)
        self.graph.operations.append(Operation(kind, np.ravel(reads), made, size, [], given))
        return made

    def _own(self, planes: Planes) -> None:
        index = len(self.graph.operations)
        self._maker.update({int(plane): (index, channel) for channel, plane in enumerate(planes)})

    def size(self, planes: Planes) -> Size:
        """Returns height and width."""
        return self.graph.sizes[int(np.ravel(planes)[0])]

    def each(
        self,
        x: Planes,
        kind: Then,
        *,
        other: Planes | None = None,
        a: Floats | None = None,
        b: Floats | None = None,
    ) -> Planes:
        """Returns the planes after a step on ``x``; ``a`` and ``b`` have a number a channel (a clamp: two bounds)."""
        made = np.full(len(x), -1, np.int64)
        primary = x.copy()
        joins = None if other is None else other.copy()
        if kind is Then.ADD and joins is not None:  # the later one carries the sum
            swap = np.array(
                [self._maker[int(p)][0] < self._maker[int(q)][0] for p, q in zip(x, joins, strict=True)]
            )
            primary[swap], joins[swap] = joins[swap], primary[swap]
        indices = np.array([self._maker[int(plane)][0] for plane in primary])
        for index in dict.fromkeys(indices.tolist()):
            at = np.flatnonzero(indices == index)
            made[at] = self._ride(index, at, primary, joins, kind, a, b)
        return made

    def _ride(
        self, index: int, at: Planes, primary: Planes, joins: Planes | None, kind: Then, a: Floats | None,
        b: Floats | None,
    ) -> Planes:  # fmt: skip
        """The step on the channels ``at``, all of which operation ``index`` made; else an operation of its own."""
        maker = self.graph.operations[index]
        channels = np.array([self._maker[int(plane)][1] for plane in primary[at]])
        order = np.argsort(channels)
        at = at[order]
        fits = (
            maker.rideable
            and np.array_equal(primary[at], maker.last)
            and not (maker.spread and kind in (Then.ADD, Then.GATE))
            and (joins is None or all(self._maker[int(plane)][0] < index for plane in joins[at]))
        )
        if not fits:
            size = self.size(primary)
            self.add(Kind.EACH, primary[at], len(at), size)
            index = len(self.graph.operations) - 1
            maker = self.graph.operations[index]
        after = self.graph.planes(len(at), maker.size)
        self._maker.update({int(plane): (index, channel) for channel, plane in enumerate(after)})
        bounds = kind is Then.CLAMP
        maker.steps.append(
            Step(
                kind, after, None if joins is None else joins[at],
                a if a is None or bounds else a[at], b if b is None else b[at],
            )
        )  # fmt: skip
        back = np.empty(len(at), np.int64)
        back[np.argsort(order)] = np.arange(len(at))
        return after[np.argsort(order)]
