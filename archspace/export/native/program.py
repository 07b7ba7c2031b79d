"""Operations as the two arrays that the engine opens: where planes lie, and weights in the order of the kernels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archspace.export.native.geometry import ROW
from archspace.export.native.operations import (
    Floats,
    Graph,
    Kind,
    Operation,
    Planes,
    Size,
    Step,
    Then,
)
from archspace.export.native.placing import Placing, geometries_of
from archspace.export.native.quarters import Quarters, read_quarters, strided
from archspace.export.native.scheduling import (
    add_stores,
    all_read,
    depthwise,
    kept_together,
    needed,
    planes_written,
    running_sums,
    together,
)

SLACK = 1024
"""Floats behind the last plane: wide loads read past the end of a row."""
CAPS = {32: (14, 12, 8, 6), 16: (12, 6, 4, 3)}
"""By number of vector registers: most output channels of a tile of 1, 2, 3 and 4 vectors."""
CHAINS = {32: 8, 16: 4}
"""By number of vector registers: most vectors of a tile of one channel."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the engine runs at once, and counts as one.

    Attributes:
        kind: of its operations.
        size: (height, width) of its result.
        macs: multiply-accumulates of its convolutions and linear layers.
    """

    kind: Kind
    size: Size
    macs: int


@dataclass(frozen=True, slots=True)
class Program:
    """What the engine opens.

    Attributes:
        code: integers, in the order in which ``engine.cpp`` reads them.
        weights: one after the other.
        tasks: what runs, in order.
    """

    code: NDArray[np.int64]
    weights: Floats
    tasks: tuple[Task, ...] = ()


def make_program(graph: Graph, lanes: int, registers: int) -> Program:
    """Returns the arrays for an engine with vectors of ``lanes`` floats and so many registers."""
    return _Writer(graph, lanes, registers).program()


class _Writer:
    def __init__(self, graph: Graph, lanes: int, registers: int) -> None:
        self.graph, self.lanes, self.registers = graph, lanes, registers
        self.weights: list[Floats] = []
        self.count = 0
        self.maps: list[list[int]] = []
        self.known: dict[bytes, int] = {}
        self.external: dict[int, tuple[int, int, Size]] = {}

    def program(self) -> Program:
        read_quarters(self.graph)
        self.operations = needed(self.graph)
        self._place_outputs()
        read = all_read(self.operations) | set(self.external)
        for one in self.operations:
            add_stores(one, read)
        self.geometries = geometries_of(self.operations, self.graph.sizes, self.lanes)
        self.groups = together(self.operations, self._flat)
        self.quarters = self._quarters()
        self.summed = running_sums(self.operations, self.groups, set(self.external))
        placing = Placing(self.operations, self.groups, self.graph.sizes, self.geometries, self.external)
        self.places = placing.places
        body = [len(self.operations)]
        for index, one in enumerate(self.operations):
            body += self._operation(one, index)
        sizes = [
            [self._floats(planes) for planes in side] for side in (self.graph.inputs, self.graph.outputs)
        ]
        maps = [number for one in self.maps for number in one]
        head = [placing.floats + SLACK, *_listed(sizes[0]), *_listed(sizes[1]), len(self.maps), *maps]
        weights = np.concatenate([np.zeros(1, np.float32), *self.weights])
        return Program(np.array(head + body, np.int64), weights, self._tasks())

    def _tasks(self) -> tuple[Task, ...]:
        tasks, macs = [], 0
        for one, goes_on in zip(self.operations, self.groups, strict=True):
            height, width = (side // (2 if one.spread else 1) for side in one.size)
            macs += one.given["weight"].size * height * width if "weight" in one.given else 0
            if not goes_on:
                size = self.graph.sizes[int(one.reads[0])] if one.kind is Kind.QUARTERS else one.size
                tasks.append(Task(one.kind, size, macs))
                macs = 0
        return tuple(tasks)

    def _floats(self, planes: Planes) -> int:
        height, width = self.graph.sizes[int(planes[0])]
        return len(planes) * height * width

    def _place_outputs(self) -> None:
        """Inputs and outputs lie where the caller says.

        An output is copied there if one of its planes is read too, is twice an output, or is made together with planes
        that are not of this output: what an operation keeps lies in one array.
        """
        for index, planes in enumerate(self.graph.inputs):
            self._outside(planes, -1 - index)
        read = all_read(self.operations)
        kept = [others for one in self.operations for others in kept_together(one)]
        seen: set[int] = {int(plane) for planes in self.graph.inputs for plane in planes}
        for index, planes in enumerate(self.graph.outputs):
            own = {int(plane) for plane in planes}
            split = any(own & others and not others <= own for others in kept)
            if own & (read | seen) or len(own) < len(planes) or split:
                size = self.graph.sizes[int(planes[0])]
                made = self.graph.planes(len(planes), size)
                self.operations.append(Operation(Kind.EACH, planes, made, size))
                planes = made
            seen |= {int(plane) for plane in planes}
            self._outside(planes, 1 + index)

    def _outside(self, planes: Planes, where: int) -> None:
        size = self.graph.sizes[int(planes[0])]
        for channel, plane in enumerate(planes):
            self.external[int(plane)] = (where, channel * size[0] * size[1], size)

    def _quarters(self) -> list[Quarters | None]:
        """Of each operation of stride 2 the quarters that it makes: those of all that run with it."""
        found: list[Quarters | None] = []
        group: list[Operation] = []
        for one, goes_on in zip(self.operations, self.groups, strict=True):
            group.append(one)
            if not goes_on:
                size = self.graph.sizes[int(one.reads[0])]
                found += [Quarters.of(size, group) if strided(one) else None] * len(group)
                group = []
        return found

    def _map(self, planes: Planes) -> int:
        """The number of a list of planes."""
        key = np.ascontiguousarray(planes).tobytes()
        if key not in self.known:
            self.known[key] = len(self.maps)
            first = int(planes[0])
            size = self.graph.sizes[first]
            if first in self.external:
                where, pitch = self.external[first][0], size[1]
                offsets = [self.external[int(plane)][1] for plane in planes]
            else:
                where, pitch = 0, self.geometries[size].pitch
                offsets = [self.places[int(plane)] for plane in planes]
            self.maps.append([where, *size, pitch, *_listed(offsets)])
        return self.known[key]

    def _kept(self, values: Floats) -> int:
        """Where the weights lie that are added now."""
        flat = np.ascontiguousarray(values, np.float32).reshape(-1)
        place = 1 + self.count
        self.weights.append(flat)
        self.count += len(flat)
        return place

    def _operation(self, one: Operation, index: int) -> list[int]:
        given = one.given
        code = [int(one.kind), self._map(one.reads)]
        if one.kind is Kind.CONV:
            flags = (self.groups[index], depthwise(one), index in self.summed)
            return code + self._convolution(one, self.quarters[index]) + [int(flag) for flag in flags]
        if one.kind is Kind.EACH:
            return code + self._steps(one)
        code.append(self._map(one.first))
        if one.kind is Kind.BAND:
            code += [
                int(given["columns"]),
                *_listed(given["starts"]),
                given["taps"],
                self._kept(given["weights"]),
            ]
        if one.kind is Kind.LINEAR:
            code += [self._kept(given["weight"]), self._kept(given["bias"])]
        if one.kind is Kind.MAX_POOL:
            code += [given["side"], given["stride"], given["pad"]]
        if one.kind is Kind.QUARTERS:
            code.append(given["top"])
        return code

    def _convolution(self, one: Operation, quarters: Quarters | None) -> list[int]:
        given = one.given
        weight, groups = given["weight"], given["groups"]
        height, width = (side // (2 if one.spread else 1) for side in one.size)
        per_group = weight.shape[0] // groups
        flat = self._flat(one)
        if flat:
            height, width = 1, self.geometries[one.size].length
        narrow = not flat and width <= self.lanes
        length = height if narrow else -(-width // self.lanes)
        vectors, blocks = self._tiles(per_group, length, 2 if one.spread else 1)
        if depthwise(one):
            vectors = min(CHAINS[self.registers], length)
        rows, columns = quarters.taps(one) if quarters else (given["rows"], given["columns"])
        made = (quarters.rows, quarters.top, self.geometries[one.size].pitch) if quarters else (0, 0, 0)
        parts, row = [], 0
        for _ in range(groups):
            for block in blocks:
                part = weight[row : row + block]  # (channels, inputs, h, w) -> inputs, taps, channels
                parts.append(part.reshape(block, part.shape[1], -1).transpose(1, 2, 0).reshape(-1))
                row += block
        return [
            weight.shape[0], height, width, groups, *made, *_listed(rows), *_listed(columns),
            self._kept(np.concatenate(parts)), self._kept(given["bias"]), vectors, int(narrow), *_listed(blocks),
            *self._steps(one),
        ]  # fmt: skip

    def _tiles(self, channels: int, length: int, multiple: int) -> tuple[int, list[int]]:
        """Vectors of a tile, and how its output channels are cut into blocks."""
        caps = CAPS[self.registers]
        widest = 4 if self.registers == 32 or channels <= caps[3] else 3 if channels <= caps[2] else 2
        vectors = min(widest, length)
        cap = caps[vectors - 1] // multiple * multiple
        count = -(-channels // cap)
        units = channels // multiple
        return vectors, [multiple * ((units + i) // count) for i in range(count)][::-1]

    def _flat(self, one: Operation) -> bool:
        """Whether a convolution runs through the rows of its maps as one: all laid out alike, none the caller's."""
        return (
            (strided(one) or self.graph.sizes[int(one.reads[0])] == one.size) and self.geometries[one.size].flat
            and not one.spread and not any(plane in self.external for plane in planes_written(one))
        )  # fmt: skip

    def _mask(self, size: Size) -> Floats:
        geometry = self.geometries[size]
        at = np.arange(geometry.length + ROW * CHAINS[self.registers])
        keeps = (at % geometry.pitch < size[1]) & (at < geometry.length)
        return np.where(keeps, np.uint32(0xFFFFFFFF), np.uint32(0)).view(np.float32)

    def _steps(self, one: Operation) -> list[int]:
        steps = []
        for step in one.steps:
            if step.kind is Then.STORE and one.kind is Kind.CONV and self._flat(one):
                steps.append(Step(Then.MASK, step.after, a=self._mask(one.size)))
            steps.append(step)
        code = [len(steps)]
        for step in steps:
            a, b = step.a, step.b
            if one.spread and step.kind in (Then.SCALE, Then.PRELU):
                a, b = (None if values is None else np.repeat(values, 4) for values in (a, b))
            other = -1 if step.other is None else self._map(step.other)
            code += [
                int(step.kind), other, -1 if a is None else self._kept(a), -1 if b is None else self._kept(b)
            ]  # fmt: skip
        return code


def _listed(values: Iterable[int]) -> list[int]:
    numbers = [int(value) for value in values]
    return [len(numbers), *numbers]
