"""What a folder of pictures is, seen before anything is trained: layout, task, classes, void, sizes, splits.

Where masks have no names for their values, names are made up from the values that occur.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from archspace.support.errors import FieldError, InputError, closest
from searches.data.cache import in_threads
from searches.data.class_list import class_list
from searches.data.dataset import NOTHING_SAID
from searches.data.identify import TEXT, identify
from searches.data.image_names import Unread
from searches.data.labels import read_labels
from searches.data.layouts import pairs, segnet
from searches.data.layouts.voc_lists import year_folders
from searches.data.layouts.voc_xml import is_vocs
from searches.data.listing import Listing, Picture, passed, refuse
from searches.data.own import Own
from searches.data.said import USUAL
from searches.data.serving import listing_of, served, split_request
from searches.data.splits import SPLITS, VOID

LOOKED_AT = 60
"""So many pictures are opened for their sizes, evenly chosen."""
MOST_VALUES = 100
"""More different values than this are greys of a picture, not classes."""
GREY = frozenset({"1", "L", "LA"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a folder holds.

    Attributes:
        root: the folder.
        layout, task: as which, and for what it is read.
        tasks: all that it can serve.
        classes: names of the classes.
        values: value in the masks -> made-up name, where nothing in the folder names the classes.
        void: the values that are void, where masks have been looked at or their layout says.
        counts: split -> pictures, as the study will have them.
        shares: split -> share of train, where the folder has no split of that name.
        height, width: smallest, median and largest, in pixels.
        grey: no picture has colours.
        unread: what is not used, and why.
        remarks: what else the user should know.
    """

    root: Path
    layout: str
    task: str
    tasks: tuple[str, ...]
    classes: tuple[str, ...]
    values: Mapping[int, str]
    void: tuple[int, ...]
    counts: Mapping[str, int]
    shares: Mapping[str, float]
    height: tuple[int, int, int]
    width: tuple[int, int, int]
    grey: bool
    unread: Sequence[Unread]
    remarks: Sequence[str]


def look(root: Path, task: str | None = None) -> Look:
    """Returns what a folder holds.

    Args:
        root: the folder.
        task: the one that it is looked at for; the first that it serves if left out.

    Raises:
        InputError: nothing that is known, or what is missing.
    """
    root = root.expanduser()
    if not root.is_dir():
        raise FieldError("--data", str(root), "no such folder")
    layout = identify(root)
    if layout == TEXT:
        raise InputError(f"--data: {root}: is text, not pictures")
    own, values = NOTHING_SAID, dict[int, str]()
    if _nameless(layout, root, task):
        own, values = _proposed(_masks(layout, root))
    tasks = served(layout, root, task, own)
    chosen = next(iter(tasks)) if task is None else task
    if chosen not in tasks:
        raise FieldError("--task", task, "this folder does not serve it", closest(str(task), list(tasks)))
    own = own if chosen == "segmentation" else NOTHING_SAID
    values = values if own else {}
    shares = {} if _has(layout, root, chosen, "val", own) else dict(USUAL)
    own = replace(own, splits=shares)
    listings = {
        split: listing_of(split_request(layout, root, chosen, split, own), refuse)
        for split in SPLITS
        if split in tasks[chosen]
    }
    missing = next((split for split in ("train", "val") if split not in listings), None)
    if missing is not None:
        raise InputError(f"--data: {root}: has no pictures of {missing}; a study needs train and val")
    train = listings["train"]
    if len(train.pictures) < 2:
        raise InputError(f"--data: {root}: train has {len(train.pictures)} picture; a study needs 2 at least")
    sides, grey = _sizes(train.pictures)
    unread = dict(entry for listing in listings.values() for entry in listing.unread)
    spread = [(int(s.min()), int(np.median(s)), int(s.max())) for s in sides.T]
    return Look(
        root=root, layout=layout, task=chosen, tasks=tuple(tasks), classes=train.classes, values=values,
        void=tuple(train.void_values), counts={name: len(one.pictures) for name, one in listings.items()},
        shares=shares, height=spread[0], width=spread[1], grey=grey, unread=tuple(unread.items()),
        remarks=() if shares else tuple(train.remarks),
    )  # fmt: skip


def _has(layout: str, root: Path, task: str, split: str, own: Own) -> bool:
    """Whether the folder has the split itself, not a part of train in its place."""
    try:
        listing = listing_of(split_request(layout, root, task, split, own, whole=True), passed)
    except InputError:
        return False
    return bool(listing.pictures)


def _nameless(layout: str, root: Path, task: str | None) -> bool:
    """Whether a folder has masks and nothing that says what their values are."""
    if layout == "pairs":
        folders = pairs.folders_of(root)
        return folders is not None and class_list([root, folders[1]]) is None
    if layout == "segnet":
        return class_list([root]) is None and not segnet.is_camvid(root)
    if layout == "voc" and task in (None, "segmentation"):
        years = year_folders(root)
        masks = any((year / "SegmentationClass").is_dir() for year in years)
        return masks and class_list([root, *years]) is None and not is_vocs(years)
    return False


def _masks(layout: str, root: Path) -> list[Path]:
    """The files of the masks of all splits."""
    every = Own(classes=tuple(f"class {value}" for value in range(VOID)), void=(VOID,))
    files: dict[Path, None] = {}
    reason: InputError | None = None
    for split in SPLITS:
        request = split_request(layout, root, "segmentation", split, every, whole=split == "train")
        try:
            listing: Listing = listing_of(request, passed)
        except InputError as error:
            reason = reason or error
            continue
        files |= {picture.files[1]: None for picture in listing.pictures}
    if not files and layout != "voc":
        raise reason or InputError(f"--data: {root}: no picture has a mask of its name")
    return list(files)


def _proposed(masks: Sequence[Path]) -> tuple[Own, dict[int, str]]:
    """Classes named after the values that occur, and void where 255 is one more of several.

    Raises:
        InputError: a mask cannot be read, or its values are no classes.
    """
    values: set[int] = set()
    for place, found in enumerate(
        in_threads(lambda i: np.unique(read_labels(masks[i])).tolist(), len(masks))
    ):
        values.update(found)
        if len(values) > MOST_VALUES:
            rule = (
                f"has more than {MOST_VALUES} values with the masks before it: greys, not one value a class"
            )
            raise InputError(f"{masks[place]}: {rule}; a classes.txt would say that they are classes")
    if not values:
        return NOTHING_SAID, {}
    void = () if len(values) <= 2 else tuple(value for value in values if value == VOID)
    known = sorted(values - set(void))
    if len(known) < 2:
        raise InputError(
            f"{masks[0].parent}: all masks hold the value {known[0]} alone: nothing to tell apart"
        )
    two = ("background", "object")
    names = {value: two[i] if len(known) == len(two) else f"class {value}" for i, value in enumerate(known)}
    plain = known == list(range(len(known)))
    own = Own(classes=tuple(names.values()), values=() if plain else tuple(known), void=void)
    return own, names


def _sizes(pictures: Sequence[Picture]) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.int64]], bool]:
    """(H, W) of some pictures, evenly chosen, and whether none of these has colours."""
    places = np.unique(np.linspace(0, len(pictures) - 1, min(len(pictures), LOOKED_AT)).astype(int))

    def opened(i: int) -> tuple[int, int, bool]:
        image, _ = pictures[places[i]].open()
        return image.height, image.width, image.mode in GREY or image.mode.startswith("I")

    rows = list(in_threads(opened, len(places)))
    return np.array([row[:2] for row in rows], np.int64), all(row[2] for row in rows)
