"""``segnet``: the layout of the SegNet tutorial's CamVid: ``ROOT/SPLIT/*.png`` and ``ROOT/SPLITannot/*.png``.

An optional ``ROOT/classes.txt`` (:mod:`searches.data.class_list`) names the classes; without it the names are CamVid's,
in the order of SegNet-Tutorial's ``Scripts/test_segmentation_camvid.py``.
"""

from __future__ import annotations

import re
from pathlib import Path

from archspace.class_names import CAMVID
from archspace.support.errors import InputError
from searches.data.class_list import own_classes
from searches.data.dataset import Request, Sign
from searches.data.image_names import Unread, folder_unused, list_images, unpaired, unread_in
from searches.data.layouts.maskfiles import mask_pictures, masks_of, own_values, usual_values
from searches.data.listing import Listing, OnFault
from searches.data.reading import listed
from searches.data.splits import VOID, named, split_of, splits_in
from searches.fetching.hint import fetch_hint

CAMVID_VOID = 11
_CAMVIDS = re.compile(r"(0001TP|0006R0|0016E5|Seq05VD)_f?\d+")
"""Names of CamVid's pictures, by their films."""

MASKS = "annot"
"""What the name of a folder of masks has after the split's."""


SIGN = Sign(lambda root: bool(splits_in(root, MASKS)), "SPLIT and SPLITannot", rank=60)


@listed("segnet", tasks=("segmentation",), sign=SIGN)
def list_segnet(request: Request, on_fault: OnFault) -> Listing:
    """Lists one split; the files' void value becomes 255.

    Raises:
        InputError: a folder is missing or holds no image.
    """
    root = request.folder
    own = own_classes(request.own, [root])
    names = CAMVID if own is None else own.names
    values = usual_values(request.own, names, (CAMVID_VOID,)) if own is None else own_values(request.own, own)
    folder, masks = _folders(root, request.split)
    images = list_images(folder)
    if not images:
        raise InputError(f"{folder}: holds no image")
    pairs = [(image, masks / f"{image.stem}.png") for image in images]
    pictures = mask_pictures(root, pairs, values, on_fault)
    return Listing(
        pictures=pictures,
        classes=names,
        void=VOID,
        colours=() if own is None else own.palette,
        key={"values": values.key},
        void_values=values.void,
        unread=[*unread_in(folder), *unpaired(masks, masks_of(pictures)), *_unused(root)],
        assumed="they are taken to be CamVid's; classes.txt names others" if own is None else "",
    )


def is_camvid(root: Path) -> bool:
    """Returns whether the pictures bear CamVid's names."""
    folder = named(root, "train")
    return folder is not None and any(_CAMVIDS.match(path.name) for path in list_images(folder)[:3])


def _folders(root: Path, split: str) -> tuple[Path, Path]:
    """The folders of a split's images and masks."""
    folder, masks = named(root, split), named(root, split, MASKS)
    if folder is None:
        present = ", ".join(splits_in(root)) or "none"
        hint = fetch_hint("segnet") if present == "none" else ""
        raise InputError(f"{root / split}: no such folder (splits here: {present}){hint}")
    if masks is None:
        raise InputError(
            f"{root / f'{split}{MASKS}'}: no such folder; it must hold the masks of {folder.name}/"
        )
    return folder, masks


def _unused(root: Path) -> list[Unread]:
    """Folders beside those of the splits that hold images."""
    return [
        one
        for path in sorted(root.iterdir())
        if path.is_dir() and not path.name.startswith(".")
        and split_of(path.name) is None and split_of(path.name.lower().removesuffix(MASKS)) is None
        for one in folder_unused(path, "is no split")
    ]  # fmt: skip
