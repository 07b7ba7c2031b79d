"""Gradients of EESP's branches and running sums: to the input in one pass, to the weights in another.

With sums, the gradient of branch k's own convolution is the sum of the gradients of branches k, k + 1, ..., which the
kernels add up where they read them.
"""

from __future__ import annotations

import triton
import triton.language as tl

from archspace.cuda.kernels.common import places, shifted


@triton.jit
def summed(
    grad, k, channels, inside, rows, columns, valid, height, width, sc, sh, sw, C,
    K: tl.constexpr, FUSION: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_P: tl.constexpr,
):  # fmt: skip
    """Gradient of the convolution of branch ``k`` at some places of its output, [BLOCK_C, BLOCK_P]."""
    total = tl.zeros([BLOCK_C, BLOCK_P], tl.float32)
    for j in range(K):
        joins = j >= k if FUSION else j == k
        if joins:
            total += shifted(grad, j * C + channels, inside, rows, columns, valid, height, width, sc, sh, sw)
    return total


@triton.jit
def to_input(
    grad, taps, dilations, out, C, height, width, out_height, out_width, gn, gc, gh, gw, on, oc, oh, ow,
    K: tl.constexpr, STRIDE: tl.constexpr, FUSION: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_P: tl.constexpr,
):  # fmt: skip
    """Gradient of a tile of the input; the grid is (tiles of the input, images, blocks of channels)."""
    image = tl.program_id(1).to(tl.int64)
    rows, columns, valid = places(tl.program_id(0), width, height * width, BLOCK_P)
    channels = tl.program_id(2) * BLOCK_C + tl.arange(0, BLOCK_C)
    inside = channels < C
    acc = tl.zeros([BLOCK_C, BLOCK_P], tl.float32)
    for k in range(K):
        dilation = tl.load(dilations + k)
        for tap in range(9):
            weight = tl.load(taps + (k * 9 + tap) * C + channels, mask=inside, other=0.0).to(tl.float32)
            down = rows - (tap // 3 - 1) * dilation
            right = columns - (tap % 3 - 1) * dilation
            met = valid & (down >= 0) & (right >= 0) & (down % STRIDE == 0) & (right % STRIDE == 0)
            acc += weight[:, None] * summed(
                grad + image * gn, k, channels, inside, down // STRIDE, right // STRIDE, met,
                out_height, out_width, gc, gh, gw, C, K, FUSION, BLOCK_C, BLOCK_P,
            )  # fmt: skip
    at = channels[:, None] * oc + (rows * oh + columns * ow)[None, :]
    here = inside[:, None] & valid[None, :]
    tl.store(out + image * on + at, acc.to(out.dtype.element_ty), mask=here)


@triton.jit
def to_taps(
    x, grad, dilations, partial, C, height, width, out_height, out_width, xn, xc, xh, xw, gn, gc, gh, gw,
    K: tl.constexpr, STRIDE: tl.constexpr, FUSION: tl.constexpr, TILES: tl.constexpr,
    BLOCK_C: tl.constexpr, BLOCK_P: tl.constexpr,
):  # fmt: skip
    """A part of the gradient of a branch's taps: of ``TILES`` tiles of the output of one image.

    ``partial`` is (images, parts, K, 9, C), to be summed; the grid is (parts, images, K x blocks of channels).
    """
    image = tl.program_id(1).to(tl.int64)
    k = tl.program_id(2) % K
    channels = (tl.program_id(2) // K) * BLOCK_C + tl.arange(0, BLOCK_C)
    inside = channels < C
    dilation = tl.load(dilations + k)
    columns_of = tl.arange(0, 16)
    acc = tl.zeros([BLOCK_C, 16], tl.float32)
    for tile in range(TILES):
        rows, columns, valid = places(
            tl.program_id(0) * TILES + tile, out_width, out_height * out_width, BLOCK_P
        )
        g = summed(
            grad + image * gn, k, channels, inside, rows, columns, valid, out_height, out_width, gc, gh, gw, C,
            K, FUSION, BLOCK_C, BLOCK_P,
        )  # fmt: skip
        for tap in range(9):
            seen = shifted(
                x + image * xn, channels, inside, rows * STRIDE + (tap // 3 - 1) * dilation,
                columns * STRIDE + (tap % 3 - 1) * dilation, valid, height, width, xc, xh, xw,
            )  # fmt: skip
            acc += tl.where(columns_of[None, :] == tap, tl.sum(g * seen, 1)[:, None], 0.0)
    part = image * tl.num_programs(0) + tl.program_id(0)
    at = ((part * K + k) * 9 + columns_of[None, :]) * C + channels[:, None]
    tl.store(partial + at, acc, mask=inside[:, None] & (columns_of < 9)[None, :])
