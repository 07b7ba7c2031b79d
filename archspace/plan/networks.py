"""What the spec of each network resolves to: its levels, defaults and the function that draws it. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archspace.plan.nodes import Block
from archspace.registry import Registry

if TYPE_CHECKING:
    from archspace.spec import ArchSpec

TASKS = ("classification", "segmentation")
"""Tasks that a network can be built for."""

CHANNEL_STEP = 16


def stage_channels(base: tuple[int, ...], width: float, cap_first: int | None = None) -> tuple[int, ...]:
    """Channels of every level at a width multiplier: the one rounding rule of all networks.

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
class NetworkDesign:
    """A network family: how it is drawn and what its fields are when they are not given.

    Attributes:
        draw: from a resolved spec to the tree of layers.
        base: channels of level 1, 2, ... at width 1.
        cap_first: most channels that level 1 may have.
        unit: the default unit.
        alphas: default repeats by task, for level 2, 3, ...; its length is the number of levels.
        limits: default receptive-field limits for level 1, 2, ...; ``None`` for none.
        eps: epsilon of the batch norms.
        reinforcement: default input reinforcement.
        decoders: names of the segmentation decoders, the default first.
        multiples: for each decoder, what height and width must be multiples of.
    """

    draw: Callable[[ArchSpec], Block]
    base: tuple[int, ...]
    unit: str
    alphas: Mapping[str, tuple[int, ...]]
    cap_first: int | None = None
    limits: tuple[int, ...] | None = None
    eps: float = 1e-5
    reinforcement: bool = True
    decoders: tuple[str, ...] = ("none",)
    multiples: Mapping[str, int] = field(default_factory=dict)

    def channels(self, width: float, task: str) -> tuple[int, ...]:
        """Channels of level 1, 2, ... that exist for ``task``."""
        levels = len(self.alphas[task]) + 1
        return stage_channels(self.base[:levels], width, self.cap_first)


NETWORKS: Registry[NetworkDesign] = Registry("network")
"""Every network family by name."""
