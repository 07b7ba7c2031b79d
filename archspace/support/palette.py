"""The one palette: colours of Okabe and Ito, ink and paper, and as many more colours as classes need. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Colour: TypeAlias = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

OKABE_ITO: Mapping[str, Colour] = {
    "black": (0, 0, 0), "orange": (230, 159, 0), "sky": (86, 180, 233), "green": (0, 158, 115),
    "yellow": (240, 228, 66), "blue": (0, 114, 178), "vermillion": (213, 94, 0), "purple": (204, 121, 167),
    "grey": (127, 127, 127),
}  # fmt: skip
"""Palette of Okabe and Ito (2008), told apart by all common kinds of colour vision; and a grey."""

SERIES: tuple[Colour, ...] = tuple(c for name, c in OKABE_ITO.items() if name not in ("black", "grey"))
"""Those that a series of colours begins with."""

INK: Colour = (31, 36, 48)
MUTED: Colour = (91, 98, 112)
GRID: Colour = (230, 232, 236)
PAPER: Colour = (255, 255, 255)
BLACK: Colour = OKABE_ITO["black"]


def hex_of(colour: Colour) -> str:
    """Returns a colour as web pages write it.

    >>> hex_of((0, 114, 178))
    '#0072B2'
    """
    return "#{:02X}{:02X}{:02X}".format(*colour)


def ink_on(colour: Colour) -> Colour:
    """Returns ink or paper, whichever reads better on ``colour``."""
    red, green, blue = colour
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else PAPER


_VISIONS = np.array([
    np.eye(3),
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
])  # fmt: skip
"""Linear RGB as seen by common, protanope and deuteranope eyes (Machado, Oliveira and Fernandes 2009, severity 1)."""

_CONES = np.array(
    [[0.4122215, 0.5363325, 0.0514460], [0.2119035, 0.6806995, 0.1073970], [0.0883025, 0.2817188, 0.6299787]]
)
_OKLAB = np.array(
    [
        [0.2104543, 0.7936178, -0.0040720],
        [1.9779985, -2.4285922, 0.4505937],
        [0.0259040, 0.7827718, -0.8086758],
    ]
)


def perceived(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns where colours lie in Oklab for each kind of colour vision; distances there are about those one sees.

    Shapes: (N, 3), 0 to 255 -> (kinds of vision, N, 3).
    """
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    visible = np.clip(np.einsum("vij,nj->vni", _VISIONS, linear), 0, 1)
    return np.cbrt(visible @ _CONES.T) @ _OKLAB.T  # type: ignore[no-any-return]


LEAST_APART = 24
"""RGB distance of a further colour from each of Okabe and Ito's."""


@lru_cache(maxsize=8)
def palette(count: int) -> tuple[Colour, ...]:
    """``count`` colours, as far from each other as can be for common, red-blind and green-blind eyes.

    They begin with Okabe and Ito's; each further one is the one of 6 x 6 x 6 that is farthest from all before.
    A shorter palette is the beginning of a longer one. Beyond some 200 they repeat.
    """
    steps = np.arange(0, 256, 51)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    grid = grid[(grid.sum(1) > 120) & (grid.sum(1) < 700)]  # neither black nor white: these are ink and paper
    apart = np.linalg.norm(grid[:, None] - np.array(SERIES)[None], axis=-1).min(1)
    grid = grid[apart >= LEAST_APART]
    chosen = list(SERIES)
    places, known = perceived(grid.astype(float)), perceived(np.array(chosen, float))
    nearest = np.linalg.norm(places[:, :, None] - known[:, None], axis=-1).min((0, 2))
    while len(chosen) < min(count, len(SERIES) + len(grid)):
        best = int(nearest.argmax())
        chosen.append((int(grid[best, 0]), int(grid[best, 1]), int(grid[best, 2])))
        nearest = np.minimum(nearest, np.linalg.norm(places - places[:, [best]], axis=-1).min(0))
    return tuple(chosen[i % len(chosen)] for i in range(count))


def is_colour(value: object) -> bool:
    """Returns whether a value is red, green and blue from 0 to 255."""
    return (
        isinstance(value, tuple | list)
        and len(value) == 3
        and all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= 255 for one in value)
    )
