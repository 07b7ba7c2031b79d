"""The encoder of ESPNetv2. Features: ``level1`` to ``level4`` (and ``level5`` for classification), ``last``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archspace.networks.espnet import halved
from archspace.units.base import MODULES, BlockModule


@MODULES.register("espnetv2-down")
class Down(BlockModule):
    """Pooled input beside a strided unit (long-range shortcut), plus the embedded image, then the activation."""

    unit: nn.Module
    image: nn.Module
    last: nn.Module

    def forward(self, x: Tensor, image: Tensor | None = None) -> Tensor:
        """(N, C, H, W) and, with reinforcement, the image at half of that size -> (N, C', H/2, W/2)."""
        y: Tensor = self.unit(x)
        if self.block.option("concat"):
            y = torch.cat((halved(x), y), 1)
        if self.has("image") and not self.image.block.dead:  # type: ignore[union-attr]
            y = y + self.image(image)
        return self.last(y)  # type: ignore[no-any-return]


@MODULES.register("espnetv2-level")
class Level(BlockModule):
    """Downsample, then repeat the unit."""

    down: Down
    units: nn.ModuleList

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """(N, C, H, W) and the image at half of that size -> (N, C', H/2, W/2)."""
        x = self.down(x, image)
        for unit in self.units:
            x = unit(x)
        return x


@MODULES.register("espnetv2-encoder")
class Espnetv2Encoder(BlockModule):
    """Level 1 is a convolution; each later level halves the map; a classifier's encoder ends in ``expand``."""

    level1: nn.Module
    expand: nn.Module

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(N, C, H, W) -> features by name."""
        image = halved(x)
        y: Tensor = self.level1(x)
        features = {"level1": y}
        for name, level in self.named_children():
            if isinstance(level, Level):
                image = halved(image)
                y = features[name] = level(y, image)
        features["last"] = self.expand(y) if self.has("expand") else y
        return features
