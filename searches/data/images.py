"""Image files as arrays: listing, decoding, conversion to 8 bits and resizing, shared by the layouts."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from archspace.support.errors import InputError
from searches.config.parts import Crop

Images: TypeAlias = NDArray[np.uint8]

CENTRE_SHARE = 0.875
"""Side of a centre crop as a share of the resized picture's: 224 of 256."""

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
ORIENTATION = 0x0112
"""EXIF tag: how the stored rows and columns lie in the picture, 1 to 8."""
_DECODING_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip


def is_image_name(name: str) -> bool:
    """Returns whether a file of this name is taken for an image: a known suffix, not hidden."""
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES


def list_images(folder: Path) -> list[Path]:
    """Returns the image files directly in ``folder``, sorted by name; other and hidden files are left out.

    Raises:
        InputError: the folder is missing or cannot be listed.
    """
    try:
        return sorted(path for path in folder.iterdir() if is_image_name(path.name) and path.is_file())
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed: {error.strerror}") from error


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
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            image.load()
            orientation = image.getexif().get(ORIENTATION, 1)
            return ImageOps.exif_transpose(image), orientation if orientation in range(1, 9) else 1
    except UnidentifiedImageError as error:
        raise InputError(f"{name}: is not an image that can be read") from error
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


def mask_array(image: Image.Image, name: str) -> NDArray[np.int32]:
    """Returns the class indices (H, W) of an open mask at its own size; a palette image gives its indices.

    Raises:
        InputError: the mask has colours or alpha instead of one index a pixel.
    """
    if image.mode not in ("1", "L", "P") and not image.mode.startswith("I"):
        raise InputError(f"{name}: is a {image.mode} image; a mask has one class index a pixel (mode L or P)")
    return np.asarray(image).astype(np.int32)


def resize_mask(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resizes class indices (H, W) to ``size`` = (H', W') by nearest neighbour."""
    if mask.shape == size:
        return mask
    resized = Image.fromarray(mask).resize((size[1], size[0]), Image.Resampling.NEAREST)
    return np.asarray(resized, dtype=np.uint8)
