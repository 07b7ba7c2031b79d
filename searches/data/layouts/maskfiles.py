"""Files of class indices, one a picture: what the layouts of segmentation share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archspace.support.errors import InputError
from searches.data.dataset import VOID
from searches.data.images import mask_array, open_image
from searches.data.listing import Mask, OnFault, Picture, picture_file

_REFUSED = -1


class Values(NamedTuple):
    """What the values in mask files mean.

    Attributes:
        table: int16 (V,): class index, void (255) or -1 for a value that must not occur.
        rule: which values may occur, for messages.
    """

    table: NDArray[np.int16]
    rule: str

    @property
    def key(self) -> list[int]:
        """For the cache."""
        return [int(value) for value in self.table]


def values_of(meaning: Mapping[int, int], rule: str) -> Values:
    """Returns the table of a mapping from value to class index or 255."""
    table = np.full(max(meaning) + 1, _REFUSED, np.int16)
    table[list(meaning)] = list(meaning.values())
    return Values(table, rule)


def plain_values(classes: int, void: Sequence[int] = (VOID,)) -> Values:
    """Values that are class indices, and some that are void."""
    meaning = dict.fromkeys(void, VOID) | {index: index for index in range(classes)}
    voids = " or ".join(f"void {value}" for value in void) if void else "no void value is set"
    rule = f"a class 0..{classes - 1}, {'or ' if void else ''}{voids}"
    return values_of(meaning, rule)


def read_mask(path: Path, values: Values) -> Mask:
    """Returns class indices uint8 (H, W) of a mask file at its own size; void is 255.

    Every value is checked here, before a resize could drop the pixel.

    Raises:
        InputError: no image with one index a pixel, or a value that has no meaning.
    """
    indices = mask_array(open_image(path, str(path)), str(path))
    beyond = (indices < 0) | (indices >= len(values.table))
    meaning = values.table[np.where(beyond, 0, indices)]
    wrong = indices[beyond | (meaning == _REFUSED)]
    if wrong.size:
        raise InputError(f"{path}: has value {wrong[0]} in {wrong.size} pixels; must be {values.rule}")
    return meaning.astype(np.uint8)


def mask_pictures(
    root: Path, pairs: Sequence[tuple[Path, Path]], values: Values, on_fault: OnFault,
    names: Mapping[Path, str] | None = None,
) -> list[Picture]:  # fmt: skip
    """Returns the pictures of (image, mask) files; one without its mask, or that shares it, is told as a fault."""
    pictures, owners = [], dict[Path, Path]()
    for image, mask in pairs:
        if not mask.is_file():
            on_fault(InputError(f"{image}: has no mask {mask}"))
            continue
        if mask in owners:
            on_fault(InputError(f"{image}: shares its mask {mask.name} with {owners[mask].name}"))
            continue
        owners[mask] = image
        name = names[image] if names else image.relative_to(root).as_posix()
        pictures.append(picture_file(
            image, name, files=(image, mask), mask=lambda mask=mask: read_mask(mask, values), mask_source=str(mask),
        ))  # fmt: skip
    return pictures
