"""Mean and standard deviation of a data set's images."""

from __future__ import annotations

import numpy as np

from archspace.preprocessing import Preprocessing
from searches.data.dataset import Split


def statistics(train: Split, most: int = 500) -> Preprocessing:
    """Returns mean and standard deviation by channel of the first ``most`` training images, on the 0 to 1 scale."""
    images = np.asarray(train.images[:most], dtype=np.float64) / 255
    order = "rgb" if images.shape[3] == 3 else "gray"
    mean = tuple(round(float(v), 4) for v in images.mean((0, 1, 2)))
    std = tuple(round(max(float(v), 1e-3), 4) for v in images.std((0, 1, 2)))
    return Preprocessing(channel_order=order, mean=mean, std=std)
