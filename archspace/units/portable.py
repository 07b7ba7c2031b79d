"""Operations that readers of exported files often lack, in words that every reader has; exact but for rounding.

While torch.export traces a network, pooling to a size that does not divide the map becomes a product with constant
matrices, and the places of maxima become a mask. Everywhere else torch's own operations run.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def average_to(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Returns ``F.adaptive_avg_pool2d(x, size)``. (N, C, H, W) -> (N, C, h, w)."""
    sides = (x.shape[2], x.shape[3])
    known = all(isinstance(side, int) for side in (*sides, *size))
    if not torch.compiler.is_exporting() or tuple(size) == (1, 1):
        return F.adaptive_avg_pool2d(x, size)
    if not known:
        raise ValueError("pooling to a share of the image's size needs a fixed one")
    if all(side % wanted == 0 for side, wanted in zip(sides, size, strict=True)):
        return F.avg_pool2d(x, (sides[0] // size[0], sides[1] // size[1]))
    if sides[1] != size[1]:
        x = x @ _windows(sides[1], size[1]).t().contiguous().to(x.dtype)
    return _windows(sides[0], size[0]).to(x.dtype) @ x if sides[0] != size[0] else x


def _windows(side: int, wanted: int) -> Tensor:
    """(wanted, side): a row a window of adaptive pooling, each of its places one share of the mean."""
    starts = [i * side // wanted for i in range(wanted)]
    ends = [-(-(i + 1) * side // wanted) for i in range(wanted)]
    rows = np.zeros((wanted, side), np.float32)
    for row, start, end in zip(rows, starts, ends, strict=True):
        row[start:end] = 1 / (end - start)
    return torch.from_numpy(rows)


def repeated(x: Tensor, times: int) -> Tensor:
    """Returns ``x.repeat(1, times, 1, 1)``; while torch.export traces as a concatenation, which LiteRT's has right."""
    if torch.compiler.is_exporting():
        return torch.cat((x,) * times, 1)
    return x.repeat(1, times, 1, 1)


def pooled_with_places(x: Tensor) -> tuple[Tensor, Tensor]:
    """2 x 2 max pooling and where the maxima are, for :func:`unpooled`.

    Shapes: (N, C, H, W) -> (N, C, H/2, W/2), rounded up, and indices of that shape; a mask (N, C, H, W) while
    torch.export traces, of the first maximum in each window, as torch takes it.
    """
    even = isinstance(x.shape[2], int) and x.shape[2] % 2 == 0 and x.shape[3] % 2 == 0
    if not torch.compiler.is_exporting() or not even:
        return F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
    largest = F.max_pool2d(x, 2)
    left, mask = torch.ones_like(largest), torch.zeros_like(x)
    for place in range(4):
        corner = _corner(x, place)
        below = F.conv2d(x, corner, stride=2, groups=x.shape[1])  # of each window the value at this place
        here = (1 - _sign(largest - below)) * left
        left = left - here
        mask = mask + F.conv_transpose2d(here, corner, stride=2, groups=x.shape[1])
    return largest, mask


def _corner(x: Tensor, place: int) -> Tensor:
    """(C, 1, 2, 2): one at a place of a window, in rows, else zero."""
    kernel = np.zeros((x.shape[1], 1, 4), np.float32)
    kernel[:, :, place] = 1
    return torch.from_numpy(kernel.reshape(-1, 1, 2, 2)).to(x.dtype)


def _sign(difference: Tensor) -> Tensor:
    """1 where a difference of at least 0 is above it, else 0, by arithmetic alone: the smallest is lifted over 1."""
    large = 1e30 if difference.dtype == torch.float32 else 6e4
    return ((difference * large).clamp(0, 1) * large).clamp(0, 1)


def unpooled(x: Tensor, places: Tensor) -> Tensor:
    """Returns each value at the place that its maximum had before pooling, zeros elsewhere.

    Shapes: (N, C, H, W) and the second result of :func:`pooled_with_places` -> (N, C, 2H, 2W).
    """
    if places.is_floating_point():
        return F.interpolate(x, scale_factor=2.0, mode="nearest") * places
    n, c, h, w = x.shape
    flat = x.new_zeros(n, c, 4 * h * w).scatter(2, places.flatten(2), x.flatten(2))
    return flat.view(n, c, 2 * h, 2 * w)
