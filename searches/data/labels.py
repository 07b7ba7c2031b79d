"""Class indices from an image file: the samples as they are stored, whatever a viewer would make of them.

A decoder of pictures rescales few bits to eight, and drops the lower byte of sixteen: harmless to a picture, another
class to a mask. Here such values come back as they were stored, or the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archspace.support.errors import InputError
from searches.data.images import decoding, upright

LOSSY = frozenset({"JPEG", "MPO", "JPEG2000", "WEBP", "AVIF", "TIFF_JPEG"})
"""Formats, and compressions of TIFF, that change values a little, which makes other classes at every edge."""

SMALL = 64
"""Greys of a palette that are below this, and not their own indices, may be labels."""

Colours = Mapping[tuple[int, int, int], int]
"""Colour -> the value that it stands for."""


def read_labels(path: Path, colours: Colours | None = None) -> NDArray[np.int32]:
    """Returns the values (H, W) of a mask: grey samples, or indices into a palette.

    Args:
        path: the file.
        colours: what colours stand for, in a data set whose masks are painted.

    Raises:
        InputError: the file cannot be read; it is lossy; it has colours or alpha that stand for nothing; or several
            readings of it are possible.
    """
    name = str(path)
    with decoding(path, name), Image.open(path) as image:
        inside = str(image.info.get("compression") if image.format == "TIFF" else image.format).upper()
        if inside in LOSSY:
            raise InputError(f"{name}: is {inside} inside, which changes values; a mask is a PNG file")
        if getattr(image, "n_frames", 1) > 1:
            raise InputError(f"{name}: holds {getattr(image, 'n_frames', 1)} pictures; a mask is one")
        steps = _steps(image, name)
        turned, _ = upright(image)
        if turned.mode in ("RGB", "RGBA", "LA", "PA"):
            return _of_colours(turned, name, colours)
        if turned.mode not in ("1", "L", "P") and not turned.mode.startswith("I"):
            rule = "a mask has one class index a pixel (mode L or P)"
            raise InputError(f"{name}: is a {turned.mode} image; {rule}")
        values = np.asarray(turned).astype(np.int32)
    if turned.mode == "P":
        if colours:
            return _of_palette(turned, values, name, colours)
        _check_palette(turned, name)
    return values if steps is None else np.rint(values * steps).astype(np.int32)


def _steps(image: Image.Image, name: str) -> float | None:
    """The factor that takes decoded values back to the stored ones; ``None`` where they are these.

    Raises:
        InputError: the decoder drops a part of each value.
    """
    tiles = getattr(image, "tile", None)
    tile = tiles[0] if tiles else None
    arguments = tile[3] if tile else None
    if tile and tile[0].startswith("ppm") and isinstance(arguments, tuple):
        return int(arguments[1]) / (255 if image.mode == "L" else 65535)
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    if not isinstance(raw, str):
        return None
    if ";16" in raw and not image.mode.startswith("I"):
        raise InputError(f"{name}: has 16 bits a channel in colours or with alpha; save it as a grey PNG")
    bits = re.match(r"L;([24])", raw)
    return (2 ** int(bits[1]) - 1) / 255 if bits else None


def _of_colours(image: Image.Image, name: str, colours: Colours | None) -> NDArray[np.int32]:
    """The values of a mask that was saved with colours or alpha: painted, or grey in all channels."""
    mode = image.mode
    samples = np.asarray(image.convert("RGBA"))
    if samples[..., 3].min() < 255:
        raise InputError(
            f"{name}: is a {mode} image with transparent pixels; a mask has one class index a pixel"
        )
    if colours:
        return _painted(samples, name, colours)
    grey = samples[..., 0]
    if mode == "PA" or (grey[..., None] != samples[..., 1:3]).any():
        rule = "a mask has one class index a pixel (mode L or P)"
        raise InputError(f"{name}: is a {mode} image of colours; {rule}, or a labelmap.txt with its colours")
    return grey.astype(np.int32)


def _painted(samples: NDArray[np.uint8], name: str, colours: Colours) -> NDArray[np.int32]:
    codes = (samples[..., :3].astype(np.int32) * (1 << 16, 1 << 8, 1)).sum(-1)
    values = np.full(codes.shape, -1, np.int32)
    for (red, green, blue), value in colours.items():
        values[codes == (red << 16 | green << 8 | blue)] = value
    wrong = codes[values < 0]
    if wrong.size:
        red, green, blue = int(wrong[0]) >> 16, int(wrong[0]) >> 8 & 255, int(wrong[0]) & 255
        raise InputError(
            f"{name}: has colour {red},{green},{blue} in {wrong.size} pixels; no class of the labelmap has it"
        )
    return values


def _of_palette(
    image: Image.Image, indices: NDArray[np.int32], name: str, colours: Colours
) -> NDArray[np.int32]:
    """The values of a mask with a palette, in a data set that says what colours stand for.

    They are those of its colours, as a program that makes files smaller sorts a palette anew. Indices are the values
    where the palette has other colours, which then are for display.
    """
    palette = np.array(image.getpalette() or [], np.int64).reshape(-1, 3)
    table = np.arange(256, dtype=np.int32)
    used = [int(index) for index in np.unique(indices) if index < len(palette)]
    known = {index: colours.get((int(r), int(g), int(b))) for index in used for r, g, b in [palette[index]]}
    if None not in known.values():
        table[list(known)] = [value for value in known.values() if value is not None]
        return table[indices]
    for index, value in known.items():
        if value not in (None, index) and tuple(palette[index]) != (0, 0, 0):
            rule = "which of the two is the class is open; save it as a grey PNG without a palette"
            raise InputError(f"{name}: index {index} of its palette has the colour of class {value}: {rule}")
    _check_palette(image, name)
    return indices


def _check_palette(image: Image.Image, name: str) -> None:
    """Refuses a palette of small greys that are not their own indices: a grey mask, made smaller by a program.

    Whether index or grey is the class is then open. Black and white, and greys for display, are no such case.
    """
    palette = np.array(image.getpalette() or [], np.int64).reshape(-1, 3)
    greys = np.trim_zeros(palette[:, 0], "b")  # some formats pad a palette with black
    palette = palette[: len(greys)]
    if not len(palette) or (palette != greys[:, None]).any():
        return
    inner = np.flatnonzero(greys != 255)
    shifted = inner[greys[inner] != inner]
    if len(shifted) and 0 < greys[inner].max() < SMALL:
        index = int(shifted[0])
        raise InputError(
            f"{name}: index {index} of its palette is grey {greys[index]}: which of the two is the class is open;"
            " save it as a grey PNG without a palette"
        )
