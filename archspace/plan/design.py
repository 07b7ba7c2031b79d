"""What the spec of each network resolves to: its levels, defaults and the function that draws it. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import TypeAlias

from archspace.plan.nodes import Block, Size
from archspace.spec.record import SpecRecord
from archspace.support.registry import Registry

Pattern: TypeAlias = Mapping[int, tuple[tuple[int | None, int], ...]]
"""By level, kernel and rate of its repeated units in turn."""

TASKS = ("classification", "multilabel", "segmentation", "detection", "language")
"""Tasks that some network can be built for."""

SCORES_OF_IMAGE = ("classification", "multilabel")
"""Tasks whose network gives one score a class for the whole image."""

OPTIONAL_FIELDS = frozenset({"unit", "downsampling", "reinforcement", "stem", "long_skip", "gate"})
"""Fields that not every network can honour; those of units are honoured where a placed unit's design says so."""

CHANNEL_STEP = 16

LEAST_SKIPPED = 2
"""A long skip is over at least so many units: over one it would be that unit's own identity."""


def stage_channels(base: tuple[int, ...], width: float, cap_first: int | None = None) -> tuple[int, ...]:
    """Returns channels of every level at a width multiplier: the one rounding rule of all networks.

    ``base x width`` is rounded half up to a multiple of 16; every level has at least 16 channels more than the
    level before. ESPNetv2 caps its first level (32).

    >>> stage_channels((32, 64, 128, 256, 512), 1.25, cap_first=32)
    (32, 80, 160, 320, 640)
    """
    channels: list[int] = []
    for index, count in enumerate(base):
        rounded = int(count * width / CHANNEL_STEP + 0.5) * CHANNEL_STEP
        if index == 0 and cap_first is not None:
            rounded = min(cap_first, rounded)
        channels.append(max(rounded, channels[-1] + CHANNEL_STEP if channels else CHANNEL_STEP))
    return tuple(channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDesign:
    """What a network reads: images, unless it says otherwise.

    Attributes:
        channels: default of the spec's ``channels``.
        step: ``channels`` must be a multiple of it.
        size: default input size; ``None``: that of the task.
        least: smallest height.
        sequence: it reads T tokens one after the other: a map of height T and width 1.
    """

    channels: int = 3
    step: int = 1
    size: Size | None = None
    least: int = 8
    sequence: bool = False


IMAGES = InputDesign()


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDesign:
    """A network family: how it is drawn and what its fields are when they are not given.

    Attributes:
        draw: from a resolved spec to the tree of layers.
        widths: from a width multiplier to the channels of level 1, 2, ...
        unit: the default unit, or one for each entry of ``alphas``; ``None`` where the network places none.
        alphas: default repeats by task; the first task is the default. A tuple has one entry a level.
        first: the level of the first entry of ``alphas`` and of every other per-level field of units.
        strides: units halve the map from level 2 on, unless something else is chosen to; off where the network has a
            block for it.
        limits: default receptive-field limits for level 1, 2, ...; ``None`` for none.
        eps: epsilon of the batch norms.
        activation: default activation.
        residual: whether identities are added by default.
        branches: the default K, or ``None`` for that of each unit.
        honours: which of :data:`OPTIONAL_FIELDS` change the network.
        reinforcement, downsampling, stem: what they are by default.
        decoders: names of its own segmentation decoders (:mod:`archspace.plan.decoders`), the default first.
        pattern: by level, kernel and rate that its repeated units are asked for in turn; elsewhere the units' own
            kernel and rate 1.
        reads: what its input is.
        least_repeats: the fewest repeats of a level.
        skipped: units at the start of a level's repeats that a long skip leaves out, because they change the width.
        identity_from: the fewest repeats of a level with which the input of some unit is as wide as its output, so
            that an identity can be added; infinite where none ever is.
    """

    draw: Callable[[SpecRecord], Block]
    widths: Callable[[float], tuple[int, ...]]
    unit: str | tuple[str | None, ...] | None
    alphas: Mapping[str, tuple[int, ...]]
    first: int = 2
    strides: bool = True
    limits: tuple[int, ...] | None = None
    eps: float = 1e-5
    activation: str = "prelu"
    residual: bool = True
    branches: int | None = None
    honours: frozenset[str] = OPTIONAL_FIELDS
    reinforcement: bool = True
    downsampling: str = "strided-unit"
    stem: str = "thin"
    decoders: tuple[str, ...] = ("none",)
    pattern: Pattern = field(default_factory=dict)
    reads: InputDesign = IMAGES
    least_repeats: int = 0
    skipped: int = 0
    identity_from: float = 0

    def levels(self, task: str) -> int:
        """Returns the deepest level that exists for ``task``."""
        return self.first - 1 + len(self.alphas[task])

    def channels(self, width: float, task: str) -> tuple[int, ...]:
        """Returns channels of level 1, 2, ... that exist for ``task``."""
        return self.widths(width)[: self.levels(task)]

    def units(self, task: str) -> tuple[str | None, ...]:
        """Returns the default unit of every level that has one."""
        count = len(self.alphas[task])
        return self.unit[:count] if isinstance(self.unit, tuple) else (self.unit,) * count

    def strided_at(self, level: int, downsampling: str | None) -> bool:
        """Returns whether a unit halves the map of ``level``."""
        return self.strides and level > 1 and downsampling in (None, "strided-unit")

    def skips(self, repeats: int) -> bool:
        """Returns whether a level of so many repeats has room for a long skip: over two units or more."""
        return repeats - self.skipped >= LEAST_SKIPPED

    def asked(self, level: int, repeats: int) -> tuple[tuple[int | None, int], ...]:
        """Kernel and rate of each of the ``repeats`` units of ``level``."""
        return tuple(islice(cycle(self.pattern.get(level, ((None, 1),))), repeats))


NETWORKS: Registry[NetworkDesign] = Registry("network")
"""Every network family by name."""


def reads_the_same(*networks: str) -> bool:
    """Returns whether networks have inputs of one kind, so that a size for one can be one for another."""
    return len({NETWORKS[name].reads for name in networks if name in NETWORKS}) < 2


def for_scores(repeats: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """``repeats`` for every task with one score a class for the whole image."""
    return dict.fromkeys(SCORES_OF_IMAGE, repeats)
