"""Factorised units and ENet's bottleneck. Shapes: (N, C, H, W) -> (N, C', H/stride, W/stride)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.plan.nodes import Block
from archspace.units.base import MODULES, BlockModule
from archspace.units.compared import Chain
from archspace.units.portable import pooled_with_places


@MODULES.register("indexed-pool")
class IndexedPool(BlockModule):
    """2 x 2 max pooling that also gives the places of the maxima in the map that it reads.

    Shapes: (N, C, H, W) -> two times (N, C, H/2, W/2), rounded up.
    """

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the maxima, and their indices in each channel's flattened map."""
        return pooled_with_places(x)


@MODULES.register("joint-down")
class JointDown(BlockModule):
    """The down-sampling unit: a strided convolution beside a max pool, concatenated."""

    conv: nn.Module
    mix: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Run the unit."""
        y: Tensor = self.conv(x)
        if self.block.option("concat"):
            y = torch.cat((y, F.max_pool2d(x, 2, ceil_mode=True)), 1)
        return self.mix(y)  # type: ignore[no-any-return]


@MODULES.register("factorised")
class Factorised(Chain):
    """FCU and non-bottleneck-1D: a chain with spatial dropout before the identity joins."""

    def __init__(self, block: Block) -> None:
        super().__init__(block)
        self.dropout = nn.Dropout2d(block.dropout)

    def body(self, x: Tensor) -> Tensor:
        """Returns the layers one after the other, then dropout."""
        return self.dropout(super().body(x))  # type: ignore[no-any-return]


@MODULES.register("pfcu")
class Pfcu(Factorised):
    """PFCU: a shared factorised convolution, then dilated ones in parallel under one norm, summed."""

    first: nn.ModuleList
    branches: nn.ModuleList
    norm: nn.Module

    def body(self, x: Tensor) -> Tensor:
        """Returns the sum of the branches, then dropout."""
        for layer in self.first:
            x = layer(x)
        one, *rest = self.branches
        y: Tensor = self.norm(one(x))
        for branch in rest:
            y = y + self.norm(branch(x))
        return self.dropout(y)  # type: ignore[no-any-return]


@MODULES.register("enet-shortcut")
class EnetShortcut(BlockModule):
    """The input in the shape of a bottleneck's output: pooled, and widened with zeros or narrowed by a 1 x 1."""

    pool: IndexedPool
    project: nn.Module

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Returns the map, and where the maxima stood if it was pooled."""
        indices = None
        if self.has("pool"):
            x, indices = self.pool(x)
        if self.has("project"):
            return self.project(x), indices
        return F.pad(x, (0, 0, 0, 0, 0, self.block.out_channels - x.shape[1])), indices


@MODULES.register("enet")
class Enet(Factorised):
    """ENet's bottleneck; its strided form knows where the maxima of its shortcut stood."""

    shortcut: EnetShortcut

    def body(self, x: Tensor) -> Tensor:
        """Returns the chain on a map of even sides, then dropout."""
        if self.block.stride == 2:
            x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))
        return super().body(x)

    def indexed(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Returns the unit's output, and the indices of its max pool."""
        y, indices = self.body(x), None
        if self.has("shortcut"):
            shortcut, indices = self.shortcut(x)
            y = y + shortcut
        elif self.block.option("residual"):
            y = y + x
        return (self.last(y) if self.has("last") else y), indices

    def forward(self, x: Tensor) -> Tensor:
        """Run the unit."""
        return self.indexed(x)[0]
