"""The FPE unit. Shapes: (N, C, H, W) -> (N, C', H/stride, W/stride)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archspace.units.base import MODULES, BlockModule, running_sums


@MODULES.register("fpe")
class Fpe(BlockModule):
    """FPE: expand, K groups with a dilated depth-wise 3 x 3 each, fusion, projection."""

    reduce: nn.Module
    branches: nn.ModuleList
    expand: nn.Module
    shortcut: nn.Module
    last: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Run the unit."""
        parts = self.reduce(x).chunk(len(self.branches), 1)
        y: Tensor = self.expand(torch.cat(self.fused(parts), 1))
        if self.has("shortcut"):
            y = y + self.shortcut(x)
        elif self.block.option("residual"):
            y = y + x
        return self.last(y) if self.has("last") else y

    def fused(self, parts: tuple[Tensor, ...]) -> list[Tensor]:
        """Returns the groups' maps: one after the other in a cascade, else side by side and summed."""
        if not self.block.option("cascade"):
            maps = [branch(part) for branch, part in zip(self.branches, parts, strict=True)]
            return running_sums(maps) if self.block.option("fusion") else maps
        maps = [self.branches[0](parts[0])]
        for branch, part in zip(self.branches[1:], parts[1:], strict=True):
            maps.append(branch(part + maps[-1]))
        return maps
