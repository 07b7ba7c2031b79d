"""A listing as the user says it is to be: train divided into splits, and the classes in the order that is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from archspace.class_names import BACKGROUNDS
from archspace.support.errors import FieldError, InputError
from searches.data.class_list import SAID
from searches.data.dataset import Lister, Request
from searches.data.dividing import stratified_order
from searches.data.listing import Listing, Mask, OnFault, Picture, passed, refuse
from searches.data.own import NO_SPLITS
from searches.data.splits import SPLITS, VOID

_Entry = TypeVar("_Entry")

USUAL: Mapping[str, float] = {"val": 0.2}
"""How pictures without any splits are divided where nobody says."""


def as_said(lister: Lister, request: Request, on_fault: OnFault) -> Listing:
    """Returns what a layout lists, divided and in the classes that the user says.

    Raises:
        InputError: as the layout; or the classes that are said are not the data's, or train is too small to divide.
    """
    shares = request.own.splits
    if not shares:
        return ordered(lister(request, on_fault), request)
    whole = replace(request, whole=True, own=replace(request.own, splits=NO_SPLITS))
    if request.split not in ("train", *shares):  # a split of the folder itself
        return ordered(lister(whole, on_fault), whole)
    pool = replace(whole, split="train")
    told = on_fault if request.split == "train" or on_fault is refuse else passed
    listing = part_of(ordered(lister(pool, told), request), request, shares)
    remarks = _instead(lister, replace(whole, split=request.split)) if request.split in shares else ()
    return replace(listing, remarks=(*listing.remarks, *remarks))


def _instead(lister: Lister, own: Request) -> Sequence[str]:
    """A remark where the folder has the split itself, which a part of train then stands in for."""
    try:
        count = len(lister(own, passed).pictures)
    except InputError:
        return ()
    what = f"its own {own.split}, {count} images, is not used"
    return (f"data.splits takes {own.split} from train: {what}",) if count else ()


def divided(listing: Listing, request: Request) -> Listing:
    """Returns the part of all pictures that is the split of the request where nobody says how they are divided.

    Raises:
        InputError: there are too few pictures.
    """
    words = " and ".join(f"{100 * share:g} % for {name}" for name, share in USUAL.items())
    remark = f"there are no splits: {words} by chance (seed {request.own.seed}), the rest for train; data.splits says"
    listing = part_of(listing, request, USUAL)
    return replace(listing, remarks=(*listing.remarks, remark))


def part_of(listing: Listing, request: Request, shares: Mapping[str, float]) -> Listing:
    """Returns the part of all pictures of train that is the split of the request.

    The order of chance depends on the seed and the number of the pictures (and their classes, in classification) alone.

    Args:
        listing: of all pictures.
        request: its split is train or one of ``shares``.
        shares: split -> share of the pictures.

    Raises:
        InputError: there are too few pictures.
    """
    count = len(listing.pictures)
    sizes = {name: max(1, round(count * shares[name])) for name in SPLITS if name in shares}
    if count and sum(sizes.values()) >= count:
        raise InputError(
            f"{request.root}: holds {count} pictures, too few to divide into train, {', '.join(sizes)}"
        )
    labels = np.array([picture.label for picture in listing.pictures], np.int64)
    order = stratified_order(labels, request.own.seed)
    start, parts = 0, dict[str, NDArray[np.int64]]()
    for name, size in sizes.items():
        parts[name], start = order[start : start + size], start + size
    chosen = np.sort(parts.get(request.split, order[start:]))
    return replace(listing, pictures=[listing.pictures[i] for i in chosen])


def ordered(listing: Listing, request: Request) -> Listing:
    """Returns a listing with its classes in the order that the user says.

    Raises:
        FieldError: these are not the classes of the data.
    """
    wanted, own = request.own.classes, request.own
    if not wanted or listing.classes == wanted:
        return listing
    there = listing.classes
    if there[0] in BACKGROUNDS and wanted[0] not in BACKGROUNDS and there[0] not in wanted:
        wanted = (there[0], *wanted)
    elif there[0] not in BACKGROUNDS and wanted[0] in BACKGROUNDS and wanted[0] not in there:
        wanted = wanted[1:]  # one list serves masks and boxes
    if set(wanted) != set(there):
        missing = next((name for name in there if name not in wanted), None)
        strange = next((name for name in wanted if name not in there), None)
        what = f"class {missing!r} is missing" if missing is not None else f"there is no class {strange!r}"
        rule = f"the data have {', '.join(there)}: {what}"
        raise FieldError(SAID, list(own.classes), rule, "leave it out")
    return _renumbered(listing, wanted)


def _renumbered(listing: Listing, wanted: tuple[str, ...]) -> Listing:
    order = [listing.classes.index(name) for name in wanted]
    table = np.full(VOID + 1, VOID, np.int64)
    table[order] = np.arange(len(order))
    return replace(
        listing,
        pictures=[_with(picture, table) for picture in listing.pictures],
        classes=wanted,
        categories=_in_order(listing.categories, order),
        colours=_in_order(listing.colours, order),
        key={**listing.key, "order": order},
    )


def _in_order(values: Sequence[_Entry], order: Sequence[int]) -> tuple[_Entry, ...]:
    return tuple(values[i] for i in order) if values else ()


def _with(picture: Picture, table: NDArray[np.int64]) -> Picture:
    """A picture with its label, objects and mask in new numbers."""
    mask, objects = picture.mask, picture.objects

    def renumbered() -> Mask:
        assert mask is not None
        return table.astype(np.uint8)[mask()]

    return replace(
        picture,
        label=int(table[picture.label]) if picture.label >= 0 else picture.label,
        objects=None if objects is None else replace(objects, labels=table[objects.labels]),
        mask=None if mask is None else renumbered,
    )
