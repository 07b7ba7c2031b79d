"""The ESP transform in one pass: dense dilated branches, running sums, the identity, norm and activation."""

from __future__ import annotations

import triton
import triton.language as tl

from archspace.cuda.kernels.common import activated, places, product, shifted


@triton.jit
def dense(
    x, weight, dilations, scale, shift, slope, residual, out, C, first_width, next_width, height, width,
    xn, xc, xh, xw, rn, rc, on, oc, oh, ow,
    K: tl.constexpr, FUSION: tl.constexpr, ACT: tl.constexpr, RESIDUAL: tl.constexpr,
    BLOCK_C: tl.constexpr, BLOCK_O: tl.constexpr, BLOCK_P: tl.constexpr,
    PRECISION: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """All branches of one tile of one image; the first one stays out of the running sum.

    ``weight`` is (K, 9, BLOCK_O, C): branches have ``first_width`` or ``next_width`` outputs, and zeros after them.
    The grid is (tiles, images).
    """
    image = tl.program_id(1).to(tl.int64)
    rows, columns, valid = places(tl.program_id(0), width, height * width, BLOCK_P)
    channels = tl.arange(0, BLOCK_C)
    inside = channels < C
    made = tl.arange(0, BLOCK_O)
    x += image * xn
    out += image * on
    residual += image * rn
    at = rows * oh + columns * ow
    acc = tl.zeros([BLOCK_O, BLOCK_P], tl.float32)
    for k in range(K):
        if not FUSION or k <= 1:
            acc = tl.zeros([BLOCK_O, BLOCK_P], tl.float32)
        dilation = tl.load(dilations + k)
        for tap in range(9):
            down = (tap // 3 - 1) * dilation
            right = (tap % 3 - 1) * dilation
            seen = shifted(
                x, channels, inside, rows + down, columns + right, valid, height, width, xc, xh, xw
            )
            w = tl.load(
                weight + ((k * 9 + tap) * BLOCK_O + made)[:, None] * C + channels[None, :],
                mask=inside[None, :], other=0.0,
            )  # fmt: skip
            acc += product(w, seen, out, PRECISION, WIDE)
        row = made + tl.where(k == 0, 0, first_width + (k - 1) * next_width)
        written = made < tl.where(k == 0, first_width, next_width)
        here = written[:, None] & valid[None, :]
        y = acc
        if RESIDUAL:
            y += tl.load(residual + row[:, None] * rc + at[None, :], mask=here, other=0.0).to(tl.float32)
        y = y * tl.load(scale + row, mask=written, other=0.0).to(tl.float32)[:, None]
        y += tl.load(shift + row, mask=written, other=0.0).to(tl.float32)[:, None]
        y = activated(y, tl.load(slope + row, mask=written, other=0.0).to(tl.float32)[:, None], ACT)
        tl.store(out + row[:, None] * oc + at[None, :], y.to(out.dtype.element_ty), mask=here)
