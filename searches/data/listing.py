"""What a layout finds in a folder: pictures and their annotations, before any picture is decoded.

Frames: an annotation is drawn on the upright picture or, by a tool that ignores the EXIF orientation, on the
stored rows and columns. The size that it states tells which where the orientation swaps height and width; else
it is taken as drawn on the upright picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archspace.support.errors import InputError
from archspace.support.palette import Colour
from searches.data.image_names import Unread
from searches.data.images import open_oriented

OnFault: TypeAlias = Callable[[InputError], None]
"""What is done about a fault of one file: raise it, or note it and go on without the file."""

Mask: TypeAlias = NDArray[np.uint8]


def refuse(error: InputError) -> None:
    """Raises: a data set that is loaded has no fault."""
    raise error


def passed(error: InputError) -> None:
    """Nothing: a fault of another split, read for its names only, is told where that split is listed."""


class NothingThereError(InputError):
    """A folder holds no annotations of the kind that a task needs: not a fault, where another task is meant."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objects:
    """The objects of one picture as its annotation has them.

    Attributes:
        edges: float64 (M, 4): left, top, right, bottom in pixels, 0 at the outer edge of the first pixel.
        labels: int64 (M,): class indices.
        ignored: bool (M,): difficult or crowd.
        size: (H, W) that the annotation states; None where it states none.
        source: the annotation, for messages.
    """

    edges: NDArray[np.float64]
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    size: tuple[int, int] | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """One picture with the annotation that the task needs.

    Attributes:
        name: unique within the split, without the root.
        file: the file, for messages.
        open: decodes it: the upright image and its EXIF orientation.
        files: the files that its arrays are made from, annotations of objects excepted.
        content: reads the bytes of a picture that is no file of its own (a member of a zip).
        label: class index, for classification.
        objects: for detection and multi-label classification.
        mask: reads the class indices (H, W), at the annotation's own size, for segmentation.
        mask_source: where the mask comes from, for messages.
    """

    name: str
    file: str
    open: Callable[[], tuple[Image.Image, int]]
    files: tuple[Path, ...] = ()
    content: Callable[[], bytes] | None = None
    label: int = -1
    objects: Objects | None = None
    mask: Callable[[], Mask] | None = None
    mask_source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listing:
    """One split as found.

    Attributes:
        pictures: in the order of the split.
        classes: class names.
        void: label that loss and metric ignore; None where there is none.
        categories: the category of each class; else empty.
        colours: a colour a class, where the data set says them; else empty.
        files: files beside the pictures' own that the arrays are made from.
        key: what else the arrays depend on, as JSON values.
        void_values: the values in the masks' files that are void.
        unread: files and folders that are not used though they may be pictures, and why.
        remarks: what the user should know of how the folder was read.
        assumed: whose classes these are, where nothing in the folder says so.
    """

    pictures: Sequence[Picture]
    classes: tuple[str, ...]
    void: int | None = None
    categories: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()
    files: tuple[Path, ...] = ()
    key: Mapping[str, object] = field(default_factory=dict)
    void_values: Sequence[int] = ()
    unread: Sequence[Unread] = ()
    remarks: Sequence[str] = ()
    assumed: str = ""


def picture_file(path: Path, name: str, **more: Any) -> Picture:
    """Returns a picture that is a file of its own; ``files`` is the file unless given."""
    return Picture(
        name=name, file=str(path), open=lambda: open_oriented(path, str(path)),
        **{"files": (path,), **more},
    )  # fmt: skip


def in_shares(*numbers: float) -> bool:
    """Returns whether the numbers of a box are shares of the picture (YOLO's), where pixels are meant."""
    return all(0 <= number <= 1 for number in numbers) and any(number % 1 for number in numbers)


class Placed(NamedTuple):
    """Objects in shares of the upright picture.

    Attributes:
        corners: float32 (K, 4): left, top, right, bottom, 0 to 1.
        kept: bool (M,): which of the M objects have an area within the picture; K of them.
        clipped: how many of the K reached beyond the picture by more than a pixel and were cut at its edge.
    """

    corners: NDArray[np.float32]
    kept: NDArray[np.bool_]
    clipped: int


def placed(objects: Objects, size: tuple[int, int], orientation: int) -> Placed:
    """Returns where the objects lie in the upright picture of ``size`` = (H, W).

    Raises:
        InputError: the annotation is of a picture of another size.
    """
    turned = drawn_on_stored(objects.size, size, orientation, objects.source)
    height, width = objects.size or size
    shares = objects.edges / np.array([width, height, width, height], np.float64)
    inside = np.clip(shares, 0, 1)
    beyond = (np.abs(inside - shares) > 1 / np.array([width, height, width, height])).any(1)
    if turned:
        inside = _turned_boxes(inside, orientation)
    corners = inside.astype(np.float32)
    kept = (corners[:, 2] > corners[:, 0]) & (corners[:, 3] > corners[:, 1])
    return Placed(corners[kept], kept, int((beyond & kept).sum()))


def drawn_on_stored(
    stated: tuple[int, int] | None, size: tuple[int, int], orientation: int, source: str
) -> bool:
    """Returns whether an annotation that states (H, W) is drawn on the stored picture, not on the upright one.

    Raises:
        InputError: the sizes fit neither way.
    """
    if stated is None or stated == size:
        return False
    if orientation >= 5 and stated == size[::-1]:
        return True
    sizes = f"{stated[0]}x{stated[1]}, its image {size[0]}x{size[1]}"
    raise InputError(f"{source}: is {sizes} (height x width); must be equal")


def _turned_boxes(boxes: NDArray[np.float64], orientation: int) -> NDArray[np.float64]:
    """Boxes in shares of the stored picture in shares of the upright one; orientation 5 to 8."""
    left, top, right, bottom = boxes[:, [1, 0, 3, 2]].T
    if orientation in (6, 7):
        left, right = 1 - right, 1 - left
    if orientation in (7, 8):
        top, bottom = 1 - bottom, 1 - top
    return np.stack([left, top, right, bottom], axis=1)


def upright_mask(picture: Picture, size: tuple[int, int], orientation: int) -> Mask:
    """Returns the mask as it lies on the upright picture of ``size`` = (H, W).

    Raises:
        InputError: the mask is unusable, or of another size than the picture.
    """
    if picture.mask is None:
        raise InputError(f"{picture.file}: has no mask")
    mask = picture.mask()
    if not drawn_on_stored((mask.shape[0], mask.shape[1]), size, orientation, picture.mask_source):
        return mask
    mask = mask.T
    if orientation in (6, 7):
        mask = mask[:, ::-1]
    if orientation in (7, 8):
        mask = mask[::-1]
    return np.ascontiguousarray(mask)


def without_repeats(pictures: Sequence[Picture], on_fault: OnFault) -> list[Picture]:
    """Returns the pictures, each name once; a second one is told as a fault."""
    by_name: dict[str, Picture] = {}
    for picture in pictures:
        if picture.name in by_name:
            on_fault(InputError(f"{picture.file}: the name {picture.name!r} occurs twice in the split"))
        else:
            by_name[picture.name] = picture
    return list(by_name.values())
