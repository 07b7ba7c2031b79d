"""Image files as arrays: decoding, conversion to 8 bits and resizing, shared by the layouts."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from archspace.support.errors import InputError
from archspace.support.file_kinds import foreign_kind, kind_of_file
from searches.config.parts import Crop
from searches.data.image_names import is_image_name as is_image_name  # where plug-ins look for it
from searches.data.image_names import list_images as list_images

Images: TypeAlias = NDArray[np.uint8]

CENTRE_SHARE = 0.875
"""Side of a centre crop as a share of the resized picture's: 224 of 256."""

ORIENTATION = 0x0112
"""EXIF tag: how the stored rows and columns lie in the picture, 1 to 8."""
_DECODING_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip


def open_image(source: Path | bytes, name: str) -> Image.Image:
    """Decodes an image file (first frame) with its EXIF orientation applied.

    Raises:
        InputError: missing, unreadable, truncated or no image; one line with ``name`` and the reason.
    """
    return open_oriented(source, name)[0]


def open_oriented(source: Path | bytes, name: str) -> tuple[Image.Image, int]:
    """Returns the upright image as :func:`open_image` gives it, and the EXIF orientation that was applied (1: none).

    Raises:
        InputError: as :func:`open_image`.
    """
    with (
        decoding(source, name),
        Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image,
    ):
        return upright(image)


def upright(image: Image.Image) -> tuple[Image.Image, int]:
    """Decodes an open file and returns the upright image and the EXIF orientation that was applied (1: none)."""
    stored = (
        image.getexif().get(ORIENTATION, 1) if image.format == "TIFF" else None
    )  # Pillow turns TIFFs itself
    image.load()
    orientation = image.getexif().get(ORIENTATION, 1) if stored is None else stored
    return ImageOps.exif_transpose(image), orientation if orientation in range(1, 9) else 1


@contextmanager
def decoding(source: Path | bytes, name: str) -> Iterator[None]:
    """Whatever a decoder raises in the block is one line about the file.

    Raises:
        InputError: missing, unreadable, truncated or no image; one line with ``name`` and the reason.
    """
    try:
        yield
    except InputError:
        raise
    except UnidentifiedImageError as error:
        kind = foreign_kind(source[:2048]) if isinstance(source, bytes) else kind_of_file(source)
        raise InputError(
            f"{name}: is not an image that can be read{f': it is {kind}' if kind else ''}"
        ) from error
    except _DECODING_ERRORS as error:
        reason = (
            (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        )
        raise InputError(f"{name}: cannot be decoded: {' '.join(reason.split())}") from error


def image_array(
    image: Image.Image, size: tuple[int, int], channels: int, name: str, crop: Crop = "squash"
) -> Images:
    """Converts an open image to uint8 (H, W, C), resized bilinearly to ``size`` = (H, W).

    With ``crop="squash"`` the whole image is resized, whatever its aspect. With ``crop="centre"`` it is resized in
    its own aspect until the size is 7/8 of the side that fits tighter, and the middle is cut out: for 224 x 224 the
    shorter side becomes 256, as ImageNet's networks are evaluated.

    16-bit values are scaled to 8 bits; transparent pixels are laid on white; a palette is looked up.

    Raises:
        InputError: pixel values are floating-point or wider than 16 bits.
    """
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        if wide.min() < 0 or wide.max() > 65535:
            raise InputError(f"{name}: has pixel values beyond 16 bits; convert it to 8 bits a channel")
        image = Image.fromarray((wide // 257).astype(np.uint8))
    elif image.mode == "F":
        raise InputError(f"{name}: has floating-point pixels; convert it to 8 bits a channel")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    height, width = size
    if crop == "centre":
        scale = max(height / image.height, width / image.width) / CENTRE_SHARE
        whole = round(image.width * scale), round(image.height * scale)
        left, top = round((whole[0] - width) / 2), round((whole[1] - height) / 2)
        image = image.resize(whole, Image.Resampling.BILINEAR).crop((left, top, left + width, top + height))
    elif image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.uint8).reshape(height, width, channels)


def resize_mask(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resizes class indices (H, W) to ``size`` = (H', W') by nearest neighbour."""
    if mask.shape == size:
        return mask
    resized = Image.fromarray(mask).resize((size[1], size[0]), Image.Resampling.NEAREST)
    return np.asarray(resized, dtype=np.uint8)
