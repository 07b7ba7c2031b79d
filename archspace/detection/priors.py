"""The prior boxes of the detector's maps as a pure function of the input's size. No torch.

EdgeNets' released weights hold no priors, so their geometry is our reading: that of SSD (Liu et al. 2016, section
2.2 and 3.1) with six boxes on each of the network's six maps. It is the same at every input size, so that a network
trained at 300 pixels goes on at 512 with the boxes it knows.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from archspace.plan.detection import ANCHORS, STRIDES
from archspace.plan.nodes import Size, map_size

SCALES = (0.1, 0.2, 0.375, 0.55, 0.725, 0.9, 1.075)
"""Side of a map's square prior as a share of the image, level 3 to 8 and one beyond.

SSD's: linear from 0.2 to 0.9, and 0.1 on the first map.
"""

RATIOS = (2.0, 1 / 2, 3.0, 1 / 3)
"""Width to height of a position's priors that are not square; their area is the square's."""


def shapes(scale: float, following: float) -> list[tuple[float, float]]:
    """Width and height of one position's priors: the square, the one halfway to the next map's, the others.

    >>> [(round(w, 3), round(h, 3)) for w, h in shapes(0.2, 0.375)][:3]
    [(0.2, 0.2), (0.274, 0.274), (0.283, 0.141)]
    """
    between = math.sqrt(scale * following)
    others = [(scale * math.sqrt(ratio), scale / math.sqrt(ratio)) for ratio in RATIOS]
    return [(scale, scale), (between, between), *others]


@lru_cache(maxsize=16)
def prior_boxes(size: Size) -> NDArray[np.float32]:
    """Returns the prior boxes of an image of ``size`` (H, W) in the order of the network's outputs.

    A map's boxes stand at the centres of its cells, one map after the other, in rows, six at a position. They are not
    clipped to the image: a clipped box would lose its centre, from which the network's locations are counted. In an
    image that is not square, scales are shares of the geometric mean of its sides, so that a ratio is one of pixels.

    Returns:
        (P, 4) centre x, centre y, width, height as shares of the image's width and height; read-only.

    >>> prior_boxes((300, 300)).shape, prior_boxes((512, 512)).shape
    ((11640, 4), (32742, 4))
    """
    height, width = size
    side = math.sqrt(height * width)
    stretch = np.array([side / width, side / height])
    maps = []
    for stride, scales in zip(STRIDES, pairwise(SCALES), strict=True):
        rows, columns = map_size(size, stride)
        y, x = np.meshgrid(
            (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij"
        )
        centres = np.stack((x, y), -1).reshape(-1, 1, 2).repeat(ANCHORS, 1)
        sides = np.broadcast_to(np.array(shapes(*scales)) * stretch, centres.shape)
        maps.append(np.concatenate((centres, sides), -1).reshape(-1, 4))
    boxes = np.concatenate(maps).astype(np.float32)
    boxes.flags.writeable = False
    return boxes
