"""Pictures with masks and boxes drawn on them, in the colours of :mod:`archspace.class_names`. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from archspace.class_names import colours_of

Colours: TypeAlias = NDArray[np.uint8]
Picture: TypeAlias = NDArray[np.uint8]

BLACK = (0, 0, 0)


def class_colours(classes: Sequence[str]) -> Colours:
    """One RGB colour a class: uint8 (C, 3), those of :func:`archspace.class_names.colours_of`."""
    return np.array(colours_of(classes), np.uint8).reshape(-1, 3)


def overlaid(picture: Picture, mask: NDArray[np.uint8], colours: Colours, opacity: float = 0.55) -> Picture:
    """The picture uint8 (H, W, 3) with the mask (H, W) laid on it; a value that is no class is darkened."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    mixed = (1 - opacity) * picture + opacity * table[mask]
    return np.rint(mixed).astype(np.uint8)


def boxed(
    picture: Picture, corners: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str], colours: Colours,
) -> Picture:  # fmt: skip
    """The picture uint8 (H, W, 3) with boxes and names drawn on it.

    Args:
        picture: RGB.
        corners: (M, 4): left, top, right, bottom in shares of width and height.
        labels: (M,): class indices into ``colours``.
        names: M texts, one a box (a class name, or one with its score); empty for no text.
        colours: uint8 (C, 3).
    """
    image = Image.fromarray(picture)
    points = max(9, min(image.size) // 24)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=points)
    line = max(1, min(image.size) // 160)
    scale = np.array([image.width, image.height, image.width, image.height])
    for box, label, name in zip(corners * scale, labels.tolist(), names, strict=True):
        left, top, right, bottom = (float(edge) for edge in np.rint(box))
        colour = tuple(int(value) for value in colours[label])
        draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour, width=line)
        if name:
            high, wide = points + 3, font.getlength(name) + 4
            begin = min(left, max(0.0, image.width - wide))
            above = top - high if top >= high else top
            draw.rectangle((begin, above, begin + wide, above + high), fill=colour)
            draw.text((begin + 2, above), name, fill=ink(colour), font=font)
    return np.asarray(image)


def ink(colour: Sequence[int]) -> tuple[int, int, int]:
    """Black or white, whichever reads better on ``colour``."""
    red, green, blue = colour[:3]
    return BLACK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else (255, 255, 255)
