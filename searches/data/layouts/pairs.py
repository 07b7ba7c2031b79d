"""``pairs``: ``ROOT/images`` and ``ROOT/masks``, a mask a picture by its name (``1.jpg``, ``1.png`` or ``1_mask.png``).

Both may hold folders of the splits (``images/train``); without them, a random part of the pictures is val, by
``data.splits`` and else a fifth. ``imgs``, ``labels`` and the like are known too. Classes are named by ``classes.txt``
or ``labelmap.txt`` in ROOT or its folder of masks (:mod:`searches.data.class_list`), or by ``data.classes``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from archspace.support.errors import InputError
from searches.data.class_list import SAID, own_classes
from searches.data.dataset import Request, Sign
from searches.data.image_names import (
    IMAGES,
    MASKS,
    ImageNames,
    folder_unused,
    holds_images,
    list_images,
    unpaired,
    unread_in,
)
from searches.data.layouts.maskfiles import mask_pictures, masks_of, own_values
from searches.data.listing import Listing, OnFault
from searches.data.reading import listed
from searches.data.said import USUAL, divided
from searches.data.splits import VOID, named, splits_in

SUFFIXES = ("", "_mask", "_masks", "_label", "_labels", "_seg", "_gt", "_L")
"""What a mask's name may have after its picture's."""


def folders_of(root: Path) -> tuple[Path, Path] | None:
    """Returns the folders of pictures and of masks; ``None`` where there are not both, with pictures in them."""
    folders = {path.name.lower(): path for path in sorted(root.iterdir(), reverse=True) if path.is_dir()}
    images = next((folders[name] for name in IMAGES if name in folders), None)
    masks = next((folders[name] for name in MASKS if name in folders and _filled(folders[name])), None)
    return (images, masks) if images is not None and masks is not None and _filled(images) else None


def _filled(folder: Path) -> bool:
    places = [folder, *(named(folder, split) for split in splits_in(folder))]
    return any(place is not None and holds_images(place) for place in places)


SIGN = Sign(lambda root: folders_of(root) is not None, "images and masks", rank=65)


@listed("pairs", tasks=("segmentation",), sign=SIGN)
def list_pairs(request: Request, on_fault: OnFault) -> Listing:
    """Lists one split, sorted by name.

    Raises:
        InputError: a folder or the names of the classes are missing.
    """
    root = request.folder
    folders = folders_of(root)
    if folders is None:
        raise InputError(f"{root}: has no folder images and no folder masks with pictures in them")
    splits = splits_in(folders[0])
    if not splits and not request.whole and request.split in ("train", *USUAL):
        return divided(list_pairs(replace(request, split="train", whole=True), on_fault), request)
    images, masks = folders
    if splits or request.split != "train":
        present = ", ".join(splits) or "none; data.splits takes a part of train"
        inner = [named(folder, request.split) for folder in folders]
        if inner[0] is None or inner[1] is None:
            lacking = folders[0] if inner[0] is None else folders[1]
            raise InputError(f"{lacking / request.split}: no such folder (splits here: {present})")
        images, masks = inner[0], inner[1]
    own = own_classes(request.own, [root, folders[1]])
    if own is None:
        rule = "nothing names the classes of the masks: classes.txt does, a name a line in the order of the values"
        study = "'archspace init --data' writes a study with names for them, which 'archspace data check' takes too"
        raise InputError(f"{root}: {rule}, or {SAID} ({study})")
    values = own_values(request.own, own, (VOID,))
    pictures = list_images(images)
    suffix = _suffix(pictures, ImageNames(masks))
    pairs = [(image, masks / f"{image.stem}{suffix}.png") for image in pictures]
    found = mask_pictures(root, pairs, values, on_fault)
    known = {path.name for path in folders}
    others = [path for path in sorted(root.iterdir()) if path.is_dir() and path.name not in known]
    return Listing(
        pictures=found,
        classes=own.names,
        void=VOID,
        colours=own.palette,
        key={"values": values.key},
        void_values=values.void,
        unread=[
            *unread_in(images), *unpaired(masks, masks_of(found)),
            *(one for path in others for one in folder_unused(path, "is neither images nor masks")),
        ],
    )  # fmt: skip


def _suffix(pictures: list[Path], masks: ImageNames) -> str:
    """What the masks' names have after the pictures': as the first picture that has a mask shows."""
    return next(
        (suffix for image in pictures for suffix in SUFFIXES if masks.of(f"{image.stem}{suffix}")), ""
    )
