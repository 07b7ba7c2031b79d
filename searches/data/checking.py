"""``archspace data check``: what a data set holds and what is wrong with it, every file looked at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archspace.support.errors import InputError
from searches.data.cache import in_threads
from searches.data.fingerprint import images_by_content
from searches.data.listing import (
    Listing,
    Picture,
    placed,
    upright_mask,
    without_repeats,
)
from searches.data.own import Own
from searches.data.remarks import absent_classes, alike_classes, much_void
from searches.data.serving import listing_of, split_request
from searches.data.sheet import Tile, chosen, drawn

Counts = dict[str, dict[str, int]]


@dataclass(kw_only=True, eq=False)
class Checked:
    """What was found in one split.

    Attributes:
        images: pictures that the split lists, broken ones too.
        sizes: (H, W) of each readable picture, upright.
        modes: how many pictures have which pixel mode (``RGB``, ``L``, ``I;16``, ...).
        classes: class -> ``images`` with it, and ``pixels`` or ``boxes`` of it.
        totals: ``pixels`` and ``void_pixels``, or ``boxes``, ``ignored_boxes`` and ``clipped_boxes``.
        problems: (file, what is wrong with it).
        files: the readable pictures' files.
        tiles: the pictures of the contact sheet.
        listing: what the layout lists.
    """

    listing: Listing
    images: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)
    modes: Counter[str] = field(default_factory=Counter)
    classes: Counts = field(default_factory=dict)
    totals: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[str, str]] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    tiles: list[Tile] = field(default_factory=list)

    def to_dict(self, most: int) -> dict[str, Any]:
        """Returns plain data, with the first ``most`` problems."""
        return {
            "images": self.images, "readable": len(self.sizes), "classes": self.classes, **self.totals,
            "sizes": self.spread(), "modes": dict(self.modes), "problems": len(self.problems),
            "listed": [{"file": file, "problem": what} for file, what in self.problems[:most]],
        }  # fmt: skip

    def spread(self) -> dict[str, Any]:
        """Smallest, median and largest height and width, and how many sizes there are."""
        if not self.sizes:
            return {}
        sides = np.array(self.sizes)
        summary = {
            name: [int(v) for v in (column.min(), np.median(column), column.max())]
            for name, column in zip(("height", "width"), sides.T, strict=True)
        }
        return {**summary, "distinct": len(set(self.sizes))}


@dataclass(frozen=True, slots=True, eq=False)
class _PictureCheck:
    """One picture as it was found: its problems, and where it can be read its size, mode and annotation's counts."""

    problems: list[str]
    size: tuple[int, int] | None = None
    mode: str = ""
    counts: NDArray[np.int64] | None = None
    totals: Counter[str] = field(default_factory=Counter)
    tile: Tile | None = None


def check_split(
    layout: str, root: Path, task: str, split: str, tiles: int, own: Own, on_start: Callable[[int], None],
    on_picture: Callable[[], None],
) -> Checked:  # fmt: skip
    """Looks at every file of a split.

    Args:
        layout: one that reads files.
        root: the data set's folder.
        task: decides which annotation is read.
        split: ``train``, ``val`` or ``test``.
        tiles: pictures of the contact sheet.
        own: what the user says of the folder.
        on_start: told how many pictures there are.
        on_picture: told after every picture.

    Raises:
        InputError: the split as a whole cannot be listed.
    """
    faults: list[InputError] = []
    request = split_request(layout, root, task, split, own)
    listing = listing_of(request, faults.append)
    checked = Checked(listing=listing)
    pictures = without_repeats(listing.pictures, faults.append)
    for fault in faults:
        checked.problems.append(_divided(str(fault), root))
    checked.images = len(pictures) + len(faults)
    on_start(len(pictures))
    shown = set(chosen([picture.label for picture in pictures], tiles))

    def look(i: int) -> _PictureCheck:
        return _look(pictures[i], listing, task, sheet=i in shown)

    images: Counter[int] = Counter()
    amounts = np.zeros(len(listing.classes), np.int64)
    for picture, check in zip(pictures, in_threads(look, len(pictures)), strict=True):
        on_picture()
        checked.problems += [(_relative(picture.file, root), what) for what in check.problems]
        if check.size is not None:
            checked.files.add(picture.file)
            checked.sizes.append(check.size)
            checked.modes[check.mode] += 1
        checked.totals.update(check.totals)
        if check.counts is not None:
            amounts += check.counts
            images.update(np.flatnonzero(check.counts).tolist())
        if check.tile is not None:
            checked.tiles.append(check.tile)
    unit = {"segmentation": "pixels", "detection": "boxes"}.get(task)
    for index, name in enumerate(listing.classes):
        more = {} if unit is None else {unit: int(amounts[index])}
        checked.classes[name] = {"images": images[index], **more}
    return checked


def _look(picture: Picture, listing: Listing, task: str, *, sheet: bool) -> _PictureCheck:
    """Reads one picture and its annotation."""
    try:
        image, orientation = picture.open()
    except InputError as error:
        return _PictureCheck([_without(str(error), picture.file)])
    size, classes = (image.height, image.width), len(listing.classes)
    totals: Counter[str] = Counter()
    problems: list[str] = []
    counts = None
    annotation: dict[str, Any] = {}
    try:
        if task == "segmentation":
            mask = upright_mask(picture, size, orientation)
            pixels = np.bincount(mask.ravel(), minlength=256)
            counts = pixels[:classes].astype(np.int64)
            totals.update(pixels=mask.size, void_pixels=int(mask.size - counts.sum()))
            annotation = {"mask": mask}
        elif picture.objects is not None:
            objects = picture.objects
            boxes = placed(objects, size, orientation)
            labels, ignored = objects.labels[boxes.kept], objects.ignored[boxes.kept]
            counts = np.bincount(labels, minlength=classes).astype(np.int64)
            totals.update(boxes=len(labels), ignored_boxes=int(ignored.sum()), clipped_boxes=boxes.clipped)
            for number in np.flatnonzero(~boxes.kept):
                edges = ", ".join(f"{edge:g}" for edge in objects.edges[number])
                name = listing.classes[objects.labels[number]]
                problems.append(
                    f"box {number + 1} ({name}: {edges}) has no area in the picture; it is left out"
                )
            annotation = {"corners": boxes.corners, "labels": labels}
        else:
            counts = np.bincount([picture.label], minlength=classes).astype(np.int64)
            annotation = {"label": picture.label}
    except InputError as error:
        problems.append(_without(str(error), picture.file))
    tile = _tile(image, picture, listing, annotation, problems) if sheet else None
    return _PictureCheck(problems, size, image.mode, counts, totals, tile)


def _tile(
    image: Image.Image, picture: Picture, listing: Listing, annotation: dict[str, Any], problems: list[str]
) -> Tile | None:
    try:
        return drawn(image, picture.name, listing.classes, **annotation)
    except InputError as error:  # a mode that cannot be shown cannot be trained on either
        problems.append(_without(str(error), picture.file))
        return None


def _without(message: str, file: str) -> str:
    return message.removeprefix(f"{file}: ")


def _relative(file: str, root: Path) -> str:
    return file.removeprefix(f"{root.resolve()}/")


def _divided(message: str, root: Path) -> tuple[str, str]:
    """File and reason of a message that begins with its file."""
    file, _, what = message.partition(": ")
    return (_relative(file, root), what) if what else ("", message)


def unread_files(checked: dict[str, Checked], root: Path) -> list[tuple[str, str]]:
    """Files and folders that no split uses though they may be pictures: (file, why), each once."""
    listed = {
        _relative(str(path), root): why for check in checked.values() for path, why in check.listing.unread
    }
    return sorted(listed.items())


def remarks_on(checked: dict[str, Checked], task: str) -> list[str]:
    """What the user should know though nothing is broken: how the folder was read, what never occurs, much void."""
    noun = {"segmentation": "mask", "classification": "image"}.get(task, "box")
    occurring = {
        name: {label: counts["images"] for label, counts in check.classes.items()}
        for name, check in checked.items()
    }
    read = [
        check.totals["pixels"] if task == "segmentation" else len(check.sizes) for check in checked.values()
    ]
    if not any(read):  # what is wrong with every file is said already
        return []
    classes = next(iter(checked.values())).classes
    never = {label for label in classes if not any(split.get(label) for split in occurring.values())}
    remarks = list(dict.fromkeys(remark for check in checked.values() for remark in check.listing.remarks))
    assumed = next(iter(checked.values())).listing.assumed
    remarks += alike_classes(list(classes))
    remarks += absent_classes({label: int(label not in never) for label in classes}, noun, assumed)
    for name, check in checked.items():
        here = {label: count for label, count in occurring[name].items() if label not in never}
        missing = absent_classes(here, noun, where=name)
        remarks += missing
        remarks += much_void(
            check.totals["void_pixels"], check.totals["pixels"], check.listing.void_values, name,
            absent=bool(missing or never),
        )  # fmt: skip
    return remarks


def in_two(checked: dict[str, Checked], root: Path) -> list[tuple[str, str]]:
    """Files that two splits share: (file, which splits)."""
    splits: dict[str, list[str]] = defaultdict(list)
    for split, check in checked.items():
        for file in check.files:
            splits[file].append(split)
    return sorted(
        (_relative(file, root), f"is in {' and in '.join(names)}")
        for file, names in splits.items()
        if len(names) > 1
    )


def copies_in(checked: dict[str, Checked], root: Path) -> list[str]:
    """Returns a sentence on each two splits of which one holds copies of the other's images, under other names."""
    images = {split: images_by_content(root.resolve(), check.listing) for split, check in checked.items()}
    sentences = []
    for first, second in combinations(images, 2):
        known = images[first]
        copies = [(file, known[one]) for one, file in images[second].items() if known.get(one, file) != file]
        if copies:
            file, original = (_relative(path, root) for path in min(copies))
            which = f"the first is {file}, {original} there"
            sentences.append(f"{len(copies)} images of {second} are copies of images of {first}; {which}")
    return sentences
