"""From a listing to a split: pictures are decoded once into the cache, annotations become targets."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspace.support.errors import InputError
from searches.data.boxes import Boxes, boxes_of
from searches.data.cache import Item, cached, stamp
from searches.data.dataset import LAYOUTS, Layout, Lister, Request, Sign, Split, Targets
from searches.data.images import Images, image_array, resize_mask
from searches.data.listing import (
    Listing,
    Mask,
    OnFault,
    Picture,
    placed,
    refuse,
    upright_mask,
    without_repeats,
)
from searches.data.remarks import absent_classes, alike_classes, much_void
from searches.data.said import as_said
from searches.data.splits import VOID

log = logging.getLogger(__name__)


def listed(name: str, *, tasks: tuple[str, ...], sign: Sign | None = None) -> Callable[[Lister], Lister]:
    """Returns decorator that registers a function from a request to its :class:`Listing` as the layout ``name``.

    Args:
        name: of the layout.
        tasks: that it serves.
        sign: by which a folder of it is known.
    """

    def enter(raw: Lister) -> Lister:
        def lister(request: Request, on_fault: OnFault) -> Listing:
            return as_said(raw, request, on_fault)

        def read(request: Request) -> Split:
            return assembled(request, lister(request, refuse))

        LAYOUTS.register(name)(Layout(read=read, tasks=tasks, needs_root=True, lister=lister, sign=sign))
        return raw

    return enter


def assembled(request: Request, listing: Listing) -> Split:
    """Returns the split with its pictures decoded and resized; decoded ones come from the cache.

    Raises:
        InputError: there is no picture, a name occurs twice, or a file cannot be used.
    """
    pictures = without_repeats(listing.pictures, refuse)
    if not pictures:
        raise InputError(f"{request.root}: split {request.split!r} holds no image")
    _say(request, listing)
    targets: Targets
    geometry: NDArray[np.int32]
    own_mask = None
    if request.task == "classification":
        images, geometry, targets = _labelled(request, listing, pictures)
        _say_absent(request, listing, np.bincount(targets, minlength=len(listing.classes)), "image")
    elif request.task == "segmentation":
        images, geometry, targets = _masked(request, listing, pictures)
        own_mask = partial(_own_mask, pictures, geometry)
    else:
        images, geometry, boxes = _with_objects(request, listing, pictures)
        _say_absent(request, listing, np.bincount(boxes.labels, minlength=len(listing.classes)), "box")
        targets = boxes if request.task == "detection" else _present(boxes, len(listing.classes))
    return Split(
        images=images,
        targets=targets,
        sizes=geometry[:, :2],
        own_mask=own_mask,
        names=tuple(picture.name for picture in pictures),
        classes=listing.classes,
        void=VOID if request.task == "multilabel" else listing.void,
        categories=listing.categories,
        colours=listing.colours,
    )


def _stored(
    request: Request,
    listing: Listing,
    pictures: list[Picture],
    items: dict[str, Item],
    fill: Callable[[int], tuple[NDArray[Any], ...]],
) -> dict[str, NDArray[Any]]:
    """The arrays of all pictures, from the cache where they are in it."""
    files = [*listing.files, *(path for picture in pictures for path in picture.files)]
    names = [picture.name for picture in pictures]
    key = request.cache_key([stamp(path, request.folder) for path in files], names=names, **listing.key)
    shape = (*request.input_size, request.channels)
    made = {"images": Item(shape, "uint8"), "geometry": Item((3,), "int32"), **items}
    return cached(key, len(pictures), made, fill)


def _decoded(request: Request, picture: Picture) -> tuple[Images, NDArray[np.int32]]:
    """The pixels of a picture, and the geometry of the picture itself: height, width, EXIF orientation."""
    image, orientation = picture.open()
    pixels = image_array(image, request.input_size, request.channels, picture.file, request.crop)
    return pixels, np.array([image.height, image.width, orientation], np.int32)


def _say(request: Request, listing: Listing) -> None:
    """Logs what of the folder is not used, and how it was read."""
    where = f"{request.layout}/{request.split}"
    for remark in (*listing.remarks, *alike_classes(listing.classes)):
        log.warning("%s: %s", where, remark)
    if listing.unread:
        (path, why), count = listing.unread[0], len(listing.unread)
        more = f"; and {count - 1} more that 'archspace data check' names" if count > 1 else ""
        log.warning("%s: %s: %s%s", where, path, why, more)


def _say_absent(request: Request, listing: Listing, counts: NDArray[np.int64], noun: str) -> None:
    """Logs the classes that never occur, and void where it is much; ``counts`` are by label."""
    where = f"{request.layout}/{request.split}"
    occurring = dict(zip(listing.classes, counts.tolist(), strict=False))
    absent = absent_classes(occurring, noun, listing.assumed)
    remarks = list(absent)
    if noun == "mask":
        void, pixels = int(counts[VOID]), int(counts.sum())
        remarks += much_void(void, pixels, listing.void_values, request.split, absent=bool(absent))
    for remark in remarks:
        log.warning("%s: %s", where, remark)


def _labelled(
    request: Request, listing: Listing, pictures: list[Picture]
) -> tuple[Images, NDArray[np.int32], NDArray[np.int64]]:
    def fill(i: int) -> tuple[Images, NDArray[np.int32]]:
        return _decoded(request, pictures[i])

    arrays = _stored(request, listing, pictures, {}, fill)
    return arrays["images"], arrays["geometry"], np.array([picture.label for picture in pictures], np.int64)


def _masked(
    request: Request, listing: Listing, pictures: list[Picture]
) -> tuple[Images, NDArray[np.int32], Mask]:
    def fill(i: int) -> tuple[Images, NDArray[np.int32], Mask, NDArray[np.int64]]:
        pixels, geometry = _decoded(request, pictures[i])
        mask = _upright(pictures[i], geometry)
        counts = np.bincount(mask.ravel(), minlength=VOID + 1)
        return pixels, geometry, resize_mask(mask, request.input_size), counts

    items = {"masks": Item(request.input_size, "uint8"), "counts": Item((VOID + 1,), "int64")}
    arrays = _stored(request, listing, pictures, items, fill)
    _say_absent(request, listing, arrays["counts"].sum(0), "mask")
    return arrays["images"], arrays["geometry"], arrays["masks"]


def _upright(picture: Picture, geometry: NDArray[np.int32]) -> Mask:
    height, width, orientation = geometry.tolist()
    return upright_mask(picture, (height, width), orientation)


def _own_mask(pictures: list[Picture], geometry: NDArray[np.int32], number: int) -> Mask:
    """The mask of a picture at the picture's own size, read anew from its file."""
    return _upright(pictures[number], geometry[number])


def _with_objects(
    request: Request, listing: Listing, pictures: list[Picture]
) -> tuple[Images, NDArray[np.int32], Boxes]:
    def fill(i: int) -> tuple[Images, NDArray[np.int32]]:
        return _decoded(request, pictures[i])

    arrays = _stored(request, listing, pictures, {}, fill)
    rows, sizes, dropped, clipped = [], [], 0, 0
    for picture, (height, width, orientation) in zip(pictures, arrays["geometry"].tolist(), strict=True):
        objects = picture.objects
        if objects is None:
            raise InputError(f"{picture.file}: has no annotation of objects")
        boxes = placed(objects, (height, width), orientation)
        rows.append((boxes.corners, objects.labels[boxes.kept], objects.ignored[boxes.kept]))
        sizes.append((height, width))
        dropped += int((~boxes.kept).sum())
        clipped += boxes.clipped
    if dropped or clipped:
        log.warning(
            "%s/%s: %d boxes without area left out, %d cut at the edge of their image",
            request.layout, request.split, dropped, clipped,
        )  # fmt: skip
    return arrays["images"], arrays["geometry"], boxes_of(rows, sizes)


def _present(boxes: Boxes, classes: int) -> NDArray[np.uint8]:
    """uint8 (N, classes): 1 where a class is in the picture, void where all of its objects there are ignored."""
    image = np.repeat(np.arange(len(boxes)), np.diff(boxes.offsets))
    present = np.zeros((len(boxes), classes), np.uint8)
    present[image[boxes.ignored], boxes.labels[boxes.ignored]] = VOID
    present[image[~boxes.ignored], boxes.labels[~boxes.ignored]] = 1
    return present
