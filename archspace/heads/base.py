"""Heads that fit any encoder. A head takes the encoder's features and the image's size."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from archspace.plan.heads import DROPOUT
from archspace.units.base import MODULES, BlockModule, TiedLinear


@MODULES.register("classifier")
class Classifier(BlockModule):
    """Global average pooling, dropout, linear. Features -> (N, classes)."""

    linear: nn.Module

    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Returns scores of the classes."""
        return self.linear(F.adaptive_avg_pool2d(features["last"], 1).flatten(1))  # type: ignore[no-any-return]


@MODULES.register("projection")
class Projection(BlockModule):
    """A 1 x 1 convolution. Features -> (N, classes, H/stride, W/stride)."""

    project: nn.Module

    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Returns scores of the classes at the stride of the last features."""
        return self.project(features["last"])  # type: ignore[no-any-return]


@MODULES.register("conv-classifier")
class ConvClassifier(BlockModule):
    """Global average pooling, then 1 x 1 convolutions on the pooled map. Features -> (N, classes)."""

    expand: nn.Module
    scores: nn.Module

    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Returns scores of the classes."""
        x = F.adaptive_avg_pool2d(features["last"], 1)
        if self.has("expand"):
            x = self.expand(x)
        if self.block.option("dropout"):
            x = F.dropout(x, DROPOUT, self.training)
        return self.scores(x).flatten(1)  # type: ignore[no-any-return]


@MODULES.register("language-head")
class LanguageHead(BlockModule):
    """A linear layer whose weights are the embedding's."""

    decoder: TiedLinear

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(1, C, T, N) and the embedding (words, C) -> (N, T, words)."""
        return self.decoder(x.squeeze(0).permute(2, 1, 0), embedding)  # type: ignore[no-any-return]
