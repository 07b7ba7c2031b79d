"""``cityscapes``: ``leftImg8bit/SPLIT/CITY/*_leftImg8bit.png`` and ``gtFine/SPLIT/CITY/*_gtFine_labelIds.png``.

``*_gtFine_labelTrainIds.png`` serves where there are no labelIds. Only the 19 classes of the benchmark are learnt
and judged; every other label is void. The test split's masks are withheld by its authors (all void).
Source of ids, classes and categories: the data set's paper (Cordts et al. 2016, table 5) and its label list.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archspace.support.errors import FieldError, InputError
from searches.data.class_list import own_classes
from searches.data.dataset import NOTHING_SAID, Request, Sign
from searches.data.image_names import images_below
from searches.data.layouts.maskfiles import Values, mask_pictures, own_values, plain_values, values_of
from searches.data.listing import Listing, OnFault
from searches.data.own import Own
from searches.data.reading import listed
from searches.data.splits import VOID, named, splits_in

LABELS = {
    7: ("road", "flat"), 8: ("sidewalk", "flat"), 11: ("building", "construction"), 12: ("wall", "construction"),
    13: ("fence", "construction"), 17: ("pole", "object"), 19: ("traffic light", "object"),
    20: ("traffic sign", "object"), 21: ("vegetation", "nature"), 22: ("terrain", "nature"), 23: ("sky", "sky"),
    24: ("person", "human"), 25: ("rider", "human"), 26: ("car", "vehicle"), 27: ("truck", "vehicle"),
    28: ("bus", "vehicle"), 31: ("train", "vehicle"), 32: ("motorcycle", "vehicle"), 33: ("bicycle", "vehicle"),
}  # fmt: skip
"""labelId -> (class, category), in the order of the trainIds 0 to 18."""
CLASSES = tuple(name for name, _ in LABELS.values())
CATEGORIES = tuple(category for _, category in LABELS.values())
LAST_ID = 33

_IMAGE, _IDS, _TRAIN_IDS = "_leftImg8bit.png", "_gtFine_labelIds.png", "_gtFine_labelTrainIds.png"


def label_ids(own: Own = NOTHING_SAID) -> Values:
    """labelIds 0 to 33; the number plate's -1 is 255 in a file of bytes."""
    meaning = dict.fromkeys((*range(LAST_ID + 1), VOID, *(own.void or ())), VOID)
    wrong = next((value for value in own.void or () if value in LABELS), None)
    if wrong is not None:
        raise FieldError("data.void", wrong, f"is the labelId of class {LABELS[wrong][0]!r}", VOID)
    meaning.update({label: index for index, label in enumerate(LABELS)})
    return values_of(meaning, f"a labelId 0..{LAST_ID}, or 255")


SIGN = Sign(
    lambda root: (root / "leftImg8bit").is_dir() and (root / "gtFine").is_dir(),
    "leftImg8bit and gtFine",
    rank=20,
)


@listed("cityscapes", tasks=("segmentation",), sign=SIGN)
def list_cityscapes(request: Request, on_fault: OnFault) -> Listing:
    """Lists one split, sorted by city and name.

    Raises:
        InputError: a folder is missing or holds no image.
    """
    root = request.folder
    folder = named(root / "leftImg8bit", request.split)
    if folder is None:
        present = ", ".join(splits_in(root / "leftImg8bit")) or "none"
        raise InputError(f"{root / 'leftImg8bit' / request.split}: no such folder (splits here: {present})")
    annotated = named(root / "gtFine", request.split) or root / "gtFine" / request.split
    images = sorted(folder.glob(f"*/*{_IMAGE}"))
    if not images:
        raise InputError(f"{folder}: holds no CITY/*{_IMAGE}")
    ids, train_ids = [], []
    for image in images:
        stem = image.name.removesuffix(_IMAGE)
        masks = annotated / image.parent.name
        other = masks / f"{stem}{_TRAIN_IDS}"
        if other.is_file() and not (masks / f"{stem}{_IDS}").is_file():
            train_ids.append((image, other))
        else:
            ids.append((image, masks / f"{stem}{_IDS}"))
    own = own_classes(request.own, [root])
    values = label_ids(request.own) if own is None else own_values(request.own, own, (VOID,))
    pictures = mask_pictures(root, ids, values, on_fault)
    trained = plain_values(len(CLASSES)) if own is None else values
    pictures += mask_pictures(root, train_ids, trained, on_fault)
    return Listing(
        pictures=sorted(pictures, key=lambda picture: picture.name),
        classes=CLASSES if own is None else own.names,
        void=VOID,
        categories=CATEGORIES if own is None else (),
        colours=() if own is None else own.palette,
        key={"values": values.key},
        unread=[
            (path, f"is not read: its name does not end in {_IMAGE}") for path in _others(folder, images)
        ],
    )


def _others(folder: Path, images: Sequence[Path]) -> list[Path]:
    """The images below a split's folder that are not in the form of Cityscapes."""
    known = set(images)
    return [path for path in images_below(folder) if path not in known]
