"""Units that hand on a part of their input as it is. Shapes: (N, C, H, W) -> (N, C', H/stride, W/stride)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.plan.nodes import Block, NormAct
from archspace.units.base import MODULES, BlockModule


def pooled(x: Tensor) -> Tensor:
    """2 x 2 max pooling. (N, C, H, W) -> (N, C, H/2, W/2), rounded up."""
    return F.max_pool2d(x, 2, ceil_mode=True)


@MODULES.register("eda")
class Eda(BlockModule):
    """EDA: a chain's new channels, then as many of the input's as the output has room for."""

    chain: nn.ModuleList

    def __init__(self, block: Block) -> None:
        super().__init__(block)
        self.dropout = nn.Dropout2d(block.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Run the unit."""
        y = x
        for layer in self.chain:
            y = layer(y)
        kept = self.block.out_channels - y.shape[1]
        old = pooled(x) if self.block.stride == 2 else x
        return torch.cat((self.dropout(y), old[:, :kept]), 1)


@MODULES.register("pct")
class PartialChannels(BlockModule):
    """PCT: the first channels untouched, the last ones through 3 x 3 convolutions, then a 1 x 1 of all."""

    reduce: nn.Module
    branches: nn.ModuleList
    mix: nn.Module
    expand: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Run the unit."""
        kept = self.block.in_channels - self.taken
        reduced: Tensor = self.reduce(x[:, kept:] if kept else x)
        plain, dilated = (branch(reduced) for branch in self.branches)
        y: Tensor = self.mix(reduced + plain + dilated)
        if kept:
            old = x[:, :kept]
            y = torch.cat((pooled(old) if self.block.stride == 2 else old, y), 1)
        y = self.expand(y)
        return y + x if self.block.option("residual") else y

    @property
    def taken(self) -> int:
        """How many channels the convolutions take."""
        mix = self.block.part("mix")
        assert isinstance(mix, NormAct)
        return mix.channels
