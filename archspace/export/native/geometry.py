"""How the planes of maps lie in memory. No torch."""

from __future__ import annotations

from archspace.export.native.operations import Size

ROW = 16
"""Rows begin at multiples of so many floats."""
FULL_TILE = 4
"""Vectors of the widest tile."""


class Geometry:
    """Planes of one size: how they lie in memory, zeros around them.

    Where that fills vectors or tiles better, kernels run through all rows as one (``flat``, of ``length``). A plane
    takes ``floats``; with zeros ``floats_with_zeros``, of which ``lead`` come before the first pixel.
    """

    def __init__(self, size: Size, pad: int, lanes: int) -> None:
        close, in_row = size[1] + pad, -(-size[1] // lanes)
        wide = -(-close // ROW) * ROW
        vectors = {pitch: -(-((size[0] - 1) * pitch + size[1]) // lanes) for pitch in (wide, close)}
        best = min(vectors, key=lambda pitch: vectors[pitch])
        self.flat = vectors[best] < size[0] * in_row or (
            vectors[best] == size[0] * in_row and 1 < in_row < FULL_TILE
        )
        self.pitch = best if self.flat else close if in_row == 1 else wide
        self.length = (size[0] - 1) * self.pitch + size[1]
        self.lead = -(-pad * (1 + self.pitch) // ROW) * ROW  # planes begin at multiples, too
        self.floats = _odd_rows(size[0] * self.pitch)
        self.floats_with_zeros = _odd_rows(self.lead + (size[0] + pad) * self.pitch)


def _odd_rows(floats: int) -> int:
    """An odd number of cache lines, so that planes do not fall on the same ones."""
    return (-(-floats // ROW) | 1) * ROW
