"""The modules that run what ``ghostkit.plan`` draws. Shapes: (N, C, H, W) -> (N, C', H/stride, W/stride)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.units import MODULES, BlockModule


@MODULES.register("ghost-module")
class GhostModule(BlockModule):
    """A primary convolution, and cheap ones on its output, concatenated."""

    primary: nn.Module
    cheap: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H, W)."""
        first = self.primary(x)
        return torch.cat((first, self.cheap(first)), 1)[:, : self.block.out_channels]


@MODULES.register("ghost")
class Ghost(BlockModule):
    """Ghost bottleneck."""

    expand: nn.Module
    down: nn.Module
    project: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Runs the unit."""
        y = self.expand(x)
        if self.has("down"):
            y = self.down(y)
        y = self.project(y)
        return y + x if self.block.option("residual") else y


@MODULES.register("lite-fpn")
class LiteFpn(BlockModule):
    """A feature pyramid of one width. Features -> (N, classes, H, W)."""

    top: nn.Module
    scores: nn.Module

    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Scores of the classes at full size."""
        y: Tensor = self.top(features["last"])
        for name, lateral in self.named_children():
            if name.startswith("lateral_"):
                x = features[name.removeprefix("lateral_")]
                y = lateral(x) + F.interpolate(y, x.shape[2:], mode="bilinear", align_corners=False)
        return F.interpolate(self.scores(y), size, mode="bilinear", align_corners=False)
