"""The units that the papers put beside ESP. Shapes: (N, C, H, W) -> (N, C', H/stride, W/stride)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archspace.plan.nodes import Conv
from archspace.plan.units.compared import passed_channels
from archspace.units.base import MODULES, BlockModule, shuffle


@MODULES.register("chain")
@MODULES.register("mobilenet")
@MODULES.register("mobilenetv2")
@MODULES.register("resnet")
@MODULES.register("resnext")
class Chain(BlockModule):
    """A chain of layers, an optional identity or projected shortcut, an optional last activation."""

    chain: nn.ModuleList
    shortcut: nn.Module
    last: nn.Module

    def body(self, x: Tensor) -> Tensor:
        """Returns the layers one after the other."""
        for layer in self.chain:
            x = layer(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Run the unit."""
        y = self.body(x)
        if self.has("shortcut"):
            y = y + self.shortcut(x)
        elif self.block.option("residual"):
            y = y + x
        return self.last(y) if self.has("last") else y


@MODULES.register("shufflenet")
class ShuffleNet(Chain):
    """ShuffleNet unit: a shuffle follows the first grouped convolution."""

    def body(self, x: Tensor) -> Tensor:
        """Grouped 1 x 1, shuffle, depth-wise 3 x 3, grouped 1 x 1."""
        first, *rest = self.chain
        last = dict(self.block.parts)["chain"]
        assert isinstance(last, tuple) and isinstance(last[-1], Conv)
        x = shuffle(first(x), last[-1].groups)
        for layer in rest:
            x = layer(x)
        return x


@MODULES.register("shufflenetv2")
class ShuffleNetV2(BlockModule):
    """ShuffleNetV2 unit: one half passes, the other is transformed, then a shuffle.

    Where shapes change both are made from the whole map.
    """

    left: nn.ModuleList
    right: nn.ModuleList

    def halves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns what the left and the right branch read."""
        if self.block.stride == 2:
            return x, x
        passed = passed_channels(self.block.in_channels, self.block.out_channels)
        return x[:, :passed], x[:, passed:]

    def forward(self, x: Tensor) -> Tensor:
        """Run the unit."""
        left, right = self.halves(x)
        for layer in self.left:
            left = layer(left)
        for layer in self.right:
            right = layer(right)
        return shuffle(torch.cat((left, right), 1), 2)


@MODULES.register("inception")
class Inception(BlockModule):
    """K branches of 1 x 1 and 3 x 3, concatenated."""

    reduces: nn.ModuleList
    branches: nn.ModuleList
    mix: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Run the unit."""
        joined = torch.cat([b(r(x)) for r, b in zip(self.reduces, self.branches, strict=True)], 1)
        return self.mix(joined + x if self.block.option("residual") else joined)  # type: ignore[no-any-return]


@MODULES.register("asp")
class Asp(BlockModule):
    """K full convolutions at growing rates, summed."""

    branches: nn.ModuleList
    mix: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Run the unit."""
        first, *rest = self.branches
        y: Tensor = first(x)
        for branch in rest:
            y = y + branch(x)
        return self.mix(y + x if self.block.option("residual") else y)  # type: ignore[no-any-return]
