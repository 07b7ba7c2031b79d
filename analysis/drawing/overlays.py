"""Pictures with masks and boxes painted on them with Pillow: the one painter of both. No torch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from archspace.support.palette import Colour, ink_on

OPACITY = 0.55
"""Of a mask on its picture."""


@lru_cache(maxsize=32)
def font_of(pixels: int) -> Any:
    """Returns Pillow's own font at that size."""
    return ImageFont.load_default(pixels)


def text_size(height: int, width: int) -> int:
    """Returns the pixels of text beside or on an image of that size."""
    return min(40, max(12, min(height, width) // 30))


def tinted(
    image: Image.Image, mask: NDArray[np.uint8], colours: Sequence[Colour], *, bare: Collection[int] = (),
) -> Image.Image:  # fmt: skip
    """Returns an RGB image under the colours of its classes; a value that is no class is darkened.

    Args:
        image: RGB, as large as the mask.
        mask: (H, W) class indices.
        colours: one a class.
        bare: classes whose pixels keep the image's own colours (a background).
    """
    flat = Image.fromarray(mask)
    table = [channel for colour in colours for channel in colour]
    flat.putpalette(table + [0] * (768 - len(table)))
    mixed = Image.blend(image, flat.convert("RGB"), OPACITY)
    if bare:
        mixed.paste(image, mask=Image.fromarray(np.isin(mask, list(bare))))
    return mixed


def boxed(
    image: Image.Image, corners: NDArray[np.float32], labels: Sequence[int] | NDArray[np.int64],
    texts: Sequence[str], colours: Sequence[Colour],
) -> Image.Image:  # fmt: skip
    """Returns a copy of an RGB image with a box and a text around every object; the first lies on top.

    Args:
        image: RGB.
        corners: (M, 4): left, top, right, bottom in shares of width and height.
        labels: M class indices into ``colours``.
        texts: M texts, one a box (a class name, or one with its score); empty for no text.
        colours: one a class.
    """
    picture = image.copy()
    draw = ImageDraw.Draw(picture)
    size = text_size(image.height, image.width)
    line = max(2, size // 8)
    scale = np.array([image.width, image.height, image.width, image.height])
    objects = list(zip(np.rint(corners * scale), labels, texts, strict=True))
    for box, label, text in reversed(objects):
        left, top, right, bottom = (float(edge) for edge in box)
        colour = colours[int(label)]
        draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour, width=line)
        if text:
            wide, high = font_of(size).getlength(text) + 6, size + 4
            x = max(0.0, min(left, image.width - wide))
            y = top - high if top >= high else top
            draw.rectangle((x, y, x + wide, y + high), fill=colour)
            draw.text((x + 3, y + 1), text, ink_on(colour), font_of(size))
    return picture
