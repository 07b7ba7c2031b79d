"""Light units around depth-wise convolutions, the channel gate, the long skip.

Shapes: (N, C, H, W) -> (N, C', H/stride, W/stride).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.units.base import MODULES, BlockModule


@MODULES.register("gate")
class Gate(BlockModule):
    """A channel gate on the global mean: ReLU and sigmoid, whatever the network's activation."""

    squeeze: nn.Module
    excite: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        weights: Tensor = self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1))))
        return x * torch.sigmoid(weights)


@MODULES.register("long-skip")
class LongSkip(BlockModule):
    """Units one after the other; what the first reads is added to what the last writes."""

    units: nn.ModuleList

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        y = x
        for unit in self.units:
            y = unit(y)
        return y + x


@MODULES.register("dab")
class Dab(BlockModule):
    """DAB: norm, 3 x 3 to half, a plain and a dilated depth-wise pair, summed, norm, 1 x 1."""

    first: nn.Module
    reduce: nn.Module
    branches: nn.ModuleList
    mix: nn.Module
    expand: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Run the unit."""
        reduced = self.reduce(self.first(x))
        plain, dilated = (branch(reduced) for branch in self.branches)
        y: Tensor = self.expand(self.mix(plain + dilated))
        return y + x if self.block.option("residual") else y


@MODULES.register("cg")
class ContextGuided(BlockModule):
    """Context guided: a plain and a dilated depth-wise 3 x 3, concatenated, gated."""

    reduce: nn.Module
    branches: nn.ModuleList
    mix: nn.Module
    expand: nn.Module
    gate: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Run the unit."""
        reduced = self.reduce(x)
        y: Tensor = self.mix(torch.cat([branch(reduced) for branch in self.branches], 1))
        y = self.gate(self.expand(y) if self.has("expand") else y)
        return y + x if self.block.option("residual") else y
