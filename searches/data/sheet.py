"""Contact sheets: a grid of pictures with their annotations drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from analysis.drawing.overlays import boxed, font_of, tinted
from archspace.class_names import colours_of
from archspace.support.files import replacing
from archspace.support.palette import INK, PAPER, ink_on
from searches.data.dividing import stratified_order
from searches.data.images import image_array, resize_mask

SIDE = 260
"""Longer side of a tile's picture, in pixels."""
MOST_ENLARGED = 4
COLUMNS = 4
_CAPTION, _MARGIN, _PATCH = 18, 8, 20
_MOST_NAMES = 60
_LEAST_WIDE = 120
_FAINT_CLASSES = 40


class Tile(NamedTuple):
    """A picture with its annotation drawn, and what stands below it."""

    picture: Image.Image
    caption: str


def chosen(labels: Sequence[int], count: int) -> list[int]:
    """Returns which pictures are shown: spread over classes where there are labels, else evenly over the split."""
    if len(set(labels)) > 1:
        return sorted(stratified_order(np.array(labels))[:count].tolist())
    return sorted({int(i) for i in np.linspace(0, len(labels) - 1, min(count, len(labels)))})


def drawn(
    image: Image.Image, name: str, classes: Sequence[str], *, mask: NDArray[np.uint8] | None = None,
    corners: NDArray[np.float32] | None = None, labels: NDArray[np.int64] | None = None, label: int | None = None,
) -> Tile:  # fmt: skip
    """Returns one picture with the mask, the boxes or the class that it has."""
    scale = min(MOST_ENLARGED, SIDE / max(image.size))
    size = (max(1, round(image.height * scale)), max(1, round(image.width * scale)))
    picture = Image.fromarray(image_array(image, size, 3, name))
    colours = colours_of(classes)
    caption = name.rsplit("/", 1)[-1]
    if mask is not None:
        picture = tinted(picture, resize_mask(mask, size), colours)
    elif corners is not None and labels is not None:
        few = len(labels) <= _FAINT_CLASSES
        texts = [classes[index] if few else "" for index in labels.tolist()]
        picture = boxed(picture, corners, labels, texts, colours)
    elif label is not None:
        caption = f"{classes[label]}: {caption}"
    return Tile(picture, caption)


def write_sheet(path: Path, tiles: Sequence[Tile], classes: Sequence[str]) -> None:
    """Writes the grid as PNG, with the names of ``classes`` and their colours below it; whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    high = max(tile.picture.height for tile in tiles)
    wide = max(_LEAST_WIDE, *(tile.picture.width for tile in tiles))
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    cell = (wide + _MARGIN, high + _CAPTION + _MARGIN)
    width = max(columns * cell[0] + _MARGIN, 2 * cell[0])
    places, legend = _legend(classes, width)
    sheet = Image.new("RGB", (width, rows * cell[1] + _MARGIN + legend), PAPER)
    draw, font = ImageDraw.Draw(sheet), font_of(11)
    for number, tile in enumerate(tiles):
        left, top = _MARGIN + number % columns * cell[0], _MARGIN + number // columns * cell[1]
        sheet.paste(tile.picture, (left, top))
        draw.text((left, top + tile.picture.height + 2), _cut(tile.caption, font, wide), fill=INK, font=font)
    colours = colours_of(classes)
    for index, (left, top) in enumerate(places):
        top += rows * cell[1] + _MARGIN
        text = classes[index] if len(places) == len(classes) or index < len(places) - 1 else "..."
        right = left + font.getlength(text) + 8
        draw.rectangle((left, top, right, top + _PATCH - 4), fill=colours[index])
        draw.text((left + 4, top + 1), text, fill=ink_on(colours[index]), font=font)
    with replacing(path) as temporary:
        sheet.save(temporary, "PNG")


def _legend(classes: Sequence[str], width: int) -> tuple[list[tuple[int, int]], int]:
    """Where each class's patch stands, and the legend's height."""
    font = font_of(11)
    places, left, top = [], _MARGIN, 0
    for name in classes[:_MOST_NAMES]:
        wide = int(font.getlength(name)) + 12
        if left + wide > width - _MARGIN and left > _MARGIN:
            left, top = _MARGIN, top + _PATCH
        places.append((left, top))
        left += wide
    return places, (top + _PATCH + _MARGIN) if places else 0


def _cut(text: str, font: Any, wide: int) -> str:
    """The end of a text that fits a tile."""
    while font.getlength(text) > wide and len(text) > 4:
        text = "..." + text[4:]
    return text
