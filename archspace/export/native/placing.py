"""Where the planes of maps lie in the engine's memory, as few bytes as will do. No torch."""

from __future__ import annotations

import bisect
from collections.abc import Container

from archspace.export.native.geometry import Geometry
from archspace.export.native.operations import Kind, Operation, Size, Then
from archspace.export.native.quarters import Quarters, strided
from archspace.export.native.scheduling import group_ends, planes_read, planes_written


def zeros_asked(one: Operation, sizes: list[Size]) -> int:
    """Returns how many zeros a convolution asks for around the map that it reads; of stride 2 it reads quarters."""
    if one.kind is not Kind.CONV or strided(one):
        return 0
    size = sizes[int(one.reads[0])]
    made = tuple(side // (2 if one.spread else 1) for side in one.size)
    asked = 0
    for axis, offsets in enumerate((one.given["rows"], one.given["columns"])):
        asked = max(asked, -min(offsets), made[axis] + max(offsets) - size[axis])
    return asked


def geometries_of(operations: list[Operation], sizes: list[Size], lanes: int) -> dict[Size, Geometry]:
    """Returns for each size how planes are laid out; the zeros of its maps fit, and quarters laid out alike."""
    pads: dict[Size, int] = dict.fromkeys(sizes, 0)
    for one in operations:
        if strided(one):
            quarters = Quarters.of(sizes[int(one.reads[0])], [one])
            pads[one.size] = max(pads[one.size], quarters.width + quarters.side - one.size[1])
        elif one.kind is Kind.CONV:
            size = sizes[int(one.reads[0])]
            pads[size] = max(pads[size], zeros_asked(one, sizes))
    return {size: Geometry(size, pad, lanes) for size, pad in pads.items()}


class Placing:
    """A place for every plane from when it is written until it was read for the last time.

    Planes with zeros around them keep these for good: their places serve planes of the same size alone, quarters those
    of maps of the same size (that of an even side has pixels where that of an odd one has zeros). All others
    share one stretch of memory, and what an operation sums may lie where a map lay that it adds for the last time.

    Args:
        operations: in order.
        groups: for each whether the next one runs with it.
        sizes: of every plane.
        geometries: of every size.
        external: planes that lie with the caller.

    Attributes:
        places: of each plane its first pixel.
        floats: that all of them take.
    """

    def __init__(
        self, operations: list[Operation], groups: list[bool], sizes: list[Size], geometries: dict[Size, Geometry],
        external: Container[int],
    ) -> None:  # fmt: skip
        self._sizes, self._geometries, self._external = sizes, geometries, external
        self._zeros = {int(plane) for one in operations if zeros_asked(one, sizes) for plane in one.reads}
        self._shared, self._bordered = _Stretch(), _Stretch()
        self._quarters = {
            int(made): (*sizes[int(plane)], one.given["top"]) for one in operations if one.kind is Kind.QUARTERS
            for made, plane in zip(one.first, one.reads, strict=True)
        }  # fmt: skip
        self._left: dict[tuple[int, ...], list[int]] = {}  # places with zeros around them that nobody uses
        self.places: dict[int, int] = {}
        done = _read_last(operations, groups)
        for index, one in enumerate(operations):
            ending = {plane for plane in done.get(index, ()) if plane not in external}
            grouped = groups[index] or (index > 0 and groups[index - 1])
            heirs = {} if grouped else self._heirs(one, ending)
            for plane in planes_written(one):
                if plane not in external and plane not in self.places:
                    self.places[plane] = self.places[heirs[plane]] if plane in heirs else self._take(plane)
            for plane in sorted(ending - set(heirs.values())):
                self._give(plane)
        for plane in self.places:
            if plane in self._zeros:
                self.places[plane] += self._shared.end
        self.floats = self._shared.end + self._bordered.end

    def _take(self, plane: int) -> int:
        size = self._sizes[plane]
        geometry = self._geometries[size]
        if plane not in self._zeros:
            return self._shared.take(geometry.floats)
        left = self._left.get(self._alike(plane))
        return left.pop() if left else self._bordered.take(geometry.floats_with_zeros) + geometry.lead

    def _alike(self, plane: int) -> tuple[int, ...]:
        """What planes have in common that have zeros in the same places."""
        return (*self._sizes[plane], *self._quarters.get(plane, ()))

    def _give(self, plane: int) -> None:
        size = self._sizes[plane]
        if plane in self._zeros:
            self._left.setdefault(self._alike(plane), []).append(self.places[plane])
        else:
            self._shared.give(self.places[plane], self._geometries[size].floats)

    def _heirs(self, one: Operation, ending: set[int]) -> dict[int, int]:
        """Of planes that an operation keeps last, the plane that it adds there and nobody reads later."""
        if not one.steps or one.steps[-1].kind is not Then.STORE or one.steps[-1].other is None:
            return {}
        reads = {int(plane) for plane in one.reads}
        added = [step.other for step in one.steps if step.kind is Then.ADD and step.other is not None]
        if len(added) != 1 or len(set(added[0].tolist())) < len(added[0]):
            return {}
        return {
            int(made): int(plane) for made, plane in zip(one.steps[-1].other, added[0], strict=True)
            if int(plane) in ending - reads and int(made) not in self._external
            and (int(plane) in self._zeros) == (int(made) in self._zeros)
        }  # fmt: skip


class _Stretch:
    """Memory from which stretches are taken, the lowest that is long enough."""

    def __init__(self) -> None:
        self.end = 0
        self._free: list[tuple[int, int]] = []  # begin and floats, in order, none next to another

    def take(self, floats: int) -> int:
        for index, (begin, length) in enumerate(self._free):
            if length >= floats:
                self._free[index : index + 1] = [(begin + floats, length - floats)] if length > floats else []
                return begin
        begin = self.end
        if self._free and sum(self._free[-1]) == self.end:
            begin, _ = self._free.pop()
        self.end = begin + floats
        return begin

    def give(self, begin: int, floats: int) -> None:
        index = bisect.bisect(self._free, (begin, floats))
        if index < len(self._free) and self._free[index][0] == begin + floats:
            floats += self._free.pop(index)[1]
        if index and sum(self._free[index - 1]) == begin:
            before = self._free.pop(index - 1)
            begin, floats = before[0], before[1] + floats
            index -= 1
        self._free.insert(index, (begin, floats))


def _read_last(operations: list[Operation], groups: list[bool]) -> dict[int, list[int]]:
    """By operation the planes that are read there for the last time, or in the group that it ends."""
    last: dict[int, int] = {}
    ends = group_ends(groups)
    for index, one in enumerate(operations):
        for plane in planes_read(one):
            last[plane] = ends[index]
    done: dict[int, list[int]] = {}
    for plane, index in last.items():
        done.setdefault(index, []).append(plane)
    return done
