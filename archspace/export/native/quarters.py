"""Convolutions of stride 2 read a map in quarters: its every second pixel is every pixel of one. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from archspace.export.native.operations import Graph, Kind, Operation, Planes, Size
from archspace.export.native.scheduling import depthwise


@dataclass(frozen=True, slots=True)
class Quarters:
    """A plane's even rows, of them the even columns and below them the odd ones; below them its odd rows.

    Attributes:
        rows: of each quarter, zeros above and below included.
        top: zeros above.
        width: columns of a quarter.
        side: columns of zeros that are read beside it.
    """

    rows: int
    top: int
    width: int
    side: int

    @classmethod
    def of(cls, size: Size, operations: Iterable[Operation]) -> Quarters:
        """The quarters of a map of ``size`` for convolutions of stride 2 that read it."""
        height, width = (-(-side // 2) for side in size)
        above = below = side = 0
        for one in operations:
            rows, columns = ([offset >> 1 for offset in one.given[axis]] for axis in ("rows", "columns"))
            above = max(above, -min(rows))
            below = max(below, max(rows) + one.size[0] - height)
            side = max(side, -min(columns), max(columns) + one.size[1] - width)
        return cls(height + above + below, above, width, side)

    def taps(self, one: Operation) -> tuple[list[int], list[int]]:
        """Rows and columns of a convolution's taps, counted from a plane's first quarter."""
        rows, columns = one.given["rows"], one.given["columns"]
        quarters = [row % 2 * 2 + column % 2 for row, column in zip(rows, columns, strict=True)]
        return (
            [at * self.rows + self.top + (row >> 1) for at, row in zip(quarters, rows, strict=True)],
            [column >> 1 for column in columns],
        )


def strided(one: Operation) -> bool:
    """Returns whether an operation is a convolution of stride 2."""
    return one.kind is Kind.CONV and bool(one.given["stride"] == 2)


def read_quarters(graph: Graph) -> None:
    """Let convolutions of stride 2 read quarters; those channel by channel make them on the way, from any map.

    Quarters need no zeros around the map that they are of: they are of a caller's image itself, not of its copy.
    """
    copied = {
        int(made): int(plane) for one in graph.operations if one.kind is Kind.EACH
        for made, plane in zip(one.first, one.reads, strict=True)
    }  # fmt: skip
    operations: list[Operation] = []
    for one in graph.operations:
        if strided(one):
            one.reads = _uncopied(one.reads, copied, graph.inputs)
            if not depthwise(one):
                operations.append(_quartered(one, graph))
        operations.append(one)
    graph.operations = operations


def _uncopied(planes: Planes, copied: dict[int, int], inputs: list[Planes]) -> Planes:
    """The planes of an input that some planes are copies of; the same planes, where they are of none or of several."""
    if all(int(plane) in copied for plane in planes):
        sources = np.array([copied[int(plane)] for plane in planes])
        if any(np.isin(sources, image).all() for image in inputs):
            return sources
    return planes


def _quartered(one: Operation, graph: Graph) -> Operation:
    """What makes quarters for a convolution, which then is one of stride 1."""
    quarters = Quarters.of(graph.sizes[int(one.reads[0])], [one])
    size = (4 * quarters.rows, quarters.width)
    made = graph.planes(len(one.reads), size)
    making = Operation(Kind.QUARTERS, one.reads, made, size, [], {"top": quarters.top})
    rows, columns = quarters.taps(one)
    one.reads = made
    one.given |= {"stride": 1, "rows": rows, "columns": columns}
    return making
