"""The encoder of MobileNetV1, MobileNetV2 and ShuffleNetV1. Features: ``level1`` to ``level5``, ``last``."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from archspace.units.base import MODULES, BlockModule


@MODULES.register("max-pool")
class MaxPool(BlockModule):
    """3 x 3 maximum, stride 2."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H/2, W/2), rounded up."""
        return F.max_pool2d(x, 3, stride=2, padding=1)


@MODULES.register("mobile-level")
class Level(BlockModule):
    """A strided unit, then repeats."""

    down: nn.Module
    units: nn.ModuleList

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H/2, W/2)."""
        x = self.down(x)
        for unit in self.units:
            x = unit(x)
        return x


@MODULES.register("mobile-encoder")
class MobileEncoder(BlockModule):
    """Levels one after the other; MobileNetV2 ends in ``expand``."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(N, C, H, W) -> features by name."""
        features = {}
        for name, part in self.named_children():
            x = features[name] = part(x)
        return {**features, "last": x}
