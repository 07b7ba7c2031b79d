"""Files of class indices, one a picture: what the layouts of segmentation share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archspace.support.errors import FieldError, InputError
from searches.data.class_list import SAID, ClassList
from searches.data.image_names import ImageNames
from searches.data.labels import read_labels
from searches.data.listing import Mask, OnFault, Picture, picture_file
from searches.data.own import Own
from searches.data.splits import VOID

_REFUSED = -1
_SHOWN = 12


class Values(NamedTuple):
    """What the values in mask files mean.

    Attributes:
        table: int16 (V,): class index, void (255) or -1 for a value that must not occur.
        rule: which values may occur, for messages.
        colours: colour -> value, where masks are painted.
    """

    table: NDArray[np.int16]
    rule: str
    colours: Mapping[tuple[int, int, int], int] = {}

    @property
    def key(self) -> list[int]:
        """For the cache."""
        painted = [n for colour, value in self.colours.items() for n in (*colour, value)]
        return [*(int(value) for value in self.table), *painted]

    @property
    def void(self) -> list[int]:
        """The values that are void."""
        return [int(value) for value in np.flatnonzero(self.table == VOID)]


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


def listed_values(classes: ClassList, void: Sequence[int] = ()) -> Values:
    """Values of a data set's own classes.

    Args:
        classes: as its file lists them.
        void: the values that are void where the file names none.
    """
    own = void if classes.void is None else (classes.void,)
    values = plain_values(len(classes.names), own)
    return values._replace(rule=f"{values.rule} ({classes.source.name})", colours=classes.colours)


def own_values(own: Own, classes: ClassList, void: Sequence[int] = ()) -> Values:
    """Returns the values of a data set's own classes, as the user says them and else as their file does.

    Args:
        own: what the user says.
        classes: as :func:`searches.data.class_list.own_classes` has them.
        void: the values that are void where nobody says.

    Raises:
        FieldError: a void value is a class's too.
    """
    if own.void is None and not own.values:
        return listed_values(classes, void)
    voids = own.void if own.void is not None else void if classes.void is None else (classes.void,)
    meaning = dict.fromkeys(voids, VOID) | replace(own, classes=classes.names).meaning()
    values = values_of(meaning, f"one of {_spelled(sorted(meaning))} ({SAID}, data.void)")
    return values._replace(colours=classes.colours)


def usual_values(own: Own, names: Sequence[str], void: Sequence[int] = (VOID,)) -> Values:
    """Returns the values of a public data set's classes, with the void that the user says.

    Raises:
        FieldError: a void value is a class's too.
    """
    replace(own, classes=tuple(names)).meaning()
    return plain_values(len(names), void if own.void is None else own.void)


def refuse_values(own: Own, source: Path) -> None:
    """Refuses values and void of masks whose meaning stands in a file of the data set.

    Raises:
        FieldError: the user says some.
    """
    field, said = ("data.void", own.void) if own.void is not None else ("data.classes", own.values)
    if said:
        raise FieldError(field, list(said), f"{source} says what the masks' values are", "leave it out")


def _spelled(values: Sequence[int]) -> str:
    """The values, the middle of a long row left out."""
    shown = [str(value) for value in values]
    return ", ".join(shown if len(shown) <= _SHOWN else [*shown[:4], "...", *shown[-4:]])


def read_mask(path: Path, values: Values) -> Mask:
    """Returns class indices uint8 (H, W) of a mask file at its own size; void is 255.

    Every value is checked here, before a resize could drop the pixel.

    Raises:
        InputError: no image with one index a pixel, or a value that has no meaning.
    """
    indices = read_labels(path, values.colours)
    beyond = (indices < 0) | (indices >= len(values.table))
    meaning = values.table[np.where(beyond, 0, indices)]
    wrong = indices[beyond | (meaning == _REFUSED)]
    if wrong.size:
        raise InputError(f"{path}: has value {wrong[0]} in {wrong.size} pixels; must be {values.rule}")
    return meaning.astype(np.uint8)


def masks_of(pictures: Sequence[Picture]) -> list[Path]:
    """Returns the files of the masks of :func:`mask_pictures`."""
    return [picture.files[1] for picture in pictures]


def mask_pictures(
    root: Path, pairs: Sequence[tuple[Path, Path]], values: Values, on_fault: OnFault,
    names: Mapping[Path, str] | None = None,
) -> list[Picture]:  # fmt: skip
    """Returns the pictures of (image, mask) files; one without its mask, or that shares it, is told as a fault.

    A mask that is not there under its very name is looked for with another suffix, or another form of Unicode.
    """
    pictures, owners = [], dict[Path, Path]()
    folders = dict[Path, ImageNames]()
    for image, named in pairs:
        mask: Path | None = named
        if not named.is_file():
            there = folders.setdefault(named.parent, ImageNames(named.parent))
            try:
                mask = there.one(named.stem)
            except InputError as error:
                on_fault(error)
                continue
        if mask is None:
            on_fault(InputError(f"{image}: has no mask {named}"))
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
