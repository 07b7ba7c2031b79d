"""Segmentation decoders of ESPNet, EdgeNets and the ESPNetv2 repository. Features -> (N, classes, H, W)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.plan.heads import DROPOUT
from archspace.plan.nodes import Conv, input_map
from archspace.units.base import MODULES, BlockModule, halved, shuffle
from archspace.units.portable import average_to


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear, corners aligned."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


def map_of(x: Tensor) -> tuple[int, int]:
    """Returns height and width."""
    return x.shape[2], x.shape[3]


@MODULES.register("espnet-decoder")
class EspnetDecoder(BlockModule):
    """ESPNet's light-weight decoder (ESPNet figure 4d): transposed convolutions, one ESP unit."""

    project3: nn.Module
    norm3: nn.Module
    up3: nn.Module
    project2: nn.Module
    mix2: nn.Module
    unit2: nn.Module
    up2: nn.Module
    merge1: nn.Module
    up1: nn.Module

    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Returns scores of the classes at full size."""
        level3 = self.up3(self.norm3(self.project3(features["level3"])))
        joined = torch.cat((self.project2(features["level2"]), level3), 1)
        level2 = self.up2(self.unit2(self.mix2(joined)))
        level1 = features["level1_raw" if self.block.option("raw") else "level1"]
        return self.up1(self.merge1(torch.cat((level2, level1), 1)))  # type: ignore[no-any-return]


@MODULES.register("edgenets-pyramid")
class Pyramid(BlockModule):
    """Efficient pyramid pooling: depth-wise filters at several scales of one narrow map, merged."""

    project: nn.Module
    stages: nn.ModuleList
    mix: nn.Module
    merge: nn.Module
    expand: nn.Module
    last: nn.Module

    def _stage(self, x: Tensor, stage: nn.Module, plan: Conv) -> Tensor:
        size, inner = map_of(x), input_map(plan, map_of(x), 1)
        if plan.scale < 1.0:
            return resized(stage(average_to(x, inner)), size)
        if plan.scale > 1.0:
            return average_to(stage(resized(x, inner)), size)
        return stage(x)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H, W)."""
        x = self.project(x)
        plans = self.block.part("stages")
        assert isinstance(plans, tuple)
        maps = [self._stage(x, s, p) for s, p in zip(self.stages, plans, strict=True) if isinstance(p, Conv)]
        y: Tensor = self.expand(self.merge(shuffle(self.mix(torch.cat(maps, 1)), len(maps))))
        return self.last(y) if self.has("last") else y


@MODULES.register("edgenets-weighted")
class Weighted(BlockModule):
    """Efficient point-wise convolution: a grouped 3 x 3, weighted by a gate on the pooled input."""

    gate: nn.Module
    expand: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H, W)."""
        weights = torch.sigmoid(self.gate(F.adaptive_avg_pool2d(x, 1)))
        return self.expand(x) * weights  # type: ignore[no-any-return]


@MODULES.register("edgenets-decoder")
class EdgenetsDecoder(BlockModule):
    """Bottom-up decoder of EdgeNets: pyramid, resize, add the encoder's level, four times."""

    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Returns scores of the classes at full size."""
        parts = dict(self.named_children())
        y: Tensor = parts["pyramid1"](features["last"])
        for step, level in enumerate(("level3", "level2", "level1"), start=1):
            skip = features[level]
            y = parts[f"join{step}"](resized(y, map_of(skip)) + parts[f"skip{step}"](skip))
            y = parts[f"pyramid{step + 1}"](y)
        return resized(y, size)


@MODULES.register("espnetv2-psp")
class PooledStages(BlockModule):
    """Pyramid pooling: depth-wise filters on maps that are each half as large as the one before, projected."""

    stages: nn.ModuleList
    project: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        maps, pooled = [x], x
        for stage in self.stages:
            pooled = halved(pooled)
            maps.append(resized(stage(pooled), map_of(x)))
        return self.project(torch.cat(maps, 1))  # type: ignore[no-any-return]


@MODULES.register("espnetv2-decoder")
class Espnetv2Decoder(BlockModule):
    """Decoder of the ESPNetv2 repository; each level joins the resized scores of the level below it.

    The released one returns the scores of level 3 too while it trains; this one never does.
    """

    project4: nn.Module
    unit3: nn.Module
    pool3: nn.Module
    project3: nn.Module
    act3: nn.Module
    project2: nn.Module
    project1: nn.Module

    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
        """Returns scores of the classes at full size."""
        level1, level2, level3 = (features[f"level{level}"] for level in (1, 2, 3))
        deep = resized(self.project4(features["last"]), map_of(level3))
        y: Tensor = self.pool3(self.unit3(torch.cat((level3, deep), 1)))
        y = resized(self.act3(self.project3(self.drop(y))), map_of(level2))
        y = resized(self.project2(torch.cat((level2, y), 1)), map_of(level1))
        return resized(self.project1(self.drop(torch.cat((level1, y), 1))), size)

    def drop(self, x: Tensor) -> Tensor:
        """Dropout of whole maps while training."""
        return F.dropout2d(x, DROPOUT, self.training)
