"""The shared weights: for every parameter of a space's networks one tensor, as large as all of them together need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archspace.spec.archspec import ArchSpec
from archspace.support.errors import InputError
from searches.supernet.channels import Axis, Key, Named


class NotCovered(InputError):
    """The supernet has no weights for a part of a network."""


@dataclass(slots=True, eq=False)
class Part:
    """One shared tensor.

    Attributes:
        axes: by key, how many channels of it any network of the space has; of one or two dimensions.
        kernel: the dimensions that follow.
    """

    axes: tuple[dict[Key, int], ...]
    kernel: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor."""
        return (*(sum(axis.values()) for axis in self.axes), *self.kernel)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a parameter of one network stands in the shared tensor of its role.

    Attributes:
        rows: of the shared tensor, its channels' dimensions as one, in the parameter's own order.
        shape: of the parameter.
    """

    role: str
    rows: Tensor
    shape: tuple[int, ...]


class Layout:
    """Which shared tensors there are, and which channels stand where in them."""

    def __init__(self, parts: dict[str, Part] | None = None) -> None:
        self.parts: dict[str, Part] = parts or {}

    def add(self, named: Iterable[Named]) -> bool:
        """Makes room for the parameters of a network; whether there was too little."""
        grown = False
        for one in named:
            kernel = one.shape[len(one.axes) :] if len(one.axes) == 2 else one.shape[1:]
            part = self.parts.get(one.role)
            if part is None:
                part = self.parts[one.role] = Part(tuple({} for _ in one.axes), kernel)
                grown = True
            if len(part.axes) != len(one.axes) or part.kernel != kernel:
                raise NotCovered(
                    f"{one.role}: two networks of the space have kernels of different sizes there"
                )
            for sizes, axis in zip(part.axes, one.axes, strict=True):
                for key, numbers in axis:
                    most = int(numbers.max()) + 1
                    if sizes.get(key, 0) < most:
                        sizes[key] = most
                        grown = True
        return grown

    def place(self, one: Named) -> Place:
        """Returns where a parameter stands.

        Raises:
            NotCovered: the space of the supernet has no such part.
        """
        part = self.parts.get(one.role)
        if part is None:
            raise NotCovered(f"the supernet has no weights for {one.role}")
        first, *others = (_rows(one.role, *pair) for pair in zip(part.axes, one.axes, strict=True))
        if others:
            first = first.reshape(one.groups, -1, 1) * sum(part.axes[1].values())
            first = (first + others[0].reshape(one.groups, 1, -1)).ravel()
        return Place(one.role, torch.from_numpy(first), one.shape)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain data for JSON: the keys once, and by role for each axis the number and size of its keys."""
        keys = {
            key: i for i, key in enumerate({k: None for p in self.parts.values() for a in p.axes for k in a})
        }
        parts = {
            role: {
                "axes": [[[keys[key], size] for key, size in axis.items()] for axis in part.axes],
                "kernel": list(part.kernel),
            }
            for role, part in self.parts.items()
        }
        return {"keys": [list(key) for key in keys], "parts": parts}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Layout:
        """Returns inverse of :meth:`to_dict`."""
        keys = [(str(layer), str(group)) for layer, group in data["keys"]]
        return cls({
            role: Part(tuple({keys[i]: size for i, size in axis} for axis in part["axes"]), tuple(part["kernel"]))
            for role, part in data["parts"].items()
        })  # fmt: skip


def _rows(role: str, sizes: Mapping[Key, int], axis: Axis) -> NDArray[np.int64]:
    """Places of an axis' channels in the shared axis."""
    starts = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
    found = []
    for key, numbers in axis:
        if int(numbers.max()) >= sizes.get(key, 0):
            have = f"has {sizes[key]}" if key in sizes else "has none"
            raise NotCovered(
                f"the supernet {have} of the {int(numbers.max()) + 1} channels {' '.join(key)} in {role}"
            )
        found.append(starts[key] + numbers.astype(np.int64))
    rows = np.concatenate(found)
    if len(np.unique(rows)) < len(rows):
        raise NotCovered(f"two channels that {role} connects have one name")
    return rows


class SharedWeights(nn.Module):
    """The shared tensors as one module, whose parameters are named by their roles.

    Attributes:
        spec: the largest network of the space, which stands for all where one is asked for.
    """

    def __init__(self, layout: Layout, spec: ArchSpec) -> None:
        super().__init__()
        self.spec = spec
        for role, part in layout.parts.items():
            *path, name = role.split(".")
            module: nn.Module = self
            for step in path:
                if step not in module._modules:
                    module.add_module(step, nn.Module())
                module = module.get_submodule(step)
            module.register_parameter(name, nn.Parameter(torch.zeros(part.shape)))

    def by_role(self) -> dict[str, nn.Parameter]:
        """Returns the shared tensors."""
        return dict(self.named_parameters())


def taken(shared: Tensor, place: Place) -> Tensor:
    """Returns the values of a network's parameter, a copy of them."""
    return _flat(shared, place).index_select(0, place.rows.to(shared.device)).reshape(place.shape)


def put(shared: Tensor, place: Place, values: Tensor) -> None:
    """Puts the values of a network's parameter into the shared tensor."""
    rows = place.rows.to(shared.device)
    flat = _flat(shared, place)
    flat.index_copy_(0, rows, values.reshape(len(rows), *flat.shape[1:]).to(flat))


def add_gradient(shared: nn.Parameter, place: Place, gradient: Tensor) -> None:
    """Adds the gradient of a network's parameter to that of the shared tensor."""
    if shared.grad is None:
        shared.grad = torch.zeros_like(shared)
    rows = place.rows.to(shared.device)
    flat = _flat(shared.grad, place)
    flat.index_add_(0, rows, gradient.reshape(len(rows), *flat.shape[1:]).to(flat))


def _flat(shared: Tensor, place: Place) -> Tensor:
    """The shared tensor with its channels' dimensions as one: a view, which needs it contiguous."""
    if len(place.shape) == 1:
        return shared
    return shared.view(shared.shape[0] * shared.shape[1], -1)
