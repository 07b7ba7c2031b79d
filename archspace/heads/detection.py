"""EdgeNets' single-shot detector: scores and boxes at every position of six maps."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archspace.heads.segmentation import map_of, resized
from archspace.plan.detection import COORDINATES
from archspace.units.base import MODULES, BlockModule


def boxwise(x: Tensor, numbers: int) -> Tensor:
    """(N, anchors x numbers, H, W) -> (N, H x W x anchors, numbers), position by position in rows."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, numbers)


@MODULES.register("ssd")
class Detector(BlockModule):
    """Single-shot detector of EdgeNets (ESPNetv2-SSD). Features -> ((N, priors, classes), (N, priors, 4)).

    Each level from 6 down to 3 is joined by the resized level below it, that level's channels first. The priors are
    in the order of the maps from level 3 to level 8, then of positions in rows, then of anchors.
    """

    level6: nn.Module
    level7: nn.Module
    level8: nn.Module
    locations: nn.ModuleList
    confidences: nn.ModuleList

    def initialise(self) -> None:
        """Scores and locations begin as SSD's (Xavier): of the size of the features, however many they are."""
        for layer in (*self.locations, *self.confidences):
            for conv in layer.modules():
                if isinstance(conv, nn.Conv2d):
                    nn.init.xavier_uniform_(conv.weight)

    def maps(self, features: dict[str, Tensor]) -> list[Tensor]:
        """Returns the scored maps, level 3 to level 8."""
        levels = {3: features["level3"], 4: features["level4"], 5: features["last"]}
        levels[6] = self.level6(levels[5])
        levels[7] = self.level7(levels[6])
        levels[8] = self.level8(F.adaptive_avg_pool2d(levels[7], 1))
        for below, level in pairwise((7, 6, 5, 4, 3)):
            here = levels[level]
            joined = torch.cat((resized(levels[below], map_of(here)), here), 1)
            levels[level] = self.get_submodule(f"fuse{level}")(joined)
        return [levels[level] for level in sorted(levels)]

    def forward(self, features: dict[str, Tensor], size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Returns confidences (before any softmax) and locations (offsets to the priors) of all priors."""
        maps = self.maps(features)
        classes = self.block.out_channels
        confidences = [boxwise(f(x), classes) for f, x in zip(self.confidences, maps, strict=True)]
        locations = [boxwise(f(x), COORDINATES) for f, x in zip(self.locations, maps, strict=True)]
        return torch.cat(confidences, 1), torch.cat(locations, 1)
