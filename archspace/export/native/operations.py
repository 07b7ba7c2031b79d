"""What the engine can do, as data; no torch. The words and their order are those of ``engine.cpp``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archspace.export.agreement import ExportError

Floats: TypeAlias = NDArray[np.float32]
Planes: TypeAlias = NDArray[np.int64]
"""Numbers of planes, a plane a channel; each is written once."""
Size: TypeAlias = tuple[int, int]


class UnsupportedError(ExportError):
    """The engine has no kernel for something in the network."""


class Kind(IntEnum):
    """Operations."""

    CONV = 0
    EACH = 1
    RESIZE = 2
    BAND = 3
    MEAN = 4
    LINEAR = 5
    SIGMOID = 6
    MAX_POOL = 7
    QUARTERS = 8


class Then(IntEnum):
    """Steps that ride on an operation."""

    ADD = 0
    SCALE = 1
    PRELU = 2
    CLAMP = 3
    GATE = 4
    STORE = 5
    SPREAD = 6
    MASK = 7
    HARDSWISH = 8
    SILU = 9


@dataclass(slots=True)
class Step:
    """One step.

    Attributes:
        kind: what it does.
        after: the planes that hold its result, if somebody reads them.
        other: of a sum or a gate, the planes that join.
        a: factors, slopes or bounds.
        b: shifts.
    """

    kind: Then
    after: Planes
    other: Planes | None = None
    a: Floats | None = None
    b: Floats | None = None


@dataclass(slots=True, eq=False)
class Operation:
    """One operation and what rides on it.

    Attributes:
        kind: what it does.
        reads: planes of its input.
        first: planes of its result before any step.
        size: height and width of the result.
        steps: in order.
        given: of a convolution ``weight`` (C', C/groups, h, w), ``bias``, ``stride``, ``groups``, ``rows`` and
            ``columns`` of its taps; ``spread`` where its channels are (channel, row, column) of a transposed one. Of
            others as its kind needs.
    """

    kind: Kind
    reads: Planes
    first: Planes
    size: Size
    steps: list[Step] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def last(self) -> Planes:
        """Planes of the result after all steps."""
        return self.steps[-1].after if self.steps else self.first

    @property
    def rideable(self) -> bool:
        """Whether steps can ride on it."""
        return self.kind in (Kind.CONV, Kind.EACH)

    @property
    def spread(self) -> bool:
        """Whether it is a transposed convolution."""
        return bool(self.given.get("spread"))


@dataclass(slots=True)
class Graph:
    """Operations in order, and the planes of inputs and outputs.

    Attributes:
        operations: each reads what stands before it.
        sizes: (height, width) of every plane by its number.
        inputs: planes of each input.
        outputs: planes of each output.
    """

    operations: list[Operation] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    inputs: list[Planes] = field(default_factory=list)
    outputs: list[Planes] = field(default_factory=list)

    def planes(self, count: int, size: Size) -> Planes:
        """Returns new planes."""
        start = len(self.sizes)
        self.sizes += [size] * count
        return np.arange(start, start + count)
