"""FPENet's decoder, and scores that are resized; both fit any encoder. Features -> (N, classes, H, W)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.heads.segmentation import map_of, resized
from archspace.units.base import MODULES, BlockModule, LayerModule


def _on_one_value(layer: nn.Module, x: Tensor) -> Tensor:
    """Runs a layer on a 1 x 1 map; one image alone has no variance: its norm then has the running statistics."""
    if not layer.training or x.shape[0] > 1 or not isinstance(layer, LayerModule):
        return layer(x)  # type: ignore[no-any-return]
    for name, part in layer.named_children():
        if isinstance(part, nn.BatchNorm2d):
            x = F.batch_norm(
                x, part.running_mean, part.running_var, part.weight, part.bias, False, 0.0, part.eps
            )
        else:
            x = layer.get_submodule(name)(x)
    return x


@MODULES.register("meu")
class MutualEmbedding(BlockModule):
    """Mutual embedding upsample: fine x channel gate of the coarse + resized coarse x spatial gate of the fine."""

    low: nn.Module
    high: nn.Module
    spatial: nn.Module
    channel: nn.Module

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """(N, C, H, W) and (N, C', H/2, W/2) -> (N, C'', H, W)."""
        fine, coarse = self.low(low), self.high(high)
        spatial = self.spatial(fine.mean(1, keepdim=True))
        channel = _on_one_value(self.channel, F.adaptive_avg_pool2d(coarse, 1))
        if self.block.option("sigmoid"):
            spatial, channel = torch.sigmoid(spatial), torch.sigmoid(channel)
        return fine * channel + resized(coarse, map_of(fine)) * spatial  # type: ignore[no-any-return]


@MODULES.register("meu-decoder")
class MeuDecoder(BlockModule):
    """Mutual embedding from the deepest level up to level 1, scores there, resized."""

    scores: nn.Module

    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Returns scores of the classes at full size."""
        y = features["last"]
        for name, part in self.named_children():
            if isinstance(part, MutualEmbedding):
                y = part(features[name.replace("meu", "level")], y)
        return resized(self.scores(y), size)


@MODULES.register("bilinear-decoder")
class BilinearDecoder(BlockModule):
    """A 1 x 1 convolution, resized."""

    project: nn.Module

    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Returns scores of the classes at full size."""
        return resized(self.project(features["last"]), size)
