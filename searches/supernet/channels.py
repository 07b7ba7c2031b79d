"""What the channels of maps are called, and what each parameter is in a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import nn

from archspace.network import Network
from archspace.spec.archspec import ArchSpec
from archspace.support.errors import FieldError
from archspace.units.base import BlockModule

Ints: TypeAlias = NDArray[np.int32]
Key: TypeAlias = tuple[str, str]
"""A layer and one of its groups; its channels are numbered from 0."""

IMAGE: Key = ("image", "0")
BRANCHES, REPEATED = "branches", "units"
"""Names of the lists of a unit's parallel branches and of a level's repeated units."""


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """Names of a map's channels: the number of their key in the tracer's list, and their number under it.

    Attributes:
        key, index: (C,), or (groups, C / groups) in the middle of a shuffle.
        free: they come from one layer alone and may take other names.
        age: when they were made.
    """

    key: Ints
    index: Ints
    free: bool
    age: int

    def __len__(self) -> int:
        return self.key.size

    def moved(self, how: Callable[[Ints], Ints]) -> Channels:
        """Returns the same channels at other places."""
        return Channels(how(self.key), how(self.index), False, self.age)


Axis: TypeAlias = tuple[tuple[Key, Ints], ...]
"""Names of the channels of an axis: runs of channels of one key, with their numbers under it."""


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """One parameter of a network, and which channels its axes are.

    Attributes:
        role: what the parameter is in the network, whatever the network's width, depth and branches.
        shape: of the parameter.
        axes: of its one or two dimensions of channels: (all channels) or (first dimension, second dimension).
        groups: of a convolution, whose second dimension is that of each group.
    """

    role: str
    shape: tuple[int, ...]
    axes: tuple[Axis, ...]
    groups: int = 1


@dataclass(eq=False)
class Found:
    """A parameter before all names are known; its fields are those of :class:`Named`."""

    role: str
    shape: tuple[int, ...]
    axes: tuple[Channels, ...]
    groups: int = 1


class Unshared(FieldError):
    """A network does with its channels what names cannot follow."""

    def __init__(self, spec: ArchSpec, what: str) -> None:
        units = sorted({unit for unit in spec.unit if unit})
        rule = f"a supernet cannot share its weights: channels cannot be followed through {what}"
        if units:
            super().__init__("space.unit", ", ".join(units), rule, "esp, eesp")
        else:
            super().__init__("space.network", spec.network, rule, "espnetv2")

    def __reduce__(self) -> tuple[type[FieldError], tuple[str, object, str, object]]:
        return FieldError, (self.field, self.value, self.rule, self.nearest)


def roles(network: Network) -> dict[str, str]:
    """Returns what each parameter is in the network: its name with the kind of every block, and rates for branches."""
    found: dict[str, str] = {}

    def walk(module: nn.Module, name: str, role: str) -> None:
        if isinstance(module, BlockModule):
            role = f"{role}.{module.block.kind}"
        for own, _ in module.named_parameters(recurse=False):
            found[_joined(name, own)] = _joined(role, own)
        for child, inner in module.named_children():
            if child == BRANCHES and isinstance(inner, nn.ModuleList):
                for number, tag in enumerate(branch_tags(inner)):
                    walk(inner[number], f"{_joined(name, child)}.{number}", f"{role}.{child}.{tag}")
            else:
                walk(inner, _joined(name, child), _joined(role, child))

    walk(network, "", "")
    return found


def branch_tags(branches: nn.ModuleList) -> list[str]:
    """Returns what each branch is known by: its rate, and its number among those of one rate.

    ``["rate-1", "rate-2", "rate-2-1"]``
    """
    seen: dict[int, int] = {}
    tags = []
    for branch in branches:
        rates = [conv.dilation[0] for conv in branch.modules() if isinstance(conv, nn.Conv2d)]
        rate = max(rates, default=1)
        number = seen[rate] = seen.get(rate, -1) + 1
        tags.append(f"rate-{rate}" + (f"-{number}" if number else ""))
    return tags


def _joined(*parts: str) -> str:
    return ".".join(part for part in parts if part)
