"""What of a graph runs, what it keeps, and which operations run together. No torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from archspace.export.native.operations import Graph, Kind, Operation, Planes, Step, Then, UnsupportedError


def planes_read(one: Operation) -> set[int]:
    """Returns the planes that an operation and its steps read."""
    found = {int(plane) for plane in one.reads}
    for step in one.steps:
        if step.other is not None and step.kind not in (Then.STORE, Then.SPREAD):
            found |= {int(plane) for plane in step.other}
    return found


def planes_written(one: Operation) -> list[int]:
    """Returns the planes that an operation keeps."""
    if one.kind not in (Kind.CONV, Kind.EACH):
        return [int(plane) for plane in one.first]
    kept = [
        step.other for step in one.steps if step.kind in (Then.STORE, Then.SPREAD) and step.other is not None
    ]
    return [int(plane) for planes in kept for plane in planes]


def all_read(operations: list[Operation]) -> set[int]:
    """Returns the planes that some operations read."""
    return set().union(*(planes_read(one) for one in operations)) if operations else set()


def kept_together(one: Operation) -> list[set[int]]:
    """Returns the planes of an operation before its steps and after each; such a set is kept whole or not at all."""
    return [{int(plane) for plane in planes} for planes in (one.first, *(step.after for step in one.steps))]


def planes_made(one: Operation) -> set[int]:
    """Returns the planes of an operation after each of its steps, kept or not."""
    return set().union(*kept_together(one))


def needed(graph: Graph) -> list[Operation]:
    """The operations of which something is read in the end."""
    wanted = {int(plane) for planes in graph.outputs for plane in planes}
    kept = []
    for one in reversed(graph.operations):
        if planes_made(one) & wanted:
            kept.append(one)
            wanted |= planes_read(one)
    return kept[::-1]


def add_stores(one: Operation, read: set[int]) -> None:
    """Keep what somebody reads: of each step whose planes are read, and where nothing was kept yet."""
    if one.kind not in (Kind.CONV, Kind.EACH):
        return
    steps: list[Step] = []
    for planes, step in [(one.first, None), *((step.after, step) for step in one.steps)]:
        if step is not None:
            steps.append(step)
        if any(int(plane) in read for plane in planes):
            if one.spread and planes is not one.last:
                raise UnsupportedError(
                    "native: a transposed convolution whose sum is read twice has no kernel"
                )
            steps.append(Step(Then.SPREAD if one.spread else Then.STORE, planes, planes))
    one.steps = steps


def together(operations: list[Operation], flat: Callable[[Operation], bool]) -> list[bool]:
    """For each operation whether the next one reads the same map, both channel by channel."""

    def joins(one: Operation, other: Operation, group: set[int]) -> bool:
        if not (depthwise(one) and depthwise(other) and np.array_equal(one.reads, other.reads)):
            return False
        for step in other.steps:  # a sum with a map of the group is of the same channel
            if step.kind is Then.GATE:
                return False
            if step.kind is not Then.ADD or step.other is None:
                continue
            if {int(plane) for plane in step.other} & group:
                lists = [own.other for own in one.steps if own.kind is Then.STORE and own.other is not None]
                if not any(np.array_equal(step.other, planes) for planes in lists):
                    return False
        return (
            one.size == other.size
            and one.given["stride"] == other.given["stride"]
            and flat(one) == flat(other)
        )

    flags: list[bool] = []
    group = set[int]()
    for one, other in zip(operations, [*operations[1:], None], strict=True):
        group = group | planes_made(one) if flags and flags[-1] else planes_made(one)
        flags.append(other is not None and joins(one, other, group))
    return flags


def depthwise(one: Operation) -> bool:
    """Returns whether an operation is a convolution channel by channel."""
    return one.kind is Kind.CONV and len(one.reads) == one.given["groups"] == one.given["weight"].shape[0]


def group_ends(flags: list[bool]) -> list[int]:
    """Returns for each operation the last one of its group."""
    ends, end = [0] * len(flags), 0
    for index in reversed(range(len(flags))):
        end = end if flags[index] else index
        ends[index] = end
    return ends


def running_sums(operations: list[Operation], flags: list[bool], outside: set[int]) -> set[int]:
    """The operations whose groups add up from one to the next where nobody else reads the sums: they need no memory.

    Their sums and the stores of these are taken out.
    """
    summed: set[int] = set()
    start = 0
    for index, goes_on in enumerate(flags):
        if goes_on:
            continue
        group, begin, start = operations[start : index + 1], start, index + 1
        sums = [
            one.first if place == 0 else one.steps[0].after for place, one in enumerate(group) if one.steps
        ]
        if (
            len(group) < 2
            or len(sums) < len(group)
            or not all(_adds(other.steps[0], before) for other, before in zip(group[1:], sums, strict=False))
        ):
            continue
        inner = {int(plane) for planes in sums[:-1] for plane in planes}
        elsewhere = all_read(operations[:begin] + operations[index + 1 :]) | outside
        elsewhere |= {
            int(plane) for one in group for step in one.steps[1:] if step.kind in (Then.ADD, Then.GATE)
            and step.other is not None for plane in step.other
        }  # fmt: skip
        if inner & elsewhere:
            continue
        for one in group:
            one.steps = [
                step for step in one.steps if step.other is None or not {int(p) for p in step.other} & inner
            ]
        summed |= set(range(begin, index + 1))
    return summed


def _adds(step: Step, planes: Planes) -> bool:
    return step.kind is Then.ADD and step.other is not None and np.array_equal(step.other, planes)
