"""The DiCE unit. Shapes: (N, C, H, W) -> (N, C', H/stride, W/stride)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.units.base import MODULES, BlockModule, halved, shuffle
from archspace.units.compared import ShuffleNetV2


@MODULES.register("dice")
class Dice(BlockModule):
    """Filters along depth, height and width, merged channel by channel, weighted by a gate.

    The gate is ReLU and sigmoid, whatever the network's activation.
    """

    channel: nn.Module
    height: nn.Module
    width: nn.Module
    mix: nn.Module
    merge: nn.Module
    filter: nn.Module
    squeeze: nn.Module
    excite: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        joined = torch.cat((self.channel(x), self.height(x), self.width(x)), 1)
        merged: Tensor = self.merge(shuffle(self.mix(joined), 3))
        gate = self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(merged, 1))))
        return self.filter(merged) * torch.sigmoid(gate)  # type: ignore[no-any-return]


@MODULES.register("shuffle-dice")
class ShuffleDice(ShuffleNetV2):
    """ShuffleNetV2's unit around DiCE; the right branch of the strided form pools first."""

    def halves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns what the left and the right branch read."""
        return (x, halved(x)) if self.block.stride == 2 else super().halves(x)
