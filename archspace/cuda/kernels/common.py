"""What the kernels share: activations, and tiles of a map shifted by a tap. Sums are float32 in every precision."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def activated(y, slope, ACT: tl.constexpr):
    """The activation that :class:`archspace.cuda.activation.Activation` numbers ``ACT``; ``slope`` for negative y."""
    if ACT == 1:
        y = tl.where(y > 0, y, y * slope)
    elif ACT == 2:
        y = tl.minimum(tl.maximum(y, 0.0), 6.0)
    elif ACT == 3:
        y = y * tl.minimum(tl.maximum(y + 3.0, 0.0), 6.0) / 6.0
    elif ACT == 4:
        y = y / (1.0 + tl.exp(-y))
    return y


@triton.jit
def places(tile, width, count, BLOCK_P: tl.constexpr):
    """Rows, columns and a mask of one tile of pixels, counted along rows: each [BLOCK_P]."""
    pixels = tile * BLOCK_P + tl.arange(0, BLOCK_P)
    return pixels // width, pixels % width, pixels < count


@triton.jit
def shifted(x, channels, inside, rows, columns, valid, height, width, sc, sh, sw):
    """[channels, pixels] of an image of strides ``sc``, ``sh``, ``sw``; zero outside the map, as padding is."""
    seen = valid & (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    at = channels[:, None] * sc + (rows * sh + columns * sw)[None, :]
    return tl.load(x + at, mask=inside[:, None] & seen[None, :], other=0.0).to(tl.float32)


@triton.jit
def product(a, b, like, PRECISION: tl.constexpr, WIDE: tl.constexpr):
    """a [M, K] times b [K, N] with a float32 sum; operands are rounded to the type of ``like`` first.

    ``WIDE`` multiplies in float32 after that rounding: Triton's interpreter has no product of bfloat16.
    """
    a = a.to(like.dtype.element_ty)
    b = b.to(like.dtype.element_ty)
    if WIDE:
        a = a.to(tl.float32)
        b = b.to(tl.float32)
    return tl.dot(a, b, input_precision=PRECISION)
