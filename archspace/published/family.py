"""What a family of published checkpoints is, and what is read off its shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archspace.plan.networks import NETWORKS
from archspace.preprocessing import Preprocessing
from archspace.published.state import Rules, State
from archspace.spec import ArchSpec


@dataclass(frozen=True, slots=True)
class Family:
    """A layout of published checkpoints.

    Attributes:
        name: for messages.
        marks: keys that every member has and that tell it from the others.
        spec: from the tensors to the spec; may raise ``KeyError`` where a key is missing.
        rules: from published names to ours.
        preprocessing: from the spec to the preprocessing that the authors used.
    """

    name: str
    marks: tuple[str, ...]
    spec: Callable[[State], ArchSpec]
    rules: Rules
    preprocessing: Callable[[ArchSpec], Preprocessing]


def width_of(channels: tuple[int, ...], network: str) -> float:
    """The width at which levels 1, 2, ... have these channels; the published ones are multiples of 1/4."""
    design = NETWORKS[network]
    for quarter in range(1, 33):
        if design.channels(quarter / 4, "segmentation")[: len(channels)] == channels:
            return quarter / 4
    raise KeyError(f"no width of {network} gives levels of {', '.join(map(str, channels))} channels")
