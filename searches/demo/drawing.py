"""What a network sees, drawn on the image with Pillow: tinted classes, boxes, and a panel of names beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from analysis.drawing.overlays import boxed, font_of, text_size, tinted
from archspace.class_names import BACKGROUNDS
from archspace.support.palette import GRID, INK, PAPER, Colour
from searches.demo.detecting import Objects
from searches.demo.predicting import Mask, Prediction

LEAST_HEIGHT = 160
"""Pixels of a picture at least, so that the panel can be read beside a small image."""
LEAST_SHARE = 0.0005
"""Share of the pixels below which a class is not in the legend."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the panel: a name, its number as a share, and its colour; ``bar`` draws the share as a bar."""

    name: str
    share: float
    colour: Colour
    bar: bool = False


def with_boxes(
    image: Image.Image, objects: Objects, colours: Sequence[Colour], names: Sequence[str]
) -> Image.Image:
    """Returns a copy of an RGB image with a box, a name and a score around every object; the surest on top."""
    texts = [
        f"{names[label]} {100 * score:.0f} %"
        for label, score in zip(objects.labels, objects.scores, strict=True)
    ]
    return boxed(image, objects.corners, objects.labels, texts, colours)


def with_classes(
    image: Image.Image, mask: NDArray[np.uint8], colours: Sequence[Colour], names: Sequence[str]
) -> Image.Image:
    """Returns an RGB image under the colours of its classes; the background keeps its own."""
    return tinted(image, mask, colours, bare=[i for i, name in enumerate(names) if name in BACKGROUNDS])


def rows_of(
    prediction: Prediction, names: Sequence[str], colours: Sequence[Colour], *, fixed: bool = False
) -> list[Row]:
    """Returns the lines of the panel; ``fixed`` keeps classes in their own order.

    A video's legend does not jump then.
    """
    if isinstance(prediction, Mask):
        shown = [i for i in range(len(names)) if prediction.shares[i] >= LEAST_SHARE]
        if not fixed:
            shown.sort(key=lambda i: -prediction.shares[i])
        swatches = [
            PAPER if name in BACKGROUNDS else colour for name, colour in zip(names, colours, strict=True)
        ]
        return [Row(names[i], float(prediction.shares[i]), swatches[i]) for i in shown]
    if isinstance(prediction, Objects):
        best: dict[int, float] = {}
        for label, score in zip(prediction.labels, prediction.scores, strict=True):
            best.setdefault(int(label), float(score))
        return [Row(names[i], score, colours[i]) for i, score in best.items()]
    pairs = zip(prediction.classes, prediction.probabilities, strict=True)
    return [Row(names[i], float(chance), colours[i], bar=True) for i, chance in pairs]


def panel(
    rows: Sequence[Row], names: Sequence[str], size: int, height: int, none: str = "nothing found"
) -> Image.Image:
    """Returns the names and shares on white, ``height`` pixels high.

    Its width depends on ``names`` and text size alone.

    Rows that do not fit are counted in the last one.
    """
    font = font_of(size)
    longest = max(font.getlength(name) for name in (*names, none))
    number = font.getlength("100.0 %")
    width = round(longest + number + 4.5 * size)
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    pitch = round(size * (2.0 if any(row.bar for row in rows) else 1.5))
    room = max(1, (height - size) // pitch)
    if not rows:
        draw.text((size, size // 2), none, INK, font)
    shown = rows if len(rows) <= room else rows[: room - 1]
    for i, row in enumerate(shown):
        top = size // 2 + i * pitch
        draw.rectangle((size, top, 2 * size, top + size), fill=row.colour, outline=INK)
        draw.text((2.6 * size, top - 1), row.name, INK, font)
        draw.text((width - size, top - 1), f"{100 * row.share:.1f} %", INK, font, anchor="ra")
        if row.bar:
            track = (2.6 * size, top + 1.3 * size, width - size, top + 1.55 * size)
            draw.rectangle(track, fill=GRID)
            draw.rectangle(
                (track[0], track[1], track[0] + row.share * (track[2] - track[0]), track[3]), fill=row.colour
            )
    if len(shown) < len(rows):
        draw.text((size, size // 2 + len(shown) * pitch), f"and {len(rows) - len(shown)} more", INK, font)
    return sheet


def drawn(
    image: Image.Image, prediction: Prediction, names: Sequence[str], colours: Sequence[Colour], *,
    side_by_side: bool = False, fixed: bool = False, even: bool = False,
) -> Image.Image:  # fmt: skip
    """Returns the picture of what was seen: the image with its tint or boxes, and the panel on its right.

    Args:
        image: RGB, at full resolution.
        side_by_side: the image as it is stands on the left too.
        fixed: of a video: the panel keeps the order of the classes.
        even: both sides become even, which video encoders need.
    """
    if isinstance(prediction, Mask):
        overlay = with_classes(image, prediction.classes, colours, names)
    elif isinstance(prediction, Objects):
        overlay = with_boxes(image, prediction, colours, names)
    else:
        overlay = image
    height = max(image.height, LEAST_HEIGHT)
    size = text_size(height, max(image.width, LEAST_HEIGHT))
    words = panel(rows_of(prediction, names, colours, fixed=fixed), names, size, height)
    parts = [image, overlay, words] if side_by_side and overlay is not image else [overlay, words]
    width, step = sum(part.width for part in parts), 2 if even else 1
    sheet = Image.new("RGB", (-(-width // step) * step, -(-height // step) * step), PAPER)
    left = 0
    for part in parts:
        sheet.paste(part, (left, 0))
        left += part.width
    return sheet
