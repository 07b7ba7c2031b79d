"""A grouped 1 x 1 convolution with bias, identity and activation in one pass."""

from __future__ import annotations

import triton
import triton.language as tl

from archspace.cuda.kernels.common import activated, places, product, shifted


@triton.jit
def pointwise(
    x, weight, bias, slope, residual, out, writes, height, width,
    xn, xc, xh, xw, rn, rc, on, oc, oh, ow,
    READS: tl.constexpr, BLOCKS: tl.constexpr, ACT: tl.constexpr, RESIDUAL: tl.constexpr, BLOCK_I: tl.constexpr,
    BLOCK_O: tl.constexpr, BLOCK_P: tl.constexpr, PRECISION: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """One tile of one image for a block of a group's outputs; ``weight`` is (groups x writes, READS).

    The grid is (tiles, images, groups x blocks of outputs).
    """
    image = tl.program_id(1).to(tl.int64)
    group = tl.program_id(2) // BLOCKS
    made = (tl.program_id(2) % BLOCKS) * BLOCK_O + tl.arange(0, BLOCK_O)
    written = made < writes
    row = group * writes + made
    rows, columns, valid = places(tl.program_id(0), width, height * width, BLOCK_P)
    x += image * xn + group * READS * xc
    acc = tl.zeros([BLOCK_O, BLOCK_P], tl.float32)
    for first in range(0, READS, BLOCK_I):
        read = first + tl.arange(0, BLOCK_I)
        inside = read < READS
        seen = shifted(x, read, inside, rows, columns, valid, height, width, xc, xh, xw)
        w = tl.load(
            weight + row[:, None] * READS + read[None, :], mask=written[:, None] & inside[None, :], other=0.0
        )
        acc += product(w, seen, out, PRECISION, WIDE)
    acc += tl.load(bias + row, mask=written, other=0.0).to(tl.float32)[:, None]
    at = row[:, None] * oc + (rows * oh + columns * ow)[None, :]
    here = written[:, None] & valid[None, :]
    if RESIDUAL:
        also = row[:, None] * rc + (rows * oh + columns * ow)[None, :]
        acc += tl.load(residual + image * rn + also, mask=here, other=0.0).to(tl.float32)
    acc = activated(acc, tl.load(slope + row, mask=written, other=0.0).to(tl.float32)[:, None], ACT)
    tl.store(out + image * on + at, acc.to(out.dtype.element_ty), mask=here)
