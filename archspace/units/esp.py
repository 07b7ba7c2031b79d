"""ESP and EESP units. Shapes: (N, C, H, W) -> (N, C', H/stride, W/stride)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archspace.plan.nodes import Block, NormAct
from archspace.units.base import MODULES, BlockModule, running_sums


@MODULES.register("esp")
class Esp(BlockModule):
    """ESP unit: reduce, K dilated branches, hierarchical fusion, concatenation (ESPNet figure 1)."""

    reduce: nn.Module
    branches: nn.ModuleList
    mix: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Run the unit; the first branch stays out of the running sum."""
        reduced = self.reduce(x)
        maps = [branch(reduced) for branch in self.branches]
        if self.block.option("fusion"):
            maps[1:] = running_sums(maps[1:])
        joined = torch.cat(maps, 1)
        if self.block.option("residual"):
            joined = joined + x
        return self.mix(joined)  # type: ignore[no-any-return]


@MODULES.register("eesp")
class Eesp(BlockModule):
    """EESP unit: grouped reduce, K depth-wise dilated branches, fusion, grouped expand (ESPNetv2 figure 1c)."""

    reduce: nn.Module
    branches: nn.ModuleList
    mix: nn.Module
    expand: nn.Module
    last: nn.Module

    def __init__(self, block: Block) -> None:
        super().__init__(block)
        last = dict(block.parts).get("last")
        self.activates = isinstance(last, NormAct) and not last.dead

    def forward(self, x: Tensor) -> Tensor:
        """Run the unit; every branch joins the running sum."""
        reduced = self.reduce(x)
        y = self.merged([branch(reduced) for branch in self.branches])
        if self.block.option("residual"):
            y = y + x
        return self.last(y) if self.activates else y

    def merged(self, maps: list[Tensor]) -> Tensor:
        """Returns the branches' maps fused, concatenated and expanded."""
        if self.block.option("fusion"):
            maps = running_sums(maps)
        return self.expand(self.mix(torch.cat(maps, 1)))  # type: ignore[no-any-return]
