"""The EESP transform in one pass: dilated depth-wise branches, running sums, norm, activation, grouped expansion.

A program holds one tile of pixels for all channels of a branch. It goes through the branches in the order of the
running sum, so the sum stays in registers: the input is read from memory once (the taps of a tile overlap, and caches
serve them), the concatenated map never is in memory, the output is written once.
"""

from __future__ import annotations

import triton
import triton.language as tl

from archspace.cuda.kernels.common import activated, places, product, shifted


@triton.jit
def branch(
    acc, x, taps, index, dilation, channels, inside, rows, columns, valid, height, width, sc, sh, sw, C,
    UNROLL: tl.constexpr,
):  # fmt: skip
    """Adds one depth-wise dilated 3 x 3 to the sum of a tile; ``taps`` is (K, 9, C), rows and columns are strided."""
    for tap in tl.range(9, loop_unroll_factor=UNROLL):
        weight = tl.load(taps + (index * 9 + tap) * C + channels, mask=inside, other=0.0).to(tl.float32)
        down = (tap // 3 - 1) * dilation
        right = (tap % 3 - 1) * dilation
        seen = shifted(x, channels, inside, rows + down, columns + right, valid, height, width, sc, sh, sw)
        acc += weight[:, None] * seen
    return acc


@triton.jit
def finished(
    acc, index, channels, inside, at, valid, scale, shift, slope, weight, bias, last, residual, rc, out, oc, C,
    ACT: tl.constexpr, EXPAND: tl.constexpr, LAST: tl.constexpr, RESIDUAL: tl.constexpr,
    BLOCK_C: tl.constexpr, BLOCK_O: tl.constexpr, PRECISION: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Norm and activation of a branch's sum, then its group of the expansion, the identity, the last activation."""
    of = index * C + channels
    y = acc * tl.load(scale + of, mask=inside, other=0.0).to(tl.float32)[:, None]
    y += tl.load(shift + of, mask=inside, other=0.0).to(tl.float32)[:, None]
    y = activated(y, tl.load(slope + of, mask=inside, other=0.0).to(tl.float32)[:, None], ACT)
    if EXPAND:
        for first in range(0, BLOCK_C, BLOCK_O):
            made = first + tl.arange(0, BLOCK_O)
            written = made < C
            row = index * C + made
            w = tl.load(
                weight + row[:, None] * C + channels[None, :],
                mask=written[:, None] & inside[None, :], other=0.0,
            )  # fmt: skip
            z = product(w, y, out, PRECISION, WIDE)
            z += tl.load(bias + row, mask=written, other=0.0).to(tl.float32)[:, None]
            here = written[:, None] & valid[None, :]
            if RESIDUAL:
                # ``at`` is of the output; both maps have the same size, and the caller the same strides
                z += tl.load(residual + row[:, None] * rc + at[None, :], mask=here, other=0.0).to(tl.float32)
            z = activated(z, tl.load(last + row, mask=written, other=0.0).to(tl.float32)[:, None], LAST)
            tl.store(out + row[:, None] * oc + at[None, :], z.to(out.dtype.element_ty), mask=here)
    else:
        here = inside[:, None] & valid[None, :]
        tl.store(out + of[:, None] * oc + at[None, :], y.to(out.dtype.element_ty), mask=here)


@triton.jit
def transform(
    x, taps, dilations, scale, shift, slope, weight, bias, last, residual, out,
    C, height, width, out_height, out_width, xn, xc, xh, xw, rn, rc, on, oc, oh, ow,
    K: tl.constexpr, STRIDE: tl.constexpr, FUSION: tl.constexpr, ACT: tl.constexpr, EXPAND: tl.constexpr,
    LAST: tl.constexpr, RESIDUAL: tl.constexpr, SPLIT: tl.constexpr, BLOCK_C: tl.constexpr,
    BLOCK_O: tl.constexpr, BLOCK_P: tl.constexpr, UNROLL: tl.constexpr, PRECISION: tl.constexpr,
    WIDE: tl.constexpr,
):  # fmt: skip
    """The transform of one tile of one image, for all branches or (``SPLIT``) for one of them.

    The grid is (tiles, images, blocks of channels x K if split): with ``EXPAND`` a block has all channels. A split
    program adds up the branches before its own again: more work, but K times as many programs for small maps.
    Loops stay loops in the machine code, which is a tenth as long for it and compiles in seconds.
    """
    image = tl.program_id(1).to(tl.int64)
    third = tl.program_id(2)
    block = third // K if SPLIT else third
    rows, columns, valid = places(tl.program_id(0), out_width, out_height * out_width, BLOCK_P)
    channels = block * BLOCK_C + tl.arange(0, BLOCK_C)
    inside = channels < C
    x += image * xn
    out += image * on
    residual += image * rn
    at = rows * oh + columns * ow
    acc = tl.zeros([BLOCK_C, BLOCK_P], tl.float32)
    for k in range(K):
        joins = True
        if SPLIT:
            chosen = third % K
            joins = k <= chosen if FUSION else k == chosen
        if joins:
            if not FUSION:
                acc = tl.zeros([BLOCK_C, BLOCK_P], tl.float32)
            acc = branch(
                acc, x, taps, k, tl.load(dilations + k), channels, inside, rows * STRIDE, columns * STRIDE,
                valid, height, width, xc, xh, xw, C, UNROLL,
            )  # fmt: skip
            if not SPLIT:
                finished(
                    acc, k, channels, inside, at, valid, scale, shift, slope, weight, bias, last, residual, rc,
                    out, oc, C, ACT, EXPAND, LAST, RESIDUAL, BLOCK_C, BLOCK_O, PRECISION, WIDE,
                )  # fmt: skip
    if SPLIT:
        finished(
            acc, third % K, channels, inside, at, valid, scale, shift, slope, weight, bias, last, residual, rc,
            out, oc, C, ACT, EXPAND, LAST, RESIDUAL, BLOCK_C, BLOCK_O, PRECISION, WIDE,
        )  # fmt: skip
