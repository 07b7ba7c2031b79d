"""Colours of classes, and pictures with masks and boxes drawn on them. No torch.

A class has the same colour in every picture of a data set. Cityscapes' classes have the colours of its authors.
Other classes begin with the seven of Okabe and Ito (2008), told apart with any kind of colour vision, and go on with
the colour that is farthest, in CIELAB, from all that were given out before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colours: TypeAlias = NDArray[np.uint8]
Picture: TypeAlias = NDArray[np.uint8]

CITYSCAPES = {
    "road": (128, 64, 128), "sidewalk": (244, 35, 232), "building": (70, 70, 70), "wall": (102, 102, 156),
    "fence": (190, 153, 153), "pole": (153, 153, 153), "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0), "vegetation": (107, 142, 35), "terrain": (152, 251, 152),
    "sky": (70, 130, 180), "person": (220, 20, 60), "rider": (255, 0, 0), "car": (0, 0, 142),
    "truck": (0, 0, 70), "bus": (0, 60, 100), "train": (0, 80, 100), "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}  # fmt: skip
"""The colours of Cityscapes' own label list."""

OKABE_ITO = (
    (0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0), (240, 228, 66),
)  # fmt: skip
"""Okabe and Ito's colours, unlike ones first, without black, which stands for void and background."""

BLACK = (0, 0, 0)
BACKGROUND = "background"


def class_colours(classes: Sequence[str]) -> Colours:
    """One RGB colour a class: uint8 (C, 3); a class called ``background`` is black and takes no colour away."""
    if set(classes) == set(CITYSCAPES):
        return np.array([CITYSCAPES[name] for name in classes], np.uint8)
    shown = [name for name in classes if name != BACKGROUND]
    series = dict(zip(shown, distinct_colours(len(shown)).tolist(), strict=True))
    return np.array([series.get(name, BLACK) for name in classes], np.uint8).reshape(-1, 3)


@lru_cache(maxsize=8)
def distinct_colours(count: int) -> Colours:
    """The first ``count`` colours of the series: uint8 (count, 3); a longer series begins with a shorter one."""
    steps = np.linspace(30, 255, 12)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    candidates = _lab(grid)
    chosen = [np.array(colour, np.float64) for colour in OKABE_ITO[:count]]
    away = np.full(len(grid), np.inf)
    for colour in (np.array(BLACK, np.float64), *chosen):
        away = np.minimum(away, np.linalg.norm(candidates - _lab(colour[None]), axis=1))
    while len(chosen) < count:
        best = int(np.argmax(away))
        chosen.append(grid[best])
        away = np.minimum(away, np.linalg.norm(candidates - candidates[best], axis=1))
    return np.rint(np.array(chosen)).astype(np.uint8).reshape(-1, 3)


def _lab(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB (D65) of sRGB values 0 to 255, (N, 3) -> (N, 3)."""
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089])
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


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
