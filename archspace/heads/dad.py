"""LCNet's decoder, for any encoder with features at 1/4. Features -> (N, classes, H, W)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from archspace.heads.segmentation import map_of, resized
from archspace.units.base import MODULES, BlockModule


@MODULES.register("dad-decoder")
class DualAttentionDecoder(BlockModule):
    """Dual-attention decoder: the deep features gated by the fine ones. Corners are aligned in resizing."""

    reduce: nn.Module
    reverse: nn.Module
    refine: nn.Module
    scores: nn.Module

    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Returns scores of the classes at full size."""
        deep, fine = self.reduce(features["last"]), features["level2"]
        seen = torch.sigmoid(deep)
        deep = resized(deep + seen * self.reverse(-seen), map_of(fine))
        return resized(self.scores(self.refine(deep * torch.sigmoid(fine))), size)
