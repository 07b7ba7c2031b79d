"""A part of a fused unit: one kernel where one runs, else the same by torch."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from archspace.cuda.launch import Launch, launches
from archspace.cuda.operators import fused_part, numbered


class Fused(nn.Module):
    """A part with one kernel.

    Attributes:
        launch: how it is launched; ``None``: as :func:`archspace.cuda.launch.usual` says for the map at hand.
        number: by which torch.compile's operator finds it.
    """

    launch: Launch | None = None

    def __init__(self) -> None:
        super().__init__()
        self.number = numbered(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Fused:
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        made.number = numbered(made)
        return made

    def forward(self, x: Tensor, identity: Tensor | None = None) -> Tensor:
        """Runs it: by its kernel where one runs, else by torch.

        Args:
            x: (N, C, H, W).
            identity: of the output's shape; added where the part's class says.
        """
        if not launches(x):
            return self.by_torch(x, identity)
        if torch.compiler.is_compiling():
            return fused_part(x, identity, self.number)  # type: ignore[no-any-return]
        return self.kernel(x, identity)

    def by_torch(self, x: Tensor, identity: Tensor | None) -> Tensor:
        """Returns what the kernel computes."""
        raise NotImplementedError

    def kernel(self, x: Tensor, identity: Tensor | None) -> Tensor:
        """Launches the kernel."""
        raise NotImplementedError

    def empty(self, x: Tensor) -> Tensor:
        """Returns an output that is yet to be written, in the memory format of ``x``."""
        raise NotImplementedError

    def facts(self) -> str:
        """Returns what the part computes, in words; a launch that was timed is good for parts with the same."""
        raise NotImplementedError
