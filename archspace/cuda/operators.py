"""Fused parts as one opaque operator while torch.compile traces, which need not see into them."""

from __future__ import annotations

from itertools import count
from typing import Protocol
from weakref import WeakValueDictionary

import torch
from torch import Tensor


class Part(Protocol):
    """What the operator asks of a part (:class:`archspace.cuda.part.Fused`)."""

    def kernel(self, x: Tensor, identity: Tensor | None) -> Tensor:
        """Returns the part's answer, by its kernel."""

    def empty(self, x: Tensor) -> Tensor:
        """Returns an output that is yet to be written."""


_PARTS: WeakValueDictionary[int, Part] = WeakValueDictionary()
_NUMBERS = count()


def numbered(part: Part) -> int:
    """Returns the number by which the operator finds a part of this process."""
    number = next(_NUMBERS)
    _PARTS[number] = part
    return number


@torch.library.custom_op("archspace::fused_part", mutates_args=())
def fused_part(x: Tensor, identity: Tensor | None, number: int) -> Tensor:
    """Runs the kernel of a part."""
    return _PARTS[number].kernel(x, identity)


@fused_part.register_fake
def _(x: Tensor, identity: Tensor | None, number: int) -> Tensor:
    return _PARTS[number].empty(x)
