"""The encoder of ESPNets, DABNet and CGNet. Features: ``level1_raw``, ``level1``, ``level2``, ``level3``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archspace.units.base import MODULES, BlockModule, halved


@MODULES.register("espnet-stem")
class Stem(BlockModule):
    """Level 1: a strided convolution; with reinforcement the image joins it."""

    conv: nn.Module
    mix: nn.Module

    def forward(self, x: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) and the image at half size -> raw and joined features at half size."""
        raw: Tensor = self.conv(x)
        return raw, self.mix(torch.cat((raw, image), 1)) if self.has("mix") else raw


@MODULES.register("espnet-level")
class Level(BlockModule):
    """Level 2 or 3: downsample, repeat the unit, concatenate in the published order."""

    down: nn.Module
    units: nn.ModuleList
    mix: nn.Module

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """(N, C, H, W) and the image at half of that size -> (N, C', H/2, W/2)."""
        down: Tensor = self.down(x)
        y = down
        for unit in self.units:
            y = unit(y)
        joined = [y]
        if self.block.option("concat"):
            joined = [down, y] if self.block.option("down_first") else [y, down]
        if self.block.option("image"):
            joined.append(image)
        return self.mix(torch.cat(joined, 1)) if self.has("mix") else y


@MODULES.register("espnet-encoder")
class EspnetEncoder(BlockModule):
    """Three levels down to 1/8."""

    level1: Stem
    level2: Level
    level3: Level

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(N, C, H, W) -> features by name."""
        half = halved(x)
        quarter = halved(half)
        raw, level1 = self.level1(x, half)
        level2 = self.level2(level1, quarter)
        eighth = halved(quarter) if self.level3.block.option("image") else quarter
        level3 = self.level3(level2, eighth)
        return {"level1_raw": raw, "level1": level1, "level2": level2, "level3": level3, "last": level3}
