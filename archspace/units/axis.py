"""DiCENet's convolution along one axis of the map."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from archspace.plan.nodes import AxisConv
from archspace.units.portable import average_to

DIMENSIONS = {"height": 2, "width": 3}


class AxisConvolution(nn.Module):
    """A 3 x 3 filter for each of ``side`` rows (or columns) of the map, which is resized to have so many.

    Shapes: (N, C, H, W) -> (N, C, H, W).
    """

    def __init__(self, node: AxisConv) -> None:
        super().__init__()
        self.side, self.dimension = node.side, DIMENSIONS[node.axis]
        self.conv = nn.Conv2d(node.side, node.side, 3, padding=1, groups=node.side, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Resize the axis, filter, resize it back."""
        size, dimension = (x.shape[2], x.shape[3]), self.dimension
        side = x.shape[dimension]
        inner = (self.side, size[1]) if dimension == 2 else (size[0], self.side)
        y = x if side == self.side else _resized(x, inner, dimension)
        y = self.conv(y.transpose(1, dimension)).transpose(1, dimension)
        return y if side == self.side else _resized(y, size, dimension)


def _resized(x: Tensor, size: tuple[int, int], dimension: int) -> Tensor:
    """Bilinear with aligned corners where the axis grows, averaged where it shrinks."""
    if size[dimension - 2] > x.shape[dimension]:
        return F.interpolate(x, size=size, mode="bilinear", align_corners=True)
    return average_to(x, size)
