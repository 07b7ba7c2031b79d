"""Encoders of levels one after the other: DiCENet, ShuffleNets, MobileNets. Features: each level by name, ``last``."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from archspace.units.base import MODULES, BlockModule


@MODULES.register("max-pool")
class MaxPool(BlockModule):
    """3 x 3 max pooling of stride 2. (N, C, H, W) -> (N, C, H/2, W/2), rounded up."""

    def forward(self, x: Tensor) -> Tensor:
        """Pool."""
        return F.max_pool2d(x, 3, stride=2, padding=1)


@MODULES.register("dicenet-level")
@MODULES.register("mobile-level")
class Level(BlockModule):
    """Downsample, then repeat the unit. (N, C, H, W) -> (N, C', H/2, W/2)."""

    down: nn.Module
    units: nn.ModuleList

    def forward(self, x: Tensor) -> Tensor:
        """Run the level."""
        x = self.down(x)
        for unit in self.units:
            x = unit(x)
        return x


@MODULES.register("dicenet-encoder")
@MODULES.register("mobile-encoder")
class StagedEncoder(BlockModule):
    """A convolution, an optional pooling, levels of units; ShuffleNetV2 and MobileNetV2 end in ``expand``."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(N, C, H, W) -> features by name."""
        features = {}
        for name, part in self.named_children():
            x = features[name] = part(x)
        return {**features, "last": x}
