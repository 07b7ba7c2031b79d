"""From a listing to a split: pictures are decoded once into the cache, annotations become targets."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archspace.support.errors import InputError
from searches.data.boxes import Boxes, boxes_of
from searches.data.cache import Item, cached, stamp
from searches.data.dataset import LAYOUTS, VOID, Layout, Lister, Request, Sign, Split, Targets
from searches.data.images import Images, image_array, resize_mask
from searches.data.listing import Listing, Mask, Picture, placed, refuse, upright_mask, without_repeats

log = logging.getLogger(__name__)


def listed(name: str, *, tasks: tuple[str, ...], sign: Sign | None = None) -> Callable[[Lister], Lister]:
    """Decorator that registers a function from a request to its :class:`Listing` as the layout ``name``.

    Args:
        name: of the layout.
        tasks: that it serves.
        sign: by which a folder of it is known.
    """

    def enter(lister: Lister) -> Lister:
        def read(request: Request) -> Split:
            return assembled(request, lister(request, refuse))

        LAYOUTS.register(name)(Layout(read=read, tasks=tasks, needs_root=True, lister=lister, sign=sign))
        return lister

    return enter


def assembled(request: Request, listing: Listing) -> Split:
    """The split with its pictures decoded and resized; decoded ones come from the cache.

    Raises:
        InputError: there is no picture, a name occurs twice, or a file cannot be used.
    """
    pictures = without_repeats(listing.pictures, refuse)
    if not pictures:
        raise InputError(f"{request.root}: split {request.split!r} holds no image")
    targets: Targets
    if request.task == "classification":
        images, targets = _labelled(request, listing, pictures)
    elif request.task == "segmentation":
        images, targets = _masked(request, listing, pictures)
    else:
        images, boxes = _with_objects(request, listing, pictures)
        targets = boxes if request.task == "detection" else _present(boxes, len(listing.classes))
    return Split(
        images=images,
        targets=targets,
        names=tuple(picture.name for picture in pictures),
        classes=listing.classes,
        void=VOID if request.task == "multilabel" else listing.void,
        categories=listing.categories,
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
    return cached(key, len(pictures), {"images": Item(shape, "uint8"), **items}, fill)


def _labelled(
    request: Request, listing: Listing, pictures: list[Picture]
) -> tuple[Images, NDArray[np.int64]]:
    def fill(i: int) -> tuple[Images]:
        image, _ = pictures[i].open()
        return (image_array(image, request.input_size, request.channels, pictures[i].file),)

    arrays = _stored(request, listing, pictures, {}, fill)
    return arrays["images"], np.array([picture.label for picture in pictures], np.int64)


def _masked(request: Request, listing: Listing, pictures: list[Picture]) -> tuple[Images, Mask]:
    def fill(i: int) -> tuple[Images, Mask]:
        image, orientation = pictures[i].open()
        mask = upright_mask(pictures[i], (image.height, image.width), orientation)
        pixels = image_array(image, request.input_size, request.channels, pictures[i].file)
        return pixels, resize_mask(mask, request.input_size)

    items = {"masks": Item(request.input_size, "uint8")}
    arrays = _stored(request, listing, pictures, items, fill)
    return arrays["images"], arrays["masks"]


def _with_objects(request: Request, listing: Listing, pictures: list[Picture]) -> tuple[Images, Boxes]:
    def fill(i: int) -> tuple[Images, NDArray[np.int32]]:
        image, orientation = pictures[i].open()
        pixels = image_array(image, request.input_size, request.channels, pictures[i].file)
        return pixels, np.array([image.height, image.width, orientation], np.int32)

    arrays = _stored(request, listing, pictures, {"geometry": Item((3,), "int32")}, fill)
    rows, sizes, dropped, clipped = [], [], 0, 0
    for picture, (height, width, orientation) in zip(pictures, arrays["geometry"].tolist(), strict=True):
        objects = picture.objects
        if objects is None:
            raise InputError(f"{picture.file}: has no annotation of objects")
        found = placed(objects, (height, width), orientation)
        rows.append((found.corners, objects.labels[found.kept], objects.ignored[found.kept]))
        sizes.append((height, width))
        dropped += int((~found.kept).sum())
        clipped += found.clipped
    if dropped or clipped:
        log.warning(
            "%s/%s: %d boxes without area left out, %d cut at the edge of their image",
            request.layout, request.split, dropped, clipped,
        )  # fmt: skip
    return arrays["images"], boxes_of(rows, sizes)


def _present(boxes: Boxes, classes: int) -> NDArray[np.uint8]:
    """uint8 (N, classes): 1 where a class is in the picture, void where all of its objects there are ignored."""
    image = np.repeat(np.arange(len(boxes)), np.diff(boxes.offsets))
    present = np.zeros((len(boxes), classes), np.uint8)
    present[image[boxes.ignored], boxes.labels[boxes.ignored]] = VOID
    present[image[~boxes.ignored], boxes.labels[~boxes.ignored]] = 1
    return present
